"""`telemetryctl check`: every kind of problem is found in real files, said in one line with what to do, and fails the command."""

import fcntl
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.invoked_commands import runner
from support.machine import KATE, ROOT, Machine
from support.manifests.manifest_texts import EDITOR, STARTUP, question

from telemetryd.ctl.__main__ import cli
from telemetryd.ctl.files import service_files
from telemetryd.toml import manifest

TOMORROW = str((datetime.now(UTC) + timedelta(days=1)).date())
YEAR = (str(datetime.now(UTC).date()), str((datetime.now(UTC) + timedelta(days=360)).date()))
(DEFINITION,) = manifest.parse(KATE).definitions
DIGEST = DEFINITION.digest
OTHER_DIGEST = "sha256:" + "0" * 64
ENDPOINT = '[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1"\n'
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
SHARED = KATE.replace("org.kde.kate", "org.kde.frameworks").replace("summary", 'kind = "shared"\nsummary')
USER = KATE.replace("summary", 'uses = ["{}"]\nsummary')


def review(digest=DIGEST, date="2026-01-01", question="startup-time"):
    """A review of Kate's question."""
    return (
        f'[[review]]\napplication = "org.kde.kate"\nquestion = "{question}"\ndefinition = "{digest}"\n'
        f'reviewers = ["Ada <ada@example.org>", "Bo <bo@example.org>"]\nrecord = "https://example.org/review/1"\ndate = {date}\n'
    )


def stop(reason="suspended", text=""):
    """A stop of Kate's question."""
    more = f'text = "{text}"\n' if text else ""
    return f'[[stop]]\napplication = "org.kde.kate"\nquestion = "startup-time"\nreason = "{reason}"\ndate = 2026-11-01\n{more}'


class Image:
    """A root directory with telemetryd, its units, Kate's reviewed manifest and an endpoint; nothing is wrong with it."""

    def __init__(self, root):
        self.root = Path(root)
        for file in service_files.for_system("/usr/bin"):
            self.write(f"usr/{'lib' if file.kind == service_files.UNITS else 'share'}/{file.kind}/{file.name}", file.text)
        for program in ("usr/bin/telemetryd", "usr/bin/telemetryd-upload", "usr/lib/systemd/systemd"):
            self.write(program, "#!/bin/sh\n").chmod(0o755)
        wants = self.path("etc/systemd/user/timers.target.wants/telemetryd-tick.timer")
        wants.symlink_to("/usr/lib/systemd/user/telemetryd-tick.timer")
        self.write("usr/share/telemetryd/telemetryd.toml", ENDPOINT)
        self.write("usr/share/telemetryd/manifests/org.kde.kate.toml", KATE)
        self.write("usr/share/telemetryd/reviews.d/kde.toml", review())

    def path(self, name):
        """A path below the root, its folder made."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name, text):
        """A file; its path."""
        path = self.path(name)
        path.write_text(text)
        return path


def test_links_lead_where_the_image_leads(tmp_path):
    """A link in an image is followed as its own programs follow it: to a place in the image, and never to this machine."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kate.toml").write_text(KATE.replace("Is start-up too slow?", "Is this the wrong machine?"))
    image = Image(tmp_path / "image")
    for kind, name in (("manifests", "org.kde.kate.toml"), ("reviews.d", "kde.toml")):
        real = image.path(f"usr/lib/packaged/{kind}/{name}")
        linked = image.path(f"usr/share/telemetryd/{kind}/{name}")
        linked.rename(real)
        linked.symlink_to(f"/usr/lib/packaged/{kind}/{name}")
    assert problems(image.root) == []
    manifest_link = image.path("usr/share/telemetryd/manifests/org.kde.kate.toml")
    manifest_link.unlink()
    manifest_link.symlink_to(outside / "kate.toml")
    (found,) = problems(image.root)
    assert (found[0], "wrong machine" in found[1]) == ("manifests", False)
    assert str(image.root / "usr/share/telemetryd/manifests/org.kde.kate.toml") in found[1]


def test_links_of_folders_and_masks(tmp_path):
    """A folder that is an absolute link is read in the image; a link to /dev/null masks, in whatever image."""
    image = Image(tmp_path)
    image.path("usr/share/telemetryd").rename(image.path("usr/lib/telemetryd"))
    image.path("usr/share/telemetryd").symlink_to("/usr/lib/telemetryd")
    assert not problems(image.root)
    mask = image.path("etc/telemetryd/manifests/org.kde.kate.toml")
    mask.symlink_to("/dev/null")
    image.path("usr/lib/telemetryd/reviews.d/kde.toml").unlink()
    assert not problems(image.root), "the question is masked, so that it needs no review"
    unit = image.path("usr/lib/systemd/user/telemetryd.service")
    unit.rename(image.path("usr/lib/elsewhere/telemetryd.service"))
    unit.symlink_to("/usr/lib/elsewhere/telemetryd.service")
    assert not problems(image.root)
    image.path("usr/bin/telemetryd").unlink()
    assert {check for check, _ in problems(image.root)} == {"units"}


def run(*arguments, locale="C.UTF-8"):
    """The command, without a bus."""
    return runner().invoke(cli, ["check", *map(str, arguments)], env={"DBUS_SESSION_BUS_ADDRESS": "rubbish", "LC_ALL": locale})


def problems(*arguments):
    """(check, text with file and advice) of each problem; the exit status agrees with them."""
    done = run(*arguments, "--json")
    found = json.loads(done.stdout)["problems"]
    assert done.exit_code == bool(found), done.stderr
    assert all(one["advice"] for one in found)
    return [(one["check"], f"{one['file']}: {one['text']}: {one['advice']}") for one in found]


def notes(*arguments):
    """(check, text) of each note."""
    return [(one["check"], one["text"]) for one in json.loads(run(*arguments, "--json").stdout)["notes"]]


@pytest.fixture
def image(tmp_path):
    """An image that is as it should be."""
    return Image(tmp_path / "image")


def test_an_endpoint_is_for_a_connection():
    """--endpoint alone would check everything but the endpoint: it needs what connects."""
    done = run("--endpoint", "kde")
    assert done.exit_code == 2
    assert "--endpoint needs --online or --send-test." in done.stderr


def test_nothing_is_wrong(image):
    """An image that is as it should be has no problem, and the exit status is 0."""
    done = run(image.root)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "No problems.\n", "")


KATES, CONFIGURATION = "usr/share/telemetryd/manifests/org.kde.kate.toml", "usr/share/telemetryd/telemetryd.toml"
REVIEWS = "usr/share/telemetryd/reviews.d/kde.toml"


PROBLEMS = [
    ({CONFIGURATION: "enabled = 3"}, "configuration", ("expected", "until then telemetry is off here")),
    (
        {CONFIGURATION: ENDPOINT + "[limits]\n", "etc/skel/.config/telemetryd/telemetryd.toml": "[limits]\nusage = 1\n"},
        "configuration",
        ("/etc/skel/.config/telemetryd/telemetryd.toml: [limits]: belongs in system files", "move or remove it"),
    ),
    ({CONFIGURATION: "developer = true\n" + ENDPOINT}, "configuration", ("developer: belongs in a user's own file", "move or remove it")),
    ({CONFIGURATION: "budget_year = 99.0\n" + ENDPOINT}, "configuration", ("budget_year: expected at most 16.0", "lower it, or remove it")),
    ({CONFIGURATION: ENDPOINT.replace("https", "http")}, "endpoints", ("[endpoint.kde] url: expected https", "correct this table")),
    (
        {CONFIGURATION: ENDPOINT + 'ca_file = "/etc/ssl/kde.pem"\n'},
        "endpoints",
        ("/etc/ssl/kde.pem: [endpoint.kde] ca_file: this file cannot be read", "install this file, readable by every user"),
    ),
    (
        {CONFIGURATION: ENDPOINT + 'ohttp_relay = "https://relay.example.net/"\nohttp_keys = "/etc/kde.keys"\n'},
        "endpoints",
        ("/etc/kde.keys: [endpoint.kde] ohttp_keys: this file cannot be read", "install this file"),
    ),
    ({KATES: KATE.replace("week", "year")}, "manifests", ("org.kde.kate.toml: ", "period: expected", "`telemetryctl lint` says more")),
    ({KATES.replace("kate", "other"): KATE}, "manifests", ("[application] id: expected 'org.kde.other'", "asks nothing")),
    ({KATES.replace("org.kde.kate", "a b"): KATE}, "manifests", ("its name is not an application's id", "name it as the application's id")),
    (
        {KATES: USER.format("org.kde.frameworks/crash")},
        "manifests",
        ("uses org.kde.frameworks/crash, but org.kde.frameworks is not installed", "install its manifest, or remove the entry"),
    ),
    (
        {KATES: USER.format("org.kde.frameworks/crash"), KATES.replace("kate", "frameworks"): SHARED},
        "manifests",
        ("uses org.kde.frameworks/crash, but org.kde.frameworks shares no such source", "install manifests that belong"),
    ),
    ({REVIEWS: "[[review]]\n"}, "reviews", ("kde.toml: ", "is missing", "nothing is collected for the applications")),
    ({REVIEWS: ""}, "reviews", ("org.kde.kate.toml: org.kde.kate/startup-time is not reviewed", "install the review")),
    (
        {REVIEWS: review(OTHER_DIGEST)},
        "reviews",
        ("kde.toml: the review of org.kde.kate/startup-time is for another definition", "install"),
    ),
    ({REVIEWS: review() + review(OTHER_DIGEST)}, "reviews", ("are for different definitions", "remove the wrong review")),
    ({REVIEWS: review(date=TOMORROW)}, "reviews", (f"is dated {TOMORROW}, which is yet to come", "give it its true date")),
    (
        {"etc/skel/.config/telemetryd/reviews.d/mine.toml": review()},
        "reviews",
        ("[[review]]: belongs in system files", "move or remove it"),
    ),
    (
        {"usr/lib/systemd/user/telemetryd.service": None},
        "units",
        ("telemetryd.service is not installed", "install it into "),
    ),
    ({"usr/lib/systemd/user/telemetryd-tick.timer": None}, "units", ("telemetryd-tick.timer is not installed", "/usr/lib/systemd/user")),
    ({"etc/systemd/user/telemetryd-tick.service": ""}, "units", ("this masks the unit", "unmask telemetryd-tick.service")),
    (
        {"etc/systemd/user/timers.target.wants/telemetryd-tick.timer": None},
        "units",
        ("telemetryd-tick.timer is not enabled", "run `systemctl --global enable telemetryd-tick.timer`"),
    ),
    (
        {"usr/share/dbus-1/services/org.telemetryd.Control1.service": None},
        "units",
        ("org.telemetryd.Control1.service is not installed", "in"),
    ),
    (
        {"usr/share/dbus-1/services/org.telemetryd.Control1.service": "Exec=@bindir@/telemetryd\n"},
        "units",
        ("the program @bindir@/telemetryd is not there", "install it, or correct the line"),
    ),
]
"""Files → the subject of the one problem that they make, and what it says."""


@pytest.mark.parametrize(("files", "check", "texts"), PROBLEMS)
def test_each_problem(image, files, check, texts):
    """One file that is wrong is one problem of its subject, which names the file or the thing and says what to do."""
    for name, text in files.items():
        if text is None:
            image.path(name).unlink()
        else:
            image.write(name, text)
    every = problems(image.root)
    found = [one for one in every if one[0] == check]
    assert len(found) == 1, found
    assert all(text in found[0][1] for text in texts), found
    lines = run(image.root).stdout.splitlines()
    assert [line for line in lines if line.startswith(f"{check}: ")] == [line for line in lines[:-1] if texts[0] in line]
    assert lines[-1] == f"{len(every)} problem{'s' if len(every) > 1 else ''}."


def test_language(image):
    """Each line is in the user's language, and JSON in English; what the reader of a file says stands in English behind a sentence."""
    image.write(KATES, "schema = = 1")
    image.path("usr/bin/telemetryd").unlink()
    lines = run(image.root, locale="de_DE.UTF-8").stdout.splitlines()
    assert lines[0].startswith(f"Manifeste: {image.root}/{KATES}: diese Datei enthält einen Fehler (not valid TOML: ")
    assert lines[0].endswith("); berichtigen Sie sie (`telemetryctl lint` sagt mehr): Bis dahin fragt diese Anwendung nichts")
    assert all(line.endswith("installieren Sie es oder berichtigen Sie die Zeile") for line in lines[1:-1])
    assert lines[-1] == "5 Probleme."
    assert run(image.root, "--json", locale="de_DE.UTF-8").stdout == run(image.root, "--json").stdout


def test_program_missing(image):
    """Units and activation files whose program is not there are each named."""
    image.path("usr/bin/telemetryd").unlink()
    found = problems(image.root)
    assert len(found) == 4
    assert all("the program /usr/bin/telemetryd is not there" in text for _, text in found)


def test_unreadable_files(image):
    """A file that is not UTF-8, a link to nothing and a folder in place of a file are problems as an unreadable file is."""
    image.path(CONFIGURATION).write_bytes(b"\xff")
    image.path(KATES).unlink()
    image.path(KATES).symlink_to("nowhere")
    image.path(REVIEWS).unlink()
    image.path(REVIEWS).mkdir()
    assert [check for check, _ in problems(image.root)] == ["configuration", "manifests", "reviews"]


def test_decisions_are_notes(image):
    """Kill switches, locks, stops and vendors without an endpoint are notes, with their files: the exit status stays 0."""
    image.write("etc/telemetryd/telemetryd.toml.d/50-site.toml", "enabled = false\n[limits]\nusage = 0\n")
    image.write(REVIEWS, review() + stop(text="a leak"))
    image.write(CONFIGURATION, "")
    assert problems(image.root) == []
    site = f"{image.root}/etc/telemetryd/telemetryd.toml.d/50-site.toml"
    assert notes(image.root) == [
        ("configuration", f"{site} says enabled = false"),
        ("locks", f"your administrator does not allow usage questions ({site}); 1 installed question cannot be asked"),
        ("stops", "org.kde.kate/startup-time is suspended since 2026-11-01 (a leak)"),
        ("endpoints", "no endpoint for kde: 1 question can be asked, and nothing is sent"),
    ]


def test_package_of_an_application(tmp_path):
    """A package with a manifest and its review alone needs no units; a folder without anything of telemetryd is a wrong folder."""
    package, other = Image(tmp_path / "package"), tmp_path / "other"
    for name in ("usr/lib", "usr/bin", "etc", "usr/share/dbus-1"):
        subprocess.run(["rm", "-r", package.root / name], check=True)
    other.mkdir()
    assert problems(package.root) == []
    assert "holds nothing of telemetryd" in problems(other)[0][1]


def test_image_without_systemd(image):
    """Without systemd the units are not looked at, and a note says what has to be done instead."""
    image.path("usr/lib/systemd/systemd").unlink()
    image.path("usr/lib/systemd/user/telemetryd-tick.timer").unlink()
    assert problems(image.root) == []
    assert notes(image.root) == [("units", "there is no systemd: something has to run `telemetryd --tick` every ten minutes of a session")]


def test_several_images(image, tmp_path):
    """Of several directories each line says which it is about."""
    other = Image(tmp_path / "other")
    other.write(REVIEWS, "")
    done = run(image.root, other.root)
    assert done.exit_code == 1
    assert done.stdout.splitlines()[0].startswith(f"{other.root}: reviews: {other.root}/{KATES}: org.kde.kate/startup-time is not reviewed")
    assert [one["directory"] for one in json.loads(run(image.root, other.root, "--json").stdout)["problems"]] == [str(other.root)]


def asking(number, *, share="", vendor="example", name="org.example.Editor", is_one_source=False):
    """A manifest of so many questions in the next year, about one source or each about its own."""
    why = {"purpose": "Is it slow?", "decision": "Whether it is changed", "starts": YEAR[0], "ends": YEAR[1], "more": share}
    sources = [STARTUP] if is_one_source else [STARTUP.replace('"startup"', f'"startup{place}"') for place in range(number)]
    asked = [question(f"q{place}", "startup" if is_one_source else f"startup{place}", **why) for place in range(number)]
    head = EDITOR.replace('"example"', f'"{vendor}"').replace("org.example.Editor", name)
    return "".join([head, *sources, *asked])


def test_shares(image):
    """Questions that do not fit the share of their endpoint fail; the share that the check names fits, as `plan` says."""
    image.write("usr/share/telemetryd/manifests/org.example.Editor.toml", asking(12))
    table = '[endpoint.example]\nname = "Example"\nurl = "https://example.org/v1"\nshare = {}\n'
    image.write(CONFIGURATION, ENDPOINT + table.format(0.9))
    ((_, told),) = [found for found in problems(image.root) if found[0] == "shares"]
    assert "% of what users are drawn for finds no room in the budgets of example.org (12 questions)" in told
    wanted = told.partition("example: share = ")[2]
    assert 0.4 <= float(wanted) <= 0.6
    image.write(CONFIGURATION, ENDPOINT + table.format(wanted))
    assert [found for found in problems(image.root) if found[0] == "shares"] == []
    editor = str(image.path("usr/share/telemetryd/manifests/org.example.Editor.toml"))
    assert runner().invoke(cli, ["plan", editor, "--endpoint-share", wanted]).exit_code == 0


def test_shares_of_one_host(image):
    """Two vendors on one host share its budgets: each fits alone, together they do not."""
    tables = [f'[endpoint.{name}]\nname = "{name}"\nurl = "https://{{}}.example.org/v1"\n' for name in ("one", "two")]
    for name in ("one", "two"):
        image.write(f"usr/share/telemetryd/manifests/org.{name}.Editor.toml", asking(6, vendor=name, name=f"org.{name}.Editor"))
    image.write(CONFIGURATION, tables[0].format("a") + tables[1].format("b"))
    assert [found for found in problems(image.root) if found[0] == "shares"] == []
    image.write(CONFIGURATION, tables[0].format("a") + tables[1].format("a"))
    ((_, told),) = [found for found in problems(image.root) if found[0] == "shares"]
    assert "[endpoint.one], [endpoint.two]" in told
    assert "one: share = 0." in told


def test_source_with_too_many_questions(image):
    """Four questions about one fact are too many for its budget: the problem names it and the share that each may have."""
    image.write("usr/share/telemetryd/manifests/org.example.Editor.toml", asking(4, is_one_source=True))
    image.write(CONFIGURATION, '[endpoint.example]\nname = "Example"\nurl = "https://example.org/v1"\n')
    (told,) = [text for check, text in problems(image.root) if check == "shares"]
    assert "org.example.Editor/startup: 4 questions are too many for its budget" in told
    assert "the product of both shares is 0.14 for each" in told


def register(image, tmp_path, **changes):
    """The register of what is installed, with changes of its one entry."""
    made = runner().invoke(cli, ["document", str(image.root / KATES), str(image.root / REVIEWS), "--format", "json"])
    published = json.loads(made.stdout)
    published["questions"][0] |= changes
    path = tmp_path / "register.json"
    path.write_text(json.dumps(published))
    return path


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"definition": OTHER_DIGEST}, ["is published in another form: install the published manifest, or publish again"]),
        ({"question": "another"}, ["org.kde.kate/startup-time is asked here and is not published: publish it, or install"]),
        ({"state": "suspended"}, ["is suspended by the register, and not here: install the stop of its vendor"]),
        ({"state": "answered"}, ["is answered by the register, and not here: install the stop of its vendor"]),
        ({"vendor": "other"}, []),
    ],
)
def test_register(image, tmp_path, changes, told):
    """What is installed is compared with a published register, question by question, for the vendors that it names."""
    path = register(image, tmp_path, **changes)
    found = [text for check, text in problems(image.root, "--register", path) if check == "register"]
    assert len(found) == len(told)
    assert all(text in line for text, line in zip(told, found, strict=True))
    others = [text for check, text in notes(image.root, "--register", path) if check == "register"]
    assert ("1 question of other vendors not compared" in others) == (changes.get("vendor") == "other")
    assert any("the installed manifest does not ask it" in text for text in others) == ("question" in changes)


def test_register_of_reviews_and_stops(image, tmp_path):
    """A review that is published and not installed is a problem, and so is a stop that is installed and not published."""
    path = register(image, tmp_path)
    image.write(REVIEWS, "")
    assert any("is reviewed by the register, and not here" in text for _, text in problems(image.root, "--register", path))
    image.write(REVIEWS, review() + stop())
    assert any("is suspended here, and not by the register" in text for _, text in problems(image.root, "--register", path))


@pytest.mark.parametrize(("text", "why"), [("{}", "is not a register"), ('{"schema": 2}', "another schema"), ("[", "is not a register")])
def test_what_is_not_a_register(image, tmp_path, text, why):
    """Another file than a register is refused in one line."""
    (tmp_path / "register.json").write_text(text)
    done = run(image.root, "--register", tmp_path / "register.json")
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert why in done.stderr


class OwnMachine(Machine):
    """A machine whose user has telemetryd's units and activation files in the home directory."""

    @property
    def environ(self):
        """The environment without a bus, in which the user's systemd answers as the file `shown` says."""
        found = super().environ | {"XDG_RUNTIME_DIR": str(self.root / "run"), "XDG_DATA_HOME": str(self.root / "data")}
        return found | {"DBUS_SESSION_BUS_ADDRESS": "rubbish", "PATH": f"{self.root}/bin:{found['PATH']}"}

    def set_up(self):
        """Install everything."""
        home = self.root / "home/systemd/user"
        (home / "timers.target.wants").mkdir(parents=True)
        (self.root / "data/dbus-1/services").mkdir(parents=True)
        (self.root / "run/systemd").mkdir(parents=True)
        for file in service_files.for_interpreter(sys.executable, has_users_packages=False, has_window=True):
            (self.root / ("home" if file.kind == service_files.UNITS else "data") / file.kind / file.name).write_text(file.text)
        (home / "timers.target.wants/telemetryd-tick.timer").symlink_to(home / "telemetryd-tick.timer")
        self.configure(ENDPOINT)
        self.install(KATE)

    def systemd_says(self, timer="active", result="success", triggered="Tue 2026-12-01 10:00:00 UTC"):
        """What the user's systemd says of the timer and its service; `systemctl` prints it so."""
        (self.root / "run/systemd/private").touch()
        (self.root / "bin").mkdir(exist_ok=True)
        (self.root / "shown").write_text(
            f"Id=telemetryd-tick.timer\nLoadState=loaded\nActiveState={timer}\nResult=success\nLastTriggerUSec={triggered}\n\n"
            f"Id=telemetryd-tick.service\nLoadState=loaded\nActiveState=inactive\nResult={result}\n"
        )
        (self.root / "bin/systemctl").write_text(f'#!/bin/sh\n[ "$1 $2" = "--user show" ] && cat {self.root}/shown\n')
        (self.root / "bin/systemctl").chmod(0o755)

    def check(self, *arguments):
        """What the command prints as JSON, by problems and notes."""
        done = self.run(sys.executable, "-m", "telemetryd.ctl", "check", "--json", *arguments, check=False)
        said = json.loads(done.stdout)
        assert done.returncode == bool(said["problems"]), done.stderr
        return [[(one["check"], one["text"]) for one in said[kind]] for kind in ("problems", "notes")]


@pytest.fixture
def own(tmp_path):
    """This machine, as far as the command knows."""
    machine = OwnMachine(tmp_path / "machine")
    machine.set_up()
    return machine


def test_this_machine(own):
    """Without a directory the user's own files, units and environment count. Where systemd does not answer, a note says so."""
    assert own.check() == [[], [("work", "the user's systemd does not answer: whether due work is done was not checked")]]
    own.configure_user("enabled = false\n")
    assert ("configuration", f"{own.root}/home/telemetryd/telemetryd.toml says enabled = false") in own.check()[1]
    (own.root / "home/systemd/user/timers.target.wants/telemetryd-tick.timer").unlink()
    assert [check for check, _ in own.check()[0]] == ["units"]


def test_nothing_is_written(own):
    """The check makes no state directory, and leaves everything as it was."""
    before = sorted(own.root.rglob("*"))
    own.check()
    assert sorted(own.root.rglob("*")) == before
    assert own.state() == {}


def test_due_work(own):
    """A timer that runs is a note with its last run; a timer that does not run, or a run that failed, is a problem."""
    own.systemd_says()
    assert own.check() == [[], [("work", "telemetryd-tick.timer last began due work at Tue 2026-12-01 10:00:00 UTC")]]
    own.systemd_says(timer="inactive", triggered="n/a")
    assert own.check() == [[("work", "telemetryd-tick.timer does not run in this session: it is inactive")], []]
    own.systemd_says(result="exit-code")
    assert own.check()[0] == [("work", "the last run of due work failed: exit-code")]


def test_state_directory(own):
    """A daemon that serves is noted by its lock; a state directory that cannot be used is a problem."""
    own.systemd_says(triggered="")
    state = own.root / "state/telemetryd"
    state.mkdir()
    (state / "consent.sqlite.damaged-2026-11-30").touch()
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        problems, notes = own.check()
        assert problems == []
        assert [text.partition(" serves")[0].partition(" ")[0] for _, text in notes] == ["process", "set"]
    assert own.check()[1] == [("work", "set aside on 2026-11-30: this database was damaged or of an unknown layout")]
    (state / "consent.sqlite.damaged-2026-11-30").unlink()
    (state / "lock").unlink()
    state.rmdir()
    state.symlink_to("nowhere")
    assert own.check()[0] == [("work", "the state directory cannot be used: a link to nothing")]


@pytest.mark.parametrize("arguments", [("--online", "/"), ("--endpoint", "kde", "/"), ("--send-test", "/"), ("--send-test",)])
def test_misuse(arguments):
    """What uses the network is for this machine, and a test report needs its endpoint."""
    assert run(*arguments).exit_code == 2


PAGE = (ROOT / "docs/checking.md").read_text()


def test_page_example(image):
    """The example in docs/checking.md is what the command prints of such an image."""
    image.path("etc/systemd/user/timers.target.wants/telemetryd-tick.timer").unlink()
    image.write(CONFIGURATION, ENDPOINT + 'ca_file = "/etc/ssl/certs/kde.pem"\n')
    (example,) = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert run(image.root).stdout == example


def test_page_commands(image, tmp_path, monkeypatch):
    """Each command of the page exists with its options; the words of subjects and of JSON's keys are those of the page."""
    register(image, tmp_path)
    monkeypatch.chdir(tmp_path)
    lines = [line.partition("#")[0].partition(">")[0].split() for line in re.findall(r"^(telemetryctl .*)", PAGE, re.MULTILINE)]
    assert len(lines) >= 8
    for _, *arguments in lines:
        given = [{"/srv/image": str(image.root), "/srv/kde-register.json": "register.json"}.get(one, one) for one in arguments]
        done = runner().invoke(cli, given, env={"DBUS_SESSION_BUS_ADDRESS": "rubbish"})
        assert done.exit_code in {0, 1}, done.output
    subjects = re.findall(r"^\| `(\w+)` \|", PAGE.partition("## A fleet")[0], re.MULTILINE)
    assert subjects == ["configuration", "manifests", "reviews", "endpoints", "shares", "units", "work", "register"]
    keys = re.findall(r"^\| `(\w+)` \|", PAGE.partition("## JSON")[2].partition("## What holds")[0], re.MULTILINE)
    image.write(REVIEWS, "")
    said = json.loads(run(image.root, "--json").stdout)
    assert said.keys() == {"schema", "problems", "notes"}
    assert said["schema"] == 1
    assert list(said["problems"][0]) == keys

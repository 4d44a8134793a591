"""`telemetryctl review`: the page, and two people's sign-off."""

import json
import tomllib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.invoked_commands import runner
from support.manifests.survey_answers import MANIFEST

from telemetryd.authoring.clauses import CLAUSES
from telemetryd.core.permission.signoffs import Reviews
from telemetryd.ctl.__main__ import cli
from telemetryd.ctl.files.signing import is_same_person
from telemetryd.describe.sentences import describe
from telemetryd.toml import fields
from telemetryd.toml.config import parse_reviews
from telemetryd.toml.manifest import parse

ADA, BO, CY = "Ada Example <ada@example.org>", "Bo Example <bo@example.org>", "Cy Example <cy@example.org>"
RECORD = "https://example.org/review/42"
FINER = MANIFEST.replace("[500, 2000]", "[500, 1000, 2000]")
GERMAN = MANIFEST.replace("decision =", '"purpose[de]" = "Ist der Start langsamer?"\ndecision =')
KEY = "org.example.Editor", "startup-by-platform"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a manifest, in which the commands run; the system's directories are below it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELEMETRYD_DATA_DIRS", str(tmp_path / "etc"))
    (tmp_path / "m.toml").write_text(MANIFEST)
    return tmp_path


def run(*arguments, status=0):
    """Run `telemetryctl review`; (standard output, standard error)."""
    done = runner().invoke(cli, ["review", *map(str, arguments)])
    assert done.exit_code == status, done.output
    return done.stdout, done.stderr


def sign(who, *more, manifest="m.toml", file="r.toml", status=0):
    """Sign a manifest off, into a file."""
    return run(manifest, "--sign-off", who, "--yes", "-o", file, *more, status=status)


def standing(text, key=KEY):
    """What holds for the question, as the daemon reads the file."""
    return Reviews(*parse_reviews(text, "r.toml")).standing(*key)


def day(shift=0):
    """Today, in UTC, or so many days later."""
    return (datetime.now(UTC).date() + timedelta(days=shift)).isoformat()


def stop(reason, date):
    """The end of the question, as a file has it."""
    return f'\n[[stop]]\napplication = "{KEY[0]}"\nquestion = "{KEY[1]}"\nreason = "{reason}"\ndate = {date}\n'


def joined(text):
    """The text without what wrapping put into it."""
    return "".join(text.split())


def test_page(folder):
    """One page says each question in plain words, the report that would be sent, cells, entropy, reports needed, ε, and every clause."""
    output, _ = run("m.toml")
    (definition,) = parse(MANIFEST).definitions
    description = describe(definition)
    for text in (
        *(
            description.why,
            description.outcome,
            description.when,
            description.often,
            description.until,
            description.whom,
            description.needs,
            description.protection,
            description.together,
        ),
        *(
            part
            for source in description.sources
            for part in (source.what, source.how, source.coarse, *(answer.text for answer in source.bins))
        ),
        *("7 possible answers", "2.81 bits", "10,545 reports", "ε = 2", definition.digest, '"answer":["<500","wayland"]'),
        *CLAUSES.values(),
    ):
        assert joined(text) in joined(output), text
    assert "unknown no reviewed definition is given" in output
    assert max(len(line) for line in output.splitlines() if '"nonce"' not in line) <= 100  # a report is copied in one piece


def test_page_in_another_language(folder, monkeypatch):
    """The page speaks the user's language and shows the manifest's own texts; what is published or read by programs is in English."""
    published = [run("m.toml", "--format", form)[0] for form in ("json", "markdown")]
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    page, _ = run("m.toml")
    assert "Klauseln der Richtlinie" in page
    assert joined("zu beurteilen: Antwortet jemand an dieser Kontaktadresse?") in joined(page)
    assert parse(MANIFEST).definitions[0].question.purpose in page
    assert not any(text in page for text in ("verified", "to judge", "policy", "budget:"))
    assert [run("m.toml", "--format", form)[0] for form in ("json", "markdown")] == published


def test_page_as_json_and_markdown(folder):
    """A script gets the same as values, and a merge request as Markdown; each clause has what is verified or what is to be judged."""
    (question,) = json.loads(run("m.toml", "--format", "json")[0])
    (definition,) = parse(MANIFEST).definitions
    assert (question["cells"], question["definition"], question["reports_needed"]) == (7, definition.digest, 10_545)
    assert question["told"]["sources"][0]["bins"][0] == {"text": "less than 500\u00a0ms", "label": "<500"}
    assert [clause["clause"] for clause in question["clauses"]] == list(CLAUSES)
    assert all(clause["verified"] or clause["to_judge"] for clause in question["clauses"])
    to_judge = {clause["clause"]: clause["to_judge"] for clause in question["clauses"]}
    assert to_judge["A3"] == ["Are the bins no finer than the decision needs?"]
    assert to_judge["A1"] == ["Could an answer be personal data, alone or with what else is known of a user?"]
    assert to_judge["M1"] == ["Is the purpose a question, and would different answers lead to different decisions?"]
    assert all(text.endswith("?") and len(text.split()) > 4 for texts in to_judge.values() for text in texts)
    assert question["changes"] is None
    output, _ = run("m.toml", "--format", "markdown")
    assert output.startswith("# Is start-up slower on one window system?\n")
    assert f"`{definition.digest}`" in output


def test_changes_since_the_last_review(folder):
    """What changed is told against the manifest that was reviewed, found by its digest among several; the same definition has none."""
    (folder / "new.toml").write_text(FINER)
    (folder / "older.toml").write_text(MANIFEST.replace("2.0", "1.0"))
    sign(ADA, "--record", RECORD)
    sign(BO)
    output, _ = run("new.toml", "--since", "m.toml", "--since", "older.toml", "--reviews", "r.toml", "--format", "json")
    (change,) = json.loads(output)[0]["changes"]
    assert change == {
        "direction": "wider",
        "part": "bins",
        "text": "`startup` is now kept in 4 bins instead of 3: the edge 1000\u00a0ms is new (finer).",
    }
    (page, _) = run("new.toml", "--since", "m.toml")
    assert joined(f"wider{change['text']}") in joined(page)
    assert "this is the reviewed definition" in run("m.toml", "--reviews", "r.toml")[0]
    assert json.loads(run("new.toml", "--since", "older.toml", "--reviews", "r.toml", "--format", "json")[0])[0]["changes"] is None


def test_compared_with_what_is_installed(folder):
    """Without --since and --reviews the page compares with the manifest and the reviews that are installed on this machine."""
    installed = folder / "etc/telemetryd/manifests/org.example.Editor.toml"
    installed.parent.mkdir(parents=True)
    installed.write_text(MANIFEST)
    run("m.toml", "--sign-off", ADA, "--record", RECORD, "--yes")
    run("m.toml", "--sign-off", BO, "--yes")
    (folder / "m.toml").write_text(FINER)
    assert joined("wider `startup` is now kept in 4 bins instead of 3") in joined(run("m.toml")[0])
    installed.write_text(GERMAN)
    assert joined("wider `startup` is now kept in 4 bins instead of 3") in joined(run("m.toml")[0])
    installed.write_text(FINER)
    assert "unknown no reviewed definition is given" in run("m.toml")[0]


def test_findings_are_on_the_page(folder):
    """What lint finds about the question is on its page, with clause, line and help, and what it finds about another one is not."""
    other = MANIFEST.partition("[[question]]")[2].replace(KEY[1], "another").replace("2.0", "3.0")
    (folder / "m.toml").write_text(MANIFEST + "[[question]]" + other)
    first, second = json.loads(run("m.toml", "--format", "json", "--date", "2026-11-02")[0])
    assert any("protects an answer less" in finding["message"] for finding in second["findings"])
    assert not any("protects an answer less" in finding["message"] for finding in first["findings"])
    (finding, *_) = second["findings"]
    assert joined(f"{finding['clause']} {finding['level']}, line {finding['line']}: {finding['message']}") in joined(run("m.toml")[0])


def test_what_is_wrong_cannot_be_signed(folder):
    """A manifest with an error of lint is refused, although the daemon would take it."""
    (folder / "m.toml").write_text(MANIFEST.replace('["wayland"]', '["192.168.1.1"]'))
    assert "a manifest with errors cannot be signed off" in sign(ADA, "--record", RECORD, status=1)[1]


def test_other_dates_cannot_be_signed(folder):
    """A reviewed question that keeps its id and gets other dates is an error on the page, and is not signed; under a new id it is."""
    (folder / "old.toml").write_text(MANIFEST)
    moved = MANIFEST.replace("2026-12-27", "2026-12-20")
    (folder / "m.toml").write_text(moved)
    page = json.loads(run("m.toml", "--since", "old.toml", "--format", "json", "--date", "2026-11-02")[0])
    assert [finding["clause"] for finding in page[0]["findings"] if finding["level"] == "error"] == ["M4"]
    assert "expected 2026-12-27, as before" in sign(ADA, "--record", RECORD, "--since", "old.toml", status=1)[1]
    (folder / "m.toml").write_text(moved.replace(KEY[1], "startup-again"))
    sign(ADA, "--record", RECORD, "--since", "old.toml")


def test_budget_of_one_user(folder):
    """The page sums up what all questions of the manifest take from one user, with the caps and what would be lost."""
    one = MANIFEST.partition("[[question]]")[2]
    (folder / "m.toml").write_text(MANIFEST + "".join(f"[[question]]{one.replace(KEY[1], name)}" for name in ("second", "third")))
    pages = json.loads(run("m.toml", "--format", "json")[0])
    assert len(pages) == 3
    for page in pages:
        assert page["sums"] == [
            {"about": "2026", "most": 6.0, "cap": 16.0},
            {"about": "", "most": 6.0, "cap": 64.0},
            {"about": "org.example.Editor/platform", "most": 6.0, "cap": 4.0},
            {"about": "org.example.Editor/startup", "most": 6.0, "cap": 4.0},
        ]
        assert page["loss"] == {"drawn": 3.0, "lost": 1.0}
        assert any("loses 1.00 of 3.00 answers" in finding["message"] for finding in page["findings"])
    assert joined("budget a user who accepts everything loses 1.00 of 3.00 answers on average") in joined(run("m.toml")[0])


def test_two_people_make_a_review(folder):
    """The first sign-off waits where no daemon reads it; the second makes the entry, in the layout that the daemon reads fastest."""
    message, _ = sign(ADA, "--record", RECORD, "--date", "2026-11-20")
    assert "waits for a second reviewer" in message
    assert not (folder / "r.toml").exists()
    message, _ = sign(BO, "--date", "2026-11-22")
    assert f"signed by {ADA} and {BO}" in message
    assert not (folder / "r.toml.draft").exists()
    (definition,) = parse(MANIFEST).definitions
    text = (folder / "r.toml").read_text()
    assert text == (
        f'[[review]]\napplication = "{KEY[0]}"\nquestion = "{KEY[1]}"\ndefinition = "{definition.digest}"\n'
        f'reviewers = ["{ADA}", "{BO}"]\nrecord = "{RECORD}"\ndate = 2026-11-22\n'
    )
    assert standing(text).review.definition == definition.digest


@pytest.mark.parametrize("again", [ADA, "A. E. <ADA@example.org>", "ada example <other@example.org>"])
def test_nobody_signs_twice(folder, again):
    """The same address, or the same name, is the same person; nothing is written."""
    sign(ADA, "--record", RECORD)
    before = (folder / "r.toml.draft").read_text()
    _, message = sign(again, status=4)
    assert "has signed startup-by-platform already" in message
    assert [path.name for path in folder.glob("r.toml*")] == ["r.toml.draft"]
    assert (folder / "r.toml.draft").read_text() == before


def test_others_entries_and_comments_stay(folder):
    """A third reviewer is added to the entry, whose date stays; comments, stops and other reviews stay as they are."""
    sign(ADA, "--record", RECORD, "--date", "2026-11-20")
    sign(BO, "--date", "2026-11-20")
    text = (folder / "r.toml").read_text()
    other = text.replace(KEY[1], "another").replace("review/42", "review/41")
    of_third = stop("answered", "2026-11-21").replace(KEY[1], "third")
    two_lines = text.replace(', "Bo', ',  # first\n  "Bo')
    (folder / "r.toml").write_text(f"# ours\n{other}\n# kept\n{two_lines}{of_third}")
    sign(CY)
    after = (folder / "r.toml").read_text()
    assert f"# ours\n{other}\n# kept\n[[review]]" in after
    assert after.endswith(of_third)
    review = standing(after).review
    assert (review.reviewers, str(review.date)) == ((ADA, BO, CY), "2026-11-20")


def test_changed_definition_is_signed_anew(folder):
    """A definition that changed starts with no signature, on a day after the old one's review: of two on one day neither holds."""
    sign(ADA, "--record", RECORD, "--date", "2026-11-20")
    sign(BO, "--date", "2026-11-20")
    (folder / "m.toml").write_text(FINER)
    _, message = sign(ADA, "--record", RECORD, "--date", "2026-11-20", status=1)
    assert "sign with a later --date" in message
    sign(ADA, "--record", RECORD, "--date", "2026-11-21")
    (old,) = parse(MANIFEST).definitions
    assert standing((folder / "r.toml").read_text()).review.definition == old.digest
    sign(BO, "--date", "2026-11-21")
    (new,) = parse(FINER).definitions
    assert standing((folder / "r.toml").read_text()).review.definition == new.digest


def test_translations_need_no_new_review(folder):
    """A text in another language leaves the entry in force: the second reviewer signs the same definition."""
    sign(ADA, "--record", RECORD)
    (folder / "m.toml").write_text(GERMAN)
    sign(BO)
    (definition,) = parse(GERMAN).definitions
    assert standing((folder / "r.toml").read_text()).review.definition == definition.digest


def test_suspension_is_lifted_by_two_people(folder):
    """A third signature under an old review lifts no suspension, and says so; a new review of the same definition by two people does."""
    sign(ADA, "--record", RECORD, "--date", day(-9))
    sign(BO, "--date", day(-9))
    (folder / "r.toml").write_text((folder / "r.toml").read_text() + stop("suspended", day(-1)))
    stays = f"there may be a problem with it (r.toml, {day(-1)}). It stays so until two people sign with --new, on a day after {day(-1)}."
    assert stays in sign(CY)[1]
    assert standing((folder / "r.toml").read_text()).stop
    assert stays in sign(ADA, "--record", RECORD, "--new", "--date", day(-1))[1]
    assert sign(CY, "--new")[1] == ""
    assert standing((folder / "r.toml").read_text()).stop is None
    (folder / "r.toml").write_text((folder / "r.toml").read_text() + stop("answered", day(-9)))
    assert "No review brings it back" in sign(BO, "--new", "--record", RECORD)[1]


def test_no_review_is_of_a_day_to_come(folder):
    """A sign-off is dated today at the latest: a later review would outlive every suspension until its day. A page can be of any day."""
    assert f"{day(1)} is in the future" in sign(ADA, "--record", RECORD, "--date", day(1), status=1)[1]
    assert list(folder.glob("r.toml*")) == []
    run("m.toml", "--date", day(1))


@pytest.fixture
def system(folder, monkeypatch):
    """The system's directory below that of the administrator, with a review of the question that is in force."""
    monkeypatch.setenv("TELEMETRYD_DATA_DIRS", f"{folder}/etc:{folder}/usr")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "home"))
    for name in ("etc/telemetryd/reviews.d", "etc/telemetryd/manifests", "usr/telemetryd/reviews.d", "usr/telemetryd/manifests"):
        (folder / name).mkdir(parents=True)
    sign(ADA, "--record", RECORD, "--date", day(-9))
    sign(BO, "--date", day(-9))
    (folder / "r.toml").rename(folder / "usr/telemetryd/reviews.d/r.toml")
    return folder


def state(*more):
    """Where the page says that the question stands."""
    return " ".join(run("m.toml", *more)[0].partition("\nState ")[2].splitlines()[0].split())


def test_page_obeys_stops_and_masks(system):
    """The page says where the question stands by what is installed, as the daemon does: suspended, or unreviewed under a mask."""
    assert state() == "reviewed"
    suspended = system / "etc/telemetryd/reviews.d/stop.toml"
    suspended.write_text(stop("suspended", day(-9)))
    assert state() == f"suspended since {day(-9)}"
    assert "It stays so until two people sign" in run("m.toml", "--sign-off", CY, "--record", RECORD, "--date", day(-9), "--yes")[1]
    suspended.unlink()
    (system / "etc/telemetryd/reviews.d/r.toml").symlink_to("/dev/null")
    assert state() == "not reviewed: nothing is collected"


def test_given_reviews_have_stops_too(system):
    """A stop in a file that the command is given is on the page."""
    (system / "given.toml").write_text((system / "usr/telemetryd/reviews.d/r.toml").read_text() + stop("answered", day(-3)))
    assert state("--reviews", "given.toml") == f"answered, ended on {day(-3)}"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("usr/telemetryd/reviews.d/b.toml", "[[stop", "b.toml is left out: "),
        ("usr/telemetryd/reviews.d/b.toml", "neither = 1\n", "b.toml is left out: "),
        (f"usr/telemetryd/manifests/{KEY[0]}.toml", "schema = 2\n", "cannot be compared: "),
        (f"etc/telemetryd/manifests/{KEY[0]}.toml", "", ""),
    ],
)
def test_broken_and_masked_files_cost_no_page(system, name, text, message):
    """What is installed and cannot be read is a note beside the page; a manifest under an empty mask is just not there."""
    (system / f"usr/telemetryd/manifests/{KEY[0]}.toml").write_text(FINER)
    (system / name).write_text(text)
    assert state() == "reviewed"
    _, note = run("m.toml")
    assert message in note
    assert bool(message) == bool(note)


def test_system_directory_or_printed(folder):
    """Without -o the entry goes to the system's reviews; where they may not be written it is printed, and standard error says why."""
    run("m.toml", "--sign-off", ADA, "--record", RECORD, "--yes")
    run("m.toml", "--sign-off", BO, "--yes")
    assert standing((folder / "etc/telemetryd/reviews.d/signed-org.example.Editor.toml").read_text()).review
    (folder / "etc2").write_text("no folder")
    done = runner().invoke(
        cli, ["review", "m.toml", "--sign-off", ADA, "--record", RECORD, "--yes"], env={"TELEMETRYD_DATA_DIRS": str(folder / "etc2")}
    )
    assert done.exit_code == 0
    assert tomllib.loads(done.stdout)["review"][0]["reviewers"] == [ADA]
    assert "printed, because" in done.stderr


@pytest.mark.parametrize(
    ("who", "more", "message"),
    [
        ("Ada", ["--record", RECORD], 'expected a reviewer as "Name <mail>"'),
        ("<ada@example.org>", ["--record", RECORD], 'expected a reviewer as "Name <mail>"'),
        ('A"da <ada@example.org>', ["--record", RECORD], 'expected a reviewer as "Name <mail>"'),
        ("A\nda <ada@example.org>", ["--record", RECORD], "expected one line of text"),
        (ADA, [], "--record URL"),
        (ADA, ["--record", "http://example.org"], "expected an https: URL"),
        (ADA, ["--record", 'https://example.org/"]'], "expected a record without"),
        (ADA, ["--record", RECORD, "--question", "moon"], "asks no question 'moon'"),
    ],
)
def test_faulty_sign_offs(folder, who, more, message):
    """What cannot be an entry is refused before anything is written."""
    assert message in sign(who, *more, status=1)[1]
    assert list(folder.glob("r.toml*")) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--record", RECORD], "--record needs --sign-off"),
        (["-o", "r.toml"], "-o needs --sign-off"),
        (["--new"], "--new needs --sign-off"),
        (["--sign-off", ADA, "--record", RECORD, "--format", "json", "--yes"], "--format is for the page alone"),
        (["--sign-off", ADA, "--record", RECORD, "--format", "markdown"], "--format is for the page alone"),
    ],
)
def test_nothing_is_ignored(folder, arguments, message):
    """An option that would have no effect is a wrong command line."""
    output, why = run("m.toml", *arguments, status=2)
    assert (output, message in why) == ("", True)
    assert list(folder.glob("r.toml*")) == []


@pytest.mark.parametrize("who", ["Ada", ""])
def test_the_name_is_checked_first(folder, who):
    """Who gives no name and address is told so before the page is read."""
    assert run("m.toml", "--sign-off", who, "--record", RECORD, status=1)[0] == ""


def test_other_record(folder):
    """Both sign for one review: another record is refused."""
    sign(ADA, "--record", RECORD)
    assert "names another record" in sign(BO, "--record", RECORD + "1", status=1)[1]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("r.toml", "[[review]]\n", "has no readable reviews"),
        ("r.toml", "review = 3\n", "has no readable reviews"),
        ("r.toml", "[[stop]]\n", "could not be read, so nothing was written"),
        ("m.toml", "schema = 2\n", "`telemetryctl lint` says more"),
        ("m.toml", MANIFEST.replace("\n", "\n" + 80 * "#" + "\n") * 100, "is longer than"),
    ],
)
def test_faulty_files(folder, name, text, message):
    """A manifest that the daemon refuses cannot be signed, and a file of reviews that it would refuse is not written."""
    sign(ADA, "--record", RECORD)
    (folder / name).write_text(text)
    assert message in sign(BO, status=1)[1]
    assert (folder / name).read_text() == text


def test_missing_and_empty(folder):
    """A file that is not there or no text, and a manifest without questions, are told."""
    assert "cannot be read" in run("nothing.toml", status=1)[1]
    (folder / "b.toml").write_bytes(b"\xff")
    assert "is not UTF-8 text" in run("b.toml", status=1)[1]
    (folder / "u.toml").write_text(MANIFEST.partition("[[source]]")[0] + 'uses = ["org.kde.frameworks/crash"]\n')
    assert "asks no question" in run("u.toml", status=1)[1]


def test_odd_layout_is_not_guessed(folder):
    """An entry that is laid out so that the reviewers cannot be found is left to a person."""
    sign(ADA, "--record", RECORD)
    sign(BO)
    review = tomllib.loads((folder / "r.toml").read_text())["review"][0]
    inline = (
        "review = [{"
        + ", ".join(f"{key} = {json.dumps(value)}" for key, value in review.items() if key != "date")
        + f", date = {review['date']}}}]\n"
    )
    (folder / "r.toml").write_text(inline)
    assert "add the reviewer by hand" in sign(CY, status=1)[1]
    assert (folder / "r.toml").read_text() == inline


def test_nobody_to_ask(folder):
    """Without --yes the page is shown and the person asked; where nobody can be asked, nothing is signed."""
    output, message = run("m.toml", "--sign-off", ADA, "--record", RECORD, "-o", "r.toml", status=2)
    assert "Clauses of the policy" in output
    assert "repeat with --yes" in message
    assert list(folder.glob("r.toml*")) == []


@given(*[st.sampled_from([ADA, BO, "Ada Example <bo@example.org>", "X Y <ada@example.org>", "Z <z@example.org>"])] * 2)
def test_people_are_told_apart_as_the_daemon_does(first, second):
    """Two people make a review for the command exactly if they do for the daemon."""
    try:
        fields.two_people([first, second])
        are_two = True
    except fields.RefusedError:
        are_two = False
    assert is_same_person(first, second) != are_two

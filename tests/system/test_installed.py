"""The installed files, in real trees: which are in force, which shut, and what tells that one changed."""

import os
import socket
import subprocess
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.manifests.manifest_texts import KATE_2026 as MANIFEST

from telemetryd.core.limits import CONFIG_BYTES, MANIFEST_BYTES
from telemetryd.core.permission.signoffs import StopReason
from telemetryd.core.settings import Budgets, KillSwitch, Origin, Settings
from telemetryd.errors import InvalidManifestError, StorageError
from telemetryd.system.installed import InstalledFiles, load_manifest, load_reviews, load_settings, manifest_files

OFF = "enabled = false\n"
ENDPOINT = '[endpoint.kde]\nname = "KDE"\nurl = "https://{}.example/"\n'
DIGEST = "sha256:" + "0" * 64
REVIEW = f"""[[review]]
application = "org.kde.kate"
question = "startup"
definition = "{DIGEST}"
reviewers = ["Ada <ada@example.org>", "Bo <bo@example.org>"]
record = "https://mail.example.org/1"
date = 2026-11-20
"""
STOP = '[[stop]]\napplication = "org.kde.kate"\nquestion = "startup"\nreason = "suspended"\ndate = 2026-11-21\n'


class Tree:
    """Two system directories, first and second, a user's, and KUserFeedback's; none of them is there before a file is written."""

    def __init__(self, root):
        self.root = root
        self.environ = {
            "TELEMETRYD_CONFIG_DIRS": f"{root}/first:{root}/second",
            "TELEMETRYD_DATA_DIRS": f"{root}/first:{root}/second",
            "XDG_CONFIG_HOME": f"{root}/home",
            "XDG_CONFIG_DIRS": f"{root}/xdg",
        }

    def path(self, name):
        """Where a file lies, its directory made."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name, text):
        """A file with a text."""
        self.path(name).write_text(text)
        return self.path(name)

    def mask(self, name):
        """A link to /dev/null."""
        self.path(name).symlink_to("/dev/null")

    def settings(self):
        """The settings."""
        return load_settings(self.environ)

    def switches(self):
        """Kill switches with their files relative to the tree."""
        return [(switch.what, os.path.relpath(switch.file, self.root)) for switch in self.settings().kill_switches]


@pytest.fixture
def tree(tmp_path):
    """A tree without any file."""
    return Tree(tmp_path)


@pytest.fixture
def public_tree():
    """A tree that every user can reach, unlike pytest's folders."""
    with TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        yield Tree(Path(root))


CONFIG = [
    "first/telemetryd/telemetryd.toml",
    "second/telemetryd/telemetryd.toml",
    "second/telemetryd/telemetryd.toml.d/50-site.toml",
    "home/telemetryd/telemetryd.toml",
    "home/telemetryd/telemetryd.toml.d/mine.toml",
]
KDE = ["home/KDE/UserFeedback.conf", "xdg/KDE/UserFeedback.conf"]


# --- configuration


def test_nothing_installed(tree):
    """Without any file the settings are the defaults, nothing is declared or reviewed, and nothing is unreadable."""
    assert tree.settings() == Settings()
    assert manifest_files(tree.environ) == {}
    assert load_reviews(tree.environ).are_readable_for("org.kde.kate")


@pytest.mark.parametrize("name", CONFIG)
def test_off_in_any_file(tree, name):
    """`enabled = false` in any place is a kill switch that names the file. Policy: C4."""
    tree.write(name, OFF)
    assert tree.switches() == [("enabled", name)]


@pytest.mark.parametrize("name", KDE)
def test_kuserfeedback_off(tree, name):
    """KUserFeedback's switch counts in any XDG configuration directory. Policy: C4."""
    tree.write(name, "[UserFeedback]\nEnabled[$i]=false\n")
    assert tree.switches() == [("kuserfeedback", name)]


def test_do_not_track(tree):
    """DO_NOT_TRACK in the environment is a kill switch without a file."""
    assert load_settings(tree.environ | {"DO_NOT_TRACK": "1"}).kill_switches == (KillSwitch("DO_NOT_TRACK", ""),)


@pytest.mark.parametrize("name", [*CONFIG, *KDE])
def test_a_mask_or_an_empty_file_says_nothing(tree, name):
    """A link to /dev/null is no kill switch, and no file either."""
    tree.mask(name)
    assert tree.settings() == Settings()


def test_the_first_directory_replaces_a_file(tree):
    """Of two files with one name only that of the first directory is in force; a link to /dev/null or an empty file masks."""
    for number, name in enumerate(("telemetryd.toml", "telemetryd.toml.d/a.toml", "telemetryd.toml.d/b.toml")):
        tree.write(f"second/telemetryd/{name}", f"budget_source = {number}\n{ENDPOINT.format(number)}")
    assert tree.settings().budgets.source == 0
    tree.write("first/telemetryd/telemetryd.toml", "budget_source = 3")
    tree.mask("first/telemetryd/telemetryd.toml.d/a.toml")
    tree.write("first/telemetryd/telemetryd.toml.d/b.toml", "")
    assert tree.settings() == Settings(budgets=Budgets(source=3))


@pytest.mark.parametrize("name", ["telemetryd.toml", "telemetryd.toml.d/a.toml"])
def test_what_switches_off_is_not_masked(tree, name):
    """An `enabled = false` holds, whatever replaces or masks its file, until the file in its place says `enabled = true`. Policy: C4."""
    off = [("enabled", f"second/telemetryd/{name}")]
    tree.write(f"second/telemetryd/{name}", OFF + "budget_source = 1\n" + ENDPOINT.format("second"))
    for text in ("", "budget_source = 2\n"):
        tree.write(f"first/telemetryd/{name}", text)
        assert tree.switches() == off
        assert tree.settings().endpoints == ()
    tree.write(f"first/telemetryd/{name}", "enabled = ")
    assert {switch for switch, _ in tree.switches()} == {"enabled", "unreadable"}
    tree.write(f"first/telemetryd/{name}", "enabled = true\n")
    assert tree.settings() == Settings()
    tree.path(f"first/telemetryd/{name}").unlink()
    tree.mask(f"first/telemetryd/{name}")
    assert tree.switches() == off


def test_a_users_file_replaces_no_system_file(tree):
    """A user's file of the same name, or a mask there, leaves the system's file in force. Policy: C4."""
    tree.write("second/telemetryd/telemetryd.toml", OFF)
    tree.write("home/telemetryd/telemetryd.toml", "enabled = true")
    tree.write("second/telemetryd/telemetryd.toml.d/a.toml", OFF)
    tree.mask("home/telemetryd/telemetryd.toml.d/a.toml")
    assert [switch for switch, _ in tree.switches()] == ["enabled", "enabled"]


def test_later_drop_ins_win(tree):
    """An endpoint is the last drop-in's by name, whichever directory it is in; the main file comes last."""
    tree.write("first/telemetryd/telemetryd.toml", ENDPOINT.format("main"))
    assert tree.settings().endpoint("kde").host == "main.example"
    tree.write("second/telemetryd/telemetryd.toml.d/50.toml", ENDPOINT.format("fifty"))
    tree.write("first/telemetryd/telemetryd.toml.d/40.toml", ENDPOINT.format("forty"))
    assert tree.settings().endpoint("kde").host == "fifty.example"


def test_only_toml_files_are_drop_ins(tree):
    """Backups, hidden files and other names are left out."""
    for name in ("a.toml~", ".a.toml", "README", "a.toml.dpkg-old"):
        tree.write(f"first/telemetryd/telemetryd.toml.d/{name}", OFF)
    assert tree.settings() == Settings()


# --- what cannot be read


def make_socket(path):
    """A socket in a file's place."""
    with socket.socket(socket.AF_UNIX) as listener:
        directory = os.open(path.parent, os.O_DIRECTORY)
        listener.bind(f"/proc/self/fd/{directory}/{path.name}")
        os.close(directory)


OBSTACLES = {
    "a directory": (lambda path: path.mkdir(), "Is a directory"),
    "a link to nothing": (lambda path: path.symlink_to("nothing"), "a link to nothing"),
    "a link to itself": (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    "a pipe": (os.mkfifo, "expected a file"),
    "another device": (lambda path: path.symlink_to("/dev/zero"), "expected a file"),
    "a socket": (make_socket, "No such device or address"),
    "no text": (lambda path: path.write_bytes(b"# caf\xe9"), "expected UTF-8 text"),
    "too long": (lambda path: path.write_bytes(b"#" * (CONFIG_BYTES + 1)), "expected at most"),
}


@pytest.mark.parametrize("name", [*CONFIG, *KDE])
@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_what_is_no_file_shuts(tree, name, obstacle):
    """Whatever is in a file's place and cannot be read is a kill switch and a problem; a pipe does not hold the start up."""
    make, text = OBSTACLES[obstacle]
    make(tree.path(name))
    assert tree.switches() == [("unreadable", name)]
    (problem,) = tree.settings().problems
    assert problem.file.endswith(name)
    assert text in problem.text


@pytest.mark.parametrize("text", ["enabled = maybe", "enabled = 0", "colour = 1", "developer = 'yes'", "\ufeffenabled = true"])
@pytest.mark.parametrize("name", CONFIG)
def test_what_cannot_be_parsed_shuts(tree, name, text):
    """A file that is not TOML, has an unknown key or a wrong type is a kill switch, though another one says "on"."""
    tree.write(name, text)
    assert tree.switches() == [("unreadable", name)]


@pytest.mark.parametrize(
    "folder", ["first/telemetryd/telemetryd.toml.d", "home/telemetryd/telemetryd.toml.d", "second/telemetryd/manifests"]
)
def test_a_folder_that_cannot_be_listed_shuts(tree, folder):
    """A file in a folder's place, or a link to nothing, is a kill switch: nobody knows what it hides."""
    tree.write(folder, "")
    assert tree.switches() == [("unreadable", folder)]
    (tree.root / folder).unlink()
    (tree.root / folder).symlink_to("nothing")
    assert tree.switches() == [("unreadable", folder)]


def test_a_link_to_nothing_on_the_way_shuts(tree):
    """A configuration directory that is a link to nothing (a file system not mounted) is not an absent one."""
    tree.path("first/telemetryd").symlink_to(tree.root / "gone")
    assert {switch for switch, _ in tree.switches()} == {"unreadable"}
    (tree.root / "gone").mkdir()
    assert tree.settings() == Settings()


def test_names_that_are_no_text(tree):
    """A file name that is not UTF-8 is told in a text that the bus can carry."""
    tree.write("first/telemetryd/telemetryd.toml.d/\udcff.toml", OFF)
    (switch,) = tree.settings().kill_switches
    assert switch.file.endswith("/\\xff.toml")


AS_NOBODY = """
import os
from telemetryd.toml import config, manifest
from telemetryd.system.installed import load_reviews, load_settings
if os.geteuid() == 0:
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
for switch in load_settings(os.environ).kill_switches:
    print(switch.what, switch.file)
for problem in load_reviews(os.environ).problems:
    print("review", problem.file)
"""


@pytest.mark.parametrize("name", [*CONFIG, *KDE, "second/telemetryd/reviews.d/a.toml"])
@pytest.mark.parametrize("is_folder", [False, True])
def test_without_permission(public_tree, name, is_folder):
    """A file, or its folder, that an ordinary user may not read shuts: shown as one, because root reads everything."""
    path = public_tree.write(name, "")
    locked = path.parent if is_folder else path
    locked.chmod(0)
    printed = subprocess.run(
        [sys.executable, "-c", AS_NOBODY], env=os.environ | public_tree.environ, capture_output=True, text=True, check=True
    ).stdout
    locked.chmod(0o700)
    kind = "review" if "reviews.d" in name else "unreadable"
    assert f"{kind} {path.parent}" in printed


# --- reviews


def test_reviews_and_stops(tree):
    """Reviews and stops of all files count together, each with its file."""
    review = tree.write("second/telemetryd/reviews.d/kate.toml", REVIEW)
    stop = tree.write("first/telemetryd/reviews.d/stops.toml", STOP)
    installed = load_reviews(tree.environ)
    standing = installed.reviews.standing("org.kde.kate", "startup")
    assert (standing.review.definition, standing.review.date, standing.review.file) == (DIGEST, date(2026, 11, 20), str(review))
    assert (standing.stop.reason, standing.stop.file, standing.stop.origin) == (StopReason.SUSPENDED, str(stop), Origin.SYSTEM)
    assert (installed.problems, installed.doubtful) == ((), set())


def test_the_first_directory_replaces_reviews(tree):
    """A review file is replaced or masked by one of the same name in an earlier directory."""
    tree.write("second/telemetryd/reviews.d/a.toml", REVIEW)
    tree.mask("first/telemetryd/reviews.d/a.toml")
    installed = load_reviews(tree.environ)
    assert installed.reviews.standing("org.kde.kate", "startup").review is None
    assert (installed.problems, installed.doubtful) == ((), set())


@pytest.mark.parametrize("text", [REVIEW, "", None])
def test_a_stop_is_not_masked(tree, text):
    """A stop holds, whatever replaces or masks the file that it is from; the reviews beside it go. Policy: M4, R4."""
    stop = tree.write("second/telemetryd/reviews.d/a.toml", REVIEW.replace("2026-11-20", "2026-11-19") + STOP)
    if text is None:
        tree.mask("first/telemetryd/reviews.d/a.toml")
    else:
        tree.write("first/telemetryd/reviews.d/a.toml", text)
    standing = load_reviews(tree.environ).reviews.standing("org.kde.kate", "startup")
    assert standing.stop.file == str(stop)
    assert (standing.review and standing.review.date) == (date(2026, 11, 20) if text else None)
    stop.write_text("broken")
    assert load_reviews(tree.environ).problems == ()


def test_a_users_own_stop(tree):
    """A user's file can stop a question, under whatever name, and admit none: a review in it is told and does not count."""
    tree.write("first/telemetryd/reviews.d/a.toml", REVIEW)
    own = tree.write("home/telemetryd/reviews.d/a.toml", STOP + REVIEW.replace("2026-11-20", "2026-11-29"))
    installed = load_reviews(tree.environ)
    standing = installed.reviews.standing("org.kde.kate", "startup")
    assert (standing.review.date, standing.stop.file, standing.stop.origin) == (date(2026, 11, 20), str(own), Origin.USER)
    assert [(problem.file, problem.text.partition(":")[0]) for problem in installed.problems] == [(str(own), "[[review]]")]
    assert installed.doubtful == set()


@pytest.mark.parametrize("obstacle", [*OBSTACLES, "unparsable"])
def test_a_broken_review_file_could_hide_a_stop(tree, obstacle):
    """A file that is wrong may hide what concerns the applications that it names, one that cannot be read everything. Policy: R4."""
    tree.write("first/telemetryd/reviews.d/a.toml", REVIEW)
    broken = tree.path("first/telemetryd/reviews.d/b.toml")
    OBSTACLES.get(obstacle, (lambda path: path.write_text(STOP.replace("suspended", "bored")), ""))[0](broken)
    installed = load_reviews(tree.environ)
    assert installed.reviews.standing("org.kde.kate", "startup").review
    assert [problem.file for problem in installed.problems] == [str(broken)]
    assert not installed.are_readable_for("org.kde.kate")
    assert installed.are_readable_for("org.kde.okular") is (obstacle == "unparsable")


BORED = STOP.replace("suspended", "bored")


@pytest.mark.parametrize(
    ("text", "concerned"),
    [
        (BORED.replace("kde", "kd\\u0065"), {"org.kde.kate"}),
        (BORED + BORED.replace("kate", "ark") + REVIEW, {"org.kde.kate", "org.kde.ark"}),
        (BORED[:-2], {""}),
        (BORED + "[[stop]]\n", {""}),
        (BORED + "[[sto", {""}),
        (STOP.replace("[[stop]]", "[stop]"), {"org.kde.kate"}),
        (STOP.replace("[[stop]]", "[[stops]]"), {"org.kde.kate"}),
        (BORED + 'a = 1\n[b]\napplication = "kate"\n', {""}),
        ("a = 1\n" + BORED, {""}),
        ("[stop]\n", {""}),
        ("stop = []\nreviews = []\n", {""}),
        (BORED + "." * 200, {""}),
        ("[" * 10000, {""}),
    ],
)
def test_whom_a_broken_review_file_concerns(tree, text, concerned):
    """The applications of its entries, if it is TOML and every entry names one; else it may be about any."""
    tree.write("first/telemetryd/reviews.d/b.toml", text)
    assert load_reviews(tree.environ).doubtful == concerned


def test_a_review_folder_that_cannot_be_listed(tree):
    """A folder of reviews that cannot be listed is told in the same manner."""
    tree.write("first/telemetryd/reviews.d", "")
    assert not load_reviews(tree.environ).are_readable_for("org.kde.kate")


# --- manifests


def test_manifests(tree):
    """Manifests are found by the name of their file; the first directory wins, a mask hides; other names declare nothing."""
    first = tree.write("first/telemetryd/manifests/org.kde.kate.toml", MANIFEST)
    tree.write("second/telemetryd/manifests/org.kde.kate.toml", "")
    second = tree.write("second/telemetryd/manifests/org.kde.okular.toml", "#")
    tree.mask("first/telemetryd/manifests/org.kde.ark.toml")
    tree.write("second/telemetryd/manifests/org.kde.ark.toml", MANIFEST)
    tree.write("first/telemetryd/manifests/org.kde.gwenview.toml", "")
    tree.write("second/telemetryd/manifests/org.kde.gwenview.toml", MANIFEST)
    tree.write("second/telemetryd/manifests/not an id.toml", MANIFEST)
    assert manifest_files(tree.environ) == {"org.kde.kate": first, "org.kde.okular": second}
    assert load_manifest(first).application.id == "org.kde.kate"


def test_a_manifest_under_another_name(tree):
    """A manifest whose file is named after another application declares nothing."""
    path = tree.write("first/telemetryd/manifests/org.kde.okular.toml", MANIFEST)
    with pytest.raises(InvalidManifestError, match=r"id: expected 'org\.kde\.okular', as the file is named"):
        load_manifest(path)


def test_a_manifest_that_is_wrong(tree):
    """A manifest that is too long, no text or no manifest is invalid, and says so in a named error."""
    path = tree.path("first/telemetryd/manifests/org.kde.kate.toml")
    for data in (b"#" * (MANIFEST_BYTES + 1), b"\xff", b"schema = 1"):
        path.write_bytes(data)
        with pytest.raises(InvalidManifestError):
            load_manifest(path)


def test_a_manifest_that_cannot_be_read(tree):
    """A link to nothing is still an installed manifest, which cannot be read: not one that is gone."""
    path = tree.path("first/telemetryd/manifests/org.kde.kate.toml")
    path.symlink_to("nothing")
    assert manifest_files(tree.environ) == {"org.kde.kate": path}
    with pytest.raises(StorageError, match=r"org\.kde\.kate\.toml: No such file or directory"):
        load_manifest(path)


def test_the_port(tree):
    """`InstalledFiles` is all of this for one environment; what is installed no more, or is no text, is a StorageError."""
    files = InstalledFiles(tree.environ)
    before = files.fingerprint()
    path = tree.write("first/telemetryd/manifests/org.kde.kate.toml", MANIFEST)
    assert files.fingerprint() != before
    assert files.applications() == ["org.kde.kate"]
    assert files.declaration("org.kde.kate").application.name == "Kate"
    assert files.text("org.kde.kate") == MANIFEST
    assert files.settings() == Settings()
    assert files.reviews().problems == ()
    path.write_bytes(b"\xff")
    with pytest.raises(StorageError, match="expected UTF-8 text"):
        files.text("org.kde.kate")
    path.unlink()
    with pytest.raises(StorageError, match=r"no manifest of 'org\.kde\.kate' is installed any more"):
        files.declaration("org.kde.kate")


# --- changes


WATCHED = [
    *CONFIG,
    *KDE,
    "second/telemetryd/manifests/org.kde.kate.toml",
    "first/telemetryd/reviews.d/a.toml",
    "home/telemetryd/reviews.d/a.toml",
]


def calm(files):
    """The fingerprint once it stays: for some milliseconds after a change it is a new one at each look."""
    while (fingerprint := files.fingerprint()) != files.fingerprint():
        pass
    return fingerprint


@pytest.mark.parametrize("name", WATCHED)
def test_every_change_is_seen(tree, name):
    """The fingerprint differs after each of: a file appears, is written (same size and mtime), replaced, locked, masked, dangling, gone."""
    files = InstalledFiles(tree.environ)
    seen = []

    def look():
        assert not seen or files.fingerprint() != seen[-1]
        for application in files.applications():
            with suppress(StorageError):
                files.text(application)
        seen.append(calm(files))

    look()

    path = tree.write(name, "# 1")
    look()
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:
        path.write_text("# 2")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    look()
    tree.write(f"{name}.new", "# 3").rename(path)
    look()
    ctime = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == ctime:
        path.chmod(0)
    look()
    path.unlink()
    path.symlink_to("/dev/null")
    look()
    path.unlink()
    path.symlink_to("nothing")
    look()
    path.unlink()
    look()


def test_a_manifest_that_nobody_read(tree):
    """Of a manifest that was not read only the coming, replacing and going is seen: nothing was made of it."""
    files = InstalledFiles(tree.environ)
    path = tree.write("first/telemetryd/manifests/org.kde.kate.toml", "# 1")
    files.applications()
    before = calm(files)
    path.write_text("# 2 and longer")
    assert files.fingerprint() == before
    os.utime(path, (0, 0))
    assert files.text("org.kde.kate") == "# 2 and longer"
    calm(files)
    tree.write("first/telemetryd/manifests/org.kde.kate.new", "# 3").rename(path)
    assert files.fingerprint() != before


def test_the_start_imports_no_pydantic(tree):
    """With nothing but masks and empty files, everything is loaded without pydantic, which would cost the start 60 ms."""
    for name in (*CONFIG, "first/telemetryd/reviews.d/a.toml"):
        tree.mask(name)
    tree.write("first/telemetryd/manifests/org.kde.kate.toml", MANIFEST)
    code = (
        "import os, sys; from telemetryd.system.installed import InstalledFiles; files = InstalledFiles(os.environ); files.fingerprint();"
        "files.settings(); files.reviews(); print(files.applications(), 'pydantic' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], env=os.environ | tree.environ, capture_output=True, text=True, check=True).stdout
    assert printed == "['org.kde.kate'] False\n"

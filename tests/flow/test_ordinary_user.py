"""What root would hide: file modes and other users' processes. Everything here runs as an ordinary user, on a bus of its own.

As root, that user is `nobody`, and programs that it may not read are put where it may; else it is whoever runs the tests.
"""

import os
import re
import stat
import subprocess

import pytest
from support.confinements import IS_ROOT, NOBODY
from support.machine import CONTROL, KATE, TELEMETRY, until
from support.rows import row

DENIED = "org.freedesktop.DBus.Error.AccessDenied"


def modes(folder):
    """Every file and directory with its mode."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def test_only_the_user_may_read_what_is_kept(ordinary):
    """With the usual umask and in developer mode too, the state directory is 0700 and every file in it 0600, while open and after."""
    for prefix in ("", "developer-"):
        if prefix:
            ordinary.develop()
        with ordinary.daemon(prefix=("sh", "-c", 'umask 022; exec "$@"', "sh")) as daemon:
            ordinary.accept()
            ordinary.busctl("call", *TELEMETRY, "Register", "ssa{sv}", "org.example.x", KATE.replace("org.kde.kate", "org.example.x"), "0")
            assert ordinary.push().returncode == 0
            found = modes(ordinary.store)
            assert {f"{prefix}consent.sqlite", f"{prefix}telemetry.sqlite", f"{prefix}telemetry.sqlite-wal"} <= set(found)
            assert set(found.values()) == {0o600}
            assert stat.S_IMODE(ordinary.store.stat().st_mode) == 0o700
            assert ordinary.store.stat().st_uid == (NOBODY if IS_ROOT else os.geteuid())
            assert daemon.stop() == 0
        assert set(modes(ordinary.store).values()) == {0o600}


def test_a_state_directory_that_others_may_read_is_closed(ordinary):
    """A state directory that was made with other modes becomes 0700."""
    ordinary.store.mkdir(parents=True)
    ordinary.store.chmod(0o755)
    if IS_ROOT:
        os.chown(ordinary.store, NOBODY, NOBODY)
    with ordinary.daemon():
        assert stat.S_IMODE(ordinary.store.stat().st_mode) == 0o700


UNREADABLE = [
    "etc/telemetryd/telemetryd.toml",
    "etc/telemetryd/telemetryd.toml.d",
    "home/telemetryd/telemetryd.toml",
    "etc/KDE/UserFeedback.conf",
]


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_read_is_a_kill_switch(ordinary, name):
    """A configuration file or folder without permission: everything is off, the file is named, and applications notice nothing."""
    path = ordinary.root / name
    if path.suffix == ".d":
        path.mkdir(parents=True)
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    if not name.startswith("home"):
        ordinary.develop()
    path.chmod(0)
    with ordinary.daemon() as daemon:
        assert ordinary.busctl("get-property", *CONTROL, "KillSwitches") == f'a(ss) 1 "unreadable" "{path}"\n'
        ordinary.accept()
        pushed = ordinary.push()
        assert (pushed.returncode, pushed.stderr) == (0, "")
        assert ordinary.ask(CONTROL, "Preview", "s", "") == [[]]
        assert str(path) in re.sub(r"\s*\n\s*", "", ordinary.control("status").stdout)
        path.chmod(0o755)
        assert ordinary.busctl("get-property", *CONTROL, "KillSwitches") == "a(ss) 0\n"
        if not name.startswith("home"):
            assert "none" in ordinary.ask(CONTROL, "Preview", "s", "")[0][0][2]
        assert daemon.stop() == 0


def test_reviews_that_cannot_be_read_admit_nothing(ordinary):
    """A review file without permission may hide a stop: nothing is admitted, and Problems names the file."""
    (path,) = (ordinary.root / "share/telemetryd/reviews.d").iterdir()
    path.chmod(0)
    with ordinary.daemon():
        assert str(path) in ordinary.busctl("get-property", *CONTROL, "Problems")
        (question,) = ordinary.ask(CONTROL, "ListQuestions", "s", "org.kde.kate")[0]
        assert question["state"]["data"] in {"unreviewed", "pending"}
        assert ordinary.push().returncode == 0
        assert ordinary.ask(CONTROL, "Preview", "s", "") == [[]]


CALLS = {TELEMETRY: ("Push", "string:org.kde.kate", "string:startup", "variant:double:1"), CONTROL: ("ListApplications",)}
"""A call to each interface, as dbus-send takes it."""


@pytest.mark.root
def test_another_user_is_refused(ordinary):
    """A caller of another uid, even root, is nobody that the daemon knows: AccessDenied on both interfaces."""
    with ordinary.daemon():
        for (name, path, own), (member, *arguments) in CALLS.items():
            call = ["dbus-send", "--session", "--print-reply", f"--dest={name}", path, f"{own}.{member}", *arguments]
            with row(own):
                assert ordinary.run(*call).stdout.startswith("method return")
                refused = subprocess.run(call, env=ordinary.environ, capture_output=True, text=True, check=False)
                assert refused.returncode == 1
                assert refused.stderr.startswith(f"Error {DENIED}: ")


def storage_error(machine):
    """What a push is answered with."""
    pushed = machine.push()
    assert pushed.returncode == 1
    assert machine.ask(("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"), "NameHasOwner", "s", TELEMETRY[0]) == [
        True
    ]
    return pushed.stderr


@pytest.mark.root
def test_a_state_directory_of_someone_else_is_an_error_to_callers(ordinary):
    """A state directory of another user: it is not touched, callers and the log are told, and the daemon leaves in order."""
    ordinary.store.mkdir(parents=True)
    ordinary.store.chmod(0o777)
    with ordinary.daemon() as daemon:
        assert "belongs to another user" in storage_error(ordinary)
        assert daemon.stop() == 0
        assert daemon.log == f"ERROR: {ordinary.store}: the state directory cannot be used: belongs to another user\n"
    assert list(ordinary.store.iterdir()) == []


def test_a_state_directory_that_cannot_be_made_is_an_error_to_callers(ordinary):
    """No permission to make the state directory: callers and the log are told why, once; when it can be made, the daemon goes on."""
    parent = ordinary.root / "state"
    parent.mkdir()
    parent.chmod(0o555)
    with ordinary.daemon() as daemon:
        assert "Permission denied" in storage_error(ordinary)
        assert daemon.log == f"ERROR: {ordinary.store}: the state directory cannot be used: Permission denied\n"
        parent.chmod(0o755)
        os.chown(parent, *((NOBODY, NOBODY) if IS_ROOT else (-1, -1)))
        until(lambda: ordinary.push().returncode == 0)
        assert daemon.log.count("\n") == 1

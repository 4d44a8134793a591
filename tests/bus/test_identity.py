import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from telemetryd.bus.identity import (
    UNKNOWN,
    Caller,
    Kind,
    admit_host_only,
    admit_own_application,
    claimed_id,
    identify_process,
    is_running,
    look,
)
from telemetryd.errors import AccessDeniedError

FLATPAK_INFO = "[Application]\nname=org.example.Boxed\nruntime=runtime/org.example.Platform/x86_64/1\n\n[Instance]\nname=wrong\n"
NOBODY = 65534
WAIT = "print('ready', flush=True); sys.stdin.read()"
DESCRIPTORS = Path("/proc/self/fd")
SCOPE = "app-gnome-org.example.Editor-4242.scope"

# Root may change its root directory; an ordinary user may in a user namespace of its own, as a sandbox does.
AS_ROOT = [] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user"]


@contextmanager
def process(program, *prefix):
    """A Python process that has run `program` and waits; (number, pidfd)."""
    command = [*prefix, sys.executable, "-c", f"import os, sys; {program}; {WAIT}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "ready\n"
        pidfd = os.pidfd_open(child.pid)
        try:
            yield child, pidfd
        finally:
            child.stdin.close()
            child.wait()
            os.close(pidfd)


def seen(child, pidfd):
    """What the process is taken for."""
    return identify_process(child.pid, pidfd)


@pytest.fixture
def sandbox(tmp_path):
    """A root directory of its own."""
    root = tmp_path / "root"
    root.mkdir()
    return root


def test_host_program_is_host():
    """A process with the ordinary root directory is a host program, and may act for any application."""
    with process("pass") as (child, pidfd):
        caller = seen(child, pidfd)
    assert (caller.kind, caller.application) == (Kind.HOST, "")
    assert caller.may_act_for("org.example.Anything")


def test_flatpak_is_found_by_its_root(sandbox):
    """A process whose root directory has a .flatpak-info is the application that the file names, and may act for no other."""
    (sandbox / ".flatpak-info").write_text(FLATPAK_INFO)
    with process(f"os.chroot({str(sandbox)!r})", *AS_ROOT) as (child, pidfd):
        caller = seen(child, pidfd)
    assert caller == Caller(Kind.FLATPAK, "org.example.Boxed")
    assert caller.may_act_for("org.example.Boxed")
    assert not caller.may_act_for("org.example.Other")
    assert not caller.may_act_for("")


def test_another_root_without_the_file_is_host(sandbox):
    """Only a missing .flatpak-info means "not Flatpak"."""
    with process(f"os.chroot({str(sandbox)!r})", *AS_ROOT) as (child, pidfd):
        assert seen(child, pidfd).kind is Kind.HOST


def link_out(info):
    """Point the file to another one beside the sandbox's root."""
    (info.parent.parent / "elsewhere").write_text(FLATPAK_INFO)
    info.symlink_to("../elsewhere")


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda info: info.write_text("[Runtime]\nname=org.example.Platform\n"), id="runtime only"),
        pytest.param(lambda info: info.write_text(""), id="empty"),
        pytest.param(lambda info: info.write_text("name=org.example.Boxed\n"), id="no group"),
        pytest.param(lambda info: info.write_text("[Application]\nname=\n"), id="empty name"),
        pytest.param(lambda info: info.write_bytes(b"[Application]\nname=\xff\n"), id="not UTF-8"),
        pytest.param(lambda info: info.mkdir(), id="directory"),
        pytest.param(os.mkfifo, id="FIFO"),
        pytest.param(lambda info: info.symlink_to("/nowhere"), id="dangling link"),
        pytest.param(link_out, id="link"),
    ],
)
def test_a_doubtful_sandbox_is_unknown(sandbox, make):
    """A .flatpak-info that does not say plainly which application it is makes the caller unknown, never host."""
    make(sandbox / ".flatpak-info")
    with process(f"os.chroot({str(sandbox)!r})", *AS_ROOT) as (child, pidfd):
        assert seen(child, pidfd) == UNKNOWN


def test_a_root_that_cannot_be_opened_is_unknown():
    """An ordinary user's daemon cannot look into another user's process: unknown, not host."""
    program = (
        "import os\nfrom telemetryd.bus.identity import UNKNOWN, identify_process\n"
        f"if os.geteuid() == 0: os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})\n"
        "try:\n    os.open('/proc/1/root', os.O_PATH)\nexcept PermissionError:\n    print('closed')\n"
        "print(identify_process(1, os.pidfd_open(1)) == UNKNOWN)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["closed", "True"]


def test_an_ended_process_is_unknown():
    """A process that ended before it was looked at is unknown, even while its number is not free yet."""
    with process("pass") as (child, pidfd):
        child.send_signal(signal.SIGKILL)
        os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOWAIT)
        assert seen(child, pidfd) == UNKNOWN
        child.wait()
        assert seen(child, pidfd) == UNKNOWN


def test_a_number_used_again_is_unknown():
    """The number of a living process does not help one that has ended: the bus's pidfd holds the one that connected."""
    with process("pass") as (ended, pidfd), process("pass") as (alive, alive_pidfd):
        ended.kill()
        ended.wait()
        assert is_running(alive_pidfd)
        assert not is_running(pidfd)
        assert identify_process(alive.pid, pidfd) == UNKNOWN


def test_looking_leaves_no_descriptor(sandbox):
    """Every descriptor that is opened for a look is closed, whatever is found."""
    (sandbox / ".flatpak-info").write_text("")
    with process("pass") as one, process(f"os.chroot({str(sandbox)!r})", *AS_ROOT) as other:
        before = set(DESCRIPTORS.iterdir())
        assert (seen(*one).kind, seen(*other).kind) == (Kind.HOST, Kind.UNKNOWN)
        assert set(DESCRIPTORS.iterdir()) == before


@pytest.mark.parametrize(
    ("cgroup", "caller"),
    [
        ("0::/\n", Caller(Kind.HOST)),
        (f"0::/user.slice/user-1000.slice/user@1000.service/app.slice/{SCOPE}\n", Caller(Kind.HOST, label=SCOPE)),
        (f"0::/app.slice/{SCOPE}/inner\n", Caller(Kind.HOST, label=SCOPE)),
        ("0::/user@1000.service/app.slice/snap.firefox.firefox-3b6c.scope\n", Caller(Kind.SNAP, "snap.firefox")),
        ("0::/system.slice/snap.cups.cupsd.service/worker\n", Caller(Kind.SNAP, "snap.cups")),
        (f"3:freezer:/snap.firefox\n1:name=systemd:/app.slice/{SCOPE}\n0::/\n", Caller(Kind.SNAP, "snap.firefox")),
    ],
)
def test_control_group_tells_snap_and_unit(tmp_path, cgroup, caller):
    """Any control group called snap.NAME makes a caller that snap; else the innermost application unit is a host program's label."""
    (tmp_path / "root").mkdir()
    (tmp_path / "cgroup").write_text(cgroup)
    directory = os.open(tmp_path, os.O_PATH)
    try:
        assert look(directory) == caller
    finally:
        os.close(directory)


def test_without_a_control_group_file_nobody_is_host(tmp_path):
    """A cgroup file that cannot be read is no proof of the host."""
    (tmp_path / "root").mkdir()
    directory = os.open(tmp_path, os.O_PATH)
    try:
        with pytest.raises(FileNotFoundError):
            look(directory)
    finally:
        os.close(directory)


@pytest.mark.parametrize(
    ("unit", "claimed"),
    [
        (SCOPE, "org.example.Editor"),
        ("app-org.kde.kate-1b2c3d.scope", "org.kde.kate"),
        ("app-org.kde.kate@1b2c3d.service", "org.kde.kate"),
        ("app-org.kde.kate.service", "org.kde.kate"),
        ("app-KDE-org.kde.kate@autostart.service", "org.kde.kate"),
        (r"app-gnome-org.example.Two\x2dwords-77.scope", "org.example.Two-words"),
        (r"app-gnome-bad\x00id-77.scope", ""),
        (r"app-gnome-bad\x0aid-77.scope", ""),
        ("app-gnome-" + "x" * 129 + "-7.scope", ""),
        ("app.slice", ""),
        ("dbus-:1.2-org.gnome.Nautilus@0.service", ""),
        ("", ""),
    ],
)
def test_claimed_id_is_read_from_the_unit(unit, claimed):
    """The desktop id is taken from a unit's name as desktops write it, and only if it could be one."""
    assert claimed_id(unit) == claimed


@pytest.mark.parametrize(
    ("caller", "shown"),
    [
        (Caller(Kind.HOST), "host"),
        (Caller(Kind.HOST, label=SCOPE), "host:org.example.Editor"),
        (Caller(Kind.FLATPAK, "org.example.Boxed"), "flatpak:org.example.Boxed"),
        (Caller(Kind.SNAP, "snap.firefox"), "snap:firefox"),
        (UNKNOWN, "unknown"),
    ],
)
def test_what_the_user_is_shown_does_not_change_from_start_to_start(caller, shown):
    """A caller is shown by its kind and id, without the numbers that each start gives its unit."""
    assert caller.shown == shown


@pytest.mark.parametrize("caller", [Caller(Kind.FLATPAK, "org.example.Boxed"), Caller(Kind.SNAP, "snap.firefox"), UNKNOWN])
def test_guards_admit_the_host_and_a_sandbox_to_its_own(caller):
    """Control1 is closed to everyone but the host; Telemetry1 is open to a sandbox for its own id, and unknown may do nothing."""
    admit_host_only(Caller(Kind.HOST), ())
    admit_own_application(Caller(Kind.HOST), ["org.example.Other"])
    admit_own_application(caller, ())
    with pytest.raises(AccessDeniedError):
        admit_host_only(caller, ())
    with pytest.raises(AccessDeniedError):
        admit_own_application(caller, ["org.example.Other"])
    if caller.kind is Kind.UNKNOWN:
        with pytest.raises(AccessDeniedError):
            admit_own_application(caller, [""])
    else:
        admit_own_application(caller, [caller.application])

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from telemetryd.core.limits import COURIER_TIMEOUT_S
from telemetryd.ctl.files import service_files

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "systemd" / "telemetryd.service.in"
NAME = UNIT.stem
TEMPLATES = {one.name: one.text for one in service_files.templates() if one.kind == service_files.UNITS}
"""The name of each unit → its text, before it is filled in."""


def verify(unit, runtime):
    """What systemd says of a user unit. It looks for the user's runtime directory, which need not have a manager in it."""
    runtime.mkdir(mode=0o700, exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(runtime), "XDG_RUNTIME_DIR": str(runtime)}
    command = ["systemd-analyze", "--user", "--man=no", "verify", unit]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def filled(text):
    """A unit's text whose program exists here."""
    return re.sub("@bindir@/telemetry[a-z-]*", sys.executable, text)


def installed(tmp_path, text):
    """The unit as a file whose program exists here."""
    unit = tmp_path / NAME
    unit.write_text(filled(text))
    return unit


def test_unit_is_clean(tmp_path):
    """Not a word has systemd to say of any line of the unit."""
    done = verify(installed(tmp_path, UNIT.read_text()), tmp_path / "runtime")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_timer_and_its_service_are_clean(tmp_path):
    """Not a word has systemd to say of the timer and the service that it starts."""
    for unit in service_files.templates():
        (tmp_path / unit.name).write_text(filled(unit.text))
    done = verify(tmp_path / "telemetryd-tick.timer", tmp_path / "runtime")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    slip = (tmp_path / "telemetryd-tick.timer").read_text().replace("OnStartupSec=1min", "OnStartupSec=soon")
    (tmp_path / "telemetryd-tick.timer").write_text(slip)
    assert "telemetryd-tick.timer:" in verify(tmp_path / "telemetryd-tick.timer", tmp_path / "runtime").stderr


@pytest.mark.parametrize(
    ("line", "slip"),
    [
        ("RestrictRealtime=yes", "RestrictRealTime=yes"),
        ("LimitCORE=0", "LimitCORE=o"),
        ("SystemCallFilter=@system-service", "SystemCallFilter=@system-services"),
    ],
)
def test_verification_notices_a_slip(tmp_path, line, slip):
    """The check would see a mistyped key or value: systemd names the line, though its exit status is 0."""
    assert line in UNIT.read_text()
    done = verify(installed(tmp_path, UNIT.read_text().replace(line, slip)), tmp_path / "runtime")
    assert "telemetryd.service:" in done.stderr


def test_unit_can_still_look_at_its_callers():
    """Nothing in the unit needs a mount namespace, for which a user unit would need a user namespace and lose sight of /proc/PID/root."""
    needing = ("Private", "Protect", "ReadOnly", "ReadWrite", "Inaccessible", "TemporaryFileSystem", "Bind", "Root", "DynamicUser")
    assert [line for line in UNIT.read_text().splitlines() if line.startswith(needing)] == []


@pytest.mark.parametrize("name", ["telemetryd.service", "telemetryd-tick.service"])
def test_unit_reaches_the_system_bus(name):
    """Nothing in the units hides the system bus, which ticks ask whether the line is metered: no other root, and Unix sockets."""
    lines = [line for line in TEMPLATES[name].splitlines() if not line.startswith("#")]
    hiding = ("Private", "Protect", "Inaccessible", "TemporaryFileSystem", "Root", "NoExecPaths", "RestrictFileSystems", "BindPaths")
    assert [line for line in lines if line.startswith(hiding)] == []
    families = [line for line in lines if line.startswith("RestrictAddressFamilies=")]
    assert all("AF_UNIX" in line for line in families)
    unset = {name for line in lines if line.startswith("UnsetEnvironment=") for name in line.partition("=")[2].split()}
    assert "DBUS_SYSTEM_BUS_ADDRESS" not in unset


@pytest.mark.parametrize("name", ["telemetryd.service", "telemetryd-tick.service", "telemetryd-upload@.service"])
def test_unit_leaves_nothing_behind(name):
    """No core dump and no variable of the session can carry samples or TLS keys out, divert the daemon's files, or bring other code."""
    lines = TEMPLATES[name].splitlines()
    unset = {name for line in lines if line.startswith("UnsetEnvironment=") for name in line.partition("=")[2].split()}
    assert "LimitCORE=0" in lines
    assert {"TELEMETRYD_CONFIG_DIRS", "TELEMETRYD_DATA_DIRS", "LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH"} <= unset
    assert {"SSLKEYLOGFILE", "SSL_CERT_FILE", "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "PYTHONPATH", "PYTHONUSERBASE"} <= unset
    assert "Environment=PYTHONNOUSERSITE=1 PYTHONSAFEPATH=1" in lines


@pytest.mark.parametrize("name", ["org.telemetryd.Telemetry1", "org.telemetryd.Control1"])
def test_bus_starts_the_unit(name):
    """Each name is activated by the unit under systemd and by the program without it."""
    parser = configparser.ConfigParser()
    parser.optionxform = str
    parser.read(ROOT / "dbus" / f"{name}.service.in")
    assert dict(parser["D-BUS Service"]) == {"Name": name, "Exec": "@bindir@/telemetryd", "SystemdService": NAME}


def test_the_notifying_timer_and_its_service_are_clean(tmp_path):
    """Systemd has not a word to say of them. They belong to a desktop's session, and bring no code of other places."""
    for name in ("telemetryd-notify.service", "telemetryd-notify.timer"):
        (tmp_path / name).write_text(filled(TEMPLATES[name]))
    done = verify(tmp_path / "telemetryd-notify.timer", tmp_path / "runtime")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert "WantedBy=graphical-session.target" in TEMPLATES["telemetryd-notify.timer"]
    service = TEMPLATES["telemetryd-notify.service"]
    assert "Environment=PYTHONNOUSERSITE=1" in service
    assert "ExecStart=@bindir@/telemetryd-settings --notify" in service


SOCKET, UPLOADER = "telemetryd-upload.socket", "telemetryd-upload@.service"


def directives(name):
    """The directives of a unit: (key, value), in their order."""
    lines = TEMPLATES[name].splitlines()
    return [tuple(line.split("=", 1)) for line in lines if "=" in line and not line.startswith("#")]


def test_uploaders_units_are_clean(tmp_path):
    """Not a word has systemd to say of the socket and the service that it starts."""
    for name in (SOCKET, UPLOADER):
        (tmp_path / name).write_text(filled(TEMPLATES[name]))
    done = verify(tmp_path / SOCKET, tmp_path / "runtime")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["telemetryd.service", "telemetryd-tick.service"])
def test_network_is_the_uploaders(name):
    """The daemon's units permit Unix sockets only, and name the socket that the uploader's unit listens on, which they want."""
    found = directives(name)
    assert [value for key, value in found if key == "RestrictAddressFamilies"] == ["AF_UNIX"]
    (path,) = [value for key, value in directives(SOCKET) if key == "ListenStream"]
    assert ("Environment", f"TELEMETRYD_UPLOAD_SOCKET={path}") in found
    assert {("Wants", SOCKET), ("After", SOCKET)} <= set(found)


def test_uploader_is_shut_in():
    """The uploader's unit has every sandbox that a user unit can have, but for what hides the process that connects."""
    found = dict(directives(UPLOADER))
    yes = {key for key, value in found.items() if value == "yes"}
    assert {"PrivateUsers", "PrivateTmp", "PrivateDevices", "PrivateIPC", "NoNewPrivileges", "MemoryDenyWriteExecute"} <= yes
    assert (found["ProtectSystem"], found["ProtectHome"], found["CapabilityBoundingSet"]) == ("strict", "tmpfs", "")
    assert {"ProtectProc", "PrivatePIDs", "PrivateNetwork"}.isdisjoint(found)


def test_uploader_is_let_live_longer_than_the_daemon_waits():
    """The unit's limit of time ends only an uploader that the daemon has given up."""
    (limit,) = [value for key, value in directives(UPLOADER) if key == "RuntimeMaxSec"]
    assert limit == "2min"
    assert COURIER_TIMEOUT_S < 120


@pytest.mark.parametrize("name", ["telemetryd.service", "telemetryd-tick.service", UPLOADER])
def test_same_filter_of_system_calls(name):
    """The three programs have one filter, and one list of variables that do not reach them."""
    same = {"SystemCallFilter", "UnsetEnvironment", "LimitCORE", "UMask", "LogLevelMax", "SyslogLevel"}
    assert [one for one in directives(name) if one[0] in same] == [one for one in directives(NAME) if one[0] in same]


def test_journal_gets_priorities():
    """What a program says to the journal has a priority, and what it says to a terminal has none."""
    script = (
        "import os, sys\nif sys.argv[1]:\n    state = os.fstat(2)\n    os.environ['JOURNAL_STREAM'] = f'{state.st_dev}:{state.st_ino}'\n"
    )
    script += "os.execv(sys.executable, [sys.executable, '-P', '-m', 'telemetryd'])"
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}
    for is_journal, beginning in (("yes", "<3>ERROR: "), ("", "ERROR: ")):
        command = [sys.executable, "-c", script, is_journal]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        assert done.stderr.startswith(beginning), done.stderr

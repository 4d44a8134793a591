import socket
import subprocess
import sys

import pytest
from support.control_groups import unit_groups
from support.machine import until
from support.manifests.handed_report import job
from support.upload_unit import say_from, upload_unit

MISUSED = 2


@pytest.fixture(scope="module")
def groups():
    """Two users' units."""
    with unit_groups() as groups:
        yield groups


@pytest.fixture
def unit(machine, groups, tmp_path):
    """The uploader's unit, on the machine."""
    with upload_unit(tmp_path, groups, machine.environ) as unit:
        yield unit


@pytest.mark.parametrize("name", ["background.slice/telemetryd.service", "background.slice/telemetryd-tick.service", "telemetryd.service"])
def test_daemon_is_served(unit, groups, name):
    """The processes of telemetryd's two units are served, in whatever slice an administrator put them."""
    assert say_from(groups, name, unit.path, "not a job\n" + "x" * 9000) == '{"result":"held","status":0,"hindrance":"report"}\n'


@pytest.mark.parametrize(
    ("name", "manager"),
    [
        ("app.slice/telemetryd-x.service", "user@1000.service"),
        ("app.slice/app-flatpak-org.example.Boxed-1.scope", "user@1000.service"),
        ("background.slice/telemetryd.service/nested", "user@1000.service"),
        ("background.slice/telemetryd-upload@1-2-3.service", "user@1000.service"),
        ("background.slice/telemetryd.service", "user@1001.service"),
        ("telemetryd.service", "."),
    ],
)
def test_strangers_are_not_served(unit, groups, machine, receiver, name, manager):
    """Whoever else connects gets not a word, and nothing of a whole job leaves, whatever it says; the journal has one line."""
    assert say_from(groups, name, unit.path, job(machine.endpoint(receiver.url()).url).decode(), manager=manager) == ""
    until(lambda: "telemetryd-upload:" in unit.log)
    assert "telemetryd-upload: only telemetryd.service and telemetryd-tick.service are served\n" in unit.log
    assert receiver.requests.empty()


def test_process_that_is_gone_is_not_served(unit, groups):
    """A connection whose process has ended is refused, although its child goes on with it: the number may be another one's by now."""
    program = (
        "import os, signal, socket, sys, time\n"
        "one = socket.socket(socket.AF_UNIX)\none.settimeout(20)\n"
        "os.kill(int(sys.argv[2]), signal.SIGSTOP)\n"
        "one.connect(sys.argv[1])\n"
        "parent = os.getpid()\n"
        "if os.fork():\n    os._exit(0)\n"
        "while os.getppid() == parent:\n    time.sleep(0.01)\n"
        "os.kill(int(sys.argv[2]), signal.SIGCONT)\n"
        "try:\n    print(one.recv(100).decode(), end='')\nexcept ConnectionError:\n    pass"
    )
    command = [*groups.prefix("background.slice/telemetryd.service"), sys.executable, "-c", program, str(unit.path), str(unit.process)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == ""
    until(lambda: "telemetryd-upload:" in unit.log)


@pytest.mark.parametrize(
    "said", [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_FDS": "1"}, {"LISTEN_PID": "own", "LISTEN_FDS": "2"}]
)
def test_descriptor_that_is_not_for_it(machine, said):
    """A descriptor that systemd has not passed to this very process is not touched, and the usage is printed."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        script = (
            "import os, sys\nos.dup2(int(sys.argv[1]), 3)\n"
            "if os.environ.get('LISTEN_PID') == 'own':\n    os.environ['LISTEN_PID'] = str(os.getpid())\n"
            "os.execv(sys.executable, [sys.executable, '-P', '-m', 'telemetryd.upload', '--activated'])"
        )
        command = [sys.executable, "-c", script, str(theirs.fileno())]
        environ = {**machine.environ, **said}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, pass_fds=(theirs.fileno(),))
    assert done.returncode == MISUSED
    assert done.stderr.startswith("usage: telemetryd-upload ")

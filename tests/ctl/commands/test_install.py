"""`telemetryctl install` and `uninstall`: after one command the bus starts the telemetryd of a virtual environment."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from support import built_wheel
from support.machine import CONTROL, Machine

UNITS, SERVICES, ENABLED = "data/systemd/user", "data/dbus-1/services", "home/systemd/user/timers.target.wants/telemetryd-tick.timer"


class User(Machine):
    """A machine whose user has telemetryd in a virtual environment, and a bus that starts what the user's own files say."""

    programs = ""

    @property
    def environ(self):
        """The environment of a user's shell, in which no variable leads to a telemetryd."""
        return super().environ | {
            "PATH": "/usr/bin:/bin",
            "XDG_DATA_HOME": str(self.root / "data"),
            "XDG_RUNTIME_DIR": str(self.root / "run"),
        }

    def telemetryctl(self, *arguments, status=0, **environ):
        """Run the command of the virtual environment; what it printed."""
        command = [f"{self.programs}/telemetryctl", *arguments]
        done = subprocess.run(command, env=self.environ | environ, cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout, done.stderr

    def files(self):
        """Every file and link of the user."""
        return {
            str(path.relative_to(self.root)) for folder in ("data", "home") for path in (self.root / folder).rglob("*") if not path.is_dir()
        }


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """The programs of a virtual environment that pip made."""
    return built_wheel.environment(tmp_path_factory.mktemp("environment") / "venv")


@pytest.fixture
def user(tmp_path, programs, request):
    """A user on a bus of their own, without systemd. The bus looks into a folder that is not there yet."""
    machine = User(tmp_path / "machine", bus=getattr(request, "param", "dbus-daemon"))
    machine.programs = programs
    (machine.root / "run/systemd").mkdir(parents=True)
    (machine.root / "services").rmdir()
    (machine.root / "services").symlink_to(machine.root / SERVICES)
    with machine:
        yield machine


@pytest.mark.parametrize("user", ["dbus-daemon", "dbus-broker"], indirect=True)
def test_first_call_is_answered(user, programs):
    """One command, and the bus starts the daemon at the first call of another program: the one of this environment."""
    assert user.busctl("call", *CONTROL, "ListApplications", check=False) == ""
    said, notes = user.telemetryctl("install", "--user")
    assert user.busctl("call", *CONTROL, "ListApplications") == "aa{sv} 0\n"
    (process,) = user.ask(
        ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"), "GetConnectionUnixProcessID", "s", CONTROL[0]
    )
    assert Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8").split("\0")[:4] == [f"{programs}/python", "-P", "-m", "telemetryd"]
    assert {line.partition(": ")[2] for line in said.splitlines()} == {
        str(user.root / name) for name in user.files() if "dbus-1/" in name or "systemd/" in name
    }
    assert all(line.startswith("Written: ") for line in said.splitlines())
    assert notes.count("\n") == 1
    assert "systemd does not answer" in notes
    os.kill(process, 15)


def test_files_and_what_enables_them(user, programs):
    """Units and activation files name this Python. The timer is enabled, and each unit is one that systemd accepts."""
    user.telemetryctl("install", "--user")
    for name in ("telemetryd.service", "telemetryd-tick.service"):
        assert f"ExecStart={programs}/python -P -m telemetryd" in (user.root / UNITS / name).read_text()
    assert f"Exec={programs}/python -P -m telemetryd\n" in (user.root / SERVICES / "org.telemetryd.Telemetry1.service").read_text()
    assert (user.root / ENABLED).readlink() == user.root / UNITS / "telemetryd-tick.timer"
    command = ["systemd-analyze", "--user", "--man=no", "verify", *sorted(map(str, (user.root / UNITS).iterdir()))]
    with tempfile.TemporaryDirectory() as runtime:  # a socket's path is short
        done = subprocess.run(command, env={**user.environ, "XDG_RUNTIME_DIR": runtime}, capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "telemetryd" in line] == []  # it looks at the system's units too
    assert user.telemetryctl("check")[0].splitlines()[-1] == "No problems."


def test_again_changes_nothing(user):
    """The second run writes nothing and says so; after a change of one file it writes that one."""
    user.telemetryctl("install", "--user")
    before = {name: (user.root / name).lstat().st_mtime_ns for name in user.files()}
    said, _ = user.telemetryctl("install", "--user")
    assert {line.partition(": ")[0] for line in said.splitlines()} == {"Unchanged"}
    assert {name: (user.root / name).lstat().st_mtime_ns for name in user.files()} == before
    with (user.root / UNITS / "telemetryd.service").open("a") as file:
        file.write("# mine\n")
    said, _ = user.telemetryctl("install", "--user")
    assert [line for line in said.splitlines() if line.startswith("Written")] == [f"Written: {user.root / UNITS / 'telemetryd.service'}"]


def test_what_is_not_written_any_more_goes(user):
    """A unit and a link that another version wrote, and this one has not, are removed."""
    user.telemetryctl("install", "--user")
    unit = user.root / UNITS / "telemetryd-tick.timer"
    unit.with_name("telemetryd-old.timer").write_text(unit.read_text())
    (user.root / ENABLED).with_name("telemetryd-old.timer").symlink_to(unit.with_name("telemetryd-old.timer"))
    said, _ = user.telemetryctl("install", "--user")
    removed = [line.rpartition("/")[2] for line in said.splitlines() if line.startswith("Removed: ")]
    assert removed == ["telemetryd-old.timer"] * 2
    assert [name for name in user.files() if "telemetryd-old" in name] == []


def test_uninstall_removes_exactly_these(user):
    """Afterwards there is what there was before, other units and other links of the user among it; a second run has nothing to do."""
    (user.root / UNITS).mkdir(parents=True)
    (user.root / UNITS / "mine.service").write_text("[Service]\nExecStart=/bin/true\n")
    (user.root / ENABLED).parent.mkdir(parents=True)
    (user.root / ENABLED).with_name("mine.service").symlink_to(user.root / UNITS / "mine.service")
    before = user.files()
    said, _ = user.telemetryctl("install", "--user")
    written = {line.partition(": ")[2] for line in said.splitlines()}
    assert len(written) > 5
    said, _ = user.telemetryctl("uninstall", "--user")
    assert {line.partition(": ")[2] for line in said.splitlines()} == written
    assert user.files() == before
    assert "nothing was installed" in user.telemetryctl("uninstall", "--user", status=4)[1]
    assert user.busctl("call", *CONTROL, "ListApplications", check=False) == ""


def test_files_of_others_stay(user):
    """A file that this command did not write is neither replaced nor removed, and then nothing at all is written."""
    (user.root / UNITS).mkdir(parents=True)
    (user.root / UNITS / "telemetryd.service").write_text("# mine\n")
    before = user.files()
    assert "this command did not write it" in user.telemetryctl("install", "--user", status=1)[1]
    assert user.files() == before
    user.telemetryctl("uninstall", "--user", status=4)
    assert (user.root / UNITS / "telemetryd.service").read_text() == "# mine\n"


def test_only_for_oneself(user):
    """Without --user nothing is done, and the error names what brings the files for all users."""
    assert "make install" in user.telemetryctl("install", status=2)[1]
    assert "--user" in user.telemetryctl("uninstall", status=2)[1]
    assert user.files() == set()


def test_a_telemetryd_that_only_a_variable_finds(user, programs, tmp_path):
    """Where only PYTHONPATH leads to telemetryd, no unit could: the command says so and writes nothing."""
    bare = tmp_path / "bare"
    shutil.copytree(programs.parent, bare, symlinks=True)
    (found,) = bare.glob("lib/*/site-packages/telemetryd")
    found.rename(tmp_path / "telemetryd")
    command = [f"{bare}/bin/python", "-m", "telemetryd.ctl", "install", "--user"]
    done = subprocess.run(command, env=user.environ | {"PYTHONPATH": str(tmp_path)}, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "without the variables of this shell, such as PYTHONPATH" in done.stderr
    assert user.files() == set()

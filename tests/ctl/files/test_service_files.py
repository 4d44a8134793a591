"""Units and activation files as they are installed: for a system's directories, and for one interpreter."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from telemetryd.ctl.files import service_files
from telemetryd.ctl.files.service_files import ACTIVATION, UNITS

ROOT = Path(__file__).parents[3]
PYTHON = "/home/ada/.venv/bin/python"


def users_own(**options):
    """The files for an interpreter, name → text."""
    known = {"has_users_packages": False, "has_window": True} | options
    return {file.name: file.text for file in service_files.for_interpreter(PYTHON, **known)}


def test_every_file_of_the_folders_is_installed():
    """What stands in systemd/ and dbus/ is a template, without a list that would have to name it; interfaces are none."""
    found = {(file.kind, file.name) for file in service_files.templates()}
    units = {(UNITS, path.name.removesuffix(".in")) for path in (ROOT / "systemd").iterdir()}
    activation = {(ACTIVATION, path.name.removesuffix(".in")) for path in (ROOT / "dbus").iterdir() if path.suffix != ".xml"}
    assert len(units) > 2
    assert len(activation) > 1
    assert found == units | activation


def test_system_directories():
    """For a system each program is in the directory of programs, and nothing else of a template changes."""
    for file, template in zip(service_files.for_system("/opt/bin"), service_files.templates(), strict=True):
        assert file.text == template.text.replace("@bindir@/telemetry", "/opt/bin/telemetry").replace(
            "/usr/bin/telemetry", "/opt/bin/telemetry"
        )
        assert not re.search("@[a-z]+@", file.text)
    assert (
        "ExecStart=/opt/bin/telemetryd --leave-when-idle\n"
        in {file.name: file.text for file in service_files.for_system("/opt/bin")}["telemetryd.service"]
    )


def test_one_interpreter():
    """For an interpreter each program is a module of it, found without the working directory."""
    files = users_own()
    assert f"ExecStart={PYTHON} -P -m telemetryd --leave-when-idle\n" in files["telemetryd.service"]
    assert f"ExecStart={PYTHON} -P -m telemetryd --tick\n" in files["telemetryd-tick.service"]
    assert f"Exec={PYTHON} -P -m telemetryd\n" in files["org.telemetryd.Control1.service"]
    assert not [text for text in files.values() if re.search("@[a-z]+@", text)]


def test_without_the_window():
    """Where the window cannot run, nothing is written that would start it, and no timer of it; the rest is the same."""
    without = users_own(has_window=False)
    assert not [text for text in without.values() if "telemetryd.settings" in text]
    left_out = users_own().keys() - without.keys()
    started = {name.partition(".")[0] for name, text in users_own().items() if "telemetryd.settings" in text and "[Service]" in text}
    assert {name for name in left_out if "[D-BUS Service]" not in users_own()[name]} == {
        name for name in users_own() if name.partition(".")[0] in started
    }
    assert {name: users_own()[name] for name in without} == without
    assert {"telemetryd.service", "org.telemetryd.Control1.service", "telemetryd-tick.timer"} <= without.keys()


def test_modules_are_the_programs():
    """The modules that stand for programs are those whose function the package's programs call."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {name: target.removesuffix("__main__:main").removesuffix(".") for name, target in scripts.items()} == service_files.MODULES


def test_users_packages():
    """Where telemetryd is among the user's own packages nothing hides those, and no line is left that would empty the environment."""
    assert [name for name, text in users_own().items() if "PYTHONNOUSERSITE=1" in text] != []
    for text in users_own(has_users_packages=True).values():
        assert "PYTHONNOUSERSITE" not in text
        assert "Environment=\n" not in text
    lines = {name: set(text.splitlines()) for name, text in users_own().items()}
    for name, text in users_own(has_users_packages=True).items():
        assert [line for line in lines[name] - set(text.splitlines()) if not line.startswith("Environment=")] == []


def test_home_is_hidden_but_for_the_interpreter():
    """A unit that hides the home directory shows the interpreter's folders in it, to be read; all other lines stay."""
    shown = users_own(in_home=["/home/ada/.venv", "/home/ada/my python"])
    hiding = "ProtectHome=tmpfs"
    for name, text in users_own().items():
        assert shown[name] == text.replace(hiding, f'{hiding}\nBindReadOnlyPaths=/home/ada/.venv "/home/ada/my python"')


@pytest.mark.parametrize("path", ["python", "/a\nb", "/a'b", '/a"b', "/a$b", "/a%b", "/a\\b", "/a;b", ""])
def test_paths_that_mean_something_else(path):
    """A path that systemd or the bus would read otherwise is refused, with what is expected."""
    with pytest.raises(ValueError, match="expected an absolute path"):
        service_files.for_interpreter(path, has_users_packages=False, has_window=True)
    with pytest.raises(ValueError, match="expected an absolute path"):
        service_files.for_system(path)


def test_blanks_in_a_path(tmp_path):
    """There is nothing for systemd to say of units whose interpreter lies in a folder with a blank in its name."""
    python = tmp_path / "my programs/python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    units = tmp_path / "units"
    units.mkdir()
    for file in service_files.for_interpreter(
        str(python), has_users_packages=True, has_window=True, in_home=[str(python.parent), "/home/ada"]
    ):
        if file.kind == UNITS:
            (units / file.name).write_text(file.text)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    command = ["systemd-analyze", "--user", "--man=no", "verify", *sorted(map(str, units.iterdir()))]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_enabled_by_their_own_words():
    """A unit is enabled where its [Install] section says: the timer by timers.target, the services not at all."""
    wanted = {file.name: file.wanted_by for file in service_files.templates()}
    assert wanted["telemetryd-tick.timer"] == ("timers.target.wants",)
    assert wanted["telemetryd.service"] == wanted["org.telemetryd.Control1.service"] == ()

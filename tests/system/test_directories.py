"""Where files are looked for."""

import os
import subprocess
import sys
from pathlib import Path

from telemetryd.system import directories

HOME = {"XDG_CONFIG_HOME": "/home/ada/config", "XDG_STATE_HOME": "/home/ada/state"}


def test_defaults():
    """The system's directories, in the order in which they win."""
    assert directories.config_directories({}) == (Path("/etc/telemetryd"), Path("/usr/share/telemetryd"))
    assert directories.data_directories({}) == (Path("/etc/telemetryd"), Path("/usr/local/share/telemetryd"), Path("/usr/share/telemetryd"))
    assert directories.overrides({}) == []


def test_overrides_replace_the_defaults_whole():
    """The variables replace all of the system's directories, and are told."""
    environ = {"TELEMETRYD_CONFIG_DIRS": "/a:/b", "TELEMETRYD_DATA_DIRS": "/c:"}
    assert directories.config_directories(environ) == (Path("/a/telemetryd"), Path("/b/telemetryd"))
    assert directories.data_directories(environ) == (Path("/c/telemetryd"),)
    assert directories.overrides(environ) == ["TELEMETRYD_CONFIG_DIRS", "TELEMETRYD_DATA_DIRS"]


def test_an_empty_override_is_none():
    """An empty variable is as good as none, so that it does not hide the administrator's files. Policy: C4."""
    environ = {"TELEMETRYD_CONFIG_DIRS": "", "TELEMETRYD_DATA_DIRS": ""}
    assert directories.config_directories(environ) == directories.config_directories({})
    assert directories.data_directories(environ) == directories.data_directories({})
    assert directories.overrides(environ) == []


def test_xdg_variables():
    """The user's directories and KUserFeedback's follow the XDG variables."""
    assert directories.user_config_directory(HOME) == Path("/home/ada/config/telemetryd")
    assert directories.state_directory(HOME) == Path("/home/ada/state/telemetryd")
    assert directories.xdg_config_directories(HOME) == (Path("/home/ada/config"), Path("/etc/xdg"))
    plasma = HOME | {"XDG_CONFIG_DIRS": "/etc/xdg/plasma:relative:/etc/xdg"}
    assert directories.xdg_config_directories(plasma) == (Path("/home/ada/config"), Path("/etc/xdg/plasma"), Path("/etc/xdg"))


def test_home_without_xdg_variables(tmp_path):
    """Without XDG variables, and with relative ones, which the specification has ignored, the directories lie in the home."""
    calls = "d.user_config_directory(os.environ), d.state_directory(os.environ)"
    code = f"import os; from telemetryd.system import directories as d; print({calls})"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")} | {"HOME": str(tmp_path)}
    for extra in ({}, {"XDG_CONFIG_HOME": "relative", "XDG_STATE_HOME": ""}):
        printed = subprocess.run([sys.executable, "-c", code], env=environ | extra, capture_output=True, text=True, check=True).stdout
        assert printed.split() == [f"{tmp_path}/.config/telemetryd", f"{tmp_path}/.local/state/telemetryd"]
    assert list(tmp_path.iterdir()) == []


def test_a_relative_path_is_refused_by_ourselves(tmp_path):
    """A relative path counts as unset without platformdirs being asked, whose older versions obey it; a colon is a part of a path."""
    code = "import os, sys; sys.modules['platformdirs'] = None; from telemetryd.system import directories as d; "
    code += "print(d.user_config_directory(os.environ), d.state_directory(os.environ))"
    for config, state in (("relative", "./relative"), ("~/x", "..")):
        environ = os.environ | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": config, "XDG_STATE_HOME": state}
        printed = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True).stdout
        assert printed.split() == [f"{tmp_path}/.config/telemetryd", f"{tmp_path}/.local/state/telemetryd"]
    assert directories.state_directory({"XDG_STATE_HOME": "/home/a:b"}) == Path("/home/a:b/telemetryd")

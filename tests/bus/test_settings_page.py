"""The example of a settings page in C++ compiles and runs with each Qt that is installed; `make generators` installs both."""

import os
import shutil
import subprocess

import pytest
from support.machine import ROOT, Machine

FOLDER = ROOT / "docs/examples/settings"
pkg_config = shutil.which("pkg-config")


@pytest.mark.parametrize("version", [5, 6])
def test_the_program_in_c_plus_plus(version, tmp_path):
    """It compiles without a warning for Qt 5 and Qt 6, where they are installed, and runs."""
    modules = [f"Qt{version}{name}" for name in ("Widgets", "DBus")]
    if not pkg_config or not shutil.which("c++") or subprocess.run([pkg_config, "--exists", *modules], check=False).returncode:
        pytest.skip(f"Qt {version} for C++ comes with `make generators`")
    flags = subprocess.run([pkg_config, "--cflags", "--libs", *modules], capture_output=True, text=True, check=True).stdout.split()
    program = tmp_path / "settings_page"
    source = str(FOLDER / "settings_page.cpp")
    subprocess.run(["c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fPIC", "-o", str(program), source, *flags], check=True)
    with Machine(tmp_path / "machine") as machine:
        environ = {**machine.environ, "QT_QPA_PLATFORM": "offscreen"}
        with subprocess.Popen([str(program)], env=environ) as process:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
            process.terminate()
    assert os.access(program, os.X_OK)

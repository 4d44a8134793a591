"""A real xdg-dbus-proxy before a machine's bus, as a Flatpak has it: programs behind it see the names that they may talk to.

with filtered_bus(machine, "org.telemetryd.Telemetry1") as address:
"""

import contextlib
import os
import shutil
import subprocess

import pytest

PROXY = shutil.which("xdg-dbus-proxy")


@contextlib.contextmanager
def filtered_bus(machine, *names):
    """The address of the filtered bus; the test is skipped where Debian's xdg-dbus-proxy is not installed."""
    if PROXY is None:
        pytest.skip("xdg-dbus-proxy is not installed: make test installs it")
    socket, (reading, writing) = machine.root / "filtered-bus", os.pipe()
    permitted = [f"--talk={name}" for name in names]
    command = [PROXY, f"--fd={writing}", machine.address, str(socket), "--filter", *permitted]
    with subprocess.Popen(command, pass_fds=(writing,)) as process:
        os.close(writing)
        os.read(reading, 1)  # it listens
        try:
            yield f"unix:path={socket}"
        finally:
            os.close(reading)
            process.wait(10)  # it ends with its pipe

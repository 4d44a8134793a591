import os
import subprocess
import sys
from pathlib import Path

import pytest

from telemetryd.bus.transport.library import CHOICE, NAME

MODULES = ("test_callers.py", "test_dispatch.py", "test_members.py", "test_sandbox.py", "transport/test_array_body.py")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("library", {"dbus-fast", "dbus-next"} - {NAME})
def test_the_other_library_passes_the_same_tests(library):
    """Dispatch and identity hold under both D-Bus libraries: their tests pass with the one that is not in use here, too."""
    command = [sys.executable, "-m", "pytest", "-q", *(Path(__file__).parent / name for name in MODULES)]
    done = subprocess.run(command, env={**os.environ, CHOICE: library}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout

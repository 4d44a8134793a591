"""`make demo` does what it says, and says so if it does not."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[1] / "packaging/demo/demo.py"


def play(tmp_path, **environ):
    """The demo as a process that leaves its folders in tmp_path, if it leaves any."""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", **environ}
    return subprocess.run([sys.executable, DEMO], env=environment, capture_output=True, text=True, timeout=210, check=False)


@pytest.mark.timeout(240)
def test_every_step_holds(tmp_path):
    """It ends with status 0 after all eight steps, in their order, in at most 100 columns without colours, and leaves nothing behind."""
    done = play(tmp_path, DO_NOT_TRACK="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r"^(\d)\. ", done.stdout, re.MULTILINE) == list("12345678")
    assert done.stdout.count("✓ ") >= 25
    assert [line for line in done.stdout.splitlines() if len(line) > 100 or "\x1b" in line] == []
    assert list(tmp_path.iterdir()) == []


def test_failing_step_is_named(tmp_path):
    """Where a step cannot hold (here an application cannot run) it is named, the status is 1, and nothing is left behind."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/dbus-send").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin/dbus-send").chmod(0o755)
    done = play(tmp_path, PATH=f"{tmp_path}/bin:{Path(sys.executable).parent}:/usr/bin:/bin")
    assert done.returncode == 1
    assert done.stderr.startswith("FAILED: Nothing is stored before consent: sh session.sh ended with 1")
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]

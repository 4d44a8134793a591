"""The fixture of every test that is a coroutine."""

import subprocess
import sys

import pytest
from support.machine import ROOT

LEAVING = """
import asyncio

async def test_leaves():
    asyncio.get_running_loop().create_task({})
    await asyncio.sleep(0)
"""


@pytest.mark.parametrize(("left", "status"), [("asyncio.sleep(60)", 1), ("asyncio.sleep(0)", 0), ("asyncio.sleep(60)).cancel(", 0)])
def test_a_task_left_behind_fails(tmp_path, left, status):
    """A test that forgets a task which still runs fails, and says what was left; one whose tasks have ended, or were told to, does not."""
    path = tmp_path / "test_it.py"
    path.write_text(LEAVING.format(left))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-c", ROOT / "pyproject.toml", "--rootdir", tmp_path, path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout
    assert ("left behind: ['sleep']" in done.stdout) is bool(status)

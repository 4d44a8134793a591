"""The names of all tests as they are at another time and in another order of sets.

python tests/support/collected.py      prints them; packaging/check.sh does so before the tests, and their compiled modules are kept
"""

import os
import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.shifted_time import shifted_by

ROOT = Path(__file__).parents[2]
DAYS = 1500


def names_at_another_time(places=(str(ROOT / "tests"),), folder=ROOT):
    """The names of the tests in these places, in their order, as pytest finds them in a folder.

    A bus is shared by the tests of several files, so the order within a file depends on which other files there are.
    """
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *places]
    change = {"PYTHONHASHSEED": "2"} | shifted_by(DAYS * 86400)
    done = subprocess.run(command, cwd=folder, env={**os.environ, **change}, stdout=subprocess.PIPE, text=True, check=True)
    return [line for line in done.stdout.splitlines() if "::" in line]


if __name__ == "__main__":
    sys.stdout.writelines(f"{name}\n" for name in names_at_another_time())

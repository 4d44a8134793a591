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


def names_at_another_time():
    """Every test's name, in the order of the tests."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", str(ROOT / "tests")]
    change = {"PYTHONHASHSEED": "2"} | shifted_by(DAYS * 86400)
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **change}, stdout=subprocess.PIPE, text=True, check=True)
    return [line for line in done.stdout.splitlines() if "::" in line]


if __name__ == "__main__":
    sys.stdout.writelines(f"{name}\n" for name in names_at_another_time())

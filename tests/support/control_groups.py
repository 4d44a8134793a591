"""Control groups as systemd makes them for a user's units, made by hand: real ones, with real processes in them.

with unit_groups() as groups:                        # skips the test where nobody may make control groups
    groups.prefix("telemetryd.service")              # what runs a command in that unit
"""

import contextlib
import os
from functools import partial
from pathlib import Path

import pytest
from support.confinements import IS_ROOT, top_group
from support.machine import until

RUN_IN = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
"""What a shell does to run a command in a group."""


class UnitGroups:
    """The groups of two users' managers."""

    def __init__(self, top):
        self._top = top

    def prefix(self, unit, *, manager="user@1000.service"):
        """What runs a command in a unit, such as `background.slice/telemetryd.service`, of a manager."""
        group = self._top / manager / unit
        group.mkdir(parents=True, exist_ok=True)
        return ("sh", "-c", RUN_IN, str(group))

    def remove(self):
        """Remove the groups, whose processes end."""
        for folder, _, _ in os.walk(self._top, topdown=False):
            until(partial(_is_removed, Path(folder)))


def _is_removed(folder):
    with contextlib.suppress(OSError):
        folder.rmdir()
    return not folder.exists()


@contextlib.contextmanager
def unit_groups():
    """The groups, for a test."""
    top = top_group()
    if not IS_ROOT or top is None or not os.access(top, os.W_OK):
        pytest.skip("control groups of version 2 cannot be made here")
    groups = UnitGroups(top / f"telemetryd-test-{os.getpid()}")
    try:
        yield groups
    finally:
        groups.remove()

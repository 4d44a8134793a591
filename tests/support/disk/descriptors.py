"""What this process has open, as the kernel names it, and what it cannot open."""

import resource
from contextlib import contextmanager, suppress
from pathlib import Path


def open_files(folder):
    """What this process has open in a folder: path (` (deleted)` behind it, if no directory names it) → descriptors."""
    found = {}
    for entry in sorted(Path("/proc/self/fd").iterdir()):
        with suppress(OSError):
            found.setdefault(str(entry.readlink()), []).append(int(entry.name))
    return {name: numbers for name, numbers in found.items() if name.startswith(str(folder))}


def open_logs(folder):
    """The descriptors of the databases' logs in a folder."""
    logs = [numbers for name, numbers in open_files(folder).items() if name.removesuffix(" (deleted)").endswith("-wal")]
    return [number for numbers in logs for number in numbers]


@contextmanager
def none_left():
    """This process can open nothing in the block, as if too much were open: the kernel refuses, and no file changes."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

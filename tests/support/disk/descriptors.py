"""What this process has open, as the kernel names it."""

from contextlib import suppress
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

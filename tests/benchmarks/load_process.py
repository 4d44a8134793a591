"""What the kernel says of a process: memory, wake-ups, and what it wrote."""

import re
from pathlib import Path
from typing import NamedTuple

KIB_A_MB = 1000 / 1.024
"""The kernel's kB are KiB; goals are in MB."""


class Memory(NamedTuple):
    """Memory in MB: all that is resident, and the part that would be free without the process."""

    resident: float
    private: float


def memory(process):
    """The memory of a process now."""
    text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    sizes = {name: int(size) / KIB_A_MB for name, size in re.findall(r"^(\w+): +(\d+) kB$", text, re.MULTILINE)}
    return Memory(sizes["Rss"], sizes["Private_Clean"] + sizes["Private_Dirty"])


def forget_peak(process):
    """Let the peak of resident memory begin anew."""
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def peak(process):
    """The peak of resident memory (MB) since then."""
    return _number(f"/proc/{process.pid}/status", "VmHWM") / KIB_A_MB


def wake_ups(process):
    """How often any thread of a process, of those that live, has gone to sleep and was woken."""
    return sum(_number(task / "status", "voluntary_ctxt_switches") for task in Path(f"/proc/{process.pid}/task").iterdir())


class Written(NamedTuple):
    """Bytes: given to the kernel by write calls (sockets do not count), and made dirty in the page cache, by whole pages."""

    calls: int
    pages: int


def written(process):
    """What a process has written so far."""
    return Written(*(_number(f"/proc/{process.pid}/io", name) for name in ("wchar", "write_bytes")))


def _number(path, name):
    return int(re.search(rf"^{name}:\s+(\d+)", Path(path).read_text(), re.MULTILINE)[1])

"""For how long a process sleeps, as the kernel says."""

from pathlib import Path

EPOLL_WAIT = {"232", "281", "22"}
"""epoll_wait and epoll_pwait on x86_64, epoll_pwait elsewhere."""


def sleeps_s(process):
    """For how long a process is going to sleep if nobody calls (0 while it works). Raises PermissionError where that is not shown."""
    name, *arguments = Path(f"/proc/{process.pid}/syscall").read_text().split()
    return int(arguments[3], 16) / 1000 if name in EPOLL_WAIT else 0

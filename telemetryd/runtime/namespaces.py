"""Whether this process was put into a user namespace of its own. There it cannot tell a sandboxed program from one of the host."""

from __future__ import annotations

import array
import fcntl
import os

CONFINED = (
    "telemetryd is in a user namespace of its own, so it cannot find out who calls, and refuses everybody. A directive of its unit "
    "made that namespace (PrivateTmp=, ProtectSystem= and others, see docs/administration.md)"
)

_INITIAL = 0xEFFFFFFD
"""Inode of the kernel's first user namespace (PROC_USER_INIT_INO)."""
_GET_OWNER = 0xB704
"""NS_GET_OWNER_UID of ioctl_ns(2)."""


def is_in_own_user_namespace() -> bool:
    """Whether this user made the user namespace, and the parent process is not in it. False if it cannot be found out."""
    owner = array.array("I", [0])
    try:
        own = os.open("/proc/self/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        inode = os.fstat(own).st_ino
        fcntl.ioctl(own, _GET_OWNER, owner)
    except OSError:
        return False
    finally:
        os.close(own)
    return inode != _INITIAL and owner[0] == os.geteuid() and inode != _parents_inode()


def _parents_inode() -> int:
    """Inode of the parent's user namespace, or 0: the kernel does not show it from inside another one."""
    try:
        return os.stat(f"/proc/{os.getppid()}/ns/user").st_ino  # noqa: PTH116 - a start need not make paths for it
    except OSError:
        return 0

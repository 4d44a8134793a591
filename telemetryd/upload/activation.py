"""The connection that systemd accepted for this uploader, and whether its other side may use it. Policy: C1, C6.

The socket lies in the user's runtime directory, so any program of the user can connect to it. Only the daemon and the timer's run are
served. They are known by their units: a program that is confined to another control group cannot take their place. A program of the user
that nothing confines can, as it can do everything else that the user can.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from telemetryd.errors import TelemetrydError

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVED = ("telemetryd.service", "telemetryd-tick.service")
"""The units whose processes are served."""

_FIRST_DESCRIPTOR = 3
"""SD_LISTEN_FDS_START of sd_listen_fds(3)."""
_PEER_PIDFD = getattr(socket, "SO_PEERPIDFD", 77)
"""Linux 6.5; Python 3.11 to 3.14 do not name it."""
_CREDENTIALS = struct.Struct("3i")
"""`struct ucred` of unix(7): process, user, group."""


class StrangerError(TelemetrydError):
    """The other side of the connection is not served."""


def accepted_connection(environ: Mapping[str, str]) -> socket.socket:
    """The one connection that systemd passes. Raises ValueError or OSError if there is none."""
    if (environ.get("LISTEN_PID"), environ.get("LISTEN_FDS")) != (str(os.getpid()), "1"):
        raise ValueError("expected one connection from systemd")
    return socket.socket(fileno=_FIRST_DESCRIPTOR)


def check_peer(connection: socket.socket) -> None:
    """Check that the process that connected belongs to a served unit of this process's own manager. Raises StrangerError.

    A process that has ended is refused, because its number may be another one's by now.
    """
    try:
        pid, user, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        process = _pidfd(connection, pid)
        try:
            manager, unit = _place(str(pid))
            has_ended = bool(select.select([process], [], [], 0)[0])
        finally:
            os.close(process)
        own_manager, _ = _place("self")
    except OSError as error:
        raise StrangerError(f"it cannot be found out who connected: {error.strerror}") from error
    if has_ended or user != os.getuid() or manager != own_manager or unit not in SERVED:
        raise StrangerError(f"only {' and '.join(SERVED)} are served")


def _pidfd(connection: socket.socket, pid: int) -> int:
    """A descriptor of the process that connected. Before Linux 6.5, of the process that has its number now."""
    try:
        return connection.getsockopt(socket.SOL_SOCKET, _PEER_PIDFD)
    except OSError:
        return os.pidfd_open(pid)


def _place(process: str) -> tuple[str, str]:
    """The control group of a process's manager, and the name of its unit. Raises OSError."""
    for line in Path("/proc", process, "cgroup").read_text().splitlines():
        if line.startswith("0::"):
            *groups, unit = line.removeprefix("0::").split("/")
            while groups and groups[-1].endswith(".slice"):
                groups.pop()
            return "/".join(groups), unit
    raise OSError(0, "expected control groups of version 2")

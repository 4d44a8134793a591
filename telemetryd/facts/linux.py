"""The system facts of a Linux machine, from the kernel, os-release and the session's environment.

What is read here is exact and goes into `core.coarsen` and nowhere else: never into a log or an error. Policy: A3, P2.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from telemetryd.core.limits import FACT_BYTES
from telemetryd.core.system import memory_gib

if TYPE_CHECKING:
    from collections.abc import Mapping

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "armv8l": "armv7l", "i386": "i686", "i486": "i686", "i586": "i686"}
"""Other names of a declared architecture: 32-bit programs on a 64-bit ARM kernel see `armv8l`, older kernels name older x86 models."""
_NO_DESKTOP = {"", "unspecified", "tty"}
"""Session types that say nothing of a desktop which was started from there."""


class LinuxFacts:
    """The port `SystemFacts`; `root` is where `/proc`, `/etc` and `/usr` are found, `environ` the daemon's own environment."""

    def __init__(self, environ: Mapping[str, str], root: Path = Path("/")) -> None:
        self._environ, self._root = environ, root

    def read(self, name: str) -> int | str | None:
        """The exact value of one system fact, or None where it cannot be known."""
        match name:
            case "memory":
                return self._memory()
            case "cpu_count":
                return cpu_count()
            case "architecture":
                return architecture(os.uname().machine)
            case "os":
                return self._os()
            case "session_type":
                return self._session_type()
            case _:
                return None

    def _memory(self) -> int | None:
        """Installed GiB."""
        found = re.search(r"^MemTotal:\s*(\d+) kB$", self._text("proc/meminfo") or "", re.MULTILINE | re.ASCII)
        return memory_gib(int(found[1])) if found else None

    def _os(self) -> str | None:
        """`ID` of os-release(5), whose default is `linux`; the second file counts only where the first is absent."""
        text = self._text("etc/os-release")
        if text is None:
            text = self._text("usr/lib/os-release")
        if text is None:
            return None
        ids = re.findall(r"^\s*ID=([\"']?)([^\"'\s]*)\1\s*$", text, re.MULTILINE)
        return ids[-1][1] if ids else "linux"

    def _session_type(self) -> str | None:
        """What the login manager said, or the display that is there.

        A daemon that the bus or systemd starts sees XDG_SESSION_TYPE only where the desktop exports it to them; a display it always sees,
        or no program started that way would find it. A desktop started from a console has that console's type, and a display too.
        logind's own record is not read: its files are private to it.
        """
        said = self._environ.get("XDG_SESSION_TYPE", "")
        if said not in _NO_DESKTOP:
            return said
        if self._environ.get("WAYLAND_DISPLAY"):
            return "wayland"
        # A display with a host is a remote one, forwarded into a console.
        if self._environ.get("DISPLAY", "").startswith(":"):
            return "x11"
        return "tty" if said == "tty" else None

    def _text(self, path: str) -> str | None:
        try:
            with (self._root / path).open("rb") as file:
                return file.read(FACT_BYTES).decode(errors="replace")
        except OSError:
            return None


def cpu_count() -> int | None:
    """Processors that are online in this machine, hardware threads counted: whatever a container or affinity leaves to this process."""
    # os.cpu_count() can be overridden by PYTHON_CPU_COUNT.
    count = os.sysconf("SC_NPROCESSORS_ONLN")
    return count if count > 0 else None


def architecture(machine: str) -> str:
    """The declared name of what uname(2) calls a machine; any other name stays as it is."""
    return _MACHINES.get(machine, machine)

"""The system facts of a Linux machine, from the kernel, os-release and the session's environment.

The values are exact and go only into `core.answers.coarsen`, never into a log or an error. Policy: A3, P2.
"""

from __future__ import annotations

import os
import re
import subprocess
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from telemetryd.core.limits import FACT_BYTES, FACT_S
from telemetryd.core.system_facts import memory_gib

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "armv8l": "armv7l", "i386": "i686", "i486": "i686", "i586": "i686"}
"""Other names of a declared architecture. 32-bit programs on a 64-bit ARM kernel see `armv8l`; older kernels name older x86 models."""
_HYPERVISORS = ("qemu", "kvm", "vmware", "virtualbox", "innotek", "xen", "bochs", "parallels", "bhyve", "virtual machine", "amazon ec2")
"""Vendors and models of virtual machines, as their firmware names them: systemd-detect-virt's list in lower case."""
_DETECTORS = ("usr/bin/systemd-detect-virt", "run/current-system/sw/bin/systemd-detect-virt")
"""Paths of systemd's own detection, which knows far more than a list of vendors."""
_NO_DESKTOP = {"", "unspecified", "tty"}
"""Session types from which a desktop may have been started, so they do not exclude one."""
_NO_LANGUAGE = {"C", "POSIX"}
"""Locales in which gettext translates nothing, whatever LANGUAGE says; in C.UTF-8 it does."""


class LinuxFacts:
    """The port `SystemFacts`. `root` holds `/proc`, `/etc` and `/usr`; `environ` is the daemon's own environment."""

    def __init__(self, environ: Mapping[str, str], root: Path = Path("/")) -> None:
        self._environ, self._root = environ, root

        self._readers: Mapping[str, Callable[[], int | float | str | None]] = {
            "memory": self._memory,
            "cpu_count": cpu_count,
            "architecture": lambda: architecture(os.uname().machine),
            "os": self._os,
            "os_version": self._os_version,
            "kernel": lambda: kernel(os.uname().release),
            "session_type": self._session_type,
            "desktop": self._desktop,
            "locale_language": self._language,
            "virtual_machine": self._virtual_machine,
            "screen_count": self._screen_count,
            "screen_height": self._screen_height,
        }

    def read(self, name: str) -> int | float | str | None:
        """The exact value of one system fact, or None if it is unknown."""
        reader = self._readers.get(name)
        return reader() if reader else None

    def _memory(self) -> int | None:
        """Installed GiB."""
        match = re.search(r"^MemTotal:\s*(\d+) kB$", self._text("proc/meminfo") or "", re.MULTILINE | re.ASCII)
        return memory_gib(int(match[1])) if match else None

    def _os(self) -> str | None:
        """`ID` of os-release(5), whose default is `linux`."""
        text = self._os_release()
        return None if text is None else _assigned_value(text, "ID") or "linux"

    def _os_version(self) -> float | None:
        """The first two numbers of `VERSION_ID` in os-release(5), such as 24.04; rolling distributions have none."""
        match = re.match(r"\d{1,4}(?:\.\d{1,2})?(?!\d)", _assigned_value(self._os_release() or "", "VERSION_ID"), re.ASCII)
        return float(match[0]) if match else None

    def _os_release(self) -> str | None:
        """The text of os-release(5). The second file counts only if the first is absent."""
        text = self._text("etc/os-release")
        return self._text("usr/lib/os-release") if text is None else text

    def _session_type(self) -> str | None:
        """The login manager's XDG_SESSION_TYPE, or else the type of the display.

        If the bus or systemd starts the daemon, it sees XDG_SESSION_TYPE only if the desktop exports it to them. It always sees the
        display, because programs that start in this way need it. A desktop that was started from a console has the console's type and a
        display. logind's record is not read, because its files are private.
        """
        session_type = self._environ.get("XDG_SESSION_TYPE", "")
        if session_type not in _NO_DESKTOP:
            return session_type
        if self._environ.get("WAYLAND_DISPLAY"):
            return "wayland"
        # A display with a host is a remote one, forwarded into a console.
        if self._environ.get("DISPLAY", "").startswith(":"):
            return "x11"
        return "tty" if session_type == "tty" else None

    def _desktop(self) -> str | None:
        """The last name of XDG_CURRENT_DESKTOP, which goes from specific to general: `ubuntu:GNOME`."""
        name = self._environ.get("XDG_CURRENT_DESKTOP", "").rpartition(":")[2]
        return name.lower().removeprefix("x-") or None

    def _language(self) -> str | None:
        """The first language of messages, by gettext's rules: LANGUAGE, which Plasma sets, then the locale; none if the locale is C."""
        locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := self._environ.get(name))), "C")
        names = [] if locale in _NO_LANGUAGE else [*self._environ.get("LANGUAGE", "").split(":"), locale]
        language = re.match(r"[a-z]{2,3}(?=[_.@]|$)", next(filter(None, names), ""), re.ASCII)
        return language[0] if language else None

    def _virtual_machine(self) -> bool | None:
        """The detection by systemd; without systemd, by the processor and the firmware."""
        return self._has_virtual_hardware() if self._detection is None else self._detection

    @cached_property
    def _detection(self) -> bool | None:
        """Whether systemd detects a virtual machine, containers excluded; None if it cannot be run. Cached, because it takes a process."""
        for path in _DETECTORS:
            try:
                done = subprocess.run([self._root / path, "--vm"], capture_output=True, check=False, timeout=FACT_S, text=True)
            except (OSError, ValueError, subprocess.SubprocessError):
                continue
            if match := re.fullmatch(r"([a-z0-9-]+)\n", done.stdout, re.ASCII):
                return match[1] != "none"
        return None

    def _has_virtual_hardware(self) -> bool | None:
        """Whether the x86 processor has the hypervisor flag, or the firmware or device tree names a known vendor."""
        cpu = self._text("proc/cpuinfo")
        if cpu is not None and re.search(r"^flags\s*:.*\bhypervisor\b", cpu, re.MULTILINE):
            return True
        makers = [
            self._text(path) for path in ("sys/class/dmi/id/sys_vendor", "sys/class/dmi/id/product_name", "proc/device-tree/compatible")
        ]
        vendors = " ".join(maker for maker in makers if maker).lower()
        if any(maker in vendors for maker in _HYPERVISORS):
            return True
        return False if cpu is not None or vendors else None

    def _screen_count(self) -> int | None:
        """The number of connectors with a screen; None if the kernel drives no graphics card."""
        connectors = self._connectors()
        return len([connector for connector in connectors if self._is_connected(connector)]) if connectors else None

    def _screen_height(self) -> int | None:
        """Lines of the tallest preferred mode, the first that a connector lists. A rotated screen counts as if it were not rotated."""
        modes = [
            (self._text(f"{connector}/modes") or "").split("\n")[0] for connector in self._connectors() if self._is_connected(connector)
        ]
        heights = [int(match[1]) for mode in modes if (match := re.fullmatch(r"\d{1,5}x(\d{1,5})i?", mode, re.ASCII))]
        return max(heights, default=None)

    def _connectors(self) -> list[str]:
        """Paths such as `sys/class/drm/card0-HDMI-A-1`."""
        folder = self._root / "sys/class/drm"
        try:
            names = sorted(path.name for path in folder.iterdir())
        except OSError:
            return []
        return [f"sys/class/drm/{name}" for name in names if re.match(r"card\d+-(?!Writeback)", name, re.ASCII)]

    def _is_connected(self, connector: str) -> bool:
        return (self._text(f"{connector}/status") or "").strip() == "connected"

    def _text(self, path: str) -> str | None:
        try:
            with (self._root / path).open("rb") as file:
                return file.read(FACT_BYTES).decode(errors="replace")
        except OSError:
            return None


def cpu_count() -> int | None:
    """Online processors of the machine, with hardware threads; limits of a container or of the affinity do not count."""
    # os.cpu_count() can be overridden by PYTHON_CPU_COUNT.
    count = os.sysconf("SC_NPROCESSORS_ONLN")
    return count if count > 0 else None


def kernel(release: str) -> int | None:
    """Major and minor version as one number: 612 for uname(2)'s `6.12.48+deb13-amd64`."""
    match = re.match(r"(\d{1,3})\.(\d{1,2})(?!\d)", release, re.ASCII)
    return int(match[1]) * 100 + int(match[2]) if match else None


def _assigned_value(text: str, name: str) -> str:
    """The last value of a name in a file of shell assignments, or ""."""
    values = re.findall(rf"^\s*{name}=([\"']?)([^\"'\s]*)\1\s*$", text, re.MULTILINE)
    return str(values[-1][1]) if values else ""


def architecture(machine: str) -> str:
    """The declared name of uname(2)'s machine; an unknown name stays as it is."""
    return _MACHINES.get(machine, machine)

"""The system facts of a Linux machine, from the kernel, os-release and the session's environment.

What is read here is exact and goes into `core.coarsen` and nowhere else: never into a log or an error. Policy: A3, P2.
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
"""Other names of a declared architecture: 32-bit programs on a 64-bit ARM kernel see `armv8l`, older kernels name older x86 models."""
_HYPERVISORS = ("qemu", "kvm", "vmware", "virtualbox", "innotek", "xen", "bochs", "parallels", "bhyve", "virtual machine", "amazon ec2")
"""Makers and models of virtual machines, as their firmware names them (systemd-detect-virt's list, in lower case)."""
_DETECTORS = ("usr/bin/systemd-detect-virt", "run/current-system/sw/bin/systemd-detect-virt")
"""Where systemd's own detection is: it knows far more than a list of makers does."""
_NO_DESKTOP = {"", "unspecified", "tty"}
"""Session types that say nothing of a desktop which was started from there."""
_NO_LANGUAGE = {"C", "POSIX"}
"""Locales in which gettext translates nothing, whatever LANGUAGE says; in C.UTF-8 it does."""


class LinuxFacts:
    """The port `SystemFacts`; `root` is where `/proc`, `/etc` and `/usr` are found, `environ` the daemon's own environment."""

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
        """The exact value of one system fact, or None where it cannot be known."""
        reader = self._readers.get(name)
        return reader() if reader else None

    def _memory(self) -> int | None:
        """Installed GiB."""
        found = re.search(r"^MemTotal:\s*(\d+) kB$", self._text("proc/meminfo") or "", re.MULTILINE | re.ASCII)
        return memory_gib(int(found[1])) if found else None

    def _os(self) -> str | None:
        """`ID` of os-release(5), whose default is `linux`."""
        text = self._os_release()
        return None if text is None else _assigned(text, "ID") or "linux"

    def _os_version(self) -> float | None:
        """The first two numbers of `VERSION_ID` in os-release(5), 24.04 as 24.04; rolling distributions have none."""
        found = re.match(r"\d{1,4}(?:\.\d{1,2})?(?!\d)", _assigned(self._os_release() or "", "VERSION_ID"), re.ASCII)
        return float(found[0]) if found else None

    def _os_release(self) -> str | None:
        """The second file counts only where the first is absent."""
        text = self._text("etc/os-release")
        return self._text("usr/lib/os-release") if text is None else text

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

    def _desktop(self) -> str | None:
        """The last name of XDG_CURRENT_DESKTOP, which goes from special to general (`ubuntu:GNOME`)."""
        name = self._environ.get("XDG_CURRENT_DESKTOP", "").rpartition(":")[2]
        return name.lower().removeprefix("x-") or None

    def _language(self) -> str | None:
        """The first language of messages, as gettext finds it: LANGUAGE (which Plasma writes) before the locale, unless that is C."""
        locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := self._environ.get(name))), "C")
        names = [] if locale in _NO_LANGUAGE else [*self._environ.get("LANGUAGE", "").split(":"), locale]
        language = re.match(r"[a-z]{2,3}(?=[_.@]|$)", next(filter(None, names), ""), re.ASCII)
        return language[0] if language else None

    def _virtual_machine(self) -> bool | None:
        """What systemd detects; without it, what the processor and the makers say."""
        return self._by_makers() if self._detected is None else self._detected

    @cached_property
    def _detected(self) -> bool | None:
        """`none` or a name; containers are not meant, and a detection that fails says nothing. Asked once: it takes a process."""
        for path in _DETECTORS:
            try:
                done = subprocess.run([self._root / path, "--vm"], capture_output=True, check=False, timeout=FACT_S, text=True)
            except (OSError, ValueError, subprocess.SubprocessError):
                continue
            if found := re.fullmatch(r"([a-z0-9-]+)\n", done.stdout, re.ASCII):
                return found[1] != "none"
        return None

    def _by_makers(self) -> bool | None:
        """What the processor says of a hypervisor (x86), or who made the machine, by its firmware or device tree."""
        cpu = self._text("proc/cpuinfo")
        if cpu is not None and re.search(r"^flags\s*:.*\bhypervisor\b", cpu, re.MULTILINE):
            return True
        makers = [
            self._text(path) for path in ("sys/class/dmi/id/sys_vendor", "sys/class/dmi/id/product_name", "proc/device-tree/compatible")
        ]
        known = " ".join(maker for maker in makers if maker).lower()
        if any(maker in known for maker in _HYPERVISORS):
            return True
        return False if cpu is not None or known else None

    def _screen_count(self) -> int | None:
        """Connectors of the kernel's graphics cards with a screen; None where the kernel drives no graphics card."""
        connectors = self._connectors()
        return len([one for one in connectors if self._is_connected(one)]) if connectors else None

    def _screen_height(self) -> int | None:
        """Lines of the tallest preferred mode, which is the first that a connector lists; a turned screen counts as mounted."""
        modes = [(self._text(f"{one}/modes") or "").split("\n")[0] for one in self._connectors() if self._is_connected(one)]
        heights = [int(found[1]) for mode in modes if (found := re.fullmatch(r"\d{1,5}x(\d{1,5})i?", mode, re.ASCII))]
        return max(heights, default=None)

    def _connectors(self) -> list[str]:
        """`sys/class/drm/card0-HDMI-A-1` and the like."""
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
    """Processors that are online in this machine, hardware threads counted: whatever a container or affinity leaves to this process."""
    # os.cpu_count() can be overridden by PYTHON_CPU_COUNT.
    count = os.sysconf("SC_NPROCESSORS_ONLN")
    return count if count > 0 else None


def kernel(release: str) -> int | None:
    """612 for `6.12.48+deb13-amd64`, as uname(2) names it."""
    found = re.match(r"(\d{1,3})\.(\d{1,2})(?!\d)", release, re.ASCII)
    return int(found[1]) * 100 + int(found[2]) if found else None


def _assigned(text: str, name: str) -> str:
    """The last value that a file of shell assignments gives a name, or "" without."""
    values = re.findall(rf"^\s*{name}=([\"']?)([^\"'\s]*)\1\s*$", text, re.MULTILINE)
    return str(values[-1][1]) if values else ""


def architecture(machine: str) -> str:
    """The declared name of what uname(2) calls a machine; any other name stays as it is."""
    return _MACHINES.get(machine, machine)

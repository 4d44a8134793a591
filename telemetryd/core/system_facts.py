"""The system facts: sources that the daemon itself measures, so that no application has to. Policy: A3, M2, P2.

Their bins never change, because consent covers them and answers of different years must be comparable. Other bins get another name. All
facts use the last value of the period, and have at most 12 cells. A question may keep fewer with `coarser`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from telemetryd.core.definition import Combine, Source, SourceType
from telemetryd.core.translation import mark

if TYPE_CHECKING:
    from collections.abc import Mapping

SYSTEM = "org.telemetryd.system"
"""The application part of every reference to a system fact."""

_KIB_PER_GIB = 1 << 20

# The ids of /etc/os-release of ten distributions; all else is `other`, because each value more takes more reports.
# Source: the Steam Hardware Survey, Linux only, of October and November 2025: steamos about 27 %, then arch, linuxmint, cachyos, bazzite
# and ubuntu with 4 to 10 % each, about 18 % in none of the 15 listed. It counts players; debian, fedora, manjaro and opensuse-tumbleweed
# are a choice of ours, for the desktops at work that it misses.
_OS_IDS = ("arch", "bazzite", "cachyos", "debian", "fedora", "linuxmint", "manjaro", "opensuse-tumbleweed", "steamos", "ubuntu")

# Releases that are a few years apart: Debian's from 12 to 15, Ubuntu's and Mint's from 20 to 28, Fedora's from 40 on. Rolling distributions
# have no version and give none.
_OS_VERSIONS = (12, 13, 14, 20, 22, 24, 26, 40, 42, 44)

# The kernels with long-term support of 2020 to 2025 (kernel.org): 5.10, 5.15, 6.1, 6.6, 6.12, 6.18; then the next major.
_KERNELS = (510, 515, 601, 606, 612, 618, 700)

# Names of the freedesktop.org registry for XDG_CURRENT_DESKTOP, in lower case and without `X-`.
_DESKTOPS = ("budgie", "cinnamon", "cosmic", "gnome", "hyprland", "kde", "lxqt", "mate", "sway", "xfce")

# ISO 639-1. The ten languages with the most translated desktop messages and users of Linux are a choice of ours.
_LANGUAGES = ("de", "en", "es", "fr", "it", "ja", "pl", "pt", "ru", "zh")

# Machine names of uname(2), in sorted order like all values.
_ARCHITECTURES = ("aarch64", "armv7l", "i686", "ppc64le", "riscv64", "x86_64")


def reference(name: str) -> str:
    """The reference to a system fact in a question."""
    return f"{SYSTEM}/{name}"


def _number(name: str, description: str, edges: tuple[int, ...], unit: str = "") -> Source:
    return Source(reference(name), SourceType.NUMBER, description, Combine.LAST, unit=unit, edges=edges)


def _choice(name: str, description: str, values: tuple[str, ...]) -> Source:
    return Source(reference(name), SourceType.CHOICE, description, Combine.LAST, values=values)


SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "memory": _number("memory", mark("Memory that is installed in this machine"), (2, 4, 8, 16, 32), "GiB"),
        "cpu_count": _number("cpu_count", mark("Number of this machine's processors"), (2, 4, 8, 16)),
        "architecture": _choice("architecture", mark("Kind of this machine's processors"), _ARCHITECTURES),
        "os": _choice("os", mark("Operating system of this machine, without its version"), _OS_IDS),
        "session_type": _choice("session_type", mark("Kind of the desktop session"), ("tty", "wayland", "x11")),
        "os_version": _number("os_version", mark("Version of the operating system, its first two numbers"), _OS_VERSIONS),
        "kernel": _number("kernel", mark("Version of the kernel, 612 for 6.12"), _KERNELS),
        "desktop": _choice("desktop", mark("Desktop environment"), _DESKTOPS),
        "locale_language": _choice("locale_language", mark("Language of the session, without its country"), _LANGUAGES),
        "virtual_machine": Source(
            reference("virtual_machine"), SourceType.FLAG, mark("Whether this machine is a virtual one"), Combine.LAST
        ),
        "screen_count": _number("screen_count", mark("Number of screens that are connected"), (1, 2, 3)),
        "screen_height": _number(
            "screen_height", mark("Height of the tallest screen that is connected"), (800, 1080, 1200, 1440, 2160), mark("pixels")
        ),
    }
)
"""Name → source; `id` is the reference, as in a question's fields."""


def memory_gib(total_kib: int) -> int:
    """The installed memory in GiB for a MemTotal in KiB. It is the next of 1, 2, 3, 4, 6, 8, 12, 16, 24, 32 and so on.

    MemTotal excludes memory of the firmware, the graphics and the kernel, so a machine with 16 GiB shows a little less. The steps are
    powers of two and one and a half times those.
    """
    size = 1
    while size * _KIB_PER_GIB < total_kib:
        if (size * 3 // 2) * _KIB_PER_GIB >= total_kib:
            return size * 3 // 2
        size *= 2
    return size

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.core.definition import Combine
from telemetryd.core.privacy.admissibility import most_cells
from telemetryd.core.system_facts import SOURCES, SYSTEM, memory_gib, reference

GIB = 1 << 20


def test_bins_are_frozen():
    """The bins of the system facts never change: other bins need another name."""
    assert {name: source.labels for name, source in SOURCES.items()} == {
        "memory": ("<2", "2..4", "4..8", "8..16", "16..32", ">=32"),
        "cpu_count": ("<2", "2..4", "4..8", "8..16", ">=16"),
        "architecture": ("aarch64", "armv7l", "i686", "ppc64le", "riscv64", "x86_64", "other"),
        "os": (
            *("arch", "bazzite", "cachyos", "debian", "fedora", "linuxmint"),
            *("manjaro", "opensuse-tumbleweed", "steamos", "ubuntu", "other"),
        ),
        "session_type": ("tty", "wayland", "x11", "other"),
        "os_version": ("<12", "12..13", "13..14", "14..20", "20..22", "22..24", "24..26", "26..40", "40..42", "42..44", ">=44"),
        "kernel": ("<510", "510..515", "515..601", "601..606", "606..612", "612..618", "618..700", ">=700"),
        "desktop": ("budgie", "cinnamon", "cosmic", "gnome", "hyprland", "kde", "lxqt", "mate", "sway", "xfce", "other"),
        "locale_language": ("de", "en", "es", "fr", "it", "ja", "pl", "pt", "ru", "zh", "other"),
        "virtual_machine": ("false", "true"),
        "screen_count": ("<1", "1..2", "2..3", ">=3"),
        "screen_height": ("<800", "800..1080", "1080..1200", "1200..1440", "1440..2160", ">=2160"),
    }


@pytest.mark.parametrize("name", SOURCES)
def test_each_fits_the_default_protection(name):
    """Each fact alone, with `none`, has at most half of the answers that the default ε admits; it goes by its reference."""
    source = SOURCES[name]
    assert len(source.labels) + 1 <= most_cells(2.0) // 2
    assert source.id == reference(name) == f"{SYSTEM}/{name}"
    assert source.combine is Combine.LAST
    assert list(source.values) == sorted(source.values)


def test_sources_cannot_be_changed():
    """The system facts cannot be changed at run time."""
    with pytest.raises(TypeError):
        SOURCES["serial"] = SOURCES["os"]


@pytest.mark.parametrize(
    ("total_kib", "gib"),
    [
        (0, 1),
        (1 * GIB, 1),
        (1 * GIB + 1, 2),
        (2_000_000, 2),
        (3_900_000, 4),
        (5 * GIB, 6),
        (7_900_000, 8),
        (16_267_000, 16),
        (16 * GIB, 16),
        (16 * GIB + 1, 24),
        (24 * GIB + 1, 32),
        (32_700_000, 32),
        (33 * GIB, 48),
        (65_700_000, 64),
        (90 * GIB, 96),
    ],
)
def test_memory_is_the_installed_size(total_kib, gib):
    """Memory of the firmware and the kernel does not lower the size: the next usual size counts."""
    assert memory_gib(total_kib) == gib


@given(st.integers(0, 1 << 50))
def test_memory_covers_the_total(total_kib):
    """The installed size is never below MemTotal, and above 1 GiB never twice as large."""
    size = memory_gib(total_kib) * GIB
    assert size >= total_kib
    assert size == GIB or size < 2 * total_kib


def test_page_lists_every_fact_with_its_bins():
    """The manual's table has a row for each fact, with exactly its bins. Policy: T2."""
    page = (Path(__file__).parents[2] / "docs/manifest.md").read_text()
    for name, source in SOURCES.items():
        assert f"| `{name}` | {', '.join(source.labels)}{' ' + source.unit if source.unit else ''} |" in page

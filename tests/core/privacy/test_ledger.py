"""The privacy budget: exact sums, three caps, and true sentences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.machine import KATE_2026

from telemetryd.core.causes import Cause, because
from telemetryd.core.privacy.ledger import Caps, Charge, Line, Sums, caps_of, charge_for, lines, revealed
from telemetryd.core.privacy.odds import Revealed
from telemetryd.core.settings import Budgets
from telemetryd.toml import manifest

CAPS = caps_of(Budgets(), is_spent=False)
HOST, KEY = "telemetry.example.org", ("org.kde.kate", "startup-time")


def entry(tenths=20, source="org.kde.kate/startup", *, host=HOST, year=2026, is_charged=False):
    """An answer about one source."""
    return Charge(host, year, tenths, (source,), is_charged)


SOURCE_CAP = because(Cause.NO_ROOM, cap="source", source="org.kde.kate/startup")


def test_caps():
    """The caps are those of the settings in tenths; all caps of a lost ledger are 0."""
    assert Caps(40, 160, 640) == CAPS
    assert caps_of(Budgets(), is_spent=True) == (0, 0, 0)


def test_entry_names_the_whole_sources():
    """A question charges its ε to each source, under the source's global name."""
    text = KATE_2026.replace('sources = ["startup"]', 'sources = ["startup", "org.telemetryd.system/memory"]\nepsilon = 1.5')
    text += 'coarser = { "org.telemetryd.system/memory" = [4] }\n'
    definition = manifest.parse(text).definitions[0]
    assert charge_for(definition, HOST, 2026) == Charge(HOST, 2026, 15, ("org.kde.kate/startup", "org.telemetryd.system/memory"))


@pytest.mark.parametrize(
    ("kept", "wanted", "cap"),
    [
        ([], entry(40), None),
        ([], entry(41), SOURCE_CAP),
        ([entry(20)], entry(20), None),
        ([entry(20), entry(1)], entry(20), SOURCE_CAP),
        ([entry(40, host="other.example")], entry(1), SOURCE_CAP),
        ([entry(40, f"a.b.c/{n}") for n in range(4)], entry(1), because(Cause.NO_ROOM, cap="year", host=HOST, year="2026")),
        ([entry(40, f"a.b.c/{n}") for n in range(4)], entry(1, year=2027), None),
        ([entry(40, f"a.b.c/{n}", host="other.example") for n in range(4)], entry(1), None),
        ([entry(40, f"a.b.c/{n}", year=2010 + n) for n in range(16)], entry(1), because(Cause.NO_ROOM, cap="life", host=HOST)),
    ],
)
def test_obstacle(kept, wanted, cap):
    """An answer needs room under the host's caps for life and for the year, and under each source's cap across hosts."""
    assert Sums(CAPS, kept).obstacle(wanted) == cap


ENTRIES = st.builds(
    Charge,
    st.sampled_from([HOST, "other.example"]),
    st.integers(2026, 2028),
    st.integers(1, 40),
    st.lists(st.sampled_from(["a/x", "a/y", "b/z", "org.telemetryd.system/memory"]), min_size=1, max_size=3, unique=True).map(tuple),
    st.booleans(),
)


@given(st.lists(ENTRIES, max_size=24), ENTRIES)
def test_sums(entries, wanted):
    """An answer fits exactly if no cap is exceeded with it; sums that were copied grow apart; whether an answer is charged is nothing."""
    caps = Caps(40, 100, 150)
    sums = Sums(caps, entries)
    before = sums.is_exceeded
    other = sums.copy()
    other.add(wanted)
    assert (sums.is_exceeded, other.is_exceeded) == (before, Sums(caps, [*entries, wanted._replace(is_charged=True)]).is_exceeded)
    by_key = {("a.b.c", str(number)): one for number, one in enumerate(entries)}
    assert before == any(line.spent + line.reserved > line.cap for line in lines(by_key, caps) if not line.application)
    if not before:
        assert bool(sums.obstacle(wanted)) == other.is_exceeded


def test_lines():
    """The lines have every sum with a cap: hosts for life and by year, sources across hosts, then applications; spent apart from held.

    Each line counts its answers, both spent and held.
    """
    entries = {
        ("org.kde.kate", "p"): entry(20, is_charged=True),
        ("org.kde.kate", "q"): entry(10, host="other.example"),
        ("a.b.c", "q"): entry(5, "a.b.c/x", year=2027),
    }
    assert lines(entries, CAPS) == [
        Line("other.example", "", 0, 0, 10, 640),
        Line("other.example", "", 2026, 0, 10, 160),
        Line(HOST, "", 0, 20, 5, 640, answers=1),
        Line(HOST, "", 2026, 20, 0, 160, answers=1),
        Line(HOST, "", 2027, 0, 5, 160),
        Line("", "a.b.c/x", 0, 0, 5, 40),
        Line("", "org.kde.kate/startup", 0, 20, 10, 40, answers=1),
        Line("", "", 0, 0, 5, 0, "a.b.c"),
        Line("", "", 0, 20, 10, 0, "org.kde.kate", 1),
    ]


def test_what_a_line_stands_for():
    """A line knows the largest of its answers and how many they are, promised ones included; other lines' answers do not count."""
    entries = {("a.b.c", "p"): entry(20), ("a.b.c", "q"): entry(5), ("d.e.f", "p"): entry(30, "d.e.f/x", host="other.example")}
    assert revealed(Line(HOST, "", 0, 20, 5, 640), entries) == Revealed(2.0, 0.5, 2.0, 2)
    assert revealed(Line(HOST, "", 2027, 0, 0, 160), entries) == Revealed(0, 0, 0, 0)
    assert revealed(Line("", "d.e.f/x", 0, 0, 30, 40), entries) == Revealed(0, 3.0, 3.0, 1)
    assert revealed(Line("", "", 0, 20, 5, 0, "a.b.c"), entries) == Revealed(2.0, 0.5, 2.0, 2, "a.b.c")

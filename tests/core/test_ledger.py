"""The privacy budget: exact sums, three caps, and words that are true."""

import random

import pytest
from harness import KATE_2026
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.core.ledger import Caps, Entry, Line, caps_of, entry_of, is_exceeded, lines, obstacle, reserve, words
from telemetryd.core.settings import Budgets
from telemetryd.toml import manifest

CAPS = caps_of(Budgets(), is_spent=False)
HOST = "telemetry.example.org"


def entry(tenths=20, source="org.kde.kate/startup", *, host=HOST, year=2026, is_charged=False):
    """An answer about one source."""
    return Entry(host, year, tenths, (source,), is_charged)


def test_caps():
    """The caps are those of the settings in tenths; a lost ledger leaves nothing."""
    assert Caps(40, 160, 640) == CAPS
    assert caps_of(Budgets(), is_spent=True) == (0, 0, 0)


def test_entry_names_the_whole_sources():
    """A question costs its ε for each source, by the name that it has for everyone."""
    text = KATE_2026.replace('sources = ["startup"]', 'sources = ["startup", "org.telemetryd.system/memory"]\nepsilon = 1.5')
    text = text.replace('draw = "first"', 'coarser = { "org.telemetryd.system/memory" = [4] }')
    definition = manifest.parse(text).definitions[0]
    assert entry_of(definition, HOST, 2026) == Entry(HOST, 2026, 15, ("org.kde.kate/startup", "org.telemetryd.system/memory"))


@pytest.mark.parametrize(
    ("kept", "wanted", "text"),
    [
        ([], entry(40), ""),
        ([], entry(41), "the budget of org.kde.kate/startup is spent"),
        ([entry(20)], entry(20), ""),
        ([entry(20), entry(1)], entry(20), "the budget of org.kde.kate/startup is spent"),
        ([entry(40, host="other.example")], entry(1), "the budget of org.kde.kate/startup is spent"),
        ([entry(40, f"a.b.c/{n}") for n in range(4)], entry(1), f"the budget of {HOST} for 2026 is spent"),
        ([entry(40, f"a.b.c/{n}") for n in range(4)], entry(1, year=2027), ""),
        ([entry(40, f"a.b.c/{n}", host="other.example") for n in range(4)], entry(1), ""),
        ([entry(40, f"a.b.c/{n}", year=2010 + n) for n in range(16)], entry(1), f"the budget of {HOST} is spent"),
    ],
)
def test_obstacle(kept, wanted, text):
    """An answer finds room under its host's cap for life, its host's cap for the year, and each source's cap across hosts."""
    assert obstacle(kept, wanted, CAPS) == text


ENTRIES = st.builds(
    Entry,
    st.sampled_from([HOST, "other.example"]),
    st.integers(2026, 2028),
    st.integers(1, 40),
    st.lists(st.sampled_from(["a/x", "a/y", "b/z", "org.telemetryd.system/memory"]), min_size=1, max_size=3, unique=True).map(tuple),
    st.booleans(),
)


@given(st.dictionaries(st.tuples(st.sampled_from("abc"), st.sampled_from("pqrstuvw")), ENTRIES, max_size=24), st.integers(0, 2**32))
def test_reserving_never_exceeds_a_cap_and_refuses_nothing_without_reason(wanted, seed):
    """Whatever is asked for in whatever order, no cap is exceeded, and each question that is refused would exceed one."""
    caps = Caps(40, 100, 150)
    reserved, refused = reserve({}, wanted, caps, random.Random(seed).randrange)
    assert reserved.keys() | refused.keys() == wanted.keys()
    assert not reserved.keys() & refused.keys()
    assert not is_exceeded(reserved.values(), caps)
    assert all(is_exceeded([*reserved.values(), wanted[key]], caps) for key in refused)


def test_order_of_reserving_is_random():
    """Which of two questions finds room is a matter of chance, so it tells nothing."""
    wanted = {("a", "p"): entry(30), ("a", "q"): entry(30)}
    winners = {next(iter(reserve({}, wanted, CAPS, random.Random(seed).randrange)[0])) for seed in range(20)}
    assert winners == wanted.keys()


def test_lines():
    """Every sum that a cap bounds: hosts for life and by year, sources across hosts; spent apart from reserved."""
    entries = [entry(20, is_charged=True), entry(10, host="other.example"), entry(5, "a.b.c/x", year=2027)]
    assert lines(entries, CAPS) == [
        Line("other.example", "", 0, 0, 10, 640),
        Line("other.example", "", 2026, 0, 10, 160),
        Line(HOST, "", 0, 20, 5, 640),
        Line(HOST, "", 2026, 20, 0, 160),
        Line(HOST, "", 2027, 0, 5, 160),
        Line("", "a.b.c/x", 0, 0, 5, 40),
        Line("", "org.kde.kate/startup", 0, 20, 10, 40),
    ]


def test_words_for_one_answer():
    """One answer of ε = 2 multiplies odds by e² = 7.389 at most: told rounded up, and as what even odds become."""
    assert words(Line(HOST, "", 0, 20, 0, 640), [entry(20)]) == (
        "This answer can multiply anyone's odds about you by at most 7.4 (even odds become 88 %)."
    )


def test_words_for_several():
    """Two answers about one thing multiply to e⁴ = 54.6 if someone ties them together; nothing is said of how sure anyone becomes."""
    text = words(Line("", "org.telemetryd.system/memory", 0, 20, 20, 40), [entry(20, "org.telemetryd.system/memory")] * 2)
    assert text == (
        "Each answer can multiply anyone's odds about you by at most 7.4 (even odds become 88 %). Reports carry nothing that ties them"
        " together, but whoever records network addresses could tie yours, and then the factors multiply:"
        " about org.telemetryd.system/memory at most × 55."  # noqa: RUF001 - the sign of multiplication
    )
    assert "sure" not in text


@pytest.mark.parametrize(
    ("tenths", "factor"), [(1, "1.2"), (5, "1.7"), (20, "7.4"), (23, "10.0"), (24, "12"), (46, "100"), (160, "8,900,000")]
)
def test_factors_are_rounded_up(tenths, factor):
    """A bound is never told too small."""
    (told,) = [words(Line(HOST, "", 0, tenths, 0, 640), [entry(tenths)]).split("at most ")[1].split(" (")[0]]
    assert told == factor


def test_no_answer_has_no_words():
    """A line without answers says nothing."""
    assert words(Line(HOST, "", 0, 0, 0, 640), []) == ""

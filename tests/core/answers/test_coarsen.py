import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.core.answers.coarsen import coarsener, expected_type
from telemetryd.core.definition import Combine, Source, SourceType
from telemetryd.errors import InvalidValueError

NUMBER = Source("startup", SourceType.NUMBER, "Start", Combine.LAST, "ms", edges=(-5, 0, 0.5, 2000))
TOTAL = Source("saves", SourceType.COUNT, "Saves", Combine.SUM, edges=(1, 10, 100))
PROGRAMS = Source("programs", SourceType.COUNT, "Programs", Combine.APPLICATIONS, edges=(1, 10, 100))
FLAG = Source("crashed", SourceType.FLAG, "Crash", Combine.ANY)
CHOICE = Source("platform", SourceType.CHOICE, "Windows", Combine.LAST, values=("x11", "wayland"))
ALL = (NUMBER, TOTAL, PROGRAMS, FLAG, CHOICE)

RANGES = {
    "y": (0, 255),
    "n": (-(2**15), 2**15 - 1),
    "q": (0, 2**16 - 1),
    "i": (-(2**31), 2**31 - 1),
    "u": (0, 2**32 - 1),
    "x": (-(2**63), 2**63 - 1),
    "t": (0, 2**64 - 1),
}
"""The D-Bus integers."""


def of_code(code):
    """A strategy of (type code, value) for one D-Bus integer."""
    return st.tuples(st.just(code), st.integers(*RANGES[code]))


INTEGERS = st.sampled_from(sorted(RANGES)).flatmap(of_code)
DOUBLES = st.tuples(st.just("d"), st.floats(allow_nan=False, allow_infinity=False))
NUMBERS = INTEGERS | DOUBLES
COUNTS = NUMBERS.filter(lambda pair: pair[1] >= 0 and Fraction(pair[1]).denominator == 1)
TEXTS = st.tuples(st.sampled_from("sog"), st.text() | st.sampled_from(["x11", "wayland", "other", "1.5", "true"]))
BOOLEANS = st.tuples(st.just("b"), st.booleans())
ANYTHING = st.one_of(
    *(NUMBERS, TEXTS, BOOLEANS),
    st.tuples(st.just("d"), st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7e308])),
    st.tuples(st.sampled_from(["v", "as", "ad", "ay", "(ii)", "a{sv}", "h", ""]), st.lists(st.integers()) | st.just({})),
)


def bin_by_definition(source, value):
    """The number of the bin that contains a value, by the meaning of the labels: `<a`, [a, b) …, `>=z`."""
    exact = Fraction(value)
    return sum(Fraction(edge) <= exact for edge in source.edges)


def reducer(source):
    """The function that reduces a single value of a source."""
    return lambda code, value: coarsener(source)(code, (value,))[0]


@given(st.sampled_from(ALL), ANYTHING)
def test_total(source, pair):
    """Each value is either reduced to the number of a bin, or refused with an error that says what was expected."""
    code, value = pair
    try:
        reduced = reducer(source)(code, value)
    except InvalidValueError as error:
        assert str(error) == expected_type(source)  # noqa: PT017 - most values are taken
    else:
        assert type(reduced) is int
        assert 0 <= reduced < (101 if source is TOTAL else len(source.labels))


@given(NUMBERS)
def test_numbers(pair):
    """Every D-Bus integer and finite double falls into the bin of its label."""
    assert reducer(NUMBER)(*pair) == bin_by_definition(NUMBER, pair[1])


@given(COUNTS)
def test_counts(pair):
    """A count falls into its bin, and a total keeps nothing above the last edge."""
    assert reducer(PROGRAMS)(*pair) == bin_by_definition(PROGRAMS, pair[1])
    assert reducer(TOTAL)(*pair) == min(int(pair[1]), 100)


@given(NUMBERS, NUMBERS)
def test_monotone(first, second):
    """A larger value never falls into a lower bin."""
    (_, low), (_, high) = sorted((first, second), key=lambda pair: Fraction(pair[1]))
    assert reducer(NUMBER)("d", low) <= reducer(NUMBER)("d", high)


@given(st.lists(NUMBERS))
def test_inputs_of_one_bin_are_indistinguishable(pairs):
    """The result depends on the bin alone: it has the same value and type for every input of the bin."""
    coarsen = reducer(NUMBER)
    kept = {}
    for pair in pairs:
        kept.setdefault(bin_by_definition(NUMBER, pair[1]), set()).add((type(coarsen(*pair)), coarsen(*pair)))
    assert all(len(bins) == 1 for bins in kept.values())


@given(st.sampled_from(ALL), st.lists(ANYTHING))
def test_many(source, pairs):
    """Many values of one type are reduced as each alone, or refused together if any is."""
    for code in {code for code, _ in pairs}:
        values = [value for other, value in pairs if other == code]
        try:
            each = [reducer(source)(code, value) for value in values]
        except InvalidValueError:
            with pytest.raises(InvalidValueError):
                coarsener(source)(code, values)
        else:
            assert coarsener(source)(code, values) == each


@given(st.text())
def test_choices(value):
    """A declared value has its own number; all others have that of `other`."""
    assert reducer(CHOICE)("s", value) == {"x11": 0, "wayland": 1}.get(value, 2)


@pytest.mark.parametrize(
    ("source", "code", "value", "label"),
    [
        (NUMBER, "d", -0.0, "0..0.5"),
        (NUMBER, "d", -5e-324, "-5..0"),
        (NUMBER, "d", 0.5, "0.5..2000"),
        (NUMBER, "d", math.nextafter(2000, 0), "0.5..2000"),
        (NUMBER, "i", 2000, ">=2000"),
        (NUMBER, "t", 2**64 - 1, ">=2000"),
        (NUMBER, "x", -(2**63), "<-5"),
        (PROGRAMS, "d", -0.0, "<1"),
        (PROGRAMS, "d", 10.0, "10..100"),
        (PROGRAMS, "d", 1e300, ">=100"),
        (PROGRAMS, "y", 0, "<1"),
        (FLAG, "b", True, "true"),
        (FLAG, "b", False, "false"),
        (CHOICE, "s", "wayland", "wayland"),
        (CHOICE, "s", "Wayland", "other"),
        (CHOICE, "s", "other", "other"),
        (CHOICE, "s", "", "other"),
    ],
)
def test_edges(source, code, value, label):
    """The cases at the edges: minus zero is zero, an edge belongs to the upper bin, the largest integers are numbers."""
    assert source.labels[reducer(source)(code, value)] == label


REFUSED = [
    *((source, code, value) for source in (NUMBER, TOTAL, PROGRAMS) for code, value in [("b", True), ("s", "1.5"), ("s", "7"), ("o", "/")]),
    *((source, "d", value) for source in (NUMBER, TOTAL, PROGRAMS) for value in [math.nan, math.inf, -math.inf]),
    *((source, "d", value) for source in (TOTAL, PROGRAMS) for value in [1.5, -1.0, 5e-324, -0.5]),
    *((source, "i", -1) for source in (TOTAL, PROGRAMS)),
    *((FLAG, code, value) for code, value in [("s", "true"), ("i", 1), ("y", 0), ("d", 1.0)]),
    *((CHOICE, code, value) for code, value in [("b", True), ("i", 1), ("o", "/x11"), ("g", "x11"), ("d", 1.0)]),
    *((source, code, ["secret"]) for source in ALL for code in ["v", "as", "ai", "(s)", "a{sv}", "h", ""]),
]


@pytest.mark.parametrize(("source", "code", "value"), REFUSED)
def test_refused(source, code, value):
    """A value that does not fit is refused, with the same error whatever the value."""
    with pytest.raises(InvalidValueError) as caught:
        reducer(source)(code, value)
    assert str(caught.value) == expected_type(source)
    assert caught.value.bus_name == "org.telemetryd.Error.InvalidValue"
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_expectations():
    """The error says what was expected, by the source's type and by the member that was called."""
    assert "a text is not a number, even if it reads like one" in expected_type(NUMBER)
    assert "of at least 0" in expected_type(TOTAL)
    assert expected_type(FLAG) == "source crashed takes a flag: a D-Bus boolean (b)"
    assert expected_type(CHOICE, many=True) == "source platform takes a choice: a D-Bus string (s), or an array of one of these types"

"""Tallies against a model that keeps every sample."""

import sys
from array import array
from collections import Counter
from datetime import date
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.manifests.core_questions import define

from telemetryd.core.answers import aggregate
from telemetryd.core.answers.coarsen import coarsener
from telemetryd.core.answers.report import cell_of_bins, label_of_cell
from telemetryd.core.definition import Combine, Source, SourceType

EDGES, COARSE = (2, 5, 10), (5,)
VALUES, COARSE_VALUES = ("a", "b", "c"), ("b",)
_NUMBER_COMBINES = (Combine.LAST, Combine.MIN, Combine.MAX, Combine.MEDIAN)
NUMBERS = [Source("n", SourceType.NUMBER, "n", combine, edges=EDGES) for combine in _NUMBER_COMBINES]
CHOICES = [Source("c", SourceType.CHOICE, "c", combine, values=VALUES) for combine in (Combine.LAST, Combine.MODE)]
FLAGS = [Source("f", SourceType.FLAG, "f", combine) for combine in (Combine.LAST, Combine.ANY, Combine.ALL)]
COUNTS = [Source("k", SourceType.COUNT, "k", combine, edges=EDGES) for combine in (Combine.SUM, Combine.APPLICATIONS)]
ALL = [*NUMBERS, *CHOICES, *FLAGS, *COUNTS]
CODES = {SourceType.NUMBER: "d", SourceType.CHOICE: "s", SourceType.FLAG: "b", SourceType.COUNT: "t"}
SAMPLES = {
    SourceType.NUMBER: st.floats(-20, 20),
    SourceType.CHOICE: st.sampled_from([*VALUES, "secret"]),
    SourceType.FLAG: st.booleans(),
    SourceType.COUNT: st.integers(0, 12),
}


def coarsened(source):
    """The source as a question with `coarser` asks for it."""
    if source.type is SourceType.CHOICE:
        return source._replace(values=COARSE_VALUES)
    return source._replace(edges=COARSE) if source.edges else source


def slots_of(*sources, coarse=False):
    """The layout of a question over sources, in full or coarsened."""
    fields = tuple(coarsened(source) if coarse else source for source in sources)
    return aggregate.layout(define(*fields), sources)


def tally(slots, sources, samples):
    """The tally of samples, each (stamp, number of the source, exact value)."""
    cells = aggregate.empty_tally(slots)
    for stamp, number, value in samples:
        source = sources[number]
        reduced = coarsener(source)(CODES[source.type], (value,))
        aggregate.fold(slots[number])(cells, reduced, stamp)
    return cells


def label(field, value):
    """The label of one exact value."""
    return field.labels[coarsener(field._replace(combine=Combine.LAST))(CODES[field.type], (value,))[0]]


def most_frequent(bins):
    """The most frequent bin, of equally frequent ones the lowest."""
    counts = Counter(bins)
    return min(number for number in counts if counts[number] == max(counts.values()))


OF_BINS = {
    Combine.LAST: lambda bins: bins[-1],
    Combine.MIN: min,
    Combine.ALL: min,
    Combine.MAX: max,
    Combine.ANY: max,
    Combine.MEDIAN: lambda bins: sorted(bins)[(len(bins) - 1) // 2],
    Combine.MODE: most_frequent,
}


def by_definition(field, values, programs):
    """The label of all samples of one source, by the words of the design; `programs` is how many applications pushed it."""
    if not values:
        return None
    if field.type is SourceType.COUNT:
        return label(field, sum(values) if field.combine is Combine.SUM else programs)
    return field.labels[OF_BINS[field.combine]([field.labels.index(label(field, value)) for value in values])]


@st.composite
def pushed(draw):
    """One to three sources, whether the question is coarser, and samples (application, source, value) in the order of their coming."""
    sources = draw(st.lists(st.sampled_from(ALL), min_size=1, max_size=3))
    push = st.integers(0, len(sources) - 1).flatmap(lambda n: st.tuples(st.integers(0, 3), st.just(n), SAMPLES[sources[n].type]))
    return sources, draw(st.booleans()), draw(st.lists(push, max_size=30))


def tallies_of(slots, sources, samples):
    """One tally for each application, as the daemon keeps them."""
    stamped = [(stamp, *sample) for stamp, sample in enumerate(samples, 1)]
    return [
        tally(slots, sources, [(stamp, number, value) for stamp, other_pusher, number, value in stamped if other_pusher == pusher])
        for pusher in sorted({other_pusher for _, other_pusher, _, _ in stamped})
    ]


@given(pushed())
def test_answers(given_samples):
    """For every type, combine and coarsening, over several applications: the answer is the one of all samples kept; none if any lacks."""
    sources, is_coarse, samples = given_samples
    slots = slots_of(*sources, coarse=is_coarse)
    expected = []
    for number, slot in enumerate(slots):
        own = [value for _, at, value in samples if at == number]
        programs = len({pusher for pusher, at, _ in samples if at == number})
        expected.append(by_definition(slot.field, own, programs))
    bins = aggregate.answer(slots, aggregate.merge(slots, tallies_of(slots, sources, samples)))
    definition = define(*(slot.field for slot in slots))
    answer = label_of_cell(definition, cell_of_bins(definition, bins))
    assert answer == (("none",) * len(slots) if None in expected else tuple(expected))


@given(pushed(), st.randoms(use_true_random=False), st.integers(0, 5))
def test_merging(given_samples, rng, split):
    """Merging is associative and commutative, and nothing is its neutral element."""
    sources, is_coarse, samples = given_samples
    slots = slots_of(*sources, coarse=is_coarse)
    tallies = tallies_of(slots, sources, samples)
    merged = aggregate.merge(slots, tallies)
    shuffled = rng.sample(tallies, len(tallies))
    assert aggregate.merge(slots, shuffled) == merged
    grouped = [aggregate.merge(slots, part) for part in (shuffled[:split], shuffled[split:])]
    assert aggregate.merge(slots, grouped) == merged
    assert aggregate.merge(slots, [aggregate.empty_tally(slots), merged]) == merged


@given(pushed())
def test_coarser_is_a_union_of_bins(given_samples):
    """A coarser question's tally is the one that coarser sources would have given."""
    sources, _, samples = given_samples
    alike = [coarsened(source) for source in sources]
    slots, direct = slots_of(*sources, coarse=True), slots_of(*alike)
    answers = [
        aggregate.answer(layout, aggregate.merge(layout, tallies_of(layout, declared, samples)))
        for layout, declared in ((slots, sources), (direct, alike))
    ]
    assert answers[0] == answers[1]


@given(pushed())
def test_layout_needs_no_full_sources_to_answer(given_samples):
    """A stored tally is read by the definition alone, also when its manifest is gone."""
    sources, is_coarse, samples = given_samples
    slots = slots_of(*sources, coarse=is_coarse)
    tallies = tallies_of(slots, sources, samples)
    alone = aggregate.layout(define(*(slot.field for slot in slots)), ())
    assert aggregate.answer(alone, aggregate.merge(alone, tallies)) == aggregate.answer(slots, aggregate.merge(slots, tallies))


@pytest.mark.parametrize("order", list(permutations([1.0, 3.0, 7.0, 20.0])))
def test_even_median(order):
    """The median of an even number of samples is the lower of the middle two, in whatever order they come."""
    (median,) = (source for source in NUMBERS if source.combine is Combine.MEDIAN)
    slots = slots_of(median)
    cells = tally(slots, [median], [(stamp, 0, value) for stamp, value in enumerate(order, 1)])
    assert aggregate.answer(slots, cells) == (1,)


@pytest.mark.parametrize("order", list(permutations([1.0, 3.0, 7.0])))
def test_odd_median(order):
    """The median of an odd number of samples is the middle one, in whatever order they come."""
    (median,) = (source for source in NUMBERS if source.combine is Combine.MEDIAN)
    slots = slots_of(median)
    cells = tally(slots, [median], [(stamp, 0, value) for stamp, value in enumerate(order, 1)])
    assert aggregate.answer(slots, cells) == (1,)


def test_totals_stand_anywhere():
    """A total counts its own samples, wherever its cells stand among those of other sources."""
    sources = [FLAGS[1], COUNTS[0], FLAGS[2], COUNTS[0]._replace(id="l")]
    slots = slots_of(*sources)
    parts = [tally(slots, sources, [(1, 0, True), (2, 1, 2), (3, 1, 1), (4, 2, True), (5, 3, 1)]) for _ in range(2)]
    assert [list(part) for part in parts] == [[2, 1, 3, 2, 1, 1]] * 2
    assert list(aggregate.merge(slots, parts)) == [2, 1, 6, 2, 1, 2]


def test_the_last_stamp():
    """The newest stamp of a tally is that of its sources with `last`; any other number in it is no stamp."""
    last = NUMBERS[0]
    for other in (source for source in ALL if source.combine is not Combine.LAST):
        samples = [(stamp, 1, {SourceType.FLAG: True, SourceType.CHOICE: "a"}.get(other.type, 7)) for stamp in range(8, 20)]
        slots = slots_of(last, other)
        assert aggregate.last_stamp(slots, tally(slots, [last, other], [(1, 0, 1.0), *samples])) == 1
        assert aggregate.last_stamp(slots[1:], tally(slots, [last, other], samples)) == 0


def test_tied_mode():
    """Of values that are equally frequent the first declared one wins, `other` last."""
    mode = CHOICES[1]
    slots = slots_of(mode)
    cells = tally(slots, [mode], [(1, 0, "secret"), (2, 0, "c"), (3, 0, "b")])
    assert aggregate.answer(slots, cells) == (1,)


def test_totals_saturate():
    """A total stops at the last edge: neither tally nor merged tally ever holds more."""
    total = COUNTS[0]
    slots = slots_of(total)
    parts = [tally(slots, [total], [(1, 0, 2**64 - 1), (2, 0, 2**64 - 1)]) for _ in range(3)]
    assert [list(part) for part in parts] == [[1, 10]] * 3
    assert list(aggregate.merge(slots, parts)) == [1, 10]


def test_zero_is_a_sample():
    """A count of nothing is an answer; no count is none."""
    total = COUNTS[0]
    slots = slots_of(total)
    assert aggregate.answer(slots, tally(slots, [total], [(1, 0, 0)])) == (0,)
    assert aggregate.answer(slots, aggregate.empty_tally(slots)) is None


def test_applications_are_counted_once():
    """An application counts once, however often it pushes."""
    programs = COUNTS[1]
    slots = slots_of(programs)
    busy = tally(slots, [programs], [(stamp, 0, 1) for stamp in range(1, 100)])
    quiet = tally(slots, [programs], [(1, 0, 1)])
    assert busy == quiet
    assert list(aggregate.merge(slots, [busy, quiet, quiet])) == [3]


@pytest.mark.parametrize("source", [NUMBERS[0], NUMBERS[3], CHOICES[1], COUNTS[0]], ids=lambda source: source.combine)
def test_a_million_samples(source):
    """A million samples take exactly the memory of none, and the answer is still right."""
    slots = slots_of(source)
    cells, fold = aggregate.empty_tally(slots), aggregate.fold(slots[0])
    size = sys.getsizeof(cells)
    high = len(source.labels) - 1
    fold(cells, [0], 1)
    for stamp in range(2, 1_000_001):
        fold(cells, [high], stamp)
    assert sys.getsizeof(cells) == size
    assert len(cells) <= max(2, len(source.labels))
    assert aggregate.answer(slots, cells) == (high,)


def test_stamps():
    """The newest stamp of a tally is that of its last samples; tallies without such a source have none."""
    last = NUMBERS[0]
    slots = slots_of(last, FLAGS[1], last)
    cells = tally(slots, [last, FLAGS[1], last], [(3, 0, 1.0), (4, 1, True), (5, 2, 1.0)])
    assert aggregate.last_stamp(slots, cells) == 5
    assert aggregate.last_stamp(slots_of(FLAGS[1]), array("Q", [1])) == 0


def test_a_period_is_no_part_of_a_tally():
    """A tally holds numbers of bins and counters only: two questions of other dates lay out the same."""
    early, late = define(*NUMBERS[:1]), define(*NUMBERS[:1], ends=date(2027, 6, 27))
    assert aggregate.layout(early, ()) == aggregate.layout(late, ())


@given(st.data())
def test_many_at_once(data):
    """Samples folded together leave the tally that they leave one after another, whatever the way of combining."""
    source = data.draw(st.sampled_from([*NUMBERS, *CHOICES, *COUNTS, *FLAGS]))
    (slot,) = slots = slots_of(source)
    bins = data.draw(st.lists(st.integers(0, len(slot.collapse) - 1), min_size=1))
    single, together = aggregate.empty_tally(slots), aggregate.empty_tally(slots)
    for stamp, number in enumerate(bins, 1):
        aggregate.fold(slot)(single, [number], stamp)
    aggregate.fold(slot)(together, bins, len(bins))
    assert single == together


@pytest.mark.parametrize("source", [NUMBERS[3], CHOICES[1]], ids=lambda source: source.combine)
@pytest.mark.parametrize("before", range(9))
def test_many_at_once_behind_other_fields(before, source):
    """Many samples are counted in the field's own cells, wherever the field begins in the tally."""
    *_, slot = slots = slots_of(*[FLAGS[1]] * before, source)
    cells = aggregate.empty_tally(slots)
    for number in range(slot.width):
        aggregate.fold(slot)(cells, [number] * (number + slot.width + 1), 1)
    assert list(cells) == [0] * before + [number + slot.width + 1 for number in range(slot.width)]


@pytest.mark.parametrize("source", ALL, ids=lambda source: f"{source.type}-{source.combine}")
@pytest.mark.parametrize("before", range(9))
def test_merging_behind_other_fields(before, source):
    """A field is merged and answered as if it stood alone, wherever it begins in the tally, and the fields before it stay what they are."""
    alone, behind = slots_of(source), slots_of(*[FLAGS[1]] * before, source)
    parts = [aggregate.empty_tally(behind) for _ in range(2)]
    for stamp, cells in enumerate(parts, 1):
        for number in range(len(behind[-1].collapse)):
            aggregate.fold(behind[-1])(cells, [number] * (number + stamp), stamp)
        for slot in behind[:-1]:
            aggregate.fold(slot)(cells, [1], stamp)
    merged, expected = aggregate.merge(behind, parts), aggregate.merge(alone, [cells[before:] for cells in parts])
    assert merged == array("Q", [2] * before) + expected
    assert aggregate.answer(behind, merged) == (1,) * before + aggregate.answer(alone, expected)


@given(st.data())
def test_decoy(data):
    """A decoy ends the same whatever is folded into it, however often: no bin and no count. Policy: C3."""
    source = data.draw(st.sampled_from([*NUMBERS, *CHOICES, *COUNTS, *FLAGS]))
    (slot,) = aggregate.decoy_slots(slots_of(source))
    start = data.draw(st.lists(st.integers(0, 255), min_size=slot.width, max_size=slot.width))
    ends = set()
    for _ in range(2):
        cells = array("Q", start)
        for stamp, bins in enumerate(data.draw(st.lists(st.lists(st.integers(0, len(slot.collapse) - 1), min_size=1), min_size=1)), 1):
            aggregate.fold(slot)(cells, bins, stamp)
        ends.add(tuple(cells))
    assert len(ends) == 1

"""Fold bins into the tally of a period, merge tallies, and combine them into an answer. Policy: M2, M3.

A tally is an `array('Q')` of a few cells, so memory does not grow with the number of samples. The definition fixes its layout:

    last                [stamp, bin + 1]     stamps order the applications that pushed: the highest has the last sample
    min max any all     [bin + 1]            0 = no sample yet
    median mode         one counter a bin
    sum                 [1 if any sample, total up to the last edge]
    applications        [1]                  one for each application that pushed; merging adds them up
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable
from types import MethodType
from typing import TYPE_CHECKING

from telemetryd.core.definition import Combine, Source, SourceType
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from telemetryd.core.definition import Definition

Fold = Callable[["array[int]", "Sequence[int]", int], None]
"""(cells, output of the coarsener for one or more samples, stamp of the last sample) → None; changes the cells in place."""


class Slot(NamedTuple):
    """The position of one field in the tallies of a question. `collapse` maps the bins of the source to those of the question.

    `top` is the last edge of a count, else 0. `step` is 1, or 0 in the slot of a decoy.
    """

    field: Source
    offset: int
    width: int
    collapse: tuple[int, ...]
    top: int
    step: int = 1


def layout(definition: Definition, sources: Iterable[Source]) -> tuple[Slot, ...]:
    """The slots of a definition's tallies; `sources` are the full-resolution sources that its fields refer to."""
    full = {source.id: source for source in sources}
    slots: list[Slot] = []
    offset = 0
    for field in definition.fields:
        source = full.get(field.id, field)
        width = _width(field)
        top = int(source.edges[-1]) if source.type is SourceType.COUNT else 0
        slots.append(Slot(field, offset, width, _collapse(source, field), top))
        offset += width
    return tuple(slots)


def empty_tally(slots: Sequence[Slot]) -> array[int]:
    """A tally without samples."""
    return array("Q", bytes(8 * sum(slot.width for slot in slots)))


def decoy_slots(slots: Iterable[Slot]) -> tuple[Slot, ...]:
    """Slots whose folds do the same work but store neither bins nor numbers of samples. Policy: C3."""
    return tuple(slot._replace(collapse=(0,) * len(slot.collapse), top=0, step=0) for slot in slots)


def fold(slot: Slot) -> Fold:
    """The function that adds one or more reduced samples to a tally. A bound one takes 64 bytes, a closure 330."""
    return MethodType(_FOLDS[slot.field.combine], slot)


def merge(slots: Sequence[Slot], tallies: Iterable[array[int]]) -> array[int]:
    """The merged tally of several applications; merging is associative and commutative."""
    merged = empty_tally(slots)
    for cells in tallies:
        for slot in slots:
            _merge_slot(slot, merged, cells)
    return merged


def answer(slots: Sequence[Slot], cells: array[int]) -> tuple[int, ...] | None:
    """The bin of each field; None if any field has no sample, because then the joint answer is `none`."""
    bins = [_read(slot, cells) for slot in slots]
    complete = tuple(number for number in bins if number is not None)
    return complete if len(complete) == len(bins) else None


def last_stamp(slots: Sequence[Slot], cells: array[int]) -> int:
    """The stamp of the newest sample, if the tally has a field with `last`; otherwise 0."""
    return max((cells[slot.offset] for slot in slots if slot.field.combine is Combine.LAST), default=0)


def _fold_last(slot: Slot, cells: array[int], bins: Sequence[int], stamp: int) -> None:
    _, at, _, collapse, _, step = slot
    cells[at] = stamp * step
    cells[at + 1] = collapse[bins[-1]] + step


def _fold_counts(slot: Slot, cells: array[int], bins: Sequence[int], _stamp: int) -> None:
    _, at, _, collapse, _, step = slot
    if len(bins) <= len(collapse):
        for number in bins:
            cells[at + collapse[number]] += step
    else:
        for number, target in enumerate(collapse):
            cells[at + target] += bins.count(number) * step


def _fold_sum(slot: Slot, cells: array[int], bins: Sequence[int], _stamp: int) -> None:
    _, at, _, _, top, step = slot
    cells[at] = step
    cells[at + 1] = min(cells[at + 1] + sum(bins), top)


def _fold_applications(slot: Slot, cells: array[int], _bins: Sequence[int], _stamp: int) -> None:
    cells[slot.offset] = slot.step


def _fold_minimum(slot: Slot, cells: array[int], bins: Sequence[int], _stamp: int) -> None:
    _, at, _, collapse, _, step = slot
    cells[at] = min(cells[at] or _ABOVE, min([collapse[number] for number in bins]) + step)


def _fold_maximum(slot: Slot, cells: array[int], bins: Sequence[int], _stamp: int) -> None:
    _, at, _, collapse, _, step = slot
    cells[at] = max(cells[at], max([collapse[number] for number in bins]) + step)


_FOLDS: dict[Combine, Callable[[Slot, array[int], Sequence[int], int], None]] = {
    Combine.LAST: _fold_last,
    Combine.MEDIAN: _fold_counts,
    Combine.MODE: _fold_counts,
    Combine.SUM: _fold_sum,
    Combine.APPLICATIONS: _fold_applications,
    Combine.MIN: _fold_minimum,
    Combine.ALL: _fold_minimum,
    Combine.MAX: _fold_maximum,
    Combine.ANY: _fold_maximum,
}

_ABOVE = 1 << 32
"""Above every bin number."""


def _width(field: Source) -> int:
    match field.combine:
        case Combine.MEDIAN | Combine.MODE:
            return len(field.labels)
        case Combine.LAST | Combine.SUM:
            return 2
        case _:
            return 1


def _collapse(source: Source, field: Source) -> tuple[int, ...]:
    if source.type is SourceType.CHOICE:
        numbers = {value: number for number, value in enumerate(field.values)}
        return tuple(numbers.get(value, len(field.values)) for value in source.labels)
    if source.type is SourceType.FLAG:
        return 0, 1
    return (0, *(bisect_right(field.edges, edge) for edge in source.edges))


def _merge_slot(slot: Slot, into: array[int], cells: array[int]) -> None:
    at = slot.offset
    match slot.field.combine:
        case Combine.LAST:
            newest = max((into[at], into[at + 1]), (cells[at], cells[at + 1]))
            into[at], into[at + 1] = newest
        case Combine.MEDIAN | Combine.MODE | Combine.APPLICATIONS:
            for number in range(at, at + slot.width):
                into[number] += cells[number]
        case Combine.SUM:
            into[at] |= cells[at]
            into[at + 1] = min(into[at + 1] + cells[at + 1], slot.top)
        case Combine.MIN | Combine.ALL:
            into[at] = min(into[at] or _ABOVE, cells[at] or _ABOVE) % _ABOVE
        case _:  # max, any
            into[at] = max(into[at], cells[at])


def _read(slot: Slot, cells: array[int]) -> int | None:
    values = cells[slot.offset : slot.offset + slot.width]
    match slot.field.combine:
        case Combine.LAST:
            return values[1] - 1 if values[1] else None
        case Combine.MEDIAN:
            return _median(values)
        case Combine.MODE:
            return values.index(max(values)) if any(values) else None
        case Combine.SUM:
            return bisect_right(slot.field.edges, values[1]) if values[0] else None
        case Combine.APPLICATIONS:
            return bisect_right(slot.field.edges, values[0]) if values[0] else None
        case _:  # min, max, any, all
            return values[0] - 1 if values[0] else None


def _median(counts: Sequence[int]) -> int | None:
    """The bin of the median sample; of two middle samples the lower."""
    middle = (sum(counts) + 1) // 2
    below = 0
    for number, count in enumerate(counts):
        below += count
        if count and below >= middle:
            return number
    return None

"""The answers of a question, and the shares that can be estimated: joint, of one source, or conditional on another source."""

from __future__ import annotations

import re
from itertools import product
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.analysis.shares import Share
from telemetryd.core.answers.report import none_answer
from telemetryd.core.definition import NONE, OTHER
from telemetryd.core.privacy.admissibility import MOST_CELLS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from telemetryd.core.definition import Definition

Labels = tuple[tuple[str, str], ...]
"""(source, label) of each source that a share is about."""

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


class Layout(NamedTuple):
    """The sources' names with their labels, in order; the cells are all combinations of the labels, then `none`."""

    names: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]

    @property
    def cells(self) -> int:
        """Number of possible answers, `none` included."""
        return prod(map(len, self.labels)) + 1

    def answers(self) -> list[tuple[str, ...]]:
        """All answers; the number of a cell is its index."""
        return [*product(*self.labels), none_answer(len(self.names))]


class View(NamedTuple):
    """The shares to show: of the source `of` instead of whole answers; conditional on the source `given`; among users with a sample."""

    of: str = ""
    given: str = ""
    is_answered: bool = False


class Column(NamedTuple):
    """One share in words and as sets. `given` is empty for a share among all users, or among all users with a sample."""

    answer: Labels
    given: Labels
    share: Share
    is_answered: bool = False


def layout_of(definition: Definition) -> Layout:
    """The layout that a definition gives."""
    return Layout(tuple(field.id for field in definition.fields), tuple(field.labels for field in definition.fields))


def guess_layout(answers: Iterable[tuple[str, ...]]) -> Layout | None:
    """A layout from the answers that were seen, all of equal length; None if there are more than a question may have.

    Its sources are named by their position: 1, 2 … A label that nobody reported is missing, which biases the shares under noise.
    """
    labels_by_source = [sorted(set(labels) - {NONE}, key=_sort_key) for labels in zip(*answers, strict=True)]
    layout = Layout(tuple(str(number) for number in range(1, len(labels_by_source) + 1)), tuple(map(tuple, labels_by_source)))
    return layout if layout.cells <= MOST_CELLS else None


def resolve_view(layout: Layout, view: View) -> View | None:
    """The view with full names of its sources; the part after the slash is enough. None if the layout has no such view."""
    given = _source_name(layout, view.given)
    of = _source_name(layout, view.of)
    if given is None or of is None or (given and (given == of or len(layout.names) == 1)):
        return None
    return view._replace(of=of, given=given)


def _source_name(layout: Layout, reference: str) -> str | None:
    matches = [name for name in layout.names if reference in {name, name.rpartition("/")[2]}] if reference else [""]
    return matches[0] if len(matches) == 1 else None


def columns(layout: Layout, view: View) -> Iterator[Column]:
    """The shares of a view, in the order of the answers."""
    answers = layout.answers()
    everything = frozenset(range(len(answers)))
    samples = everything - {len(answers) - 1}
    if view.given:
        for condition in _combinations(layout, [view.given]):
            others = [view.of] if view.of else [name for name in layout.names if name != view.given]
            within = _matching_cells(layout, answers, condition)
            for answer in _combinations(layout, others):
                yield Column(answer, condition, Share(within & _matching_cells(layout, answers, answer), within, len(answers)))
        return
    among = samples if view.is_answered else everything
    for answer in _combinations(layout, [view.of] if view.of else layout.names):
        yield Column(answer, (), Share(_matching_cells(layout, answers, answer), among, len(answers)), view.is_answered)
    if not view.is_answered:
        yield Column(tuple((name, NONE) for name in layout.names), (), Share(everything - samples, everything, len(answers)))


def _combinations(layout: Layout, names: Iterable[str]) -> list[Labels]:
    chosen = list(names)
    labels = [layout.labels[layout.names.index(name)] for name in chosen]
    return [tuple(zip(chosen, combination, strict=True)) for combination in product(*labels)]


def _matching_cells(layout: Layout, answers: list[tuple[str, ...]], wanted: Labels) -> frozenset[int]:
    """The cells whose answers have these labels."""
    positions = [(layout.names.index(name), label) for name, label in wanted]
    return frozenset(cell for cell, answer in enumerate(answers) if all(answer[position] == label for position, label in positions))


def _sort_key(label: str) -> tuple[int, float, str]:
    """Sort key: bins by their edges, then values, then `other`."""
    number = _NUMBER.search(label)
    if label.startswith("<") and number:
        return 0, float(number[0]), label
    if (label.startswith(">=") or ".." in label) and number:
        return 1, float(number[0]), label
    return (3 if label == OTHER else 2), 0.0, label


def count_cells(layout: Layout, counts: Mapping[tuple[str, ...], int]) -> dict[int, int]:
    """Reports by cell instead of by answer."""
    number = {answer: cell for cell, answer in enumerate(layout.answers())}
    return {number[answer]: count for answer, count in counts.items()}

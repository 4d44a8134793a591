"""Everything that the reports of one question tell, ready to be shown."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.analysis.channel import channel
from telemetryd.analysis.layout import View, columns, count_cells, declared, seen
from telemetryd.analysis.received import in_order
from telemetryd.analysis.shares import Share, estimate
from telemetryd.analysis.trend import trend
from telemetryd.analysis.users import Sampling, consenting, with_answer
from telemetryd.core.definition import Draw
from telemetryd.core.period import whole_periods

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.analysis.channel import Channel
    from telemetryd.analysis.layout import Column, Layout
    from telemetryd.analysis.received import Asked, Tally
    from telemetryd.analysis.shares import Estimate
    from telemetryd.analysis.trend import Trend
    from telemetryd.core.definition import Definition


class Period(NamedTuple):
    """One period that reports came from."""

    number: int
    label: str
    reports: int


class Finding(NamedTuple):
    """One share: over all periods together, in each (in the order of `Findings.periods`), and as a line."""

    column: Column
    overall: Estimate | None
    by_period: tuple[Estimate | None, ...]
    trend: Trend | None


class Users(NamedTuple):
    """How many users: `chance` is a user's probability to report in one period, `draws` the number of periods drawn from.

    With the uniform draw they consent through a period, on average over all or in each; with `first` they accepted before it.
    """

    draw: Draw
    draws: int
    chance: float
    consenting: Estimate
    with_sample: Estimate | None
    by_period: tuple[Estimate, ...]


class Findings(NamedTuple):
    """What is known of one question; `is_declared` says that its answers come from its definition, not from what was seen."""

    asked: Asked
    layout: Layout
    is_declared: bool
    view: View
    periods: tuple[Period, ...]
    shares: tuple[Finding, ...]
    users: Users | None

    @property
    def reports(self) -> int:
        """Reports of all periods."""
        return sum(period.reports for period in self.periods)


class _Counts(NamedTuple):
    """Reports by cell, in all periods together and in each by its number."""

    channel: Channel
    overall: Mapping[int, int]
    by_period: Mapping[int, Mapping[int, int]]


def layout_of(tally: Tally, definition: Definition | None) -> Layout | None:
    """The answers of a question; None where too many different ones were seen for any question."""
    return declared(definition) if definition else seen(answer for counts in tally.values() for answer in counts)


def find(asked: Asked, tally: Tally, definition: Definition | None, view: View) -> Findings | None:
    """Everything about one question; None without a layout. The view must name sources of that layout."""
    layout = layout_of(tally, definition)
    if layout is None:
        return None
    periods = tuple(Period(number, label, tally[label].total()) for number, label in in_order(asked.kind, tally))
    by_period = {period.number: count_cells(layout, tally[period.label]) for period in periods}
    overall: Counter[int] = Counter()
    for cells in by_period.values():
        overall.update(cells)
    counts = _Counts(channel(layout.cells, asked.epsilon), overall, by_period)
    shares = tuple(_finding(column, counts) for column in columns(layout, view))
    users = _users(definition, periods, counts) if definition else None
    return Findings(asked, layout, definition is not None, view, periods, shares, users)


def _finding(column: Column, counts: _Counts) -> Finding:
    each = tuple(estimate(cells, column.share, counts.channel) for cells in counts.by_period.values())
    return Finding(
        column, estimate(counts.overall, column.share, counts.channel), each, trend(counts.by_period, column.share, counts.channel)
    )


def _users(definition: Definition, periods: tuple[Period, ...], counts: _Counts) -> Users:
    asked = definition.question
    draws = len(whole_periods(asked.period, asked.starts, asked.ends))
    chance = asked.share / draws if asked.draw is Draw.UNIFORM else asked.share
    everything = frozenset(range(definition.cells))
    samples = Share(everything - {definition.cells - 1}, everything, definition.cells)
    span = periods[-1].number - periods[0].number + 1 if asked.draw is Draw.UNIFORM else 1
    sampling = Sampling(chance, span)
    return Users(
        draw=asked.draw,
        draws=draws,
        chance=chance,
        consenting=consenting(sum(period.reports for period in periods), sampling),
        with_sample=with_answer(counts.overall, samples, counts.channel, sampling),
        by_period=tuple(consenting(period.reports, Sampling(chance)) for period in periods),
    )

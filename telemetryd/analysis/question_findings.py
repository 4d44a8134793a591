"""Everything that the reports of one question tell, ready to be shown."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.analysis.channel import channel
from telemetryd.analysis.layout import columns, count_cells, declared, guessed
from telemetryd.analysis.received import in_order
from telemetryd.analysis.shares import Share, estimate
from telemetryd.analysis.trend import trend
from telemetryd.analysis.users import Sampling, consenting, with_answer
from telemetryd.core.definition import Draw
from telemetryd.core.period import whole_periods

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.analysis.channel import Channel
    from telemetryd.analysis.layout import Column, Layout, View
    from telemetryd.analysis.received import Asked, Received, Tally
    from telemetryd.analysis.shares import Estimate
    from telemetryd.analysis.trend import Trend
    from telemetryd.core.definition import Definition


class Question(NamedTuple):
    """Reports that can be counted, and what their answers can be; without a definition these are the labels that were seen."""

    asked: Asked
    tally: Tally
    definition: Definition | None
    layout: Layout


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
    """How many users there are.

    `chance` is a user's probability to report in one period, `draws` the number of periods drawn from, `seen` how many of them lie between
    the first and the last that reports came from.

    With the uniform draw they consent through a period, on average over all or in each; with `first` they accepted before it.
    """

    draw: Draw
    draws: int
    seen: int
    chance: float
    consenting: Estimate
    with_sample: Estimate | None
    by_period: tuple[Estimate, ...]


class Findings(NamedTuple):
    """What is known of one question; `channel` is what the noise does to its answers."""

    question: Question
    channel: Channel
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


def questions(received: Received) -> tuple[list[Question], list[Asked]]:
    """What can be counted, and what cannot: of those, more different answers were seen than a question can have."""
    known: list[Question] = []
    obscure: list[Asked] = []
    for asked, tally in sorted(received.tallies.items(), key=lambda one: tuple(map(str, one[0]))):
        definition = received.definition(asked)
        layout = declared(definition) if definition else guessed(answer for counts in tally.values() for answer in counts)
        if layout:
            known.append(Question(asked, tally, definition, layout))
        else:
            obscure.append(asked)
    return known, obscure


def find(question: Question, view: View) -> Findings:
    """Everything about one question; the view must be one `fitted` to its layout."""
    asked, tally, definition, layout = question
    periods = tuple(Period(number, label, tally[label].total()) for number, label in in_order(asked.kind, tally))
    by_period = {period.number: count_cells(layout, tally[period.label]) for period in periods}
    overall: Counter[int] = Counter()
    for cells in by_period.values():
        overall.update(cells)
    counts = _Counts(channel(layout.cells, asked.epsilon), overall, by_period)
    shares = tuple(_finding(column, counts) for column in columns(layout, view))
    users = _users(definition, periods, counts) if definition else None
    return Findings(question, counts.channel, periods, shares, users)


def _finding(column: Column, counts: _Counts) -> Finding:
    """A share; where all periods together do not tell it there is no line through them either."""
    noise, share = counts.channel, column.share
    overall = estimate(counts.overall, share, noise)
    each = tuple(estimate(cells, share, noise) for cells in counts.by_period.values())
    return Finding(column, overall, each, trend(counts.by_period, share, noise) if overall else None)


def _users(definition: Definition, periods: tuple[Period, ...], counts: _Counts) -> Users:
    asked = definition.question
    draws = len(whole_periods(asked.period, asked.starts, asked.ends))
    chance = asked.share / draws if asked.draw is Draw.UNIFORM else asked.share
    everything = frozenset(range(definition.cells))
    samples = Share(everything - {definition.cells - 1}, everything, definition.cells)
    seen = periods[-1].number - periods[0].number + 1
    sampling = Sampling(chance, seen if asked.draw is Draw.UNIFORM else 1)
    return Users(
        draw=asked.draw,
        draws=draws,
        seen=seen,
        chance=chance,
        consenting=consenting(sum(period.reports for period in periods), sampling),
        with_sample=with_answer(counts.overall, samples, counts.channel, sampling),
        by_period=tuple(consenting(period.reports, Sampling(chance)) for period in periods),
    )

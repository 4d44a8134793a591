"""All estimates from the reports of one question: its shares, their trends, and the number of users."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.analysis.channel import channel
from telemetryd.analysis.layout import columns, count_cells, guess_layout, layout_of
from telemetryd.analysis.received import in_order
from telemetryd.analysis.shares import Share, estimate
from telemetryd.analysis.trend import trend
from telemetryd.analysis.users import SampledUsers, consenting_users, users_with_answer
from telemetryd.core.answers.period import whole_periods

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.analysis.channel import Channel
    from telemetryd.analysis.layout import Column, Layout, View
    from telemetryd.analysis.received import Received, ReportGroup, Tally
    from telemetryd.analysis.shares import Estimate
    from telemetryd.analysis.trend import Trend
    from telemetryd.core.definition import Definition


class CountedQuestion(NamedTuple):
    """Reports that can be counted, and the possible answers. Without a definition, these are the labels that were seen."""

    group: ReportGroup
    tally: Tally
    definition: Definition | None
    layout: Layout


class ReportedPeriod(NamedTuple):
    """One period that reports came from."""

    number: int
    label: str
    reports: int


class ShareFinding(NamedTuple):
    """One share: over all periods together, in each period in the order of `Findings.periods`, and as a line."""

    column: Column
    overall: Estimate | None
    by_period: tuple[Estimate | None, ...]
    trend: Trend | None


class Users(NamedTuple):
    """How many users there are.

    `probability` is that of one user to report in one period. `draws` is the number of periods that are drawn from. `seen` is how many of
    them lie between the first and the last period with a report.

    Users are those who consent through a period.
    """

    draws: int
    seen: int
    probability: float
    consenting: Estimate
    with_sample: Estimate | None
    by_period: tuple[Estimate, ...]


class Findings(NamedTuple):
    """The estimates of one question; `channel` is what the noise does to its answers."""

    question: CountedQuestion
    channel: Channel
    periods: tuple[ReportedPeriod, ...]
    shares: tuple[ShareFinding, ...]
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


def split_questions(received: Received) -> tuple[list[CountedQuestion], list[ReportGroup]]:
    """The groups that can be counted, and those that cannot: more different answers came than a question can have."""
    countable: list[CountedQuestion] = []
    uncountable: list[ReportGroup] = []
    for group, tally in sorted(received.tallies.items(), key=lambda item: tuple(map(str, item[0]))):
        definition = received.definition(group)
        layout = layout_of(definition) if definition else guess_layout(answer for counts in tally.values() for answer in counts)
        if layout:
            countable.append(CountedQuestion(group, tally, definition, layout))
        else:
            uncountable.append(group)
    return countable, uncountable


def evaluate(question: CountedQuestion, view: View) -> Findings:
    """All estimates of one question. `resolve_view` must have given the view for this question's layout."""
    group, tally, definition, layout = question
    periods = tuple(ReportedPeriod(number, label, tally[label].total()) for number, label in in_order(group.kind, tally))
    by_period = {period.number: count_cells(layout, tally[period.label]) for period in periods}
    overall: Counter[int] = Counter()
    for cells in by_period.values():
        overall.update(cells)
    counts = _Counts(channel(layout.cells, group.epsilon), overall, by_period)
    shares = tuple(_share_finding(column, counts) for column in columns(layout, view))
    users = _users(definition, periods, counts) if definition else None
    return Findings(question, counts.channel, periods, shares, users)


def _share_finding(column: Column, counts: _Counts) -> ShareFinding:
    """A share and its line; there is no line if all periods together do not give an estimate."""
    noise, share = counts.channel, column.share
    overall = estimate(counts.overall, share, noise)
    by_period = tuple(estimate(cells, share, noise) for cells in counts.by_period.values())
    return ShareFinding(column, overall, by_period, trend(counts.by_period, share, noise) if overall else None)


def _users(definition: Definition, periods: tuple[ReportedPeriod, ...], counts: _Counts) -> Users:
    question = definition.question
    draws = len(whole_periods(question.period, question.starts, question.ends))
    probability = question.share / draws
    everything = frozenset(range(definition.cells))
    samples = Share(everything - {definition.cells - 1}, everything, definition.cells)
    seen = periods[-1].number - periods[0].number + 1
    sampling = SampledUsers(probability, seen)
    return Users(
        draws=draws,
        seen=seen,
        probability=probability,
        consenting=consenting_users(sum(period.reports for period in periods), sampling),
        with_sample=users_with_answer(counts.overall, samples, counts.channel, sampling),
        by_period=tuple(consenting_users(period.reports, SampledUsers(probability)) for period in periods),
    )

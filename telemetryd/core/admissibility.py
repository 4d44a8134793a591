"""What makes a definition admissible, as arithmetic: answers, entropy, reports, length of the collection. Policy: A3, M2, M4, R1."""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction
from itertools import chain
from math import ceil, log2
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.declared_words import named
from telemetryd.core.definition import Draw, PeriodKind, SourceType
from telemetryd.core.noise import exp_thousandths, probabilities
from telemetryd.core.period import first_whole_period, whole_periods
from telemetryd.core.planning import bits_with_none, entropy_bits, reports_needed, sufficient_share
from telemetryd.core.report import REPORT_BYTES, longest
from telemetryd.core.translation import ENGLISH, decimal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from telemetryd.core.definition import Declaration, Definition, Source
    from telemetryd.core.translation import Words

MOST_CELLS = 32
"""Cells of an answer whatever its ε: the more there are, the more an answer says of one person."""

MARGIN = 0.02
"""Half the width of the interval (95 %) that a question's answers should allow: ± 2 points."""
FEWEST_REPORTS = 500
"""Reports of a question in one period below which the group that a user's report disappears in is small."""

_RARE = 0.1
"""Another share that is told beside the worst one: what one user in ten answers."""
_LIKE_WORDS = 0.8
"""Above so many words in common (twice the common ones over all of both) two descriptions in one unit are nearly the same."""
_WORD = re.compile(r"[^\W\d_]+")
"""Numbers are no words: they are the first thing that differs between thresholds on one fact."""
_ONE_FACT = "if this is one fact under several names, make it one source: its budget bounds what can ever be known of it"
_MANY_SOURCES = 4
"""So many sources of one type and unit are pointed out whatever their descriptions: words are easily changed."""

_FEBRUARY_29 = (2, 29)


def most_cells(epsilon: float) -> int:
    """The most cells that are admitted: min(32, 3e^ε + 2). Beyond, other mechanisms than randomised response do clearly better."""
    return min(MOST_CELLS, (3 * exp_thousandths(epsilon) + 2000) // 1000)


def optimum_cells(epsilon: float) -> int:
    """The most cells for which no mechanism does better than randomised response: 1.5(e^ε + 1)."""
    return 3 * (exp_thousandths(epsilon) + 1000) // 2000


def last_end(starts: date) -> date:
    """The latest end of a question: the same day a year later, for a 29 February the 28th. Policy: M4."""
    day = 28 if (starts.month, starts.day) == _FEBRUARY_29 else starts.day
    return date(starts.year + 1, starts.month, day)


def objections(definition: Definition) -> list[str]:
    """Why the definition cannot be admitted, in plain words; empty if it can."""
    question = definition.question
    found: list[str] = []
    if question.ends < question.starts:
        found.append("ends: expected a date that is not before starts")
    elif question.ends > last_end(question.starts):
        found.append(f"ends: expected a date at most one year after starts, {last_end(question.starts)} or earlier")
    elif first_whole_period(question.period, question.starts, question.ends, 0) is None:
        found.append(f"ends: expected at least one whole calendar {question.period} (UTC) from starts to ends")
    most = most_cells(question.epsilon)
    if definition.cells > most:
        found.append(
            f"sources: expected at most {most} possible answers at epsilon {question.epsilon}, not {definition.cells}: "
            "fewer sources, fewer bins or values, or coarser"
        )
    elif longest(definition) > REPORT_BYTES:  # so not of thousands of labels
        found.append(f"sources: expected a longest report of at most {REPORT_BYTES} bytes, not {longest(definition)}: use rounder edges")
    return found


class Figures(NamedTuple):
    """The arithmetic of one definition.

    `max_bits` is the entropy of an answer if all cells are equally common. `expected_bits` is a bound too: that for the expected shares if
    the sources do not depend on each other, `none` is as frequent as would hide most, and a source without expected shares has equal ones.
    `needed` reports give ± 2 points (95 %) for any answer's share, `needed_at_tenth` for a share of 10 %. With `users` who accept,
    `reports` come in each period on average; `sufficient_share` is the least `share` that gives both `needed` in all and 500 a period.
    """

    epsilon: float
    cells: int
    optimum: int
    most: int
    max_bits: float
    expected_bits: float | None
    needed: int
    needed_at_tenth: int
    period: PeriodKind
    periods: int
    draw: Draw
    users: int
    reports: Fraction
    sufficient_share: float | None

    @property
    def wanted(self) -> int:
        """Reports over all periods that are enough both for ± 2 points and for 500 a period."""
        return max(self.needed, FEWEST_REPORTS * self.periods)


def figures(definition: Definition) -> Figures:
    """The figures of a definition that is admissible."""
    question, cells = definition.question, definition.cells
    chances = probabilities(cells, question.epsilon)
    periods = len(whole_periods(question.period, question.starts, question.ends))
    found = Figures(
        epsilon=question.epsilon,
        cells=cells,
        optimum=optimum_cells(question.epsilon),
        most=most_cells(question.epsilon),
        max_bits=log2(cells),
        expected_bits=_expected_bits(definition),
        needed=reports_needed(MARGIN, chances),
        needed_at_tenth=reports_needed(MARGIN, chances, _RARE),
        period=question.period,
        periods=periods,
        draw=question.draw,
        users=question.expected_users,
        reports=Fraction(repr(question.share)) * question.expected_users / periods,
        sufficient_share=None,
    )
    return found._replace(sufficient_share=sufficient_share(found.wanted, found.users)) if found.users else found


def sentences(of: Figures, words: Words = ENGLISH) -> list[str]:
    """The figures in plain words, with the numbers rounded against the question: entropy up, reports down."""
    _ = words.gettext
    answers = _("{cells} possible answers, “none” included: noise at epsilon {epsilon} suits up to {suits}; over {most} are refused.")
    bits = _("An answer holds at most {bits} bits before noise.")
    if of.expected_bits is not None:
        bits = _("An answer holds at most {bits} bits before noise, and at most {expected} if the shares are as expected.")
    known = _("The share of an answer is known to ± 2 points (95 %) from {needed} reports, or {tenth} if one user in ten gives it.")
    told = [
        answers.format(cells=of.cells, epsilon=decimal(f"{of.epsilon:g}", words), suits=min(of.optimum, of.most), most=of.most),
        bits.format(bits=decimal(_up(of.max_bits), words), expected=decimal(_up(of.expected_bits or 0), words)),
        known.format(needed=_grouped(of.needed, words), tenth=_grouped(of.needed_at_tenth, words)),
    ]
    return [*told, *_users(of, words)] if of.users else told


def _users(of: Figures, words: Words) -> Iterator[str]:
    _ = words.gettext
    before, evenly = (
        _("If {users} users accept before it starts, about {reports} reports come {each}."),
        _("If {users} users accept evenly over its time, about {reports} reports come {each}."),
    )
    come = {"users": _grouped(of.users, words), "reports": _grouped(int(of.reports), words), "each": _each(of.period, of.periods, words)}
    yield (before if of.draw is Draw.UNIFORM else evenly).format(**come)
    goal = {"fewest": FEWEST_REPORTS, "period": named(of.period, words)}
    if of.sufficient_share is None:
        text = _("It takes {users} users for ± 2 points over all reports and {fewest} reports a {period}.")
        yield text.format(users=_grouped(of.wanted, words), **goal)
    else:
        text = _("A share of {share} would do for ± 2 points over all reports and {fewest} reports a {period}.")
        yield text.format(share=decimal(f"{of.sufficient_share:g}", words), **goal)


def _each(period: PeriodKind, number: int, words: Words) -> str:
    match period:
        case PeriodKind.DAY:
            text = words.ngettext("in its one day", "in each of {number} days", number)
        case PeriodKind.WEEK:
            text = words.ngettext("in its one week", "in each of {number} weeks", number)
        case _:
            text = words.ngettext("in its one month", "in each of {number} months", number)
    return text.format(number=number)


def _grouped(number: int, words: Words) -> str:
    return f"{number:,}".replace(",", words.pgettext("between thousands", ","))


def warnings(definition: Definition) -> list[str]:
    """What is admitted and still unwise, in plain words."""
    found = [
        f"source {field.id}: a count is never below 0, so the bin {field.labels[0]} stays empty"
        for field in definition.fields
        if field.type is SourceType.COUNT and field.edges[0] == 0
    ]
    of = figures(definition)
    if of.cells > of.optimum:
        found.append(f"{of.cells} possible answers at epsilon {of.epsilon}: above {of.optimum} each answer tells less")
    if of.users and of.reports < FEWEST_REPORTS:
        found.append(
            f"about {int(of.reports)} reports a {of.period} from {of.users:,} users: with fewer than {FEWEST_REPORTS} "
            "a report disappears in a small group only; longer periods, an earlier end or a larger share give more"
        )
    return found


def warnings_of(declaration: Declaration) -> list[str]:
    """The same for what concerns several sources: each has a privacy budget of its own, so one fact must not have several names."""
    return [message for _, message in of_one_fact(declaration)]


def of_one_fact(declaration: Declaration) -> list[tuple[list[Source], str]]:
    """Sources that may well be one fact under several names, and what to say about them."""
    groups: dict[tuple[SourceType, str], list[Source]] = {}
    for source in declaration.sources:
        groups.setdefault((source.type, source.unit), []).append(source)
    found: list[tuple[list[Source], str]] = []
    for (kind, unit), sources in groups.items():
        alike = _alike(sources)
        found += [(group, f"sources {_ids(group)}: descriptions that say nearly the same; {_ONE_FACT}") for group in alike]
        if unit and len(sources) >= _MANY_SOURCES and sources not in alike:
            found.append((sources, f"sources {_ids(sources)}: {len(sources)} times a {kind} in {unit}; {_ONE_FACT}"))
    return found


def _expected_bits(definition: Definition) -> float | None:
    expected = dict(definition.question.expected)
    if not expected:
        return None
    equal = ((1.0,) * len(field.labels) for field in definition.fields)
    return bits_with_none(sum(entropy_bits(expected.get(field.id, shares)) for field, shares in zip(definition.fields, equal, strict=True)))


def _up(bits: float) -> str:
    """Two decimals, rounded up, because it is said to be the most; what a float lacks in its last digits is no reason to."""
    return f"{ceil(bits * 100 - 1e-9) / 100:.2f}"


def _ids(sources: Iterable[Source]) -> str:
    return ", ".join(source.id for source in sources)


def _alike(sources: Iterable[Source]) -> list[list[Source]]:
    """Groups of two or more of one unit in which each description is nearly the same as another one's, in declared order."""
    groups: list[list[tuple[int, frozenset[str], Source]]] = []
    for number, source in enumerate(sources):
        words = frozenset(_WORD.findall(source.description.casefold()))
        near = [group for group in groups if any(_is_near(words, known, source.unit) for _, known, _ in group)]
        groups = [group for group in groups if group not in near]
        groups.append(sorted([*chain(*near), (number, words, source)], key=itemgetter(0)))
    return [[source for _, _, source in group] for group in groups if len(group) > 1]


def _is_near(one: frozenset[str], other: frozenset[str], unit: str) -> bool:
    """Whether two descriptions have the same words, or nearly so where a common unit says that the same kind of thing is measured."""
    return one == other or (bool(unit) and 2 * len(one & other) > _LIKE_WORDS * (len(one) + len(other)))

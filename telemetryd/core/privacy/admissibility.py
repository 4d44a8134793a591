"""The arithmetic of admissible definitions: answers, entropy, reports, dates. Policy: A3, M2, M4, R1."""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction
from itertools import chain
from math import ceil, log2
from operator import itemgetter
from typing import TYPE_CHECKING

from telemetryd.core.answers.period import first_whole_period, whole_periods
from telemetryd.core.answers.report import REPORT_BYTES, longest_report_bytes
from telemetryd.core.declared_words import translated_word
from telemetryd.core.definition import PeriodKind, SourceType
from telemetryd.core.privacy.noise import exp_thousandths, probabilities
from telemetryd.core.privacy.planning import bits_with_none, entropy_bits, forged_points, reports_needed, sufficient_share
from telemetryd.core.translation import ENGLISH, counted, decimal, mark, mark_plural
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from telemetryd.core.definition import Declaration, Definition, Source
    from telemetryd.core.translation import Words

MOST_CELLS = 32
"""The most cells of an answer at any ε: with more cells an answer tells more about one person."""

MARGIN = 0.02
"""Half the width of the 95 % interval that the answers of a question should allow: ± 2 points."""
FEWEST_REPORTS = 500
"""The fewest reports of a question in one period that hide a user's report in a group of fair size."""

_FEW_CELLS = 4
"""The number of cells that others are compared with: three bins and `none`."""
_CROWD = 2_000
"""The reports that a forged report is compared with."""
_FORGED_POINTS = 0.5
"""The most points by which one forged report should move a share of `_CROWD` reports: no more than ten honest ones."""
_RARE = 0.1
"""A second share that is shown beside the hardest one: the answer of one user in ten."""
_LIKE_WORDS = 0.8
"""Two descriptions in one unit are similar above this Dice coefficient of their words."""
_WORD = re.compile(r"[^\W\d_]+")
"""A word. Numbers do not count, because thresholds on one fact differ in numbers first."""
_IN_EACH = {
    PeriodKind.DAY: mark_plural("in each of {number} day", "in each of {number} days"),
    PeriodKind.WEEK: mark_plural("in each of {number} week", "in each of {number} weeks"),
    PeriodKind.MONTH: mark_plural("in each of {number} month", "in each of {number} months"),
}
_IN_ONLY = {
    PeriodKind.DAY: mark("in its one day"),
    PeriodKind.WEEK: mark("in its one week"),
    PeriodKind.MONTH: mark("in its one month"),
}
"""Messages of their own: a language without a plural has one form for all numbers."""
ONE_FACT = "if this is one fact under several names, make it one source: then one budget bounds all that can be learned about it"
_MANY_SOURCES = 4
"""So many sources of one type and unit get a warning whatever their descriptions, because words are easily changed."""

_FEBRUARY_29 = (2, 29)


def most_cells(epsilon: float) -> int:
    """The most admissible cells: min(32, 3e^ε + 2). Above, other mechanisms are clearly better than randomised response."""
    return min(MOST_CELLS, (3 * exp_thousandths(epsilon) + 2000) // 1000)


def suitable_cells(epsilon: float) -> int:
    """The most cells of which the worst share takes at most twice as many reports as with four cells."""
    most, cells = 2 * _worst_share_reports(_FEW_CELLS, epsilon), _FEW_CELLS
    while cells < MOST_CELLS and _worst_share_reports(cells + 1, epsilon) <= most:
        cells += 1
    return cells


def _worst_share_reports(cells: int, epsilon: float) -> int:
    return reports_needed(MARGIN, probabilities(cells, epsilon))


def last_end(starts: date) -> date:
    """The latest end of a question: the same day a year later; the 28th after a 29 February. Policy: M4."""
    day = 28 if (starts.month, starts.day) == _FEBRUARY_29 else starts.day
    return date(starts.year + 1, starts.month, day)


def objections(definition: Definition) -> list[str]:
    """The reasons against a definition, as sentences; empty if it is admissible."""
    question = definition.question
    reasons: list[str] = []
    if question.ends < question.starts:
        reasons.append("ends: expected a date that is not before starts")
    elif question.ends > last_end(question.starts):
        reasons.append(f"ends: expected a date at most one year after starts, {last_end(question.starts)} or earlier")
    elif first_whole_period(question.period, question.starts, question.ends, 0) is None:
        reasons.append(f"ends: expected at least one whole calendar {question.period} (UTC) from starts to ends")
    most = most_cells(question.epsilon)
    if definition.cells > most:
        reasons.append(
            f"sources: expected at most {most} possible answers at epsilon {question.epsilon}, not {definition.cells}: "
            "fewer sources, fewer bins or values, or coarser"
        )
    elif longest_report_bytes(definition) > REPORT_BYTES:  # not computed for thousands of labels, which the first branch refuses
        reasons.append(
            f"sources: expected a longest report of at most {REPORT_BYTES} bytes, not {longest_report_bytes(definition)}: use rounder edges"
        )
    return reasons


class Figures(NamedTuple):
    """The arithmetic of one definition.

    `max_bits` is the entropy of an answer with equally common cells. `expected_bits` is the bound for the expected shares. It assumes
    independent sources, the share of `none` with the largest entropy, and equal shares for a source without expected ones.

    `suitable` is the most cells that take at most twice as many reports as four cells, which take `needed_by_few`. `needed` reports give
    ± 2 points (95 %) for any share, `needed_at_tenth` for a share of 10 %. One forged report moves a share of 2,000 reports by
    `forged_points` percentage points. `users` is the number of users who accept;
    they send `reports` in each period on average. `sufficient_share` is the least `share` that gives `needed` in all and 500 a period.
    """

    epsilon: float
    cells: int
    suitable: int
    most: int
    max_bits: float
    expected_bits: float | None
    needed: int
    needed_at_tenth: int
    needed_by_few: int
    forged_points: float
    period: PeriodKind
    periods: int
    users: int
    reports: Fraction
    sufficient_share: float | None

    @property
    def reports_wanted(self) -> int:
        """The reports in all periods that suffice for ± 2 points and for 500 a period."""
        return max(self.needed, FEWEST_REPORTS * self.periods)


def figures(definition: Definition) -> Figures:
    """The figures of an admissible definition."""
    question, cells = definition.question, definition.cells
    response = probabilities(cells, question.epsilon)
    periods = len(whole_periods(question.period, question.starts, question.ends))
    result = Figures(
        epsilon=question.epsilon,
        cells=cells,
        suitable=suitable_cells(question.epsilon),
        most=most_cells(question.epsilon),
        max_bits=log2(cells),
        expected_bits=_expected_bits(definition),
        needed=reports_needed(MARGIN, response),
        needed_at_tenth=reports_needed(MARGIN, response, _RARE),
        needed_by_few=_worst_share_reports(_FEW_CELLS, question.epsilon),
        forged_points=forged_points(_CROWD, response),
        period=question.period,
        periods=periods,
        users=question.expected_users,
        reports=Fraction(repr(question.share)) * question.expected_users / periods,
        sufficient_share=None,
    )
    return result._replace(sufficient_share=sufficient_share(result.reports_wanted, result.users)) if result.users else result


def sentences(numbers: Figures, words: Words = ENGLISH) -> list[str]:
    """The figures as sentences. Numbers are rounded against the question: entropy up, reports down."""
    _ = words.gettext
    answers = _("{cells} possible answers, “none” included: noise at epsilon {epsilon} suits up to {suits}; more than {most} are refused.")
    bits = _("An answer holds at most {bits} bits before noise.")
    if numbers.expected_bits is not None:
        bits = _("An answer holds at most {bits} bits before noise, and at most {expected} if the shares are as expected.")
    margin = _("The share of an answer is known to ± 2 points (95 %) from {needed} reports, or {tenth} if one user in ten gives it.")
    texts = [
        answers.format(
            cells=numbers.cells,
            epsilon=decimal(f"{numbers.epsilon:g}", words),
            suits=min(numbers.suitable, numbers.most),
            most=numbers.most,
        ),
        bits.format(bits=decimal(_round_up(numbers.max_bits), words), expected=decimal(_round_up(numbers.expected_bits or 0), words)),
        margin.format(needed=grouped(numbers.needed, words), tenth=grouped(numbers.needed_at_tenth, words)),
    ]
    return [*texts, *_user_sentences(numbers, words)] if numbers.users else texts


def _user_sentences(numbers: Figures, words: Words) -> Iterator[str]:
    _ = words.gettext
    text = _("If {users} users accept before it starts, about {reports} reports come {each}.")
    yield text.format(
        users=grouped(numbers.users, words),
        reports=grouped(int(numbers.reports), words),
        each=_(_IN_ONLY[numbers.period]) if numbers.periods == 1 else counted(_IN_EACH[numbers.period], numbers.periods, words),
    )
    goal = {"fewest": FEWEST_REPORTS, "period": translated_word(numbers.period, words)}
    if numbers.sufficient_share is None:
        text = _("It takes {users} users for ± 2 points over all reports and {fewest} reports a {period}.")
        yield text.format(users=grouped(numbers.reports_wanted, words), **goal)
    else:
        text = _("A share of {share} is enough for ± 2 points over all reports and {fewest} reports a {period}.")
        yield text.format(share=decimal(f"{numbers.sufficient_share:g}", words), **goal)


def grouped(number: int, words: Words) -> str:
    """A number with what the language has between thousands."""
    return f"{number:,}".replace(",", words.pgettext("between thousands", ","))


def warnings(definition: Definition) -> list[str]:
    """Warnings about an admissible definition, as sentences."""
    texts = [
        f"source {field.id}: a count is never below 0, so the bin {field.labels[0]} stays empty"
        for field in definition.fields
        if field.type is SourceType.COUNT and field.edges[0] == 0
    ]
    numbers = figures(definition)
    texts += noise_warnings(numbers).values()
    if numbers.users and numbers.reports < FEWEST_REPORTS:
        texts.append(
            f"about {int(numbers.reports)} reports a {numbers.period} from {numbers.users:,} users: with fewer than {FEWEST_REPORTS}, "
            "each report hides in a small crowd; longer periods, an earlier end or a larger share would give more"
        )
    return texts


def noise_warnings(numbers: Figures) -> dict[str, str]:
    """Warnings about answers and noise that fit badly: key of the question → text."""
    texts: dict[str, str] = {}
    if numbers.cells > numbers.suitable:
        texts["sources"] = (
            f"{numbers.cells} possible answers at epsilon {numbers.epsilon:g}: above {numbers.suitable} the worst share needs more than "
            f"twice the reports of four answers, here {numbers.needed:,} instead of {numbers.needed_by_few:,}"
        )
    if numbers.forged_points > _FORGED_POINTS:
        texts["epsilon"] = (
            f"one forged report moves a share of {_CROWD:,} reports by {numbers.forged_points:.1f} points: "
            f"epsilon {numbers.epsilon:g} is small for {numbers.cells} possible answers"
        )
    return texts


def warnings_of(declaration: Declaration) -> list[str]:
    """Warnings about several sources. Each source has its own privacy budget, so one fact must not have several names."""
    return [message for _, message in duplicate_facts(declaration)]


def duplicate_facts(declaration: Declaration) -> list[tuple[list[Source], str]]:
    """Groups of sources that may be one fact under several names, each with its warning."""
    groups: dict[tuple[SourceType, str], list[Source]] = {}
    for source in declaration.sources:
        groups.setdefault((source.type, source.unit), []).append(source)
    duplicates: list[tuple[list[Source], str]] = []
    for (kind, unit), sources in groups.items():
        similar = _similar_groups(sources)
        duplicates += [(group, f"sources {_ids(group)}: their descriptions say nearly the same; {ONE_FACT}") for group in similar]
        if unit and len(sources) >= _MANY_SOURCES and sources not in similar:
            duplicates.append((sources, f"sources {_ids(sources)}: {len(sources)} times a {kind} in {unit}; {ONE_FACT}"))
    return duplicates


def same_facts(sources: Mapping[str, Source]) -> list[list[str]]:
    """Groups of names whose sources may be one fact: of one type and unit, with descriptions that say nearly the same."""
    kinds: dict[tuple[SourceType, str], list[Source]] = {}
    for name, source in sources.items():
        kinds.setdefault((source.type, source.unit), []).append(source._replace(id=name))
    return [[source.id for source in group] for of_kind in kinds.values() for group in _similar_groups(of_kind)]


def _expected_bits(definition: Definition) -> float | None:
    expected = dict(definition.question.expected)
    if not expected:
        return None
    equal = ((1.0,) * len(field.labels) for field in definition.fields)
    return bits_with_none(sum(entropy_bits(expected.get(field.id, shares)) for field, shares in zip(definition.fields, equal, strict=True)))


def _round_up(bits: float) -> str:
    """Two decimals, rounded up, because the text says "at most". Errors in the last digits of a float do not count."""
    return f"{ceil(bits * 100 - 1e-9) / 100:.2f}"


def _ids(sources: Iterable[Source]) -> str:
    return ", ".join(source.id for source in sources)


def _similar_groups(sources: Iterable[Source]) -> list[list[Source]]:
    """Groups of two or more sources in declared order; each description is similar to another one of its group."""
    groups: list[list[tuple[int, frozenset[str], Source]]] = []
    for number, source in enumerate(sources):
        words = frozenset(_WORD.findall(source.description.casefold()))
        near = [group for group in groups if any(_is_near(words, known, source.unit) for _, known, _ in group)]
        groups = [group for group in groups if group not in near]
        groups.append(sorted([*chain(*near), (number, words, source)], key=itemgetter(0)))
    return [[source for _, _, source in group] for group in groups if len(group) > 1]


def _is_near(words: frozenset[str], other_words: frozenset[str], unit: str) -> bool:
    """Whether two descriptions have the same words; with a common unit, similar words suffice."""
    return words == other_words or (bool(unit) and 2 * len(words & other_words) > _LIKE_WORDS * (len(words) + len(other_words)))

"""Which shares leave room in the budgets of users who accept all questions of a vendor. Policy: A2, M2.

Losses are those of simulated users, with the lots of `core.privacy.sampling_lot` and the rule of `core.privacy.room`. On one host the order
of periods changes nothing, so it is one view over all that a user is drawn for. Sums about one source are exact.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING

from telemetryd.core.answers.period import whole_periods
from telemetryd.core.privacy.ledger import Sums, charge_for
from telemetryd.core.privacy.noise import probabilities
from telemetryd.core.privacy.planning import reports_needed
from telemetryd.core.privacy.room import Contender, view
from telemetryd.core.privacy.sampling_lot import BITS, Lot, bar, period_among, place_among
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from telemetryd.core.answers.period import Period
    from telemetryd.core.causes import Reason
    from telemetryd.core.definition import Definition, Key
    from telemetryd.core.privacy.ledger import Caps, Charge

TOLERATED = 0.01
"""The part of the drawn answers that may find no room in a host's budgets, and of the users who may lose an answer about a source."""
MARGIN = 0.02
"""Half of the 95 % interval of a share that most decisions need."""
_GRID = (*(number / 10**digits for digits in (4, 3, 2) for number in range(10, 100)), 1.0)
"""Shares of two digits, ascending, from 0.001."""
_ANSWERS = 200_000
"""Answers that are simulated at most. The part without room is then known to less than 0.1 points."""
_USERS = range(300, 9000)
_ALL = 1 << BITS


class Vendor(NamedTuple):
    """The questions of one vendor, and the number of its applications that a user has; 0 means all."""

    definitions: Sequence[Definition]
    caps: Caps
    applications: int = 0

    @property
    def part(self) -> float:
        """The part of the applications that a user has."""
        number = len({definition.application.id for definition in self.definitions})
        return self.applications / number if self.applications else 1.0


class Losses(NamedTuple):
    """Of questions published together: the part of the drawn answers without room in a host's budgets.

    Also the years after which the budget for life is spent.
    """

    lost: float
    years: float


class Fitting(NamedTuple):
    """The largest endpoint shares that fit: for questions published together, and for questions published in any order during the year."""

    together: float
    in_turn: float


class SourceNeed(NamedTuple):
    """A source with more questions than its budget has room for.

    `exceeded` is the part of the users who lose an answer. With `share` as the product of both shares, it is at most TOLERATED.
    """

    source: str
    questions: int
    exceeded: float
    share: float


class Precision(NamedTuple):
    """The reports of a question in all its periods, those needed for ± 2 points, and the margin reached (95 %, any share)."""

    key: Key
    reports: float
    needed: int
    margin: float


_User = list[tuple[int, int, Contender]]
"""What a simulated user may answer, by rank: `Lot.part`, the place of the question among the vendor's, and the answer."""


class Drawable(NamedTuple):
    """A question as users are drawn for it: those with `Lot.part` below `bar`. It has an entry for each year in which a period ends."""

    key: Key
    bar: int
    periods: Sequence[Period]
    entries: Mapping[int, Charge]

    def answer(self, lot: Lot) -> Contender:
        """The answer of a user who is drawn."""
        return Contender(lot.rank, self.key, self.entries[year_of(period_among(self.periods, lot).end)])


def drawable(definition: Definition, share: float) -> Drawable:
    """A question at an endpoint share, with entries for the host ""."""
    question = definition.question
    periods = whole_periods(question.period, question.starts, question.ends)
    entries = {year: charge_for(definition, "", year) for year in {year_of(period.end) for period in periods}}
    return Drawable(definition.key, bar(question.share, share), periods, entries)


def obstacles_of(answers: Iterable[Contender], caps: Caps) -> dict[Key, Reason | None]:
    """Each drawn answer of a user with why it finds no room, or None if it does."""
    return view(Sums(caps), sorted(answers))


@lru_cache(maxsize=4096)
def year_of(end: int) -> int:
    """The year in which a period is charged: that of its last second (UTC). `end` is exclusive, Unix s."""
    return datetime.fromtimestamp(end - 1, UTC).year


def lost_together(vendor: Vendor, share: float, rng: Callable[[int], int]) -> float:
    """`Losses.lost` alone; no user is simulated where all answers have room in any case."""
    return 0.0 if _all_fit(vendor) else _lost(vendor, share, _users(vendor, share, rng), _number_lost)


def losses(vendor: Vendor, share: float, rng: Callable[[int], int]) -> Losses:
    """The losses of simulated users at an endpoint share; `rng(n)` gives a uniform integer in [0, n)."""
    users = _users(vendor, share, rng)
    return Losses(_lost(vendor, share, users, _number_lost), _median_years(_spent(vendor, share, users), vendor.caps.life))


def lost_as_the_last(vendor: Vendor, share: float, rng: Callable[[int], int]) -> float:
    """The part of the answers without room to a question whose period begins after those of all others.

    A question competes only with what is published when its period begins, so in the course of a year the loss falls on the last ones.
    """
    return _lost(vendor, share, _users(vendor, share, rng), _number_lost_as_the_last)


def fitting_shares(vendor: Vendor, rng: Callable[[int], int]) -> Fitting:
    """The largest endpoint shares of two digits with tolerated losses. All shares are tried with the same users."""
    if _all_fit(vendor):
        return Fitting(1.0, 1.0)
    most = _largest(lambda share: _drawn_tenths(vendor, share) <= 2 * vendor.caps.year * len(_years(vendor)), 1.0)
    users = _users(vendor, most, rng)
    # To a tenth of a percent, as it is printed: no simulation knows more.
    together = _largest(lambda share: round(_lost(vendor, share, users, _number_lost), 3) <= TOLERATED, most)
    return Fitting(together, _largest(lambda share: round(_lost(vendor, share, users, _number_lost_as_the_last), 3) <= TOLERATED, together))


def source_needs(vendor: Vendor, share: float) -> list[SourceNeed]:
    """The sources whose questions exceed their budget for too many users at an endpoint share."""
    by_source: dict[str, list[Definition]] = {}
    for definition in vendor.definitions:
        for source in charge_for(definition, "", 0).sources:
            by_source.setdefault(source, []).append(definition)
    needs = []
    for source, definitions in sorted(by_source.items()):
        about = vendor._replace(definitions=definitions)
        exceeded = _exceeded(about, vendor.part, lambda definition: definition.question.share * share)
        if exceeded > TOLERATED:
            needs.append(SourceNeed(source, len(definitions), exceeded, _share_of_each(about, vendor.part)))
    return needs


def precisions(vendor: Vendor, share: float, users: int) -> list[Precision]:
    """The precision of each question if so many users accept it."""
    result = []
    for definition in vendor.definitions:
        question = definition.question
        needed, reports = reports_needed(MARGIN, probabilities(definition.cells, question.epsilon)), users * question.share * share
        result.append(Precision(definition.key, reports, needed, MARGIN * (needed / reports) ** 0.5))
    return result


def _all_fit(vendor: Vendor) -> bool:
    """Whether even a user who has the applications that ask most, and answers all their questions in one year, has room for them."""
    totals = Counter[str]()
    for definition in vendor.definitions:
        totals[definition.application.id] += charge_for(definition, "", 0).tenths
    return sum(sorted(totals.values())[-vendor.applications :]) <= min(vendor.caps.year, vendor.caps.life)


def _share_of_each(about: Vendor, part: float) -> float:
    return _largest(lambda share: _exceeded(about, part, lambda _: share) <= TOLERATED, 1.0)


def _largest(is_tolerated: Callable[[float], bool], most: float) -> float:
    """The largest share of two digits up to `most` that is tolerated, as all smaller shares are; the least if none is."""
    shares = _GRID[: bisect_right(_GRID, most)]
    if is_tolerated(shares[-1]):  # as with few questions
        return shares[-1]
    return shares[max(0, bisect_left(shares, 1, key=lambda share: int(not is_tolerated(share))) - 1)]


def _users(vendor: Vendor, share: float, rng: Callable[[int], int]) -> list[_User]:
    """Simulated users, each with the answers that it is drawn for at this share or a smaller one."""
    questions = [_by_period(drawable(definition, share)) for definition in vendor.definitions]
    applications = sorted({definition.application.id for definition in vendor.definitions})
    mean = sum(definition.question.share for definition in vendor.definitions) * share * vendor.part
    number = max(_USERS.start, min(_USERS.stop, int(_ANSWERS / mean)))
    return [_user(questions, _choose(applications, vendor.applications, rng), rng) for _ in range(number)]


class _Asked(NamedTuple):
    """A question as simulated users are asked: a `Drawable` with the entry of each of its periods."""

    application: str
    bar: int
    key: Key
    entries: Sequence[Charge]


def _by_period(question: Drawable) -> _Asked:
    """No cap of a source counts for a host, and answers that cost the same are equal."""
    equal = {year: entry._replace(sources=()) for year, entry in question.entries.items()}
    return _Asked(question.key[0], question.bar, question.key, [equal[year_of(period.end)] for period in question.periods])


def _user(questions: Sequence[_Asked], owned: set[str], rng: Callable[[int], int]) -> _User:
    user: _User = []
    for place, (application, bar_of_question, key, entries) in enumerate(questions):
        # Most are not drawn, and need no other number than the first.
        if application in owned and (part := rng(_ALL)) < bar_of_question:
            entry = entries[place_among(len(entries), rng(_ALL))]
            user.append((part, place, Contender(rng(_ALL), key, entry)))
    user.sort(key=itemgetter(2))
    return user


def _drawn(vendor: Vendor, share: float, users: Iterable[_User]) -> Iterator[tuple[Charge, ...]]:
    """What each user is drawn for at a share, by rank."""
    bars = [bar(definition.question.share, share) for definition in vendor.definitions]
    for user in users:
        yield tuple([contender[2] for part, place, contender in user if part < bars[place]])


def _lost(vendor: Vendor, share: float, users: Iterable[_User], number_lost: Callable[[tuple[Charge, ...], Caps], int]) -> float:
    """The part of the drawn answers without room, as `number_lost` counts them for a user."""
    drawn = lost = 0
    for entries in _drawn(vendor, share, users):
        drawn += len(entries)
        lost += number_lost(entries, vendor.caps)
    return lost / drawn if drawn else 0.0


def _spent(vendor: Vendor, share: float, users: Iterable[_User]) -> list[int]:
    """What the answers of each user that find room cost, in tenths of ε."""
    return [
        sum(entry.tenths for entry, is_lost in zip(entries, _are_lost(entries, vendor.caps), strict=True) if not is_lost)
        for entries in _drawn(vendor, share, users)
    ]


@lru_cache(maxsize=4096)
def _are_lost(entries: tuple[Charge, ...], caps: Caps) -> tuple[bool, ...]:
    """Whether each answer finds no room, in the order of ranks. Many users are drawn for answers of the same costs."""
    if sum(entry.tenths for entry in entries) <= min(caps.year, caps.life):
        return (False,) * len(entries)
    contenders = [Contender(place, ("", str(place)), entry) for place, entry in enumerate(entries)]
    return tuple(map(bool, view(Sums(caps), contenders).values()))


def _number_lost(entries: tuple[Charge, ...], caps: Caps) -> int:
    """How many answers find no room."""
    return sum(_are_lost(entries, caps))


@lru_cache(maxsize=4096)
def _number_lost_as_the_last(entries: tuple[Charge, ...], caps: Caps) -> int:
    """How many answers find no room if each in turn comes after all others. Those that find none in their own place find none there."""
    are_lost = _are_lost(entries, caps)
    later = ((*entries[:place], *entries[place + 1 :], entries[place]) for place, is_lost in enumerate(are_lost) if not is_lost)
    return sum(are_lost) + sum(_are_lost(order, caps)[-1] for order in later) if any(are_lost) else 0


def _choose(applications: Sequence[str], number: int, rng: Callable[[int], int]) -> set[str]:
    """So many of the applications, at random; all for 0."""
    left = list(applications)
    while number and len(left) > number:
        del left[rng(len(left))]
    return set(left)


def _median_years(spent: Sequence[int], life: int) -> float:
    """The median number of years after which a host's budget for life is spent, if every year asks as much."""
    if not any(spent):
        return float("inf")
    years = sorted(_years_until(spent, first, life) for first in range(len(spent)))
    return years[len(years) // 2]


def _years_until(spent: Sequence[int], first: int, life: int) -> int:
    total = years = 0
    while total < life:
        total += spent[(first + years) % len(spent)]
        years += 1
    return years


def _exceeded(about: Vendor, part: float, share_of: Callable[[Definition], float]) -> float:
    """The probability that a user's drawn answers about a source exceed its cap. Each application is there with probability `part`."""
    by_application: dict[str, list[Definition]] = {}
    for definition in about.definitions:
        by_application.setdefault(definition.application.id, []).append(definition)
    totals = {0: 1.0}
    for definitions in by_application.values():
        with_it = totals
        for definition in definitions:
            with_it = _convolve(with_it, charge_for(definition, "", 0).tenths, share_of(definition), about.caps.source)
        totals = {total: (1 - part) * totals.get(total, 0) + part * with_it.get(total, 0) for total in totals.keys() | with_it.keys()}
    return sum(chance for total, chance in totals.items() if total > about.caps.source)


def _convolve(totals: Mapping[int, float], tenths: int, probability: float, cap: int) -> dict[int, float]:
    result: dict[int, float] = {}
    for total, chance in totals.items():
        more = min(total + tenths, cap + 1)
        result[total] = result.get(total, 0.0) + chance * (1 - probability)
        result[more] = result.get(more, 0.0) + chance * probability
    return result


def _drawn_tenths(vendor: Vendor, share: float) -> float:
    """The mean of what a user is drawn for, in tenths of ε."""
    return sum(charge_for(definition, "", 0).tenths * definition.question.share for definition in vendor.definitions) * share * vendor.part


def _years(vendor: Vendor) -> set[int]:
    return {year for definition in vendor.definitions for year in drawable(definition, 1.0).entries}

"""Invented people for linkage.py: what their machines are, when they accept, and how the real core makes their answers.

Source of the shares: "Linux - Hardware Trends" of Linux-Hardware.org, June 2023, 5,044 computers of all types (All/README.md of
https://github.com/linuxhw/Trends): RAM Size, CPU Cores, OS Family, DE, Display Server, OS Lang and Monitor Resolution. Bands stand as one
size of theirs, cores as processors, what is rare as `rest`. How much people do with an application is nowhere published: those shares are
assumed, and so is that a new machine is new in everything (`_NEWNESS`), which helps the attacker.
"""

import random
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import accumulate
from typing import NamedTuple

from support.manifests.manifest_texts import EDITOR, STARTUP, question

from telemetryd.core.answers import aggregate
from telemetryd.core.answers.coarsen import coarsener
from telemetryd.core.answers.period import Period, whole_periods
from telemetryd.core.answers.report import cell_of_bins
from telemetryd.core.definition import Key
from telemetryd.core.privacy import ledger, room, sampling_lot
from telemetryd.core.settings import Budgets
from telemetryd.core.system_facts import SYSTEM
from telemetryd.toml.manifest import parse

HOURS = (0.5, 1, 2, 4, 8, 16)
"""Classes of hours of use a day."""
WEEK_S = 7 * 86_400
STARTS = int(datetime(2026, 11, 2, tzinfo=UTC).timestamp())
PERIODS = 26
ACCEPTED_BEFORE, ACCEPTED_AFTER = 4 * WEEK_S, 8 * WEEK_S
"""Acceptances are spread evenly from four weeks before the questions start to eight weeks after."""
HOST = "telemetry.example.org"
NO_SAMPLE = 0.1
"""Part of the people who do not use the application in a period: the answer is `none`."""
_NEWNESS = 0.6
"""Part of the facts of a machine that follow from how new it is."""

_MARGINALS = {
    "memory": {1: 0.5, 2: 2, 3: 1.3, 4: 14.4, 8: 23.7, 16: 18.2, 24: 20, 32: 2.5, 64: 12.8, 128: 4.3, 512: 0.4},
    "cpu_count": {1: 1.3, 2: 34.3, 3: 0.6, 4: 32.9, 6: 11.4, 8: 10.1, 10: 1.8, 12: 3.4, 14: 1.4, 16: 1.5, 24: 0.6, 32: 0.7},
    "os": {
        "ubuntu": 22.2,
        "linuxmint": 9.7,
        "fedora": 9.6,
        "debian": 8.6,
        "arch": 4.2,
        "manjaro": 2.9,
        "opensuse-tumbleweed": 2.1,
        "steamos": 1.6,
        "rest": 39.1,
    },
    "session_type": {"x11": 61.3, "wayland": 31.9, "tty": 2.6, "unknown": 4.2},
    "desktop": {
        "gnome": 41.8,
        "kde": 26.5,
        "cinnamon": 9.2,
        "xfce": 7.5,
        "mate": 3.3,
        "lxqt": 1.3,
        "budgie": 0.5,
        "hyprland": 0.3,
        "sway": 0.3,
        "rest": 9.3,
    },
    "locale_language": {
        "en": 54.6,
        "de": 8.3,
        "ru": 7.4,
        "es": 4.9,
        "pt": 4.2,
        "fr": 4,
        "it": 2,
        "pl": 1.4,
        "zh": 0.9,
        "ja": 0.2,
        "rest": 12.1,
    },
    "screen_height": {
        768: 16.8,
        800: 1.8,
        900: 5.9,
        1024: 2.4,
        1050: 1.9,
        1080: 46.6,
        1200: 2.5,
        1280: 1.2,
        1440: 6.5,
        1600: 1.5,
        1800: 0.7,
        2160: 7.4,
        2400: 0.4,
    },
    "startup": {300: 25, 700: 30, 1200: 25, 2500: 15, 6000: 5},
    "documents": {1: 15, 3: 25, 10: 30, 40: 20, 150: 10},
    "crashes": {0: 85, 1: 10, 3: 4, 9: 1},
}
CHURN = {
    **dict.fromkeys(("memory", "cpu_count", "locale_language"), 0.002),
    **dict.fromkeys(("os", "session_type", "desktop", "screen_height"), 0.005),
    "startup": 0.1,
    "documents": 0.2,
    "crashes": 0.2,
}
"""How likely a week draws each fact anew; assumed. The joint report is of these bins and this churn."""
_AGEING = ("memory", "cpu_count", "screen_height", "startup")

_SOURCES = (
    EDITOR
    + STARTUP.replace("[500, 2000]", "[500, 1000, 2000, 4000]")
    + """\
[[source]]
id = "documents"
type = "count"
description = "Documents that were opened"
combine = "sum"
bins = [2, 5, 20, 100]
[[source]]
id = "crashes"
type = "count"
description = "Ends that were not asked for"
combine = "sum"
bins = [1, 2, 5]
"""
)
_FACTS = ("memory", "cpu_count", "os", "session_type", "desktop", "locale_language", "screen_height")


class Person(NamedTuple):
    """One user: `start` is the second of the day at which a fixed day begins, -1 where every day begins at another time."""

    number: int
    hours: float
    start: int
    accepted: int
    facts: dict[str, object]


class Due(NamedTuple):
    """An answer that a person owes: which question, for which period, and the true cell."""

    question: int
    period: Period
    cell: int


@cache
def definitions():
    """The ten questions, as the real core enforces them: seven facts of the machine, a correlation, and two of use."""
    texts = [_question("system", one, f"{SYSTEM}/{one}") for one in _FACTS]
    coarser = f'coarser = {{ "{SYSTEM}/memory" = [4, 16], startup = [500, 2000] }}\n'
    texts.append(_question("usage", "startup-by-memory", "startup", f"{SYSTEM}/memory", more=coarser))
    texts += [_question("usage", one, one) for one in ("documents", "crashes")]
    return parse(_SOURCES + "".join(texts)).definitions


def _question(category, name, *sources, more=""):
    return question(
        *(name, *sources),
        purpose=f"What is {name} like for those who use the editor?",
        decision="What is worked on first",
        category=category,
        starts="2026-11-02",
        ends="2027-05-02",
        more=f"{more}epsilon = 2.0",
    )


def hours_of(number: int) -> float:
    """Hours of use a day: the classes take turns."""
    return HOURS[number // 2 % len(HOURS)]


def has_fixed_start(number: int) -> bool:
    """Whether all days begin at one second: every other person's."""
    return number % 2 == 1


def person(number: int, seed: int) -> Person:
    """One of the people."""
    chance = random.Random(f"{seed} {number}")
    start = chance.randrange(86_400) if has_fixed_start(number) else -1
    accepted = STARTS - ACCEPTED_BEFORE + chance.randrange(ACCEPTED_BEFORE + ACCEPTED_AFTER)
    return Person(number, hours_of(number), start, accepted, facts(chance))


def facts(chance: random.Random) -> dict[str, object]:
    """The exact samples of one person, by source; a source without one is not pushed."""
    newness = chance.random()
    found = {}
    for name, (values, sums) in _cumulated().items():
        follows = name in _AGEING and chance.random() < _NEWNESS
        place = (1 - newness if name == "startup" else newness) if follows else chance.random()
        found[name] = values[min(bisect_right(sums, place * sums[-1]), len(values) - 1)]
    if chance.random() < NO_SAMPLE:
        for name in ("startup", "documents", "crashes"):
            del found[name]
    return found


def a_week_later(before: dict[str, object], chance: random.Random) -> dict[str, object]:
    """The samples of the same person a week later."""
    other = facts(chance)
    return {name: (other if chance.random() < CHURN[name] else before).get(name, before.get(name)) for name in before}


def true_cell(number: int, samples: dict[str, object]) -> int:
    """The true answer to question `number`, by the path of the daemon: coarsen, fold, combine, cell."""
    return _cell(number, tuple([samples.get(source) for source, _, _ in _paths()[number][2]]))


@cache
def _cell(number: int, values: tuple[object, ...]) -> int:
    """The same for values in the order of the sources, None where there is none; there are few of them, so each is worked out once."""
    definition, slots, pushes = _paths()[number]
    tally = aggregate.empty_tally(slots)
    for stamp, (value, (_, reduce, fold)) in enumerate(zip(values, pushes, strict=True), 1):
        if value is not None:
            fold(tally, reduce("s" if isinstance(value, str) else "u", (value,)), stamp)
    return cell_of_bins(definition, aggregate.answer(slots, tally))


def owed(one: Person, chance: random.Random) -> list[Due]:
    """What a person answers: drawn, not begun at the acceptance, and with room in the ledger; all ten are accepted at once."""
    drawn, candidates = {}, {}
    for number, asked in enumerate(_asked()):
        numbers = sampling_lot.draw_lot(chance.randrange)
        period = sampling_lot.period_among(asked.periods, numbers)
        if period.start > one.accepted and numbers.part < asked.bar:
            drawn[asked.key] = (number, period)
            candidates[asked.key] = room.Candidate(numbers.rank, one.accepted, period.start, asked.entries[period])
    held = room.look({}, candidates, ledger.caps_of(Budgets(), is_spent=False), STARTS + PERIODS * WEEK_S).changes
    return [Due(number, period, true_cell(number, one.facts)) for number, period in map(drawn.get, held)]


class _Asked(NamedTuple):
    """What a question is for everybody, worked out once: who is drawn, its periods, and the entry of each in the ledger."""

    key: Key
    bar: int
    periods: Sequence[Period]
    entries: Mapping[Period, ledger.Charge]


@cache
def _asked() -> list[_Asked]:
    found = []
    for definition in definitions():
        question = definition.question
        periods = whole_periods(question.period, question.starts, question.ends)
        entries = {one: ledger.charge_for(definition, HOST, datetime.fromtimestamp(one.end - 1, UTC).year) for one in periods}
        found.append(_Asked(definition.key, sampling_lot.bar(question.share, 1.0), periods, entries))
    return found


@cache
def _cumulated() -> dict[str, tuple[Sequence[object], Sequence[float]]]:
    return {name: (list(shares), list(accumulate(shares.values()))) for name, shares in _MARGINALS.items()}


@cache
def _paths():
    """For each question: definition, slots, and for each source (name, coarsener, fold)."""
    found = []
    for definition in definitions():
        slots = aggregate.layout(definition, ())
        pushes = [(slot.field.id.rpartition("/")[2], coarsener(slot.field), aggregate.fold(slot)) for slot in slots]
        found.append((definition, slots, pushes))
    return found

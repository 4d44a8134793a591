"""Invented users who answer a question through the noise, for the tests of the estimates."""

import random
from collections import Counter

from texts import EDITOR, STARTUP, question

from telemetryd.analysis.channel import channel
from telemetryd.core.period import whole_periods
from telemetryd.core.report import Report, encode, label_of_cell
from telemetryd.toml.manifest import parse

PLATFORM = """\
[[source]]
id = "platform"
type = "choice"
description = "Window system that the application runs on"
values = ["wayland"]
"""
MANIFEST = (
    EDITOR
    + STARTUP
    + PLATFORM
    + question(
        *("startup-by-platform", "startup", "platform"),
        purpose="Is start-up slower on one window system?",
        decision="Which window system is worked on first",
        starts="2026-11-02",
        ends="2026-12-27",
        more="epsilon = 2.0",
    )
)


def definition(manifest=MANIFEST):
    """The one question of a manifest."""
    (one,) = parse(manifest).definitions
    return one


def arriving(shares, epsilon):
    """How often each answer arrives, were these the shares of the true ones."""
    truth, lie = map(float, channel(len(shares), epsilon))
    return [lie + share * (truth - lie) for share in shares]


def samples(shares, epsilon, *, users, repeats, seed):
    """Counts by cell of so many samples of so many users."""
    chance, weights = random.Random(seed), arriving(shares, epsilon)
    for _ in range(repeats):
        yield Counter(chance.choices(range(len(shares)), weights, k=users))


def courses(table, epsilon, *, users, repeats, seed):
    """Counts by period and cell: each user answers in a period drawn uniformly, in which the shares are those of the table's row."""
    chance = random.Random(seed)
    places = [(period, cell) for period, row in enumerate(table) for cell in range(len(row))]
    weights = [weight for row in table for weight in arriving(row, epsilon)]
    for _ in range(repeats):
        counts = {period: {} for period in range(len(table))}
        for (period, cell), count in Counter(chance.choices(places, weights, k=users)).items():
            counts[period][cell] = count
        yield counts


def bodies(asked, shares, *, users, seed):
    """Reports of so many users as they arrive, in periods drawn uniformly; `shares` are those of the cells in every period."""
    chance = random.Random(seed)
    periods = whole_periods(asked.question.period, asked.question.starts, asked.question.ends)
    weights = arriving(shares, asked.question.epsilon)
    for cell in chance.choices(range(asked.cells), weights, k=users):
        period, nonce = chance.choice(periods).label, f"{chance.getrandbits(128):032x}"
        yield encode(Report(*asked.key, asked.revision, period, label_of_cell(asked, cell), asked.question.epsilon, nonce))


def mean(values):
    """The mean."""
    return sum(values) / len(values)


def deviation(values):
    """The standard deviation."""
    middle = mean(values)
    return (sum((value - middle) ** 2 for value in values) / (len(values) - 1)) ** 0.5

"""Simulated users who answer a question with noise, for tests of the estimates."""

import random
from collections import Counter

from support.manifests.manifest_texts import EDITOR, STARTUP, question

from telemetryd.analysis.channel import channel
from telemetryd.core.answers.period import whole_periods
from telemetryd.core.answers.report import Report, encode, label_of_cell
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
    (definition,) = parse(manifest).definitions
    return definition


def arriving(shares, epsilon):
    """The probability of each reported answer, given the shares of the true ones."""
    truth, lie = map(float, channel(len(shares), epsilon))
    return [lie + share * (truth - lie) for share in shares]


def samples(shares, epsilon, *, users, repeats, seed):
    """Counts by cell of so many samples of so many users."""
    rng, weights = random.Random(seed), arriving(shares, epsilon)
    for _ in range(repeats):
        yield Counter(rng.choices(range(len(shares)), weights, k=users))


def courses(table, epsilon, *, users, repeats, seed):
    """Counts by period and cell: each user answers in a period drawn uniformly, in which the shares are those of the table's row."""
    rng = random.Random(seed)
    places = [(period, cell) for period, row in enumerate(table) for cell in range(len(row))]
    weights = [weight for row in table for weight in arriving(row, epsilon)]
    for _ in range(repeats):
        counts = {period: {} for period in range(len(table))}
        for (period, cell), count in Counter(rng.choices(places, weights, k=users)).items():
            counts[period][cell] = count
        yield counts


def bodies(definition, shares, *, users, seed):
    """Reports of so many users as they arrive, in periods drawn uniformly; `shares` are those of the cells in every period."""
    rng = random.Random(seed)
    question = definition.question
    periods = whole_periods(question.period, question.starts, question.ends)
    weights = arriving(shares, question.epsilon)
    for cell in rng.choices(range(definition.cells), weights, k=users):
        period, nonce = rng.choice(periods).label, f"{rng.getrandbits(128):032x}"
        yield encode(Report(*definition.key, definition.revision, period, label_of_cell(definition, cell), question.epsilon, nonce))


def mean(values):
    """The mean."""
    return sum(values) / len(values)


def deviation(values):
    """The standard deviation."""
    middle = mean(values)
    return (sum((value - middle) ** 2 for value in values) / (len(values) - 1)) ** 0.5

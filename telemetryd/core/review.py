"""What makes a definition admissible, as arithmetic: answers, size of the report, length of the collection. Policy: A3, M4, R1."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from telemetryd.core.definition import SourceType
from telemetryd.core.period import first_whole_period
from telemetryd.core.report import REPORT_BYTES, longest

if TYPE_CHECKING:
    from telemetryd.core.definition import Definition

MOST_CELLS = 32
"""Cells of an answer whatever its ε: the more there are, the more an answer says of one person."""

_FEBRUARY_29 = (2, 29)


def exp_thousandths(epsilon: float) -> int:
    """⌊1000·e^ε⌋ for an ε in tenths: the rational that stands for e^ε everywhere, rounded towards more privacy."""
    return int(1000 * Decimal(repr(epsilon)).exp())


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
    if longest(definition) > REPORT_BYTES:
        found.append(f"sources: expected a longest report of at most {REPORT_BYTES} bytes, not {longest(definition)}: use rounder edges")
    return found


def warnings(definition: Definition) -> list[str]:
    """What is admitted and still unwise, in plain words."""
    found = [
        f"source {field.id}: a count is never below 0, so the bin {field.labels[0]} stays empty"
        for field in definition.fields
        if field.type is SourceType.COUNT and field.edges[0] == 0
    ]
    epsilon = definition.question.epsilon
    optimum = optimum_cells(epsilon)
    if definition.cells > optimum:
        found.append(f"{definition.cells} possible answers at epsilon {epsilon}: above {optimum} each answer tells less")
    return found

"""Numbers and answers as text, the same in every chart and table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.definition import NONE

if TYPE_CHECKING:
    from telemetryd.analysis.layout import Column, Labels
    from telemetryd.analysis.trend import Trend

POINTS = 100
"""Percentage points in a share of 1."""
DRAWN_SHARES = (-0.5, 1.5)
"""The widest range of shares that is drawn. Intervals are cut off there; the terminal marks them with < or >."""
_BELIEVABLE = 0.01
"""A fit below this probability is called bad."""


def percent(share: float) -> str:
    """A share in per cent, or a difference of shares in percentage points; never `-0.0`."""
    text = f"{POINTS * share:.1f}"
    return "0.0" if text == "-0.0" else text


def slope(change: float) -> str:
    """A change in percentage points, with its sign and one more digit than a share."""
    text = f"{POINTS * change:+.2f}"
    return "+0.00" if text == "-0.00" else text


def answer_text(column: Column) -> str:
    """The answer of a share: `none`, or `startup <500, memory 4..16`."""
    if all(label == NONE for _, label in column.answer):
        return NONE
    return _labels_text(column.answer)


def population_text(column: Column) -> str:
    """The users that the share is among; "" for all."""
    return _labels_text(column.given) if column.given else "users with a sample" if column.is_answered else ""


def share_title(column: Column) -> str:
    """The answer, and the users that the share is among."""
    population = population_text(column)
    return f"{answer_text(column)}, among {population}" if population else answer_text(column)


def trend_sentence(trend: Trend, unit: str) -> str:
    """A trend in a sentence."""
    line = trend.slope
    verdict = "a trend" if line.low > 0 or line.high < 0 else "no trend seen"
    text = f"{slope(line.value)} points per {unit} ({slope(line.low)} to {slope(line.high)}): {verdict}"
    is_bad = trend.fit is not None and trend.fit < _BELIEVABLE
    return f"{text}; but the points scatter more than chance allows about a line" if is_bad else text


def _labels_text(labels: Labels) -> str:
    return ", ".join(f"{name.rpartition('/')[2]} {label}" for name, label in labels)

"""Numbers and answers as they are written under every chart and in every table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.definition import NONE

if TYPE_CHECKING:
    from telemetryd.analysis.layout import Column, Labels
    from telemetryd.analysis.trend import Trend

POINTS = 100
"""Percentage points of a whole."""
DRAWN = (-0.5, 1.5)
"""Shares that a picture has room for at most; an interval that goes beyond is cut off there, and says so in the terminal."""
_BELIEVABLE = 0.01
"""A line that fits worse than this probability is called bad."""


def percent(share: float) -> str:
    """A share in per cent, or a difference of shares in percentage points, without a sign where it is 0."""
    text = f"{POINTS * share:.1f}"
    return "0.0" if text == "-0.0" else text


def slope(change: float) -> str:
    """A change in percentage points with its sign and one digit more than a share."""
    text = f"{POINTS * change:+.2f}"
    return "+0.00" if text == "-0.00" else text


def answer_of(column: Column) -> str:
    """The answer that a share is of: `none`, or `startup <500, memory 4..16`."""
    if all(label == NONE for _, label in column.answer):
        return NONE
    return _said(column.answer)


def given_of(column: Column) -> str:
    """Among whom: "" for all users."""
    return _said(column.given) if column.given else "users with a sample" if column.is_answered else ""


def title_of(column: Column) -> str:
    """Answer and among whom."""
    given = given_of(column)
    return f"{answer_of(column)}, among {given}" if given else answer_of(column)


def trend_of(trend: Trend, unit: str) -> str:
    """A trend in a sentence."""
    line = trend.slope
    verdict = "a trend" if line.low > 0 or line.high < 0 else "no trend seen"
    text = f"{slope(line.value)} points per {unit} ({slope(line.low)} to {slope(line.high)}): {verdict}"
    is_bad = trend.fit is not None and trend.fit < _BELIEVABLE
    return f"{text}; but the points scatter more than chance allows about a line" if is_bad else text


def _said(labels: Labels) -> str:
    return ", ".join(f"{name.rpartition('/')[2]} {label}" for name, label in labels)

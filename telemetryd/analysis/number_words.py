"""Numbers and answers as text, the same in every chart and table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.declared_words import translated_word
from telemetryd.core.definition import NONE
from telemetryd.core.translation import ENGLISH, decimal

if TYPE_CHECKING:
    from telemetryd.analysis.layout import Column, Labels
    from telemetryd.analysis.trend import Trend
    from telemetryd.core.definition import PeriodKind
    from telemetryd.core.translation import Words

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


def population_text(column: Column, words: Words = ENGLISH) -> str:
    """The users that the share is among; "" for all."""
    return _labels_text(column.given) if column.given else words.gettext("users with a sample") if column.is_answered else ""


def share_title(column: Column, words: Words = ENGLISH) -> str:
    """The answer, and the users that the share is among."""
    population = population_text(column, words)
    among = words.gettext("{answer}, among {users}")
    return among.format(answer=answer_text(column), users=population) if population else answer_text(column)


def trend_sentence(trend: Trend, unit: PeriodKind, words: Words = ENGLISH) -> str:
    """A trend in a sentence."""
    _, line = words.gettext, trend.slope
    is_trend = line.low > 0 or line.high < 0
    seen, unseen = (
        _("{slope} points per {period} ({low} to {high}): a trend"),
        _("{slope} points per {period} ({low} to {high}): no trend seen"),
    )
    values = {name: decimal(slope(value), words) for name, value in (("slope", line.value), ("low", line.low), ("high", line.high))}
    text = (seen if is_trend else unseen).format(period=translated_word(unit, words), **values)
    is_bad = trend.fit is not None and trend.fit < _BELIEVABLE
    bad = _("{text}; but the points scatter more than chance allows about a line")
    return bad.format(text=text) if is_bad else text


def _labels_text(labels: Labels) -> str:
    return ", ".join(f"{name.rpartition('/')[2]} {label}" for name, label in labels)

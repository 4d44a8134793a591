"""Shares over the periods as one SVG picture: a panel for each share, with intervals, the trend and its 95 % band. Written by hand."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

from telemetryd.analysis.number_words import DRAWN, percent, title_of, trend_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.analysis.question_findings import Finding, Findings, Period
    from telemetryd.analysis.trend import Trend

_WIDTH, _HEAD, _PANEL = 760, 40, 230
"""Pixels: the picture's width, the height of a question's heading and of a panel."""
_LEFT, _RIGHT, _ABOVE, _BELOW = 64, 20, 44, 34
"""Margins of the drawing inside its panel."""
_LABELS, _GRID_LINES = 9, 5
"""At most so many periods are named, and about so many lines drawn."""
_STYLE = (
    "text{font:12px sans-serif;fill:#222}.title{font-weight:bold;font-size:14px}.small{fill:#555}"
    ".name{font-size:13px}.grid{stroke:#ddd}.zero{stroke:#888}.bar{stroke:#1f5f99;stroke-width:2}.dot{fill:#1f5f99}"
    ".trend{stroke:#b3441e;stroke-width:2;fill:none}.band{fill:#b3441e;fill-opacity:.15}"
)


class _Frame(NamedTuple):
    """Where numbers lie in one panel: `first` and `last` are period numbers, `low` and `high` shares, `top` pixels from above."""

    first: int
    last: int
    low: float
    high: float
    top: float

    def x(self, period: float) -> float:
        """Pixels from the left."""
        inner = _WIDTH - _LEFT - _RIGHT
        span = self.last - self.first
        return _LEFT + inner * ((period - self.first + 0.5) / (span + 1))

    def y(self, share: float) -> float:
        """Pixels from above; what is outside lies on the edge."""
        share = min(max(share, self.low), self.high)
        return self.top + _ABOVE + (_PANEL - _ABOVE - _BELOW) * (self.high - share) / (self.high - self.low)


def picture(found: Sequence[Findings]) -> str:
    """The whole file; a share without a single estimate has no panel."""
    body: list[str] = []
    height = 0
    for one in found:
        body += [_text(_LEFT, height + 28, f"{one.question.asked.application} {one.question.asked.question}", 'class="name"')]
        height += _HEAD
        for share in one.shares:
            if any(share.by_period):
                body += _panel(one, share, height)
                height += _PANEL
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" role="img">',
            "<title>Shares by period with 95 % intervals and trends</title>",
            f"<style>{_STYLE}</style>",
            f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
            *body,
            "</svg>\n",
        ]
    )


def _panel(found: Findings, share: Finding, top: float) -> Iterator[str]:
    frame, step = _framed(found, share, top)
    yield _text(_LEFT, top + 14, title_of(share.column), 'class="title"')
    if share.trend:
        yield _text(_LEFT, top + 32, trend_of(share.trend, found.question.asked.kind), 'class="small"')
    yield from _grid(frame, step)
    yield from _names(frame, found.periods)
    if share.trend:
        yield from _trend(frame, share.trend)
    for period, one in zip(found.periods, share.by_period, strict=True):
        if one:
            x = frame.x(period.number)
            yield f'<line class="bar" x1="{x:.1f}" x2="{x:.1f}" y1="{frame.y(one.low):.1f}" y2="{frame.y(one.high):.1f}"/>'
        if one and frame.low <= one.value <= frame.high:
            yield f'<circle class="dot" cx="{frame.x(period.number):.1f}" cy="{frame.y(one.value):.1f}" r="3.5"/>'


def _framed(found: Findings, share: Finding, top: float) -> tuple[_Frame, float]:
    """A frame that all intervals fit in, from grid line to grid line, and the distance of these."""
    known = [one for one in share.by_period if one]
    low, high = max(DRAWN[0], min(one.low for one in known)), min(DRAWN[1], max(one.high for one in known))
    step = _step(low, high)
    bottom = floor(low / step) * step
    frame = _Frame(found.periods[0].number, found.periods[-1].number, bottom, max(ceil(high / step) * step, bottom + step), top)
    return frame, step


def _step(low: float, high: float) -> float:
    """A round distance between grid lines: 1, 2 or 5 times a power of ten."""
    rough = max(high - low, 1e-6) / _GRID_LINES
    power = 10.0 ** floor(log10(rough))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= rough), 10 * power)


def _grid(frame: _Frame, step: float) -> Iterator[str]:
    for number in range(round((frame.high - frame.low) / step) + 1):
        share = frame.low + number * step
        y = frame.y(share)
        kind = "zero" if abs(share) < step / 2 else "grid"
        yield f'<line class="{kind}" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(_LEFT - 8, y + 4, f"{percent(share)} %", 'text-anchor="end"')


def _names(frame: _Frame, periods: Sequence[Period]) -> Iterator[str]:
    every = ceil(len(periods) / _LABELS)
    for period in periods[::every]:
        yield _text(frame.x(period.number), frame.top + _PANEL - _BELOW + 18, period.label, 'text-anchor="middle"')


def _trend(frame: _Frame, trend: Trend) -> Iterator[str]:
    """The band and the line, kept inside the panel."""
    numbers = [frame.first + part * (frame.last - frame.first) / 24 for part in range(25)]
    values = [trend.at(number) for number in numbers]

    def points(shares: Sequence[float], xs: Sequence[float]) -> str:
        return " ".join(f"{frame.x(x):.1f},{frame.y(share):.1f}" for x, share in zip(xs, shares, strict=True))

    upper, lower = points([one.high for one in values], numbers), points([one.low for one in values][::-1], numbers[::-1])
    yield f'<polygon class="band" points="{upper} {lower}"/>'
    yield f'<polyline class="trend" points="{points([one.value for one in values], numbers)}"/>'


def _text(x: float, y: float, text: str, attributes: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{escape(text)}</text>'

"""Shares over the periods as one SVG picture: a panel for each share, with intervals, the trend and its 95 % band."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

from telemetryd.analysis.number_words import DRAWN_SHARES, percent, share_title, trend_sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.analysis.question_findings import Findings, ReportedPeriod, ShareFinding
    from telemetryd.analysis.trend import Trend

_WIDTH, _HEAD, _PANEL = 760, 40, 230
"""Pixels: the picture's width, the height of a question's heading and of a panel."""
_LEFT, _RIGHT, _ABOVE, _BELOW = 64, 20, 44, 34
"""Margins of the drawing inside its panel."""
_LABELS, _GRID_LINES = 9, 5
"""Most periods that get a label, and about how many grid lines are drawn."""
_STYLE = (
    "text{font:12px sans-serif;fill:#222}.title{font-weight:bold;font-size:14px}.small{fill:#555}"
    ".name{font-size:13px}.grid{stroke:#ddd}.zero{stroke:#888}.bar{stroke:#1f5f99;stroke-width:2}.dot{fill:#1f5f99}"
    ".trend{stroke:#b3441e;stroke-width:2;fill:none}.band{fill:#b3441e;fill-opacity:.15}"
)


class _Frame(NamedTuple):
    """The coordinates of one panel: `first` and `last` period numbers, `low` and `high` shares, `top` in pixels."""

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
        """Pixels from above; shares outside the panel are moved to its edge."""
        share = min(max(share, self.low), self.high)
        return self.top + _ABOVE + (_PANEL - _ABOVE - _BELOW) * (self.high - share) / (self.high - self.low)


def picture(findings: Sequence[Findings]) -> str:
    """The text of the SVG file; a share without any estimate has no panel."""
    body: list[str] = []
    height = 0
    for finding in findings:
        body += [_text(_LEFT, height + 28, f"{finding.question.group.application} {finding.question.group.question}", 'class="name"')]
        height += _HEAD
        for share in finding.shares:
            if any(share.by_period):
                body += _panel(finding, share, height)
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


def _panel(findings: Findings, share: ShareFinding, top: float) -> Iterator[str]:
    frame, step = _frame_of(findings, share, top)
    yield _text(_LEFT, top + 14, share_title(share.column), 'class="title"')
    if share.trend:
        yield _text(_LEFT, top + 32, trend_sentence(share.trend, findings.question.group.kind), 'class="small"')
    yield from _grid(frame, step)
    yield from _period_labels(frame, findings.periods)
    if share.trend:
        yield from _trend(frame, share.trend)
    for period, estimate in zip(findings.periods, share.by_period, strict=True):
        if estimate:
            x = frame.x(period.number)
            yield f'<line class="bar" x1="{x:.1f}" x2="{x:.1f}" y1="{frame.y(estimate.low):.1f}" y2="{frame.y(estimate.high):.1f}"/>'
        if estimate and frame.low <= estimate.value <= frame.high:
            yield f'<circle class="dot" cx="{frame.x(period.number):.1f}" cy="{frame.y(estimate.value):.1f}" r="3.5"/>'


def _frame_of(findings: Findings, share: ShareFinding, top: float) -> tuple[_Frame, float]:
    """A frame that holds all intervals and ends at grid lines, and the distance between grid lines."""
    estimates = [estimate for estimate in share.by_period if estimate]
    low, high = (
        max(DRAWN_SHARES[0], min(estimate.low for estimate in estimates)),
        min(DRAWN_SHARES[1], max(estimate.high for estimate in estimates)),
    )
    step = _step(low, high)
    bottom = floor(low / step) * step
    frame = _Frame(findings.periods[0].number, findings.periods[-1].number, bottom, max(ceil(high / step) * step, bottom + step), top)
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


def _period_labels(frame: _Frame, periods: Sequence[ReportedPeriod]) -> Iterator[str]:
    every = ceil(len(periods) / _LABELS)
    for period in periods[::every]:
        yield _text(frame.x(period.number), frame.top + _PANEL - _BELOW + 18, period.label, 'text-anchor="middle"')


def _trend(frame: _Frame, trend: Trend) -> Iterator[str]:
    """The band and the line, clipped to the panel."""
    numbers = [frame.first + part * (frame.last - frame.first) / 24 for part in range(25)]
    values = [trend.at(number) for number in numbers]

    def points(shares: Sequence[float], xs: Sequence[float]) -> str:
        return " ".join(f"{frame.x(x):.1f},{frame.y(share):.1f}" for x, share in zip(xs, shares, strict=True))

    upper, lower = points([value.high for value in values], numbers), points([value.low for value in values][::-1], numbers[::-1])
    yield f'<polygon class="band" points="{upper} {lower}"/>'
    yield f'<polyline class="trend" points="{points([value.value for value in values], numbers)}"/>'


def _text(x: float, y: float, text: str, attributes: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{escape(text)}</text>'

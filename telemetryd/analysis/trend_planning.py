"""The precision of a trend, computed before the question is asked; `core.privacy.planning` does the same for a share."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from telemetryd.core.privacy.planning import share_error

if TYPE_CHECKING:
    from telemetryd.analysis.channel import Channel


def trend_error(share: float, reports: float, channel: Channel, periods: int) -> float:
    """Standard error of a trend, as a change of the share per period. `reports` are spread evenly over two or more `periods`."""
    return share_error(share, reports / periods, channel) / sqrt(periods * (periods**2 - 1) / 12)

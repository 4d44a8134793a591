"""What a question can find out before it is asked: the same arithmetic, with shares that are assumed instead of counted."""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING

from telemetryd.analysis.shares import Z

if TYPE_CHECKING:
    from telemetryd.analysis.channel import Channel


def share_error(share: float, reports: float, channel: Channel) -> float:
    """Standard error of a share among all users: √(λ(1 - λ)/N) / (p - q), λ being how often its answer arrives."""
    arriving = float(channel.lie) + share * float(channel.gain)
    return sqrt(arriving * (1 - arriving) / reports) / float(channel.gain)


def hardest_share(channel: Channel) -> float:
    """The share that is estimated worst: the one whose answer arrives nearest to half of the time."""
    return min(1.0, (0.5 - float(channel.lie)) / float(channel.gain))


def reports_needed(margin: float, channel: Channel, share: float | None = None) -> int:
    """Reports for an interval of ± `margin` around a share, or around whichever is estimated worst."""
    assumed = hardest_share(channel) if share is None else share
    return ceil((Z * share_error(assumed, 1, channel) / margin) ** 2)


def trend_error(share: float, reports: float, channel: Channel, periods: int) -> float:
    """Standard error of a trend, as a change of the share per period, of `reports` spread evenly over the periods; at least two."""
    return share_error(share, reports / periods, channel) / sqrt(periods * (periods**2 - 1) / 12)

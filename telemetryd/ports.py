"""The outside, as the daemon sees it: what adapters implement and `app` puts in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from telemetryd.core.schedule import Delivery
    from telemetryd.core.settings import Endpoint


class Clock(Protocol):
    """The two clocks."""

    def now(self) -> float:
        """Wall time, Unix seconds, UTC."""

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""


class Randomness(Protocol):
    """Chance that nobody can foresee."""

    def below(self, bound: int) -> int:
        """A uniform integer in [0, bound)."""

    def nonce(self) -> str:
        """128 random bits as 32 hex digits."""


class Courier(Protocol):
    """Hands one report to the uploader."""

    async def deliver(self, endpoint: Endpoint, body: bytes) -> Delivery:
        """Send one report and say what became of it; cancelling it aborts the connection."""


class SystemFacts(Protocol):
    """What the daemon itself measures of this machine."""

    def read(self, name: str) -> int | float | str | bool | None:
        """The exact value of one system fact (`memory`, `os` …), or None where it cannot be known; never logged."""

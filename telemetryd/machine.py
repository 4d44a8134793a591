"""The clocks and the chance of this machine."""

from __future__ import annotations

import secrets
import time


class SystemClock:
    """The port `Clock` over the kernel's clocks."""

    def now(self) -> int:
        """Wall time, Unix seconds, UTC."""
        return int(time.time())

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back and does not count suspends."""
        return time.monotonic()


class SecretChance:
    """The port `Randomness` over the kernel's generator."""

    def below(self, bound: int) -> int:
        """A uniform integer in [0, bound)."""
        return secrets.randbelow(bound)

"""The clocks and the chance of this machine."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from telemetryd.core.delay import Moment


class SystemClock:
    """The port `Clock` over the kernel's clocks."""

    def __init__(self) -> None:
        self._start = _start()

    def now(self) -> int:
        """Wall time, Unix seconds, UTC."""
        return int(time.time())

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back and does not count suspends."""
        return time.monotonic()

    def moment(self) -> Moment:
        """One look at all of them; the two clocks that begin with the machine are the same in every process."""
        return Moment(self.now(), int(time.monotonic()), int(time.clock_gettime(time.CLOCK_BOOTTIME)), self._start)


def _start() -> int:
    """A number of the machine's start: as much of its boot_id (random(4)) as tells two of them apart; 0 without /proc."""
    try:
        return int(Path("/proc/sys/kernel/random/boot_id").read_text()[:8], 16)
    except (OSError, ValueError):
        return 0


class SecretChance:
    """The port `Randomness` over the kernel's generator."""

    def below(self, bound: int) -> int:
        """A uniform integer in [0, bound)."""
        return secrets.randbelow(bound)

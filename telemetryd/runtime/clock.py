"""The clocks and the random number generator of this machine."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from telemetryd.core.permission.obstacle_delay import Moment


class SystemClock:
    """The port `Clock` over the kernel's clocks."""

    def __init__(self) -> None:
        self._start = _boot_number()

    def now(self) -> int:
        """Wall time, Unix seconds, UTC."""
        return int(time.time())

    def monotonic(self) -> float:
        """Seconds of a clock that never goes backwards and does not count time in suspend."""
        return time.monotonic()

    def moment(self) -> Moment:
        """All clocks at one moment. The two clocks that begin at boot are the same in every process."""
        return Moment(self.now(), int(time.monotonic()), int(time.clock_gettime(time.CLOCK_BOOTTIME)), self._start)


def _boot_number() -> int:
    """A number of this boot: the first 32 bits of its boot_id (random(4)). 0 without /proc."""
    try:
        return int(Path("/proc/sys/kernel/random/boot_id").read_text()[:8], 16)
    except (OSError, ValueError):
        return 0


class SecretRandomness:
    """The port `Randomness` over the kernel's generator."""

    def below(self, bound: int) -> int:
        """A uniform integer in [0, bound)."""
        return secrets.randbelow(bound)

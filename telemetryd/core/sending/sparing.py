"""When a report waits because the network line is metered or the machine saves power, and when it does no longer. Policy: A2, M4.

- At each tick the daemon asks whether the line is metered or the machine saves power. If so, the report that the tick would send waits. It
  is not a try: it has no cause, uses up nothing, and the late report of the day stays free.
- It gets another slot, uniform in the next `SPARING_STEP_S`. Reports that all left as soon as the line is free would arrive together.
- The rule holds in the first window only. If less than such a step is left, the slot lies in the first half of the second window, where
  every report leaves over any line. So a machine whose line is always metered sends all of its reports, at uniform moments. The other half
  is left for machines that are seldom on.
- Developer mode does not ask: its reports stay on the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.limits import SECOND_WINDOW_S, SPARING_STEP_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetryd.core.sending.schedule import Window


def may_wait(window: Window, now: int) -> bool:
    """Whether a report may wait for another line or for power."""
    return now < window.end


def later_slot(window: Window, now: int, rng: Callable[[int], int]) -> int:
    """Another slot for a report that waits at `now`: within a step, or soon after the window. `rng(n)` is uniform in [0, n)."""
    if window.end - now > SPARING_STEP_S:
        return now + rng(SPARING_STEP_S)
    return window.end + rng(SECOND_WINDOW_S // 2)

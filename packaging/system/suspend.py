"""A machine that sleeps: the daemon, the timer and the counts over a suspend to memory. As root in a virtual machine (machine.sh)."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial

from accounts import DAEMON, TICK, Account, main_process, until
from lifecycle import accept, install_manifest, prepare
from receiver import Receiver
from table import Table

ASLEEP_S = 30
TIMER = "telemetryd-tick.timer"


def sleep() -> float:
    """Suspend to memory, until the clock of the machine wakes it; the seconds asleep."""
    running, whole = time.clock_gettime(time.CLOCK_MONOTONIC), time.clock_gettime(time.CLOCK_BOOTTIME)
    subprocess.run(["rtcwake", "--mode", "mem", "--seconds", str(ASLEEP_S)], check=True, stdout=subprocess.DEVNULL)
    running, whole = time.clock_gettime(time.CLOCK_MONOTONIC) - running, time.clock_gettime(time.CLOCK_BOOTTIME) - whole
    assert whole - running > ASLEEP_S / 2, f"it was asleep for {whole - running:.0f} s only"
    return whole - running


def daemon(ada: Account) -> str:
    """The daemon of before answers after the sleep, and what was pushed before and after is counted."""
    ada.push(5)
    before = main_process(ada)
    asleep_s = sleep()
    assert main_process(ada) == before
    ada.push(5)
    assert ada.counted() == "10..11", ada.counted()
    return f"asleep for {asleep_s:.0f} s; the same process; 10 of 10 pushes counted"


def timer(ada: Account) -> str:
    """Time asleep does not count for the timer: its next run is as far away as before. That run then comes."""
    ada.override(TIMER, "[Timer]\nOnStartupSec=\nOnUnitInactiveSec=\nOnActiveSec=60\nAccuracySec=1s\n")
    ada.systemctl("restart", TIMER)
    before, ran = ada.state(TIMER, "NextElapseUSecMonotonic"), ada.state(TICK, "InvocationID")
    sleep()
    after = ada.state(TIMER, "NextElapseUSecMonotonic")
    assert after == before, f"{before} before, {after} after"
    assert ada.state(TICK, "InvocationID") == ran
    until(lambda: ada.state(TICK, "InvocationID") != ran, within_s=120)
    ada.override(TIMER, "")
    return f"next run at {before} of running time before and after; it came"


def main() -> None:
    """One user, whose bus is a dbus-daemon."""
    install_manifest()
    ada, table = Account("ada"), Table("Suspend to memory")
    prepare(ada, "dbus-daemon", Receiver())
    ada.write(".config/telemetryd/telemetryd.toml", (ada.home / ".config/telemetryd/telemetryd.toml").read_text().replace("0.2", "10"))
    with ada.session():
        accept(ada)
        ada.call("org.telemetryd.Control1", "ListApplications")
        assert main_process(ada), f"{DAEMON} does not run"
        table.try_claim("daemon over a suspend", partial(daemon, ada))
        table.try_claim("timer over a suspend", partial(timer, ada))
    sys.exit(1 if table.failures else 0)


if __name__ == "__main__":
    main()

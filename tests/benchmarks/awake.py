"""Keeps the idle processors of a virtual machine awake while something is measured.

An idle processor of a virtual machine is given back to the host. Getting it back takes the host some 20 µs, which the kernel counts as time
of whoever is woken: with one caller waiting each call wakes three processes, and what is measured is the host. A guest's kernel can look
for work a moment longer before it gives a processor back (Documentation/virt/guest-halt-polling.rst), and then waking costs what it does
on a machine of one's own. Writing that setting takes root; it is put back in the end, also where that is a SIGTERM.
"""
# ruff: noqa: T201 - printing is what it is for

import contextlib
import signal
import sys
from pathlib import Path

SETTING = Path("/sys/module/haltpoll/parameters/guest_halt_poll_ns")
LOOK_NS = 200_000


@contextlib.contextmanager
def awake(*, is_wanted=True, setting=SETTING):
    """Do so if it is wanted and possible, and print which."""
    try:
        before = setting.read_text() if is_wanted else ""
        if before:
            setting.write_text(str(LOOK_NS))
    except OSError as error:
        before = ""
        print(f"idle processors sleep as they will ({setting}: {error.strerror})")
    else:
        print("idle processors are kept awake" if before else "idle processors sleep as they will")
    terminated = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, terminated)
        if before:
            setting.write_text(before)

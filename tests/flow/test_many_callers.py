"""Thousands of callers at once: all are identified and answered, and the daemon does not grow by them."""

import contextlib
import re
import resource
from pathlib import Path

import pytest
from support.bus.raw_bus import ERROR, ERROR_NAME, RETURN, RawBus, strings
from support.machine import KATE, TELEMETRY

CALLERS, CALLS = 2000, 2
FILES = 5 * CALLERS
"""Open files that are enough: dbus-daemon 1.16 has four for each connection, its socket and three descriptors of its process."""
GROWTH_MAX_MB = 16
"""What 1,024 identities, prepared replies, 6 MB of parked calls and 8 MB that wait for their turn come to; the callers sent 48 MB."""
LONG = "x" * 8192


@pytest.fixture
def many_files():
    """As many descriptors as the callers have sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < FILES:
        pytest.skip("not so many open files are permitted here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def peak_mb(process):
    """The most memory that a process had since its start."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())[1]) / 1000


@pytest.mark.usefixtures("many_files")
def test_thousands_of_callers_are_identified(every_machine):
    """2,000 connections call at once, none known before: each is answered, none for another, and memory stays within the bounds."""
    every_machine.install(KATE)
    with every_machine.daemon() as daemon, contextlib.ExitStack() as stack:
        address = {"interface": TELEMETRY[2], "path": TELEMETRY[1]}
        callers = [stack.enter_context(contextlib.closing(RawBus(every_machine.address))) for _ in range(CALLERS)]
        one = callers.pop()
        body = strings("org.kde.kate", "startup") + b"\1s\0" + bytes(-(len(strings("org.kde.kate", "startup")) + 3) % 4) + strings(LONG)
        assert one.ask(TELEMETRY[0], "Push", signature="ssv", body=body, **address).fields[ERROR_NAME].endswith("InvalidValue")
        before = peak_mb(daemon.process)
        for caller in callers:
            caller.send(b"".join(caller.call(TELEMETRY[0], "Push", signature="ssv", body=body, **address) for _ in range(CALLS)))
        for caller in callers:
            for _ in range(CALLS):
                reply = caller.read_until(RETURN, ERROR)
                assert reply.fields[ERROR_NAME] == "org.telemetryd.Error.InvalidValue"
        growth = peak_mb(daemon.process) - before
        print(f"{CALLERS} callers: growth {growth:.1f} MB")  # noqa: T201 - a figure
        assert growth < GROWTH_MAX_MB
        assert one.ask(TELEMETRY[0], "Push", signature="ssv", body=body, **address).kind == ERROR

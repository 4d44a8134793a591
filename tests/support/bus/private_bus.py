"""A session bus of the tests' own: a real dbus-daemon or dbus-broker, as a context manager for fixtures of any scope.

with start_bus(tmp_path) as bus:
    os.environ["DBUS_SESSION_BUS_ADDRESS"] = bus.address
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
from support.bus import broker
from support.bus.dbus_daemon import address, dbus_daemon
from support.campaign import IS_CAMPAIGN

LIBRARIES = ("dbus-fast", "dbus-next")
INSTALLED = next((name for name in LIBRARIES if find_spec(name.replace("-", "_"))), LIBRARIES[0])
"""The library of a machine for which none is named."""
BUSES = ("dbus-daemon", "dbus-broker")
"""Each kind of bus on which the daemon is used."""
PAIRS = [*product(LIBRARIES, BUSES)] if IS_CAMPAIGN else [*zip(LIBRARIES, BUSES[::-1], strict=True)]
"""Library and kind of bus: in a campaign each library on each, else each on another."""


class Bus(NamedTuple):
    """A running bus."""

    address: str
    process: subprocess.Popen

    @property
    def pid(self) -> int:
        """The process of the bus."""
        return self.process.pid

    def pause(self) -> None:
        """Stop the bus: sockets fill up."""
        os.kill(self.pid, signal.SIGSTOP)
        while _state(self.pid) != "T":
            os.sched_yield()

    def go_on(self) -> None:
        """Undo `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """The bus is gone at once."""
        self.process.kill()
        self.process.wait()


def need(kind: str) -> None:
    """Skip the test where this kind of bus is not installed."""
    if kind == "dbus-broker" and not broker.is_installed():
        pytest.skip("dbus-broker is not installed")


@contextmanager
def start_bus(
    directory: Path,
    service_dir: Path | None = None,
    *,
    kind: str = "dbus-daemon",
    environment: Mapping[str, str] | None = None,
    more: str = "",
) -> Iterator[Bus]:
    """A bus that listens in a directory.

    It activates what `service_dir` holds, with `environment` added to ours; `more` goes into the configuration of a dbus-daemon.
    """
    environ = {**os.environ, **(environment or {})}
    if kind == "dbus-broker":
        need(kind)
        started = broker.start_broker(directory / "bus", service_dir, environ)
    else:
        started = dbus_daemon(directory, environ, services=service_dir, more=more)
    with started as process:
        yield Bus(address(directory), process)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

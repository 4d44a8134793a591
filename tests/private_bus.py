"""A session bus of the tests' own: a real dbus-daemon or dbus-broker, as a context manager for fixtures of any scope.

with start_bus(tmp_path) as bus:
    os.environ["DBUS_SESSION_BUS_ADDRESS"] = bus.address
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import broker
import pytest

BUSES = ("dbus-daemon", "dbus-broker")
"""Each kind of bus on which the daemon is used."""

CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={directory}/bus</listen>
  <auth>EXTERNAL</auth>
  {services}
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
  {more}
  <limit name="max_incoming_bytes">1000000000</limit>
  <limit name="max_incoming_unix_fds">250000000</limit>
  <limit name="max_outgoing_bytes">1000000000</limit>
  <limit name="max_outgoing_unix_fds">250000000</limit>
  <limit name="max_message_size">1000000000</limit>
  <limit name="service_start_timeout">120000</limit>
  <limit name="auth_timeout">240000</limit>
  <limit name="pending_fd_timeout">150000</limit>
  <limit name="max_completed_connections">100000</limit>
  <limit name="max_incomplete_connections">10000</limit>
  <limit name="max_connections_per_user">100000</limit>
  <limit name="max_pending_service_starts">10000</limit>
  <limit name="max_names_per_connection">50000</limit>
  <limit name="max_match_rules_per_connection">50000</limit>
  <limit name="max_replies_per_connection">50000</limit>
</busconfig>
"""
"""What Debian's session.conf says, without the system's activation files."""


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
    given = {**os.environ, **(environment or {})}
    if kind == "dbus-broker":
        need(kind)
        with broker.start_broker(directory / "bus", service_dir, given) as process:
            yield Bus(f"unix:path={directory}/bus", process)
        return
    services = f"<servicedir>{service_dir}</servicedir>" if service_dir else ""
    configuration = directory / "bus.conf"
    configuration.write_text(CONFIGURATION.format(directory=directory, services=services, more=more))
    command = ["dbus-daemon", "--nofork", "--print-address", f"--config-file={configuration}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=given) as process:
        try:
            yield Bus(process.stdout.readline().strip(), process)
        finally:
            process.kill()


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

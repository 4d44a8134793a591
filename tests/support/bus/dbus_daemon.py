"""A dbus-daemon of one's own, configured as Debian's session bus: for the tests, and for `make demo`.

with dbus_daemon(folder) as process:
    environ["DBUS_SESSION_BUS_ADDRESS"] = address(folder)
"""

from __future__ import annotations

import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

WAIT_S = 20
"""For a bus that was told to end."""

_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>{address}</listen>
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
  <limit name="max_replies_per_connection">100000</limit>
</busconfig>
"""
"""What Debian's session.conf says, without the system's activation files; twice as many replies may be awaited."""


def address(folder: Path) -> str:
    """Where a bus in a folder listens."""
    return f"unix:path={folder}/bus"


@contextmanager
def dbus_daemon(
    folder: Path,
    environ: Mapping[str, str],
    *,
    services: Path | None = None,
    more: str = "",
    prefix: Sequence[str] = (),
    working: Path | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """A bus that listens in a folder until the block ends, and writes its errors into `bus.log` there.

    What it activates is in `services` and has its environment. `more` goes into its configuration; it runs behind `prefix`, in `working`.
    Raises RuntimeError if it does not start.
    """
    directory = f"<servicedir>{services}</servicedir>" if services else ""
    configuration = folder / "bus.conf"
    configuration.write_text(_CONFIGURATION.format(address=address(folder), services=directory, more=more), encoding="utf-8")
    command = [*prefix, "dbus-daemon", f"--config-file={configuration}", "--nofork", "--nopidfile", "--print-address"]
    with (folder / "bus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environ, cwd=working, text=True)
    with process:
        try:
            if not process.stdout or not process.stdout.readline():
                raise RuntimeError("dbus-daemon did not start: " + (folder / "bus.log").read_text(encoding="utf-8"))
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.send_signal(signal.SIGCONT)  # a test may have stopped it
    try:
        process.wait(WAIT_S)
    except subprocess.TimeoutExpired:
        process.kill()

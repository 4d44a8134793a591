"""Arguments in, exit status out: `telemetryd-upload --socket FD`.

FD is a connected Unix stream socket. On it comes one job, and one line with the outcome goes back. The other side keeps its end open until
then: its end of file, or another byte from it, means that the report is withdrawn, and ends this process and its connection at once.

Exit status: 0 an outcome was written, whatever it says; 1 a failure of our own; 2 a wrong command line or socket; 3 withdrawn:
the other side closed its end before the job was whole or before the outcome was known, nothing was written. Standard error gets one
line at most.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import sys
import time
from typing import TYPE_CHECKING

from telemetryd.core.handover import encode_delivery
from telemetryd.core.limits import JOB_LINE_MAX_BYTES, JOB_TIMEOUT_S
from telemetryd.core.report import REPORT_BYTES
from telemetryd.core.schedule import Delivery
from telemetryd.errors import InvalidManifestError, StorageError
from telemetryd.installed import InstalledFiles, load_settings
from telemetryd.upload.job import NOT_NOW, REJECTED, endpoint_of, is_admitted, is_declared, job_of
from telemetryd.upload.report import Request, request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.core.report import Report
    from telemetryd.core.settings import Endpoint
    from telemetryd.upload.relay import SealedReport

DONE, FAILED, MISUSED, WITHDRAWN = range(4)
"""Exit statuses."""

_USAGE = "usage: telemetryd-upload --socket FD (FD: a connected Unix stream socket)"
_UNTRUSTED = ("SSLKEYLOGFILE", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables by which a session could read along or put certificates of its own in the system store's place."""


def main() -> None:
    """Run the program."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Do one job; the exit status."""
    _harden()
    try:
        connection = _adopt(arguments)
    except (OSError, ValueError):
        print(_USAGE, file=sys.stderr)  # noqa: T201 - a program's usage goes to standard error
        return MISUSED
    try:
        with connection:
            return _serve(connection)
    except (ConnectionError, EOFError):
        return WITHDRAWN
    except Exception as error:  # noqa: BLE001 - the edge of the process: a traceback could hold values
        print(f"telemetryd-upload: {type(error).__name__}", file=sys.stderr)  # noqa: T201 - the one line
        return FAILED


def _harden() -> None:
    """No core dump, no key log; before anything makes a TLS context, which importing aiohttp does."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name in _UNTRUSTED:
        os.environ.pop(name, None)


def _adopt(arguments: Sequence[str]) -> socket.socket:
    match arguments:
        case ["--socket", number]:
            connection = socket.socket(fileno=int(number))
        case _:
            raise ValueError(_USAGE)
    if connection.family != socket.AF_UNIX or connection.type != socket.SOCK_STREAM:
        raise ValueError(_USAGE)
    connection.getpeername()
    connection.set_inheritable(False)
    return connection


def _serve(connection: socket.socket) -> int:
    """Read the job, judge it, send it and say what became of it."""
    planned = _plan(_receive(connection))
    packed = planned if isinstance(planned, Delivery) else _pack(*planned)
    if isinstance(packed, Delivery):
        connection.sendall(encode_delivery(packed))
    else:
        asyncio.run(_send(connection, *packed))
    return DONE


def _receive(connection: socket.socket) -> bytes:
    """What the other side wrote, up to where a job ends or can be none; nothing in time is no job either."""
    connection.settimeout(JOB_TIMEOUT_S)
    data, wanted = b"", JOB_LINE_MAX_BYTES + REPORT_BYTES
    while len(data) < wanted:
        try:
            chunk = connection.recv(wanted - len(data))
        except TimeoutError:
            return data
        if not chunk:
            raise EOFError
        data += chunk
        if b"\n" in data[:JOB_LINE_MAX_BYTES]:
            wanted = data.index(b"\n") + 1 + REPORT_BYTES
    return data


def _plan(data: bytes) -> tuple[Endpoint, bytes] | Delivery:
    """Where these bytes go, or why they stay."""
    found = job_of(data)
    if found is None:
        return REJECTED
    job, report = found
    endpoint = endpoint_of(job, load_settings(os.environ))
    if endpoint is None:
        return NOT_NOW
    refusal = None if job.developer else _objection(report)
    return refusal or (endpoint, job.body)


def _objection(report: Report) -> Delivery | None:
    """What reviews and the application's manifest have against it. Of a definition that is not installed only the revision is known."""
    files = InstalledFiles(os.environ)
    installed = files.reviews()
    if not installed.are_readable_for(report.application) or not is_admitted(report, installed.reviews):
        return NOT_NOW
    if report.application not in files.applications():
        return None
    try:
        definitions = files.declaration(report.application).definitions
    except (InvalidManifestError, StorageError):
        return NOT_NOW
    asked = [one for one in definitions if (*one.key, one.revision) == report[:3]]
    return None if all(is_declared(report, one) for one in asked) else REJECTED


def _pack(endpoint: Endpoint, body: bytes) -> tuple[str, Request | SealedReport] | Delivery:
    """Whom to trust and what to send there. What was to go by way of a relay and cannot goes nowhere. Policy: A4."""
    if not endpoint.ohttp_relay:
        return endpoint.ca_file, request(endpoint.url, body)
    try:
        from telemetryd.upload.ohttp import OhttpError  # noqa: PLC0415 - the extra is needed for endpoints that ask for it only
        from telemetryd.upload.relay import sealed_report  # noqa: PLC0415 - the same
    except ImportError as error:
        return _refuse(endpoint, f"ohttp_relay: the extra ohttp is not installed (no module {error.name})")
    try:
        return endpoint.ca_file, sealed_report(endpoint, body)
    except OhttpError as error:
        return _refuse(endpoint, str(error))


def _refuse(endpoint: Endpoint, reason: str) -> Delivery:
    print(f"telemetryd-upload: [endpoint.{endpoint.vendor}] {reason}; nothing was sent", file=sys.stderr)  # noqa: T201 - the one line
    return NOT_NOW


async def _send(connection: socket.socket, ca_file: str, packed: Request | SealedReport) -> None:
    """Send the report and write the outcome, or leave at once when the other side goes."""
    from telemetryd.upload.client import Client  # noqa: PLC0415 - aiohttp is imported for a report that will be sent only

    client = Client(ca_file)
    connection.setblocking(False)  # noqa: FBT003 - the library's signature
    loop = asyncio.get_running_loop()
    loop.add_reader(connection, _leave)
    if isinstance(packed, Request):
        delivery = await client.send(packed)
    else:
        delivery = packed.delivery(await client.exchange(packed.request), int(time.time()))
    loop.remove_reader(connection)
    await loop.sock_sendall(connection, encode_delivery(delivery))


def _leave() -> None:
    """End the process and with it the connection, whatever a name look-up in a thread is still waiting for."""
    os._exit(WITHDRAWN)


if __name__ == "__main__":
    main()

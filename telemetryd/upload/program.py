"""Arguments in, exit status out: `telemetryd-upload [--package IDENTITY] --socket FD`.

FD is a connected Unix stream socket. On it comes one job, and one line with the outcome goes back. The other side keeps its end open until
then: its end of file, or another byte from it, means that the report is withdrawn, and ends this process and its connection at once.
IDENTITY is what `system.own_package` says of the daemon's files: nothing is sent by another version than the one that decided.

Exit status: 0 an outcome was written, whatever it says; 1 a failure of our own; 2 a wrong command line or socket; 3 withdrawn:
the other side closed its end before the job was whole or before the outcome was known, nothing was written. Standard error gets one
line at most.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.hindrance import Hindrance
from telemetryd.core.limits import JOB_LINE_MAX_BYTES, JOB_TIMEOUT_S
from telemetryd.core.report import REPORT_BYTES
from telemetryd.core.uploader_protocol import SENDING, InvalidMessageError, encode_delivery, job_bytes
from telemetryd.system import own_package
from telemetryd.system.installed import InstalledFiles, load_settings
from telemetryd.upload.job import REJECTED, HeldError, StaysError, definition_of, endpoint_of, is_admitted, is_declared, job_of
from telemetryd.upload.request import Request, request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.core.report import Report
    from telemetryd.core.schedule import Delivery
    from telemetryd.core.settings import Endpoint
    from telemetryd.core.uploader_protocol import Job
    from telemetryd.upload.client import Client
    from telemetryd.upload.relay import SealedReport

DONE, FAILED, MISUSED, WITHDRAWN = range(4)
"""Exit statuses."""

_USAGE = "usage: telemetryd-upload [--package IDENTITY] --socket FD (FD: a connected Unix stream socket)"

_FIRST_MAX_BYTES = JOB_LINE_MAX_BYTES + REPORT_BYTES
"""What is read before the length of the job is known."""


class _Given(NamedTuple):
    """The command line."""

    connection: socket.socket
    package: str = own_package.LOADED


class _Ready(NamedTuple):
    """A report that will be sent: for whom, what, and by what."""

    vendor: str
    packed: Request | SealedReport
    client: Client

    async def send(self) -> Delivery:
        """Send it; what became of it. Raises HeldError."""
        if isinstance(self.packed, Request):
            return await self.client.send(self.packed)
        return self.packed.delivery(await self.client.exchange(self.packed.request), int(time.time()))


def run(arguments: Sequence[str]) -> int:
    """Do one job; the exit status."""
    try:
        given = _adopt(arguments)
    except (OSError, ValueError):
        print(_USAGE, file=sys.stderr)  # noqa: T201 - a program's usage goes to standard error
        return MISUSED
    try:
        with given.connection:
            return _serve(given)
    except (ConnectionError, EOFError):
        return WITHDRAWN
    except Exception as error:  # noqa: BLE001 - the edge of the process: a traceback could hold values
        print(f"telemetryd-upload: {type(error).__name__}", file=sys.stderr)  # noqa: T201 - the one line
        return FAILED


def _adopt(arguments: Sequence[str]) -> _Given:
    match arguments:
        case ["--socket", number]:
            given = _Given(socket.socket(fileno=int(number)))
        case ["--package", identity, "--socket", number]:
            given = _Given(socket.socket(fileno=int(number)), identity)
        case _:
            raise ValueError(_USAGE)
    connection = given.connection
    if connection.family != socket.AF_UNIX or connection.type != socket.SOCK_STREAM:
        raise ValueError(_USAGE)
    connection.getpeername()
    connection.set_inheritable(False)
    return given


def _serve(given: _Given) -> int:
    """Read the job, judge it, send it and say what became of it."""
    connection = given.connection
    found = job_of(_receive(connection))
    planned = _plan(*found, given) if found else REJECTED
    if isinstance(planned, _Ready):
        asyncio.run(_send(connection, planned))
    else:
        connection.settimeout(None)
        connection.sendall(encode_delivery(planned))
    return DONE


def _plan(job: Job, report: Report, given: _Given) -> _Ready | Delivery:
    """A report that can be sent, or what becomes of it instead."""
    try:
        return _prepare(job, report, given)
    except StaysError as refusal:
        return _told(refusal, job.endpoint)


def _receive(connection: socket.socket) -> bytes:
    """One job; nothing where what comes is none, or is not all there in time. Raises EOFError."""
    deadline, data, wanted = time.monotonic() + JOB_TIMEOUT_S, b"", 0
    try:
        while not wanted or len(data) < wanted:
            connection.settimeout(_left_s(deadline))
            chunk = connection.recv((wanted or _FIRST_MAX_BYTES) - len(data))
            if not chunk:
                raise EOFError
            data += chunk
            wanted = wanted or _job_bytes(data)
    except (TimeoutError, InvalidMessageError):
        return b""
    return data


def _left_s(deadline: float) -> float:
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _job_bytes(data: bytes) -> int:
    """How long the job will be that begins so; 0 if that is not known yet."""
    line, end, _ = data.partition(b"\n")
    if not end and len(data) < JOB_LINE_MAX_BYTES:
        return 0
    return job_bytes(line + end)


def _prepare(job: Job, report: Report, given: _Given) -> _Ready:
    """Everything that is needed to send. Raises StaysError for what will not be sent."""
    endpoint = endpoint_of(job, load_settings(os.environ))
    if endpoint is None:
        raise HeldError(Hindrance.CONFIGURATION, "the configuration does not permit it")
    if not job.developer:
        _look(job, report)
    packed, client_class = _pack(endpoint, job.body), _client_class()
    if own_package.has_changed(given.package):
        raise HeldError(Hindrance.PACKAGE, "telemetryd was replaced while it was running")

    async def say_so() -> None:
        await asyncio.get_running_loop().sock_sendall(given.connection, SENDING)

    return _Ready(job.endpoint, packed, client_class(endpoint.ca_file, on_connected=say_so))


def _look(job: Job, report: Report) -> None:
    """Look at the definition, and at the reviews that are installed. Raises StaysError."""
    if not job.definition:
        raise HeldError(Hindrance.DEFINITION, "this version cannot read the definition that was accepted")
    definition = definition_of(job)
    if definition is None:
        raise StaysError(REJECTED)
    installed = InstalledFiles(os.environ).reviews()
    if not installed.are_readable_for(definition.application.id) or not is_admitted(definition, installed.reviews):
        raise HeldError(Hindrance.CONFIGURATION, "no review that can be read permits it")
    if not is_declared(report, definition):
        raise StaysError(REJECTED)


def _pack(endpoint: Endpoint, body: bytes) -> Request | SealedReport:
    """What to send there. What was to go by way of a relay and cannot goes nowhere. Raises HeldError. Policy: A4."""
    if not endpoint.ohttp_relay:
        return request(endpoint.url, body)
    try:
        from telemetryd.upload.ohttp import OhttpError  # noqa: PLC0415 - the extra is needed for endpoints that ask for it only
        from telemetryd.upload.relay import sealed_report  # noqa: PLC0415 - the same
    except ImportError as error:
        raise HeldError(Hindrance.OHTTP, f"ohttp_relay: the extra ohttp is not installed ({_missing(error)})") from error
    try:
        return sealed_report(endpoint, body)
    except OhttpError as error:
        raise HeldError(Hindrance.KEYS, str(error)) from error


def _client_class() -> type[Client]:
    """The client, with which aiohttp is imported: for a report that will be sent only. Raises HeldError."""
    try:
        from telemetryd.upload.client import Client  # noqa: PLC0415 - see above
    except ImportError as error:
        raise HeldError(Hindrance.CLIENT, f"aiohttp is missing or too old ({_missing(error)})") from error
    return Client


def _missing(error: ImportError) -> str:
    return f"no module {error.name}" if isinstance(error, ModuleNotFoundError) else f"{error.name} is too old"


def _told(refusal: StaysError, vendor: str) -> Delivery:
    """What became of the report; the journal gets the reason, if there is one to tell."""
    if str(refusal):
        print(f"telemetryd-upload: [endpoint.{vendor}] {refusal}; nothing was sent", file=sys.stderr)  # noqa: T201 - the one line
    return refusal.delivery


async def _send(connection: socket.socket, ready: _Ready) -> None:
    """Send the report and write the outcome, or leave at once when the other side goes."""
    connection.setblocking(False)  # noqa: FBT003 - the library's signature
    loop = asyncio.get_running_loop()
    loop.add_reader(connection, _leave)
    try:
        delivery = await ready.send()
    except StaysError as refusal:
        delivery = _told(refusal, ready.vendor)
    loop.remove_reader(connection)
    await loop.sock_sendall(connection, encode_delivery(delivery))


def _leave() -> None:
    """End the process and with it the connection, whatever a name look-up in a thread is still waiting for."""
    os._exit(WITHDRAWN)

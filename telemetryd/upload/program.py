"""Arguments in, exit status out: `telemetryd-upload [--handshake] --socket FD | --activated`.

FD is a connected Unix stream socket. With `--activated` the connection comes from systemd, and only the units of telemetryd are served
(`upload.activation`).

The program reads one job from it and writes one line with the outcome. The other side keeps its end open until then. If it closes its end
or sends another byte, the report is withdrawn: the process and its connection end at once. The job names the files that the daemon runs. An
uploader with other files sends nothing.

With `--handshake` everything is done as for the report, up to the moment at which the connection stands. Then it is closed, and nothing is
sent.

Exit status:

- 0: an outcome was written, whatever it is.
- 1: an internal failure.
- 2: a wrong command line or socket.
- 3: withdrawn. The other side closed its end before the job was complete or the outcome was known, so nothing was written.
- 4: another program than the daemon has connected (with `--activated`).

Standard error gets one line at most.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from typing import TYPE_CHECKING

from telemetryd.core.answers.report import REPORT_BYTES, is_for_test
from telemetryd.core.limits import JOB_LINE_MAX_BYTES, JOB_TIMEOUT_S
from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import held_delivery
from telemetryd.core.sending.uploader_protocol import SENDING, InvalidMessageError, encode_delivery, job_bytes, package_of
from telemetryd.named_tuple import NamedTuple
from telemetryd.system import own_package
from telemetryd.system.installed import InstalledFiles, load_settings
from telemetryd.upload.activation import StrangerError, accepted_connection, check_peer
from telemetryd.upload.job import HeldError, definition_of, endpoint_of, is_admitted, is_declared, job_of
from telemetryd.upload.request import Request, request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.core.answers.report import Report
    from telemetryd.core.sending.schedule import Delivery
    from telemetryd.core.sending.uploader_protocol import Job
    from telemetryd.core.settings import Endpoint
    from telemetryd.upload.client import Client
    from telemetryd.upload.relay import SealedReport

DONE, FAILED, MISUSED, WITHDRAWN, REFUSED = range(5)
"""Exit statuses."""

_USAGE = "usage: telemetryd-upload [--handshake] --socket FD | --activated (a connected Unix stream socket)"

_FIRST_MAX_BYTES = JOB_LINE_MAX_BYTES + REPORT_BYTES
"""Most bytes that are read before the length of the job is known."""


class _CommandLine(NamedTuple):
    """The command line."""

    connection: socket.socket
    is_handshake: bool = False
    is_activated: bool = False

    async def announce(self) -> None:
        """Say that the report is about to be sent, or end there. Raises HeldError."""
        if self.is_handshake:
            raise HeldError(Hindrance.HANDSHAKE)
        await asyncio.get_running_loop().sock_sendall(self.connection, SENDING)


class _Ready(NamedTuple):
    """A report that can be sent: its vendor, its request, and the client."""

    vendor: str
    packed: Request | SealedReport
    client: Client

    async def send(self) -> Delivery:
        """Send the report; returns the outcome. Raises HeldError."""
        if isinstance(self.packed, Request):
            return await self.client.send(self.packed)
        return self.packed.delivery(await self.client.exchange(self.packed.request))


def run(arguments: Sequence[str]) -> int:
    """Do one job; returns the exit status."""
    try:
        command_line = _parse_command_line(arguments)
    except (OSError, ValueError):
        print(_USAGE, file=sys.stderr)  # noqa: T201 - a program's usage goes to standard error
        return MISUSED
    try:
        with command_line.connection:
            if command_line.is_activated:
                check_peer(command_line.connection)
            return _serve(command_line)
    except (ConnectionError, EOFError):
        return WITHDRAWN
    except StrangerError as refusal:
        print(f"telemetryd-upload: {refusal}", file=sys.stderr)  # noqa: T201 - the one line
        return REFUSED
    except Exception as error:  # noqa: BLE001 - the edge of the process: a traceback could hold values
        print(f"telemetryd-upload: {type(error).__name__}", file=sys.stderr)  # noqa: T201 - the one line
        return FAILED


def _parse_command_line(arguments: Sequence[str]) -> _CommandLine:
    match arguments:
        case ["--socket", number]:
            command_line = _CommandLine(socket.socket(fileno=int(number)))
        case ["--handshake", "--socket", number]:
            command_line = _CommandLine(socket.socket(fileno=int(number)), is_handshake=True)
        case ["--activated"]:
            command_line = _CommandLine(accepted_connection(os.environ), is_activated=True)
        case _:
            raise ValueError(_USAGE)
    connection = command_line.connection
    if connection.family != socket.AF_UNIX or connection.type != socket.SOCK_STREAM:
        raise ValueError(_USAGE)
    connection.getpeername()
    connection.set_inheritable(False)
    return command_line


def _serve(command_line: _CommandLine) -> int:
    """Read the job, check it, send the report and write the outcome; returns the exit status."""
    connection = command_line.connection
    data = _receive(connection)
    job_and_report = job_of(data)
    planned = _plan(*job_and_report, command_line) if job_and_report else held_delivery(_fault_of(data))
    if isinstance(planned, _Ready):
        asyncio.run(_send(connection, planned))
    else:
        connection.settimeout(None)
        connection.sendall(encode_delivery(planned))
    return DONE


def _plan(job: Job, report: Report, command_line: _CommandLine) -> _Ready | Delivery:
    """The report, ready to be sent, or its outcome without sending."""
    try:
        return _prepare(job, report, command_line)
    except HeldError as refusal:
        return _explain(refusal, job.endpoint)


def _receive(connection: socket.socket) -> bytes:
    """The bytes of one job, or what is not one: other bytes, or those that came before the timeout. Raises EOFError."""
    deadline, data, wanted = time.monotonic() + JOB_TIMEOUT_S, b"", 0
    try:
        while not wanted or len(data) < wanted:
            connection.settimeout(_remaining_s(deadline))
            chunk = connection.recv((wanted or _FIRST_MAX_BYTES) - len(data))
            if not chunk:
                raise EOFError
            data += chunk
            wanted = wanted or _job_bytes(data)
    except (TimeoutError, InvalidMessageError):
        pass
    return data


def _fault_of(data: bytes) -> Hindrance:
    """Why these bytes are not a job. What another version passes need not be damaged."""
    return Hindrance.REPORT if package_of(data) in {None, own_package.LOADED} else Hindrance.PACKAGE


def _remaining_s(deadline: float) -> float:
    remaining_s = deadline - time.monotonic()
    if remaining_s <= 0:
        raise TimeoutError
    return remaining_s


def _job_bytes(data: bytes) -> int:
    """The length of the job that begins with these bytes; 0 if it is not known yet. Raises InvalidMessageError."""
    line, end, _ = data.partition(b"\n")
    if not end and len(data) < JOB_LINE_MAX_BYTES:
        return 0
    return job_bytes(line + end)


def _prepare(job: Job, report: Report, command_line: _CommandLine) -> _Ready:
    """The report, ready to be sent. Raises HeldError."""
    _check_package(job)
    endpoint = endpoint_of(job, load_settings(os.environ))
    if endpoint is None:
        raise HeldError(Hindrance.CONFIGURATION, "the configuration does not permit it")
    if not (job.developer or is_for_test(report)):
        _check_definition(job, report)
    packed, client_class = _pack(endpoint, job.body), _client_class()
    _check_package(job)  # once more: from here on nothing of ours is loaded
    return _Ready(job.endpoint, packed, client_class(endpoint.ca_file, proxy=endpoint.proxy, on_connected=command_line.announce))


def _check_package(job: Job) -> None:
    """Check that this process runs the same files as the daemon. Raises HeldError."""
    if job.package != own_package.LOADED or own_package.has_changed():
        raise HeldError(Hindrance.PACKAGE, "telemetryd was replaced while it was running")


def _check_definition(job: Job, report: Report) -> None:
    """Check the report against its definition, and the definition against the installed reviews. Raises HeldError."""
    if not job.definition:
        raise HeldError(Hindrance.DEFINITION, "this version cannot read the definition that was accepted")
    definition = definition_of(job)
    if definition is None:
        raise HeldError(Hindrance.REPORT, "its definition is damaged")
    installed = InstalledFiles(os.environ).reviews()
    if not installed.are_readable_for(definition.application.id) or not is_admitted(definition, installed.reviews):
        raise HeldError(Hindrance.CONFIGURATION, "no readable review permits it")
    if not is_declared(report, definition):
        raise HeldError(Hindrance.REPORT, "its definition does not allow it")


def _pack(endpoint: Endpoint, body: bytes) -> Request | SealedReport:
    """The request to send. A report for a relay is never sent directly instead. Raises HeldError. Policy: A4."""
    if not endpoint.ohttp_relay:
        return request(endpoint.url, body)
    try:
        from telemetryd.upload.ohttp import OhttpError  # noqa: PLC0415 - the extra is needed for endpoints that ask for it only
        from telemetryd.upload.relay import sealed_report  # noqa: PLC0415 - the same
    except ImportError as error:
        raise HeldError(Hindrance.OHTTP, f"ohttp_relay: the extra ohttp is not installed ({_missing_module(error)})") from error
    try:
        return sealed_report(endpoint, body)
    except OhttpError as error:
        raise HeldError(Hindrance.KEYS, str(error)) from error


def _client_class() -> type[Client]:
    """The client. It imports aiohttp, so this is called only for a report that will be sent. Raises HeldError."""
    try:
        from telemetryd.upload.client import Client  # noqa: PLC0415 - see above
    except ImportError as error:
        raise HeldError(Hindrance.CLIENT, f"aiohttp is missing or too old ({_missing_module(error)})") from error
    return Client


def _missing_module(error: ImportError) -> str:
    return f"no module {error.name}" if isinstance(error, ModuleNotFoundError) else f"{error.name} is too old"


def _explain(refusal: HeldError, vendor: str) -> Delivery:
    """The outcome of a report that is not sent; the reason, if there is one, goes to the journal."""
    if str(refusal):
        print(f"telemetryd-upload: [endpoint.{vendor}] {refusal}; nothing was sent", file=sys.stderr)  # noqa: T201 - the one line
    return refusal.delivery


async def _send(connection: socket.socket, ready: _Ready) -> None:
    """Send the report and write the outcome; exit at once if the other side closes its end."""
    connection.setblocking(False)  # noqa: FBT003 - the library's signature
    loop = asyncio.get_running_loop()
    loop.add_reader(connection, _exit_at_once)
    try:
        delivery = await ready.send()
    except HeldError as refusal:
        delivery = _explain(refusal, ready.vendor)
    loop.remove_reader(connection)
    await loop.sock_sendall(connection, encode_delivery(delivery))


def _exit_at_once() -> None:
    """End the process and its connection, without waiting for the thread of a name look-up."""
    os._exit(WITHDRAWN)

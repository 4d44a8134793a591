"""The protocol of the daemon and the uploader over their socket: one job, one delivery.

    → {"endpoint":"kde","url":"https://…","developer":false,"relay":"","definition":981,"package":"4c1a…"}⏎,
      that many bytes of the definition's canonical text, and exactly one report's bytes
    ← sending⏎ once the connection is established, before the first byte of the request; not at all if nothing leaves
    ← {"result":"accepted","status":204,"hindrance":""}⏎ and the end of the stream

The uploader takes addresses from the configuration only. `url`, `developer` and `relay` ("" for none) are the daemon's view. If the
configuration has changed since, the report is held, because consent names a host and the history says what was sent. Policy: C6, T2.
The definition is the accepted one; the uploader computes its digest and looks for the review. Policy: R1, P1.
A test report alone has no definition and needs no review: it holds no answer, and only a user's command makes it.

`package` is the identity of the files that the daemon runs (`system.own_package`). An uploader whose own files differ sends nothing. The
key stands in the first line in every version, so that this holds whatever else of the job changes.

An uploader that dies after `sending` may have sent the report; one that dies before has not. After `sending` every outcome is final.
"""

from __future__ import annotations

import json
from typing import Any

from telemetryd.core.answers.report import REPORT_BYTES
from telemetryd.core.limits import DEFINITION_MAX_BYTES, DELIVERY_MAX_BYTES, JOB_LINE_MAX_BYTES
from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import Delivery, Result, held_delivery, unknown_delivery
from telemetryd.errors import TelemetrydError
from telemetryd.named_tuple import NamedTuple

SENDING = b"sending\n"
"""The line before the first byte of a request."""

_STATUSES = range(1000)
_UNKNOWN = unknown_delivery(Hindrance.UPLOADER)
_HINDRANCES = tuple(Hindrance)
_EXPLAINED = (Result.HELD, Result.UNKNOWN)


class InvalidMessageError(TelemetrydError):
    """The bytes are not a valid message."""


class Job(NamedTuple):
    """One report for one vendor's endpoint, with the canonical text of its definition, or "" if the daemon cannot read it.

    `package` is the identity of the daemon's files.
    """

    endpoint: str
    url: str
    developer: bool
    body: bytes
    relay: str = ""
    definition: str = ""
    package: str = ""


def encode_job(job: Job) -> bytes:
    """The bytes of a job. Raises InvalidMessageError if a part is too long."""
    definition = job.definition.encode()
    head = {"endpoint": job.endpoint, "url": job.url, "developer": job.developer, "relay": job.relay}
    head |= {"definition": len(definition), "package": job.package}
    line = json.dumps(head, separators=(",", ":")).encode() + b"\n"
    if len(line) > JOB_LINE_MAX_BYTES or len(definition) > DEFINITION_MAX_BYTES or len(job.body) != REPORT_BYTES:
        raise InvalidMessageError(f"A job has a line of at most {JOB_LINE_MAX_BYTES} bytes, a definition and a report of {REPORT_BYTES}.")
    return line + definition + job.body


def job_bytes(line: bytes) -> int:
    """The length in bytes of a job with this first line, the line included. Raises InvalidMessageError."""
    size = _json_object(line).get("definition")
    if type(size) is not int or not 0 <= size <= DEFINITION_MAX_BYTES:
        raise InvalidMessageError(f"A definition has at most {DEFINITION_MAX_BYTES} bytes.")
    return len(line) + size + REPORT_BYTES


def parse_job(data: bytes) -> Job:
    """The job in these bytes; all that `encode_job` would not give raises InvalidMessageError."""
    line, _, rest = data.partition(b"\n")
    head = _json_object(line)
    try:
        definition, body = rest[:-REPORT_BYTES].decode(), rest[-REPORT_BYTES:]
        job = Job(head["endpoint"], head["url"], head["developer"], body, head["relay"], definition, head["package"])
    except (KeyError, UnicodeDecodeError) as error:
        raise InvalidMessageError("A job names endpoint, url, developer, relay, package and definition, which is text.") from error
    types = [type(value) for value in job]
    if types != [str, str, bool, bytes, str, str, str] or encode_job(job) != data:
        raise InvalidMessageError("A job has exactly its fields, in their order.")
    return job


def package_of(data: bytes) -> str | None:
    """The identity of the package that made a job, of whatever version; None if the bytes do not begin as a job."""
    try:
        package = _json_object(data.partition(b"\n")[0]).get("package")
    except InvalidMessageError:
        return None
    return package if isinstance(package, str) else None


def encode_delivery(delivery: Delivery) -> bytes:
    """The bytes of a delivery."""
    return json.dumps(delivery._asdict(), separators=(",", ":")).encode() + b"\n"


def parse_delivery(data: bytes) -> Delivery:
    """The delivery in these bytes; all that `encode_delivery` would not give raises InvalidMessageError."""
    head = _json_object(data[:DELIVERY_MAX_BYTES])
    try:
        delivery = Delivery(Result(head["result"]), head["status"], head["hindrance"])
    except (KeyError, ValueError) as error:
        raise InvalidMessageError("A delivery names result, status and hindrance.") from error
    if not _is_delivery(delivery) or encode_delivery(delivery) != data:
        raise InvalidMessageError("A delivery has exactly its fields, in their order.")
    return delivery


def outcome_of(output: bytes) -> Delivery:
    """The delivery that follows from all output of an uploader until it ended, hung or was killed; nothing is guessed.

    Without output there was no connection, so nothing left. Invalid output leaves the outcome unknown. So does an outcome that contradicts
    whether `sending` was written: a report is held exactly if nothing left.
    """
    if not output:
        return held_delivery(Hindrance.UPLOADER)
    try:
        delivery = parse_delivery(output.removeprefix(SENDING))
    except InvalidMessageError:
        return _UNKNOWN
    is_sent = output.startswith(SENDING)
    return delivery if is_sent is (delivery.result is not Result.HELD) else _UNKNOWN


def _is_delivery(delivery: Delivery) -> bool:
    is_explained = delivery.hindrance in _HINDRANCES if delivery.result in _EXPLAINED else delivery.hindrance == ""
    return is_explained and type(delivery.status) is int and delivery.status in _STATUSES


def _json_object(line: bytes) -> dict[str, Any]:
    try:
        head = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidMessageError("The line is JSON.") from error
    if not isinstance(head, dict):
        raise InvalidMessageError("The line is a JSON object.")
    return head

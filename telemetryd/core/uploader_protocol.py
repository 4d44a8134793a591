"""What the daemon and the uploader say to each other over their socket: one job, one delivery.

    → {"endpoint":"kde","url":"https://…","developer":false,"relay":"","definition":981}⏎,
      that many bytes of the definition's canonical text, and exactly one report's bytes
    ← sending⏎ once the connection stands and before the first byte of the request; not at all if nothing leaves
    ← {"result":"accepted","status":204,"retry_after_s":null,"hindrance":""}⏎ and the end of the stream

The uploader takes addresses from the configuration alone. `url`, `developer` and `relay` ("" for none) only say what the daemon believes:
where the configuration has changed since, the report stays here, because consent names a host and the history says what was sent
(Policy: C6, T2). The definition is the one that was consented to; the uploader takes its digest and looks for the review (Policy: R1, P1).

The uploader that dies after `sending` may have sent the report; one that dies before has not.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from telemetryd.core.hindrance import Hindrance
from telemetryd.core.limits import DAY_S, DEFINITION_MAX_BYTES, DELIVERY_MAX_BYTES, JOB_LINE_MAX_BYTES
from telemetryd.core.report import REPORT_BYTES
from telemetryd.core.schedule import Delivery, Result, held
from telemetryd.errors import TelemetrydError

SENDING = b"sending\n"
"""What the uploader says before the first byte of a request."""

_STATUSES = range(1000)
_UNSAID = Delivery(Result.UNKNOWN)
_HINDRANCES = tuple(Hindrance)


class InvalidMessageError(TelemetrydError):
    """The bytes are no such message."""


class Job(NamedTuple):
    """One report for one vendor's endpoint, with the canonical text of its definition, "" if the daemon cannot read that."""

    endpoint: str
    url: str
    developer: bool
    body: bytes
    relay: str = ""
    definition: str = ""


def encode_job(job: Job) -> bytes:
    """The job as it is written to the uploader."""
    definition = job.definition.encode()
    head = {"endpoint": job.endpoint, "url": job.url, "developer": job.developer, "relay": job.relay, "definition": len(definition)}
    line = json.dumps(head, separators=(",", ":")).encode() + b"\n"
    if len(line) > JOB_LINE_MAX_BYTES or len(definition) > DEFINITION_MAX_BYTES or len(job.body) != REPORT_BYTES:
        raise InvalidMessageError(f"A job has a line of at most {JOB_LINE_MAX_BYTES} bytes, a definition and a report of {REPORT_BYTES}.")
    return line + definition + job.body


def job_bytes(line: bytes) -> int:
    """How long a job with this first line is, in bytes, the line included."""
    size = _object(line).get("definition")
    if type(size) is not int or not 0 <= size <= DEFINITION_MAX_BYTES:
        raise InvalidMessageError(f"A definition has at most {DEFINITION_MAX_BYTES} bytes.")
    return len(line) + size + REPORT_BYTES


def parse_job(data: bytes) -> Job:
    """The job that these bytes are, exactly as `encode_job` gives it."""
    line, _, rest = data.partition(b"\n")
    head = _object(line)
    try:
        definition, body = rest[:-REPORT_BYTES].decode(), rest[-REPORT_BYTES:]
        job = Job(head["endpoint"], head["url"], head["developer"], body, head["relay"], definition)
    except (KeyError, UnicodeDecodeError) as error:
        raise InvalidMessageError("A job names endpoint, url, developer, relay and definition, which is text.") from error
    types = [type(value) for value in job]
    if types != [str, str, bool, bytes, str, str] or encode_job(job) != data:
        raise InvalidMessageError("A job has exactly its fields, in their order.")
    return job


def encode_delivery(delivery: Delivery) -> bytes:
    """The outcome as the uploader writes it."""
    return json.dumps(delivery._asdict(), separators=(",", ":")).encode() + b"\n"


def parse_delivery(data: bytes) -> Delivery:
    """The outcome that these bytes are, exactly as `encode_delivery` gives it."""
    head = _object(data[:DELIVERY_MAX_BYTES])
    try:
        delivery = Delivery(Result(head["result"]), head["status"], head["retry_after_s"], head["hindrance"])
    except (KeyError, ValueError) as error:
        raise InvalidMessageError("A delivery names result, status, retry_after_s and hindrance.") from error
    if not _is_delivery(delivery) or encode_delivery(delivery) != data:
        raise InvalidMessageError("A delivery has exactly its fields, in their order.")
    return delivery


def outcome_of(said: bytes) -> Delivery:
    """What became of a report, by everything that an uploader said until it ended, hung or was cut off; nothing is guessed.

    Nothing at all: it had no connection, so nothing left. What no uploader says leaves the outcome unknown, and so does an outcome that
    contradicts whether anything was sent.
    """
    if not said:
        return held(Hindrance.UPLOADER)
    try:
        delivery = parse_delivery(said.removeprefix(SENDING))
    except InvalidMessageError:
        return _UNSAID
    is_of_a_server = delivery.status > 0 or delivery.result not in {Result.RETRY, Result.REJECTED, Result.HELD}
    is_sent = said.startswith(SENDING)
    return _UNSAID if (is_of_a_server and not is_sent) or (is_sent and delivery.result is Result.HELD) else delivery


def _is_delivery(delivery: Delivery) -> bool:
    after = delivery.retry_after_s
    is_days = after is None or (type(after) is int and after > 0 and after % DAY_S == 0)
    is_explained = delivery.hindrance in _HINDRANCES if delivery.result is Result.HELD else delivery.hindrance == ""
    return is_days and is_explained and type(delivery.status) is int and delivery.status in _STATUSES


def _object(line: bytes) -> dict[str, Any]:
    try:
        head = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidMessageError("The line is JSON.") from error
    if not isinstance(head, dict):
        raise InvalidMessageError("The line is a JSON object.")
    return head

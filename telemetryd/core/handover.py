"""What the daemon and the uploader say to each other over their socket: one job, one delivery.

    → {"endpoint":"kde","url":"https://…","developer":false,"relay":""}⏎ and exactly one report's bytes
    ← {"result":"accepted","status":204,"retry_after_s":null}⏎ and the end of the stream

The uploader takes addresses from the configuration alone. `url`, `developer` and `relay` ("" for none) only say what the daemon believes:
where the configuration has changed since, the report stays here, because consent names a host and the history says what was sent
(Policy: C6, T2).
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from telemetryd.core.limits import DAY_S, DELIVERY_MAX_BYTES, JOB_LINE_MAX_BYTES
from telemetryd.core.report import REPORT_BYTES
from telemetryd.core.schedule import Delivery, Result
from telemetryd.errors import TelemetrydError

_STATUSES = range(1000)


class InvalidMessageError(TelemetrydError):
    """The bytes are no such message."""


class Job(NamedTuple):
    """One report for one vendor's endpoint."""

    endpoint: str
    url: str
    developer: bool
    body: bytes
    relay: str = ""


def encode_job(job: Job) -> bytes:
    """The job as it is written to the uploader."""
    head = {"endpoint": job.endpoint, "url": job.url, "developer": job.developer, "relay": job.relay}
    line = json.dumps(head, separators=(",", ":")).encode() + b"\n"
    if len(line) > JOB_LINE_MAX_BYTES or len(job.body) != REPORT_BYTES:
        raise InvalidMessageError(f"A job has a line of at most {JOB_LINE_MAX_BYTES} bytes and a report of {REPORT_BYTES}.")
    return line + job.body


def parse_job(data: bytes) -> Job:
    """The job that these bytes are, exactly as `encode_job` gives it."""
    line, _, body = data.partition(b"\n")
    head = _object(line)
    try:
        job = Job(head["endpoint"], head["url"], head["developer"], body, head["relay"])
    except KeyError as error:
        raise InvalidMessageError("A job names endpoint, url, developer and relay.") from error
    types = [type(value) for value in job]
    if types != [str, str, bool, bytes, str] or encode_job(job) != data:
        raise InvalidMessageError("A job has exactly its fields, in their order.")
    return job


def encode_delivery(delivery: Delivery) -> bytes:
    """The outcome as the uploader writes it."""
    return json.dumps(delivery._asdict(), separators=(",", ":")).encode() + b"\n"


def parse_delivery(data: bytes) -> Delivery:
    """The outcome that these bytes are, exactly as `encode_delivery` gives it."""
    head = _object(data[:DELIVERY_MAX_BYTES])
    try:
        delivery = Delivery(Result(head["result"]), head["status"], head["retry_after_s"])
    except (KeyError, ValueError) as error:
        raise InvalidMessageError("A delivery names result, status and retry_after_s.") from error
    if not _is_delivery(delivery) or encode_delivery(delivery) != data:
        raise InvalidMessageError("A delivery has exactly its fields, in their order.")
    return delivery


def _is_delivery(delivery: Delivery) -> bool:
    after = delivery.retry_after_s
    is_days = after is None or (type(after) is int and after > 0 and after % DAY_S == 0)
    return is_days and type(delivery.status) is int and delivery.status in _STATUSES


def _object(line: bytes) -> dict[str, Any]:
    try:
        head = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidMessageError("The line is JSON.") from error
    if not isinstance(head, dict):
        raise InvalidMessageError("The line is a JSON object.")
    return head

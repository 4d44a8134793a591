"""What the uploader agrees to send: a second look, with its own eyes, at everything it can see. Policy: C4, C6, C7, P1, R1.

A job that no process of ours would write is rejected. Where only the configuration stands against it, the report is held: nothing has
left, and the daemon will see the same configuration and decide what becomes of it.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from telemetryd.core.period import whole_periods
from telemetryd.core.report import InvalidReportError, Report, cell_of_labels, parse
from telemetryd.core.schedule import Delivery, Result, held
from telemetryd.core.uploader_protocol import InvalidMessageError, Job, parse_job
from telemetryd.errors import InvalidManifestError, TelemetrydError
from telemetryd.toml import canonical
from telemetryd.upload.request import FORMAT

if TYPE_CHECKING:
    from telemetryd.core.definition import Definition
    from telemetryd.core.hindrance import Hindrance
    from telemetryd.core.settings import Endpoint, Settings
    from telemetryd.core.signoffs import Reviews

REJECTED = Delivery(Result.REJECTED)
"""The bytes are no job."""


class StaysError(TelemetrydError):
    """The report stays here; `delivery` is what became of it, and the text, if there is any, is for the journal."""

    def __init__(self, delivery: Delivery, text: str = "") -> None:
        super().__init__(text)
        self.delivery = delivery


class HeldError(StaysError):
    """Something of our own is in the way."""

    def __init__(self, hindrance: Hindrance, text: str) -> None:
        super().__init__(held(hindrance), text)


def job_of(data: bytes) -> tuple[Job, Report] | None:
    """The job and its report, or None for bytes that are anything else."""
    try:
        job = parse_job(data)
        return job, parse(job.body)
    except (InvalidMessageError, InvalidReportError):
        return None


def definition_of(job: Job) -> Definition | None:
    """The definition that the daemon handed over, with the digest that its text has; None for what is the text of none."""
    try:
        return canonical.read(job.definition)
    except InvalidManifestError:
        return None


def endpoint_of(job: Job, settings: Settings) -> Endpoint | None:
    """The endpoint that the configuration permits for this job, if there is one and the daemon meant the same."""
    endpoint = settings.endpoint(job.endpoint)
    if settings.kill_switches or settings.developer is not job.developer or endpoint is None:
        return None
    is_meant = (endpoint.url, endpoint.ohttp_relay, endpoint.format) == (job.url, job.relay, FORMAT)
    urls = [url for url in (endpoint.url, endpoint.ohttp_relay) if url]
    return endpoint if is_meant and all(may_connect(url, is_developer=job.developer) for url in urls) else None


def is_admitted(definition: Definition, reviews: Reviews) -> bool:
    """Whether this very definition was reviewed, and nothing has stopped its question."""
    return reviews.admits_report(*definition.key, definition.digest)


def is_declared(report: Report, definition: Definition) -> bool:
    """Whether the report is one that the definition can give: its question, one of its answers, its ε, one of its periods. Policy: P1."""
    question = definition.question
    try:
        cell_of_labels(definition, report.answer)
    except InvalidReportError:
        return False
    periods = whole_periods(question.period, question.starts, question.ends)
    is_of_it = report[:3] == (*definition.key, definition.revision)
    return is_of_it and report.epsilon == question.epsilon and report.period in {one.label for one in periods}


def may_connect(url: str, *, is_developer: bool) -> bool:
    """Whether reports may go there: https; in developer mode to loopback alone, http too. No user name, which would be sent along."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or not url.isascii() or not url.isprintable():
        return False
    if is_developer:
        return parts.scheme in {"http", "https"} and _is_loopback(host)
    return parts.scheme == "https"


def _is_loopback(host: str) -> bool:
    """`localhost` is never looked up anywhere but here (RFC 6761)."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""The uploader's own checks of a job, independent of the daemon's. Policy: C4, C6, C7, P1, R1.

What is refused here is held: nothing was sent, and the daemon decides about the report.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from telemetryd.core.answers.period import whole_periods
from telemetryd.core.answers.report import InvalidReportError, Report, cell_of_labels, parse
from telemetryd.core.sending.schedule import held_delivery
from telemetryd.core.sending.uploader_protocol import InvalidMessageError, Job, parse_job
from telemetryd.errors import InvalidManifestError, TelemetrydError
from telemetryd.toml import canonical
from telemetryd.upload.request import FORMAT

if TYPE_CHECKING:
    from telemetryd.core.definition import Definition
    from telemetryd.core.permission.signoffs import Reviews
    from telemetryd.core.sending.hindrance import Hindrance
    from telemetryd.core.settings import Endpoint, Settings


class HeldError(TelemetrydError):
    """The report reached nobody. `delivery` is the outcome; the text is for the journal, if it is not empty."""

    def __init__(self, hindrance: Hindrance, text: str = "") -> None:
        super().__init__(text)
        self.delivery = held_delivery(hindrance)


def job_of(data: bytes) -> tuple[Job, Report] | None:
    """The job and its report, or None if the bytes are not a job."""
    try:
        job = parse_job(data)
        return job, parse(job.body)
    except (InvalidMessageError, InvalidReportError):
        return None


def definition_of(job: Job) -> Definition | None:
    """The definition of the job, with the digest of its text; None if the text is not a definition."""
    try:
        return canonical.read(job.definition)
    except InvalidManifestError:
        return None


def endpoint_of(job: Job, settings: Settings) -> Endpoint | None:
    """The endpoint that the configuration permits for this job; None if there is none or the job names another address."""
    endpoint = settings.endpoint(job.endpoint)
    if settings.kill_switches or settings.developer is not job.developer or endpoint is None:
        return None
    if endpoint.proxy and job.developer:  # only with TLS inside does a proxy not get the report
        return None
    is_meant = (endpoint.url, endpoint.ohttp_relay, endpoint.format) == (job.url, job.relay, FORMAT)
    urls = [url for url in (endpoint.url, endpoint.ohttp_relay) if url]
    return endpoint if is_meant and all(may_connect(url, is_developer=job.developer) for url in urls) else None


def is_admitted(definition: Definition, reviews: Reviews) -> bool:
    """Whether exactly this definition was reviewed, and nothing has stopped its question."""
    return reviews.admits_report(*definition.key, definition.digest)


def is_declared(report: Report, definition: Definition) -> bool:
    """Whether the definition allows the report: its question, one of its answers, its ε, one of its periods. Policy: P1."""
    question = definition.question
    try:
        cell_of_labels(definition, report.answer)
    except InvalidReportError:
        return False
    periods = whole_periods(question.period, question.starts, question.ends)
    is_same_question = report[:3] == (*definition.key, definition.revision)
    return is_same_question and report.epsilon == question.epsilon and report.period in {period.label for period in periods}


def may_connect(url: str, *, is_developer: bool) -> bool:
    """Whether reports may go to this URL: https only; in developer mode http too, but only to loopback. A user name is refused."""
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
    """`localhost` is always this machine (RFC 6761)."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""The wire format "report": the report's bytes as the body of a POST."""

from __future__ import annotations

from telemetryd.core.answers.report import request_headers
from telemetryd.named_tuple import NamedTuple

FORMAT = "report"
"""The name of this format in an endpoint's configuration."""


class Request(NamedTuple):
    """One POST: these headers in this order and no others, and this body."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def request(url: str, body: bytes) -> Request:
    """The request that carries a report, as the history shows it."""
    return Request(url, request_headers(url), body)

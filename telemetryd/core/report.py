"""The report: one answer to one question for one period, as the only bytes that ever leave. Policy: A2, A3, M1.

The preview, the history and the upload are these bytes. Nothing else travels with them: `request_headers` is all that is added.
"""

from __future__ import annotations

import json
import re
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from telemetryd.core.definition import NONE
from telemetryd.errors import TelemetrydError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.core.definition import Definition

REPORT_BYTES = 1024
"""Every report has this size, so that its length says nothing of the answer."""
SEALED_BYTES = 2304
"""Every report that goes by way of a relay has this size once it is sealed: report (1,024), the longest URL that can be configured (1,000),
and the most that both encodings add (97) all fit, so that its length does not tell endpoints apart either."""
BLANK_NONCE = "0" * 32
"""Stands for a nonce that is not drawn yet (preview) or no longer needed (history)."""

_SCHEMA = 1
_ANSWERS_MAX = 4
_EPSILON = range(1, 41)
"""Tenths of ε that a report can name."""
_DEFAULT_PORTS = {"http": 80, "https": 443}

_NUMBER = r"-?\d+(?:\.\d+)?"
_TEXTS = {
    "application": re.compile(r"(?=.{3,128}\Z)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+", re.ASCII),
    "question": re.compile(r"[a-z][a-z0-9_-]{0,63}", re.ASCII),
    "revision": re.compile(r"[0-9a-f]{12}", re.ASCII),
    "period": re.compile(r"\d{4}-(?:W\d\d|\d\d(?:-\d\d)?)", re.ASCII),
    "nonce": re.compile(r"[0-9a-f]{32}", re.ASCII),
}
_LABEL = re.compile(rf"<{_NUMBER}|>={_NUMBER}|{_NUMBER}\.\.{_NUMBER}|[A-Za-z0-9._+-]{{1,32}}", re.ASCII)
_NONCE_IN_BODY = re.compile(rb'(?<="nonce":")[0-9a-f]{32}(?="})')


Headers = tuple[tuple[str, str], ...]
"""Names and values, in the order in which they are sent."""


class InvalidReportError(TelemetrydError):
    """The bytes are no report, or the report does not fit its size; the text never says what they hold."""


class Report(NamedTuple):
    """One answer. `answer` has one label a source; `epsilon` is None where no noise was added; `nonce` is drawn for this report alone."""

    application: str
    question: str
    revision: str
    period: str
    answer: tuple[str, ...]
    epsilon: float | None
    nonce: str


def encode(report: Report) -> bytes:
    """The bytes of a report: exactly `REPORT_BYTES` of them."""
    text = json.dumps({"schema": _SCHEMA, **report._asdict()}, separators=(",", ":"), ensure_ascii=False)
    body = text.encode()
    if len(body) > REPORT_BYTES:
        raise InvalidReportError(f"A report has at most {REPORT_BYTES} bytes.")
    return body.ljust(REPORT_BYTES)


def example(definition: Definition, period: str) -> str:
    """A report as it could be sent for a period: the first answer of each field, and no nonce yet; without the blanks that fill it up."""
    answer = tuple(field.labels[0] for field in definition.fields)
    return encode(Report(*definition.key, definition.revision, period, answer, definition.question.epsilon, BLANK_NONCE)).decode().rstrip()


def parse(body: bytes) -> Report:
    """The report that these bytes are; whatever `encode` would not give is refused, free text included. Policy: P1."""
    try:
        fields = json.loads(body.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise InvalidReportError("A report is JSON text.") from error
    report = _report(fields)
    if report is None or encode(report) != body:
        raise InvalidReportError("A report has exactly its fields, in their order, padded to its size.")
    return report


def none_answer(fields: int) -> tuple[str, ...]:
    """The joint answer of a question of so many fields for which there is no complete sample."""
    return (NONE,) * fields


def cell_of_bins(definition: Definition, bins: Sequence[int] | None) -> int:
    """The number of an answer: mixed radix over the fields' bins, the first field the highest digit; None is the last cell."""
    if bins is None:
        return definition.cells - 1
    cell = 0
    for field, number in zip(definition.fields, bins, strict=True):
        if not 0 <= number < len(field.labels):
            raise InvalidReportError("The field has no such bin.")
        cell = cell * len(field.labels) + number
    return cell


def cell_of_labels(definition: Definition, labels: Sequence[str]) -> int:
    """The number of an answer given as labels."""
    if tuple(labels) == none_answer(len(definition.fields)):
        return cell_of_bins(definition, None)
    try:
        bins = [field.labels.index(label) for field, label in zip(definition.fields, labels, strict=True)]
    except ValueError as error:
        raise InvalidReportError("The question has no such answer.") from error
    return cell_of_bins(definition, bins)


def label_of_cell(definition: Definition, cell: int) -> tuple[str, ...]:
    """The labels of the answer with this number, one a field."""
    if not 0 <= cell < definition.cells:
        raise InvalidReportError("The question has no such cell.")
    if cell == definition.cells - 1:
        return none_answer(len(definition.fields))
    labels = [field.labels for field in definition.fields]
    return tuple(names[cell // prod(map(len, labels[place + 1 :])) % len(names)] for place, names in enumerate(labels))


def longest(definition: Definition) -> int:
    """Bytes of the longest report that the definition can give before it is padded: more than `REPORT_BYTES` cannot be declared."""
    answer = tuple(max((*field.labels, NONE), key=len) for field in definition.fields)
    report = Report(*definition.key, definition.revision, "2026-11-24", answer, None, BLANK_NONCE)
    return len(json.dumps({"schema": _SCHEMA, **report._asdict()}, separators=(",", ":"), ensure_ascii=False).encode())


def blank_nonce(body: bytes) -> bytes:
    """The same bytes with zeros for the nonce: a seized disk cannot be matched with a server's table. Never fails. Policy: A2."""
    return _NONCE_IN_BODY.sub(BLANK_NONCE.encode(), body)


def request_headers(url: str, relay: str = "") -> Headers:
    """All headers that travel with a report, in their order: nothing that tells one machine from another. Policy: A2, A4.

    By way of a relay: the four that it sees, then all that is sealed beside the report.
    """
    if relay:
        return relay_headers(relay) + sealed_headers(url)
    return _headers(url, "application/json", REPORT_BYTES)


def relay_headers(relay: str) -> Headers:
    """All headers that a relay gets with a sealed report, the same for every endpoint behind it. Policy: A4."""
    return _headers(relay, "message/ohttp-req", SEALED_BYTES)


def sealed_headers(url: str) -> Headers:
    """What the sealed request says beside the report, named as in HTTP/2: the gateway posts the report to `url`, as JSON."""
    scheme, _, rest = url.partition("://")
    return (
        (":method", "POST"),
        (":scheme", scheme),
        (":authority", _host(url)),
        (":path", "/" + rest.partition("/")[2]),
        ("content-type", "application/json"),
    )


def _headers(url: str, content_type: str, size_bytes: int) -> Headers:
    return (("Host", _host(url)), ("Content-Type", content_type), ("Content-Length", str(size_bytes)), ("Connection", "close"))


def _host(url: str) -> str:
    """The host of a URL in lower case, with its port if that is not the scheme's own."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    return host.removesuffix(f":{parts.port}") if parts.port == _DEFAULT_PORTS.get(parts.scheme) else host


def _report(fields: Any) -> Report | None:
    """The fields as a report if each is what such a field can be; a wrong key set shows when it is encoded again."""
    if not isinstance(fields, dict) or not all(_matches(fields.get(key), form) for key, form in _TEXTS.items()):
        return None
    if not _is_answer(fields.get("answer")) or not _is_epsilon(fields.get("epsilon", ...)):
        return None
    known: dict[str, Any] = {key: fields[key] for key in Report._fields}
    return Report(**{**known, "answer": tuple(known["answer"])})


def _matches(value: Any, form: re.Pattern[str]) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None


def _is_answer(labels: Any) -> bool:
    if not isinstance(labels, list) or not 1 <= len(labels) <= _ANSWERS_MAX or not all(_matches(label, _LABEL) for label in labels):
        return False
    return NONE not in labels or set(labels) == {NONE}


def _is_epsilon(epsilon: Any) -> bool:
    return epsilon is None or (isinstance(epsilon, float) and epsilon in {tenths / 10 for tenths in _EPSILON})

"""The report: one answer to one question for one period. Its bytes are the only data that ever leaves. Policy: A2, A3, M1.

The preview, the history and the upload are the same bytes. An upload adds only the `request_headers`.
"""

from __future__ import annotations

import json
import re
from math import prod
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from telemetryd.core.definition import NONE
from telemetryd.errors import TelemetrydError
from telemetryd.late_pattern import late_pattern
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.core.definition import Definition

REPORT_BYTES = 1024
"""Size of every report, so that its length tells nothing about the answer."""
SEALED_BYTES = 2304
"""Size of every sealed report for a relay, so that its length does not tell endpoints apart.

It fits the report (1,024), the longest configurable URL (1,000) and the overhead of both encodings (97)."""
BLANK_NONCE = "0" * 32
"""Stands for a nonce that is not drawn yet, as in a preview, or no longer needed, as in the history."""

TEST_APPLICATION, TEST_QUESTION, TEST_REVISION = "org.telemetryd.Test", "telemetryd-test", "0" * 12
"""Marks of a test report, which a user's command sends and no estimate counts. No manifest can declare this application or question."""

_ANY_REVISION = "0" * 12
"""As long as every revision."""
_SCHEMA = 1
_ANSWERS_MAX = 4
_EPSILON = range(1, 41)
"""Tenths of ε that a report can name."""
_DEFAULT_PORTS = {"http": 80, "https": 443}

_NUMBER = r"-?\d+(?:\.\d+)?"
_TEXTS = {
    "application": late_pattern(r"(?=.{3,128}\Z)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+", re.ASCII),
    "question": late_pattern(r"[a-z][a-z0-9_-]{0,63}", re.ASCII),
    "revision": late_pattern(r"[0-9a-f]{12}", re.ASCII),
    "period": late_pattern(r"\d{4}-(?:W\d\d|\d\d(?:-\d\d)?)", re.ASCII),
    "nonce": late_pattern(r"[0-9a-f]{32}", re.ASCII),
}
_LABEL = late_pattern(rf"<{_NUMBER}|>={_NUMBER}|{_NUMBER}\.\.{_NUMBER}|[A-Za-z0-9._+-]{{1,32}}", re.ASCII)
_NONCE_IN_BODY = re.compile(rb'(?<="nonce":")[0-9a-f]{32}(?="})')


Headers = tuple[tuple[str, str], ...]
"""Names and values, in the order in which they are sent."""


class InvalidReportError(TelemetrydError):
    """The bytes are not a report, or the report exceeds its size. The text never repeats the contents."""


class Report(NamedTuple):
    """One answer. `answer` has one label for each source; `epsilon` is None without noise; each report has its own `nonce`."""

    application: str
    question: str
    revision: str
    period: str
    answer: tuple[str, ...]
    epsilon: float | None
    nonce: str


def encode(report: Report) -> bytes:
    """The `REPORT_BYTES` bytes of a report. Raises InvalidReportError if it is too long."""
    text = json.dumps({"schema": _SCHEMA, **report._asdict()}, separators=(",", ":"), ensure_ascii=False)
    body = text.encode()
    if len(body) > REPORT_BYTES:
        raise InvalidReportError(f"A report has at most {REPORT_BYTES} bytes.")
    return body.ljust(REPORT_BYTES)


def report_for_test(period: str, nonce: str) -> Report:
    """A test report. It says nothing about its sender, and all of them are alike but for the day and the nonce."""
    return Report(TEST_APPLICATION, TEST_QUESTION, TEST_REVISION, period, none_answer(1), None, nonce)


def is_for_test(report: Report) -> bool:
    """Whether a report is exactly a test report."""
    return report == report_for_test(report.period, report.nonce)


def example(definition: Definition, period: str) -> str:
    """The text of a possible report for a period, with the first label of each field and a blank nonce, without padding."""
    answer = tuple(field.labels[0] for field in definition.fields)
    return encode(Report(*definition.key, definition.revision, period, answer, definition.question.epsilon, BLANK_NONCE)).decode().rstrip()


def parse(body: bytes) -> Report:
    """The report in these bytes. All that `encode` would not give raises InvalidReportError, free text included. Policy: P1."""
    try:
        fields = json.loads(body.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise InvalidReportError("A report is JSON text.") from error
    report = _report(fields)
    if report is None or encode(report) != body:
        raise InvalidReportError("A report has exactly its fields, in their order, padded to its size.")
    return report


def none_answer(fields: int) -> tuple[str, ...]:
    """The joint answer `none` of a question of so many fields."""
    return (NONE,) * fields


def cell_of_bins(definition: Definition, bins: Sequence[int] | None) -> int:
    """The number of an answer: mixed radix over the bins, with the first field as the highest digit; None is the last cell."""
    if bins is None:
        return definition.cells - 1
    cell = 0
    for field, number in zip(definition.fields, bins, strict=True):
        if not 0 <= number < len(field.labels):
            raise InvalidReportError("The field has no such bin.")
        cell = cell * len(field.labels) + number
    return cell


def cell_of_labels(definition: Definition, labels: Sequence[str]) -> int:
    """The number of an answer in labels. Raises InvalidReportError."""
    if tuple(labels) == none_answer(len(definition.fields)):
        return cell_of_bins(definition, None)
    try:
        bins = [field.labels.index(label) for field, label in zip(definition.fields, labels, strict=True)]
    except ValueError as error:
        raise InvalidReportError("The question has no such answer.") from error
    return cell_of_bins(definition, bins)


def label_of_cell(definition: Definition, cell: int) -> tuple[str, ...]:
    """The labels of the answer with this number, one for each field. Raises InvalidReportError."""
    if not 0 <= cell < definition.cells:
        raise InvalidReportError("The question has no such cell.")
    if cell == definition.cells - 1:
        return none_answer(len(definition.fields))
    labels = [field.labels for field in definition.fields]
    return tuple(names[cell // prod(map(len, labels[index + 1 :])) % len(names)] for index, names in enumerate(labels))


def longest_report_bytes(definition: Definition) -> int:
    """Bytes of the longest report of a definition before padding; a definition above `REPORT_BYTES` is refused."""
    answer = tuple(max((*field.labels, NONE), key=len) for field in definition.fields)
    report = Report(*definition.key, _ANY_REVISION, "2026-11-24", answer, None, BLANK_NONCE)
    return len(json.dumps({"schema": _SCHEMA, **report._asdict()}, separators=(",", ":"), ensure_ascii=False).encode())


def blank_nonce(body: bytes) -> bytes:
    """The same bytes with a blank nonce, so that a seized disk cannot be matched with a server's table. Never fails. Policy: A2."""
    return _NONCE_IN_BODY.sub(BLANK_NONCE.encode(), body)


def request_headers(url: str, relay: str = "") -> Headers:
    """All headers of an upload in their order; none tells machines apart. Policy: A2, A4.

    With a relay: the four headers that it sees, then those that are sealed with the report.
    """
    if relay:
        return relay_headers(relay) + sealed_headers(url)
    return _headers(url, "application/json", REPORT_BYTES)


def relay_headers(relay: str) -> Headers:
    """The headers of a sealed report to a relay, the same for every endpoint behind it. Policy: A4."""
    return _headers(relay, "message/ohttp-req", SEALED_BYTES)


def sealed_headers(url: str) -> Headers:
    """The sealed headers, named as in HTTP/2: the gateway posts the report to `url` as JSON."""
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
    """The host of a URL in lower case, with its port unless it is the default."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    return host.removesuffix(f":{parts.port}") if parts.port == _DEFAULT_PORTS.get(parts.scheme) else host


def _report(fields: Any) -> Report | None:
    """The report, or None if a field is invalid. The caller finds unknown keys and a wrong order by encoding it again."""
    if not isinstance(fields, dict) or not all(_matches(fields.get(key), form) for key, form in _TEXTS.items()):
        return None
    if not _is_answer(fields.get("answer")) or not _is_epsilon(fields.get("epsilon", ...)):
        return None
    values: dict[str, Any] = {key: fields[key] for key in Report._fields}
    return Report(**{**values, "answer": tuple(values["answer"])})


def _matches(value: Any, form: re.Pattern[str]) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None


def _is_answer(labels: Any) -> bool:
    if not isinstance(labels, list) or not 1 <= len(labels) <= _ANSWERS_MAX or not all(_matches(label, _LABEL) for label in labels):
        return False
    return NONE not in labels or set(labels) == {NONE}


def _is_epsilon(epsilon: Any) -> bool:
    return epsilon is None or (isinstance(epsilon, float) and epsilon in {tenths / 10 for tenths in _EPSILON})

"""Why a try to send a report did not deliver it: a fault of this installation, of the network or of the server. Policy: T2.

A report that reached nobody waits. One of which a byte may have left is over. The words are stable: the uploader returns them, and the
database stores them with the report. `_TABLE` has each once, with its word of the history and the sentence of the problem that somebody has
to repair. An absent network is not such a problem. What the user reads for a word of the history is in `causes.WORDS`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from telemetryd.core.limits import DAY_S
from telemetryd.core.problem_words import ProblemCause, problem_of
from telemetryd.core.translation import mark
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from telemetryd.core.settings import Endpoint, Problem

Tries = tuple[tuple[int, str], ...]
"""The tries of a report that reached nobody: the beginning of the day (Unix s) and the cause, the oldest first.

There is at most one for a day, its last. So a report has at most as many as its two windows have days, 87 or so. A list says more than the
last cause alone: a server that was away once differs from a certificate that nobody repairs.
"""


class Hindrance(StrEnum):
    """The reason for which a try did not deliver its report."""

    DNS = "dns"
    """The server's name was not found. A machine without a network finds no name."""
    REFUSED = "refused"
    """The server, or the network on the way, refused the connection or broke it off."""
    TIMEOUT = "timeout"
    """No connection stood in time, or the connected server said nothing in time."""
    ANSWER = "answer"
    """What the server, or a relay, answered is not readable."""
    INTERRUPTED = "interrupted"
    """telemetryd ended while it was sending."""
    PROXY = "proxy"
    """The proxy was not found or not reached, or could not reach the server."""
    PROXY_DENIED = "proxy-denied"
    """The proxy does not connect to the server, or is not a proxy."""
    REPORT = "report"
    """What is stored of the report is damaged."""

    UPLOADER = "uploader"
    """The uploader does not start, or ended before it had a connection."""
    PACKAGE = "package"
    """The installed files of telemetryd are not those that are running."""
    CLIENT = "client"
    """The HTTP client is missing or too old."""
    OHTTP = "ohttp"
    """The extra for relays is missing or too old."""
    KEYS = "keys"
    """A gateway's keys cannot be used."""
    CA_FILE = "ca-file"
    """The authority's certificate cannot be used."""
    AUTHORITY = "tls-authority"
    """The server's certificate does not lead to a trusted authority."""
    STRICT = "tls-strict"
    """A certificate fails the strict verification, the default since Python 3.13."""
    NAME = "tls-name"
    """The server's certificate is for another name."""
    EXPIRED = "tls-expired"
    """The server's certificate is not valid at this time."""
    CONFIGURATION = "configuration"
    """The configuration or the reviews, as the uploader reads them, do not permit the report."""
    DEFINITION = "definition"
    """This version cannot read the accepted definition."""
    HANDSHAKE = "handshake"
    """The connection stood, and nothing was to be sent: `telemetryctl check` asked for the connection alone."""


class _Meaning(NamedTuple):
    """What a hindrance is in the history (`error`), and as a problem of the waiting reports; "" if nobody has to repair anything."""

    error: str
    problem: str = ""


_OWN = "own"
_TABLE = {
    Hindrance.DNS: _Meaning("dns"),
    Hindrance.REFUSED: _Meaning("refused"),
    Hindrance.TIMEOUT: _Meaning("timeout"),
    Hindrance.ANSWER: _Meaning("status"),
    Hindrance.INTERRUPTED: _Meaning(_OWN),
    Hindrance.PROXY: _Meaning("refused"),
    Hindrance.PROXY_DENIED: _Meaning(
        "refused", mark("the proxy does not connect to the server; it has to allow CONNECT, without a password")
    ),
    Hindrance.REPORT: _Meaning(_OWN, mark("a stored report is damaged, so it cannot be sent")),
    Hindrance.UPLOADER: _Meaning(
        _OWN, mark("telemetryd-upload does not start, or ends before it has a connection (the journal says more)")
    ),
    Hindrance.PACKAGE: _Meaning(_OWN, mark("telemetryd was replaced while it was running; reports are sent after it has been restarted")),
    Hindrance.CLIENT: _Meaning(_OWN, mark("aiohttp is missing or too old: expected aiohttp 3.10 and aiohappyeyeballs 2.5, or newer")),
    Hindrance.OHTTP: _Meaning(
        _OWN, mark("the extra for relays is missing or too old: expected pyhpke and cryptography (telemetryd[ohttp])")
    ),
    Hindrance.KEYS: _Meaning("keys", mark("this file cannot be read, or holds no usable key")),
    Hindrance.CA_FILE: _Meaning(_OWN, mark("this file cannot be read, or holds no certificate")),
    Hindrance.AUTHORITY: _Meaning("tls-authority", mark("the server's certificate does not lead to an authority that is trusted here")),
    Hindrance.STRICT: _Meaning(
        "tls-authority", mark("a certificate of the server or its authority lacks what a strict check demands, such as keyUsage")
    ),
    Hindrance.NAME: _Meaning("tls-name", mark("the server's certificate is for another name")),
    Hindrance.EXPIRED: _Meaning("tls-expired", mark("the server's certificate is not valid at the time of this machine's clock")),
    Hindrance.CONFIGURATION: _Meaning(_OWN, mark("the configuration or a review does not permit it any more")),
    Hindrance.DEFINITION: _Meaning(_OWN, mark("this version cannot read the definition that was accepted")),
    Hindrance.HANDSHAKE: _Meaning(_OWN, mark("only the connection was tried, and it stood")),
}


def _meaning(word: str) -> _Meaning:
    """What a stored word means. An unknown word comes from a later version; its problem refers to the journal."""
    return _TABLE[Hindrance(word) if word in _TABLE else Hindrance.UPLOADER]


def error_word(word: str, outcome: str) -> str:
    """The history's `error` for a report with this hindrance and outcome, or ""."""
    if outcome == "rejected":
        return "status"
    return _meaning(word).error if word else ""


def error_of_last_try(tries: Tries) -> tuple[int, str] | None:
    """The day of the last try that reached nobody, and the history's `error` for it; None if there was none."""
    return (tries[-1][0], _meaning(tries[-1][1]).error) if tries else None


def with_try(tries: Tries, now: int, word: str) -> Tries:
    """The tries and one more, made at `now` (Unix s)."""
    return tuple(sorted({**dict(tries), now // DAY_S * DAY_S: word}.items()))


def is_problem(word: str) -> bool:
    """Whether somebody has to repair something, other than the network."""
    return bool(_meaning(word).problem)


def sentence(word: str) -> str:
    """What is at fault, or "" if it is the network or an unknown word."""
    return _TABLE[Hindrance(word)].problem if word in _TABLE else ""


def problem(word: str, endpoint: Endpoint) -> Problem:
    """The problem that the user sees for the waiting reports of an endpoint: the file at fault, if any, and a sentence."""
    files = {Hindrance.KEYS: endpoint.ohttp_keys, Hindrance.CA_FILE: endpoint.ca_file}
    file = files.get(Hindrance(word), "") if word in _TABLE else ""
    return problem_of(file, ProblemCause.REPORTS_WAIT, vendor=endpoint.vendor, why=_meaning(word).problem)

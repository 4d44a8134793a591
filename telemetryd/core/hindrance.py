"""Why a report reached nobody: a fault of our own installation or configuration, or of the network. The report waits. Policy: T2.

The words are stable: the uploader returns them, and the database stores them with the report. `error_word` gives those of the history.
The user sees a fault that somebody has to repair as a problem of the service. A network that is away is not one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from telemetryd.core.settings import Problem

if TYPE_CHECKING:
    from telemetryd.core.settings import Endpoint


class Hindrance(StrEnum):
    """The reason for which a report reached nobody."""

    DNS = "dns"
    """The server's name was not found. A machine without a network finds no name."""
    REFUSED = "refused"
    """The server, or the network on the way, refused the connection or broke it off before it stood."""
    TIMEOUT = "timeout"
    """No connection stood in time."""
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


_OF_THE_NETWORK = frozenset({Hindrance.DNS, Hindrance.REFUSED, Hindrance.TIMEOUT})
_ERRORS: dict[str, str] = {
    **{word: str(word) for word in (*_OF_THE_NETWORK, Hindrance.KEYS, Hindrance.AUTHORITY, Hindrance.NAME, Hindrance.EXPIRED)},
    Hindrance.STRICT: "tls-authority",
}
"""The history's words. All other hindrances are our "own"."""

_SENTENCES = {
    Hindrance.REPORT: "a stored report is damaged, so it cannot be sent",
    Hindrance.UPLOADER: "telemetryd-upload does not start, or ends before it has a connection (the journal says more)",
    Hindrance.PACKAGE: "telemetryd was replaced while it was running; reports are sent after it has been restarted",
    Hindrance.CLIENT: "aiohttp is missing or too old: expected aiohttp 3.10 and aiohappyeyeballs 2.5, or newer",
    Hindrance.OHTTP: "the extra for relays is missing or too old: expected pyhpke and cryptography (telemetryd[ohttp])",
    Hindrance.KEYS: "this file cannot be read, or holds no usable key",
    Hindrance.CA_FILE: "this file cannot be read, or holds no certificate",
    Hindrance.AUTHORITY: "the server's certificate does not lead to an authority that is trusted here",
    Hindrance.STRICT: "a certificate of the server or its authority lacks what a strict check demands, such as keyUsage",
    Hindrance.NAME: "the server's certificate is for another name",
    Hindrance.EXPIRED: "the server's certificate is not valid at the time of this machine's clock",
    Hindrance.CONFIGURATION: "the configuration or a review does not permit it any more",
    Hindrance.DEFINITION: "this version cannot read the definition that was accepted",
    Hindrance.HANDSHAKE: "only the connection was tried, and it stood",
}


def error_word(word: str, outcome: str) -> str:
    """The history's `error` for a report with this hindrance and outcome, or ""."""
    if outcome == "rejected":
        return "status"
    return _ERRORS.get(word, "own") if word else ""


def is_problem(word: str) -> bool:
    """Whether somebody has to repair something, other than the network."""
    return word not in _OF_THE_NETWORK


def sentence(word: str) -> str:
    """What is at fault, or "" if it is the network or an unknown word."""
    return _SENTENCES[Hindrance(word)] if word in _SENTENCES else ""


def problem(word: str, endpoint: Endpoint) -> Problem:
    """The problem that the user sees for the waiting reports of an endpoint: the file at fault, if any, and a sentence.

    An unknown word comes from a later version; its sentence refers to the journal.
    """
    files = {Hindrance.KEYS: endpoint.ohttp_keys, Hindrance.CA_FILE: endpoint.ca_file}
    hindrance = Hindrance(word) if word in _SENTENCES else Hindrance.UPLOADER
    return Problem(files.get(hindrance, ""), f"[endpoint.{endpoint.vendor}] reports wait: {_SENTENCES[hindrance]}")

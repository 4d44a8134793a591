"""What is wrong with our own installation or configuration, so that a report cannot leave: it waits, and the user is told. Policy: T2.

The words are stable: the uploader hands one back, the database keeps it with the report, and programs may depend on them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from telemetryd.core.settings import Problem

if TYPE_CHECKING:
    from telemetryd.core.settings import Endpoint


class Hindrance(StrEnum):
    """What is in the way."""

    UPLOADER = "uploader"
    """It does not start, or ended before it had a connection."""
    PACKAGE = "package"
    """The files of telemetryd are not those that are running."""
    CLIENT = "client"
    """The HTTP client is missing or too old."""
    OHTTP = "ohttp"
    """The extra for relays is missing or too old."""
    KEYS = "keys"
    """A gateway's keys cannot be used."""
    CA_FILE = "ca-file"
    """The authority's certificate cannot be used."""
    AUTHORITY = "tls-authority"
    """The server's certificate does not lead to an authority that is trusted."""
    STRICT = "tls-strict"
    """A certificate lacks what a strict check demands, as Python 3.13 makes it."""
    NAME = "tls-name"
    """The server's certificate is for another name."""
    EXPIRED = "tls-expired"
    """The server's certificate is not valid at this time."""
    CONFIGURATION = "configuration"
    """The configuration or the reviews, as the uploader reads them, do not permit it."""
    DEFINITION = "definition"
    """The definition that was consented to cannot be read by this version."""


_SENTENCES = {
    Hindrance.UPLOADER: "telemetryd-upload does not start, or ends before it has a connection (the journal says more)",
    Hindrance.PACKAGE: "telemetryd was replaced while it was running; reports leave once it has been started again",
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
}


def problem(word: str, endpoint: Endpoint) -> Problem:
    """What the user is told of reports for an endpoint that wait: the file in question, if there is one, and what is wrong.

    A word that this version does not know is a later one's, and refers to the journal.
    """
    files = {Hindrance.KEYS: endpoint.ohttp_keys, Hindrance.CA_FILE: endpoint.ca_file}
    hindrance = Hindrance(word) if word in _SENTENCES else Hindrance.UPLOADER
    return Problem(files.get(hindrance, ""), f"[endpoint.{endpoint.vendor}] reports wait: {_SENTENCES[hindrance]}")

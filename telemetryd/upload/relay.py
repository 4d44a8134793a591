"""A report by way of a relay: the relay sees the user's address and not the answer, the gateway the answer and not the address. Policy: A4.

Everything that can be wrong before a byte leaves is an OhttpError, upon which nothing leaves: never is such a report sent directly.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.limits import OHTTP_KEYS_BYTES
from telemetryd.core.report import SEALED_BYTES, relay_headers, sealed_headers
from telemetryd.core.schedule import Delivery, Result, delivery_of
from telemetryd.errors import InvalidFileError
from telemetryd.system.files import read_bytes
from telemetryd.upload.binary_http import Control, InvalidBinaryHttpError, decode_response, encode_request, padded
from telemetryd.upload.ohttp import RESPONSE, SEALING_BYTES, OhttpError, parse_keys, seal
from telemetryd.upload.request import Request

if TYPE_CHECKING:
    from telemetryd.core.settings import Endpoint
    from telemetryd.upload.client import Answer
    from telemetryd.upload.ohttp import SealedRequest

_NOTHING_CAME = Delivery(Result.RETRY)
"""No relay, no trust in it, or no status: what a server of its own would mean by that."""
_OK, _SUCCESSFUL = 200, range(200, 300)
_NOBODY_SAYS = Delivery(Result.UNKNOWN)
"""The relay took it, and what came back says nothing about it: the report may have arrived."""


class SealedReport(NamedTuple):
    """The request to the relay, and what is needed to understand its answer."""

    request: Request
    sealed: SealedRequest

    def delivery(self, answer: Answer | None, now: int) -> Delivery:
        """What became of the report: only what the gateway sealed for this very request says so.

        Whatever the relay says itself speaks of the relay, never of the question: tried again, with the relay's status shown and its
        Retry-After heeded. A redirect is not followed.
        """
        if answer is None:
            return _NOTHING_CAME
        if answer.status not in _SUCCESSFUL:
            return Delivery(Result.RETRY, answer.status, delivery_of(answer.status, answer.retry_after, now).retry_after_s)
        if answer.status != _OK or answer.media_type != RESPONSE or answer.body is None:
            return _NOBODY_SAYS
        try:
            response = decode_response(self.sealed.open(answer.body))
        except (OhttpError, InvalidBinaryHttpError):
            return _NOBODY_SAYS
        return delivery_of(response.status, response.field("retry-after"), now)


def sealed_report(endpoint: Endpoint, body: bytes) -> SealedReport:
    """A report sealed for the endpoint's gateway, with a fresh key each time. Raises OhttpError."""
    fields = dict(sealed_headers(endpoint.url))
    control = Control(*(fields.pop(f":{name}") for name in Control._fields))
    try:
        message = padded(encode_request(control, fields.items(), body), SEALED_BYTES - SEALING_BYTES)
    except InvalidBinaryHttpError as error:
        raise OhttpError("url: too long to be sealed") from error
    sealed = _sealed(endpoint.ohttp_keys, message)
    return SealedReport(Request(endpoint.ohttp_relay, relay_headers(endpoint.ohttp_relay), sealed.content), sealed)


def _sealed(path: str, message: bytes) -> SealedRequest:
    """The message sealed with the key that is in the file now."""
    try:
        return seal(parse_keys(read_bytes(Path(path), OHTTP_KEYS_BYTES)), message)
    except OSError as error:
        raise OhttpError(f"ohttp_keys: {error.strerror}") from error
    except (InvalidFileError, OhttpError) as error:
        raise OhttpError(f"ohttp_keys: {error}") from error

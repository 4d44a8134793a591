"""A report through a relay: the relay sees the address but not the answer, the gateway the answer but not the address. Policy: A4.

Every fault before sending is an OhttpError, and then nothing is sent: such a report never goes directly. What was sealed and sent is final,
whoever answered.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from telemetryd.core.answers.report import SEALED_BYTES, relay_headers, sealed_headers
from telemetryd.core.limits import OHTTP_KEYS_BYTES
from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import Delivery, Result, delivery_of, unknown_delivery
from telemetryd.errors import InvalidFileError
from telemetryd.named_tuple import NamedTuple
from telemetryd.system.files import read_bytes
from telemetryd.upload.binary_http import InvalidBinaryHttpError, RequestLine, decode_response, encode_request, pad
from telemetryd.upload.ohttp import RESPONSE, SEALING_BYTES, OhttpError, parse_keys, seal
from telemetryd.upload.request import Request

if TYPE_CHECKING:
    from telemetryd.core.settings import Endpoint
    from telemetryd.upload.client import Answer
    from telemetryd.upload.ohttp import SealedRequest

_OK, _SUCCESSFUL = 200, range(200, 300)
_NOBODY_SAYS = unknown_delivery(Hindrance.ANSWER)
"""The relay accepted the request without a readable answer of the gateway: the report may have arrived."""


class SealedReport(NamedTuple):
    """The request to the relay, and the state that opens its answer."""

    request: Request
    sealed: SealedRequest

    def delivery(self, answer: Answer | Delivery) -> Delivery:
        """The outcome of the report, after an exchange with the relay.

        Only an answer that the gateway sealed for this request can accept the report, or end its question.

        The relay's own status is about the relay, never about the question: the report is rejected with that status. It is final too,
        because a relay that could ask for a second copy would tie two moments and addresses together. A redirect is not followed.
        """
        if isinstance(answer, Delivery):
            return answer
        if answer.status not in _SUCCESSFUL:
            return Delivery(Result.REJECTED, answer.status)
        if answer.status != _OK or answer.media_type != RESPONSE or answer.body is None:
            return _NOBODY_SAYS
        try:
            response = decode_response(self.sealed.open(answer.body))
        except (OhttpError, InvalidBinaryHttpError):
            return _NOBODY_SAYS
        return delivery_of(response.status)


def sealed_report(endpoint: Endpoint, body: bytes) -> SealedReport:
    """A report sealed for the endpoint's gateway, with a new key each time. Raises OhttpError."""
    fields = dict(sealed_headers(endpoint.url))
    control = RequestLine(*(fields.pop(f":{name}") for name in RequestLine._fields))
    try:
        message = pad(encode_request(control, fields.items(), body), SEALED_BYTES - SEALING_BYTES)
    except InvalidBinaryHttpError as error:
        raise OhttpError("url: too long to be sealed") from error
    sealed = _seal_with_file(endpoint.ohttp_keys, message)
    return SealedReport(Request(endpoint.ohttp_relay, relay_headers(endpoint.ohttp_relay), sealed.content), sealed)


def _seal_with_file(path: str, message: bytes) -> SealedRequest:
    """The message, sealed with the key that the file has now. Raises OhttpError."""
    try:
        return seal(parse_keys(read_bytes(Path(path), OHTTP_KEYS_BYTES)), message)
    except OSError as error:
        raise OhttpError(f"ohttp_keys: {error.strerror}") from error
    except (InvalidFileError, OhttpError) as error:
        raise OhttpError(f"ohttp_keys: {error}") from error

"""Sends one request over one fresh connection; the only module that imports aiohttp. Policy: A2, A4, C7."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import time
from contextlib import asynccontextmanager
from inspect import signature
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
from aiohappyeyeballs import start_connection

from telemetryd.core.hindrance import Hindrance
from telemetryd.core.limits import (
    ANSWER_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    RECEIVED_MAX_BYTES,
    RESPONSE_MAX_BYTES,
    RESPONSE_TIMEOUT_S,
    UPLOAD_TIMEOUT_S,
)
from telemetryd.core.schedule import Delivery, Result, delivery_of
from telemetryd.upload.job import HeldError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from telemetryd.upload.request import Request

if not hasattr(aiohttp.TCPConnector, "_wrap_existing_connection"):
    raise ImportError("before 3.10", name="aiohttp")
if "socket_factory" not in signature(start_connection).parameters:
    raise ImportError("before 2.5", name="aiohappyeyeballs")

NOTHING_CAME = Delivery(Result.RETRY)
"""No connection, or no whole answer."""

_HAS_FACTORY = "socket_factory" in signature(aiohttp.TCPConnector).parameters
"""Since aiohttp 3.12."""
_HINDRANCES = {
    9: (Hindrance.EXPIRED, "the certificate is not yet valid"),
    10: (Hindrance.EXPIRED, "the certificate has expired"),
    62: (Hindrance.NAME, "the certificate is for another name"),
    64: (Hindrance.NAME, "the certificate is for another address"),
    **dict.fromkeys(range(80, 95), (Hindrance.STRICT, "")),
}
"""OpenSSL's numbers (x509_vfy.h); from 80 on what X509_V_FLAG_X509_STRICT checks, which Python 3.13 sets. "": as OpenSSL says it."""

_AUTOMATIC = ("User-Agent", "Accept", "Accept-Encoding")
"""Headers that aiohttp adds by itself."""


class Timeouts(NamedTuple):
    """Seconds: name look-up to the end of TLS, one silence of the server, everything up to the status, the response's body."""

    connect: float = CONNECT_TIMEOUT_S
    answer: float = ANSWER_TIMEOUT_S
    total: float = UPLOAD_TIMEOUT_S
    response: float = RESPONSE_TIMEOUT_S


_TIMEOUTS = Timeouts()


class Answer(NamedTuple):
    """What a server answered. `body` is None where it did not come whole, in time and within `RESPONSE_MAX_BYTES`."""

    status: int
    media_type: str
    retry_after: str | None
    body: bytes | None


class Client:
    """Trusts `ca_file` alone, or the system's store where that is empty. Reads no proxy, cookie, netrc or key-log setting of the user.

    `on_connected` is awaited when a connection stands, before a byte of a request is written. Raises HeldError where the trust that is
    configured cannot be had, and wherever a server's certificate cannot be verified.
    """

    def __init__(
        self, ca_file: str = "", timeouts: Timeouts = _TIMEOUTS, *, on_connected: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._trust = _trust(ca_file)
        self._timeouts = timeouts
        self._on_connected = on_connected

    async def send(self, request: Request) -> Delivery:
        """Post it and say what the answer means; whatever else fails before a status came is `retry`."""
        try:
            async with self._post(request) as response:
                delivery = delivery_of(response.status, response.headers.get("Retry-After"), int(time.time()))
                await self._read(response)
                return delivery
        except (aiohttp.ClientError, OSError, ValueError) as error:
            _raise_if_untrusted(error)
            return NOTHING_CAME

    async def exchange(self, request: Request) -> Answer | None:
        """Post it and give the whole answer; None if nothing came before a status did."""
        try:
            async with self._post(request) as response:
                body = await self._read(response)
                media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                return Answer(response.status, media_type, response.headers.get("Retry-After"), body)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            _raise_if_untrusted(error)
            return None

    @asynccontextmanager
    async def _post(self, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        times = self._timeouts
        async with (
            aiohttp.ClientSession(
                connector=_connector(self._trust),
                timeout=aiohttp.ClientTimeout(total=times.total, connect=times.connect, sock_read=times.answer),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_AUTOMATIC,
                auto_decompress=False,
                trust_env=False,
                trace_configs=[self._trace()],
            ) as session,
            session.post(request.url, headers=request.headers, data=request.body, allow_redirects=False) as response,
        ):
            yield response

    def _trace(self) -> aiohttp.TraceConfig:
        """Has `on_connected` awaited between the end of TLS and the first byte of the request."""

        async def connected(*_: object) -> None:
            if self._on_connected:
                await self._on_connected()

        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(connected)
        return trace

    async def _read(self, response: aiohttp.ClientResponse) -> bytes | None:
        """The body, if it ends in time and within bounds; it is read in any case, so that the server sees an orderly end."""
        body = b""
        try:
            async with asyncio.timeout(self._timeouts.response):
                while len(body) <= RESPONSE_MAX_BYTES and (chunk := await response.content.read(RESPONSE_MAX_BYTES + 1 - len(body))):
                    body += chunk
        except (aiohttp.ClientError, OSError):
            response.close()
            return None
        return body if len(body) <= RESPONSE_MAX_BYTES else None


def _trust(ca_file: str) -> ssl.SSLContext:
    """Certificates and host names verified, TLS 1.2 or newer, no session ever resumed."""
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:  # an SSLError too: there is no certificate in it
        reason = "expected certificates (PEM)" if isinstance(error, ssl.SSLError) else str(error.strerror)
        raise HeldError(Hindrance.CA_FILE, f"ca_file: {reason}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET
    context.set_alpn_protocols(["http/1.1"])
    return context


def _raise_if_untrusted(error: Exception) -> None:
    """Raise HeldError for a certificate that cannot be verified: whoever has a wrong clock or an authority of their own loses nothing."""
    cause = error.certificate_error if isinstance(error, aiohttp.ClientConnectorCertificateError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        hindrance, text = _HINDRANCES.get(cause.verify_code, (Hindrance.AUTHORITY, ""))
        raise HeldError(hindrance, text or cause.verify_message) from error


def _connector(trust: ssl.SSLContext) -> aiohttp.TCPConnector:
    """Makes one connection, over a socket of ours."""
    how: dict[str, Any] = {"ssl": trust, "resolver": aiohttp.ThreadedResolver(), "force_close": True, "use_dns_cache": False, "limit": 1}
    return aiohttp.TCPConnector(socket_factory=_socket, **how) if _HAS_FACTORY else _OlderConnector(**how)


class _OlderConnector(aiohttp.TCPConnector):
    """Before aiohttp 3.12 a connector cannot be given a way to make its sockets: this one connects, and leaves TLS to aiohttp."""

    async def _wrap_create_connection(
        self, *args: Any, addr_infos: Any, req: Any, client_error: Any = aiohttp.ClientConnectorError, **kwargs: Any
    ) -> Any:
        """As aiohttp 3.10 and 3.11 call it; only these come here."""
        try:
            connection = await start_connection(
                addr_infos,
                happy_eyeballs_delay=self._happy_eyeballs_delay,
                interleave=self._interleave,
                socket_factory=_socket,
            )
        except OSError as error:
            raise client_error(req.connection_key, error) from error
        return await self._wrap_existing_connection(*args, req=req, client_error=client_error, sock=connection, **kwargs)


class _BoundedSocket(socket.socket):
    """Takes in `RECEIVED_MAX_BYTES` and breaks off then, whatever it is that the server sends without end."""

    _left_bytes = RECEIVED_MAX_BYTES

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """As asyncio reads without TLS."""
        data = super().recv(min(size, self._left()), flags)
        self._left_bytes -= len(data)
        return data

    def recv_into(self, buffer: Any, size: int = 0, flags: int = 0, /) -> int:
        """As asyncio reads with TLS."""
        count = super().recv_into(buffer, min(size or len(buffer), self._left()), flags)
        self._left_bytes -= count
        return count

    def _left(self) -> int:
        if not self._left_bytes:
            raise OSError(errno.EMSGSIZE, "the server sends without end")
        return self._left_bytes


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """A socket on a port that the kernel has drawn. Policy: A2.

    Those that it gives at connecting count up (for one destination by 2 to 16, measured on Linux 6.18): a server would see which report
    followed which.
    """
    family, kind, protocol, _, _ = address
    connection = _BoundedSocket(family, kind, protocol)
    connection.bind(("", 0))
    return connection

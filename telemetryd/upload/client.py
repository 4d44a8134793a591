"""The HTTP client: one request over one new connection. Only this module imports aiohttp. Policy: A2, A4, C7."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from contextlib import asynccontextmanager
from inspect import signature
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohappyeyeballs import start_connection

from telemetryd.core.limits import (
    ANSWER_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    RECEIVED_MAX_BYTES,
    RESPONSE_MAX_BYTES,
    RESPONSE_TIMEOUT_S,
    UPLOAD_TIMEOUT_S,
)
from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import Delivery, delivery_of, unknown_delivery
from telemetryd.named_tuple import NamedTuple
from telemetryd.upload.job import HeldError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from telemetryd.upload.request import Request

if not hasattr(aiohttp.TCPConnector, "_wrap_existing_connection"):
    raise ImportError("before 3.10", name="aiohttp")
if "socket_factory" not in signature(start_connection).parameters:
    raise ImportError("before 2.5", name="aiohappyeyeballs")

_HAS_FACTORY = "socket_factory" in signature(aiohttp.TCPConnector).parameters
"""Since aiohttp 3.12."""
_HINDRANCES = {
    9: (Hindrance.EXPIRED, "the certificate is not yet valid"),
    10: (Hindrance.EXPIRED, "the certificate has expired"),
    62: (Hindrance.NAME, "the certificate is for another name"),
    64: (Hindrance.NAME, "the certificate is for another address"),
    **dict.fromkeys(range(80, 95), (Hindrance.STRICT, "")),
}
"""By OpenSSL's error numbers in x509_vfy.h; "" stands for OpenSSL's own text.

Numbers from 80 on come with X509_V_FLAG_X509_STRICT, which Python 3.13 sets.
"""

_AUTOMATIC = ("User-Agent", "Accept", "Accept-Encoding")
"""Headers that aiohttp would add."""
_TO_THE_PROXY = {**dict.fromkeys(_AUTOMATIC, ""), "Connection": "keep-alive"}
"""aiohttp cannot leave these out of the request to a proxy. Its own values would name its version, readable on the way."""
_FAILED = 500
"""From this status on a proxy says that it could not reach the server. Below, it does not want to."""


class Timeouts(NamedTuple):
    """Seconds for: name look-up to the end of TLS, silence of the server, everything up to the status, the response's body."""

    connect: float = CONNECT_TIMEOUT_S
    answer: float = ANSWER_TIMEOUT_S
    total: float = UPLOAD_TIMEOUT_S
    response: float = RESPONSE_TIMEOUT_S


_TIMEOUTS = Timeouts()


class Answer(NamedTuple):
    """A server's answer. `body` is None if it was incomplete, too late or longer than `RESPONSE_MAX_BYTES`."""

    status: int
    media_type: str
    body: bytes | None


class Client:
    """Trusts only `ca_file`, or the system's store if that is empty. Reads no proxy, cookie, netrc or key-log setting of the user.

    A `proxy` (`http://host:port`) gets the server's name and port (CONNECT). What follows is TLS with the server, so URLs must be https.

    `on_connected` is awaited after connecting, before a byte of a request is written. Whatever fails before raises HeldError: the trust
    that is configured, the proxy, the name, the connection, or the server's certificate. From then on every outcome is final.
    """

    def __init__(
        self,
        ca_file: str = "",
        timeouts: Timeouts = _TIMEOUTS,
        *,
        proxy: str = "",
        on_connected: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._trust = _trust(ca_file)
        self._proxy = proxy
        self._timeouts = timeouts
        self._on_connected = on_connected
        self._is_connected = False

    async def send(self, request: Request) -> Delivery:
        """Post the request and interpret the answer. Raises HeldError."""
        answer = await self.exchange(request)
        return answer if isinstance(answer, Delivery) else delivery_of(answer.status)

    async def exchange(self, request: Request) -> Answer | Delivery:
        """Post the request and return the answer, or the delivery if a byte may have left and no status came. Raises HeldError."""
        self._is_connected = False
        try:
            async with self._post(request) as response:
                body = await self._read(response)
                media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                return Answer(response.status, media_type, body)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if self._is_connected:
                return unknown_delivery(_silence(error))
            raise _held(error, is_proxied=bool(self._proxy)) from error

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
            session.post(request.url, headers=request.headers, data=request.body, allow_redirects=False, **self._way()) as response,
        ):
            yield response

    def _way(self) -> dict[str, Any]:
        """The proxy, if there is one. Without TLS inside, a proxy would get the report itself."""
        return {"proxy": self._proxy, "proxy_headers": _TO_THE_PROXY} if self._proxy else {}

    def _trace(self) -> aiohttp.TraceConfig:
        """Notes the moment between the end of TLS and the first byte of the request, and awaits `on_connected` then."""

        async def connected(*_: object) -> None:
            self._is_connected = True
            if self._on_connected:
                await self._on_connected()

        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(connected)
        return trace

    async def _read(self, response: aiohttp.ClientResponse) -> bytes | None:
        """The body, or None if it is too late or too long. It is always read, so that the server sees an orderly end."""
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
    except OSError as error:  # an SSLError is an OSError too: the file has no certificate
        reason = "expected certificates (PEM)" if isinstance(error, ssl.SSLError) else str(error.strerror)
        raise HeldError(Hindrance.CA_FILE, f"ca_file: {reason}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET
    context.set_alpn_protocols(["http/1.1"])
    return context


def _silence(error: Exception) -> Hindrance:
    """The reason for which no status came over a connection that stood."""
    if isinstance(error, TimeoutError):
        return Hindrance.TIMEOUT
    return Hindrance.ANSWER if isinstance(error, aiohttp.ClientResponseError | ValueError) else Hindrance.REFUSED


def _held(error: Exception, *, is_proxied: bool) -> HeldError:
    """The reason for which no connection stood.

    A certificate that cannot be verified has a text for the journal: somebody may have to set a clock or install an authority.
    """
    cause = error.certificate_error if isinstance(error, aiohttp.ClientConnectorCertificateError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        hindrance, text = _HINDRANCES.get(cause.verify_code, (Hindrance.AUTHORITY, ""))
        return HeldError(hindrance, text or cause.verify_message)
    if isinstance(error, TimeoutError):
        return HeldError(Hindrance.TIMEOUT)
    # A ValueError is a host that cannot be a name, such as one with a label of more than 63 letters.
    is_of_the_name = isinstance(error, ValueError) or isinstance(getattr(error, "os_error", None), socket.gaierror)
    if is_proxied and (is_of_the_name or isinstance(error, aiohttp.ClientProxyConnectionError)):
        return HeldError(Hindrance.PROXY, "proxy: it cannot be reached")
    if is_proxied and isinstance(error, aiohttp.ClientResponseError):
        return _held_by_proxy(error)
    return HeldError(Hindrance.DNS if is_of_the_name else Hindrance.REFUSED)


def _held_by_proxy(error: aiohttp.ClientResponseError) -> HeldError:
    """The reason that a proxy gave. It has got the server's name, and no byte of the report."""
    if not isinstance(error, aiohttp.ClientHttpProxyError):
        return HeldError(Hindrance.PROXY_DENIED, "proxy: its answer is not HTTP")
    if error.status >= _FAILED:
        return HeldError(Hindrance.PROXY, f"proxy: it could not reach the server (HTTP {error.status})")
    return HeldError(Hindrance.PROXY_DENIED, f"proxy: it does not connect to the server (HTTP {error.status})")


def _connector(trust: ssl.SSLContext) -> aiohttp.TCPConnector:
    """A connector for one connection, over a socket from `_socket`."""
    common: dict[str, Any] = {
        "ssl": trust,
        "resolver": aiohttp.ThreadedResolver(),
        "force_close": True,
        "use_dns_cache": False,
        "limit": 1,
    }
    return aiohttp.TCPConnector(socket_factory=_socket, **common) if _HAS_FACTORY else _OlderConnector(**common)


class _OlderConnector(aiohttp.TCPConnector):
    """Before aiohttp 3.12 a connector takes no socket factory. This one connects itself and leaves TLS to aiohttp."""

    async def _wrap_create_connection(
        self, *args: Any, addr_infos: Any, req: Any, client_error: Any = aiohttp.ClientConnectorError, **kwargs: Any
    ) -> Any:
        """Overrides the method of aiohttp 3.10 and 3.11; other versions do not use this class."""
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
    """Raises OSError after `RECEIVED_MAX_BYTES`, so that a server cannot send without end."""

    _remaining_bytes = RECEIVED_MAX_BYTES

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """What asyncio calls without TLS."""
        data = super().recv(min(size, self._remaining()), flags)
        self._remaining_bytes -= len(data)
        return data

    def recv_into(self, buffer: Any, size: int = 0, flags: int = 0, /) -> int:
        """What asyncio calls with TLS."""
        count = super().recv_into(buffer, min(size or len(buffer), self._remaining()), flags)
        self._remaining_bytes -= count
        return count

    def _remaining(self) -> int:
        if not self._remaining_bytes:
            raise OSError(errno.EMSGSIZE, "the server does not stop sending")
        return self._remaining_bytes


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """A socket with a random port. Policy: A2.

    `bind` makes the kernel choose the port at random. Ports that it assigns at `connect` count up, by 2 to 16 for one destination, measured
    on Linux 6.18. From these a server could order the reports of one machine.
    """
    family, kind, protocol, _, _ = address
    connection = _BoundedSocket(family, kind, protocol)
    connection.bind(("", 0))
    return connection

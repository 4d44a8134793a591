"""Sends one request over one fresh connection; the only module that imports aiohttp. Policy: A2, A4, C7."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp

from telemetryd.core.limits import (
    ANSWER_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    RECEIVED_MAX_BYTES,
    RESPONSE_MAX_BYTES,
    RESPONSE_TIMEOUT_S,
    UPLOAD_TIMEOUT_S,
)
from telemetryd.core.schedule import Delivery, Result, delivery_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from telemetryd.upload.report import Request

NOTHING_CAME = Delivery(Result.RETRY)
"""No connection, no trust in the server, or no whole answer."""

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
    """Trusts `ca_file` alone, or the system's store where that is empty. Reads no proxy, cookie, netrc or key-log setting of the user."""

    def __init__(self, ca_file: str = "", timeouts: Timeouts = _TIMEOUTS) -> None:
        self._ca_file = ca_file
        self._timeouts = timeouts

    async def send(self, request: Request) -> Delivery:
        """Post it and say what the answer means; whatever fails before a status came is `retry`."""
        try:
            async with self._post(request) as response:
                delivery = delivery_of(response.status, response.headers.get("Retry-After"), int(time.time()))
                await self._read(response)
                return delivery
        except (aiohttp.ClientError, OSError, ValueError):
            return NOTHING_CAME

    async def exchange(self, request: Request) -> Answer | None:
        """Post it and give the whole answer; None if nothing came before a status did."""
        try:
            async with self._post(request) as response:
                body = await self._read(response)
                media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                return Answer(response.status, media_type, response.headers.get("Retry-After"), body)
        except (aiohttp.ClientError, OSError, ValueError):
            return None

    @asynccontextmanager
    async def _post(self, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        times = self._timeouts
        limits = aiohttp.ClientTimeout(total=times.total, connect=times.connect, sock_read=times.answer)
        connector = aiohttp.TCPConnector(
            ssl=self._trust(),
            resolver=aiohttp.ThreadedResolver(),
            socket_factory=_socket,
            force_close=True,
            use_dns_cache=False,
            limit=1,
        )
        async with (
            aiohttp.ClientSession(
                connector=connector,
                timeout=limits,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_AUTOMATIC,
                auto_decompress=False,
                trust_env=False,
            ) as session,
            session.post(request.url, headers=request.headers, data=request.body, allow_redirects=False) as response,
        ):
            yield response

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

    def _trust(self) -> ssl.SSLContext:
        """Certificates and host names verified, TLS 1.2 or newer, no session ever resumed."""
        context = ssl.create_default_context(cafile=self._ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_TICKET
        context.set_alpn_protocols(["http/1.1"])
        return context


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

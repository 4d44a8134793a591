"""A receiver that speaks TLS by hand, so that tests see every byte of a request and break off wherever they like."""

import asyncio
import contextlib
import queue
import socket
import struct
import threading
import time

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
RESET = object()
"""A piece of an answer: the connection is reset."""
_HTTPS = 443
WAIT_S = 20
"""Longest wait for an event that has to come."""


def read_request(connection):
    """One request: its head and as many bytes as its Content-Length says."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return data
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length and (chunk := connection.recv(65536)):
        body += chunk
    return head + b"\r\n\r\n" + body


class Receiver:
    """Serves in threads. Answers each connection with `answer`; `silent_in` (handshake, headers) says where it falls silent instead.

    `answer` is bytes, pieces of them (or RESET), or a function of the request that gives either; `read` takes from a connection what is
    the request. It answers on 127.0.0.1, by whatever name (`host`) reports are sent to it.
    """

    def __init__(self, context=None, answer=NO_CONTENT, silent_in="", *, read=read_request, host="localhost", port=0):
        self.context, self.answer, self.silent_in, self.read = context, answer, silent_in, read
        self.requests, self.ended, self.resumed, self.sent_bytes = queue.Queue(), queue.Queue(), [], 0
        self.peers = []
        self.met = threading.Event()
        self.host = host
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self._connections, self._threads = [], [threading.Thread(target=self._accept)]
        self._threads[0].start()

    async def end(self):
        """When the next connection ended."""
        return await asyncio.to_thread(self.ended.get, timeout=WAIT_S)

    def url(self, host="", scheme=""):
        """Where reports go."""
        port = "" if self.port == _HTTPS else f":{self.port}"
        return f"{scheme or ('https' if self.context else 'http')}://{host or self.host}{port}/v1/reports"

    def close(self):
        """End every connection and thread."""
        for end in [self._listener, *self._connections]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(WAIT_S)
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, peer = self._listener.accept()
                self.peers.append(peer)
                self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            if self.silent_in != "handshake" and self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
                self.resumed.append(connection.session_reused)
            self._connections.append(connection)
            self.met.set()
            with connection:
                if self.silent_in != "handshake":
                    request = self.read(connection)
                    self.requests.put(request)
                    self._answer(connection, request)
                while connection.recv(65536):
                    pass
        self.ended.put(time.monotonic())

    def _answer(self, connection, request):
        if self.silent_in != "headers":
            answer = self.answer(request) if callable(self.answer) else self.answer
            for piece in [answer] if isinstance(answer, bytes) else answer:
                if piece is RESET:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    connection.close()
                    return
                connection.sendall(piece)
                self.sent_bytes += len(piece)

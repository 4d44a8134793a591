"""A proxy for CONNECT, by hand: it connects, refuses or falls silent as a test likes, and keeps every byte that it gets."""

import contextlib
import socket
import threading

from support.net.tls_receiver import WAIT_S

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class ConnectProxy:
    """Answers each CONNECT with `answer`, and connects what it lets through to `port` of this machine, whatever name it is told.

    `answer` is bytes, or pieces of them that are written one after another; None says nothing. A connection goes through if the answer
    is a yes, until `cut_after` bytes came from the client. `through` is what came from clients after their CONNECT.
    """

    def __init__(self, port=0, answer=ESTABLISHED, *, cut_after=None, is_silent=False):
        self.target, self.answer, self.cut_after, self.is_silent = port, answer, cut_after, is_silent
        self.heads, self.through, self.sent_bytes = [], b"", 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._ends, self._threads = [], [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self):
        """End every connection and thread."""
        for end in [self._listener, *self._ends]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(WAIT_S)
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._start(self._serve, client)

    def _start(self, work, *arguments):
        self._threads.append(threading.Thread(target=work, args=arguments))
        self._threads[-1].start()

    def _serve(self, client):
        self._ends.append(client)
        with client, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                chunk = client.recv(65536)
                if not chunk:
                    return
                head += chunk
            head, _, early = head.partition(b"\r\n\r\n")
            self.heads.append(head + b"\r\n\r\n")
            self.through += early
            self._say(client)
            if self.is_silent or self.answer is None:
                while chunk := client.recv(65536):
                    self.through += chunk
            elif isinstance(self.answer, bytes) and b" 200 " in self.answer:
                self._connect(client)

    def _say(self, client):
        for piece in [self.answer] if isinstance(self.answer, bytes) else self.answer or ():
            client.sendall(piece)
            self.sent_bytes += len(piece)

    def _connect(self, client):
        with socket.create_connection(("127.0.0.1", self.target)) as server:
            self._ends.append(server)
            self._start(self._pass, server, client)
            came = 0
            with contextlib.suppress(OSError):
                while (self.cut_after is None or came <= self.cut_after) and (chunk := client.recv(65536)):
                    self.through += chunk
                    came += len(chunk)
                    server.sendall(chunk)
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)  # closing alone would not wake the other thread

    @staticmethod
    def _pass(server, client):
        with contextlib.suppress(OSError):
            while chunk := server.recv(65536):
                client.sendall(chunk)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

"""A passive observer between uploaders and a server: it passes every byte on, keeps it, and reads of TLS what can be read without keys."""

import contextlib
import queue
import socket
import struct
import threading
from typing import NamedTuple

from support.net.tls_receiver import WAIT_S

HANDSHAKE, APPLICATION_DATA = 22, 23
SERVER_NAME, ALPN, SESSION_TICKET, PRE_SHARED_KEY, EARLY_DATA, SUPPORTED_VERSIONS, COOKIE, KEY_SHARE = 0, 16, 35, 41, 42, 43, 44, 51
"""Extensions of a ClientHello (IANA)."""
_SAVE_SYN, _SAVED_SYN = 27, 28
"""TCP options of Linux: keep the first packet of each connection, give it."""
_TIMESTAMP = b"\x08\x0a"


class Tapped:
    """One connection: what went each way, who ended it first, and where it came from."""

    def __init__(self, first_packet, peer):
        self.first_packet, self.peer = first_packet, peer
        self.sent, self.received, self.ends = b"", b"", []

    @property
    def hello(self):
        """The ClientHello."""
        return read_hello(self.sent)

    @property
    def sizes(self):
        """The (type, length) of every TLS record, each way."""
        return records(self.sent), records(self.received)


class Wiretap:
    """Stands between uploaders and a port of this machine; `ended` gets each connection when both sides have closed it."""

    def __init__(self, port):
        self._server = ("127.0.0.1", port)
        self.ended = queue.Queue()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setsockopt(socket.IPPROTO_TCP, _SAVE_SYN, 1)
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def url(self, host="localhost", path="/v1/reports"):
        """Where reports go that are to be watched."""
        return f"https://{host}:{self.port}{path}"

    def connections(self, count):
        """The connections that there were: so many, and none beside them."""
        found = [self.ended.get(timeout=WAIT_S) for _ in range(count)]
        assert self.ended.empty()
        return found

    def close(self):
        """End it, once its connections have ended."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(WAIT_S)
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, peer = self._listener.accept()
                tapped = Tapped(client.getsockopt(socket.IPPROTO_TCP, _SAVED_SYN, 200), peer)
                self._threads.append(threading.Thread(target=self._pass, args=(client, tapped)))
                self._threads[-1].start()

    def _pass(self, client, tapped):
        with client, socket.create_connection(self._server) as server:
            back = threading.Thread(target=self._pump, args=(server, client, tapped))
            back.start()
            self._pump(client, server, tapped, is_sending=True)
            back.join()
        self.ended.put(tapped)

    @staticmethod
    def _pump(source, target, tapped, *, is_sending=False):
        name = "sent" if is_sending else "received"
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                setattr(tapped, name, getattr(tapped, name) + chunk)
                target.sendall(chunk)
        tapped.ends.append("uploader" if is_sending else "server")
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def records(stream):
    """The (type, length) of every TLS record in a stream, which ends with a whole one."""
    found = []
    while stream:
        kind, _, size = struct.unpack(">BHH", stream[:5])
        assert len(stream) >= 5 + size
        found.append((kind, size))
        stream = stream[5 + size :]
    return found


class Hello(NamedTuple):
    """A ClientHello (RFC 8446, section 4.1.2); `extensions` in their order."""

    version: bytes
    random: bytes
    session_id: bytes
    ciphers: bytes
    compressions: bytes
    extensions: tuple[tuple[int, bytes], ...]

    def extension(self, number):
        """The content of an extension, or None."""
        return dict(self.extensions).get(number)

    @property
    def host(self):
        """The name of the server that it asks for, or None."""
        content = self.extension(SERVER_NAME)
        return content and content[5:].decode()

    @property
    def keys(self):
        """The public keys that it offers: (group, key)."""
        return _pairs(self.extension(KEY_SHARE)[2:])

    @property
    def fingerprint(self):
        """All of it but for what is random: the random bytes, the session id and the keys, of which the lengths stay."""
        shares = repr([(group, len(key)) for group, key in self.keys])
        extensions = tuple((number, shares if number == KEY_SHARE else content) for number, content in self.extensions)
        return self._replace(random=len(self.random), session_id=len(self.session_id), extensions=extensions)


def read_hello(stream):
    """The ClientHello that a stream begins with: one record, one message."""
    kind, _, size = struct.unpack(">BHH", stream[:5])
    message = stream[5 : 5 + size]
    assert (kind, message[0], int.from_bytes(message[1:4], "big")) == (HANDSHAKE, 1, size - 4)
    version, random = message[4:6], message[6:38]
    session_id, rest = _cut(message[38:], 1)
    ciphers, rest = _cut(rest, 2)
    compressions, rest = _cut(rest, 1)
    extensions, rest = _cut(rest, 2)
    assert rest == b""
    return Hello(version, random, session_id, ciphers, compressions, _pairs(extensions))


def _cut(data, size_bytes):
    """What follows its length, and the rest."""
    end = size_bytes + int.from_bytes(data[:size_bytes], "big")
    return data[size_bytes:end], data[end:]


def _pairs(data):
    """Numbers of two bytes, each with content after its length."""
    found = []
    while data:
        number = int.from_bytes(data[:2], "big")
        content, data = _cut(data[2:], 2)
        found.append((number, content))
    return tuple(found)


def without_chance(packet):
    """The first packet of a connection (IPv4) without what the kernel draws: identification, checksums, port, sequence, timestamp."""
    head = (packet[0] & 15) * 4
    ip, tcp = bytearray(packet[:head]), bytearray(packet[head:])
    ip[4:6] = ip[10:12] = bytes(2)
    tcp[:2] = tcp[16:18] = bytes(2)
    tcp[4:8] = bytes(4)
    timestamp = tcp.find(_TIMESTAMP, 20)
    if timestamp >= 0:
        tcp[timestamp + 2 : timestamp + 6] = bytes(4)
    return bytes(ip + tcp)

"""A bus that hands out ProcessFD, in front of one that does not: dbus-daemon has it from 1.16 on, dbus-broker from 34 on.

with PidfdBus(bus.address, directory / "pidfd") as bus:
    Connection(address=bus.address, descriptors=True)

Each connection is handed on as it is; only the replies to GetConnectionCredentials get what a newer bus adds: the key ProcessFD, the header
field UNIX_FDS and the descriptor, in one message as a bus sends it. Where the bus offers ProcessFD itself nothing is changed.
"""

import contextlib
import os
import socket
import struct
import threading

from support.bus.raw_bus import ERROR, MEMBER, REPLY_SERIAL, RETURN, SERIAL, UNIX_FDS, Messages, header_of, padded

_U32 = struct.Struct("<I")


class PidfdBus:
    """Hands on what clients and bus say to each other, in two threads for each connection."""

    def __init__(self, address, path):
        self._bus, self._path = address.partition("path=")[2].partition(",")[0], str(path)
        self.address = f"unix:path={path}"
        self._connections, self._threads = [], []
        self._answered = threading.Semaphore(0)

    def __enter__(self):
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self._path)
        self._listener.listen(128)
        self._start(self._accept)
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        for one in self._connections:
            _end(one)
        for thread in self._threads:
            thread.join()
        for one in (self._listener, *self._connections):
            one.close()

    def forget_answers(self):
        """From now on `wait_for_answers` counts."""
        while self._answered.acquire(blocking=False):
            pass

    def wait_for_answers(self, count):
        """Block this thread until so many answers lie ready for it: they are all read in one go then."""
        for _ in range(count):
            assert self._answered.acquire(timeout=20)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                bus = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                bus.connect(self._bus)
                self._connections += client, bus
                asked = set()
                self._start(_hand_on, client, bus, lambda message, asked=asked: _note(message, asked), None)
                self._start(_hand_on, bus, client, lambda message, asked=asked: _add(message, asked), self._answered)

    def _start(self, work, *arguments):
        self._threads.append(threading.Thread(target=work, args=arguments))
        self._threads[-1].start()


def _hand_on(source, target, change, answered):
    """Whole messages with their descriptors, each changed or not; what is said before the first message as it is."""
    messages = Messages()
    with contextlib.suppress(OSError):
        while True:
            data, ancillary, *_ = source.recvmsg(1 << 16, socket.CMSG_SPACE(1024))
            if not data:
                break
            for message, descriptors in messages.feed(data, ancillary):
                whole, added = change(message) if message[:1] == b"l" else (message, [])
                _send(target, whole, descriptors + added)
                if answered and message[:1] == b"l" and message[1] in {RETURN, ERROR}:
                    answered.release()
    _end(source)
    _end(target)


def _send(target, data, descriptors):
    try:
        sent = socket.send_fds(target, [data], descriptors) if descriptors else 0
        target.sendall(data[sent:])
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _note(message, asked):
    fields = header_of(message)
    if fields.get(MEMBER) == "GetConnectionCredentials":
        asked.add(fields[SERIAL])
    return message, []


def _add(message, asked):
    """A reply about credentials with the process's descriptor."""
    fields = header_of(message)
    if message[1] != RETURN or fields.get(REPLY_SERIAL) not in asked or UNIX_FDS in fields:
        return message, []
    asked.discard(fields[REPLY_SERIAL])
    (fields_size,) = _U32.unpack_from(message, 12)
    start = 16 + fields_size + -fields_size % 8
    body = message[start:]
    at = body.index(b"ProcessID\0\1u\0") + len("ProcessID") + 4
    try:
        pidfd = os.pidfd_open(_U32.unpack_from(body, at + -at % 4)[0])
    except OSError:
        return message, []
    body = padded(body, 8) + _U32.pack(len("ProcessFD")) + b"ProcessFD\0\1h\0"
    body = padded(body, 4) + _U32.pack(0)
    body = _U32.pack(len(body) - 8) + body[4:]
    header = padded(message[16 : 16 + fields_size], 8) + bytes([UNIX_FDS, 1]) + b"u\0" + _U32.pack(1)
    head = message[:4] + _U32.pack(len(body)) + message[8:12] + _U32.pack(len(header))
    return padded(head + header, 8) + body, [pidfd]


def _end(one):
    """No more is said. It stays open: a number that is closed, and given to another socket, may still be in the other thread's hand."""
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)

"""Something between a daemon and its bus, that can cut or silence each of its connections alone.

with Relay(machine) as relay:
    with machine.daemon(DBUS_SESSION_BUS_ADDRESS=relay.address):
        relay.cut(CONTROL_CONNECTION)
"""

import contextlib
import os
import socket
import threading

NAMELESS, TELEMETRY_CONNECTION, CONTROL_CONNECTION = range(3)
"""The daemon's connections, in the order in which it makes them."""
_SIZE = 1 << 16


class Relay:
    """Hands bytes and descriptors on in threads: but hangs up on connection `refused`, and keeps what has `swallowed` in it."""

    def __init__(self, machine, *, refused=None, swallowed=None):
        self._bus, self._refused, self._swallowed = str(machine.root / "bus"), refused, swallowed
        self._path = str(machine.root / "relay.socket")
        self.address = f"unix:path={self._path}"
        self._ends, self._threads = [], []

    def __enter__(self):
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self._path)
        self._listener.listen()
        self._start(self._accept)
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        for number in range(len(self._ends)):
            self.cut(number)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def cut(self, number):
        """End one connection, for both sides."""
        for end in self._ends[number]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def inject(self, number, data):
        """Bytes that the bus never sent."""
        self._ends[number][0].sendall(data)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                end, _ = self._listener.accept()
                number = len(self._ends)
                if number == self._refused:
                    self._ends.append(())
                    end.close()
                    continue
                other = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                other.connect(self._bus)
                self._ends.append((end, other))
                self._start(self._serve, end, other)

    def _serve(self, end, other):
        back = threading.Thread(target=self._hand_on, args=(other, end))
        back.start()
        self._hand_on(end, other)
        back.join()
        end.close()
        other.close()

    def _hand_on(self, source, target):
        with contextlib.suppress(OSError):
            while True:
                data, descriptors, *_ = socket.recv_fds(source, _SIZE, 16)
                if not data:
                    break
                if self._swallowed and self._swallowed in data:
                    continue
                sent = socket.send_fds(target, [data], descriptors)
                target.sendall(data[sent:])
                for descriptor in descriptors:
                    os.close(descriptor)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _start(self, work, *arguments):
        self._threads.append(threading.Thread(target=work, args=arguments))
        self._threads[-1].start()

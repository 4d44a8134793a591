"""Checks that a D-Bus library has the private parts that telemetryd uses.

Neither library guarantees these parts, so any release may move them. wire.py and output.py say why each is needed. Each has a test
`test_private_…` in tests/bus/transport/test_library.py, and is checked at every start, because a user's version may be newer than all
tested ones.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

MARSHALL = "Message._marshall"
SOCKET = "MessageBus's socket"
LOOP = "MessageBus._loop"
UNMARSHALLER = "MessageBus._create_unmarshaller"

_MARK = 0x01020304
_SERIAL = 0x05060708


def first_moved(library: Any, bus_class: Any) -> str:
    """The first part that a library lacks, or "".

    `LOOP`, and whether `SOCKET` is used, can only be checked on a connection: see `Wire.connect`.
    """
    for part, is_there in {MARSHALL: _marshalls, SOCKET: _names_socket, UNMARSHALLER: _has_readers}.items():
        try:
            if not is_there(library, bus_class):
                return part
        except Exception:  # noqa: BLE001 - an edge: what a library raises that is not as expected is not known
            return part
    return ""


def _marshalls(library: Any, _bus_class: Any) -> bool:
    """Whether `_marshall(False)` returns the message's bytes, little-endian, with the serial in bytes 8 to 11."""
    reply = library.Message(message_type=library.MessageType.METHOD_RETURN, destination=":1.7", reply_serial=_MARK, serial=_SERIAL)
    data = bytes(reply._marshall(False))  # noqa: FBT003, SLF001 - as output.py calls it
    return data[:4] == b"l\x02\x00\x01" and data[8:12] == _SERIAL.to_bytes(4, "little") and data.count(_MARK.to_bytes(4, "little")) == 1


def _names_socket(_library: Any, bus_class: Any) -> bool:
    """Whether the module of the connection's base class has the module `socket` under this name."""
    return vars(sys.modules[bus_class.__mro__[1].__module__])["socket"] is socket


def _has_readers(_library: Any, bus_class: Any) -> bool:
    """Whether dbus-next's connection creates an unmarshaller with `readers` for each message. dbus-fast has no such method."""
    module = sys.modules[bus_class.__module__]
    if module.__name__.partition(".")[0] != "dbus_next":
        return True
    return callable(bus_class._create_unmarshaller) and "s" in module.Unmarshaller(None).readers  # noqa: SLF001 - as wire.py uses it

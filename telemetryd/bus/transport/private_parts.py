"""Checks that a D-Bus library has the private parts that telemetryd uses.

Neither library guarantees these parts, so any release may move them. wire.py and output.py say why each is needed. Each has a test
`test_private_…` in tests/bus/transport/test_library.py, and is checked at every start, because a user's version may be newer than all
tested ones.
"""

from __future__ import annotations

import socket
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

MARSHALL = "Message._marshall"
SOCKET = "MessageBus's socket"
LOOP = "MessageBus._loop"
UNMARSHALLER = "MessageBus._create_unmarshaller"
SIGNATURES = "the cache of signatures"

_MARK = 0x01020304
_SERIAL = 0x05060708


class SignatureCache(NamedTuple):
    """A library's cache of parsed signatures, which the library does not bound, or to hundreds of megabytes."""

    size: Callable[[], int]
    clear: Callable[[], object]


def signature_cache(library: Any) -> SignatureCache:
    """The cache of a library. Raises any exception if it has moved."""
    module: Any = import_module(library.__name__ + ".signature")
    cached = getattr(module, "get_signature_tree", None)
    if cached is not None:  # dbus-fast
        return SignatureCache(lambda: cached.cache_info().currsize, cached.cache_clear)
    cache = module.SignatureTree._cache  # noqa: SLF001 - private, dbus-next
    return SignatureCache(cache.__len__, cache.clear)


def first_moved(library: Any, bus_class: Any) -> str:
    """The first part that a library lacks, or "".

    `LOOP`, and whether `SOCKET` is used, can only be checked on a connection: see `Wire.connect`.
    """
    for part, is_there in {MARSHALL: _marshalls, SOCKET: _names_socket, UNMARSHALLER: _has_readers, SIGNATURES: _caches_signatures}.items():
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


def _caches_signatures(library: Any, _bus_class: Any) -> bool:
    """Whether a message with a new signature is one more in the cache."""
    cache = signature_cache(library)
    cache.clear()
    library.Message(message_type=library.MessageType.SIGNAL, path="/a", interface="a.b", member="C", signature="y", body=[1])
    return cache.size() == 1


def _has_readers(_library: Any, bus_class: Any) -> bool:
    """Whether dbus-next's connection creates an unmarshaller with `readers` for each message. dbus-fast has no such method."""
    module = sys.modules[bus_class.__module__]
    if module.__name__.partition(".")[0] != "dbus_next":
        return True
    return callable(bus_class._create_unmarshaller) and "s" in module.Unmarshaller(None).readers  # noqa: SLF001 - as wire.py uses it

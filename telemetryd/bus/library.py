"""The one import of dbus-next or dbus-fast, with the few constructors that bridge their differences.

dbus-fast, the maintained fork, is used wherever it is installed. Static types are dbus-fast's: it is the one that has them.
Bodies are lists, structs in them lists too, `ay` is bytes.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbus_fast import Message as Message
    from dbus_fast import MessageFlag as MessageFlag
    from dbus_fast import MessageType as MessageType
    from dbus_fast import Variant as Variant
    from dbus_fast.aio import MessageBus as MessageBus

CHOICE = "TELEMETRYD_DBUS_LIBRARY"
"""The environment variable that chooses, for tests."""
_MODULES = {"dbus-fast": "dbus_fast", "dbus-next": "dbus_next"}

BUS = "org.freedesktop.DBus"
"""Name and interface of the bus itself."""


def choose(wish: str | None) -> str:
    """The library to use: the one wished for, else dbus-fast where it is installed."""
    if not wish:
        return "dbus-fast" if find_spec("dbus_fast") else "dbus-next"
    if wish not in _MODULES:
        raise ImportError(f"{CHOICE} names no library that telemetryd knows: expected dbus-fast or dbus-next")
    if not find_spec(_MODULES[wish]):
        raise ImportError(f"{CHOICE} asks for {wish}, which is not installed")
    return wish


NAME = choose(os.environ.get(CHOICE))
"""The library in use: `dbus-fast` or `dbus-next`."""

if not TYPE_CHECKING:
    _library = import_module(_MODULES[NAME])
    Message, MessageFlag, MessageType, Variant = _library.Message, _library.MessageFlag, _library.MessageType, _library.Variant
    MessageBus = import_module(_MODULES[NAME] + ".aio").MessageBus

__all__ = [
    "BUS",
    "CHOICE",
    "NAME",
    "Message",
    "MessageBus",
    "MessageFlag",
    "MessageType",
    "Variant",
    "bus_call",
    "choose",
    "error",
    "expects_reply",
    "is_call",
    "method_call",
    "method_return",
    "signal",
]

_NO_REPLY = MessageFlag.NO_REPLY_EXPECTED
_NONE = MessageFlag.NONE


def is_call(message: Message) -> bool:
    """Whether this is a method call."""
    return message.message_type is MessageType.METHOD_CALL


def expects_reply(call: Message) -> bool:
    """Whether the caller waits for an answer; other flags (busctl sends 4 and 5) do not matter."""
    flags = call.flags
    return flags is _NONE or not flags & _NO_REPLY  # the identity first: an enum's & takes a microsecond


def method_call(  # noqa: PLR0913 - a call has these fields
    destination: str,
    path: str,
    interface: str,
    member: str,
    *,
    signature: str = "",
    body: Sequence[Any] = (),
    flags: MessageFlag = _NONE,
    descriptors: Sequence[int] = (),
) -> Message:
    """A call; descriptors stand in the body as their indices (`h`)."""
    return Message(
        destination=destination,
        path=path,
        interface=interface,
        member=member,
        signature=signature,
        body=list(body),
        flags=flags,
        unix_fds=list(descriptors),
    )


def bus_call(member: str, signature: str = "", body: Sequence[Any] = (), flags: MessageFlag = _NONE) -> Message:
    """A call to the bus itself."""
    return method_call(BUS, "/org/freedesktop/DBus", BUS, member, signature=signature, body=body, flags=flags)


def method_return(call: Message, signature: str = "", body: Sequence[Any] = (), *, descriptors: Sequence[int] = ()) -> Message:
    """The reply to a call."""
    return Message.new_method_return(call, signature, list(body), list(descriptors))


def error(call: Message, name: str, text: str) -> Message:
    """The error that answers a call."""
    return Message.new_error(call, name, text)


def signal(  # noqa: PLR0913, PLR0917 - a signal has these fields
    path: str,
    interface: str,
    member: str,
    signature: str = "",
    body: Sequence[Any] = (),
    *,
    destination: str | None = None,
    descriptors: Sequence[int] = (),
) -> Message:
    """A signal, to everyone who listens, or to one connection."""
    return Message(
        message_type=MessageType.SIGNAL,
        destination=destination,
        path=path,
        interface=interface,
        member=member,
        signature=signature,
        body=list(body),
        unix_fds=list(descriptors),
    )

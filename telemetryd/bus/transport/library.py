"""The one import of dbus-next or dbus-fast, with the few constructors that bridge their differences.

dbus-fast, the maintained fork, is used wherever a version is installed that telemetryd can use. Static types are dbus-fast's: it is the
one that has them. Bodies are lists, structs in them lists too, `ay` is bytes.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.bus.transport.address import session_bus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbus_fast import Message as Message
    from dbus_fast import MessageFlag as MessageFlag
    from dbus_fast import MessageType as MessageType
    from dbus_fast import Variant as Variant
    from dbus_fast.aio import MessageBus as MessageBus

CHOICE = "TELEMETRYD_DBUS_LIBRARY"
"""The environment variable that chooses, for tests."""


class _Library(NamedTuple):
    """A library, and the versions that telemetryd can use: from `least` to before `end`. pyproject.toml says the same."""

    module: str
    least: tuple[int, ...]
    end: tuple[int, ...]

    @property
    def range(self) -> str:
        """The versions as people write them."""
        return f">={_written(self.least)},<{_written(self.end)}"


_LIBRARIES = {
    # Compiled ones before 2.38 are knocked off the bus by one legal big-endian call.
    "dbus-fast": _Library("dbus_fast", (2, 38), (6,)),
    # The last one there is. It imports a name of `typing` that Python 3.15 has not.
    "dbus-next": _Library("dbus_next", (0, 2, 3), (0, 2, 4) if sys.version_info < (3, 15) else (0,)),
}
BUS = "org.freedesktop.DBus"
"""Name and interface of the bus itself."""


def choose(wish: str | None) -> str:
    """The library to use: the one wished for, else dbus-fast, else dbus-next. Raises ImportError where it cannot be used.

    The version is looked at before the library is imported: what a wrong one does is not known.
    """
    if wish and wish not in _LIBRARIES:
        raise ImportError(f"{CHOICE} names no library that telemetryd knows: expected dbus-fast or dbus-next")
    names = (wish,) if wish else tuple(_LIBRARIES)
    found = {name: _version(_LIBRARIES[name].module) for name in names}
    for name, version in found.items():
        if _LIBRARIES[name].least <= version < _LIBRARIES[name].end:
            return name
    wanted = " or ".join(f"{name} {_LIBRARIES[name].range}" for name in names)
    there = ", ".join(f"{name} {_written(version)}" for name, version in found.items() if version) or "none"
    raise ImportError(f"telemetryd needs {wanted}; installed: {there}")


def _version(module: str) -> tuple[int, ...]:
    """The version of an installed library, without importing it; () if there is none or it does not say.

    Both write it into a file of their own. The metadata of the package would take forty times as long to find and to parse.
    """
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return ()
    try:
        with open(os.path.join(os.path.dirname(spec.origin), "__version__.py"), encoding="utf-8") as file:  # noqa: PTH118, PTH120, PTH123 - no pathlib
            (said,) = (line.partition("=")[2] for line in file if line.startswith("__version__"))
        return tuple(map(int, said.strip().strip("\"'").split(".")))
    except (OSError, ValueError):
        return ()


def _written(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


NAME = choose(os.environ.get(CHOICE))
"""The library in use: `dbus-fast` or `dbus-next`."""

if not TYPE_CHECKING:
    _library = import_module(_LIBRARIES[NAME].module)
    Message, MessageFlag, MessageType, Variant = _library.Message, _library.MessageFlag, _library.MessageType, _library.Variant
    MessageBus = import_module(_LIBRARIES[NAME].module + ".aio").MessageBus

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
    "session_bus",
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

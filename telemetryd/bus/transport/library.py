"""The only import of dbus-next or dbus-fast, with constructors that hide their differences.

dbus-fast, the maintained fork, is used if a usable version is installed. Static types are those of dbus-fast: dbus-next has none. Bodies
are lists, structs in them are lists too, and `ay` is bytes.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from telemetryd.bus.transport.address import session_bus
from telemetryd.bus.transport.private_parts import first_moved, signature_cache
from telemetryd.errors import UnusableLibraryError
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbus_fast import Message as Message
    from dbus_fast import MessageFlag as MessageFlag
    from dbus_fast import MessageType as MessageType
    from dbus_fast import Variant as Variant
    from dbus_fast.aio import MessageBus as MessageBus

    from telemetryd.bus.transport.private_parts import SignatureCache

    SIGNATURE_CACHE: SignatureCache

CHOICE = "TELEMETRYD_DBUS_LIBRARY"
"""The environment variable that chooses a library, for tests."""


class _Library(NamedTuple):
    """A library and its usable versions: from `minimum`, and before `end`. pyproject.toml has the same."""

    module: str
    minimum: tuple[int, ...]
    end: tuple[int, ...]

    @property
    def range(self) -> str:
        """The versions as a specifier."""
        return f">={_version_text(self.minimum)},<{_version_text(self.end)}"


_LIBRARIES = {
    # Compiled ones before 2.38 are knocked off the bus by one legal big-endian call.
    "dbus-fast": _Library("dbus_fast", (2, 38), (6,)),
    # The last one there is. It imports a name of `typing` that Python 3.15 has not.
    "dbus-next": _Library("dbus_next", (0, 2, 3), (0, 2, 4) if sys.version_info < (3, 15) else (0,)),
}
_PUBLIC = ("Message", "MessageFlag", "MessageType", "Variant")
BUS = "org.freedesktop.DBus"
"""Name and interface of the bus itself."""


def choose(wanted_name: str | None) -> str:
    """The library to use: the wanted one, else dbus-fast, else dbus-next. Raises UnusableLibraryError if none is usable.

    The version is checked before the import, because an unknown version may do anything. If it is in the range, the private parts are
    checked.
    """
    if wanted_name and wanted_name not in _LIBRARIES:
        raise UnusableLibraryError(f"{CHOICE} names no library that telemetryd knows: expected dbus-fast or dbus-next")
    names = (wanted_name,) if wanted_name else tuple(_LIBRARIES)
    installed = []
    for name in names:
        library = _LIBRARIES[name]
        version = _version(library.module)
        fault = ""
        if library.minimum <= version < library.end:
            fault = _fault(library.module)
            if not fault:
                return name
        if version:
            installed.append(f"{name} {_version_text(version)}{fault and f' ({fault})'}")
    wanted = " or ".join(f"{name} {_LIBRARIES[name].range}" for name in names)
    raise UnusableLibraryError(f"telemetryd needs {wanted}; installed: {', '.join(installed) or 'none'}")


def _fault(module: str) -> str:
    """Why a library with a usable version cannot be used, or ""."""
    try:
        library, bus_class = import_module(module), import_module(module + ".aio").MessageBus
        if not all(hasattr(library, name) for name in _PUBLIC):
            return f"it lacks one of {', '.join(_PUBLIC)}"
    except Exception as failure:  # noqa: BLE001 - an edge: whatever a library raises while it is imported
        return f"it cannot be imported: {type(failure).__name__}"
    part = first_moved(library, bus_class)
    return f"{part} has moved" if part else ""


def moved_error(part: str) -> UnusableLibraryError:
    """The error if a connection shows that a private part of the library in use has moved."""
    return UnusableLibraryError(f"{NAME} {_version_text(_version(_LIBRARIES[NAME].module))} cannot be used: {part} has moved")


def _version(module: str) -> tuple[int, ...]:
    """The version of an installed library, without importing it. () if there is none.

    Both libraries have it in a file. Finding and parsing the package's metadata would take forty times as long.
    """
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return ()
    try:
        with open(os.path.join(os.path.dirname(spec.origin), "__version__.py"), encoding="utf-8") as file:  # noqa: PTH118, PTH120, PTH123 - no pathlib
            (assigned,) = (line.partition("=")[2] for line in file if line.startswith("__version__"))
        return tuple(map(int, assigned.strip().strip("\"'").split(".")))
    except (OSError, ValueError):
        return ()


def _version_text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


NAME = choose(os.environ.get(CHOICE))
"""The library in use: `dbus-fast` or `dbus-next`."""

if not TYPE_CHECKING:
    _library = import_module(_LIBRARIES[NAME].module)
    Message, MessageFlag, MessageType, Variant = _library.Message, _library.MessageFlag, _library.MessageType, _library.Variant
    MessageBus = import_module(_LIBRARIES[NAME].module + ".aio").MessageBus
    SIGNATURE_CACHE = signature_cache(_library)

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
    "moved_error",
    "session_bus",
    "signal",
]

_NO_REPLY = MessageFlag.NO_REPLY_EXPECTED
_NONE = MessageFlag.NONE


def is_call(message: Message) -> bool:
    """Whether this is a method call."""
    return message.message_type is MessageType.METHOD_CALL


def expects_reply(call: Message) -> bool:
    """Whether the caller waits for a reply. Other flags, such as 4 and 5 of busctl, do not matter."""
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
    """A call. Descriptors appear in the body as their indices (`h`)."""
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
    """A signal, to all listeners or to one connection."""
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

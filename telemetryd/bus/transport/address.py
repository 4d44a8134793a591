"""Where the session bus is: from the environment, as sd-bus and GDBus read it (D-Bus specification, "Server Addresses")."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEXADECIMAL = frozenset(b"0123456789abcdefABCDEF")
_UNESCAPED = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/.")


def session_bus(environ: Mapping[str, str]) -> str:
    """The addresses of the session bus, of the kinds that can be used: for a library, which refuses the whole list for any other kind.

    Raises ConnectionError where there is none.
    """
    named = environ.get("DBUS_SESSION_BUS_ADDRESS")
    if not named:
        folder = environ.get("XDG_RUNTIME_DIR")
        if not folder:
            raise ConnectionError("neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set")
        return _written(f"{folder}/bus".encode(errors="surrogateescape"))
    return ";".join(map(_written, sockets(named)))


def sockets(addresses: str) -> list[bytes]:
    """The Unix sockets in a list of addresses, in order, as `connect` takes them. Raises ConnectionError where there is none.

    Other transports, and what does not follow the specification, are passed over. Over TCP nobody would know who calls.
    """
    found = [one for address in addresses.split(";") if (one := _socket(address))]
    if not found:
        raise ConnectionError("the session bus has an address of a kind that is not supported: expected unix:path or unix:abstract")
    return found


def _socket(address: str) -> bytes | None:
    transport, _, rest = address.partition(":")
    options = dict(option.split("=", 1) for option in rest.split(",") if "=" in option)
    if transport != "unix":
        return None
    path, abstract = _unescaped(options.get("path", "")), _unescaped(options.get("abstract", ""))
    if path and b"\0" not in path:
        return path
    return b"\0" + abstract if abstract else None


def _unescaped(value: str) -> bytes:
    """Nothing where a percent sign is no escape."""
    first, *escaped = value.encode(errors="surrogateescape").split(b"%")
    if not all(len(part) > 1 and set(part[:2]) <= _HEXADECIMAL for part in escaped):
        return b""
    return first + b"".join(bytes([int(part[:2], 16)]) + part[2:] for part in escaped)


def _written(address: bytes) -> str:
    """A socket as an address."""
    kind, name = ("abstract", address[1:]) if address.startswith(b"\0") else ("path", address)
    return f"unix:{kind}=" + "".join(chr(byte) if byte in _UNESCAPED else f"%{byte:02x}" for byte in name)

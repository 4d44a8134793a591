"""Finds the address of the session bus in the environment, as sd-bus and GDBus do (D-Bus specification, "Server Addresses")."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEXADECIMAL = frozenset(b"0123456789abcdefABCDEF")
_UNESCAPED = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/.")


def session_bus(environ: Mapping[str, str]) -> str:
    """The usable addresses of the session bus, for a library: it refuses the whole list if it contains any other kind.

    Raises ConnectionError if there is none.
    """
    named = environ.get("DBUS_SESSION_BUS_ADDRESS")
    if not named:
        folder = environ.get("XDG_RUNTIME_DIR")
        if not folder:
            raise ConnectionError("neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set")
        return _format_address(f"{folder}/bus".encode(errors="surrogateescape"))
    return ";".join(map(_format_address, sockets(named)))


def sockets(addresses: str) -> list[bytes]:
    """The Unix sockets in a list of addresses, in order, as `connect` takes them. Raises ConnectionError if there is none.

    Other transports and malformed addresses are skipped. Over TCP callers could not be identified.
    """
    names = [name for address in addresses.split(";") if (name := _socket(address))]
    if not names:
        raise ConnectionError("the session bus has an address of a kind that is not supported: expected unix:path or unix:abstract")
    return names


def _socket(address: str) -> bytes | None:
    transport, _, rest = address.partition(":")
    options = dict(option.split("=", 1) for option in rest.split(",") if "=" in option)
    if transport != "unix":
        return None
    path, abstract = _unescape(options.get("path", "")), _unescape(options.get("abstract", ""))
    if path and b"\0" not in path:
        return path
    return b"\0" + abstract if abstract else None


def _unescape(value: str) -> bytes:
    """The bytes of an escaped value. Empty if an escape is malformed."""
    first, *escaped = value.encode(errors="surrogateescape").split(b"%")
    if not all(len(part) > 1 and set(part[:2]) <= _HEXADECIMAL for part in escaped):
        return b""
    return first + b"".join(bytes([int(part[:2], 16)]) + part[2:] for part in escaped)


def _format_address(address: bytes) -> str:
    """The address of a socket."""
    kind, name = ("abstract", address[1:]) if address.startswith(b"\0") else ("path", address)
    return f"unix:{kind}=" + "".join(chr(byte) if byte in _UNESCAPED else f"%{byte:02x}" for byte in name)

"""A program whose /proc nobody but root may look into. Arguments: bus address, name, member. Prints the error's name, or `answered`.

It runs beside a copy of tests/raw_bus.py, where its user can read both.
"""

import ctypes
import struct
import sys

from raw_bus import ERROR, ERROR_NAME, RawBus, string

_PR_SET_DUMPABLE = 4


def main():
    """Hide, then call."""
    address, name, member = sys.argv[1:]
    assert ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0) == 0
    signature, body = ("ssv", _sample()) if member == "Push" else ("", b"")
    bus = RawBus(address)
    reply = bus.ask(name, member, interface=name, path="/" + name.replace(".", "/"), signature=signature, body=body)
    sys.stdout.write(str(reply.fields[ERROR_NAME]) if reply.kind == ERROR else "answered")


def _sample():
    """The body of Push(org.kde.kate, startup, <1.0>)."""
    body = string("org.kde.kate")
    body += bytes(-len(body) % 4) + string("startup") + b"\1d\0"
    return body + bytes(-len(body) % 8) + struct.pack("<d", 1.0)


if __name__ == "__main__":
    main()

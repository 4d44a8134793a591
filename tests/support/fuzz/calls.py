"""Calls of both interfaces drawn by chance: right ones with hostile values, wrong ones, and messages that nobody expects.

Members and their arguments come from dbus/*.xml, so a new member is drawn at once.
"""

import struct
from typing import NamedTuple
from xml.etree import ElementTree as ET

from support.bus.raw_bus import (
    CALL,
    DESTINATION,
    ERROR,
    ERROR_NAME,
    INTERFACE,
    MEMBER,
    NO_REPLY,
    PATH,
    REPLY_SERIAL,
    RETURN,
    SIGNAL,
    SIGNATURE,
    UNIX_FDS,
)
from support.fuzz.marshalling import Values, complete_types, draw_signature, draw_type, marshal
from support.fuzz.names import DICTIONARIES, Names
from support.machine import CONTROL, PROPERTIES, ROOT, TELEMETRY

VALUE_MARK, NUMBER_MARK = "zq7x-sample", 918273645
"""Every text and some numbers of every sample; no reply, no log and no file may have them."""
CHANGING = {"SetApplicationConsent", "SetQuestionConsent", "Accept", "Apply", "Erase", "Forget", "Set"}
"""Members that change what the user decided."""
_STANDARD = [
    ("org.freedesktop.DBus.Peer", "Ping", ()),
    ("org.freedesktop.DBus.Peer", "GetMachineId", ()),
    ("org.freedesktop.DBus.Introspectable", "Introspect", ()),
    (PROPERTIES, "Get", (("interface", "s"), ("property", "s"))),
    (PROPERTIES, "GetAll", (("interface", "s"),)),
    (PROPERTIES, "Set", (("interface", "s"), ("property", "s"), ("level", "v"))),
]
_UNKNOWN_FIELDS = (11, 77, 200, 255)
"""10 has a type since dbus 1.13: dbus-daemon throws out whoever sends another one."""


class Drawn(NamedTuple):
    """A call: its bytes with the serial, whether it is to be answered, and its arguments: (signature, values)."""

    data: bytes
    serial: int
    is_answered: bool
    member: str
    arguments: tuple


def members_of(name):
    """(interface, member, arguments) of an interface's XML; an argument is (name, type)."""
    tree = ET.parse(ROOT / f"dbus/{name}.xml")
    return [
        (name, method.get("name"), tuple((arg.get("name"), arg.get("type")) for arg in method.iter("arg") if arg.get("direction") == "in"))
        for method in tree.iter("method")
    ]


class Draw:
    """Draws calls for one connection at a time. While it `is_calm` nothing that it draws can touch a consent of all applications."""

    def __init__(self, chance):
        self.chance = chance
        self.names = Names(chance)
        self.samples = Values(chance, self._sample)
        self.others = Values(chance, self.names.hostile)
        self._members = {to: [*members_of(to[2]), *_STANDARD] for to in (TELEMETRY, CONTROL)}

    def _sample(self):
        return VALUE_MARK + self.chance.choice(
            ("", "bash", "\n\r", "\u202e", "\U0001f4a9" * 9, "%s%n", "'; DROP TABLE tally; --", "a" * 300)
        )

    # Well-formed calls.

    def call(self, peer, *, may_change=True):
        """A call that the bus lets through; it may be for nobody."""
        draw = self.chance.choices((self.right, self.wrong_types, self.misplaced, self.odd_header, self.large), (60, 15, 12, 12, 1))[0]
        return draw(peer, may_change=may_change)

    def right(self, peer, *, may_change=True):
        """A member with arguments of its types."""
        to, interface, member, arguments = self._member(may_change=may_change)
        values = tuple(self._argument(member, *argument) for argument in arguments)
        return self._drawn(peer, to, member, "".join(kind for _, kind in arguments), values, interface=interface)

    def wrong_types(self, peer, *, may_change=True):
        """A member with other types, or with one too many or too few."""
        to, interface, member, arguments = self._member(may_change=may_change)
        signature = self.chance.choice(
            (draw_signature(self.chance), "".join(kind for _, kind in arguments) + "s", "".join(kind for _, kind in arguments)[:-1])
        )
        kinds = complete_types(signature) if _is_whole(signature) else []
        values = tuple(self._values_of(member).draw(kind) for kind in kinds)
        return self._drawn(peer, to, member, "".join(kinds), values, interface=interface)

    def misplaced(self, peer, *, may_change=True):
        """A right call to a wrong object, interface or member, or with the interface left out."""
        to, interface, member, arguments = self._member(may_change=may_change)
        values = tuple(self._argument(member, *argument) for argument in arguments)
        where = {"interface": interface, "path": to[1]}
        which = self.chance.choice(("path", "interface", "member", "no interface", "other interface"))
        if which == "path":
            where["path"] = self.chance.choice(("/", "/org/telemetryd", "/org/freedesktop/DBus", "/a" * 100, f"{to[1]}/x"))
        elif which == "member":
            member = self.chance.choice(("push", "Pushh", "X", "A" * 255, "_"))
        else:
            others = ("a.b", "org.freedesktop.DBus", "org.telemetryd.Telemetry2", "x." * 127 + "y", CONTROL[2], TELEMETRY[2])
            where["interface"] = "" if which == "no interface" else self.chance.choice(others)
        if which != "path" and member == "Set" and not may_change:
            member = "Get"
        return self._drawn(peer, to, member, "".join(kind for _, kind in arguments), values, **where)

    def odd_header(self, peer, *, may_change=True):
        """A right call with flags and header fields that nobody knows."""
        to, interface, member, arguments = self._member(may_change=may_change)
        values = tuple(self._argument(member, *argument) for argument in arguments)
        extra = {self.chance.choice(_UNKNOWN_FIELDS): self.chance.choice((7, "text"))}
        flags = self.chance.choice((0, 1, 2, 3, 4, 5, 8, 0x80, 0xFE, 0xFF))
        return self._drawn(peer, to, member, "".join(kind for _, kind in arguments), values, interface=interface, extra=extra, flags=flags)

    def large(self, peer, *, may_change=True):
        """A push at a bound: of the bytes or the values of a message, of the samples of a call, of a depth."""
        del may_change
        app, source = self.names.application(), self.names.source()
        around = self.chance.choice((-1, 0, 1))
        kinds = {
            "samples": ("PushMany", "sa{sv}", (app, [(source, ("ad", [1.0] * (10_000 + around)))])),
            "texts": ("PushMany", "sa{sv}", (app, [(source, ("as", [VALUE_MARK] * (10_000 + around)))])),
            "values": ("PushMany", "sa{sv}", (app, [(source, ("ai", [1] * (24_000 + 20 * around)))])),
            "entries": ("PushMany", "sa{sv}", (app, [(f"{source}{number}", ("i", 1)) for number in range(2_000)])),
            "bytes": ("Push", "ssv", (app, source, ("s", VALUE_MARK + "a" * ((1 << 20) + around * 300 - 200)))),
            "array": ("Push", "ssv", (app, source, ("ay", bytes(self.chance.choice((1 << 16, 1 << 20, 3 << 20)))))),
            "name": ("Push", "ssv", ("a" * self.chance.choice((129, 70_000, 900_000)), source, ("d", 1.0))),
            "deep": ("Push", "ssv", (app, source, _nested(self.chance.choice((1, 20, 60))))),
            "text": ("Register", "ssa{sv}", (app, "#" * self.chance.choice((65_535, 65_537, 1_000_000)), [])),
        }
        member, signature, values = kinds[self.chance.choice(sorted(kinds))]
        return self._drawn(peer, TELEMETRY, member, signature, values)

    def with_descriptors(self, peer, count):
        """A right call that says it has so many descriptors."""
        to, interface, member, arguments = self._member(may_change=False)
        values = tuple(self._argument(member, *argument) for argument in arguments)
        return self._drawn(peer, to, member, "".join(kind for _, kind in arguments), values, interface=interface, extra={UNIX_FDS: count})

    # What is no call.

    def unasked(self, peer, destination):
        """The bytes of a reply or a signal that the daemon did not ask for, or of a kind of message that does not exist."""
        kind = self.chance.choice((RETURN, ERROR, SIGNAL, SIGNAL, 5, 255))
        signature = draw_signature(self.chance)
        body = marshal(signature, [self.others.draw(each) for each in complete_types(signature)])
        fields = {DESTINATION: destination, SIGNATURE: signature}
        if kind in {RETURN, ERROR}:
            fields |= {REPLY_SERIAL: self.chance.choice((1, 2, 3, 7, 50, 2**32 - 1))}
        if kind == ERROR:
            fields |= {ERROR_NAME: "org.freedesktop.DBus.Error.NoReply"}
        if kind == SIGNAL:
            name = self.chance.choice(("NameOwnerChanged", "NameLost", "PropertiesChanged"))
            fields |= {PATH: "/org/freedesktop/DBus", INTERFACE: self.chance.choice(("org.freedesktop.DBus", "a.b")), MEMBER: name}
        return peer.message(kind, fields, body)

    def malformed(self, peer):
        """The bytes of a message that is cut off, or has wrong lengths or bytes. It changes no decision if it is right after all."""
        data, chance = bytearray(self.right(peer, may_change=False).data), self.chance
        which = chance.randrange(5)
        if which == 0:
            del data[chance.randrange(len(data)) :]
        elif which == 1:
            struct.pack_into("<I", data, chance.choice((4, 8, 12)), chance.choice((0, 1, len(data), 2**26, 2**31, 2**32 - 1)))
        elif which == 2:
            data[chance.randrange(16)] = chance.randrange(256)
        else:
            for _ in range(chance.randrange(1, 6)):
                data[chance.randrange(len(data))] = chance.randrange(256)
        return bytes(data)

    # Parts.

    def _member(self, *, may_change):
        to = self.chance.choice((TELEMETRY, CONTROL))
        found = [member for member in self._members[to] if may_change or member[1] not in CHANGING]
        return to, *self.chance.choice(found)

    def _values_of(self, member):
        return self.samples if member in {"Push", "PushMany"} else self.others

    def _argument(self, member, name, kind):
        name = f"app_{name}" if member == "SetApplicationConsent" and kind == "u" else name
        if self.chance.random() < 0.1 and not (name == "level" and self.names.is_calm):
            return (self.samples if kind == "v" and member == "Push" else self.others).draw(kind)
        if name == "value":
            inner = self.chance.choice("dutixqsbyn") if self.chance.random() < 0.8 else draw_type(self.chance)
            return inner, self._sample_of(inner)
        if name == "level":
            return self.chance.choice(("u", "i", "t", "y")), self.names.level()
        if name == "samples":
            return [(self.names.source(), self._argument(member, "value", "v")) for _ in range(self.chance.randrange(5))]
        if name in DICTIONARIES:
            return self.names.dictionary(DICTIONARIES[name], self.others)
        drawn = self.names.drawn(name)
        return self.others.draw(kind) if drawn is None else drawn

    def _sample_of(self, kind):
        if kind in {"u", "i", "x", "t", "d"} and self.chance.random() < 0.3:
            return NUMBER_MARK
        return self.samples.draw(kind)

    def _drawn(self, peer, to, member, signature, values, *, interface=None, path=None, flags=None, extra=None):
        order = ">" if self.chance.random() < 0.2 else "<"
        flags = self.chance.choice((0,) * 9 + (NO_REPLY,)) if flags is None else flags
        if member in CHANGING:
            flags &= ~NO_REPLY  # the reply says whether it was done
        fields = {
            PATH: path or to[1],
            INTERFACE: to[2] if interface is None else interface,
            MEMBER: member,
            DESTINATION: to[0],
            SIGNATURE: signature,
        }
        data = peer.message(CALL, {**fields, **(extra or {})}, marshal(signature, values, order), flags=flags, order=order)
        (serial,) = struct.unpack_from(order + "I", data, 8)
        return Drawn(data, serial, not flags & NO_REPLY, member, (signature, values))


def _nested(depth):
    value = "d", 1.0
    for _ in range(depth):
        value = "v", value
    return value


def _is_whole(signature):
    try:
        complete_types(signature)
    except (IndexError, ValueError):
        return False
    return True

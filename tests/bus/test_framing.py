import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.bus import framing
from telemetryd.bus.framing import HELD_MAX_BYTES, Framing, Oversized

LIMIT = 200


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A limit that tests can go beyond by a few bytes."""
    monkeypatch.setattr(framing, "MESSAGE_MAX_BYTES", LIMIT)


def message(serial, body, *, order="<", sender=":1.7", kind=1, flags=0):
    """A message as the bus hands it on."""
    fields = b"\1\1o\0" + text("/a", order)
    fields += bytes(-len(fields) % 8) + b"\x08\1g\0\2ay\0"
    fields += bytes(-len(fields) % 8) + b"\5\1u\0" + struct.pack(order + "I", 9)
    if sender:
        fields += bytes(-len(fields) % 8) + b"\7\1s\0" + text(sender, order)
    head = struct.pack(order + "BBBBIII", ord("l" if order == "<" else "B"), kind, flags, 1, len(body), serial, len(fields))
    return head + fields + bytes(-len(fields) % 8) + body


def text(value, order):
    """A string as D-Bus writes it."""
    return struct.pack(order + "I", len(value)) + value.encode() + b"\0"


MESSAGES = st.lists(
    st.builds(
        message,
        st.integers(1, 2**32 - 1),
        st.integers(0, 2 * LIMIT).map(bytes),
        order=st.sampled_from("<>"),
        sender=st.sampled_from(["", ":1.7", ":1.4711"]),
    )
)
CUTS = st.lists(st.integers(1, 60), min_size=1)


def pieces(data, cuts):
    """A stream as it arrives: in pieces of these sizes, round and round."""
    at = number = 0
    while at < len(data):
        size = cuts[number % len(cuts)]
        yield data[at : at + size]
        at, number = at + size, number + 1


def short(messages):
    """Those that are taken."""
    return [one for one in messages if len(one) <= LIMIT]


@given(MESSAGES, CUTS)
def test_long_messages_are_taken_out(messages, cuts):
    """However a stream is cut, what is given back is the short messages and nothing else, and each long one is told once."""
    told = []
    one = Framing(told.append)
    taken = [one.take(piece) for piece in pieces(b"".join(messages), cuts)]
    assert b"".join(taken) == b"".join(short(messages))
    assert [oversized.serial for oversized in told] == [serial_of(one) for one in messages if len(one) > LIMIT]
    assert not one.is_passing_over
    assert all(len(back) <= len(piece) + HELD_MAX_BYTES for back, piece in zip(taken, pieces(b"".join(messages), cuts), strict=True))


def serial_of(data):
    """The serial of a message."""
    return struct.unpack_from("<I" if data[0] == ord("l") else ">I", data, 8)[0]


@given(MESSAGES, st.lists(st.integers(1, 40), min_size=1))
def test_a_reader_that_takes_no_more_than_it_needs(messages, cuts):
    """Who asks for a header's fixed bytes and then for the rest never gets more than that, and gets every short message."""
    stream = bytearray(b"".join(messages))
    one, number, got = Framing(lambda _: None), 0, []

    def receive(size):
        nonlocal number
        data = b""
        while stream and not data:
            take = min(one.wanted(size), cuts[number % len(cuts)])
            assert take > 0
            number += 1
            piece = bytes(stream[:take])
            del stream[:take]
            data = one.take(piece)
        assert len(data) <= size
        return data

    def read(size):
        data = b""
        while len(data) < size and (more := receive(size - len(data))):
            data += more
        return data

    while head := read(16):
        body, _, fields = struct.unpack_from("<III" if head[0] == ord("l") else ">III", head, 4)
        got.append(head + read(fields + -fields % 8 + body))
    assert got == short(messages)


def test_what_is_told():
    """Of a message that is too long is told what an answer needs: kind, flags, serial and sender."""
    told = []
    Framing(told.append).take(message(77, bytes(LIMIT), flags=1, order=">"))
    Framing(told.append).take(message(78, bytes(LIMIT), sender=""))
    assert told == [Oversized(1, 1, 77, ":1.7"), Oversized(1, 0, 78, "")]


def test_fields_that_make_no_sense():
    """Fields of other types than the specification's, or cut off, name no sender and do no harm."""
    for fields in (b"\7\1x\0" + bytes(8), b"\7\1s\0\xff\xff\xff\xff", b"\7\1s\0\1\0\0\0\xff\0", b"\7", bytes(3)):
        told = []
        head = struct.pack("<BBBBIII", ord("l"), 1, 0, 1, LIMIT, 1, len(fields))
        Framing(told.append).take(head + fields)
        assert [one.sender for one in told] in ([""], ["\0"], [])


def test_endless_fields():
    """Of a message whose fields are too long for any sender nothing is kept, and nobody is answered."""
    told = []
    one = Framing(told.append)
    one.take(struct.pack("<BBBBIII", ord("l"), 1, 0, 1, 0, 1, 2**26))
    for _ in range(2**26 // 8192):
        assert one.take(bytes(8192)) == b""
    assert told == []
    assert one.take(message(5, b"")) == message(5, b"")


def test_greeting():
    """What the bus says before the first message is passed on as it is."""
    one = Framing(lambda _: None)
    assert one.take(b"OK 1234deadbeef\r\n") == b"OK 1234deadbeef\r\n"
    assert one.take(b"AGREE_UNIX_FD\r\n") == b"AGREE_UNIX_FD\r\n"
    assert one.take(message(1, b"")) == message(1, b"")

import os
import struct
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.bus.transport import framing
from telemetryd.bus.transport.framing import Framing, MessageOrigin, RemovalCause, Removed, WantedMessages
from telemetryd.bus.transport.header import FIELDS_MAX, FIXED

LIMIT = 300


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A limit that tests can go beyond by a few bytes."""
    monkeypatch.setattr(framing, "MESSAGE_MAX_BYTES", LIMIT)
    monkeypatch.setattr(framing, "MESSAGE_WEIGHED_BYTES", LIMIT)


def message(serial, body, *, order="<", sender=":1.7", kind=1, flags=0, strange=(), descriptors=0):
    """A message as the bus hands it on; `strange`: fields (code, signature, value) that the specification does not name, at the front."""
    fields = b""
    for code, signature, value in strange:
        fields += bytes(-len(fields) % 8) + bytes([code, len(signature)]) + signature + b"\0"
        fields += value(len(fields), order)
    fields += bytes(-len(fields) % 8) + b"\1\1o\0" + text("/a", order)
    fields += bytes(-len(fields) % 8) + b"\x08\1g\0\2ay\0"
    fields += bytes(-len(fields) % 8) + b"\5\1u\0" + struct.pack(order + "I", 9)
    if sender:
        fields += bytes(-len(fields) % 8) + b"\7\1s\0" + text(sender, order)
    if descriptors:
        fields += bytes(-len(fields) % 8) + b"\x09\1u\0" + struct.pack(order + "I", descriptors)
    head = struct.pack(order + "BBBBIII", ord("l" if order == "<" else "B"), kind, flags, 1, len(body), serial, len(fields))
    return head + fields + bytes(-len(fields) % 8) + body


def text(value, order):
    """A string as D-Bus writes it."""
    return struct.pack(order + "I", len(value)) + value.encode() + b"\0"


def pad(at, alignment):
    """Zeros up to the next multiple."""
    return bytes(-at % alignment)


STRANGE = (
    (10, b"s", lambda at, order: pad(at, 4) + text("what", order)),
    (42, b"g", lambda _, _order: b"\4a{sv\0"),
    (43, b"u", lambda at, order: pad(at, 4) + struct.pack(order + "I", 7)),
    (44, b"y", lambda _, _order: b"\7"),
    (45, b"t", lambda at, order: pad(at, 8) + struct.pack(order + "Q", 7)),
    (46, b"as", lambda at, order: pad(at, 4) + struct.pack(order + "I", 6) + text("x", order)),
    (47, b"at", lambda at, _order: pad(at, 4) + bytes(4) + pad(at + len(pad(at, 4)) + 4, 8)),
    (48, b"(yu(s)aai)", lambda at, order: pad(at, 8) + b"\1\0\0\0" + bytes(4) + text("abc", order) + bytes(4)),
    (49, b"v", lambda at, _order: b"\1u\0" + pad(at + 3, 4) + bytes(4)),
    (0, b"a{sv}", lambda at, _order: pad(at, 4) + bytes(4) + pad(at + len(pad(at, 4)) + 4, 8)),
    (255, b"v", lambda at, order: b"\5(sav)\0" + pad(at + 7, 8) + text("ab", order) + b"\0" + bytes(4)),
)
"""Fields of every kind of type."""

ORDINARY = st.builds(
    dict,
    serial=st.integers(1, 2**32 - 1),
    body=st.integers(0, 2 * LIMIT).map(bytes),
    order=st.sampled_from("<>"),
    sender=st.sampled_from(["", ":1.7", ":1.4711"]),
    kind=st.sampled_from([1, 1, 1, 2, 3, 4, 5, 200]),
)
MESSAGES = st.lists(st.tuples(ORDINARY, st.lists(st.sampled_from(STRANGE), max_size=3)))
CUTS = st.lists(st.integers(1, 90), min_size=1)


def pieces(data, cuts):
    """A stream as it arrives: in pieces of these sizes, round and round."""
    at = number = 0
    while at < len(data):
        size = cuts[number % len(cuts)]
        yield data[at : at + size]
        at, number = at + size, number + 1


def serial_of(data):
    """The serial of a message."""
    return struct.unpack_from("<I" if data[0] == ord("l") else ">I", data, 8)[0]


@given(MESSAGES, CUTS)
def test_what_no_library_should_see_is_taken_out(messages, cuts):
    """However a stream is cut, short messages of known types are given back, without unknown fields; each long call is told once."""
    oversized = []
    follower = Framing(oversized.append)
    sent = [message(**options, strange=strange) for options, strange in messages]
    taken = [follower.take(piece) for piece in pieces(b"".join(sent), cuts)]
    both = zip(messages, sent, strict=True)
    expected = [message(**options) for (options, _), data in both if len(data) <= LIMIT and options["kind"] <= 4]
    assert b"".join(taken) == b"".join(expected)
    assert [removed.serial for removed in oversized] == [serial_of(data) for data in sent if len(data) > LIMIT and data[1] == 1]
    assert follower.passing_over == 0


@pytest.mark.parametrize("strange", STRANGE, ids=[f"{code} {signature.decode()}" for code, signature, _ in STRANGE])
@pytest.mark.parametrize("order", "<>")
def test_each_kind_of_field_is_passed_over(strange, order):
    """A field that the specification does not name is left out, whatever its type; all else stays, and it is looked for every time."""
    follower = Framing(lambda _: None)
    for serial in (1, 2):
        assert follower.take(message(serial, b"abc", order=order, strange=[strange])) == message(serial, b"abc", order=order)


def test_a_header_that_was_seen_as_a_call_is_looked_at_in_another_type():
    """What is remembered of calls' headers holds for calls: the same fields in a message of an unknown type do not let it through."""
    follower = Framing(lambda _: None)
    assert follower.take(message(1, b"")) == follower.take(message(1, b"")) == message(1, b"")
    assert follower.take(message(2, b"x", kind=9)) == b""
    assert follower.take(message(3, b"")) == message(3, b"")


@pytest.mark.parametrize("other", [{"kind": 9}, {"order": ">", "kind": 9}, {"kind": 9, "flags": 1}, {"kind": 9, "sender": ":1.8"}])
def test_the_same_call_again_is_no_other_message(other):
    """A call that comes alone again and again is passed on. A message of its length is inspected if anything else in its header differs."""
    follower = Framing(lambda _: None)
    for serial in range(1, 5):
        assert follower.take(message(serial, b"abc")) == message(serial, b"abc")
    assert follower.take(message(5, b"abc", **other)) == b""
    assert follower.take(message(6, b"abc")) == message(6, b"abc")


def test_the_same_call_within_another_message():
    """Bytes that look like the last call are a part of the message that they arrive in: what comes after it is inspected."""
    follower = Framing(lambda _: None)
    call = message(1, b"abc")
    assert [follower.take(call) for _ in range(3)] == [call] * 3
    around = message(2, call + bytes(8))
    start = around.index(call)
    taken = [follower.take(piece) for piece in (around[:start], call, around[start + len(call) :])]
    assert b"".join(taken) == around
    assert follower.owed == 0
    assert follower.take(message(3, b"", kind=9)) == b""


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_header_that_begins_as_one_that_was_seen(cut):
    """A header that goes on where one that was seen ends is looked at, wherever the stream is cut."""
    follower = Framing(lambda _: None)
    known = message(1, b"", sender="")
    assert follower.take(known) == known
    fields = known[16:48] + b"\x2a\1u\0\7\0\0\0"
    assert struct.unpack_from("<I", known, 12) == (32,)
    longer = known[:12] + struct.pack("<I", len(fields)) + fields + bytes(-len(fields) % 8)
    assert follower.take(longer[:cut]) + follower.take(longer[cut:]) == known


def test_what_is_told():
    """Of a call that is too long is told what an answer needs: flags, serial and sender."""
    oversized = []
    Framing(oversized.append).take(message(77, bytes(LIMIT), flags=1, order=">"))
    Framing(oversized.append).take(message(78, bytes(LIMIT), sender=""))
    assert oversized == [Removed(RemovalCause.LONG, 1, 77, ":1.7"), Removed(RemovalCause.LONG, 0, 78, "")]


@pytest.mark.parametrize("cut", [20, 90, 1000])
def test_what_nobody_waits_for_is_removed(cut):
    """Who wants a message is asked with its type, sender and reply serial; only unwanted calls are told, because they may get an answer."""
    asked, told = [], []
    wanted = {MessageOrigin(2, ":1.7", 9), MessageOrigin(4, ":1.8", 0)}
    follower = Framing(told.append, WantedMessages(calls=False, others=lambda origin: asked.append(origin) or origin in wanted))
    kinds = [(1, ":1.7"), (2, ":1.7"), (2, ":1.8"), (3, ":1.7"), (4, ":1.7"), (4, ":1.8")]
    sent = [message(number, b"abc", kind=kind, sender=sender) for number, (kind, sender) in enumerate(kinds, 1)]
    assert b"".join(map(follower.take, pieces(b"".join(sent), [cut]))) == sent[1] + sent[5]
    assert asked == [MessageOrigin(kind, sender, 9 if kind in {2, 3} else 0) for kind, sender in kinds[1:]]
    assert told == [Removed(RemovalCause.UNWANTED, 0, 1, ":1.7")]


def test_a_long_header_is_answered():
    """Of a call that is too long the sender is read, however long its header is, up to the length of a message."""
    told = []
    long = [(44, b"ay", lambda at, order: pad(at, 4) + struct.pack(order + "I", 150) + bytes(150))]
    for serial, cut in ((5, 2 * LIMIT), (6, 16)):
        follower = Framing(told.append)
        for piece in pieces(message(serial, bytes(LIMIT), strange=long), [cut]):
            assert follower.take(piece) == b""
    assert told == [Removed(RemovalCause.LONG, 0, serial, ":1.7") for serial in (5, 6)]


def test_a_header_of_many_fields(monkeypatch):
    """A header with more fields than the specification could fill is not read to its end, as that takes long: the message is dropped.

    If a message can have descriptors it is read, so that the next one gets its own.
    """
    monkeypatch.setattr(framing, "MESSAGE_MAX_BYTES", 10 * LIMIT)
    told = []
    follower = Framing(told.append)
    many = [(44, b"y", lambda _, _order: b"\7")] * FIELDS_MAX
    few = many[: FIELDS_MAX - 4]
    sent = message(1, b"a", strange=many) + message(2, b"b", strange=few) + message(3, b"c")
    assert follower.take(sent) == message(2, b"b") + message(3, b"c")
    assert told == []
    with files() as make:
        follower = Framing(told.append, descriptors=True)
        follower.arrive([make("first"), make("second")])
        assert follower.take(message(1, b"a", strange=many, descriptors=1) + message(2, b"b", descriptors=1))
        assert [read_and_close(follower.share()) for _ in range(2)] == [["first"], ["second"]]


def test_a_long_header_with_descriptors(monkeypatch):
    """Where messages have descriptors, one with a very long header is dropped at its beginning with its own; the next one gets its own."""
    monkeypatch.setattr(framing, "MESSAGE_MAX_BYTES", 1 << 20)
    long = [(44, b"ay", lambda at, order: pad(at, 4) + struct.pack(order + "I", 1 << 17) + bytes(1 << 17))]
    with files() as make:
        follower = Framing(lambda _: None, descriptors=True)
        follower.arrive([make("first")])
        for piece in pieces(message(1, b"a", strange=long, descriptors=1), [8192]):
            assert follower.take(piece) == b""
            assert len(follower._held) < FIXED
        follower.arrive([make("second")])
        assert follower.take(message(2, b"b", descriptors=1)) == message(2, b"b", descriptors=1)
        assert read_and_close(follower.share()) == ["second"]


@pytest.mark.parametrize(
    "fields",
    [b"\7\1s\0\xff\xff\xff\xff", b"\7\1s\0\1\0\0\0\xff\0", b"\7", bytes(3), b"\x30\1(\0", b"\x30\0\0\0", b"\x09\1y\0\1", b"\x30\1!\0"],
)
@pytest.mark.parametrize("size", [0, LIMIT])
def test_fields_that_make_no_sense(fields, size):
    """Fields that no bus lets through are an error, whose text holds nothing of them: the connection ends in order."""
    head = struct.pack("<BBBBIII", ord("l"), 1, 0, 1, size, 1, len(fields))
    with pytest.raises(ValueError, match=r"^the header of a message does not follow the specification$|^'utf-8' codec"):
        Framing(lambda _: None).take(head + fields + bytes(8))


def test_endless_fields():
    """Of a message whose fields are too long for any sender nothing is kept, and nobody is answered."""
    oversized = []
    follower = Framing(oversized.append)
    follower.take(struct.pack("<BBBBIII", ord("l"), 1, 0, 1, 0, 1, 2**26))
    for _ in range(2**26 // 8192):
        assert follower.take(bytes(8192)) == b""
    assert oversized == []
    assert follower.take(message(5, b"")) == message(5, b"")


def test_greeting():
    """What the bus says before the first message is passed on as it is."""
    follower = Framing(lambda _: None)
    assert follower.take(b"OK 1234deadbeef\r\n") == b"OK 1234deadbeef\r\n"
    assert follower.take(b"AGREE_UNIX_FD\r\n") == b"AGREE_UNIX_FD\r\n"
    assert follower.take(message(1, b"")) == message(1, b"")


@contextmanager
def files():
    """Makes descriptors of files that hold their own name; at the end only those that were read have been left open."""
    before = set(Path("/proc/self/fd").iterdir())

    def make(name):
        descriptor = os.memfd_create(name)
        os.write(descriptor, name.encode())
        return descriptor

    yield make
    assert set(Path("/proc/self/fd").iterdir()) == before


def read_and_close(descriptors):
    """What the files of descriptors hold."""
    held = [os.pread(descriptor, 20, 0).decode() for descriptor in descriptors]
    for descriptor in descriptors:
        os.close(descriptor)
    return held


@given(st.lists(st.tuples(ORDINARY, st.integers(0, 3))), CUTS, st.integers(0, 3))
def test_each_message_gets_its_descriptors(messages, cuts, kept):
    """Each message that is given back has as many descriptors as its header says, in order; all others are closed."""
    with files() as make:
        follower, given_back = Framing(lambda _: None, descriptors=True), []
        for number, (options, count) in enumerate(messages):
            data = message(**options, descriptors=count)
            follower.arrive(make(f"{number}.{position}") for position in range(count))
            for piece in pieces(data, cuts):
                follower.take(piece)
            if len(data) <= LIMIT and options["kind"] <= 4:
                given_back.append([f"{number}.{position}" for position in range(count)])
        for expected in given_back[: len(given_back) - kept]:
            assert read_and_close(follower.share()) == expected
        follower.close()
        follower.close()
        assert follower.share() == []


def test_fewer_descriptors_than_promised():
    """A header that promises more descriptors than came is an error, not another message's descriptor."""
    follower = Framing(lambda _: None, descriptors=True)
    with pytest.raises(LookupError):
        follower.take(message(1, b"", descriptors=1))

"""Messages in queues by sender, and whose turn it is."""

import struct
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bus.raw_bus import CALL, INTERFACE, MEMBER, NO_REPLY, PATH, SENDER, SIGNATURE, RawBus, strings

from telemetryd.bus.transport.sender_queues import Refused, SenderQueues
from telemetryd.core.limits import MESSAGE_MAX_BYTES, MESSAGE_MAX_VALUES, MESSAGE_WEIGHED_BYTES, QUEUED_CALLER_BYTES, QUEUED_MAX_BYTES

LARGE = MESSAGE_WEIGHED_BYTES * 4


class Senders:
    """Makes messages as the bus hands them on."""

    def __init__(self):
        self._maker = RawBus.__new__(RawBus)
        self._maker._serial = 0

    def call(self, sender, text="", *, flags=0, order="<", values=0, kind=CALL):
        """A call with one text, or with so many numbers; or another kind of message."""
        fields = {PATH: "/a", INTERFACE: "a.b", MEMBER: "C", SENDER: sender, SIGNATURE: "an" if values else "s"}
        if values:
            return self._maker.message(kind, fields, struct.pack("<I", 2 * values) + bytes(2 * values))
        return self._maker.message(CALL, fields, strings(text) if order == "<" else b"", flags=flags, order=order)


@pytest.fixture
def senders():
    """A maker of messages."""
    return Senders()


def one(turns):
    """The first message of the next turn."""
    with closing(turns.turn()) as messages:
        return next(messages)


def everything(turns):
    """All messages, turn by turn."""
    while turns.is_waiting:
        with closing(turns.turn()) as messages:
            yield from messages


def test_whoever_waited_longest_is_next(senders):
    """A turn goes to the sender whose last turn was longest ago; who comes anew does not wait behind all that another one has sent."""
    turns = SenderQueues(0)
    flood = [senders.call(":1.1") for _ in range(5)]
    turns.add(b"".join(flood))
    assert one(turns) == flood[0]
    late = senders.call(":1.2")
    turns.add(late)
    assert [one(turns), one(turns), one(turns)] == [late, flood[1], flood[2]]


@given(st.data())
def test_nothing_is_lost_or_mixed(data):
    """However the stream is cut: first the rest of what a library has in part, then every message whole, each sender's in order."""
    senders = Senders()
    names = [data.draw(st.sampled_from([":1.1", ":1.2", ":1.3"])) for _ in range(data.draw(st.integers(1, 8)))]
    sent = [(name, senders.call(name, "x" * data.draw(st.integers(0, 40)), order=data.draw(st.sampled_from("<>")))) for name in names]
    begun = data.draw(st.binary(max_size=30))
    turns, taken = SenderQueues(len(begun)), []
    pieces = [begun, *(message for _, message in sent)]
    for piece in pieces:  # each header comes whole, as Framing has it; a body may be cut anywhere
        at = len(piece) - data.draw(st.integers(0, min(len(piece), 12))) if piece is not begun else len(begun) // 2
        turns.add(piece[:at])
        if data.draw(st.booleans()) and turns.is_waiting:
            taken.append(one(turns))
        turns.add(piece[at:])
    taken += everything(turns)
    assert turns.is_at_boundary
    assert taken[: bool(begun)] == [begun][: bool(begun)]
    for name in set(names):
        mine = [message for sender, message in sent if sender == name]
        assert [message for message in taken if message in mine] == mine
    assert len(taken) == len(sent) + bool(begun)


def test_one_sender_is_bounded(senders):
    """Beyond its bound a sender's long calls are dropped; the caller is told when their turn comes, in order, and others have room."""
    turns = SenderQueues(0)
    turns.add(senders.call(":1.1"))
    turns.note_slow(":1.1")
    kept = QUEUED_CALLER_BYTES // LARGE
    for _ in range(kept + 3):
        turns.add(senders.call(":1.1", "x" * LARGE))
    turns.add(senders.call(":1.1", "x" * LARGE, flags=NO_REPLY))
    assert not turns.is_full
    other = senders.call(":1.2", "x" * LARGE)
    turns.add(other)
    messages = list(everything(turns))
    refused = [message for message in messages if isinstance(message, Refused)]
    assert other in messages
    assert len(messages) - len(refused) - 2 in {kept - 1, kept}
    assert all(refusal.sender == ":1.1" and not refusal.is_heavy for refusal in refused)
    serials = [refusal.serial for refusal in refused]
    assert serials == list(range(kept + 5 - len(refused), kept + 5))


def test_short_calls_are_not_refused(senders):
    """A sender of short calls that has too many waiting is waited for: nothing is received until there is room, and none is refused."""
    turns = SenderQueues(0)
    turns.add(senders.call(":1.1"))
    number = 1
    while not turns.is_full:
        number += 1
        turns.add(senders.call(":1.1", "x" * LARGE))
    assert number <= QUEUED_CALLER_BYTES // LARGE + 2
    for _ in range(3):
        assert not isinstance(one(turns), Refused)
    assert not turns.is_full
    assert not any(isinstance(message, Refused) for message in everything(turns))


def test_after_too_many_values_one_more_waits(senders):
    """Whoever sent a message with too many values has about a megabyte waiting at most: to count values takes longer than to refuse."""
    turns = SenderQueues(0)
    heavy = senders.call(":1.1", values=MESSAGE_MAX_VALUES)
    turns.add(heavy)
    assert one(turns).is_heavy
    size = LARGE + 1000
    for _ in range(2 * MESSAGE_MAX_BYTES // size):
        turns.add(senders.call(":1.1", "x" * LARGE))
    waiting = [message for message in everything(turns) if not isinstance(message, Refused)]
    assert MESSAGE_MAX_BYTES // size - 1 <= len(waiting) <= MESSAGE_MAX_BYTES // LARGE


@pytest.mark.parametrize("kind", [2, 3])
def test_what_was_asked_for_is_never_too_much(senders, kind):
    """Values are counted of what nobody asked for. A reply with as many is handed over, like one that was not sorted."""
    turns = SenderQueues(0)
    reply = senders.call(":1.1", values=MESSAGE_MAX_VALUES, kind=kind)
    turns.add(reply)
    assert one(turns) == reply


def test_who_is_blocked_has_no_turn(senders):
    """What comes of a sender whose earlier calls are worked on elsewhere waits; it has its turn again afterwards."""
    turns = SenderQueues(0)
    first, second = senders.call(":1.1"), senders.call(":1.2")
    turns.add(first + second)
    turns.block(":1.1")
    assert one(turns) == second
    assert not turns.is_waiting
    assert not turns.is_empty
    turns.unblock(":1.1")
    assert one(turns) == first


def test_all_together_are_bounded(senders):
    """When many senders have filled the room, no more is to be received until some of it is handed over."""
    turns = SenderQueues(0)
    number = 0
    while not turns.is_full:
        number += 1
        turns.add(senders.call(f":1.{number}", "x" * LARGE))
    assert number <= QUEUED_MAX_BYTES // LARGE + 1
    one(turns)
    assert not turns.is_full


def test_slow_ones_together_leave_room(senders):
    """A few senders of slow calls do not fill the room together: when it is nearly full, those with a megabyte waiting are refused more.

    One with little waiting is not.
    """
    turns = SenderQueues(0)
    names = [f":1.{number}" for number in range(1, 6)]
    for name in (*names, ":1.8"):
        turns.add(senders.call(name))
        turns.note_slow(name)
        turns.block(name)
    for _ in range(QUEUED_MAX_BYTES // LARGE):
        for name in names:
            turns.add(senders.call(name, "x" * LARGE))
    assert not turns.is_full
    small, other = senders.call(":1.8", "x" * LARGE), senders.call(":1.9", "x" * LARGE)
    turns.add(small + other)
    assert one(turns) == other
    for name in (*names, ":1.8"):
        turns.unblock(name)
    assert small in list(everything(turns))


def test_who_left_is_dropped(senders):
    """What waits of a sender that has left is dropped, also in the midst of its turn, and its room is free."""
    turns = SenderQueues(0)
    turns.add(senders.call(":1.1") + senders.call(":1.1") + senders.call(":1.2"))
    with closing(turns.turn()) as messages:
        next(messages)
        turns.drop(":1.1")
        assert list(messages) == []
    turns.drop(":1.9")
    assert len(list(everything(turns))) == 1
    assert turns._size == 0
    assert turns._sizes == {}

"""Replies that are lists: their size is known before they are marshalled, and bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.bus.reply_size import bounded, fitting, size_bytes
from telemetryd.bus.transport.library import Message, MessageType, Variant
from telemetryd.core.limits import REPLY_MAX_BYTES
from telemetryd.errors import LimitExceededError

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
VALUES = st.one_of(
    st.builds(Variant, st.just("s"), TEXTS),
    st.builds(Variant, st.just("u"), st.integers(0, 9)),
    st.builds(Variant, st.just("t"), st.integers(0, 9)),
    st.builds(Variant, st.just("d"), st.floats()),
    st.builds(Variant, st.just("b"), st.booleans()),
    st.builds(Variant, st.just("as"), st.lists(TEXTS, max_size=4)),
    st.builds(Variant, st.just("a(ss)"), st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=3)),
    st.builds(Variant, st.just("a{sad}"), st.dictionaries(TEXTS, st.lists(st.floats(), max_size=3), max_size=3)),
    st.builds(Variant, st.just("a{sa{ss}}"), st.dictionaries(TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3), max_size=3)),
)
ROWS = st.lists(st.dictionaries(TEXTS, VALUES, max_size=4), max_size=4)


def marshalled(signature, rows):
    """What the reply takes."""
    header = {"message_type": MessageType.METHOD_RETURN, "destination": ":1.12345678901", "reply_serial": 1, "serial": 1}
    return len(Message(signature=signature, body=[rows], **header)._marshall(negotiate_unix_fd=False))


@given(ROWS)
def test_the_size_is_never_more_than_told(rows):
    """Whatever is in the dictionaries of a reply, it takes no more than was counted, with the room that is left for its header."""
    assert marshalled("aa{sv}", rows) <= sum(map(size_bytes, rows)) + 512


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS).map(list), max_size=5))
def test_structs_too(rows):
    """The same for structs of texts."""
    assert marshalled("a(sss)", rows) <= sum(map(size_bytes, rows)) + 512


def test_it_is_not_much_less_either():
    """Of what is ordinary, four fifths of a reply are used."""
    row = {key: Variant("s", "x" * 120) for key in ("application", "question", "body", "definition")}
    assert marshalled("aa{sv}", [row] * 100) > 0.8 * 100 * size_bytes(row)


def test_bounded():
    """Rows that do not fit are an error with what to ask instead, before more are made; those that fit, and places to rest, are given."""
    made = []

    def rows(number):
        for row in range(number):
            made.append(row)
            yield None if row % 2 else ["x" * 1000]

    assert list(bounded(rows(4), "ask less")) == [["x" * 1000], None] * 2
    with pytest.raises(LimitExceededError, match=f"{REPLY_MAX_BYTES} bytes: ask less"):
        list(bounded(rows(100_000), "ask less"))
    assert len(made) < 2200


def test_fitting():
    """As many as fit, and no row is made beyond the first that does not."""
    rows = iter([["x" * 1000]] * 100_000)
    fitting_rows = list(fitting(rows))
    assert 0.9 * REPLY_MAX_BYTES < marshalled("aas", fitting_rows) <= REPLY_MAX_BYTES
    assert len(list(rows)) == 100_000 - len(fitting_rows) - 1

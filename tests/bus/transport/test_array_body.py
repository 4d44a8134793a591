"""A long list of a reply is marshalled in pieces, and nobody can tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.bus.transport import array_body
from telemetryd.bus.transport.array_body import is_marshalled_here, marshal_steps, with_body
from telemetryd.bus.transport.library import Message, MessageType, Variant
from telemetryd.bus.transport.output import marshalled

TEXTS = st.text("aé", max_size=9)
VALUES = st.one_of(
    st.builds(Variant, st.just("s"), TEXTS),
    st.builds(Variant, st.just("t"), st.integers(0, 9)),
    st.builds(Variant, st.just("b"), st.booleans()),
    st.builds(Variant, st.just("a(ss)"), st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=3)),
)
LISTS = {
    "aa{sv}": st.lists(st.dictionaries(TEXTS, VALUES, max_size=3), max_size=9),
    "a(sss)": st.lists(st.lists(TEXTS, min_size=3, max_size=3), max_size=9),
    "a(qb)": st.lists(st.tuples(st.integers(0, 9), st.booleans()).map(list), max_size=9),
}


def message(signature, rows):
    """The bytes of a reply, as the library makes them."""
    header = {"message_type": MessageType.METHOD_RETURN, "destination": ":1.12345", "reply_serial": 7, "serial": 0x01020304}
    return marshalled(Message(signature=signature, body=[rows], **header))


@pytest.mark.parametrize("each", [1, 2, 3])
@given(chosen=st.sampled_from(sorted(LISTS)).flatmap(lambda signature: st.tuples(st.just(signature), LISTS[signature])))
def test_the_pieces_make_the_same_bytes(each, chosen):
    """Wherever elements begin and end, pieces of any number of them give the library's own bytes for the whole reply."""
    signature, rows = chosen
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(array_body, "ROWS", each)
        *pauses, body = marshal_steps(signature, rows)
    assert pauses == [None] * -(-len(rows) // each)
    assert with_body(message(signature, []), body) == message(signature, rows)


@pytest.mark.parametrize(
    ("signature", "is_one"),
    [("aa{sv}", True), ("a(sss)", True), ("aa{sv}s", False), ("as", False), ("a(s)(s)", False), ("a(s)s", False), ("a{sv}", False)],
)
def test_what_is_marshalled_in_pieces(signature, is_one):
    """A body that is one array of dictionaries or structs, and no other body."""
    assert is_marshalled_here(signature) == is_one


def test_an_element_that_does_not_fit_is_a_fault_of_its_piece():
    """The pieces before it are made, then the library's exception comes."""
    steps = marshal_steps("aa{sv}", [{}] * 40 + [{"key": "not a variant"}])
    assert [next(steps), next(steps)] == [None, None]
    with pytest.raises(Exception, match=r"."):
        next(steps)

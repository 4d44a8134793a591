"""How many values a message holds."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bus.flood import many, megabytes, push, register
from support.bus.raw_bus import CALL, PATH, SIGNATURE, RawBus

from telemetryd.bus.interfaces import TELEMETRY
from telemetryd.bus.transport import connection, value_count
from telemetryd.bus.transport.library import Message, Variant
from telemetryd.bus.transport.output import marshalled
from telemetryd.core.limits import MESSAGE_MAX_VALUES, SAMPLES_MAX, SOURCES_MAX

ROOT = Path(__file__).parents[3]
NUMBERS = st.text("ynqiuxtd", min_size=1, max_size=6)
TYPES = st.recursive(
    st.sampled_from(list("ynqiuxtdsv")),
    lambda inner: st.one_of(
        inner.map("a{}".format), inner.map("({}s)".format), inner.map(lambda kind: f"a{{s{kind}}}"), NUMBERS.map("a({})".format)
    ),
)


def message(signature, *body):
    """The bytes of a call."""
    return bytes(marshalled(Message(path="/a", member="A", signature=signature, body=list(body), serial=1)))


def value_of(kind, data):  # noqa: PLR0911 - one return for each kind of type
    """A value of a type, and its weight."""
    if kind[0] == "a":
        if kind[1] == "y":
            return bytes(data.draw(st.integers(0, 5))), 13
        if kind[1] == "{":
            pairs = [(str(number), value_of(kind[3:-1], data)) for number in range(data.draw(st.integers(0, 3)))]
            return {name: value for name, (value, _) in pairs}, 12 + sum(8 + size for _, (_, size) in pairs)
        values = [value_of(kind[1:], data) for _ in range(data.draw(st.integers(0, 3)))]
        return [value for value, _ in values], 12 + sum(size for _, size in values)
    if kind[0] == "(":
        values = [value_of(part, data) for part in kind[1:-1]] if kind[-2] != "s" else [value_of(kind[1:-2], data), ("", 2)]
        return [value for value, _ in values], 6 + sum(size for _, size in values)
    if kind == "v":
        inner = data.draw(TYPES)
        value, size = value_of(inner, data)
        return Variant(inner, value), size + 12 + len(inner)
    if kind == "s":
        return data.draw(st.sampled_from(["", "a", "abcdefgh"])), 2
    return (1.5 if kind == "d" else 1), 1


@given(st.data())
def test_every_value_counts(data):
    """Of values of any types a number counts once, a text twice; beside its parts a struct counts six times, an array twelve.

    A variant counts twelve times, and once for each character of its type.
    """
    kinds = data.draw(st.lists(TYPES, min_size=1, max_size=4))
    values = [value_of(kind, data) for kind in kinds]
    sent = message("".join(kinds), *(value for value, _ in values))
    assert value_count.count(sent) == sum(size for _, size in values)


def test_what_makes_sense_has_room():
    """The most samples, sources and text that a call may have are not too many values."""
    texts = {f"s{i}": Variant("as", ["x" * 32] * (SAMPLES_MAX // SOURCES_MAX)) for i in range(SOURCES_MAX)}
    calls = {
        "numbers": many("a.b.c", "startup", SAMPLES_MAX),
        "id": push("a" * 200_000, "startup", lambda at: b"\1d\0" + bytes(-(at + 3) % 8 + 8)),
        "text": register("a.b.c", "x" * 65_000),
        "texts": message("sa{sv}", "a", texts),
    }
    assert [name for name, call in calls.items() if value_count.is_heavy(call)] == []


def test_a_megabyte_of_values_is_too_much():
    """A call that is full of values is found out, and sooner than a library would have read it."""
    for name, call in zip(("numbers", "texts", "variants", "structs"), megabytes(), strict=True):
        begin = time.process_time()
        assert value_count.is_heavy(call), name
        assert time.process_time() - begin < 0.2, name


def test_the_bound():
    """As many values as are permitted are, and no more."""
    assert not value_count.is_heavy(message("ad", [1.0] * (MESSAGE_MAX_VALUES - 12)))
    assert value_count.is_heavy(message("ad", [1.0] * (MESSAGE_MAX_VALUES - 11)))
    assert value_count.is_heavy(message("as", [""] * (MESSAGE_MAX_VALUES // 2 + 1)))


@pytest.mark.parametrize("signature", ["a", "(", "z", "as", "v", "a{sv}", "(ss", "ao"])
def test_what_fits_nothing_is_left_to_the_reader(signature):
    """A body that is not what its signature says is not too heavy; nothing is raised."""
    maker = RawBus.__new__(RawBus)
    maker._serial = 0
    assert not value_count.is_heavy(maker.message(CALL, {PATH: "/a", SIGNATURE: signature}, b"\xff\0\0\0"))


@pytest.mark.parametrize("place", ["reference", "refusal"])
def test_what_people_read_says_how_values_count(place):
    """The interface's comment, and the error of a call that is refused, have the limit and the weights that are counted by."""
    text = (ROOT / "dbus" / f"{TELEMETRY}.xml").read_text(encoding="utf-8") if place == "reference" else connection._MOST_VALUES
    text = " ".join(text.split())
    limit = re.search(r"(?:holds more than|a message has at most) ([0-9,]+) values", text)[1]
    assert int(limit.replace(",", "")) == MESSAGE_MAX_VALUES
    assert value_count._ARRAY == value_count._VARIANT
    weights = re.search(r"a text counts as (\d+), a struct as (\d+), and an array or a variant as (\d+)", text, re.IGNORECASE)
    assert weights
    assert [int(weight) for weight in weights.groups()] == [value_count._TEXT, value_count._STRUCT, value_count._VARIANT]

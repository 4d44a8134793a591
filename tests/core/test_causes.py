"""Every cause has its words and its arguments, and every state of a question its sentence."""

import string

import pytest
from support.cause_sentences import sentences, values

from telemetryd.core.causes import PAUSING, TABLE, WORDS, Cause, Reason, because, entry, stored
from telemetryd.core.explanation import ENDS, EXACT, FRAMES, PLAIN, Situation, explain
from telemetryd.core.permission.gate import Presence, absence
from telemetryd.core.permission.lifecycle import State
from telemetryd.core.permission.obstacle_delay import AT_ONCE
from telemetryd.core.translation import ENGLISH

PRESENT = {State.UNREVIEWED, State.PENDING, State.WAITING, State.ACTIVE, State.REPORTING, State.STOPPED, State.SUSPENDED}


def fields(text):
    """The names of a text's arguments."""
    return {name for _, name, *_ in string.Formatter().parse(text) if name}


def test_every_cause_has_an_entry():
    """The table has every cause of the enumeration, in its order, and nothing else; no two entries fit the same arguments."""
    assert list(dict.fromkeys(found.cause for found in TABLE)) == [cause for cause in Cause if cause]
    for found in TABLE:
        assert [other for other in TABLE if other.cause is found.cause and entry(found.cause, values(other)) is found] == [found]


@pytest.mark.parametrize("found", TABLE, ids=lambda found: f"{found.cause}-{found.choice}-{len(found.arguments)}")
def test_texts_take_exactly_the_arguments(found):
    """Each text of an entry names each argument but that which chooses the entry, and no other; there is a text."""
    texts = [text for text in (found.now, found.then, found.whole) if text]
    assert texts
    wanted = set(found.arguments) - ({found.choice[0]} if found.choice else set())
    assert [fields(text) for text in texts] == [wanted] * len(texts)
    assert because(found.cause, **values(found)).args == tuple((name, values(found)[name]) for name in found.arguments)
    for args in ({**values(found), "moon": "full"}, dict(list(values(found).items())[1:])):
        if entry(found.cause, args) is None:
            with pytest.raises(ValueError, match="does not take"):
                because(found.cause, **args)


def test_words_of_arguments_are_used():
    """Each word of an argument appears in a sentence."""
    for name, words in WORDS.items():
        found = next(found for found in TABLE if name in found.arguments)
        for value, text in words.items():
            assert text in explain(Situation("waiting" if found.now else "answered", found.cause, values(found) | {name: value}))


def test_sentences_are_whole():
    """Each is one sentence: a capital letter, a full stop, nothing left to fill in, and all arguments that are names are in it."""
    told = sentences()
    assert len(told) > 200
    for situation, text in told:
        assert text[:1].isupper(), situation
        assert text.endswith("."), text
        assert not {"{", "}"} & set(text), text
        if (situation.state, situation.cause) not in EXACT:
            assert {value for value in situation.args.values() if value.startswith("<")} <= set(_names(text)), text


def _names(text):
    """The marked values in a text."""
    return [f"<{part.partition('>')[0]}>" for part in text.split("<")[1:]]


def test_one_sentence_has_one_meaning():
    """Two situations have the same sentence only if they are the same."""
    told = [
        (situation.state, situation.cause, tuple(sorted(situation.args.items())), situation.outcome, text)
        for situation, text in sentences()
    ]
    by_text = {}
    for *situation, text in told:
        by_text.setdefault(text, set()).add(situation[1] if situation[0] in {"answered", "suspended"} else (situation[0], situation[1]))
    assert {text: found for text, found in by_text.items() if len(found) > 1} == {}


def test_states_are_those_of_the_lifecycle():
    """The tables of sentences name no state that does not exist, and each state has a sentence."""
    named = {plain.state for plain in PLAIN} | set(FRAMES) | {state for state, _ in (*ENDS, *EXACT)}
    assert named == set(State)
    assert set(FRAMES) == PRESENT


def test_nothing_is_said_of_what_is_not_known():
    """A state, cause or arguments of a later version have no sentence; the caller falls back on the service's."""
    for situation in (
        Situation("dreaming"),
        Situation("waiting", "moon"),
        Situation("waiting", "level", {"axis": "usage"}),
        Situation("waiting", "", {"moon": "full"}),
        Situation("answered", "level", {"axis": "usage", "level": "basic"}, "eaten"),
        Situation("dreaming", "unreviewed"),
    ):
        assert explain(situation, ENGLISH) == ""


def test_stored_reasons():
    """A reason is stored as a word and a text, and read back as it was; what no version of this table wrote is refused."""
    for reason in (Reason(), because(Cause.LEVEL, axis="usage", level="basic"), because(Cause.LOST)):
        assert stored(reason.cause, reason.text) == reason
    for cause, text in (("moon", ""), ("level", ""), ("sent", "[]"), ("sent", '{"date":1}'), ("sent", "{"), ("", '{"date":"x"}')):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
            stored(cause, text)


def test_kinds():
    """Each absence of a manifest has a delay of its own; what can pause has its causes named for clients."""
    kinds = [absence("a.b", presence).reason.kind for presence in Presence if presence is not Presence.PRESENT]
    assert kinds == ["gone/removed", "unreadable/manifest", "gone/not_asked", "gone/unregistered", "gone/displaced"]
    assert {Cause(kind.partition("/")[0]) for kind in kinds} <= PAUSING
    assert all(absence("a.b", presence).delay != AT_ONCE for presence in Presence if presence is not Presence.PRESENT)
    assert [Situation(state, "gone").is_paused for state in ("active", "reporting", "waiting")] == [True, True, False]
    assert not Situation("active", "no_endpoint").is_paused

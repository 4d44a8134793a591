"""Who answers: the rules of room in the privacy budget, over random worlds."""

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from telemetryd.core.causes import Cause, because
from telemetryd.core.privacy.ledger import Caps, Charge, Sums
from telemetryd.core.privacy.room import NOT_DRAWN, YES, Candidate, Look, compete, look, view, word
from telemetryd.core.privacy.sampling_lot import Lot, takes_part

CAPS = Caps(40, 80, 140)
WEEKS = 8
"""Periods begin at 10, 20 … and last for 10."""
HOSTS = ("a.example", "b.example")
SOURCES = ("a/x", "a/y", "b/z", "system/memory")


def candidate_of(rank, accepted, week, host, tenths, sources, *, is_drawn=True):
    """A question accepted before its period."""
    entry = Charge(host, 2026 + week // 4, tenths, sources)
    return Candidate(rank, min(accepted, 10 * week - 1), 10 * week, entry, is_drawn)


CANDIDATES = st.builds(
    candidate_of,
    st.integers(0, 5),
    st.integers(0, 10 * WEEKS),
    st.integers(1, WEEKS),
    st.sampled_from(HOSTS),
    st.integers(1, 40),
    st.lists(st.sampled_from(SOURCES), min_size=1, max_size=2, unique=True).map(tuple),
    is_drawn=st.sampled_from([True, True, True, False]),
)
WORLDS = st.dictionaries(st.tuples(st.sampled_from("abc"), st.sampled_from("pqrstuvw")), CANDIDATES, max_size=14)
FULL = because(Cause.NO_ROOM, cap="life", host=HOSTS[0])
"""A host may not be told more."""
TOLD = because(Cause.NO_ROOM, cap="source", source="a/x")
"""Nothing more may be told about a source."""
CALM = Caps(10**6, 10**6, 10**6)


class User(NamedTuple):
    """What is stored of a user's questions: the ledger, and what has ended without room."""

    ledger: dict
    passed: dict


def live(world, moments, caps=CAPS, user=None):
    """Look at these moments in turn; a period that was over at a look is charged after it, as the daemon does."""
    user = user or User({}, {})
    for now in moments:
        known = {key: one for key, one in world.items() if one.accepted <= now and key not in user.passed}
        waiting = {key: one for key, one in known.items() if not user.ledger.get(key, NOTHING).is_charged}
        changes, passed, _ = look(user.ledger, waiting, caps, now)
        ledger = {key: entry for key, entry in (user.ledger | changes).items() if entry}
        over = {key for key, one in waiting.items() if one.begins + 10 <= now}
        ledger = {key: entry._replace(is_charged=entry.is_charged or key in over) for key, entry in ledger.items()}
        user = User(ledger, user.passed | passed)
    return user


NOTHING = Charge("", 0, 0, ())
END = 10 * WEEKS + 5
ALL = range(END + 1)
MOMENTS = st.sets(st.integers(0, END), max_size=12).map(lambda moments: [*sorted(moments), END])


@given(WORLDS, MOMENTS)
def test_no_cap_is_exceeded(world, moments):
    """Held and charged answers together never exceed a cap, and each question without room would exceed one or is not drawn."""
    for number in range(len(moments)):
        user = live(world, moments[: number + 1])
        assert not Sums(CAPS, user.ledger.values()).is_exceeded
    assert user.ledger.keys() | user.passed.keys() == world.keys()
    assert {key for key, why in user.passed.items() if why == NOT_DRAWN} == {key for key, one in world.items() if not one.is_drawn}


@given(WORLDS, MOMENTS)
def test_looking_again_changes_nothing(world, moments):
    """A second look at the same moment changes nothing in the ledger, ends nothing, and shows the same."""
    user = live(world, moments[:-1])
    now = moments[-2] if len(moments) > 1 else 0
    known = {key: one for key, one in world.items() if one.accepted <= now and key not in user.passed}
    known = {key: one for key, one in known.items() if not user.ledger.get(key, NOTHING).is_charged}
    first = look(user.ledger, known, CAPS, now)
    assert look(user.ledger, known, CAPS, now) == first == Look({}, {}, first.waiting)


@given(WORLDS, MOMENTS)
def test_it_does_not_matter_how_often_one_looks(world, moments):
    """A machine that was off for weeks answers what it would have answered with a look at every moment."""
    assert live(world, moments) == live(world, ALL)


@given(WORLDS, st.randoms())
def test_the_order_of_acceptance_is_nothing(world, chance):
    """All that is accepted before the first period: who finds room does not depend on when it was accepted, nor on the order."""
    early = {key: one._replace(accepted=0) for key, one in world.items()}
    keys = list(early)
    chance.shuffle(keys)
    other = {key: early[key]._replace(accepted=chance.randrange(10)) for key in keys}
    assert live(other, ALL) == live(early, ALL)


@given(WORLDS, MOMENTS)
def test_without_binding_caps_everybody_answers(world, moments):
    """While no cap binds, who is drawn has room: shown so as long as the question waits, and held when its period begins."""
    drawn = {key: one for key, one in world.items() if one.is_drawn}
    user = live(world, moments, CALM)
    assert user.ledger.keys() == drawn.keys()
    shown = look({}, {key: one._replace(accepted=0) for key, one in world.items()}, CALM, 0).waiting
    assert shown == {key: YES if one.is_drawn else NOT_DRAWN for key, one in world.items()}


@given(WORLDS, st.sets(st.sampled_from("pqrstuvw")))
def test_a_smaller_share_admits_a_part(world, left_out):
    """A smaller share ends the questions that are no longer drawn as not drawn, and all of the others find room as before or better."""
    fewer = {key: one._replace(is_drawn=one.is_drawn and key[1] not in left_out) for key, one in world.items()}
    user = live(fewer, ALL, CALM)
    assert user.ledger.keys() <= live(world, ALL, CALM).ledger.keys()
    assert {key for key, one in fewer.items() if not one.is_drawn} == user.passed.keys()


SHARES = st.sampled_from([0.01, 0.11, 0.46, 0.74, 1.0])


@given(WORLDS, st.lists(st.tuples(st.integers(0, 2**64 - 1), SHARES), min_size=14, max_size=14), SHARES, SHARES)
def test_a_smaller_share_admits_a_subset(world, lots, one_share, other_share):
    """Of one set of lots, all whom a smaller share of the endpoint admits are admitted by a larger share, whatever the caps.

    While no cap binds, they are those who answer.
    """

    def admitted(share):
        parts = dict(zip(world, lots, strict=False))
        drawn = {key: takes_part(Lot(part, 0, 0), own, share) for key, (part, own) in parts.items()}
        shared = {key: one._replace(is_drawn=drawn[key]) for key, one in world.items()}
        assert live(shared, ALL, CALM).ledger.keys() == {key for key, is_drawn in drawn.items() if is_drawn}
        return {key for key in world if live(shared, ALL).passed.get(key) != NOT_DRAWN}

    fewer, more = map(admitted, sorted((one_share, other_share)))
    assert fewer <= more


@settings(max_examples=max(100, settings.default.max_examples))
@given(WORLDS.filter(lambda world: len(world) > 1), st.sets(st.sampled_from("pqrstuvw"), min_size=1), st.integers(1, 20))
def test_withdrawn_and_accepted_again(world, withdrawn, now):
    """What is withdrawn and accepted again before a period begins competes with the rank of its lot, as if it had been there all along.

    All questions are about one source, which has room for one of them, so that all compete.
    """
    world = {key: one._replace(entry=one.entry._replace(tenths=21, sources=("a/x",))) for key, one in world.items()}
    user = live(world, range(now + 1))
    waiting = {key for key, one in world.items() if key[1] in withdrawn and one.accepted <= now < one.begins}
    without = live({key: one for key, one in world.items() if key not in waiting}, [now], user=user)
    assert without == user
    again = {key: one._replace(accepted=now) if key in waiting else one for key, one in world.items()}
    assert live(again, range(now + 1, END + 1), user=without) == live(world, ALL)


@given(WORLDS, st.integers(0, END), st.integers(0, 9), WORLDS)
def test_the_ledger_is_written_for_a_beginning_or_a_release(world, now, later, news):
    """Between two beginnings nothing is written, whatever is accepted meanwhile. What is written is due, and what goes was held."""
    user = live(world, range(now + 1))
    open_ = {key: one for key, one in world.items() if key not in user.passed and not user.ledger.get(key, NOTHING).is_charged}
    then = min([now + later, *(one.begins - 1 for one in open_.values() if one.begins > now)])
    late = {(f"new {key[0]}", key[1]): one._replace(accepted=then) for key, one in news.items() if one.begins > then}
    known = {key: one for key, one in open_.items() if one.accepted <= then}
    assert look(user.ledger, known | late, CAPS, then)[:2] == ({}, {})
    next_begins = min((one.begins for one in known.values() if one.begins > then), default=END)
    changes = look(user.ledger, known, CAPS, next_begins).changes
    assert all(entry and known[key].begins == next_begins for key, entry in changes.items())


@given(WORLDS, WORLDS, st.integers(0, END), st.sampled_from([CAPS, CALM, Caps(20, 40, 60), Caps(0, 0, 0)]))
def test_what_is_final_never_changes(world, other, now, caps):
    """No look changes or releases a charged answer, whatever became of questions, hosts, draws and caps; nobody is asked after an end."""
    user = live(world, range(now + 1))
    charged = {key for key, entry in user.ledger.items() if entry.is_charged}
    open_ = {key: one for key, one in (world | other).items() if key not in charged | user.passed.keys()}
    changes, passed, waiting = look(user.ledger, open_, caps, now)
    assert not changes.keys() & charged
    assert not (changes.keys() | passed.keys() | waiting.keys()) & user.passed.keys()
    later = live(world | {key: one for key, one in other.items() if key not in world}, range(now + 1, END + 1), caps, user)
    assert {key: later.ledger[key] for key in charged} == {key: user.ledger[key] for key in charged}
    assert user.passed.items() <= later.passed.items()


def test_only_one_hosts_questions_compete():
    """For the room of a host compete the questions that it asks, not those of a host that sorts before or behind it."""
    world = {("a", host): candidate_of(1, 0, 2, host, 20, ("a/x",)) for host in HOSTS}
    assert [[contender.key for contender in compete(world, 10, host)] for host in HOSTS] == [[("a", host)] for host in HOSTS]


@given(WORLDS, st.integers(0, END))
def test_what_waits_for_another_host_changes_nothing(world, now):
    """What finds room on a host, and what is shown of it, is the same with and without what of another host has not begun."""
    early = {key: one._replace(accepted=0) for key, one in world.items() if one.entry.host == HOSTS[0] or one.begins > now}
    alone = {key: one for key, one in early.items() if one.entry.host == HOSTS[0]}
    both, without = look({}, early, CAPS, now), look({}, alone, CAPS, now)
    assert (both.changes, both.passed) == (without.changes, without.passed)
    assert {key: shown for key, shown in both.waiting.items() if key in alone} == without.waiting


@given(WORLDS, st.sampled_from([CAPS, Caps(20, 40, 60), Caps(0, 0, 0)]), st.integers(0, END))
def test_lowered_caps(world, caps, now):
    """Where a cap is lowered what still fits stays, by rank; the rest of what has begun ends. Nothing that is charged goes."""
    user = live(world, range(now + 1))
    open_ = {key: one for key, one in world.items() if key not in user.passed and not user.ledger.get(key, NOTHING).is_charged}
    open_ = {key: one for key, one in open_.items() if one.accepted <= now}
    changes, passed, _ = look(user.ledger, open_, caps, now)
    after = {key: entry for key, entry in (user.ledger | changes).items() if entry}
    charged = {key for key, entry in user.ledger.items() if entry.is_charged}
    assert charged <= after.keys()
    held = user.ledger.keys() - charged
    assert held - after.keys() <= passed.keys()
    if not Sums(caps, [user.ledger[key] for key in charged]).is_exceeded:
        assert not Sums(caps, after.values()).is_exceeded


@given(WORLDS, st.integers(0, END))
def test_room_that_is_shown_holds(world, now):
    """On one host, what is shown to have room at a moment gets it, and nothing else, if nobody accepts or withdraws anything after."""
    world = {key: one._replace(accepted=0, entry=one.entry._replace(host=HOSTS[0])) for key, one in world.items()}
    user = live(world, range(now + 1))
    open_ = {key: one for key, one in world.items() if key not in user.passed and not user.ledger.get(key, NOTHING).is_charged}
    waiting = look(user.ledger, open_, CAPS, now).waiting
    end = live(world, range(now + 1, END + 1), user=user)
    assert {key for key, shown in waiting.items() if shown == YES} == waiting.keys() & end.ledger.keys()
    assert all(end.passed[key].cause for key, shown in waiting.items() if shown != YES)


@given(WORLDS, st.integers(0, END))
def test_a_host_that_changes(world, now):
    """What is held for a host moves with its endpoint where there is room, or ends; without an endpoint it is released and stays open."""
    user = live(world, range(now + 1))
    held = {key for key, entry in user.ledger.items() if not entry.is_charged}
    open_ = {key: world[key] for key in held}
    moved = {key: one._replace(entry=one.entry._replace(host="c.example")) for key, one in open_.items()}
    changes, passed, _ = look(user.ledger, moved, CAPS, now)
    assert {key for key, entry in changes.items() if entry} == held - passed.keys()
    assert {entry.host for entry in changes.values() if entry} <= {"c.example"}
    gone = {key: one._replace(entry=None) for key, one in open_.items()}
    assert look(user.ledger, gone, CAPS, now) == Look(dict.fromkeys(held), {}, {})
    assert look(user.ledger, {}, CAPS, now) == Look(dict.fromkeys(held), {}, {})


def test_what_is_held_keeps_its_place():
    """What is held for an unchanged host keeps its room, though a question that moves there has a better rank and wants the same room."""
    held, moved = candidate_of(5, 0, 1, HOSTS[0], 20, ("a/x",)), candidate_of(0, 0, 1, HOSTS[1], 40, ("a/y",))
    ledger = {("a", "p"): held.entry, ("a", "q"): moved.entry}
    caps = Caps(40, 50, 140)
    world = {
        ("a", "p"): held._replace(entry=Charge(*held.entry)),
        ("a", "q"): moved._replace(entry=moved.entry._replace(host=HOSTS[0])),
    }
    full = because(Cause.NO_ROOM, cap="year", host=HOSTS[0], year="2026")
    assert look(ledger, world, caps, 10) == Look({("a", "q"): None}, {("a", "q"): full}, {})


def test_a_pause_ends_nothing():
    """While a question is paused it gets room, but does not end for lack of it, whether it is due or held."""
    paused = candidate_of(0, 0, 1, HOSTS[0], 20, ("a/x",))._replace(is_paused=True)
    other = candidate_of(1, 0, 1, HOSTS[0], 40, ("a/x",))
    world = {("a", "p"): paused, ("a", "q"): other}
    assert look({}, world, CAPS, 10) == Look({("a", "p"): paused.entry}, {("a", "q"): TOLD}, {})
    assert look({}, world, Caps(10, 10, 10), 10).passed == {("a", "q"): FULL}
    assert look({("a", "p"): paused.entry}, world, Caps(10, 10, 10), 10).changes == {("a", "p"): None}


def test_a_clock_that_is_set_back():
    """What is held stays held before its period, on another host too, is shown to have room, and does not end before the period begins."""
    one = candidate_of(0, 0, 2, HOSTS[0], 20, ("a/x",))
    assert look({("a", "p"): one.entry}, {("a", "p"): one}, CAPS, 12) == Look({}, {}, {("a", "p"): YES})
    moved = one._replace(entry=one.entry._replace(host=HOSTS[1]))
    assert look({("a", "p"): one.entry}, {("a", "p"): moved}, CAPS, 12) == Look({("a", "p"): moved.entry}, {}, {("a", "p"): YES})
    assert look({("a", "p"): one.entry}, {("a", "p"): one}, Caps(0, 0, 0), 12) == Look({("a", "p"): None}, {}, {("a", "p"): FULL})


@given(WORLDS, st.integers(0, END))
def test_order(world, begins):
    """The order is by rank; equal ranks are ordered by key. Only what is accepted before a moment and due later competes there."""
    competing = compete(world, begins, HOSTS[0])
    assert [(rank, key) for rank, key, _ in competing] == sorted((world[key].rank, key) for _, key, _ in competing)
    assert {key for _, key, _ in competing} == {
        key for key, one in world.items() if one.is_drawn and one.accepted < begins <= one.begins and one.entry.host == HOSTS[0]
    }
    assert view(Sums(CALM), competing) == {key: None for _, key, _ in competing}


def test_the_word_for_room():
    """Control1 has a stable word for the room of a question, and none where nothing is known."""
    caps = ({"cap": "life", "host": "a"}, {"cap": "year", "host": "a", "year": "2026"}, {"cap": "source", "source": "a/x"})
    rooms = [None, YES, NOT_DRAWN, *(because(Cause.NO_ROOM, **args) for args in caps)]
    assert [word(room) for room in rooms] == ["", "yes", "so far not", "life", "year", "source"]

"""Which registration makes room: the one used least recently, whatever was decided about it; and what is missed then."""

import pytest
from support.engine_flow import APP, DURING, FRAMEWORKS, KATE_2026, KEY, SHARED, Running, at, installed, user_of_shared

from telemetryd.core.permission.gate import Presence
from telemetryd.engine.declarations.registrations import Registrations
from telemetryd.errors import UnknownApplicationError

MOST = 3
OTHERS = [f"org.example.app{number}" for number in range(5)]


def order(registrations):
    """The applications, the next to go first."""
    return list(registrations)


def test_in_the_order_of_use():
    """After a start by the month of the registration; then by use, of which registering and pushing are one each."""
    registrations = Registrations({"b": "2026-11", "a": "2026-11", "c": "2026-10"}, MOST)
    assert order(registrations) == ["c", "a", "b"]
    registrations.use("c")
    registrations.use("c")
    assert order(registrations) == ["a", "b", "c"]
    registrations.put("a", "2026-12")
    registrations.use("c")
    registrations.use("no")
    assert order(registrations) == ["b", "a", "c"]
    assert (registrations.month("a"), registrations.month("no")) == ("2026-12", "")
    assert (registrations.next_to_evict("d"), registrations.next_to_evict("a")) == ("b", "")
    registrations.drop("b")
    assert registrations.next_to_evict("d") == ""


def test_the_last_one_is_used_again_after_others():
    """One application that pushes all the time is used, also where others only register meanwhile."""
    registrations = Registrations(limit=MOST)
    for name in ("a", *"bcdefg"):
        victim = registrations.next_to_evict(name)
        if victim:
            registrations.drop(victim)
        registrations.put(name, "2026-11")
        registrations.use("a")
    assert "a" in registrations


def test_renewed():
    """A look at the disk keeps the order of use, and what is missed; what came by another way is next to go."""
    registrations = Registrations({"a": "2026-10", "b": "2026-11", "c": "2026-12"}, MOST)
    registrations.use("a")
    registrations.expect(["c", "no"])
    registrations.drop("c")
    again = registrations.with_months({"d": "2026-12", "b": "2026-11", "a": "2026-11"})
    assert order(again) == ["d", "b", "a"]
    assert (again.month("a"), again.next_to_evict("e"), again.was_evicted("c"), again.was_evicted("no")) == ("2026-11", "d", True, False)
    again.expect([])
    assert not again.was_evicted("c")


def few(running):
    """So few registrations are taken that one more makes room."""
    running.catalogue._registered = Registrations(running.store.texts.months(), MOST)


def register(running, *names):
    """Applications register."""
    for name in names:
        running.sampling.register(name, KATE_2026.replace(APP, name))


async def collecting(running):
    """Kate registered itself, is accepted, and has a sample in its week."""
    running.machine.review(KATE_2026)
    running.endpoint()
    few(running)
    register(running, APP)
    await running.consent()
    running.to(DURING)
    running.push("startup", "d", 700.0)


async def test_what_was_decided_stays_and_pauses(tmp_path):
    """An accepted application makes room like any other. Its question pauses, its data stay, and it goes on when it registers again."""
    with Running(tmp_path) as running:
        await collecting(running)
        tallies = running.store.tallies.all()
        register(running, *OTHERS[:MOST])
        with pytest.raises(UnknownApplicationError):
            running.push("startup", "d", 700.0)
        assert running.catalogue.presence(APP) is Presence.EVICTED
        for _ in range(2):
            running.to(running.clock.wall + 3600)
            (row,) = running.views.questions(APP)
            assert (row["state"], row["consent"]) == ("active", 1)
            assert (row["cause"], row["cause_args"]) == ("gone", {"how": "displaced", "application": APP})
            assert running.store.tallies.all() == tallies
            running.restart()
            few(running)
        register(running, APP)
        running.look()
        assert running.views.questions(APP).__next__()["reason"] == "It is being measured until 2026-11-29."
        running.push("startup", "d", 700.0)
        running.to(at("12.1"))
        assert running.bodies() == {KEY[1]: ["500..2000"]}


async def test_it_ends_after_90_days(tmp_path):
    """An application that made room and does not come back counts as withdrawn when one that stopped registering would."""
    with Running(tmp_path) as running:
        await collecting(running)
        register(running, *OTHERS[:MOST])
        running.look()
        running.to(DURING + 89 * 86400)
        assert running.state() == "active"
        running.to(DURING + 91 * 86400)
        assert (running.state(), running.store.tallies.all()) == ("passed", [])


async def test_those_who_push_stay(tmp_path):
    """An application whose samples are refused stays as one whose are kept, however many others register, as long as it is used."""
    with Running(tmp_path) as running:
        await collecting(running)
        register(running, OTHERS[0])
        for name in OTHERS[1:]:
            register(running, name)
            running.push("startup", "d", 700.0)
            running.push("startup", "d", 700.0, OTHERS[0])
        assert {APP, OTHERS[0]} < set(running.store.texts.months())
        assert len(running.store.texts.months()) == MOST


async def test_what_was_pushed_into_shared_questions_stays(tmp_path):
    """What an application pushed into another's question is not erased because its registration made room."""
    with installed(tmp_path, FRAMEWORKS) as running:
        few(running)
        running.sampling.register(APP, user_of_shared(APP))
        await running.consent(SHARED)
        running.to(DURING)
        running.push(f"{SHARED}/crash", "i", 1)
        register(running, *OTHERS[:MOST])
        for _ in range(3):
            running.to(running.clock.wall + 3600)
        assert {tally.pusher for tally in running.store.tallies.all()} == {APP}


async def test_a_forgotten_one_is_not_missed(tmp_path):
    """What the user forgot is gone, not paused."""
    with Running(tmp_path) as running:
        await collecting(running)
        await running.choices.forget(APP)
        assert running.catalogue.presence(APP) is Presence.GONE
        assert running.state() == "passed"

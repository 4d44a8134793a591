"""The flow: what a sample changes, and what it does not."""

import logging
import math
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.engine_flow import ACCEPTED, AFTER, APP, DURING, FRAMEWORKS, KATE_2026, KEY, SHARED, Running, at, user_of_shared

from telemetryd.core.permission.lifecycle import State
from telemetryd.errors import (
    BusyError,
    InvalidManifestError,
    InvalidValueError,
    TelemetrydError,
    UnknownApplicationError,
    UnknownSourceError,
)

SOURCES = """
[[source]]
id = "crashed"
type = "flag"
description = "Crash"
[[source]]
id = "platform"
type = "choice"
description = "Window system"
values = ["x11", "wayland"]
[[source]]
id = "saves"
type = "count"
description = "Saves"
bins = [1, 10]
"""
ASKED = KATE_2026[KATE_2026.index("[[question]]") :]


def asking_for(question, *sources):
    """The text of a question about other sources than Kate's own."""
    return ASKED.replace("startup-time", question).replace('["startup"]', str(list(sources)).replace("'", '"'))


TYPED = "".join(asking_for(f"about-{source}", source) for source in ("crashed", "platform", "saves"))
FACTS = asking_for("startup-by-memory", "startup", "org.telemetryd.system/memory")
UNKNOWN_FACT = asking_for("by-architecture", "startup", "org.telemetryd.system/architecture")
OS_FACT = asking_for("by-os", "org.telemetryd.system/os").replace('"usage"', '"system"')
RICH = KATE_2026.replace("[[question]]", SOURCES + "[[question]]") + TYPED + FACTS


@pytest.fixture
async def running(tmp_path):
    """Kate's week runs, with questions of every type."""
    with Running(tmp_path) as running:
        running.install(RICH)
        running.endpoint()
        await running.consent()
        running.to(DURING)
        yield running


def cells(running):
    """Question → the cells on disk."""
    return {row.key[1]: list(row.cells) for row in running.store.tallies.all()}


async def test_push(running):
    """A sample goes to every question that asks for its source, and to no other."""
    running.push("startup", "d", 700.0)
    stored = cells(running)
    assert stored["startup-time"] == [0, 1, 0]
    assert stored["startup-by-memory"][:3] == [0, 1, 0]
    assert set(stored) == {"startup-time", "startup-by-memory"}


async def test_a_sample_counts_with_its_commit(running):
    """Before the commit nothing of it is on disk."""
    running.sampling.push(APP, "startup", "d", 700.0)
    assert "startup-time" not in cells(running)
    running.sampling.commit()
    assert cells(running)["startup-time"] == [0, 1, 0]


async def test_push_many(running):
    """Several sources in one call, each a value or an array."""
    running.sampling.push_many(APP, {"startup": ("ad", [1.0, 700.0, 3000.0]), "crashed": ("b", True), "saves": ("ay", bytes([1, 2]))})
    running.sampling.commit()
    stored = cells(running)
    assert (stored["startup-time"], stored["about-saves"]) == ([1, 1, 1], [1, 3])
    assert stored["about-crashed"][1] == 2


@pytest.mark.parametrize(
    "bad",
    [
        {"startup": ("ad", [1.0] * 999 + [math.nan])},
        {"startup": ("d", 1.0), "platform": ("i", 1)},
        {"startup": ("d", 1.0), "nothing": ("d", 1.0)},
        {"startup": ("aad", [[1.0]])},
        {"startup": ("a{sv}", {})},
        {"startup": ("av", [])},
        {"startup": ("(d)", [1.0])},
        {"platform": ("as", ["x11", "wayland"]), "crashed": ("as", ["yes"])},
        {"saves": ("ai", [1, -1])},
    ],
)
async def test_all_or_none(running, bad):
    """One bad value of many: a named error, and none of them is taken."""
    before = cells(running)
    with pytest.raises((InvalidValueError, UnknownSourceError)):
        running.sampling.push_many(APP, bad)
    running.sampling.commit()
    assert cells(running) == before


async def test_errors(running):
    """Who is not declared is named, and so are the sources that are."""
    with pytest.raises(UnknownApplicationError):
        running.push("startup", "d", 1.0, application="org.kde.dolphin")
    with pytest.raises(UnknownSourceError, match="crashed, platform, saves, startup"):
        running.push("other", "d", 1.0)
    with pytest.raises(InvalidValueError, match="a finite number"):
        running.push("startup", "s", "1.5")
    with pytest.raises(InvalidManifestError):
        running.sampling.register(APP, "schema = 2")
    running.machine.install(user_of_shared("org.kde.okular"))
    running.look()
    with pytest.raises(UnknownSourceError, match="is listed in uses, but"):
        running.push("org.kde.frameworks/crash", "u", 1, application="org.kde.okular")


async def test_system_facts(running, caplog):
    """A fact is read once, in the period of a question that asks for it, and joined with the question's other sources; nothing logs it."""
    caplog.set_level(logging.DEBUG)
    assert running.facts.reads == ["memory"]
    running.push("startup", "d", 700.0)
    for _ in range(3):
        running.decide()
    assert running.facts.reads == ["memory"]
    running.to(AFTER)
    assert running.bodies()["startup-by-memory"] == ["500..2000", "8..16"]
    running.to(at("12.8"))
    assert running.facts.reads == ["memory"]
    assert [*caplog.get_records("setup"), *caplog.records] == []


async def test_unknown_fact(tmp_path):
    """A fact that this machine does not tell makes the answer none."""
    with Running(tmp_path) as running:
        running.install(KATE_2026 + UNKNOWN_FACT)
        running.endpoint()
        await running.consent()
        running.to(DURING)
        running.push("startup", "d", 700.0)
        running.to(AFTER)
        assert running.bodies()["by-architecture"] == ["none", "none"]


async def test_kinds_of_facts(tmp_path):
    """Facts are numbers and texts alike."""
    with Running(tmp_path) as running:
        running.install(KATE_2026 + OS_FACT)
        running.endpoint()
        await running.consent()
        running.to(DURING)
        running.to(AFTER)
        assert running.bodies()["by-os"] == ["debian"]


async def test_period_begins_and_ends_by_itself(running):
    """No call but pushes: the first one after the week is not kept, asks for a look, and decides nothing itself. Policy: C3."""
    running.clock.wall = at("11.30", 0) - 1
    running.push("startup", "d", 700.0)
    running.owed.clear()
    running.clock.wall = at("11.30", 0)
    running.push("startup", "d", 3000.0)
    assert running.bodies() == {}
    assert running.owed == ["day"]
    assert running.look()
    assert running.bodies()["startup-time"] == ["500..2000"]


async def test_push_before_the_period(tmp_path):
    """Accepted, but its week has not begun: nothing is kept; a clock that is set back refuses again."""
    with Running(tmp_path) as running:
        running.install()
        await running.consent()
        running.push("startup", "d", 700.0)
        running.clock.wall = at("11.23", 0) - 1
        running.push("startup", "d", 700.0)
        assert running.store.tallies.all() == []
        running.clock.wall = at("11.23", 0)
        running.push("startup", "d", 700.0)
        running.clock.wall = ACCEPTED
        running.push("startup", "d", 700.0)
        assert cells(running) == {"startup-time": [0, 1, 0]}


async def test_a_sample_looks_at_no_file(running):
    """A kill switch holds from the next look on, and erases what came before it; no sample makes that look. Policy: C3."""
    running.push("startup", "d", 700.0)
    running.machine.configure("enabled = false")
    running.clock.wall += 500
    running.push("startup", "d", 700.0)
    assert cells(running)["startup-time"] == [0, 2, 0]
    assert running.look()
    running.push("startup", "d", 700.0)
    assert running.store.tallies.all() == []
    assert running.state() == State.PASSED


async def test_register(running):
    """Registering an unchanged text decides nothing anew; new shared sources are known at once."""
    before = running.sampling._routes
    running.push("startup", "d", 700.0)
    assert before
    digest = running.catalogue.get(APP).digest
    assert running.sampling.register(APP, RICH) == running.sampling.register(APP, "") == digest
    assert running.sampling._routes
    running.install(FRAMEWORKS)
    plain = user_of_shared("org.kde.okular").replace(', "org.kde.frameworks/programs"', "")
    running.sampling.register("org.kde.okular", plain)
    with pytest.raises(UnknownSourceError):
        running.push(f"{SHARED}/programs", "u", 1, application="org.kde.okular")
    running.sampling.register("org.kde.okular", user_of_shared("org.kde.okular"))
    running.push(f"{SHARED}/programs", "u", 1, application="org.kde.okular")


async def test_reload(running):
    """Nothing changed: nothing is decided anew; a file, a midnight or a clock set back: it is."""
    time.sleep(0.05)
    running.look()  # what was written just now is looked at once more a few milliseconds later
    assert not running.look()
    running.clock.wall += 3 * 86400
    assert running.look()
    running.clock.wall -= 86400
    assert running.look()
    running.machine.configure("# nothing")
    assert running.look()


# Consent at random: what a push may change.
PUSHES = st.one_of(
    st.tuples(st.just("startup"), st.just("d"), st.floats(-10, 5000)),
    st.tuples(st.just("crashed"), st.just("b"), st.booleans()),
    st.tuples(st.just("platform"), st.just("s"), st.sampled_from(["x11", "wayland", "secret"])),
    st.tuples(st.just("saves"), st.just("u"), st.integers(0, 20)),
    st.sampled_from([("startup", "d", math.nan), ("startup", "s", "1.5"), ("other", "d", 1.0), ("saves", "i", -1)]),
)
ACTS = st.one_of(
    st.tuples(st.just("level"), st.integers(0, 2)),
    st.tuples(st.just("own"), st.sampled_from([0, 3])),
    st.tuples(st.just("refuse"), st.sampled_from(["startup-time", "about-crashed", "about-platform"])),
    st.tuples(st.just("switch"), st.booleans()),
    st.tuples(st.just("pass"), st.sampled_from([0, 3600, 86400, 4 * 86400])),
)


async def act(running, kind, value):
    """One act of the user, the administrator or time."""
    if kind == "level":
        await running.choices.set_level("usage", value)
    elif kind == "own":
        await running.choices.set_application(APP, 3, value)
    elif kind == "refuse":
        await running.choices.set_question(APP, value, is_allowed=False)
    elif kind == "switch":
        running.configure(f'enabled = {str(value).lower()}\n[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.kde.org/v1"')
    else:
        running.to(running.clock.wall + value)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.booleans(), st.lists(st.tuples(ACTS, st.lists(PUSHES, max_size=5)), max_size=5))
async def test_a_refused_sample_changes_nothing(tmp_path_factory, is_accepted, steps):
    """Over random consent and pushes: the bytes of every file change with a push only if a question that takes it is active."""
    with Running(tmp_path_factory.mktemp("random")) as running:
        running.install(RICH)
        running.endpoint()
        if is_accepted:
            await running.consent()
        running.to(DURING)
        for step, pushes in steps:
            await act(running, *step)
            for source, code, value in pushes:
                taken = [name for name in asking(source) if running.state((APP, name)) == State.ACTIVE]
                files, held = running.files(), tallies_held(running)
                try:
                    running.push(source, code, value)
                except TelemetrydError:
                    taken = []
                if not taken:
                    assert running.files() == files
                    assert tallies_held(running) == held


def tallies_held(running):
    """Every tally in memory that holds anything."""
    return {key: list(tally.cells) for key, tally in running.tallies._tallies.items() if any(tally.cells)}


def asking(source):
    """The questions that ask for a source."""
    return ["startup-time", "startup-by-memory"] if source == "startup" else [f"about-{source}"] if source != "other" else []


async def test_what_lacks_consent_at_a_start_is_erased(running):
    """A tally without an acceptance, as after a lost consent file, goes at the start."""
    running.push("startup", "d", 700.0)
    running.store.close()
    for path in running.directory.glob("consent.sqlite*"):
        path.unlink()
    running.put_together()
    assert running.store.tallies.all()
    running.now(running.sampling.start_steps())
    assert running.store.tallies.all() == []


async def test_restart_goes_on(running):
    """Acknowledged samples are there after a restart, and the tally goes on."""
    running.push("startup", "d", 700.0)
    running.restart()
    running.push("startup", "d", 700.0)
    assert cells(running)["startup-time"] == [0, 2, 0]
    assert running.questions.record(KEY).period == "2026-W48"


async def test_a_switch_of_the_mode_decides_nothing_over_these_files(running):
    """Developer mode in the user's file, seen by a push or a reload before other databases are opened: nothing here is decided or kept."""
    running.install()
    running.endpoint()
    await running.consent()
    before, kept = dict(running.store.consents.records), running.store.tallies.all()
    running.machine.configure_user("developer = true\n")
    running.look()
    with pytest.raises(BusyError, match="call again"):
        running.push("startup", "d", 700.0)
    running.now(running.ticker.tidy_steps())
    assert dict(running.store.consents.records) == before
    assert running.store.tallies.all() == kept

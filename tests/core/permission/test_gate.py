import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.manifests.core_questions import ENDPOINT, MEMORY, STARTUP, define, locked, permitted, review_of, stop_of, switched

from telemetryd.core.causes import Cause, because
from telemetryd.core.permission.gate import (
    ApplicationLevels,
    Decision,
    Levels,
    Presence,
    absence,
    axes,
    covers,
    deciding_obstacle,
    effective_level,
    kill_switch,
    obstacles,
    obstacles_without_definition,
)
from telemetryd.core.permission.obstacle_delay import AT_ONCE, EVICTED, GONE, UNREADABLE, UNREGISTERED
from telemetryd.core.permission.signoffs import Standing
from telemetryd.core.settings import KillSwitch, Lock, Origin, Settings

ASKED = define()
OTHER = define(purpose="Why else?")
FACTS = define(STARTUP, MEMORY)
DETAILED = define(detail=2)
SYSTEM = define(MEMORY, category="system")
DETAILED_FACTS = define(STARTUP, MEMORY, detail=2)
APP = ASKED.application.id


def causes(definition, **others):
    """The obstacles as (kind, delay) under circumstances that permit the definition; `others` replace some of them."""
    return [(obstacle.kind, obstacle.delay) for obstacle in obstacles(definition, permitted(definition, **others))]


@pytest.mark.parametrize("definition", [ASKED, FACTS, DETAILED, SYSTEM])
def test_open(definition):
    """Circumstances that permit everything leave no obstacle."""
    assert obstacles(definition, permitted(definition)) == []


UNREADABLE_KIND = "unreadable/configuration"
CONDITIONS = [
    (ASKED, {"settings": switched("enabled")}, [(Cause.KILL_SWITCH, AT_ONCE)]),
    (ASKED, {"settings": switched("DO_NOT_TRACK")}, [(Cause.DO_NOT_TRACK, AT_ONCE)]),
    (ASKED, {"settings": switched("kuserfeedback")}, [(Cause.KILL_SWITCH, AT_ONCE)]),
    (ASKED, {"settings": switched("unreadable")}, [("unreadable/configuration", UNREADABLE)]),
    (ASKED, {"settings": switched("unreadable", "enabled")}, [(Cause.KILL_SWITCH, AT_ONCE)]),
    (ASKED, {"settings": locked("usage", 0)}, [(Cause.LOCK, AT_ONCE)]),
    (ASKED, {"settings": locked("system", 0)}, []),
    (ASKED, {"settings": locked("usage", 1)}, []),
    (DETAILED, {"settings": locked("usage", 1)}, [(Cause.LOCK, AT_ONCE)]),
    (FACTS, {"settings": locked("system", 0)}, [(Cause.LOCK, AT_ONCE)]),
    (SYSTEM, {"settings": locked("usage", 0)}, []),
    (SYSTEM, {"settings": locked("system", 0)}, [(Cause.LOCK, AT_ONCE)]),
    (ASKED, {"levels": Levels()}, [(Cause.LEVEL, AT_ONCE)]),
    (ASKED, {"levels": Levels(system=2)}, [(Cause.LEVEL, AT_ONCE)]),
    (ASKED, {"levels": Levels(usage=1)}, []),
    (DETAILED, {"levels": Levels(usage=1)}, [(Cause.LEVEL, AT_ONCE)]),
    (FACTS, {"levels": Levels(usage=2)}, [(Cause.LEVEL, AT_ONCE)]),
    (FACTS, {"levels": Levels(system=2)}, [(Cause.LEVEL, AT_ONCE)]),
    (FACTS, {"levels": Levels()}, [(Cause.LEVEL, AT_ONCE), (Cause.LEVEL, AT_ONCE)]),
    (SYSTEM, {"levels": Levels(usage=2)}, [(Cause.LEVEL, AT_ONCE)]),
    (SYSTEM, {"levels": Levels(system=1)}, []),
    (ASKED, {"application": ApplicationLevels(usage=0)}, [(Cause.APPLICATION_LEVEL, AT_ONCE)]),
    (ASKED, {"application": ApplicationLevels(system=0)}, []),
    (ASKED, {"application": ApplicationLevels(usage=1)}, []),
    (DETAILED, {"application": ApplicationLevels(usage=1)}, [(Cause.APPLICATION_LEVEL, AT_ONCE)]),
    (FACTS, {"application": ApplicationLevels(system=0)}, [(Cause.APPLICATION_LEVEL, AT_ONCE)]),
    (ASKED, {"levels": Levels(), "application": ApplicationLevels(usage=2)}, [(Cause.LEVEL, AT_ONCE)]),
    (ASKED, {"decision": Decision(refused=True, accepted={ASKED.digest: 1})}, [(Cause.REFUSED, AT_ONCE)]),
    (ASKED, {"decision": Decision()}, [(Cause.NONE, AT_ONCE)]),
    (ASKED, {"decision": Decision(refused=True)}, [(Cause.REFUSED, AT_ONCE), (Cause.NONE, AT_ONCE)]),
    (ASKED, {"decision": Decision(accepted={OTHER.digest: 1})}, [(Cause.CHANGED, AT_ONCE), (Cause.NONE, AT_ONCE)]),
    (ASKED, {"decision": Decision(accepted={OTHER.digest: 1, ASKED.digest: 2})}, []),
    (ASKED, {"decision": Decision(), "levels": Levels(2, 2, 0)}, [(Cause.NONE, AT_ONCE)]),
    (ASKED, {"decision": Decision(), "settings": locked("new_questions", 0)}, [(Cause.NONE, AT_ONCE)]),
    (ASKED, {"settings": locked("new_questions", 0)}, []),
    (ASKED, {"presence": Presence.GONE}, [("gone/removed", GONE)]),
    (ASKED, {"presence": Presence.UNREADABLE}, [("unreadable/manifest", UNREADABLE)]),
    (ASKED, {"presence": Presence.DROPPED}, [("gone/not_asked", GONE)]),
    (ASKED, {"presence": Presence.UNREGISTERED}, [("gone/unregistered", UNREGISTERED)]),
    (ASKED, {"presence": Presence.EVICTED}, [("gone/displaced", EVICTED)]),
    (ASKED, {"presence": Presence.UNREADABLE, "standing": Standing()}, [("unreadable/manifest", UNREADABLE)]),
    (ASKED, {"presence": Presence.GONE, "standing": Standing(review_of(OTHER))}, [("gone/removed", GONE)]),
    (ASKED, {"standing": Standing(review_of(ASKED), stop_of(ASKED, "answered"))}, [(Cause.STOPPED, AT_ONCE)]),
    (ASKED, {"standing": Standing(review_of(ASKED), stop_of(ASKED))}, [(Cause.SUSPENDED, AT_ONCE)]),
    (ASKED, {"standing": Standing()}, [(Cause.UNREVIEWED, GONE)]),
    (ASKED, {"standing": Standing(review_of(OTHER))}, [(Cause.UNREVIEWED, GONE)]),
    (ASKED, {"are_reviews_readable": False}, [("reviews/stop", UNREADABLE)]),
    (ASKED, {"are_reviews_readable": False, "standing": Standing()}, [("reviews/stop", UNREADABLE), ("reviews/review", UNREADABLE)]),
    (ASKED, {"standing": Standing(), "settings": Settings(developer=True)}, []),
]


@pytest.mark.parametrize(("definition", "others", "expected"), CONDITIONS)
def test_conditions(definition, others, expected):
    """Each condition blocks a question by itself, and has its own delay."""
    assert causes(definition, **others) == expected


@pytest.mark.parametrize("digit", "0f")
def test_a_review_of_another_digest_admits_nothing(digit):
    """A review admits the definition with its digest only, not one with a lower or higher digest."""
    review = review_of(ASKED)._replace(definition="sha256:" + 64 * digit)
    assert causes(ASKED, standing=Standing(review)) == [(Cause.UNREVIEWED, GONE)]
    assert causes(ASKED, standing=Standing(review_of(ASKED))) == []


def test_order():
    """All obstacles together are in the order of the gate."""
    settings = Settings(kill_switches=(KillSwitch("enabled", "a.toml"),), locks=(Lock("usage", 0, "fleet.toml"),))
    blocked_by = causes(
        ASKED,
        settings=settings,
        levels=Levels(),
        application=ApplicationLevels(usage=0),
        decision=Decision(refused=True, accepted={OTHER.digest: 1}),
        presence=Presence.GONE,
        standing=Standing(None, stop_of(ASKED)),
        are_reviews_readable=False,
    )
    assert [cause for cause, _ in blocked_by] == [
        *(Cause.KILL_SWITCH, Cause.LOCK, Cause.LEVEL, Cause.APPLICATION_LEVEL, Cause.REFUSED, Cause.CHANGED, Cause.NONE, "gone/removed"),
        *(Cause.SUSPENDED, "reviews/stop"),
    ]


@pytest.mark.parametrize(
    ("others", "over", "cause", "is_final"),
    [
        ({"settings": switched("unreadable")}, (), "unreadable/configuration", False),
        ({"settings": switched("unreadable"), "levels": Levels()}, (), Cause.LEVEL, True),
        ({"settings": switched("unreadable"), "presence": Presence.GONE}, (), "unreadable/configuration", False),
        ({"settings": switched("unreadable"), "presence": Presence.GONE}, ("gone/removed",), "gone/removed", True),
        ({"settings": switched("unreadable"), "presence": Presence.GONE}, ("gone/removed", UNREADABLE_KIND), UNREADABLE_KIND, True),
        ({"presence": Presence.UNREADABLE, "standing": Standing(None, stop_of(ASKED))}, (), Cause.SUSPENDED, True),
        ({"presence": Presence.UNREADABLE, "are_reviews_readable": False}, ("gone/removed",), "unreadable/manifest", False),
    ],
)
def test_what_is_final_is_told(others, over, cause, is_final):
    """The final obstacle is named, not the first: an unreadable file neither delays a withdrawal nor hides it."""
    obstacle, is_over = deciding_obstacle(obstacles(ASKED, permitted(ASKED, **others)), over)
    assert (obstacle.kind, is_over) == (cause, is_final)


@pytest.mark.parametrize("others", [row[1] for row in CONDITIONS])
def test_without_a_definition(others):
    """A question that cannot be read counts as detailed on every axis; its refusal and absence count too."""
    gone = {"presence": Presence.GONE, **others}
    expected = [*obstacles(DETAILED_FACTS, permitted(DETAILED_FACTS, **{**gone, "decision": Decision(), "standing": Standing()}))]
    ignored = {Cause.NONE, "reviews/stop"}
    refused = others.get("decision", Decision()).refused
    blocked_by = obstacles_without_definition(APP, permitted(ASKED, **gone))
    assert {obstacle.kind for obstacle in blocked_by} == {obstacle.kind for obstacle in expected if obstacle.kind not in ignored} | (
        {Cause.REFUSED} if refused else set()
    )
    assert blocked_by


def test_a_manifest_that_is_there_shuts_nothing():
    """A present manifest is no obstacle."""
    assert absence(APP, Presence.PRESENT) is None
    assert obstacles_without_definition(APP, permitted(ASKED)) == []


@pytest.mark.parametrize(
    ("whats", "reason"),
    [
        ((), None),
        (("enabled",), because(Cause.KILL_SWITCH, file="enabled.toml")),
        (("unreadable",), because(Cause.UNREADABLE, what="configuration", file="unreadable.toml")),
        (("unreadable", "kuserfeedback"), because(Cause.KILL_SWITCH, file="kuserfeedback.toml")),
        (("unreadable", "DO_NOT_TRACK"), because(Cause.DO_NOT_TRACK)),
    ],
)
def test_kill_switch_that_counts(whats, reason):
    """A switch that a person set comes before an unreadable file, in any order."""
    for order in (whats, whats[::-1]):
        obstacle = kill_switch(switched(*order))
        assert (obstacle and obstacle.reason) == reason


def test_strictest_lock_is_named():
    """The lower of two locks is in force, and its file is named."""
    locks = (Lock("usage", 1, "lax.toml"), Lock("usage", 0, "strict.toml"), Lock("system", 0, "other.toml"))
    (obstacle,) = obstacles(ASKED, permitted(ASKED, settings=Settings(locks=locks)))
    assert obstacle.reason == because(Cause.LOCK, axis="usage", level="basic", file="strict.toml")


def test_whose_lock_it_is():
    """A lock in a file of the user's own is not told as the administrator's."""
    settings = Settings(locks=(Lock("usage", 1, "lax.toml"), Lock("usage", 0, "own.toml", Origin.USER)))
    (obstacle,) = obstacles(ASKED, permitted(ASKED, settings=settings))
    assert obstacle.reason == because(Cause.LOCK, axis="usage", level="basic", file="own.toml", whose="user")


LEVEL, OWN = st.integers(0, 2), st.integers(0, 3)


@given(st.tuples(LEVEL, OWN, LEVEL), st.tuples(LEVEL, OWN, LEVEL), st.sampled_from([ASKED, FACTS, DETAILED, SYSTEM]))
def test_levels_as_a_whole(system, usage, definition):
    """A question is open if lock, global level and application level permit it on every axis that it touches."""
    settings = Settings(locks=(Lock("system", system[2], "s"), Lock("usage", usage[2], "u")), endpoints=(ENDPOINT,))
    levels, own = Levels(system[0], usage[0]), ApplicationLevels(system[1], usage[1])
    reached = {"system": min(system), "usage": min(usage)}
    is_open = all(reached[axis] >= definition.question.detail for axis in axes(definition))
    assert {axis: effective_level(axis, levels, own, settings) for axis in reached} == reached
    assert covers(definition, levels, own, settings) == is_open
    assert (obstacles(definition, permitted(definition, settings=settings, levels=levels, application=own)) == []) == is_open


@given(LEVEL, OWN, st.sampled_from(["enabled", "unreadable", "DO_NOT_TRACK", "kuserfeedback"]))
def test_nothing_holds_under_a_kill_switch(level, own, kind):
    """While a switch is on, every level in force is off."""
    assert effective_level("usage", Levels(level, level), ApplicationLevels(own, own), switched(kind)) == 0
    assert not covers(ASKED, Levels(level, level), ApplicationLevels(own, own), switched(kind))


def test_axes():
    """A usage question with a system fact needs both axes; one of system facts only needs its own."""
    assert [axes(definition) for definition in (ASKED, FACTS, SYSTEM)] == [("usage",), ("usage", "system"), ("system",)]

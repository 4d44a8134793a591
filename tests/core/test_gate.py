import pytest
from declared import ENDPOINT, MEMORY, STARTUP, define, locked, permitted, review_of, stop_of, switched
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.core.delay import AT_ONCE, EVICTED, GONE, UNREADABLE, UNREGISTERED
from telemetryd.core.gate import (
    ApplicationLevels,
    Cause,
    Decision,
    Levels,
    Presence,
    absence,
    axes,
    closures,
    closures_without_definition,
    covers,
    effective,
    kill_switch,
    told,
)
from telemetryd.core.settings import KillSwitch, Lock, Settings
from telemetryd.core.signoffs import Standing

ASKED = define()
OTHER = define(purpose="Why else?")
FACTS = define(STARTUP, MEMORY)
DETAILED = define(detail=2)
SYSTEM = define(MEMORY, category="system")
DETAILED_FACTS = define(STARTUP, MEMORY, detail=2)
APP = ASKED.application.id


def causes(definition, **others):
    """What shuts the definition, as (cause, delay), under circumstances that permit it but for `others`."""
    return [(one.cause, one.delay) for one in closures(definition, permitted(definition, **others))]


@pytest.mark.parametrize("definition", [ASKED, FACTS, DETAILED, SYSTEM])
def test_open(definition):
    """With everything permitted nothing shuts a question."""
    assert closures(definition, permitted(definition)) == []


CONDITIONS = [
    (ASKED, {"settings": switched("enabled")}, [(Cause.KILL_SWITCH, AT_ONCE)]),
    (ASKED, {"settings": switched("DO_NOT_TRACK")}, [(Cause.DO_NOT_TRACK, AT_ONCE)]),
    (ASKED, {"settings": switched("kuserfeedback")}, [(Cause.KILL_SWITCH, AT_ONCE)]),
    (ASKED, {"settings": switched("unreadable")}, [(Cause.UNREADABLE, UNREADABLE)]),
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
    (ASKED, {"application": ApplicationLevels(usage=0)}, [(Cause.APPLICATION, AT_ONCE)]),
    (ASKED, {"application": ApplicationLevels(system=0)}, []),
    (ASKED, {"application": ApplicationLevels(usage=1)}, []),
    (DETAILED, {"application": ApplicationLevels(usage=1)}, [(Cause.APPLICATION, AT_ONCE)]),
    (FACTS, {"application": ApplicationLevels(system=0)}, [(Cause.APPLICATION, AT_ONCE)]),
    (ASKED, {"levels": Levels(), "application": ApplicationLevels(usage=2)}, [(Cause.LEVEL, AT_ONCE)]),
    (ASKED, {"decision": Decision(refused=True, accepted={ASKED.digest: 1})}, [(Cause.REFUSED, AT_ONCE)]),
    (ASKED, {"decision": Decision()}, [(Cause.PENDING, AT_ONCE)]),
    (ASKED, {"decision": Decision(refused=True)}, [(Cause.REFUSED, AT_ONCE), (Cause.PENDING, AT_ONCE)]),
    (ASKED, {"decision": Decision(accepted={OTHER.digest: 1})}, [(Cause.CHANGED, AT_ONCE), (Cause.PENDING, AT_ONCE)]),
    (ASKED, {"decision": Decision(accepted={OTHER.digest: 1, ASKED.digest: 2})}, []),
    (ASKED, {"decision": Decision(), "levels": Levels(2, 2, 0)}, [(Cause.PENDING, AT_ONCE), (Cause.PENDING, AT_ONCE)]),
    (ASKED, {"decision": Decision(), "settings": locked("new_questions", 0)}, [(Cause.PENDING, AT_ONCE), (Cause.PENDING, AT_ONCE)]),
    (ASKED, {"settings": locked("new_questions", 0)}, []),
    (ASKED, {"presence": Presence.GONE}, [(Cause.GONE, GONE)]),
    (ASKED, {"presence": Presence.UNREADABLE}, [(Cause.MANIFEST, UNREADABLE)]),
    (ASKED, {"presence": Presence.DROPPED}, [(Cause.DROPPED, GONE)]),
    (ASKED, {"presence": Presence.UNREGISTERED}, [(Cause.UNREGISTERED, UNREGISTERED)]),
    (ASKED, {"presence": Presence.EVICTED}, [(Cause.EVICTED, EVICTED)]),
    (ASKED, {"presence": Presence.UNREADABLE, "standing": Standing()}, [(Cause.MANIFEST, UNREADABLE)]),
    (ASKED, {"presence": Presence.GONE, "standing": Standing(review_of(OTHER))}, [(Cause.GONE, GONE)]),
    (ASKED, {"standing": Standing(review_of(ASKED), stop_of(ASKED, "answered"))}, [(Cause.STOPPED, AT_ONCE)]),
    (ASKED, {"standing": Standing(review_of(ASKED), stop_of(ASKED))}, [(Cause.SUSPENDED, AT_ONCE)]),
    (ASKED, {"standing": Standing()}, [(Cause.UNREVIEWED, GONE)]),
    (ASKED, {"standing": Standing(review_of(OTHER))}, [(Cause.UNREVIEWED, GONE)]),
    (ASKED, {"are_reviews_readable": False}, [(Cause.REVIEWS, UNREADABLE)]),
    (ASKED, {"are_reviews_readable": False, "standing": Standing()}, [(Cause.REVIEWS, UNREADABLE), (Cause.REVIEW, UNREADABLE)]),
    (ASKED, {"standing": Standing(), "settings": Settings(developer=True)}, []),
]


@pytest.mark.parametrize(("definition", "others", "expected"), CONDITIONS)
def test_conditions(definition, others, expected):
    """Each condition shuts a question by itself, pauses as long as it may, and nothing else does."""
    assert causes(definition, **others) == expected


def test_order():
    """Everything at once is told in the gate's order."""
    settings = Settings(kill_switches=(KillSwitch("enabled", "a.toml"),), locks=(Lock("usage", 0, "fleet.toml"),))
    found = causes(
        ASKED,
        settings=settings,
        levels=Levels(),
        application=ApplicationLevels(usage=0),
        decision=Decision(refused=True, accepted={OTHER.digest: 1}),
        presence=Presence.GONE,
        standing=Standing(None, stop_of(ASKED)),
        are_reviews_readable=False,
    )
    assert [cause for cause, _ in found] == [
        *(Cause.KILL_SWITCH, Cause.LOCK, Cause.LEVEL, Cause.APPLICATION, Cause.REFUSED, Cause.CHANGED, Cause.PENDING, Cause.GONE),
        *(Cause.SUSPENDED, Cause.REVIEWS),
    ]


@pytest.mark.parametrize(
    ("others", "over", "cause", "is_final"),
    [
        ({"settings": switched("unreadable")}, (), Cause.UNREADABLE, False),
        ({"settings": switched("unreadable"), "levels": Levels()}, (), Cause.LEVEL, True),
        ({"settings": switched("unreadable"), "presence": Presence.GONE}, (), Cause.UNREADABLE, False),
        ({"settings": switched("unreadable"), "presence": Presence.GONE}, (Cause.GONE,), Cause.GONE, True),
        ({"settings": switched("unreadable"), "presence": Presence.GONE}, (Cause.GONE, Cause.UNREADABLE), Cause.UNREADABLE, True),
        ({"presence": Presence.UNREADABLE, "standing": Standing(None, stop_of(ASKED))}, (), Cause.SUSPENDED, True),
        ({"presence": Presence.UNREADABLE, "are_reviews_readable": False}, (Cause.GONE,), Cause.MANIFEST, False),
    ],
)
def test_what_is_final_is_told(others, over, cause, is_final):
    """What ended a question is named, not what merely came first: an unreadable file neither delays a withdrawal nor takes its name."""
    closed, is_over = told(closures(ASKED, permitted(ASKED, **others)), over)
    assert (closed.cause, is_over) == (cause, is_final)


@pytest.mark.parametrize("others", [row[1] for row in CONDITIONS])
def test_without_a_definition(others):
    """What nobody can read may have needed everything: what shuts it in detail on any axis counts, and its refusal and absence."""
    gone = {"presence": Presence.GONE, **others}
    expected = [*closures(DETAILED_FACTS, permitted(DETAILED_FACTS, **{**gone, "decision": Decision(), "standing": Standing()}))]
    ignored = {Cause.PENDING, Cause.REVIEWS}
    refused = others.get("decision", Decision()).refused
    found = closures_without_definition(APP, permitted(ASKED, **gone))
    assert {one.cause for one in found} == {one.cause for one in expected if one.cause not in ignored} | (
        {Cause.REFUSED} if refused else set()
    )
    assert found


def test_a_manifest_that_is_there_shuts_nothing():
    """Only an absence is one."""
    assert absence(APP, Presence.PRESENT) is None
    assert closures_without_definition(APP, permitted(ASKED)) == []


@pytest.mark.parametrize(
    ("whats", "text"),
    [
        ((), None),
        (("enabled",), "enabled.toml says enabled = false"),
        (("unreadable",), "unreadable.toml cannot be read, which counts as off"),
        (("unreadable", "kuserfeedback"), "kuserfeedback.toml switches KUserFeedback off"),
        (("unreadable", "DO_NOT_TRACK"), "DO_NOT_TRACK is set in the environment"),
    ],
)
def test_kill_switch_that_counts(whats, text):
    """A switch that a person set is told of before a file that cannot be read, whatever the order."""
    for order in (whats, whats[::-1]):
        told = kill_switch(switched(*order))
        assert (told and told.text) == text


def test_strictest_lock_is_named():
    """Of two locks the lower one holds, and its file is named."""
    locks = (Lock("usage", 1, "lax.toml"), Lock("usage", 0, "strict.toml"), Lock("system", 0, "other.toml"))
    (told,) = closures(ASKED, permitted(ASKED, settings=Settings(locks=locks)))
    assert told.text == "the administrator limits Usage in strict.toml"


LEVEL, OWN = st.integers(0, 2), st.integers(0, 3)


@given(st.tuples(LEVEL, OWN, LEVEL), st.tuples(LEVEL, OWN, LEVEL), st.sampled_from([ASKED, FACTS, DETAILED, SYSTEM]))
def test_levels_as_a_whole(system, usage, definition):
    """A level holds if lock, global level and the application's own all reach it on every axis that the question touches."""
    settings = Settings(locks=(Lock("system", system[2], "s"), Lock("usage", usage[2], "u")), endpoints=(ENDPOINT,))
    levels, own = Levels(system[0], usage[0]), ApplicationLevels(system[1], usage[1])
    reached = {"system": min(system), "usage": min(usage)}
    is_open = all(reached[axis] >= definition.question.detail for axis in axes(definition))
    assert {axis: effective(axis, levels, own, settings) for axis in reached} == reached
    assert covers(definition, levels, own, settings) == is_open
    assert (closures(definition, permitted(definition, settings=settings, levels=levels, application=own)) == []) == is_open


@given(LEVEL, OWN, st.sampled_from(["enabled", "unreadable", "DO_NOT_TRACK", "kuserfeedback"]))
def test_nothing_holds_under_a_kill_switch(level, own, what):
    """While a switch is on every effective level is off."""
    assert effective("usage", Levels(level, level), ApplicationLevels(own, own), switched(what)) == 0
    assert not covers(ASKED, Levels(level, level), ApplicationLevels(own, own), switched(what))


def test_axes():
    """A usage question with a system fact needs both axes, one of system facts only its own."""
    assert [axes(one) for one in (ASKED, FACTS, SYSTEM)] == [("usage",), ("usage", "system"), ("system",)]

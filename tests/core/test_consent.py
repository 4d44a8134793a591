import pytest
from declared import ENDPOINT, MEMORY, STARTUP, define, locked, permitted, review_of, stop_of, switched
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.core.consent import (
    GONE_GRACE_S,
    UNREADABLE_GRACE_S,
    ApplicationLevels,
    Cause,
    Decision,
    Levels,
    Presence,
    axes,
    closures,
    covers,
    effective,
    first,
    kill_switch,
)
from telemetryd.core.reviews import Standing
from telemetryd.core.settings import KillSwitch, Lock, Settings

ASKED = define()
OTHER = define(purpose="Why else?")
FACTS = define(STARTUP, MEMORY)
DETAILED = define(detail=2)
SYSTEM = define(MEMORY, category="system")
DAY, TEN_MINUTES = UNREADABLE_GRACE_S, GONE_GRACE_S


def causes(definition, **others):
    """What shuts the definition, as (cause, grace), under circumstances that permit it but for `others`."""
    return [(one.cause, one.grace_s) for one in closures(definition, permitted(definition, **others))]


@pytest.mark.parametrize("definition", [ASKED, FACTS, DETAILED, SYSTEM])
def test_open(definition):
    """With everything permitted nothing shuts a question."""
    assert closures(definition, permitted(definition)) == []
    assert first([]) is None


CONDITIONS = [
    (ASKED, {"settings": switched("enabled")}, [(Cause.KILL_SWITCH, 0)]),
    (ASKED, {"settings": switched("DO_NOT_TRACK")}, [(Cause.KILL_SWITCH, 0)]),
    (ASKED, {"settings": switched("kuserfeedback")}, [(Cause.KILL_SWITCH, 0)]),
    (ASKED, {"settings": switched("unreadable")}, [(Cause.KILL_SWITCH, DAY)]),
    (ASKED, {"settings": switched("unreadable", "enabled")}, [(Cause.KILL_SWITCH, 0)]),
    (ASKED, {"settings": locked("usage", 0)}, [(Cause.LOCK, 0)]),
    (ASKED, {"settings": locked("system", 0)}, []),
    (ASKED, {"settings": locked("usage", 1)}, []),
    (DETAILED, {"settings": locked("usage", 1)}, [(Cause.LOCK, 0)]),
    (FACTS, {"settings": locked("system", 0)}, [(Cause.LOCK, 0)]),
    (SYSTEM, {"settings": locked("usage", 0)}, []),
    (SYSTEM, {"settings": locked("system", 0)}, [(Cause.LOCK, 0)]),
    (ASKED, {"levels": Levels()}, [(Cause.LEVEL, 0)]),
    (ASKED, {"levels": Levels(system=2)}, [(Cause.LEVEL, 0)]),
    (ASKED, {"levels": Levels(usage=1)}, []),
    (DETAILED, {"levels": Levels(usage=1)}, [(Cause.LEVEL, 0)]),
    (FACTS, {"levels": Levels(usage=2)}, [(Cause.LEVEL, 0)]),
    (FACTS, {"levels": Levels(system=2)}, [(Cause.LEVEL, 0)]),
    (FACTS, {"levels": Levels()}, [(Cause.LEVEL, 0), (Cause.LEVEL, 0)]),
    (SYSTEM, {"levels": Levels(usage=2)}, [(Cause.LEVEL, 0)]),
    (SYSTEM, {"levels": Levels(system=1)}, []),
    (ASKED, {"application": ApplicationLevels(usage=0)}, [(Cause.APPLICATION, 0)]),
    (ASKED, {"application": ApplicationLevels(system=0)}, []),
    (ASKED, {"application": ApplicationLevels(usage=1)}, []),
    (DETAILED, {"application": ApplicationLevels(usage=1)}, [(Cause.APPLICATION, 0)]),
    (FACTS, {"application": ApplicationLevels(system=0)}, [(Cause.APPLICATION, 0)]),
    (ASKED, {"levels": Levels(), "application": ApplicationLevels(usage=2)}, [(Cause.LEVEL, 0)]),
    (ASKED, {"decision": Decision(refused=True, accepted={ASKED.digest: 1})}, [(Cause.REFUSED, 0)]),
    (ASKED, {"decision": Decision()}, [(Cause.PENDING, 0)]),
    (ASKED, {"decision": Decision(refused=True)}, [(Cause.REFUSED, 0), (Cause.PENDING, 0)]),
    (ASKED, {"decision": Decision(accepted={OTHER.digest: 1})}, [(Cause.CHANGED, 0), (Cause.PENDING, 0)]),
    (ASKED, {"decision": Decision(accepted={OTHER.digest: 1, ASKED.digest: 2})}, []),
    (ASKED, {"decision": Decision(), "levels": Levels(2, 2, 0)}, [(Cause.PENDING, 0), (Cause.PENDING, 0)]),
    (ASKED, {"decision": Decision(), "settings": locked("new_questions", 0)}, [(Cause.PENDING, 0), (Cause.PENDING, 0)]),
    (ASKED, {"settings": locked("new_questions", 0)}, []),
    (ASKED, {"presence": Presence.GONE}, [(Cause.GONE, TEN_MINUTES)]),
    (ASKED, {"presence": Presence.UNREADABLE}, [(Cause.GONE, DAY)]),
    (ASKED, {"standing": Standing(review_of(ASKED), stop_of(ASKED, "answered"))}, [(Cause.STOPPED, 0)]),
    (ASKED, {"standing": Standing(review_of(ASKED), stop_of(ASKED))}, [(Cause.SUSPENDED, 0)]),
    (ASKED, {"standing": Standing()}, [(Cause.UNREVIEWED, TEN_MINUTES)]),
    (ASKED, {"standing": Standing(review_of(OTHER))}, [(Cause.UNREVIEWED, TEN_MINUTES)]),
    (ASKED, {"are_reviews_readable": False}, [(Cause.REVIEWS, DAY)]),
    (ASKED, {"are_reviews_readable": False, "standing": Standing()}, [(Cause.REVIEWS, DAY), (Cause.UNREVIEWED, DAY)]),
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
        *(Cause.SUSPENDED, Cause.REVIEWS, Cause.UNREVIEWED),
    ]


@pytest.mark.parametrize(
    ("others", "cause", "grace_s"),
    [
        ({"settings": switched("unreadable"), "levels": Levels()}, Cause.KILL_SWITCH, 0),
        ({"settings": switched("unreadable"), "presence": Presence.GONE}, Cause.KILL_SWITCH, TEN_MINUTES),
        ({"presence": Presence.UNREADABLE, "standing": Standing(None, stop_of(ASKED))}, Cause.GONE, 0),
        ({"presence": Presence.UNREADABLE, "are_reviews_readable": False}, Cause.GONE, DAY),
    ],
)
def test_shortest_grace_wins(others, cause, grace_s):
    """An unreadable file does not delay what a withdrawal erases, whichever of them the user is told of."""
    told = first(closures(ASKED, permitted(ASKED, **others)))
    assert (told.cause, told.grace_s) == (cause, grace_s)


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

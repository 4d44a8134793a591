"""Consent levels, locks and kill switches: the gate that every sample passes first. Policy: C1, C3, C4.

`closures` gives what shuts a question, in a fixed order: kill switch, lock and level, the application's own level, the
question's refusal, the acceptance of exactly this definition, the manifest's presence, review and stop. A question's lifetime and the
draw of its period come after it, in `core.lifecycle`. The decision is made when something changes, not for every sample.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.definition import Category, Detail
from telemetryd.core.delay import AT_ONCE, EVICTED, GONE, UNREADABLE, UNREGISTERED
from telemetryd.core.signoffs import Standing, StopReason
from telemetryd.core.system_facts import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from telemetryd.core.definition import Definition
    from telemetryd.core.delay import Delay
    from telemetryd.core.sampling_lot import Lot
    from telemetryd.core.settings import Lock, Settings

INHERIT = 3
"""An application's own level that follows the global one."""

REFUSE_SILENTLY, ASK, ACCEPT_KNOWN = 0, 1, 2
"""The values of NewQuestions."""


class Cause(StrEnum):
    """Why a question is shut; the order is the gate's order. What has a delay of its own is a cause of its own."""

    KILL_SWITCH = "kill switch"
    DO_NOT_TRACK = "DO_NOT_TRACK is set"
    UNREADABLE = "configuration unreadable"
    LOCK = "lock"
    LEVEL = "level"
    APPLICATION = "application level"
    REFUSED = "refused"
    CHANGED = "definition changed"
    PENDING = "not accepted"
    GONE = "manifest gone"
    MANIFEST = "manifest unreadable"
    DROPPED = "no longer asked"
    UNREGISTERED = "no longer registered"
    EVICTED = "registration made room"
    STOPPED = "stopped"
    SUSPENDED = "suspended"
    REVIEWS = "reviews unreadable"
    REVIEW = "review unreadable"
    UNREVIEWED = "not reviewed"
    DEVELOPER = "developer mode"
    ENDPOINT = "endpoint changed"


class Closed(NamedTuple):
    """What shuts a question: the cause, a sentence for the user, and for how long it pauses before it erases."""

    cause: Cause
    text: str
    delay: Delay = AT_ONCE


class Levels(NamedTuple):
    """The user's global choice. 0 off, 1 basic, 2 detailed."""

    system: int = 0
    usage: int = 0
    new_questions: int = ASK


class ApplicationLevels(NamedTuple):
    """The user's choice for one application. 0 off, 1 basic, 2 detailed, 3 as the global level says."""

    system: int = INHERIT
    usage: int = INHERIT


class Decision(NamedTuple):
    """The user's choice for one question: refused or not, and each accepted digest with the time of its first acceptance (Unix s)."""

    refused: bool = False
    accepted: Mapping[str, int] = {}


class Presence(StrEnum):
    """Whether the manifest that declares a question is there.

    `DROPPED` is one that asks this question no more, `EVICTED` one that was registered and made room for another application's.
    """

    PRESENT = "present"
    GONE = "gone"
    UNREADABLE = "unreadable"
    DROPPED = "dropped"
    UNREGISTERED = "unregistered"
    EVICTED = "evicted"


class Circumstances(NamedTuple):
    """Everything outside a question's own life that decides whether it is shut.

    `is_superseded`: the definition is the one that was consented to, and the manifest declares another by now. `lot` is drawn when the
    question is first accepted.
    """

    settings: Settings
    levels: Levels
    application: ApplicationLevels
    decision: Decision
    standing: Standing
    presence: Presence = Presence.PRESENT
    are_reviews_readable: bool = True
    is_superseded: bool = False
    lot: Lot | None = None


def effective(what: str, levels: Levels, application: ApplicationLevels, settings: Settings) -> int:
    """The level (0 to 2) that holds for an application on one axis, `system` or `usage`; 0 while a kill switch is on."""
    if settings.kill_switches:
        return 0
    ceiling: int = min(getattr(levels, what), settings.ceiling(what))
    own: int = getattr(application, what)
    return ceiling if own == INHERIT else min(own, ceiling)


def axes(definition: Definition) -> tuple[str, ...]:
    """The axes that must cover a question: its own, and System too where a usage question uses a system fact."""
    category = definition.question.category
    uses_facts = any(field.id.startswith(SYSTEM + "/") for field in definition.fields)
    return (category, Category.SYSTEM) if uses_facts and category is not Category.SYSTEM else (category,)


def closures(definition: Definition, now: Circumstances) -> list[Closed]:
    """Everything that shuts a question, in the gate's order; nothing: then its period alone decides."""
    return list(_closures(definition, now))


def closures_without_definition(application: str, now: Circumstances) -> list[Closed]:
    """What shuts a question that nobody can read any more: it may need every axis in detail, for nobody knows what it was."""
    every = (Category.SYSTEM, Category.USAGE)
    refused = [Closed(Cause.REFUSED, "you refused this question")] if now.decision.refused else []
    absent = absence(application, now.presence)
    return [*_switches(now), *_level_closures(every, Detail.DETAILED, application, now), *refused, *([absent] if absent else [])]


def told(shut: Sequence[Closed], over: Container[str] = ()) -> tuple[Closed, bool]:
    """Of at least one closure that which the user is told of, and whether it is final: at once, or because its own delay is `over`.

    What is final is told before what pauses: it ended the question, and an unreadable file must not delay what a withdrawal erases.
    """
    final = next((one for one in shut if one.delay == AT_ONCE or one.cause in over), None)
    return (final, True) if final else (shut[0], False)


def absence(application: str, presence: Presence) -> Closed | None:
    """What shuts everything of an application whose manifest is not there, or does not ask this; None if it is there."""
    found = {
        Presence.GONE: Closed(Cause.GONE, f"the manifest of {application} is gone", GONE),
        Presence.UNREADABLE: Closed(Cause.MANIFEST, f"the manifest of {application} is unreadable", UNREADABLE),
        Presence.DROPPED: Closed(Cause.DROPPED, f"{application} no longer asks this question", GONE),
        Presence.UNREGISTERED: Closed(Cause.UNREGISTERED, f"{application} has not registered for 90 days", UNREGISTERED),
        Presence.EVICTED: Closed(Cause.EVICTED, f"{application} has to register again: too many others did", EVICTED),
    }
    return None if presence is Presence.PRESENT else found[presence]


def kill_switch(settings: Settings) -> Closed | None:
    """The kill switch that counts: one that a person set before one that merely cannot be read (fail closed)."""
    if not settings.kill_switches:
        return None
    switch = min(settings.kill_switches, key=lambda one: one.what == "unreadable")
    text = _switch_text(switch.what, switch.file)
    if switch.what == "unreadable":
        return Closed(Cause.UNREADABLE, text, UNREADABLE)
    return Closed(Cause.DO_NOT_TRACK if switch.what == "DO_NOT_TRACK" else Cause.KILL_SWITCH, text)


def covers(definition: Definition, levels: Levels, application: ApplicationLevels, settings: Settings) -> bool:
    """Whether the levels of an application that pushes into a shared question permit it."""
    return all(effective(axis, levels, application, settings) >= definition.question.detail for axis in axes(definition))


def _closures(definition: Definition, now: Circumstances) -> Iterator[Closed]:
    application = definition.application.id
    yield from _switches(now)
    yield from _level_closures(axes(definition), definition.question.detail, application, now)
    yield from _decision_closures(definition, now)
    absent = absence(application, now.presence)
    if absent:
        yield absent
    yield from _review_closures(definition, now)


def _switches(now: Circumstances) -> list[Closed]:
    switch = kill_switch(now.settings)
    return [switch] if switch else []


def _level_closures(needed: Sequence[str], detail: Detail, application: str, now: Circumstances) -> Iterator[Closed]:
    for axis in needed:
        lock: Lock | None = min((one for one in now.settings.locks if one.what == axis), key=lambda one: one.limit, default=None)
        if lock and lock.limit < detail:
            yield Closed(Cause.LOCK, f"the administrator limits {axis.capitalize()} in {lock.file}")
        if getattr(now.levels, axis) < detail:
            yield Closed(Cause.LEVEL, f"{axis.capitalize()} is below {detail.name.lower()}")
    for axis in needed:
        own = getattr(now.application, axis)
        if own < detail:
            yield Closed(Cause.APPLICATION, f"{axis.capitalize()} is below {detail.name.lower()} for {application}")


def _decision_closures(definition: Definition, now: Circumstances) -> Iterator[Closed]:
    decision = now.decision
    if decision.refused:
        yield Closed(Cause.REFUSED, "you refused this question")
    if definition.digest in decision.accepted:
        return
    if decision.accepted:
        yield Closed(Cause.CHANGED, "the definition changed since you accepted it")
    if min(now.levels.new_questions, now.settings.ceiling("new_questions")) == REFUSE_SILENTLY:
        yield Closed(Cause.PENDING, "new questions are refused")
    yield Closed(Cause.PENDING, "you have not accepted this question")


def _review_closures(definition: Definition, now: Circumstances) -> Iterator[Closed]:
    """A stop is for the question, whatever its definition. Without the manifest nobody knows whether the right one is reviewed."""
    stop, review = now.standing.stop, now.standing.review
    if stop:
        cause = Cause.STOPPED if stop.reason is StopReason.ANSWERED else Cause.SUSPENDED
        yield Closed(cause, stop.sentence)
    if not now.are_reviews_readable:
        yield Closed(Cause.REVIEWS, "a file of reviews cannot be read", UNREADABLE)
    is_reviewed = now.settings.developer or (review is not None and review.definition == definition.digest)
    if is_reviewed or now.presence is not Presence.PRESENT:
        return
    if now.are_reviews_readable:
        yield Closed(Cause.UNREVIEWED, "no review of this definition is installed", GONE)
    else:  # the missing review may stand in the file that cannot be read
        yield Closed(Cause.REVIEW, "no review of this definition can be read", UNREADABLE)


def _switch_text(what: str, file: str) -> str:
    match what:
        case "unreadable":
            return f"{file} cannot be read, which counts as off"
        case "DO_NOT_TRACK":
            return "DO_NOT_TRACK is set in the environment"
        case "kuserfeedback":
            return f"{file} switches KUserFeedback off"
        case _:
            return f"{file} says enabled = false"

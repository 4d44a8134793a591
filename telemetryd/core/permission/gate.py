"""Consent levels, locks and kill switches: the gate that every sample passes first. Policy: C1, C3, C4.

`obstacles` lists what blocks a question, in a fixed order. First come the kill switch, locks and levels, the application's level and the
refusal. Then come the acceptance of exactly this definition, the presence of the manifest, stop and review. `core.permission.lifecycle`
adds the dates and the drawn period. The gate decides when something changes, not for every sample.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from telemetryd.core.causes import Cause, Reason, because, whose
from telemetryd.core.definition import Category, Detail
from telemetryd.core.permission.obstacle_delay import AT_ONCE, EVICTED, GONE, UNREADABLE, UNREGISTERED
from telemetryd.core.system_facts import SYSTEM
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from telemetryd.core.definition import Definition
    from telemetryd.core.permission.obstacle_delay import Delay
    from telemetryd.core.permission.signoffs import Standing
    from telemetryd.core.privacy.sampling_lot import Lot
    from telemetryd.core.settings import Settings

INHERIT = 3
"""An application's own level that follows the global one."""

REFUSE_SILENTLY, ASK, ACCEPT_KNOWN = 0, 1, 2
"""The values of NewQuestions."""


class Obstacle(NamedTuple):
    """One reason that blocks a question, and how long it pauses before it erases."""

    reason: Reason
    delay: Delay = AT_ONCE

    @property
    def cause(self) -> Cause:
        """The cause; NONE if only the user's acceptance is missing."""
        return self.reason.cause

    @property
    def kind(self) -> str:
        """The name by which its delay is counted: see `Reason.kind`."""
        return self.reason.kind


NOT_ACCEPTED = Obstacle(Reason())
"""The obstacle if the user has not accepted this definition. It has no cause, because the state *pending* says so."""
NO_REVIEW_READABLE = because(Cause.REVIEWS, what="review")


class Levels(NamedTuple):
    """The user's global choice. 0 off, 1 basic, 2 detailed."""

    system: int = 0
    usage: int = 0
    new_questions: int = ASK


class ApplicationLevels(NamedTuple):
    """The user's choice for one application. 0 off, 1 basic, 2 detailed, 3 follows the global level."""

    system: int = INHERIT
    usage: int = INHERIT


class Decision(NamedTuple):
    """The user's choice for one question: refused or not, and each accepted digest with the time of its first acceptance (Unix s)."""

    refused: bool = False
    accepted: Mapping[str, int] = {}


class Presence(StrEnum):
    """Whether the manifest that declares a question is available.

    `DROPPED`: it no longer asks this question. `EVICTED`: its registration made room for another application.
    """

    PRESENT = "present"
    GONE = "gone"
    UNREADABLE = "unreadable"
    DROPPED = "dropped"
    UNREGISTERED = "unregistered"
    EVICTED = "evicted"


class Circumstances(NamedTuple):
    """Everything outside the record of a question that may block it.

    `is_superseded`: the definition is the accepted one, but the manifest now declares another. `lot` is drawn at the first acceptance.
    `is_full`: as many questions as are possible at once are accepted and not over, and this is not one of them.
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
    is_full: bool = False


def effective_level(axis: str, levels: Levels, application: ApplicationLevels, settings: Settings) -> int:
    """The level in force (0 to 2) of an application on one axis, `system` or `usage`; 0 while a kill switch is on."""
    if settings.kill_switches:
        return 0
    ceiling: int = min(getattr(levels, axis), settings.ceiling(axis))
    own: int = getattr(application, axis)
    return ceiling if own == INHERIT else min(own, ceiling)


def axes(definition: Definition) -> tuple[str, ...]:
    """The axes that must cover a question: its own, and System too where a usage question uses a system fact."""
    category = definition.question.category
    uses_facts = any(field.id.startswith(SYSTEM + "/") for field in definition.fields)
    return (category, Category.SYSTEM) if uses_facts and category is not Category.SYSTEM else (category,)


def obstacles(definition: Definition, circumstances: Circumstances) -> list[Obstacle]:
    """All obstacles of a question in the order of the gate; if empty, its dates and period decide alone."""
    return list(_iterate_obstacles(definition, circumstances))


def obstacles_without_definition(application: str, circumstances: Circumstances) -> list[Obstacle]:
    """The obstacles of a question whose definition cannot be read: it is assumed to need every axis in detail."""
    all_axes = (Category.SYSTEM, Category.USAGE)
    refused = [Obstacle(because(Cause.REFUSED))] if circumstances.decision.refused else []
    absent = absence(application, circumstances.presence)
    return [
        *_switch_obstacles(circumstances),
        *_level_obstacles(all_axes, Detail.DETAILED, application, circumstances),
        *refused,
        *([absent] if absent else []),
    ]


def deciding_obstacle(blocked_by: Sequence[Obstacle], over: Container[str] = ()) -> tuple[Obstacle, bool]:
    """The obstacle to show, and whether it is final: it has no delay, or its kind is in `over`. Needs at least one obstacle.

    Final obstacles come before pausing ones. Otherwise an unreadable file could delay the erasure that follows a withdrawal.
    """
    final = next((obstacle for obstacle in blocked_by if obstacle.delay == AT_ONCE or obstacle.kind in over), None)
    return (final, True) if final else (blocked_by[0], False)


def absence(application: str, presence: Presence) -> Obstacle | None:
    """The obstacle if the manifest of an application is missing, or does not ask this question; None if it is present."""
    if presence is Presence.PRESENT:
        return None
    absences = {
        Presence.GONE: Obstacle(because(Cause.GONE, how="removed", application=application), GONE),
        Presence.UNREADABLE: Obstacle(because(Cause.UNREADABLE, what="manifest", application=application), UNREADABLE),
        Presence.DROPPED: Obstacle(because(Cause.GONE, how="not_asked", application=application), GONE),
        Presence.UNREGISTERED: Obstacle(because(Cause.GONE, how="unregistered", application=application), UNREGISTERED),
        Presence.EVICTED: Obstacle(because(Cause.GONE, how="displaced", application=application), EVICTED),
    }
    return absences[presence]


def kill_switch(settings: Settings) -> Obstacle | None:
    """The obstacle of the kill switches. One that a person set comes before an unreadable file, which also counts (fail closed)."""
    if not settings.kill_switches:
        return None
    switch = min(settings.kill_switches, key=lambda switch: switch.what == "unreadable")
    match switch.what:
        case "unreadable":
            return Obstacle(because(Cause.UNREADABLE, what="configuration", file=switch.file), UNREADABLE)
        case "DO_NOT_TRACK":
            return Obstacle(because(Cause.DO_NOT_TRACK))
        case _:
            return Obstacle(because(Cause.KILL_SWITCH, file=switch.file))


def nowhere(settings: Settings, vendor: str) -> Reason:
    """Why nothing could be sent to a vendor without a usable endpoint: it has none, or one that cannot work here."""
    unusable = settings.unusable.get(vendor)
    if unusable is None:
        return because(Cause.NO_ENDPOINT)
    file = {"file": unusable.file} if unusable.file else {}
    return because(Cause.UNUSABLE_ENDPOINT, what=unusable.what, **file)


def covers(definition: Definition, levels: Levels, application: ApplicationLevels, settings: Settings) -> bool:
    """Whether the levels of an application permit its pushes into a shared question."""
    return all(effective_level(axis, levels, application, settings) >= definition.question.detail for axis in axes(definition))


def _iterate_obstacles(definition: Definition, circumstances: Circumstances) -> Iterator[Obstacle]:
    application = definition.application.id
    yield from _switch_obstacles(circumstances)
    yield from _level_obstacles(axes(definition), definition.question.detail, application, circumstances)
    yield from _decision_obstacles(definition, circumstances)
    absent = absence(application, circumstances.presence)
    if absent:
        yield absent
    yield from _review_obstacles(definition, circumstances)


def _switch_obstacles(circumstances: Circumstances) -> list[Obstacle]:
    switch = kill_switch(circumstances.settings)
    return [switch] if switch else []


def _level_obstacles(needed: Sequence[str], detail: Detail, application: str, circumstances: Circumstances) -> Iterator[Obstacle]:
    level = detail.name.lower()
    for axis in needed:
        locks = [lock for lock in circumstances.settings.locks if lock.what == axis]
        strictest = min(locks, key=lambda lock: lock.limit, default=None)
        if strictest and strictest.limit < detail:
            yield Obstacle(because(Cause.LOCK, axis=axis, level=level, file=strictest.file, **whose(strictest.origin)))
        if getattr(circumstances.levels, axis) < detail:
            yield Obstacle(because(Cause.LEVEL, axis=axis, level=level))
    for axis in needed:
        own = getattr(circumstances.application, axis)
        if own < detail:
            yield Obstacle(because(Cause.APPLICATION_LEVEL, axis=axis, level=level, application=application))


def _decision_obstacles(definition: Definition, circumstances: Circumstances) -> Iterator[Obstacle]:
    decision = circumstances.decision
    if decision.refused:
        yield Obstacle(because(Cause.REFUSED))
    if definition.digest in decision.accepted:
        return
    if decision.accepted:
        yield Obstacle(because(Cause.CHANGED))
    yield NOT_ACCEPTED


def _review_obstacles(definition: Definition, circumstances: Circumstances) -> Iterator[Obstacle]:
    """A stop applies to every definition of the question. Without a manifest the review is not checked: the right digest is unknown."""
    stop, review = circumstances.standing.stop, circumstances.standing.review
    if stop:
        yield Obstacle(stop.why)
    if not circumstances.are_reviews_readable:
        yield Obstacle(because(Cause.REVIEWS, what="stop"), UNREADABLE)
    is_reviewed = circumstances.settings.developer or (review is not None and review.definition == definition.digest)
    if is_reviewed or circumstances.presence is not Presence.PRESENT:
        return
    if circumstances.are_reviews_readable:
        yield Obstacle(because(Cause.UNREVIEWED), GONE)
    else:  # the unreadable file may contain the missing review
        yield Obstacle(NO_REVIEW_READABLE, UNREADABLE)

"""What the user changes in one act: levels, answers to questions, what is erased or forgotten. Policy: C1, C2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.permission.gate import INHERIT, ApplicationLevels, Decision, Levels
from telemetryd.errors import InvalidArgumentsError
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from telemetryd.core.definition import Key

_LEVELS = {0, 1, 2}
_OWN_LEVELS = {*_LEVELS, INHERIT}


class Choices(NamedTuple):
    """What the user has chosen so far."""

    levels: Levels
    applications: Mapping[str, ApplicationLevels]
    decisions: Mapping[Key, Decision]

    def own(self, application: str) -> ApplicationLevels:
        """The levels of one application."""
        return self.applications.get(application, ApplicationLevels())


class UserChange(NamedTuple):
    """One act of the user. An empty part changes nothing.

    `levels` are global ones by name, `axes` those of `application` by axis. `accept` has the digest that was shown for each question.
    `erase` and `forget` are applications, or None; erasing "" means all.
    """

    levels: Mapping[str, int] = {}
    application: str = ""
    axes: Mapping[str, int] = {}
    accept: Mapping[Key, str] = {}
    refuse: frozenset[Key] = frozenset()
    allow: frozenset[Key] = frozenset()
    erase: str | None = None
    forget: str | None = None

    @property
    def takes_back(self) -> bool:
        """Whether a part beside the global levels takes something back, even if it repeats what holds already."""
        return bool(self.axes or self.refuse) or self.erase is not None or self.forget is not None

    @property
    def questions(self) -> set[Key]:
        """The questions that it names."""
        return {*self.accept, *self.refuse, *self.allow}


def check(change: UserChange) -> None:
    """Raise InvalidArgumentsError if a level is out of range, or if two parts contradict each other."""
    for name, level in change.levels.items():
        if level not in _LEVELS:
            raise InvalidArgumentsError(f"{name} takes 0, 1 or 2")
    if not set(change.axes.values()) <= _OWN_LEVELS:
        raise InvalidArgumentsError("a level is 0, 1, 2 or 3 (3: follow the global level)")
    if bool(change.axes) is not bool(change.application):
        raise InvalidArgumentsError("expected an application together with a level for it")
    if change.refuse & {*change.accept, *change.allow}:
        raise InvalidArgumentsError("expected each question to be either refused, or accepted or allowed")
    if change.forget in set(_raised_applications(change)):
        raise InvalidArgumentsError("expected nothing else for an application that is to be forgotten")


def is_withdrawal(change: UserChange, choices: Choices) -> bool:
    """Whether it takes something back, or repeats that. Such an act goes on if the disk fails."""
    return change.takes_back or any(level <= getattr(choices.levels, name) for name, level in change.levels.items())


def lowering(change: UserChange, choices: Choices) -> UserChange:
    """The part that only takes back what holds now: it holds at once, even if it cannot be written. Forgetting needs the disk."""
    levels = {name: level for name, level in change.levels.items() if level < getattr(choices.levels, name)}
    own = choices.own(change.application)
    axes = {axis: level for axis, level in change.axes.items() if level != getattr(own, axis) and is_lower(level, getattr(own, axis))}
    refuse = frozenset(key for key in change.refuse if not choices.decisions.get(key, Decision()).refused)
    return UserChange(levels, change.application if axes else "", axes, refuse=refuse, erase=change.erase)


def gives_more(change: UserChange, choices: Choices) -> bool:
    """Whether a part gives more than now, or forgets: that needs the disk."""
    own = choices.own(change.application)
    is_raised = any(level > getattr(choices.levels, name) for name, level in change.levels.items())
    is_own_raised = any(not is_lower(level, getattr(own, axis)) for axis, level in change.axes.items())
    return is_raised or is_own_raised or bool(change.accept or change.allow) or change.forget is not None


def is_lower(level: int, before: int) -> bool:
    """Whether an application's level surely gives no more than before. `INHERIT` may give anything."""
    return level in {0, before} or level < before < INHERIT


def _raised_applications(change: UserChange) -> Iterator[str]:
    yield from (application for application, _ in (*change.accept, *change.allow))
    if change.application:
        yield change.application

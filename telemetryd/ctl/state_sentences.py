"""The effective state in one sentence, and why: which switch, lock, level or missing review, in which file. Policy: T1, C4.

Pure: what Control1 says goes in, text comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.ctl.value_words import AXES, LEVELS, NEW_QUESTIONS, OFF, counted, known_level, listed, one_line, word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_OFF = "Telemetry is off"
_PAUSED = "paused"
_TOLD = {
    "active": ("is collecting", "are collecting"),
    "reporting": ("waits to be sent", "wait to be sent"),
    "waiting": ("is accepted and not collecting", "are accepted and not collecting"),
    _PAUSED: ("is paused", "are paused"),
    "suspended": ("is suspended", "are suspended"),
    "unreviewed": ("lacks a review", "lack a review"),
    "pending": ("is not accepted", "are not accepted"),
}
"""What goes on with one question in a state, and with several, in the order in which it is told. All other states are ends."""
_REASONED = {"waiting", _PAUSED, "suspended"}
"""States that need their reason to be understood."""
_NAMED = {*_REASONED, "unreviewed", "pending"}
"""States of which the first question is named."""
_TOLD_AT_MOST = 3


class Shown(NamedTuple):
    """What Control1 said: the properties, each application's dictionary, each question's."""

    properties: Mapping[str, Any]
    applications: Sequence[Mapping[str, Any]]
    questions: Sequence[Mapping[str, Any]]


def status(shown: Shown) -> str:
    """One sentence: whether anything may be collected and sent now, and what decides it."""
    properties = shown.properties
    if properties.get("KillSwitches"):
        return f"{_OFF}: {switches(properties['KillSwitches'])}."
    levels = {axis: effective(properties, axis) for axis in AXES}
    if not any(levels.values()):
        return f"{_OFF}: {_why_off(properties)}."
    given = listed(f"{axis.lower()} ({word(LEVELS, level)})" for axis, level in levels.items() if level)
    developer = ", in developer mode" if properties.get("Developer") else ""
    return f"Telemetry is on for {given}{developer}{_activity(shown)}."


def effective(properties: Mapping[str, Any], axis: str) -> int:
    """The level that holds on an axis, before an application's own: the user's, or a lower lock."""
    return min([known_level(properties.get(axis, OFF)), *(limit for limit, _ in locks(properties, axis.lower()))])


def locks(properties: Mapping[str, Any], what: str) -> list[tuple[int, str]]:
    """The locks on `system`, `usage` or `new_questions`: (highest number permitted, file), the strictest first.

    A limit that is no number counts as off: what a lock says that this version does not understand, it says to restrict.
    """
    found = []
    for one, file in properties.get("Locks", ()):
        name, _, limit = one.partition("=")
        if name == what:
            found.append((int(limit) if limit.isdecimal() else OFF, file))
    return sorted(found)


def switches(found: Sequence[Sequence[str]]) -> str:
    """The kill switches that are on: one that a person set is told first, then how many others there are."""
    what, file = min(found, key=lambda one: one[0] == "unreadable")
    others = len(found) - 1
    return switch(what, file) + (f" (and {others} more)" if others else "")


def switch(what: str, file: str) -> str:
    """One kill switch that is on."""
    file = one_line(file)
    match what:
        case "enabled":
            return f"{file} says enabled = false"
        case "unreadable":
            return f"{file} cannot be read, which counts as off"
        case "DO_NOT_TRACK":
            return "DO_NOT_TRACK is set in the environment of telemetryd"
        case "kuserfeedback":
            return f"{file} switches KUserFeedback off"
        case _:
            return f"the switch {one_line(what)!r} is on" + (f" in {file}" if file else "")


def lock(what: str, file: str) -> str:
    """One lock of the administrator."""
    name, _, limit = what.partition("=")
    names = NEW_QUESTIONS if name == "new_questions" else LEVELS
    said = word(names, int(limit)) if limit.isdecimal() else f"unknown ({one_line(limit)})"
    return f"{one_line(name)} is limited to {said} in {one_line(file)}"


def _why_off(properties: Mapping[str, Any]) -> str:
    """Every axis is off: by the administrator where the user had chosen more, else because the user has not turned it on."""
    strictest = {axis: found[0][1] for axis in AXES if (found := locks(properties, axis.lower())) and found[0][0] == OFF}
    chosen = [axis for axis in AXES if known_level(properties.get(axis, OFF))]
    if chosen:
        others = [axis for axis in AXES if axis not in chosen]
        text = _limited({axis: strictest[axis] for axis in chosen})
        return text + (f", and you have not turned {others[0]} on" if others else "")
    said = ", ".join(f"{axis} {word(LEVELS, properties.get(axis, OFF))}" for axis in AXES)
    return f"you have not turned it on ({said})" + (f", and {_limited(strictest)}" if strictest else "")


def _limited(files: Mapping[str, str]) -> str:
    """`the administrator limits System and Usage to off in FILE`, from axis to file; two files are named with their own axis."""
    distinct = dict.fromkeys(files.values())
    parts = [f"{listed(axis for axis in files if files[axis] == file)} to off in {one_line(file)}" for file in distinct]
    return f"the administrator limits {listed(parts)}"


def _activity(shown: Shown) -> str:
    """What goes on while telemetry is on: what collects, what waits for the user; else why nothing is collected."""
    if not shown.questions:
        return ", but nothing is collected: no application asks a question"
    parts = [part for part in _parts(shown) if part[1]][:_TOLD_AT_MOST]
    is_collecting = bool(parts) and parts[0][0] == "active"
    start = ": " if is_collecting else ", but nothing is collected: "
    if not parts:
        return start + "every question is answered, over or refused"
    (_, count, text), *others = parts
    return start + ", ".join([f"{counted(count, 'question')} {text}", *(f"{count} {text}" for _, count, text in others)])


def _parts(shown: Shown) -> Iterator[tuple[str, int, str]]:
    """(state, how many questions, what is to be said of them); what waits for the user comes right after what collects."""
    by_state: dict[str, list[Mapping[str, Any]]] = {state: [] for state in _TOLD}
    for question in shown.questions:
        by_state.setdefault(state_of(question), []).append(question)
    asking = [one for one in shown.applications if one.get("pending")]
    waiting = sum(one["pending"] for one in asking)
    for state, (one, several) in _TOLD.items():
        found = by_state[state]
        if state == "pending" and waiting:
            continue
        why = f" ({_why(found[0], has_reason=state in _REASONED)})" if found and state in _NAMED else ""
        yield state, len(found), (one if len(found) == 1 else several) + why
        if state == "active" and waiting:
            verb = "waits" if waiting == 1 else "wait"
            yield "asking", waiting, f"{verb} for your decision (`telemetryctl show {one_line(asking[0]['id'])}`)"


def state_of(question: Mapping[str, Any]) -> str:
    """A question's state; one that is active and paused does not collect, and is called so here."""
    state = str(question.get("state", ""))
    return _PAUSED if state == "active" and str(question.get("reason", "")).startswith(_PAUSED) else state


def _why(question: Mapping[str, Any], *, has_reason: bool) -> str:
    name = f"{question.get('application')}/{question.get('id')}"
    reason = str(question.get("reason", "")).removeprefix(f"{_PAUSED}: ") if has_reason else ""
    return one_line(f"{name}: {reason}" if reason else name)

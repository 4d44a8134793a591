"""The effective state in one sentence, with its cause: a switch, lock, level or missing review, and its file. Policy: T1, C4.

Pure functions from the values of Control1 to text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.ctl.render.reasons import reason, situation
from telemetryd.ctl.render.value_words import AXES, LEVELS, NEW_QUESTIONS, OFF, count_phrase, join_with_and, known_level, word
from telemetryd.ctl.safe_text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_OFF = "Telemetry is off"
_PAUSED = "paused"
_PHRASES = {
    "active": ("is collecting", "are collecting"),
    "reporting": ("waits to be sent", "wait to be sent"),
    "waiting": ("is accepted and has not started", "are accepted and have not started"),
    _PAUSED: ("is paused", "are paused"),
    "suspended": ("is suspended", "are suspended"),
    "unreviewed": ("is not reviewed yet", "are not reviewed yet"),
    "pending": ("is not accepted", "are not accepted"),
}
"""State → phrase for one question, phrase for several. The order is that of the sentence. All other states are final."""
_WITH_REASON = {"waiting", _PAUSED, "suspended"}
"""States that are printed with their reason."""
_WITH_EXAMPLE = {*_WITH_REASON, "unreviewed", "pending"}
"""States that are printed with their first question as an example."""
_PHRASES_MAX = 3
_URGENCY = (_PAUSED, "suspended", "active", "reporting", "waiting")


class ServiceState(NamedTuple):
    """The values of Control1: its properties, and the dictionaries of applications and questions.

    `proxies` are the variables of the environment that name a proxy.
    """

    properties: Mapping[str, Any]
    applications: Sequence[Mapping[str, Any]]
    questions: Sequence[Mapping[str, Any]]
    proxies: Sequence[str] = ()


def status_sentence(state: ServiceState) -> str:
    """One sentence: whether anything may be collected and sent now, and why."""
    properties = state.properties
    if properties.get("KillSwitches"):
        return f"{_OFF}: {switches_sentence(properties['KillSwitches'])}."
    levels = {axis: effective_level(properties, axis) for axis in AXES}
    if not any(levels.values()):
        return f"{_OFF}: {_why_off(properties)}."
    axes = join_with_and(f"{axis.lower()} ({word(LEVELS, level)})" for axis, level in levels.items() if level)
    developer = ", in developer mode" if properties.get("Developer") else ""
    return f"Telemetry is on for {axes}{developer}{_activity(state)}."


def effective_level(properties: Mapping[str, Any], axis: str) -> int:
    """The effective global level on an axis: the user's, or a lower lock."""
    return min([known_level(properties.get(axis, OFF)), *(limit for limit, _ in locks(properties, axis.lower()))])


def locks(properties: Mapping[str, Any], setting: str) -> list[tuple[int, str]]:
    """The locks on `system`, `usage` or `new_questions` as (highest permitted number, file), the strictest first.

    A limit that is not a number counts as off, because a lock always restricts.
    """
    limits = []
    for text, file in properties.get("Locks", ()):
        name, _, limit = text.partition("=")
        if name == setting:
            limits.append((int(limit) if limit.isdecimal() else OFF, file))
    return sorted(limits)


def switches_sentence(active: Sequence[Sequence[str]]) -> str:
    """The active kill switches: one of them, if possible one that a person set, and the number of the others."""
    kind, file = min(active, key=lambda pair: pair[0] == "unreadable")
    others = len(active) - 1
    return switch_sentence(kind, file) + (f" (and {others} more)" if others else "")


def switch_sentence(kind: str, file: str) -> str:
    """One active kill switch."""
    file = one_line(file)
    match kind:
        case "enabled":
            return f"{file} says enabled = false"
        case "unreadable":
            return f"{file} cannot be read or has a mistake, so everything is off to be safe"
        case "DO_NOT_TRACK":
            return "DO_NOT_TRACK is set in the environment of telemetryd"
        case "kuserfeedback":
            return f"{file} switches KUserFeedback off"
        case _:
            return f"the switch {one_line(kind)!r} is on" + (f" in {file}" if file else "")


def lock_sentence(setting: str, file: str) -> str:
    """One lock of the administrator."""
    name, _, limit = setting.partition("=")
    names = NEW_QUESTIONS if name == "new_questions" else LEVELS
    level = word(names, int(limit)) if limit.isdecimal() else f"unknown ({one_line(limit)})"
    where = f"({one_line(file)})"
    if name.capitalize() not in AXES:
        return f"your administrator limits {one_line(name.replace('_', ' '))} to {level} {where}"
    if limit == str(OFF):
        return f"your administrator does not allow {name} questions {where}"
    return f"your administrator allows {name} questions up to {level} {where}"


def _why_off(properties: Mapping[str, Any]) -> str:
    """Why every axis is off: the administrator's locks if the user chose more, otherwise the user's own levels."""
    strictest = {axis: axis_locks[0][1] for axis in AXES if (axis_locks := locks(properties, axis.lower())) and axis_locks[0][0] == OFF}
    chosen = [axis for axis in AXES if known_level(properties.get(axis, OFF))]
    if chosen:
        others = [axis for axis in AXES if axis not in chosen]
        text = _limits_clause({axis: strictest[axis] for axis in chosen})
        return text + (f", and you have not turned {others[0]} on" if others else "")
    levels = ", ".join(f"{axis} {word(LEVELS, properties.get(axis, OFF))}" for axis in AXES)
    return f"your settings are off ({levels})" + (f", and {_limits_clause(strictest)}" if strictest else "")


def _limits_clause(files: Mapping[str, str]) -> str:
    """`your administrator does not allow System and Usage questions (FILE)`; `files` maps axis to file, and each file gets its axes."""
    distinct = dict.fromkeys(files.values())
    parts = [f"{join_with_and(axis for axis in files if files[axis] == file)} questions ({one_line(file)})" for file in distinct]
    return f"your administrator does not allow {join_with_and(parts)}"


def _activity(state: ServiceState) -> str:
    """The activity while telemetry is on: questions that collect or wait for the user, or why nothing is collected."""
    if not state.questions:
        return ", but nothing is collected: no application asks a question"
    parts = [part for part in _phrases(state) if part[1]][:_PHRASES_MAX]
    is_collecting = bool(parts) and parts[0][0] == "active"
    start = ": " if is_collecting else ", but nothing is collected: "
    if not parts:
        return start + "every question is answered, over or refused"
    (_, count, text), *others = parts
    return start + ", ".join([f"{count_phrase(count, 'question')} {text}", *(f"{count} {text}" for _, count, text in others)])


def _phrases(service: ServiceState) -> Iterator[tuple[str, int, str]]:
    """(state, number of questions, phrase); questions that wait for the user come right after those that collect."""
    by_state: dict[str, list[Mapping[str, Any]]] = {state: [] for state in _PHRASES}
    for question in service.questions:
        by_state.setdefault(state_of(question), []).append(question)
    asking = [application for application in service.applications if application.get("pending")]
    waiting = sum(application["pending"] for application in asking)
    for state, (singular, plural) in _PHRASES.items():
        questions = by_state[state]
        if state == "pending" and waiting:
            continue
        why = f" ({_example(questions[0], has_reason=state in _WITH_REASON)})" if questions and state in _WITH_EXAMPLE else ""
        yield state, len(questions), (singular if len(questions) == 1 else plural) + why
        if state == "active" and waiting:
            verb = "waits" if waiting == 1 else "wait"
            yield "asking", waiting, f"{verb} for your decision (`telemetryctl show {one_line(asking[0]['id'])}`)"


def state_of(question: Mapping[str, Any]) -> str:
    """A question's state; an active question with a pause is called paused, because it does not collect."""
    standing = situation(question)
    return _PAUSED if standing.state == "active" and standing.is_paused else standing.state


def urgency(question: Mapping[str, Any]) -> int:
    """The place of a question in a list that cannot have all: what was stopped first, then what runs, what waits, and what is over."""
    state = state_of(question)
    return _URGENCY.index(state) if state in _URGENCY else len(_URGENCY)


def _example(question: Mapping[str, Any], *, has_reason: bool) -> str:
    name = f"{question.get('application')}/{question.get('id')}"
    why = reason(question).rstrip(".") if has_reason else ""
    return one_line(f"{name}: {why}" if why else name)

"""The effective state in one sentence, with its cause: a switch, lock, level or missing review, and its file. Policy: T1, C4.

Pure functions from the values of Control1 to text, in the language of `words`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.core.declared_words import translated_word
from telemetryd.core.problem_words import SENTENCES, ProblemCause
from telemetryd.core.translation import ENGLISH, mark
from telemetryd.ctl.render.reasons import reason, situation
from telemetryd.ctl.render.value_words import (
    AXES,
    LEVELS,
    NEW_QUESTIONS,
    OFF,
    join_with_and,
    join_with_commas,
    known_level,
    word,
)
from telemetryd.ctl.safe_text import one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from telemetryd.core.translation import Words

PAUSED = "paused"
"""Active questions that are not measured for now; Control1 says so by their cause."""
_ASKING = "asking"
"""Questions that a yes could start now."""
_ORDER = ("active", _ASKING, "reporting", "waiting", PAUSED, "suspended", "unreviewed", "pending")
"""The order of the sentence. All other states are final."""
_WITH_REASON = {"waiting", PAUSED, "suspended"}
"""States that are printed with their reason."""
_WITH_EXAMPLE = {*_WITH_REASON, "unreviewed", "pending"}
"""States that are printed with their first question as an example."""
_PHRASES_MAX = 3
_URGENCY = (PAUSED, "suspended", "active", "reporting", "waiting")


_LOCKS = {
    "system": (
        mark("your administrator does not allow system questions ({file})"),
        mark("your administrator allows system questions up to {level} ({file})"),
    ),
    "usage": (
        mark("your administrator does not allow usage questions ({file})"),
        mark("your administrator allows usage questions up to {level} ({file})"),
    ),
    "new_questions": (mark("your administrator limits new questions to {level} ({file})"),) * 2,
    "": (mark("your administrator limits {name} to {level} ({file})"),) * 2,
}
_OWN_LOCKS = {
    "system": (
        mark("a file of your own does not allow system questions ({file})"),
        mark("a file of your own allows system questions up to {level} ({file})"),
    ),
    "usage": (
        mark("a file of your own does not allow usage questions ({file})"),
        mark("a file of your own allows usage questions up to {level} ({file})"),
    ),
    "new_questions": (mark("a file of your own limits new questions to {level} ({file})"),) * 2,
    "": (mark("a file of your own limits {name} to {level} ({file})"),) * 2,
}
"""What is locked ("" for the settings of a newer service) → what is said of a lock that allows nothing, and of another."""


class ServiceState(NamedTuple):
    """The values of Control1: its properties, and the dictionaries of applications and questions.

    `proxies` are the variables of the environment that name a proxy. Without `numbers` the questions are all that there are. Otherwise they
    are some of each state that is shown with an example, and `numbers` says how many are in each state (paused ones apart).
    """

    properties: Mapping[str, Any]
    applications: Sequence[Mapping[str, Any]]
    questions: Sequence[Mapping[str, Any]]
    proxies: Sequence[str] = ()
    numbers: Mapping[str, int] | None = None

    def counted(self) -> Mapping[str, int]:
        """How many questions are in each state."""
        return Counter(map(state_of, self.questions)) if self.numbers is None else self.numbers


def status_sentence(state: ServiceState, words: Words = ENGLISH) -> str:
    """One sentence: whether anything may be collected and sent now, and why."""
    properties, _ = state.properties, words.gettext
    off = _("Telemetry is off: {why}.")
    if properties.get("KillSwitches"):
        return off.format(why=switches_sentence(properties["KillSwitches"], words))
    levels = {axis: effective_level(properties, axis) for axis in AXES}
    if not any(levels.values()):
        return off.format(why=_why_off(properties, words))
    named = _("{name} ({value})")
    what = join_with_and(
        (
            named.format(name=translated_word(axis.lower(), words), value=word(LEVELS, level, words))
            for axis, level in levels.items()
            if level
        ),
        words,
    )
    if properties.get("Developer"):
        what = _("{what}, in developer mode").format(what=what)
    return _on_sentence(state, what, words)


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


def number_left_out(what: str) -> int:
    """How many pairs the service left out, according to the last pair of a list that it cut: (`more=N`, ""). 0 for any other pair."""
    name, _, number = what.partition("=")
    return int(number) if name == ProblemCause.MORE and number.isdecimal() else 0


def shown_and_number(pairs: Collection[Sequence[str]]) -> tuple[list[Sequence[str]], int]:
    """The switches or locks that the service told, and the number of all, with those that it left out."""
    left_out = [number_left_out(what) for what, _ in pairs]
    shown = [pair for pair, number in zip(pairs, left_out, strict=True) if not number]
    return shown, len(shown) + sum(left_out)


def switches_sentence(active: Sequence[Sequence[str]], words: Words = ENGLISH) -> str:
    """The active kill switches: one of them, if possible one that a person set, and the number of the others."""
    shown, number = shown_and_number(active)
    kind, file = min(shown or active, key=lambda pair: pair[0] == "unreadable")
    text, others = switch_sentence(kind, file, words), number - 1
    return words.gettext("{text} (and {number} more)").format(text=text, number=others) if others else text


def switch_sentence(kind: str, file: str, words: Words = ENGLISH) -> str:
    """One active kill switch."""
    _, file = words.gettext, one_line(file)
    if number := number_left_out(kind):
        return left_out(number, words)
    match kind:
        case "enabled":
            text = _("{file} says enabled = false")
        case "unreadable":
            text = _("{file} cannot be read or has a mistake, so everything is off to be safe")
        case "DO_NOT_TRACK":
            text = _("DO_NOT_TRACK is set in the environment of telemetryd")
        case "kuserfeedback":
            text = _("{file} switches KUserFeedback off")
        case _ if file:
            text = _("the switch {name} is on in {file}")
        case _:
            text = _("the switch {name} is on")
    return text.format(file=file, name=repr(one_line(kind)))


def left_out(number: int, words: Words) -> str:
    """The line at the end of a list that the service cut."""
    return words.gettext(SENTENCES[ProblemCause.MORE]).format(number=number)


def lock_sentence(setting: str, file: str, words: Words = ENGLISH, *, is_own: bool = False) -> str:
    """One lock, and whose it is."""
    if number := number_left_out(setting):
        return left_out(number, words)
    name, _equals, limit = setting.partition("=")
    names = NEW_QUESTIONS if name == "new_questions" else LEVELS
    level = word(names, int(limit), words) if limit.isdecimal() else words.gettext("unknown ({value})").format(value=one_line(limit))
    known = _OWN_LOCKS if is_own else _LOCKS
    forbidden, limited = known.get(name, known[""])
    return words.gettext(forbidden if limit == str(OFF) else limited).format(name=one_line(name), level=level, file=one_line(file))


def own_limits(properties: Mapping[str, Any]) -> frozenset[str]:
    """The files of the user's own that lock something. The service names them among the problems, because locks belong in system files."""
    return frozenset(row["file"] for row in properties.get("ProblemDetails", ()) if row["cause"] == ProblemCause.USERS_LIMITS)


def _why_off(properties: Mapping[str, Any], words: Words) -> str:
    """Why every axis is off: the administrator's locks if the user chose more, otherwise the user's own levels."""
    _ = words.gettext
    strictest = {axis: axis_locks[0][1] for axis in AXES if (axis_locks := locks(properties, axis.lower())) and axis_locks[0][0] == OFF}
    chosen, own = [axis for axis in AXES if known_level(properties.get(axis, OFF))], own_limits(properties)
    if chosen:
        others = [axis for axis in AXES if axis not in chosen]
        text = _limits_clause({axis: strictest[axis] for axis in chosen}, own, words)
        return _("{text}, and you have not turned {axis} on").format(text=text, axis=_(others[0])) if others else text
    levels = join_with_commas(
        (_("{axis} {level}").format(axis=_(axis), level=word(LEVELS, properties.get(axis, OFF), words)) for axis in AXES), words
    )
    text = _("your settings are off ({levels})").format(levels=levels)
    return _("{one}, and {other}").format(one=text, other=_limits_clause(strictest, own, words)) if strictest else text


def _limits_clause(files: Mapping[str, str], own: Collection[str], words: Words) -> str:
    """`your administrator does not allow System and Usage questions (FILE)`; `files` maps axis to file, and each file gets its axes."""
    _ = words.gettext
    clauses = []
    for text, is_own in (
        (_("your administrator does not allow {questions}"), False),
        (_("a file of your own does not allow {questions}"), True),
    ):
        distinct = [file for file in dict.fromkeys(files.values()) if (file in own) is is_own]
        parts = [_questions_in(file, files, words) for file in distinct]
        if parts:
            clauses.append(text.format(questions=join_with_and(parts, words)))
    return join_with_and(clauses, words)


def _questions_in(file: str, files: Mapping[str, str], words: Words) -> str:
    axes = join_with_and((words.gettext(axis) for axis in files if files[axis] == file), words)
    return words.gettext("{axes} questions ({file})").format(axes=axes, file=one_line(file))


def _on_sentence(state: ServiceState, what: str, words: Words) -> str:
    """The sentence while telemetry is on for `what`: what collects or waits for the user, or why nothing is collected."""
    _ = words.gettext
    if not sum(state.counted().values()):
        return _("Telemetry is on for {what}, but nothing is collected: no application asks a question.").format(what=what)
    parts = list(_phrases(state, words))
    if not parts:
        return _("Telemetry is on for {what}, but nothing is collected: every question is answered, over or refused.").format(what=what)
    is_collecting = parts[0][0] == "active"
    text = (
        _("Telemetry is on for {what}: {activity}.")
        if is_collecting
        else _("Telemetry is on for {what}, but nothing is collected: {activity}.")
    )
    return text.format(what=what, activity=join_with_commas((text for _state, text in parts), words))


def said(service: ServiceState) -> dict[str, int]:
    """The states that the sentence is about, with their numbers: questions that wait for the user come right after those that collect."""
    asking = sum(application.get("pending", 0) for application in service.applications)
    counts = {**service.counted(), _ASKING: asking}
    if asking:
        counts["pending"] = 0
    return dict([(state, counts[state]) for state in _ORDER if counts.get(state)][:_PHRASES_MAX])


def examples(service: ServiceState) -> list[str]:
    """The states of which the sentence names a question."""
    return [state for state in said(service) if state in _WITH_EXAMPLE]


def _phrases(service: ServiceState, words: Words) -> Iterator[tuple[str, str]]:
    """(state, what is said of its questions)."""
    for state, number in said(service).items():
        text, example = _counted(state, number, words).format(number=number), ""
        if state == _ASKING:
            asking = next(application for application in service.applications if application.get("pending"))
            example = f"`telemetryctl show {one_line(asking['id'])}`"
        named = next((question for question in service.questions if state_of(question) == state), None)
        if state in _WITH_EXAMPLE and named:
            example = _example(named, words, has_reason=state in _WITH_REASON)
        yield state, words.gettext("{text} ({example})").format(text=text, example=example) if example else text


def _counted(state: str, number: int, words: Words) -> str:
    """What is said of so many questions in a state."""
    return {
        "active": words.ngettext("{number} question is collecting", "{number} questions are collecting", number),
        _ASKING: words.ngettext("{number} question waits for your decision", "{number} questions wait for your decision", number),
        "reporting": words.ngettext(
            "the answer to {number} question waits to be sent", "the answers to {number} questions wait to be sent", number
        ),
        "waiting": words.ngettext("{number} accepted question has not started", "{number} accepted questions have not started", number),
        PAUSED: words.ngettext("{number} question is paused", "{number} questions are paused", number),
        "suspended": words.ngettext("{number} question is suspended", "{number} questions are suspended", number),
        "unreviewed": words.ngettext("{number} question is not reviewed yet", "{number} questions are not reviewed yet", number),
        "pending": words.ngettext("{number} question is not accepted", "{number} questions are not accepted", number),
    }[state]


def state_of(question: Mapping[str, Any]) -> str:
    """A question's state; an active question with a pause is called paused, because it does not collect."""
    standing = situation(question)
    return PAUSED if standing.state == "active" and standing.is_paused else standing.state


def urgency(state: str) -> int:
    """The place of a state in a list that cannot have all: what was stopped first, then what runs, what waits, and what is over."""
    return _URGENCY.index(state) if state in _URGENCY else len(_URGENCY)


def _example(question: Mapping[str, Any], words: Words, *, has_reason: bool) -> str:
    name = f"{question.get('application')}/{question.get('id')}"
    why = reason(question, words).rstrip(".。") if has_reason else ""
    return one_line(words.gettext("{name}: {text}").format(name=name, text=why) if why else name)

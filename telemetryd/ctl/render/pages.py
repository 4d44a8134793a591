"""Pages that several commands print: the status, applications, states of questions. `question_page` prints one question."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from telemetryd.core.declared_words import NAMES
from telemetryd.core.problem_words import ProblemCause, told
from telemetryd.core.settings import Problem
from telemetryd.core.translation import mark
from telemetryd.ctl.render import state_sentences
from telemetryd.ctl.render.reasons import reason, state_word
from telemetryd.ctl.render.value_words import (
    AXES,
    LEVELS,
    NEW_QUESTIONS,
    OWN_LEVELS,
    join_with_and,
    join_with_commas,
    moment,
    word,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from telemetryd.core.translation import Words
    from telemetryd.ctl.control_client import ControlDict
    from telemetryd.ctl.language import UserLanguage
    from telemetryd.ctl.render.printing import Page, Row
    from telemetryd.ctl.render.state_sentences import ServiceState

_KINDS = {
    "application": NAMES["application"],
    "shared": NAMES["shared"],
    "gone": mark("gone"),
    "unreadable": mark("unreadable"),
}
_DAY_S = 86_400
LISTED_MAX = 5
"""Most lines of one kind in `status`."""
_LIST = mark("and {number} more: see `telemetryctl list`")
_SHOW = mark("and {number} more: see `telemetryctl show APP`")
_JSON = mark("and {number} more: see --json")
_ENDS = {"", "unreviewed", "pending"}
"""States of questions that `status` only counts; it lists questions that the user decided on."""


def texts_of(application: Mapping[str, Any], language: UserLanguage) -> tuple[str, str]:
    """The name and the summary of an application in the user's language, as far as its manifest has them."""
    texts = language.texts(application.get("translations", {}))
    return texts.get("name", application["name"]), texts.get("summary", application.get("summary", ""))


def status_page(page: Page, state: ServiceState) -> None:
    """The effective state in a sentence, then its causes."""
    page.say(state_sentences.status_sentence(state, page.language.words), "bold")
    page.gap()
    page.facts(_status_rows(state, page.language))


def applications_page(page: Page, applications: Sequence[ControlDict]) -> None:
    """One line for each application."""
    _ = page.language.words.gettext
    if not applications:
        page.say(_("No application asks anything: no manifest is installed or registered."))
        return
    heads = (_("APPLICATION"), _("NAME"), _("SYSTEM"), _("USAGE"), _("TO DECIDE"), _("TO"), _("KIND"))
    page.table(heads, [_application_row(application, page.language) for application in applications], texts=(1, 5, 6), below=(1, 5, 6))


def application_page(page: Page, application: ControlDict) -> None:
    """One application's levels, chosen and in force."""
    name, _summary = texts_of(application, page.language)
    page.say(page.language.words.gettext("{name} ({id})").format(name=name, id=application["id"]), "bold")
    page.facts(level_rows(application, page.language.words))


def standings_page(page: Page, questions: Sequence[ControlDict]) -> None:
    """One line for each question with its state, and why it is in it."""
    words = page.language.words
    _ = words.gettext
    rows = [(question["id"], state_word(question, words), reason(question, words)) for question in questions]
    page.table((_("QUESTION"), _("STATE"), _("WHY")), rows, texts=(2,))


def level_rows(application: ControlDict, words: Words) -> Iterator[Row]:
    """An application's own levels, and those in force."""
    _ = words.gettext
    for axis, label in (("system", words.gettext("system")), ("usage", words.gettext("usage"))):
        own, now = word(OWN_LEVELS, application[axis], words), word(LEVELS, application["effective_" + axis], words)
        yield label, _("{own} ({now} now)").format(own=own, now=now)


def _application_row(application: ControlDict, language: UserLanguage) -> tuple[str, ...]:
    words = language.words
    _ = words.gettext
    kind = _(_KINDS[application["kind"]]) if application["kind"] in _KINDS else application["kind"]
    is_declared_by_program = not application["installed"] and application["kind"] != "gone"
    return (
        application["id"],
        texts_of(application, language)[0],
        word(LEVELS, application["effective_system"], words),
        word(LEVELS, application["effective_usage"], words),
        str(application["pending"]) if application["pending"] else "-",
        application.get("vendor_name") or application["vendor"] or "-",
        _("{kind}, declared by a program, not installed").format(kind=kind) if is_declared_by_program else kind,
    )


def _status_rows(state: ServiceState, language: UserLanguage) -> Iterator[Row]:
    properties, words = state.properties, language.words
    _ = words.gettext
    for axis in AXES:
        yield _(axis), _level_text(state, axis, words)
    yield _("New questions"), _new_questions_text(properties, words)
    item = _("{name} ({number})")
    waiting = [
        item.format(name=texts_of(application, language)[0], number=application["pending"])
        for application in state.applications
        if application.get("pending")
    ]
    yield _("Waiting for you"), join_with_commas(_some(waiting, _LIST, words), words) or _("nothing")
    pairs, number = state_sentences.shown_and_number(properties.get("KillSwitches", ()))
    switches = [state_sentences.switch_sentence(kind, file, words) for kind, file in pairs]
    yield from labelled_rows(_("Switched off"), _some(switches, _JSON, words, number))
    own = state_sentences.own_limits(properties)
    pairs, number = state_sentences.shown_and_number(properties.get("Locks", ()))
    locks = [state_sentences.lock_sentence(setting, file, words, is_own=file in own) for setting, file in pairs]
    yield from labelled_rows(_("Locked"), _some(locks, _JSON, words, number))
    if properties.get("Developer"):
        yield _("Developer mode"), _("on: unreviewed questions are admitted, reports go to this machine only")
    if properties.get("LastWork"):
        yield _("Due work"), _last_work(properties["LastWork"], words)
    if state.proxies:
        text = _("reports never use the proxy in {names}; only an administrator can name a proxy for them")
        yield _("Proxy"), text.format(names=join_with_and(state.proxies, words))
    named = _("{name}: {text}")
    problems = [named.format(name=file, text=text) if file else text for file, text in problem_texts(properties, words)]
    left_out = _problems_left_out(properties)
    problems = problems[:-1] if left_out else problems
    yield from labelled_rows(_("Problems"), _some(problems, _JSON, words, len(problems) + left_out))
    decided, number = [question for question in state.questions if question.get("state", "") not in _ENDS], number_decided(state)
    if number > LISTED_MAX:
        decided.sort(key=lambda question: state_sentences.urgency(state_sentences.state_of(question)))
    yield from labelled_rows(_("Questions"), _some([_standing_text(question, words) for question in decided], _SHOW, words, number))


def problem_texts(properties: Mapping[str, Any], words: Words) -> list[tuple[str, str]]:
    """(file, sentence) of each problem, from the properties of Control1, and of how many more there are if the service left some out.

    An older service gives only sentences in English.
    """
    if "ProblemDetails" not in properties:
        return [(file, text) for file, text in properties.get("Problems", ())]
    return [(row["file"], told(_problem(row), words)) for row in properties["ProblemDetails"]]


def _problems_left_out(properties: Mapping[str, Any]) -> int:
    """How many problems the service left out, according to the last one."""
    last = properties.get("ProblemDetails", ())[-1:]
    return sum(int(row["cause_args"]["number"]) for row in last if row["cause"] == ProblemCause.MORE)


def _problem(row: Mapping[str, Any]) -> Problem:
    return Problem(row["file"], row["text"], row["cause"], tuple(row["cause_args"].items()))


def number_decided(state: ServiceState) -> int:
    """How many questions `status` lists, or would list if it listed all: those that the user decided on."""
    return sum(number for name, number in state.counted().items() if name not in _ENDS)


def _some(texts: Sequence[str], help_text: str, words: Words, number: int = 0) -> Sequence[str]:
    """The first few texts, so that the page fits a screen, and how many others there are. `number` is that of all, if it is larger."""
    shown = texts[:LISTED_MAX]
    others = max(number, len(texts)) - len(shown)
    return [*shown, words.gettext(help_text).format(number=others)] if others else shown


def _last_work(unix: int, words: Words) -> str:
    """When due work was last looked for, and what to do if that was long ago."""
    last = words.gettext("last looked for on {time}")
    late = words.gettext("last looked for on {time}; `telemetryctl check` says whether its timer is enabled")
    return (last if time.time() - unix < _DAY_S else late).format(time=moment(unix))


def _new_questions_text(properties: Mapping[str, Any], words: Words) -> str:
    chosen = properties.get("NewQuestions", 1)
    text = word(NEW_QUESTIONS, chosen, words)
    for limit, file in state_sentences.locks(properties, "new_questions")[:1] if chosen else ():
        return words.gettext("{text} (held at {level} by {file})").format(text=text, level=word(NEW_QUESTIONS, limit, words), file=file)
    return text


def _level_text(state: ServiceState, axis: str, words: Words) -> str:
    """The user's level, and the effective level if it differs."""
    chosen = state.properties.get(axis, 0)
    holds = 0 if state.properties.get("KillSwitches") else state_sentences.effective_level(state.properties, axis)
    text = word(LEVELS, chosen, words)
    if chosen == holds:
        return text
    return words.gettext("{text} (your choice; {level} now)").format(text=text, level=word(LEVELS, holds, words))


def _standing_text(question: Mapping[str, Any], words: Words) -> str:
    name = f"{question['application']}/{question['id']}"
    return words.gettext("{name}: {text}").format(name=name, text=reason(question, words) or state_word(question, words))


def labelled_rows(label: str, values: Iterable[str]) -> Iterator[Row]:
    """A row for each value; only the first has the label."""
    for index, value in enumerate(values):
        yield ("" if index else label), value

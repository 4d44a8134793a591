"""Whether there is something to tell the user now, and in which words. Without Qt, files or D-Bus. Policy: C2, T1.

At most once in seven days, of what is new: questions that a yes could start now, and accepted ones that were suspended. Never before the
first yes, while telemetry is off, or about questions that are refused silently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.permission.lifecycle import ANSWERABLE
from telemetryd.settings.words.window_words import name_of, purpose_of, state_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.ctl.language import UserLanguage
    from telemetryd.settings.reading.service_snapshot import Row, ServiceSnapshot
    from telemetryd.settings.session.window_state import WindowState

_PAUSE_S = 7 * 86_400
_NAMED_MAX = 3
"""Most applications that are named."""


class Notice(NamedTuple):
    """What to show: texts without markup, and the application or page to open. `state` is what is kept once it was shown."""

    summary: str
    body: str
    application: str
    state: WindowState


def due(snapshot: ServiceSnapshot, state: WindowState, now: int, language: UserLanguage) -> Notice | WindowState | None:
    """The notice that is due. A state alone is to be kept and nothing shown: the clock was set back. None: nothing to tell or to keep."""
    if not state.may_notify or snapshot.is_off or not any(question["accepted_at"] for question in snapshot.questions):
        return None
    if state.last > now:
        return state._replace(last=now)
    asked = [question for question in snapshot.questions if _is_asked(question, snapshot)]
    suspended = [question for question in snapshot.questions if question["state"] == "suspended" and question["accepted_at"]]
    new_asked, new_suspended = _new(asked, state), _new(suspended, state)
    if now - state.last < _PAUSE_S or not (new_asked or new_suspended):
        return None
    kept = (*state.notified, *map(_key, (*new_asked, *new_suspended)))
    applications = list(dict.fromkeys(question["application"] for question in (*new_asked, *new_suspended)))
    where = applications[0] if len(applications) == 1 else ""
    return Notice(*_texts(new_asked, new_suspended, snapshot, language), where, state._replace(last=now, notified=kept))


def _is_asked(question: Row, snapshot: ServiceSnapshot) -> bool:
    """Whether a yes could start it now, as `pending` of its application counts."""
    application = snapshot.application(question["application"])
    return bool(application and application["pending"] and question["state"] == "pending" and question["cause"] in ANSWERABLE)


def _new(questions: Sequence[Row], state: WindowState) -> list[Row]:
    return [question for question in questions if _key(question) not in state.notified]


def _key(question: Row) -> str:
    """What is never told twice: this definition of this question, as asked or as suspended."""
    return f"{question['application']}/{question['id']} {question['state']} {question['digest']}"


def _texts(asked: Sequence[Row], suspended: Sequence[Row], snapshot: ServiceSnapshot, language: UserLanguage) -> tuple[str, str]:
    words = language.words
    paragraphs = []
    if asked:
        paragraphs.append(_askers(asked, snapshot, language))
        paragraphs.append(words.gettext("Nothing is measured or sent unless you say yes."))
    paragraphs += [f"{purpose_of(question, language)} {state_line(question, language)}" for question in suspended[:_NAMED_MAX]]
    summary = words.ngettext("{number} question for you", "{number} questions for you", len(asked)).format(number=len(asked))
    stopped = words.ngettext("{number} question is suspended", "{number} questions are suspended", len(suspended))
    return summary if asked else stopped.format(number=len(suspended)), "\n".join(paragraphs)


def _askers(asked: Sequence[Row], snapshot: ServiceSnapshot, language: UserLanguage) -> str:
    found = [snapshot.application(name) for name in dict.fromkeys(question["application"] for question in asked)]
    names = [name_of(application, language) for application in found if application]
    more = " …" if len(names) > _NAMED_MAX else ""
    return language.words.gettext("From: {applications}").format(applications=", ".join(names[:_NAMED_MAX]) + more)

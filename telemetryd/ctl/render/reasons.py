"""Why a question stands where it stands, in the user's language, from the values of Control1. Policy: T1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetryd.core.causes import WORDS
from telemetryd.core.explanation import Situation, explain
from telemetryd.core.translation import ENGLISH
from telemetryd.ctl.render.value_words import STATES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.core.translation import Words


def situation(question: Mapping[str, Any]) -> Situation:
    """Where a question stands."""
    state, cause, outcome = (str(question.get(key, "")) for key in ("state", "cause", "outcome"))
    return Situation(state, cause, question.get("cause_args", {}), outcome)


def reason(question: Mapping[str, Any], words: Words = ENGLISH) -> str:
    """One sentence. For a state or cause of a newer service it is the service's own sentence, in English."""
    return explain(situation(question), words) or str(question.get("reason", ""))


def error_text(error: str, words: Words) -> str:
    """Why a try did not deliver its report, by the history's word; an unknown word is shown as it is."""
    return words.gettext(WORDS["error"][error]) if error in WORDS["error"] else error


def state_word(question: Mapping[str, Any], words: Words = ENGLISH) -> str:
    """The state in a word; an unknown state is shown as it is."""
    state = str(question.get("state", ""))
    return words.gettext(STATES[state]) if state in STATES else state

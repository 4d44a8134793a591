"""What a change of the user's choices would do, as the daemon foresaw it, for a dialog. Without Qt. Policy: C1, C2.

The sentences are telemetryctl's: two clients that said the same in other words would differ one day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetryd.ctl.render.consequences import parts
from telemetryd.settings.words.window_words import foreign

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from telemetryd.ctl.control_client import Consequences
    from telemetryd.ctl.language import UserLanguage

_NAMED_MAX = 6
"""Most questions of a paragraph."""


def needs_question(foreseen: Consequences, change: Mapping[str, object]) -> bool:
    """Whether the user has to hear first what follows: something ends, or something starts that is not accepted by this very change."""
    accepted = change.get("accept", {})
    named = {(app, question) for app, digests in accepted.items() for question in digests} if isinstance(accepted, dict) else set()
    return bool(foreseen.ends) or any((row["application"], row["question"]) not in named for row in foreseen.resumes)


def paragraphs(foreseen: Consequences, language: UserLanguage) -> Iterator[str]:
    """What the user has to hear: a heading, then the questions, a line each."""
    for part in parts(foreseen, language.words):
        lines = [part.heading, *(_line(row, text, language) for row, text in part.rows[:_NAMED_MAX])]
        yield "\n".join([*lines, "…"] if len(part.rows) > _NAMED_MAX else lines)


def _line(row: Mapping[str, Any], text: str, language: UserLanguage) -> str:
    purpose = foreign(row["purpose"] or f"{row['application']}/{row['question']}", language)
    return f"• {purpose} {text}".rstrip()

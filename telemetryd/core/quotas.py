"""What applications may ask of the daemon, at most. Every check depends on what is declared and sent, never on what is kept. Policy: C3.

Each raises LimitExceededError, which says the bound (`core.limits` has the reasons). A burst is no error: nothing counts calls in time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.limits import MANIFEST_BYTES, OPEN_QUESTIONS_MAX, QUESTIONS_MAX, SAMPLES_MAX, SOURCES_MAX
from telemetryd.errors import LimitExceededError

if TYPE_CHECKING:
    from telemetryd.core.definition import Declaration


def check_text(text: str) -> None:
    """The length of a manifest's text that is registered."""
    if len(text) > MANIFEST_BYTES or len(text.encode(errors="surrogatepass")) > MANIFEST_BYTES:
        raise LimitExceededError(f"a manifest has at most {MANIFEST_BYTES} bytes")


def check_declaration(declaration: Declaration) -> None:
    """How much one application declares."""
    _check("an application declares", len(declaration.sources), SOURCES_MAX, "sources")
    _check("an application asks", len(declaration.definitions), QUESTIONS_MAX, "questions")


def check_samples(samples: int) -> None:
    """How many samples one call has."""
    _check("a call has", samples, SAMPLES_MAX, "samples")


def check_open(questions: int) -> None:
    """How many questions are open at once, with those that the user would accept."""
    _check("there are", questions, OPEN_QUESTIONS_MAX, "questions accepted and not over")


def _check(what: str, count: int, bound: int, of: str) -> None:
    if count > bound:
        raise LimitExceededError(f"{what} at most {bound} {of}")

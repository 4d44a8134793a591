"""Limits for applications. Checks depend on declarations and calls, never on stored data, so they reveal no consent. Policy: C3.

Each check raises LimitExceededError with the bound; `core.limits` has the reasons. Nothing counts calls in time, so bursts are allowed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.limits import MANIFEST_BYTES, OPEN_QUESTIONS_MAX, QUESTIONS_MAX, SAMPLES_MAX, SOURCES_MAX
from telemetryd.errors import TOO_MANY_OPEN, LimitExceededError

if TYPE_CHECKING:
    from telemetryd.core.definition import Declaration


def check_text(text: str) -> None:
    """Check the length of a registered manifest."""
    if len(text) > MANIFEST_BYTES or len(text.encode(errors="surrogatepass")) > MANIFEST_BYTES:
        raise LimitExceededError(f"a manifest has at most {MANIFEST_BYTES} bytes")


def check_declaration(declaration: Declaration) -> None:
    """Check the numbers of sources and questions of one application."""
    _check("an application declares", len(declaration.sources), SOURCES_MAX, "sources")
    _check("an application asks", len(declaration.definitions), QUESTIONS_MAX, "questions")


def check_samples(samples: int) -> None:
    """Check the number of samples of one call."""
    _check("a call has", samples, SAMPLES_MAX, "samples")


def check_open(questions: int) -> None:
    """Check the number of open questions, including those that are about to be accepted."""
    _check("there are", questions, OPEN_QUESTIONS_MAX, TOO_MANY_OPEN)


def _check(subject: str, count: int, bound: int, noun: str) -> None:
    if count > bound:
        raise LimitExceededError(f"{subject} at most {bound} {noun}")

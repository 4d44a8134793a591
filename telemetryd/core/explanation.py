"""One sentence for the state of a question, made from the values of Control1, in the language of the caller's words. Policy: T1.

The daemon makes its English `reason` here, and clients make theirs. The words for causes are in `core.causes`, those for states here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.causes import PAUSING, WORDS, entry
from telemetryd.core.translation import ENGLISH, mark
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.core.causes import Entry
    from telemetryd.core.translation import Words


class Plain(NamedTuple):
    """The sentence of a state without a cause, and the names of its arguments: ISO dates, the last days inclusive."""

    state: str
    arguments: tuple[str, ...]
    text: str


PLAIN = (
    Plain("pending", (), mark("It waits for your answer, and nothing is measured unless you say yes.")),
    Plain("waiting", (), mark("You said yes, and the period in which it is measured is not picked yet.")),
    Plain("waiting", ("begins", "ends"), mark("You said yes, and it will be measured from {begins} to {ends}.")),
    Plain("active", ("ends",), mark("It is being measured until {ends}.")),
    Plain("active", ("ended",), mark("It was measured until {ended}, and its report is about to be made.")),
    Plain(
        "reporting",
        ("due_from", "due", "due_until"),
        mark("It was measured, and your answer most likely leaves between {due_from} and {due}; after {due_until} it is deleted unsent."),
    ),
    Plain(
        "reporting", ("due_until",), mark("It was measured, and your answer leaves when it can; after {due_until} it is deleted unsent.")
    ),
    Plain(
        "reporting",
        ("due_from", "due", "due_until", "tried", "error"),
        mark(
            "It was measured, and your answer most likely leaves between {due_from} and {due}; after {due_until} it is deleted unsent. "
            "At the last try, on {tried}, {error}."
        ),
    ),
    Plain(
        "reporting",
        ("due_until", "tried", "error"),
        mark(
            "It was measured, and your answer leaves when it can; after {due_until} it is deleted unsent. "
            "At the last try, on {tried}, {error}."
        ),
    ),
    Plain("expired", ("ended",), mark("It is over: its last day was {ended}.")),
)
"""States that can do without a cause."""

FRAMES = {
    "unreviewed": mark("It cannot be asked: {why}."),
    "pending": mark("A yes could not start it now: {why}."),
    "waiting": mark("You said yes, but it cannot start now: {why}."),
    "active": mark("It is paused, and nothing is measured for now: {why}."),
    "reporting": mark("It was measured, but your answer is held back: {why}."),
    "stopped": mark("It is over for everyone: {why}."),
    "suspended": mark("It is stopped for everyone for now: {why}."),
}
"""State → what is said of a cause that is there now."""

FRAMES_OF_CAUSES = {
    ("pending", "unusable_endpoint"): mark("Nothing could be sent: {why}."),
    ("waiting", "unusable_endpoint"): mark("You said yes, but nothing could be sent: {why}."),
    ("active", "unusable_endpoint"): mark("It is being measured, but nothing could be sent: {why}."),
    ("stopped", "stopped/user"): mark("It is over for you: {why}."),
    ("suspended", "suspended/user"): mark("It is stopped for you for now: {why}."),
}
"""(state, cause or its kind) → what is said of a cause that shuts nothing, or shuts it for this user only."""

ENDS = {
    ("passed", ""): mark("It ended without an answer: {why}."),
    ("answered", "erased"): mark("Your answer was deleted before it was sent: {why}."),
    ("answered", "unknown"): mark("Your answer may have arrived, although it was deleted while it was being sent. The reason: {why}."),
}
"""(state, outcome of the report) → what is said of a cause that ended the question."""

EXACT = {
    ("refused", "refused"): mark("You said no to this question."),
    ("pending", "changed"): mark("It has changed since you said yes, so it waits for a new answer."),
    ("waiting", "no_endpoint"): mark("You said yes, but this system has no server for its vendor, so nothing could be sent."),
    ("active", "no_endpoint"): mark("It is being measured, but this system has no server for its vendor, so nothing could be sent."),
    ("reporting", "no_endpoint"): mark("It was measured, but your answer waits, because this system has no server for its vendor now."),
}
"""(state, cause) → a sentence of its own."""


class Situation(NamedTuple):
    """Where a question stands, in the words of Control1. `outcome` is that of its report, or ""."""

    state: str
    cause: str = ""
    args: Mapping[str, str] = {}
    outcome: str = ""

    @property
    def is_paused(self) -> bool:
        """Whether the question is not measured now although its period runs, or its report is held back."""
        return self.state in {"active", "reporting"} and self.cause in PAUSING


def explain(situation: Situation, words: Words = ENGLISH) -> str:
    """The sentence; "" for values that this version does not know."""
    state, cause, args, outcome = situation
    if not cause:
        text = next((plain.text for plain in PLAIN if plain.state == state and set(plain.arguments) == args.keys()), "")
        return _filled(text, args, words)
    found = entry(cause, args)
    if found is None:
        return ""
    text = EXACT.get((state, cause), found.whole)
    if text:
        return _filled(text, args, words)
    frame, clause = _frame(state, found), found.now
    if frame is None:
        frame, clause = ENDS.get((state, outcome), ""), found.then
    return words.gettext(frame).format(why=_filled(clause, args, words)) if frame and clause else ""


def _frame(state: str, found: Entry) -> str | None:
    """What is said of a cause that is there now, if the state can have one."""
    return FRAMES_OF_CAUSES.get((state, found.kind)) or FRAMES_OF_CAUSES.get((state, found.cause)) or FRAMES.get(state)


def _filled(text: str, args: Mapping[str, str], words: Words) -> str:
    values = {name: words.gettext(WORDS[name][value]) if value in WORDS.get(name, ()) else value for name, value in args.items()}
    return words.gettext(text).format(**values) if text else ""

"""Foresee and Apply on the bus: a change as a dictionary, and what follows from it as dictionaries. Policy: C1, C2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetryd.bus.reply_size import bounded
from telemetryd.bus.transport.library import Variant
from telemetryd.core.permission.user_change import UserChange
from telemetryd.errors import InvalidArgumentsError
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from telemetryd.engine.choices.foresight import Consequence, Foreseen

_INTEGERS = "ynqiuxt"
_SIGNATURES = {
    **dict.fromkeys(("system", "usage", "new_questions", "app_system", "app_usage"), "u"),
    **dict.fromkeys(("application", "erase", "forget"), "s"),
    **dict.fromkeys(("refuse", "allow"), "a(ss)"),
    "accept": "a{sa{ss}}",
}
"""Key of a change → type of its value; `u` takes any integer type."""
_TOO_MANY = "change less at once, or do it without asking what follows"


class _Values(NamedTuple):
    """The checked values of a change by key."""

    values: Mapping[str, Any]

    def levels(self, **names: str) -> dict[str, int]:
        """The levels that are there: name → key."""
        return {name: self.values[key] for name, key in names.items() if key in self.values}

    def keys(self, key: str) -> frozenset[tuple[str, str]]:
        """The questions under a key. The libraries give structs as lists or tuples."""
        return frozenset((application, question) for application, question in self.values.get(key, ()))


def change_from(dictionary: Mapping[str, Variant]) -> UserChange:
    """The change that a caller asks for. Raises InvalidArgumentsError for keys and types that are not those of a change."""
    given = _Values({key: _value(key, variant) for key, variant in dictionary.items()})
    accepted = given.values.get("accept", {})
    return UserChange(
        levels=given.levels(system="system", usage="usage", new_questions="new_questions"),
        application=given.values.get("application", ""),
        axes=given.levels(system="app_system", usage="app_usage"),
        accept={(application, question): digest for application, digests in accepted.items() for question, digest in digests.items()},
        refuse=given.keys("refuse"),
        allow=given.keys("allow"),
        erase=given.values.get("erase"),
        forget=given.values.get("forget"),
    )


def foreseen_rows(looked: Foreseen) -> Iterator[dict[str, Variant] | None]:
    """The dictionaries of the reply to Foresee, one part after the other. Raises LimitExceededError if they are too long."""
    return bounded(map(_dictionary, (*looked.ends, *looked.resumes, *looked.refused)), _TOO_MANY)


def foreseen_body(looked: Foreseen, rows: Sequence[dict[str, Variant]]) -> list[Any]:
    """The body of the reply to Foresee, from its dictionaries."""
    first, second = len(looked.ends), len(looked.ends) + len(looked.resumes)
    return [list(rows[:first]), list(rows[first:second]), list(rows[second:]), looked.digest]


def names(keys: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Questions as `application/question`."""
    return (f"{application}/{question}" for application, question in keys)


def _value(key: str, variant: Variant) -> Any:
    expected = _SIGNATURES.get(key)
    if expected is None:
        raise InvalidArgumentsError("expected only these keys of a change: " + ", ".join(sorted(_SIGNATURES)))
    if variant.signature != expected and not (expected == "u" and variant.signature in _INTEGERS):
        raise InvalidArgumentsError(f"{key}: expected a value of the type '{expected}'")
    return variant.value


def _dictionary(item: Consequence) -> dict[str, Variant]:
    application, question = item.key
    return {
        "application": Variant("s", application),
        "question": Variant("s", question),
        "purpose": Variant("s", item.purpose),
        "cause": Variant("s", str(item.reason.cause)),
        "cause_args": Variant("a{ss}", dict(item.reason.args)),
        "accepted_at": Variant("t", item.accepted_at),
        "period_begins": Variant("t", item.period_begins),
        "period_ends": Variant("t", item.period_ends),
        "erases": Variant("as", list(item.erases)),
        "room": Variant("s", item.room),
        "pusher": Variant("s", item.pusher),
        "closes": Variant("b", item.closes),
    }

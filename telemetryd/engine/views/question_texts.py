"""The texts of a definition: for people, in English and in other languages. They do not depend on the user's decisions. Policy: T1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetryd.core.definition import canonical_text
from telemetryd.core.explanation import explain
from telemetryd.core.privacy import admissibility
from telemetryd.describe import difference
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.core.definition import Definition
    from telemetryd.core.explanation import Situation
    from telemetryd.describe.sentences import SourceDescription
    from telemetryd.system.languages import Language

_WORDINGS_MAX = 1000
"""Most cached texts, some 3 KB each. The least recently used one is dropped."""


class Wording(NamedTuple):
    """The texts of a definition in English."""

    definition: str
    fields: list[str]
    figures: list[str]
    warnings: list[str]


class Wordings:
    """Makes the English texts, cached by their inputs: their arithmetic takes longer than the rest of a row."""

    def __init__(self) -> None:
        self._wordings: dict[tuple[object, ...], Wording] = {}

    def of(self, definition: Definition) -> Wording:
        """The texts of a definition."""
        question = definition.question
        cache_key = definition.digest, question.expected_users, question.expected
        wording = self._wordings.pop(cache_key, None)
        if wording is None:
            figures = admissibility.sentences(admissibility.figures(definition))
            wording = Wording(canonical_text(definition), difference.fields(definition), figures, admissibility.warnings(definition))
        while len(self._wordings) >= _WORDINGS_MAX:
            del self._wordings[next(iter(self._wordings))]
        self._wordings[cache_key] = wording
        return wording


class Asked(NamedTuple):
    """A question about which sentences are made: the definition, where it stands, and the last accepted definition, if it differs."""

    definition: Definition
    standing: Situation
    before: Definition | None
    texts: Mapping[str, Mapping[str, str]]
    """The manifest's translations."""


def sentences(asked: Asked, language: Language) -> dict[str, Any]:
    """Everything about a question in one language, with the keys of Control1's `sentences`."""
    from telemetryd.describe.sentences import describe  # noqa: PLC0415 - only a client without our code asks for it

    definition, words = asked.definition, language.words
    described = describe(definition, words, language.texts(asked.texts))._asdict()
    return {
        **{key: text for key, text in described.items() if key != "question"},
        "sources": [_source(source) for source in described["sources"]],
        "figures": admissibility.sentences(admissibility.figures(definition), words),
        "changes": difference.changes(asked.before, definition, words) if asked.before else [],
        "reason": explain(asked.standing, words),
    }


def _source(source: SourceDescription) -> dict[str, Any]:
    return {**source._asdict(), "bins": [[answer.text, answer.label] for answer in source.bins]}

"""The immutable form of a manifest, with its digest, as the daemon enforces it.

Only `toml.manifest` makes a `Declaration`, from the text of a manifest. A `Definition` is one question with its application and its sources
after `coarser`. It is the unit of review, consent, collection and reports.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from datetime import date
from decimal import Decimal
from enum import IntEnum, StrEnum
from itertools import pairwise
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    _Form = tuple[Callable[[Any], Any], Callable[[Any], Any]]

OTHER = "other"
"""The label of every value that a choice does not declare."""
NONE = "none"
"""The label of an answer without a complete sample."""

_DIGEST_CONTEXT = "telemetryd-definition-1\n"
_REVISION_CONTEXT = "telemetryd-revision-1\n"
_REVISION_DIGITS = 12
_NUMERIC_OF_SOURCE = ("id", "type", "unit", "combine", "bins", "values")
"""The keys of a source's canonical form that change the numbers. No text that people read is one of them."""

Key = tuple[str, str]
"""(application id, question id): what names a question, whatever its definition."""


class SourceType(StrEnum):
    """What a source measures. There is no text type (Policy: P1)."""

    FLAG = "flag"
    CHOICE = "choice"
    NUMBER = "number"
    COUNT = "count"


class Combine(StrEnum):
    """How the samples of a period become one."""

    LAST = "last"
    MIN = "min"
    MAX = "max"
    MEDIAN = "median"
    SUM = "sum"
    APPLICATIONS = "applications"
    MODE = "mode"
    ANY = "any"
    ALL = "all"


class Category(StrEnum):
    """The two axes of consent (Policy: P2)."""

    SYSTEM = "system"
    USAGE = "usage"


class Detail(IntEnum):
    """The consent level that a question needs."""

    BASIC = 1
    DETAILED = 2


class PeriodKind(StrEnum):
    """The calendar period that a question's answer covers, in UTC."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class ManifestKind(StrEnum):
    """Whether a manifest is an application's own or holds sources that many applications push into."""

    APPLICATION = "application"
    SHARED = "shared"


class Source(NamedTuple):
    """One measured thing, and the bins that its values are reduced to (Policy: A3, M2).

    `id` is the source's own id in `Declaration.sources`. In `Definition.fields` it is the reference that the question wrote, such as
    `startup` or `org.telemetryd.system/memory`. `edges` belong to numbers and counts, `values` to choices.
    """

    id: str
    type: SourceType
    description: str
    combine: Combine
    unit: str = ""
    edges: tuple[int | float, ...] = ()
    values: tuple[str, ...] = ()

    @property
    def bin_count(self) -> int:
        """Number of bins. It does not make the labels, which would take as long as all other checks of a text."""
        if self.type is SourceType.FLAG:
            return 2
        return len(self.values if self.type is SourceType.CHOICE else self.edges) + 1

    @property
    def labels(self) -> tuple[str, ...]:
        """The label of each bin, in the order of their numbers."""
        if self.type is SourceType.FLAG:
            return ("false", "true")
        if self.type is SourceType.CHOICE:
            return (*self.values, OTHER)
        return edge_labels(self.edges)


class Application(NamedTuple):
    """The application that asks. `uses` are the shared sources that it pushes into, as `application/source`.

    `snap` is the only snap that may act for it, or "". Only an installed manifest may name one; it is not part of the digest.
    """

    id: str
    name: str
    summary: str
    vendor: str
    contact: str
    kind: ManifestKind = ManifestKind.APPLICATION
    uses: tuple[str, ...] = ()
    snap: str = ""


class Question(NamedTuple):
    """A question: its purpose, sources, dates and protection (Policy: M1, M4)."""

    id: str
    purpose: str
    decision: str
    category: Category
    detail: Detail
    sources: tuple[str, ...]
    coarser: tuple[tuple[str, tuple[int | float | str, ...]], ...]
    period: PeriodKind
    starts: date
    ends: date
    share: float
    epsilon: float
    expected_users: int = 0
    expected: tuple[tuple[str, tuple[float, ...]], ...] = ()
    """(reference, one expected share for each label of the field), for some of the sources; shares add up to 1 ± 0.01."""


class Definition(NamedTuple):
    """One question as it is enforced. Consent treats definitions with equal digests as equal."""

    application: Application
    question: Question
    fields: tuple[Source, ...]
    digest: str

    @property
    def key(self) -> Key:
        """Answers, draws and refusals belong to it, whatever the definition."""
        return self.application.id, self.question.id

    @property
    def revision(self) -> str:
        """The name of the definition in reports: 12 hex digits over what changes the numbers.

        Definitions that differ in texts, dates or consent alone share it, so that a report tells nothing of a text.
        """
        return _revision_of(self.application, self.question, self.fields)

    @property
    def cells(self) -> int:
        """Number of possible answers, the joint cell `none` included."""
        return prod(field.bin_count for field in self.fields) + 1


class Declaration(NamedTuple):
    """One manifest as enforced. `texts` maps language → key → localised text.

    Keys: `name`, `summary`, `source/ID/description`, `question/ID/purpose`, `question/ID/decision`.
    """

    application: Application
    sources: tuple[Source, ...]
    definitions: tuple[Definition, ...]
    digest: str
    texts: Mapping[str, Mapping[str, str]]


def number_label(number: float) -> str:
    """The canonical text of a number: 500 and 500.0 are `500`, and minus zero is `0`."""
    return format(Decimal(repr(number or 0)).normalize(), "f")


def edge_labels(edges: Sequence[float]) -> tuple[str, ...]:
    """The labels of the bins between edges: `<a`, `a..b` for [a, b), `>=z`."""
    texts = [number_label(edge) for edge in edges]
    between = [f"{low}..{high}" for low, high in pairwise(texts)]
    return (f"<{texts[0]}", *between, f">={texts[-1]}")


def digest_of(application: Application, question: Question, fields: Sequence[Source]) -> str:
    """The digest of one definition: `sha256:` and 64 hex digits over its canonical form."""
    return _hash(_canonical(application, question, fields))


def digest_of_all(definitions: Sequence[Definition]) -> str:
    """The digest of a manifest: over the canonical forms of all its questions in declared order."""
    return _hash([_canonical(definition.application, definition.question, definition.fields) for definition in definitions])


def translations(definition: Definition, texts: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """The localised texts of one question: language → key → text. `texts` are those of its declaration."""
    question_id = definition.question.id
    keys = {
        "name",
        f"question/{question_id}/purpose",
        f"question/{question_id}/decision",
        *(f"source/{field.id}/description" for field in definition.fields),
    }
    chosen = {language: {key: text for key, text in by_key.items() if key in keys} for language, by_key in texts.items()}
    return {language: by_key for language, by_key in chosen.items() if by_key}


def canonical_text(definition: Definition) -> str:
    """The digest's input without its first line: JSON, which `toml.canonical.read` parses."""
    return _text_of(_canonical(definition.application, definition.question, definition.fields))


def _revision_of(application: Application, question: Question, fields: Sequence[Source]) -> str:
    form = _canonical(application, question, fields)
    numeric = {
        "application": _only(form["application"], ("id",)),
        "sources": [_only(source, _NUMERIC_OF_SOURCE) for source in form["sources"]],
        "question": _only(form["question"], ("id", "period", "share", "epsilon")),
    }
    return hashlib.sha256((_REVISION_CONTEXT + _text_of(numeric)).encode()).hexdigest()[:_REVISION_DIGITS]


def _hash(canonical: Any) -> str:
    return "sha256:" + hashlib.sha256((_DIGEST_CONTEXT + _text_of(canonical)).encode()).hexdigest()


def _text_of(canonical: Any) -> str:
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return unicodedata.normalize("NFC", text)


def _canonical(application: Application, question: Question, fields: Sequence[Source]) -> dict[str, Any]:
    """Everything that consent covers, as JSON values. Localised texts and `expected*` are left out on purpose."""
    return {
        "application": {key: write(getattr(application, key)) for key, (write, _) in APPLICATION_FORM.items()},
        "sources": [_canonical_source(source) for source in fields],
        "question": {key: write(getattr(question, key)) for key, (write, _) in QUESTION_FORM.items()},
    }


def _only(form: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: form[key] for key in keys if key in form}


def _canonical_source(source: Source) -> dict[str, Any]:
    form: dict[str, Any] = {key: write(getattr(source, key)) for key, (write, _) in SOURCE_FORM.items()}
    if source.edges:
        form["bins"] = [number_label(edge) for edge in source.edges]
    if source.values:
        form["values"] = sorted(source.values)
    return form


def _identity(value: Any) -> Any:
    return value


def _detail_word(detail: Detail) -> str:
    return detail.name.lower()


def _detail_of_word(word: str) -> Detail:
    return Detail[word.upper()]


def _subsets(coarser: tuple[tuple[str, tuple[float | str, ...]], ...]) -> dict[str, list[str]]:
    return {reference: [_text(item) for item in subset] for reference, subset in coarser}


def _pairs(subsets: Mapping[str, Sequence[str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((reference, tuple(subset)) for reference, subset in subsets.items())


def _text(item: float | str) -> str:
    return item if isinstance(item, str) else number_label(item)


_AS_IS: _Form = (_identity, _identity)
APPLICATION_FORM: Mapping[str, _Form] = MappingProxyType(
    {"id": _AS_IS, "name": _AS_IS, "vendor": _AS_IS, "contact": _AS_IS, "kind": (_identity, ManifestKind)}
)
SOURCE_FORM: Mapping[str, _Form] = MappingProxyType(
    {"id": _AS_IS, "type": (_identity, SourceType), "description": _AS_IS, "unit": _AS_IS, "combine": (_identity, Combine)}
)
"""The form of a source without its edges and values, which are present only if it has some."""
QUESTION_FORM: Mapping[str, _Form] = MappingProxyType(
    {
        "id": _AS_IS,
        "purpose": _AS_IS,
        "decision": _AS_IS,
        "category": (_identity, Category),
        "detail": (_detail_word, _detail_of_word),
        "sources": (list, tuple),
        "coarser": (_subsets, _pairs),
        "period": (_identity, PeriodKind),
        "starts": (date.isoformat, date.fromisoformat),
        "ends": (date.isoformat, date.fromisoformat),
        "share": (number_label, float),
        "epsilon": (number_label, float),
    }
)
"""Field → (function to canonical JSON, its inverse): the input of a digest."""

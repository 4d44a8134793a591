"""The declaration as enforced: light, immutable, with its digest; what the rest of the daemon knows of a manifest.

`toml.manifest` turns a manifest's text into a `Declaration`; nothing else makes one. A `Definition` is one question with its sources as
they are asked (after `coarser`) and the application it belongs to: the unit that is reviewed, consented to, collected and reported.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from decimal import Decimal
from enum import IntEnum, StrEnum
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

OTHER = "other"
"""The label of every value that a choice does not declare."""
NONE = "none"
"""The label of an answer without a complete sample."""

_DIGEST_CONTEXT = "telemetryd-definition-1\n"
_REVISION = slice(len("sha256:"), len("sha256:") + 12)


class SourceType(StrEnum):
    """What a source measures. There is no text type (Policy: P1)."""

    FLAG = "flag"
    CHOICE = "choice"
    NUMBER = "number"
    COUNT = "count"


class Combine(StrEnum):
    """How a period's samples become one."""

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


class Draw(StrEnum):
    """Which period a user answers in."""

    UNIFORM = "uniform"
    FIRST = "first"


class Kind(StrEnum):
    """Whether a manifest is an application's own or holds sources that many applications push into."""

    APPLICATION = "application"
    SHARED = "shared"


class Source(NamedTuple):
    """One thing that is measured, and the bins that are all that is kept of it (Policy: A3, M2).

    `id` is the source's own id in a `Declaration.sources`, and the reference as the question wrote it (`startup` or
    `org.telemetryd.system/memory`) in a `Definition.fields`. `edges` belong to numbers and counts, `values` to choices.
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
        """Number of bins, without writing their labels, which takes as long as all of a text's other checks."""
        if self.type is SourceType.FLAG:
            return 2
        return len(self.values if self.type is SourceType.CHOICE else self.edges) + 1

    @property
    def labels(self) -> tuple[str, ...]:
        """The text of each bin, in the order of the bins' numbers."""
        if self.type is SourceType.FLAG:
            return ("false", "true")
        if self.type is SourceType.CHOICE:
            return (*self.values, OTHER)
        return edge_labels(self.edges)


class Application(NamedTuple):
    """Who asks. `uses` are the shared sources that it pushes into, as `application/source`.

    `snap` is the one snap that may act for it, "" for none: an installed manifest's word, and no part of the digest.
    """

    id: str
    name: str
    summary: str
    vendor: str
    contact: str
    kind: Kind = Kind.APPLICATION
    uses: tuple[str, ...] = ()
    snap: str = ""


class Question(NamedTuple):
    """What is asked, why, for how long, and how the answer is protected (Policy: M1, M4)."""

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
    draw: Draw
    share: float
    epsilon: float
    expected_users: int = 0
    expected: tuple[tuple[str, tuple[float, ...]], ...] = ()
    """For each source whose shares are guessed beforehand, one for each label of the field, adding up to 1 ± 0.01."""


class Definition(NamedTuple):
    """One question as it is enforced; equal digests are equal questions to the user's consent."""

    application: Application
    question: Question
    fields: tuple[Source, ...]
    digest: str

    @property
    def key(self) -> tuple[str, str]:
        """(application id, question id): what an answer, a draw and a refusal stick to."""
        return self.application.id, self.question.id

    @property
    def revision(self) -> str:
        """First 12 hex digits of the digest: what a report calls the definition."""
        return self.digest[_REVISION]

    @property
    def cells(self) -> int:
        """Number of possible answers, the joint cell `none` included."""
        return prod(field.bin_count for field in self.fields) + 1


class Declaration(NamedTuple):
    """One manifest as enforced. `texts` maps a language to the localised texts, each under its key.

    Keys of texts: `name`, `summary`, `source/ID/description`, `question/ID/purpose`, `question/ID/decision`.
    """

    application: Application
    sources: tuple[Source, ...]
    definitions: tuple[Definition, ...]
    digest: str
    texts: Mapping[str, Mapping[str, str]]


def number_label(number: float) -> str:
    """The one text of a number: 500 and 500.0 are `500`, and minus zero is `0`."""
    return format(Decimal(repr(number or 0)).normalize(), "f")


def edge_labels(edges: Sequence[float]) -> tuple[str, ...]:
    """The texts of the bins between edges: `<a`, `a..b` (meaning [a, b)), `>=z`."""
    texts = [number_label(edge) for edge in edges]
    between = [f"{low}..{high}" for low, high in pairwise(texts)]
    return (f"<{texts[0]}", *between, f">={texts[-1]}")


def digest_of(application: Application, question: Question, fields: Sequence[Source]) -> str:
    """The digest of one definition: `sha256:` and 64 hex digits over its canonical form."""
    return _hash(_canonical(application, question, fields))


def digest_of_all(definitions: Sequence[Definition]) -> str:
    """The digest of a manifest: over the canonical forms of all its questions in declared order."""
    return _hash([_canonical(one.application, one.question, one.fields) for one in definitions])


def translations(definition: Definition, texts: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Of a declaration's texts in other languages those of one question: language → key → text."""
    asked = definition.question.id
    keys = {
        "name",
        f"question/{asked}/purpose",
        f"question/{asked}/decision",
        *(f"source/{one.id}/description" for one in definition.fields),
    }
    found = {language: {key: text for key, text in known.items() if key in keys} for language, known in texts.items()}
    return {language: known for language, known in found.items() if known}


def canonical_text(definition: Definition) -> str:
    """The text that the digest is taken over, but for its first line: JSON, which `canonical.read` takes back."""
    return _text_of(_canonical(definition.application, definition.question, definition.fields))


def _hash(canonical: Any) -> str:
    return "sha256:" + hashlib.sha256((_DIGEST_CONTEXT + _text_of(canonical)).encode()).hexdigest()


def _text_of(canonical: Any) -> str:
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return unicodedata.normalize("NFC", text)


def _canonical(application: Application, question: Question, fields: Sequence[Source]) -> dict[str, Any]:
    """Everything that consent is given to, as JSON values; texts in other languages and `expected*` are left out on purpose."""
    return {
        "application": {key: getattr(application, key) for key in ("id", "name", "vendor", "contact", "kind")},
        "sources": [_canonical_source(source) for source in fields],
        "question": {
            "id": question.id,
            "purpose": question.purpose,
            "decision": question.decision,
            "category": question.category,
            "detail": question.detail.name.lower(),
            "sources": list(question.sources),
            "coarser": {reference: [_text(item) for item in subset] for reference, subset in question.coarser},
            "period": question.period,
            "starts": question.starts.isoformat(),
            "ends": question.ends.isoformat(),
            "draw": question.draw,
            "share": number_label(question.share),
            "epsilon": number_label(question.epsilon),
        },
    }


def _canonical_source(source: Source) -> dict[str, Any]:
    form: dict[str, Any] = {key: getattr(source, key) for key in ("id", "type", "description", "unit", "combine")}
    if source.edges:
        form["bins"] = [number_label(edge) for edge in source.edges]
    if source.values:
        form["values"] = sorted(source.values)
    return form


def _text(item: float | str) -> str:
    return item if isinstance(item, str) else number_label(item)

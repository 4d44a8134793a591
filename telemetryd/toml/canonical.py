"""The parser of canonical texts, so that anyone can see what a digest stands for. Policy: T2.

A canonical text has only what the digest covers. The application's summary and the expected shares are missing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from telemetryd.core.definition import (
    APPLICATION_FORM,
    QUESTION_FORM,
    SOURCE_FORM,
    Application,
    Definition,
    Question,
    Source,
    digest_of,
)
from telemetryd.errors import InvalidManifestError

if TYPE_CHECKING:
    from collections.abc import Mapping


def read(text: str) -> Definition:
    """The definition with this canonical text (`definition.canonical_text`). Raises InvalidManifestError for any other text."""
    try:
        values = json.loads(text)
        application = Application(**_fields(APPLICATION_FORM, values["application"]), summary="")
        question = _question(values["question"])
        fields = tuple(map(_source, values["sources"]))
        return Definition(application, question, fields, digest_of(application, question, fields))
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError):
        raise InvalidManifestError("expected the canonical text of a definition") from None


def _fields(inverses: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: inverse(values[key]) for key, (_, inverse) in inverses.items()}


def _source(values: dict[str, Any]) -> Source:
    edges = tuple(map(_number, values.get("bins", ())))
    return Source(**_fields(SOURCE_FORM, values), edges=edges, values=tuple(values.get("values", ())))


def _question(values: dict[str, Any]) -> Question:
    """The question, with `coarser` in the order of its sources."""
    question = Question(**_fields(QUESTION_FORM, values))
    coarser = dict(question.coarser)
    return question._replace(coarser=tuple((reference, coarser[reference]) for reference in question.sources if reference in coarser))


def _number(label: str) -> int | float:
    return float(label) if "." in label else int(label)

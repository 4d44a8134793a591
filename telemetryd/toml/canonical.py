"""The text that a definition's digest is taken over, read again: so that whoever is shown a digest can see for himself what it stands for.

What is no part of the digest (the application's summary, what is expected of the answers) is not in it. Policy: T2.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from telemetryd.core.definition import (
    Application,
    Category,
    Combine,
    Definition,
    Detail,
    Draw,
    Kind,
    PeriodKind,
    Question,
    Source,
    SourceType,
    digest_of,
)
from telemetryd.errors import InvalidManifestError


def read(text: str) -> Definition:
    """The definition with this canonical text (`definition.canonical_text`). Raises InvalidManifestError for any other text."""
    try:
        form = json.loads(text)
        application, question = _application(form["application"]), _question(form["question"])
        fields = tuple(map(_source, form["sources"]))
        return Definition(application, question, fields, digest_of(application, question, fields))
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError):
        raise InvalidManifestError("expected the canonical text of a definition") from None


def _application(form: dict[str, Any]) -> Application:
    return Application(form["id"], form["name"], "", form["vendor"], form["contact"], Kind(form["kind"]))


def _source(form: dict[str, Any]) -> Source:
    return Source(
        id=form["id"],
        type=SourceType(form["type"]),
        description=form["description"],
        combine=Combine(form["combine"]),
        unit=form["unit"],
        edges=tuple(map(_number, form.get("bins", ()))),
        values=tuple(form.get("values", ())),
    )


def _question(form: dict[str, Any]) -> Question:
    return Question(
        id=form["id"],
        purpose=form["purpose"],
        decision=form["decision"],
        category=Category(form["category"]),
        detail=Detail[form["detail"].upper()],
        sources=tuple(form["sources"]),
        coarser=tuple((reference, tuple(form["coarser"][reference])) for reference in form["sources"] if reference in form["coarser"]),
        period=PeriodKind(form["period"]),
        starts=date.fromisoformat(form["starts"]),
        ends=date.fromisoformat(form["ends"]),
        draw=Draw(form["draw"]),
        share=float(form["share"]),
        epsilon=float(form["epsilon"]),
    )


def _number(label: str) -> int | float:
    return float(label) if "." in label else int(label)

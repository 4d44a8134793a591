"""The tables of a manifest as they are written: pydantic models that check each table by itself.

Annotations are read at run time here, hence no `from __future__ import annotations`. Policy: A1, M1, M4, P1, P2.
"""

from datetime import date
from decimal import Decimal
from itertools import pairwise
from math import isfinite
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, PlainValidator, model_validator

from telemetryd.core.definition import NONE, OTHER, Category, Draw, Kind, PeriodKind
from telemetryd.core.strict import APPLICATION_ID, ID, ApplicationId, Contact, Id, Line, Localised, Strict, line, matching, refused
from telemetryd.core.system import SYSTEM

_EXACT = 1 << 53
"""Largest edge: the largest whole number up to which a double holds every one."""
_SOURCES = 4
"""Most sources of one question."""
_YEARS = range(2000, 3000)
"""What a date's year can be; far inside what calendar arithmetic can express."""

_TOLERANCE = Decimal("0.01")
"""How far from 1 expected shares may add up: three times 0.33 will do."""


def _edge(edge: Any) -> int | float:
    if not isinstance(edge, int | float) or isinstance(edge, bool) or not isfinite(edge) or abs(edge) > _EXACT:
        raise refused("a finite number of at most 2^53")
    return edge


def _count_edge(edge: Any) -> int:
    number = _edge(edge)
    if number < 0 or number % 1:
        raise refused("a whole number of at least 0")
    return int(number)


def _kept(item: Any) -> int | float | str:
    return item if isinstance(item, str) else _edge(item)


def _rising(edges: list[int | float]) -> list[int | float]:
    if not edges or any(low >= high for low, high in pairwise(edges)):
        raise refused("one or more edges in rising order, each once")
    return edges


def _distinct(items: list[str]) -> list[str]:
    if not items or len(set(items)) < len(items):
        raise refused("one or more entries, each once")
    return items


def _declarable(values: list[str]) -> list[str]:
    if OTHER in values or NONE in values:
        raise refused(f"values without {OTHER} and {NONE}, which telemetryd adds itself")
    return sorted(_distinct(values))


def _tenths(epsilon: float) -> float:
    tenths = Decimal(repr(epsilon)) * 10
    if not isfinite(epsilon) or tenths % 1 or not 1 <= tenths <= 40:  # noqa: PLR2004 - 0.1 to 4.0
        raise refused("0.1 to 4.0 in steps of 0.1")
    return int(tenths) / 10


def _whole(shares: dict[str, float]) -> dict[str, float]:
    if abs(sum((Decimal(repr(share)) for share in shares.values()), Decimal(-1))) > _TOLERANCE:
        raise refused("shares that add up to 1 (± 0.01)")
    return shares


def _this_millennium(day: date) -> date:
    if day.year not in _YEARS:
        raise refused("a date in the years 2000 to 2999")
    return day


_Edges = Annotated[list[Annotated[int | float, PlainValidator(_edge)]], AfterValidator(_rising)]
_CountEdges = Annotated[list[Annotated[int, PlainValidator(_count_edge)]], AfterValidator(_rising)]
_Value = Annotated[str, matching(r"[A-Za-z0-9._+-]{1,32}", "a value: 1 to 32 of A-Z a-z 0-9 . _ + -")]
_Unit = Annotated[str, Field(max_length=16), AfterValidator(line)]
_Shared = Annotated[str, matching(f"{APPLICATION_ID}/{ID}", "a shared source as application/source, such as org.example.frameworks/crash")]
_Asked = Annotated[str, matching(f"({APPLICATION_ID}/)?{ID}", f"the id of a source of this manifest, or {SYSTEM}/ and a system fact")]
_Kept = Annotated[int | float | str, PlainValidator(_kept)]
_Shares = Annotated[dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]], AfterValidator(_whole)]
_Date = Annotated[date, AfterValidator(_this_millennium)]


class ApplicationTable(Localised):
    """`[application]`: who asks."""

    translatable: ClassVar = ("name", "summary")

    id: ApplicationId
    name: Annotated[str, Field(max_length=80), AfterValidator(line)]
    summary: Line = ""
    vendor: Id
    contact: Contact
    kind: Annotated[Kind, Field(strict=False)] = Kind.APPLICATION
    uses: Annotated[list[_Shared], AfterValidator(_distinct)] | None = None


class SourceTable(Localised):
    """What every `[[source]]` has."""

    translatable: ClassVar = ("description",)

    id: Id
    description: Line


class FlagSource(SourceTable):
    """A source that is true or false."""

    type: Literal["flag"]
    combine: Literal["last", "any", "all"] = "last"


class ChoiceSource(SourceTable):
    """A source that is one of a few values."""

    type: Literal["choice"]
    combine: Literal["last", "mode"] = "last"
    values: Annotated[list[_Value], AfterValidator(_declarable)]


class NumberSource(SourceTable):
    """A source that is measured."""

    type: Literal["number"]
    combine: Literal["last", "min", "max", "median"] = "last"
    unit: _Unit = ""
    bins: _Edges


class CountSource(SourceTable):
    """A source that is counted."""

    type: Literal["count"]
    combine: Literal["sum", "applications"] = "sum"
    unit: _Unit = ""
    bins: _CountEdges


class QuestionTable(Localised):
    """`[[question]]`: what is asked, why and for how long."""

    translatable: ClassVar = ("purpose", "decision")

    id: Id
    purpose: Line
    decision: Line
    category: Annotated[Category, Field(strict=False)]
    detail: Literal["basic", "detailed"]
    sources: Annotated[list[_Asked], Field(max_length=_SOURCES), AfterValidator(_distinct)]
    coarser: dict[str, list[_Kept]] = Field(default_factory=dict)
    period: Annotated[PeriodKind, Field(strict=False)]
    starts: _Date
    ends: _Date
    draw: Annotated[Draw, Field(strict=False)] = Draw.UNIFORM
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    epsilon: Annotated[float, AfterValidator(_tenths)] = 2.0
    expected_users: Annotated[int, Field(ge=1, le=_EXACT)] | None = None
    expected: dict[str, _Shares] = Field(default_factory=dict)


AnySource = Annotated[FlagSource | ChoiceSource | NumberSource | CountSource, Field(discriminator="type")]


class ManifestText(Strict):
    """The whole text."""

    schema_: Literal[1] = Field(alias="schema")
    application: ApplicationTable
    source: list[AnySource] = Field(default_factory=list)
    question: list[QuestionTable] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _needs_schema_1(cls, document: Any) -> Any:
        """Before all else: of a later schema's text every other complaint would mislead."""
        schema = document.get("schema")
        if type(schema) is not int or schema != 1:
            raise refused("schema = 1, the only one that this version knows")
        return document

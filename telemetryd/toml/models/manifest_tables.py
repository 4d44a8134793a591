"""The tables of a manifest as they are written: pydantic models that check each table by itself.

Annotations are read at run time here, hence no `from __future__ import annotations`. Policy: A1, M1, M4, P1, P2.
"""

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, PlainValidator, model_validator

from telemetryd.core.definition import Category, Draw, Kind, PeriodKind
from telemetryd.toml import fields
from telemetryd.toml.fields import EXACT, LINE, NAME, SOURCES, UNIT, refused
from telemetryd.toml.models.base import ApplicationId, Contact, Id, Line, Localised, Strict

_Edges = Annotated[list[Annotated[int | float, PlainValidator(fields.edge)]], AfterValidator(fields.rising)]
_CountEdges = Annotated[list[Annotated[int, PlainValidator(fields.count_edge)]], AfterValidator(fields.rising)]
_Value = Annotated[str, AfterValidator(fields.choice_value)]
_Unit = Annotated[str, Field(max_length=UNIT), AfterValidator(fields.line)]
_Snap = Annotated[str, AfterValidator(fields.snap_name)]
_Reason = Annotated[str, Field(max_length=LINE), AfterValidator(fields.reason)]
_Shared = Annotated[str, AfterValidator(fields.shared_source)]
_Asked = Annotated[str, AfterValidator(fields.asked_source)]
_Kept = Annotated[int | float | str, PlainValidator(fields.kept)]
_Shares = Annotated[dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]], AfterValidator(fields.whole)]
_Date = Annotated[date, AfterValidator(fields.this_millennium)]


class ApplicationTable(Localised):
    """`[application]`: who asks."""

    translatable: ClassVar = ("name", "summary")

    id: ApplicationId
    name: Annotated[str, Field(max_length=NAME), AfterValidator(fields.name)]
    summary: Line = ""
    vendor: Id
    contact: Contact
    kind: Annotated[Kind, Field(strict=False)] = Kind.APPLICATION
    uses: Annotated[list[_Shared], AfterValidator(fields.distinct)] | None = None
    snap: _Snap = ""


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
    values: Annotated[list[_Value], AfterValidator(fields.declarable)]


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
    purpose: _Reason
    decision: _Reason
    category: Annotated[Category, Field(strict=False)]
    detail: Literal["basic", "detailed"]
    sources: Annotated[list[_Asked], Field(max_length=SOURCES), AfterValidator(fields.distinct)]
    coarser: dict[str, list[_Kept]] = Field(default_factory=dict)
    period: Annotated[PeriodKind, Field(strict=False)]
    starts: _Date
    ends: _Date
    draw: Annotated[Draw, Field(strict=False)] = Draw.UNIFORM
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    epsilon: Annotated[float, AfterValidator(fields.tenths)] = 2.0
    expected_users: Annotated[int, Field(ge=1, le=EXACT)] | None = None
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

"""Pydantic models from the same tables of keys as the reader. The JSON Schema for editors is made from them.

The daemon never imports this module: pydantic costs 80 ms and 11 MB at each start, and a broken one would stop the daemon. Tests compare
the reader with these models for all changes of all keys.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, create_model, model_validator
from pydantic.json_schema import WithJsonSchema

from telemetryd.toml import tables, value_kinds
from telemetryd.toml.fields import LINE, rejection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from telemetryd.toml.tables import Table, TableKey
    from telemetryd.toml.value_kinds import Kind

_LANGUAGE = r"\[[a-z]{2,3}(_([A-Z]{2}|[0-9]{3}))?(@[a-z]{2,16})?\]"
_ANNOTATED: Any = Annotated
_LITERAL: Any = Literal
_UNION: Any = Union
_LIST: Any = list
_DICT: Any = dict


class Strict(BaseModel):
    """A table of a TOML text. Nothing is converted, and unknown keys are errors."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Localised(Strict):
    """A table with texts that may have translations."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str]


class _KindSchema:
    """Adds the JSON Schema of a kind's rule to that of its type, which pydantic makes."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return handler(core_schema) | dict(self._schema)


@cache
def model_of(table: Table) -> type[BaseModel]:
    """The model of a table. The key `schema` becomes the field `schema_`, because pydantic has a method `schema`."""
    fields: dict[str, Any] = {f"{name}_" if hasattr(BaseModel, name) else name: _field(name, key) for name, key in table.keys.items()}
    translated = [name for name, key in table.keys.items() if key.is_translated]
    if not translated:
        return create_model(table.name, __base__=Strict, __doc__=table.about, **fields)
    text: Any = {"maxLength": LINE, "type": "string"}
    schema: Any = {"patternProperties": {f"^({'|'.join(translated)}){_LANGUAGE}$": text}, "additionalProperties": False}
    base = type(table.name, (Localised,), {"__module__": __name__, "model_config": ConfigDict(json_schema_extra=schema)})
    checks: dict[str, Any] = {"translations": model_validator(mode="after")(_translations_of(table))}
    return create_model(table.name, __base__=base, __doc__=table.about, __validators__=checks, **fields)


def _translations_of(table: Table) -> Callable[[Localised], Localised]:
    def check(self: Localised) -> Localised:
        for name, text in self.__pydantic_extra__.items():
            translated = table.split_translation(name)
            if translated is None:
                raise rejection("a key of the table")
            table.texts[translated[1]].read(text)
        return self

    return check


def _field(name: str, key: TableKey) -> tuple[Any, Any]:
    alias = name if hasattr(BaseModel, name) else None
    about: Any = {"alias": alias, "description": key.help or None}
    if key.default is tables.REQUIRED:
        return _type(key.kind), Field(**about)
    if isinstance(key.default, dict | tuple | tables.Row):
        return _type(key.kind), Field(
            default_factory=lambda: _type(key.kind)() if isinstance(key.kind, tables.Table) else key.default, **about
        )
    return _type(key.kind), Field(default=key.default, **about)


def _type(kind: Kind) -> Any:
    """The type annotation of a kind, with its JSON Schema."""
    annotation = _bare_type(kind)
    return _ANNOTATED[(annotation, _KindSchema(kind.json_schema))] if kind.json_schema else annotation


def _bare_type(kind: Kind) -> Any:
    match kind:
        case value_kinds.List():
            return _ANNOTATED[(_LIST[_type(kind.item)], Field(max_length=kind.longest or None), AfterValidator(kind.rule))]
        case value_kinds.Map():
            return _ANNOTATED[(_DICT[_type(kind.name), _type(kind.item)], AfterValidator(kind.rule))]
        case tables.Table():
            return model_of(kind)
        case tables.Variants():
            return _ANNOTATED[(_UNION[tuple(map(model_of, kind.tables.values()))], Field(discriminator=kind.key))]
        case _:
            return _single_type(kind)


def _single_type(kind: Kind) -> Any:  # noqa: PLR0911 - a kind a line
    match kind:
        case value_kinds.Flag():
            return bool
        case value_kinds.Text():
            return _ANNOTATED[(str, Field(max_length=kind.longest or None), AfterValidator(kind.rule))]
        case value_kinds.Word():
            return _ANNOTATED[(kind.enum, Field(strict=False))] if kind.enum else _LITERAL[tuple(kind.words)]
        case value_kinds.Version():
            return _ANNOTATED[(_LITERAL[kind.known], BeforeValidator(kind.read))]
        case value_kinds.Integer():
            return _ANNOTATED[(int, Field(ge=kind.least, le=kind.most))]
        case value_kinds.Number():
            return _ANNOTATED[(float, AfterValidator(kind.rule))]
        case value_kinds.Day():
            return _ANNOTATED[(date, AfterValidator(kind.rule))] if kind.rule else date
        case _:
            return _ANNOTATED[(Any, PlainValidator(kind.read), WithJsonSchema(dict(kind.json_schema)))]

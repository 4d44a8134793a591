"""What people write in TOML, checked strictly: the base of every model, the types of its fields, errors in plain words.

Annotations are read at run time here, hence no `from __future__ import annotations`.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from telemetryd.errors import TelemetrydError
from telemetryd.toml import fields
from telemetryd.toml.fields import LINE, LOCALISED

_MOST_PROBLEMS = 5
"""So many of a text's problems are told at once: enough to mend it in one go, few enough to read."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.@/\[\]<=>+-]{1,200}")

T = TypeVar("T", bound=BaseModel)


Line = Annotated[str, Field(max_length=LINE), AfterValidator(fields.line)]
Id = Annotated[str, AfterValidator(fields.identifier)]
ApplicationId = Annotated[str, AfterValidator(fields.application_id)]
PageUrl = Annotated[str, Field(max_length=LINE), AfterValidator(fields.page_url)]
Contact = Annotated[str, Field(max_length=LINE), AfterValidator(fields.contact)]


class Strict(BaseModel):
    """A table of a TOML text: nothing is converted, unknown keys are errors."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    translatable: ClassVar[tuple[str, ...]] = ()
    """Keys that may be repeated in other languages, as in desktop files: `name[de]`."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in table:
            localised = LOCALISED.fullmatch(key)
            if key not in known and not (localised and localised[1] in cls.translatable):
                known += [f"{name}[LANGUAGE]" for name in cls.translatable]
                raise PydanticCustomError(
                    "unknown_key", "{key}: unknown key; known are {known}", {"key": _plain(key), "known": ", ".join(known)}
                )
        return table


class Localised(Strict):
    """A table some of whose texts may stand there in other languages too."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Line]

    @model_validator(mode="after")
    def _read_translations(self) -> Self:
        """Texts in other languages keep the rule of the text that they translate."""
        for key, text in self.__pydantic_extra__.items():
            try:
                fields.TRANSLATED[key.partition("[")[0]](text)
            except fields.RefusedError as failure:
                raise PydanticCustomError("translation", "{key}: {expected}", {"key": key, "expected": str(failure)}) from None
        return self

    def translations(self) -> dict[str, dict[str, str]]:
        """Language → key → text."""
        texts: dict[str, dict[str, str]] = {}
        for key, text in self.__pydantic_extra__.items():
            name, _, language = key.partition("[")
            texts.setdefault(language.rstrip("]"), {})[name] = text
        return texts


def read(model: type[T], document: Mapping[str, Any], error: type[TelemetrydError]) -> T:
    """What a text says of which a parser made this, checked; raises `error` with the place, the fault and what was expected."""
    try:
        return model.model_validate(document)
    except ValidationError as failure:
        raise error(explain(failure, document)) from None


def explain(error: ValidationError, document: Mapping[str, Any]) -> str:
    """What is wrong where and what was expected, for a person; of the text itself it repeats only keys and ids."""
    problems = error.errors(include_url=False, include_input=False)
    told = [tell(problem, document) for problem in problems[:_MOST_PROBLEMS]]
    more = len(problems) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "")


def tell(problem: ErrorDetails, document: Mapping[str, Any]) -> str:
    """One of these problems."""
    return f"{_place(problem['loc'], document)}{_expectation(problem)}"


def _plain(key: object) -> str:
    return key if isinstance(key, str) and _PLAIN_KEY.fullmatch(key) else "(a key with other characters)"


def _place(loc: tuple[int | str, ...], document: Mapping[str, Any]) -> str:
    """`[[question]] "startup": ends: ` for ("question", 0, "ends")."""
    if not loc:
        return ""
    head, rest = loc[0], loc[1:]
    value = document.get(str(head))
    parts = [_plain(head)]
    if isinstance(value, dict):
        if rest and isinstance(value.get(str(rest[0])), dict) and head == "endpoint":
            head, rest = f"{head}.{_plain(rest[0])}", rest[1:]
        parts = [f"[{head}]"]
    elif isinstance(value, list) and rest and isinstance(rest[0], int):
        table = value[rest[0]]
        parts = [f"[[{head}]] {_name(table, rest[0])}"]
        rest = rest[2:] if len(rest) > 1 and isinstance(table, dict) and table.get("type") == rest[1] else rest[1:]
    parts += [f"item {part + 1}" if isinstance(part, int) else _plain(part) for part in rest if part != "[key]"]
    return ": ".join(parts) + ": "


def _name(table: Any, number: int) -> str:
    name = table.get("id") if isinstance(table, dict) else None
    return f'"{name}"' if isinstance(name, str) and re.fullmatch(r"[a-z0-9_-]{1,64}", name) else f"number {number + 1}"


_EXPECTATIONS = {
    "missing": "is missing",
    "date_type": "expected a date without a time, such as 2026-11-24",
    "dict_type": "expected a table",
    "model_type": "expected a table",
    "model_attributes_type": "expected a table",
    "list_type": "expected a list",
    "string_type": "expected a text",
    "union_tag_not_found": "type: is missing; expected flag, choice, number or count",
    "union_tag_invalid": "type: expected flag, choice, number or count; there is no type for texts, because no free text is ever collected",
}


def _expectation(problem: ErrorDetails) -> str:
    text = _EXPECTATIONS.get(problem["type"], problem["msg"])
    return re.sub("^(Input should be|(String|List) should have|Value error, expected)", "expected", text)

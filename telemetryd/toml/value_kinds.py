"""The kinds of values of a TOML key. Each kind reads a value, or reports all its mistakes with their places.

Nothing is converted: a boolean is not a number, and a text is not a date. `json_schema` has a kind's rule in the terms of JSON Schema.
"""

from __future__ import annotations

from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from telemetryd.toml.fields import EXACT, RefusedError, rejection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from enum import Enum
    from typing import Protocol

    Part = tuple[str | int, str | tuple[str, ...] | list["Part"]]
    """(key or index, mistake there): a message, the known keys in place of an unknown one, or a list of nested parts.

    Full places are built only for the messages that are shown: a hostile text can have five thousand mistakes, and all callers wait for it.
    """

    Rule = Callable[[Any], Any]
    JsonSchema = Mapping[str, Any]

    class Kind(Protocol):
        """A kind of value."""

        json_schema: JsonSchema

        def read(self, value: Any) -> Any:
            """The normal form of a value. Raises RefusedError, or its subclass MistakesError for mistakes inside of the value."""


NOTHING: JsonSchema = MappingProxyType({})
"""For kinds whose schema pydantic makes completely."""


class MistakesError(RefusedError):
    """A value with mistakes in its parts."""

    def __init__(self, parts: list[Part]) -> None:
        super().__init__()
        self.parts = parts


def part(key: str | int, refusal: RefusedError) -> Part:
    """The mistake of a key or item, as a part of the error about its container."""
    return key, refusal.parts if isinstance(refusal, MistakesError) else str(refusal)


class Flag:
    """True or false."""

    json_schema = NOTHING

    def read(self, value: Any) -> bool:
        """The same value."""
        if value is True or value is False:
            return value
        raise _type_rejection("true or false", value)


class Text:
    """A text of at most `longest` characters (0: any number) that satisfies a rule."""

    def __init__(self, rule: Callable[[str], str], longest: int = 0, *, json_schema: JsonSchema = NOTHING) -> None:
        self.rule, self.longest, self.json_schema = rule, longest, json_schema

    def read(self, value: Any) -> str:
        """The part of the value that the rule keeps."""
        if type(value) is not str:
            raise rejection("a text")
        if self.longest and len(value) > self.longest:
            raise rejection(f"at most {self.longest} characters")
        return self.rule(value)


class AnyText(Text):
    """Any text; a later check compares it with others."""

    def __init__(self) -> None:
        super().__init__(str)


class Word:
    """One of a few words, or the member of `enum` with this value."""

    json_schema = NOTHING

    def __init__(self, *words: str, enum: type[Enum] | None = None) -> None:
        self.words: Mapping[str, Any] = {member.value: member for member in enum} if enum else dict(zip(words, words, strict=True))
        self.enum = enum

    def read(self, value: Any) -> Any:
        """The word, or the member."""
        if type(value) is not str or value not in self.words:
            *most, last = map(repr, self.words)
            raise rejection(f"{', '.join(most)} or {last}" if most else last)
        return self.words[value]


class Integer:
    """A whole number in a range."""

    json_schema = NOTHING

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def read(self, value: Any) -> int:
        """The same value."""
        if type(value) is not int or not self.least <= value <= self.most:
            raise _type_rejection(f"a whole number from {self.least} to {'2^53' if self.most == EXACT else self.most}", value)
        return value


class Version:
    """The format version in the key `schema`."""

    json_schema = NOTHING

    def __init__(self, known: int) -> None:
        self.known = known

    def read(self, value: Any) -> int:
        """The same value."""
        if type(value) is not int or value != self.known:
            raise rejection(f"schema = {self.known}, the only one that this version knows")
        return value


class Number:
    """A number that satisfies a rule."""

    def __init__(self, rule: Callable[[float], float], *, json_schema: JsonSchema = NOTHING) -> None:
        self.rule, self.json_schema = rule, json_schema

    def read(self, value: Any) -> float:
        """The result of the rule for the number as a double."""
        if type(value) is not int and type(value) is not float:
            raise _type_rejection("a number", value)
        try:
            number = float(value)
        except OverflowError:
            number = float("inf")
        return self.rule(number)


class Bare:
    """A value of any type; its rule checks the type too."""

    def __init__(self, rule: Rule, *, json_schema: JsonSchema) -> None:
        self.read, self.json_schema = rule, json_schema


class Day:
    """A date without a time."""

    json_schema = NOTHING

    def __init__(self, rule: Callable[[date], date] | None = None) -> None:
        self.rule = rule

    def read(self, value: Any) -> date:
        """The same value."""
        if type(value) is not date:
            raise rejection(f"a date without {'quotes' if type(value) is str else 'a time'}, such as 2026-11-24")
        return self.rule(value) if self.rule else value


class List:
    """A list of values of one kind, of at most `longest` entries (0: any number), with a rule for the list."""

    def __init__(self, item: Kind, rule: Rule = list, longest: int = 0, *, json_schema: JsonSchema = NOTHING) -> None:
        self.item, self.rule, self.longest, self.json_schema = item, rule, longest, json_schema

    def read(self, value: Any) -> Any:
        """The result of the rule for the list of read items."""
        if type(value) is not list:
            raise rejection("a list")
        if self.longest and len(value) > self.longest:
            raise rejection(f"at most {self.longest} entries")
        read, items, wrong = self.item.read, [], []
        for number, item in enumerate(value):
            try:
                items.append(read(item))
            except RefusedError as refusal:
                wrong.append(part(number, refusal))
        if wrong:
            raise MistakesError(wrong)
        return self.rule(items)


class Map:
    """A table with keys of one kind and values of one kind, with a rule for the table."""

    def __init__(self, name: Kind, item: Kind, rule: Rule = dict, *, json_schema: JsonSchema = NOTHING) -> None:
        self.name, self.item, self.rule, self.json_schema = name, item, rule, json_schema

    def read(self, value: Any) -> Any:
        """The result of the rule for the table of read names and items."""
        if type(value) is not dict:
            raise rejection("a table")
        items, wrong = {}, []
        for name, item in value.items():
            try:
                key = self.name.read(name)
            except RefusedError as refusal:
                key = name
                wrong.append(part(name, refusal))
            try:
                items[key] = self.item.read(item)
            except RefusedError as refusal:
                wrong.append(part(name, refusal))
        if wrong:
            raise MistakesError(wrong)
        return self.rule(items)


def _type_rejection(expected: str, value: Any) -> RefusedError:
    """The error for a value of a wrong type. A text may only have quotes too many."""
    return rejection(f"{expected}, without quotes" if type(value) is str else expected)

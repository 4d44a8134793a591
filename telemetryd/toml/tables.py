"""Tables of a TOML text: their keys, and how they are read into rows. Policy: A1, M1.

A table reports the mistakes of all its keys at once.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from telemetryd.toml.fields import LINE, LOCALISED, RefusedError, rejection
from telemetryd.toml.value_kinds import NOTHING, Bare, List, MistakesError, Text, Word, part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from telemetryd.toml.value_kinds import Kind, Part


class _Required:
    """Marks a key without a default."""


REQUIRED = _Required()
MISSING = "is missing"
"""The message about a required key that is absent, or its beginning."""


class TableKey:
    """One key of a table: its kind and default, the clause of the policy that it serves, and how to write it."""

    is_translated = False

    def __init__(self, kind: Kind, clause: str = "", help_: str = "", default: Any = REQUIRED) -> None:
        self.kind, self.clause, self.help, self.default = kind, clause, help_, default


class TranslatedKey(TableKey):
    """A text that may have translations, as in desktop files: `name[de]`."""

    is_translated = True


class Row(SimpleNamespace):
    """The values of a table as attributes; `texts` is language → key → translation."""

    texts: Mapping[str, Mapping[str, str]]


class Table:
    """A table and its keys. If its `first` key is wrong, the rest is not checked, because it may be of another format."""

    json_schema = NOTHING

    def __init__(self, name: str, keys: Mapping[str, TableKey], *, about: str, first: str = "") -> None:
        self.name, self.keys, self.about, self._first = name, keys, about, first
        self.known = (*keys, *(f"{key}[LANGUAGE]" for key, key_definition in keys.items() if key_definition.is_translated))
        self._readers = {name: key.kind.read for name, key in keys.items()}
        self._defaults = {name: key.default for name, key in keys.items() if key.default is not REQUIRED}
        self._required = keys.keys() - self._defaults.keys()
        self.texts = {name: Text(key.kind.rule, LINE) for name, key in keys.items() if key.is_translated and isinstance(key.kind, Text)}

    def read(self, value: Any) -> Row:
        """The row of a table, with the defaults of absent keys."""
        if type(value) is not dict:
            raise rejection("a table: write single brackets around its name" if type(value) is list else "a table")
        if self._first:
            self._readers[self._first](value.get(self._first))
        values: dict[str, Any] = {"texts": {}, **self._defaults}
        wrong: list[Part] = []
        readers = self._readers
        for name, item in value.items():
            try:
                if name in readers:
                    values[name] = readers[name](item)
                elif translation := self.split_translation(name):
                    language, key = translation
                    values["texts"].setdefault(language, {})[key] = self.texts[key].read(item)
                else:
                    wrong.append((name, self.known))
            except RefusedError as refusal:
                wrong.append(part(name, self._refusal(name, item, refusal)))
        if wrong or not self._required <= value.keys():
            raise MistakesError(self._in_order(wrong, value))
        return Row(**values)

    def split_translation(self, name: str) -> tuple[str, str] | None:
        """(language, key) of a key such as `name[de]`; None if the table has no such translation."""
        match = LOCALISED.fullmatch(name)
        return (match[2], match[1]) if match and match[1] in self.texts else None

    def _refusal(self, name: str, item: Any, refusal: RefusedError) -> RefusedError:
        """The error about a key, with a hint if a table of translations stands there."""
        is_table = type(item) is dict and name in self.texts
        return RefusedError(f'{refusal}; write a translation as a key in quotes: "{name}[de]"') if is_table else refusal

    def _in_order(self, wrong: list[Part], value: Mapping[str, Any]) -> list[Part]:
        """Unknown keys first, then wrong or missing keys in the order of the table, then translations."""
        missing = [(name, MISSING) for name in self.keys if name in self._required and name not in value]
        order = {name: number for number, name in enumerate(self.keys)}
        return sorted([*wrong, *missing], key=lambda entry: -1 if isinstance(entry[1], tuple) else order.get(str(entry[0]), len(order)))


class Variants:
    """A table of one of several kinds; the value of `key` names the kind, and `instead` has hints for wrong names.

    If the value names no kind, the other keys are checked as far as all kinds agree on them: the text has these mistakes anyway.
    """

    json_schema = NOTHING

    def __init__(self, key: str, tables: Mapping[str, Table], instead: Mapping[str, str]) -> None:
        self.key, self.tables, self.instead = key, tables, instead
        self._common = self._agreed_table()

    def read(self, value: Any) -> Row:
        """The row of a table."""
        if type(value) is not dict:
            raise rejection("a table")
        named = value.get(self.key)
        if type(named) is str and named in self.tables:
            return self.tables[named].read(value)
        return self._common.read({self.key: named, **value})

    def _agreed_table(self) -> Table:
        """What all kinds agree on. It refuses every table, and first of all the value of `key`."""
        known: dict[str, list[TableKey]] = {}
        for table in self.tables.values():
            for name, key in table.keys.items():
                known.setdefault(name, []).append(key)
        del known[self.key]
        keys = {self.key: TableKey(Bare(self._refuse, json_schema=NOTHING))}
        keys |= {name: _agreed(definitions, is_common=len(definitions) == len(self.tables)) for name, definitions in known.items()}
        return Table("Common", keys, about="What all kinds agree on.")

    def _refuse(self, named: Any) -> None:
        *most, last = self.tables
        expected = f"expected {', '.join(most)} or {last}"
        if named is None:
            raise RefusedError(f"{MISSING}; {expected}")
        instead = self.instead.get(named.casefold(), "") if type(named) is str else ""
        raise RefusedError(f"{expected}; {instead}" if instead else expected)


def _agreed(definitions: Sequence[TableKey], *, is_common: bool) -> TableKey:
    """A key as all kinds that know it define it: any value that one of them might accept is accepted."""
    first, kinds = definitions[0], [definition.kind for definition in definitions]
    if is_common and all(kind is first.kind for kind in kinds):
        return first
    words = [kind for kind in kinds if isinstance(kind, Word)]
    is_word = is_common and len(words) == len(kinds)
    kind = Word(*(word for one in words for word in one.words)) if is_word else Bare(lambda value: value, json_schema=NOTHING)
    return TableKey(kind, default=None)


class Tables(List):
    """An array of tables: two brackets around each header."""

    def read(self, value: Any) -> Any:
        """The rows."""
        if type(value) is dict:
            raise rejection("a list of tables: write two brackets around its name")
        return super().read(value)

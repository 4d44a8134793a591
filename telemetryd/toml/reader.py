"""TOML texts in which nothing is in doubt, read without pydantic, whose import alone takes 80 ms and 11 MB.

Each shape below says of a table what its model in `models` says, with the same rules for the `fields`. What is read
has the attributes of the models. In doubt a text is not read here: the models then decide about it and say what is wrong. So a mistake
here can cost time, never let anything in that the models refuse; a test compares both over every kind of text. Policy: A1, M1, M4, P1, R1.
"""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from telemetryd.core.definition import Category, Draw, Kind, PeriodKind
from telemetryd.core.signoffs import StopReason
from telemetryd.toml import fields
from telemetryd.toml.fields import EXACT, LINE, LOCALISED, NAME, PATH, SOURCES, UNIT, URL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Check = Callable[[Any], Any]

_LEVEL = 2
"""The highest consent level."""


class DoubtError(Exception):
    """The models have to look at this text."""


class Row(SimpleNamespace):
    """A table that was read, with its model's attributes."""

    texts: Mapping[str, Mapping[str, str]]

    def translations(self) -> Mapping[str, Mapping[str, str]]:
        """Language → key → text."""
        return self.texts


def _table(checks: Mapping[str, Check], defaults: Mapping[str, Any] | None = None, translatable: tuple[str, ...] = ()) -> Check:
    """What a table holds: the check of each key, what stands for keys that may be absent, and the keys that may be translated."""
    absent = defaults or {}

    def check(value: Any) -> Row:
        found: dict[str, Any] = {"texts": {}, **absent}
        for key, one in _typed(dict)(value).items():
            if key in checks:
                found[key] = checks[key](one)
                continue
            localised = LOCALISED.fullmatch(key)
            if not localised or localised[1] not in translatable:
                raise DoubtError
            found["texts"].setdefault(localised[2], {})[localised[1]] = _TRANSLATED[localised[1]](one)
        if checks.keys() - found.keys():
            raise DoubtError
        return Row(**found)

    return check


def read(shape: Check, document: Mapping[str, Any]) -> Any:
    """What a text says of which a parser made this, or None if that is in doubt."""
    try:
        return shape(document)
    except (DoubtError, ValueError):
        return None


def _typed(kind: type[Any]) -> Check:
    """Exactly this type: a boolean is no number, and a time no date."""

    def check(value: Any) -> Any:
        if type(value) is not kind:
            raise DoubtError
        return value

    return check


def _text(rule: Check, longest: int | None = None) -> Check:
    def check(value: Any) -> Any:
        if type(value) is not str or (longest and len(value) > longest):
            raise DoubtError
        return rule(value)

    return check


def _list(item: Check, rule: Check = list, longest: int | None = None) -> Check:
    def check(value: Any) -> Any:
        if type(value) is not list or (longest and len(value) > longest):
            raise DoubtError
        return rule([item(one) for one in value])

    return check


def _map(key: Check, item: Check, rule: Check = dict) -> Check:
    def check(value: Any) -> Any:
        return rule({key(name): item(one) for name, one in _typed(dict)(value).items()})

    return check


def _one_of(*values: str) -> Check:
    return _text(lambda value: value if value in values else _doubt())


def _whole_number(least: int, most: int) -> Check:
    def check(value: Any) -> Any:
        return value if type(value) is int and least <= value <= most else _doubt()

    return check


def _number(value: Any) -> float:
    """A number that is not negative; what a double does not hold exactly is in doubt."""
    return float(value) if type(value) in {int, float} and 0 <= value <= EXACT else _doubt()


def _share(value: Any) -> float:
    number = _number(value)
    if not 0 < number <= 1:
        raise DoubtError
    return number


def _epsilon(value: Any) -> float:
    return fields.tenths(_number(value))


def _date(value: Any) -> date:
    return fields.this_millennium(_typed(date)(value))


def _source(value: Any) -> Any:
    """The discriminated union of the models."""
    kind = value.get("type") if type(value) is dict else None
    return _SOURCES[kind](value) if type(kind) is str and kind in _SOURCES else _doubt()


def _doubt() -> Any:
    raise DoubtError


line = _text(fields.line, LINE)
_TRANSLATED = {key: _text(rule, LINE) for key, rule in fields.TRANSLATED.items()}
_id = _text(fields.identifier)
_application_id = _text(fields.application_id)
page_url = _text(fields.page_url, LINE)
_path = _text(fields.file_path, PATH)
_relay_url = _text(fields.relay_url, URL)
reviewers = _list(line, fields.two_people)
_flag = _typed(bool)
_any_text = _typed(str)

_SOURCE: Mapping[str, Check] = {"id": _id, "description": line, "type": _any_text}
_EDGES, _COUNT_EDGES = _list(fields.edge, fields.rising), _list(fields.count_edge, fields.rising)
_UNIT: Mapping[str, Check] = {"unit": _text(fields.line, UNIT)}
_SOURCES = {
    "flag": _table({**_SOURCE, "combine": _one_of("last", "any", "all")}, {"combine": "last"}, ("description",)),
    "choice": _table(
        {**_SOURCE, "combine": _one_of("last", "mode"), "values": _list(_text(fields.choice_value), fields.declarable)},
        {"combine": "last"},
        ("description",),
    ),
    "number": _table(
        {**_SOURCE, **_UNIT, "combine": _one_of("last", "min", "max", "median"), "bins": _EDGES},
        {"combine": "last", "unit": ""},
        ("description",),
    ),
    "count": _table(
        {**_SOURCE, **_UNIT, "combine": _one_of("sum", "applications"), "bins": _COUNT_EDGES},
        {"combine": "sum", "unit": ""},
        ("description",),
    ),
}
_APPLICATION = _table(
    {
        "id": _application_id,
        "name": _text(fields.name, NAME),
        "summary": line,
        "vendor": _id,
        "contact": _text(fields.contact, LINE),
        "kind": _text(Kind),
        "uses": _list(_text(fields.shared_source), fields.distinct),
        "snap": _text(fields.snap_name),
    },
    {"summary": "", "kind": Kind.APPLICATION, "uses": None, "snap": ""},
    ("name", "summary"),
)
_QUESTION = _table(
    {
        "id": _id,
        "purpose": _TRANSLATED["purpose"],
        "decision": _TRANSLATED["decision"],
        "category": _text(Category),
        "detail": _one_of("basic", "detailed"),
        "sources": _list(_text(fields.asked_source), fields.distinct, SOURCES),
        "coarser": _map(_any_text, _list(fields.kept)),
        "period": _text(PeriodKind),
        "starts": _date,
        "ends": _date,
        "draw": _text(Draw),
        "share": _share,
        "epsilon": _epsilon,
        "expected_users": _whole_number(1, EXACT),
        "expected": _map(_any_text, _map(_any_text, _number, fields.whole)),
    },
    {"coarser": {}, "draw": Draw.UNIFORM, "share": 1.0, "epsilon": 2.0, "expected_users": None, "expected": {}},
    ("purpose", "decision"),
)
MANIFEST = _table(
    {"schema": _whole_number(1, 1), "application": _APPLICATION, "source": _list(_source), "question": _list(_QUESTION)},
    {"source": (), "question": ()},
)

_LIMITS = _table(
    {"system": _whole_number(0, _LEVEL), "usage": _whole_number(0, _LEVEL), "new_questions": _one_of("refuse", "ask", "accept")},
    {"system": None, "usage": None, "new_questions": None},
)
_ENDPOINT = _table(
    {
        "name": line,
        "url": _text(fields.endpoint_url, URL),
        "format": _one_of("report", "otlp", "kuserfeedback"),
        "ca_file": _path,
        "results": _text(fields.results_url, LINE),
        "ohttp_relay": _relay_url,
        "ohttp_keys": _path,
    },
    {"format": "report", "ca_file": "", "results": "", "ohttp_relay": "", "ohttp_keys": ""},
)
_SAID = {"enabled": _flag, "developer": _flag} | dict.fromkeys(
    ("idle_exit_minutes", "budget_source", "budget_year", "budget_epsilon"), _number
)
CONFIGURATION = _table(
    {**_SAID, "limits": _LIMITS, "endpoint": _map(_id, _ENDPOINT)},
    {**dict.fromkeys(_SAID), "limits": _LIMITS({}), "endpoint": {}},
)

_REVIEW = _table(
    {
        "application": _application_id,
        "question": _id,
        "definition": _text(fields.digest),
        "reviewers": reviewers,
        "record": page_url,
        "date": _typed(date),
    }
)
_STOP = _table(
    {"application": _application_id, "question": _id, "reason": _text(StopReason), "date": _typed(date), "text": line}, {"text": ""}
)
REVIEWS = _table({"review": _list(_REVIEW), "stop": _list(_STOP)}, {"review": (), "stop": ()})

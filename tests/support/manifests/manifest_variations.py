"""A manifest with all keys, and documents that differ from another in one place."""

import json
from copy import deepcopy
from datetime import UTC, date, datetime, time

LANGUAGES = {"name[de]": "Käte", "name[sr@latin]": "Kate", "summary[pt_BR]": "Editor"}
MANIFEST = {
    "schema": 1,
    "application": {
        "id": "org.kde.kate",
        "name": "Kate",
        "summary": "Text editor",
        "vendor": "kde",
        "contact": "https://kde.org/privacypolicy-apps",
        "kind": "application",
        "uses": ["org.kde.frameworks/crash"],
        "snap": "kate",
        **LANGUAGES,
    },
    "source": [
        {"id": "dark", "type": "flag", "description": "Dark", "combine": "any", "description[de]": "Dunkel"},
        {"id": "platform", "type": "choice", "description": "Window system", "combine": "mode", "values": ["x11", "wayland"]},
        {"id": "startup", "type": "number", "description": "Start", "unit": "ms", "combine": "median", "bins": [500, 2000.5]},
        {"id": "files", "type": "count", "description": "Files", "unit": "files", "combine": "sum", "bins": [1.0, 10]},
    ],
    "question": [
        {
            "id": "q",
            "purpose": "Is it slow?",
            "decision": "What is done",
            "category": "usage",
            "detail": "basic",
            "sources": ["startup", "org.telemetryd.system/memory"],
            "coarser": {"startup": [500], "platform": ["x11"]},
            "period": "week",
            "starts": date(2026, 11, 2),
            "ends": date(2027, 6, 27),
            "share": 0.5,
            "epsilon": 1.5,
            "expected_users": 20000,
            "expected": {"startup": {"<500": 0.5, ">=500": 0.5}},
            "purpose[de]": "Ist es langsam?",
        }
    ],
}
VALUES = [
    *(True, False, 0, 1, -1, 2, 3, 0.0, -0.0, 1.0, 0.1, 0.15, 4.1, 500, 2**53, 2**53 + 1, -(2**53) - 1, 10**30, 1e308),
    *(float("inf"), float("-inf"), float("nan")),
    *("", " ", "a", "A", " a", "a\nb", "\u0007", "\u200b", "\u202e", "e\u0301", "x" * 17, "x" * 81, "x" * 301, "x" * 1001, "x" * 5000),
    *("a.b.c", "1.b.c", "other", "none", "last", "flag", "choice", "number", "count", "shared", "sum", "max", "all", "day", "uniform"),
    *("a-1", "a--1", "-a", "a-", "1-2", "x" * 40, "x" * 41),
    *("system", "detailed", "refuse", "otlp", "suspended", "sha256:" + "9" * 64, "/a", "/a\0", "dark", "org.a.b/c", "org.a.b/c/d"),
    *("https://a.b", "http://a.b/", "https://a@b", "https://a.b/#c", "https://a.b:99999/", "https://a.b/ä", "mailto:a@b.c", "ftp://a"),
    *(date(1999, 12, 31), date(2026, 1, 1), date(3000, 1, 1), datetime(2026, 1, 1, 12, tzinfo=UTC), time(12)),
    *([], [1], [2, 1], [1, 1], [0.5], ["a"], ["a", "a"], ["b", "a"], ["a", "b", "c", "d", "e"], [True], [[]], [{}]),
    *({}, {"a": 1}, {"a": "b"}, {"a": [1]}, {"a": {"b": 1.0}}, {"a": {"b": 0.5}}, {"a b": {}}, {"name": "a", "url": "https://a.b"}),
]
KEYS = ["a", "name[de]", "name[DE]", "id[de]", "description[fr]", "decision[x]", "texts", "schema_", "model_config", "Name", ""]


def toml(value):
    """A value in TOML."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False)
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(toml(item) for item in value) + "]"
        case date() | time():
            return value.isoformat()
        case _:
            return repr(value)


def text_of(document):
    """A whole text."""
    return "".join(f"{json.dumps(key)} = {toml(value)}\n" for key, value in document.items())


def places(value, path=()):
    """The path of every value in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def at(document, path):
    """The container of the last step of a path."""
    for step in path[:-1]:
        document = document[step]
    return document


def altered(document):
    """Every document that differs in one place: another value, a missing key, an extra key."""
    for path in places(document):
        for value in VALUES:
            changed = deepcopy(document)
            at(changed, path)[path[-1]] = value
            yield changed
        without = deepcopy(document)
        del at(without, path)[path[-1]]
        yield without
        for key in KEYS:
            more = deepcopy(document)
            if isinstance(at(more, path), dict):
                at(more, path)[key] = "b"
                yield more

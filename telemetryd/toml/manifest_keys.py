"""The table of all manifest keys: kind, clause of the policy, guidance and default of each. Policy: A1, M1, M4, P1, P2, T1.

The reader, the JSON Schema and the guidance of `lint` follow from it. The values become fields of `core.definition`, and `manifest` handles
what concerns several tables.
"""

from __future__ import annotations

from telemetryd.core.definition import NONE, OTHER, Category, ManifestKind, PeriodKind
from telemetryd.core.system_facts import SYSTEM
from telemetryd.toml import fields
from telemetryd.toml.fields import APPLICATION_ID, EXACT, ID, LINE, NAME, SNAP, SOURCES, UNIT
from telemetryd.toml.tables import Table, TableKey, Tables, TranslatedKey, Variants
from telemetryd.toml.value_kinds import AnyText, Bare, Day, Integer, List, Map, Number, Text, Version, Word


def _pattern(pattern: str) -> dict[str, str]:
    return {"pattern": f"^(?:{pattern})$"}


_SET = {"minItems": 1, "uniqueItems": True}
_EDGE = {"type": "number", "minimum": -EXACT, "maximum": EXACT}
_COUNT = {"type": "integer", "minimum": 0, "maximum": EXACT}

_id = Text(fields.identifier, json_schema=_pattern(ID))
_line = Text(fields.line, LINE)
_reason = Text(fields.reason, LINE)
_edges = List(Bare(fields.edge, json_schema=_EDGE), fields.strictly_increasing, json_schema=_SET)
_counts = List(Bare(fields.count_edge, json_schema=_COUNT), fields.strictly_increasing, json_schema=_SET)
_value = Text(fields.choice_value, json_schema={"pattern": r"^[A-Za-z0-9._+-]{1,32}$", "not": {"enum": [OTHER, NONE]}})
_values = List(_value, fields.choice_values, json_schema=_SET)
_shared_references = List(Text(fields.shared_source, json_schema=_pattern(f"{APPLICATION_ID}/{ID}")), fields.unique_items, json_schema=_SET)
_references = List(
    Text(fields.source_reference, json_schema=_pattern(f"({APPLICATION_ID}/)?{ID}")), fields.unique_items, SOURCES, json_schema=_SET
)
_coarser_items = List(Bare(fields.edge_or_value, json_schema={"type": ["number", "string"]}), json_schema=_SET)
_shares = Map(AnyText(), Number(fields.not_negative, json_schema={"minimum": 0}), fields.complete_shares)
_date = Day(fields.question_day)

APPLICATION = Table(
    "ApplicationTable",
    {
        "id": TableKey(
            Text(fields.application_id, json_schema=_pattern(APPLICATION_ID)),
            "T2",
            'write the reverse-DNS id of the desktop file: id = "org.example.Editor"',
        ),
        "name": TranslatedKey(Text(fields.name, NAME), "T1", 'write the name that users know, at most 80 characters: name = "Editor"'),
        "summary": TranslatedKey(_line, "T1", 'write in a few words what the program is: summary = "Text editor"', ""),
        "vendor": TableKey(_id, "C6", 'name the endpoint that the distribution or administrator configured: vendor = "example"'),
        "contact": TableKey(
            Text(fields.contact, LINE, json_schema={"pattern": r"^(https://|mailto:)[!-~]+$"}),
            "C8",
            'write where users can raise concerns: contact = "https://example.org/privacy", or mailto:',
        ),
        "kind": TableKey(
            Word(enum=ManifestKind),
            "T2",
            'write "application", or "shared" for sources that many applications push into',
            ManifestKind.APPLICATION,
        ),
        "uses": TableKey(
            _shared_references, "T2", 'list the shared sources that the program pushes into: uses = ["org.example.frameworks/crash"]', None
        ),
        "snap": TableKey(
            Text(fields.snap_name, json_schema=_pattern(SNAP)),
            "A1",
            'name the snap that may push for the program, in an installed manifest only: snap = "example-editor"',
            "",
        ),
    },
    about="`[application]`: who asks.",
)

_SOURCE_KEYS = {
    "id": TableKey(_id, "T2", 'write a short name, the one that the program pushes to: id = "startup"'),
    "description": TranslatedKey(
        _line, "T1", 'say what is measured, for a user: description = "Time from process start to the first window"'
    ),
}
_BINS = "list the edges of the bins in rising order, two edges make three bins: bins = [500, 2000]"
_WRITE_CHOICE = 'for one of a few values write "choice", and list them in values'
_WRITE_NUMBER = 'for what is measured write "number", and its bins'
_WRITE_COUNT = 'for how often something happens write "count", for whether it happens at all "flag"'
_WRITE_SEVERAL = "a source holds one value: write a [[source]] for each entry"
_NO_TEXTS = "there is no type for texts, because no free text is ever collected"
_INSTEAD = {
    **dict.fromkeys(("bool", "boolean", "switch", "toggle"), 'for true or false write "flag"'),
    **dict.fromkeys(("enum", "list", "array", "set", "options", "category", "labels"), _WRITE_CHOICE),
    **dict.fromkeys(
        ("int", "integer", "float", "double", "real", "gauge", "duration", "timespan", "histogram", "distribution"), _WRITE_NUMBER
    ),
    **dict.fromkeys(("counter", "counts", "event", "events"), _WRITE_COUNT),
    **dict.fromkeys(("map", "dict", "object", "table", "record", "struct", "tuple"), _WRITE_SEVERAL),
    **dict.fromkeys(("text", "string", "str"), _NO_TEXTS),
}
"""Type names of other systems, with what to write instead."""


def _combine(*words: str) -> TableKey:
    """The key `combine` with the methods of a type; the first is the default."""
    return TableKey(Word(*words), "M2", "choose which value of a period is kept; every type has its own choices", words[0])


def _type(word: str) -> TableKey:
    types = '"flag" for true or false, "choice" for one of a few values, "number" for what is measured, "count" for what is counted'
    return TableKey(Word(word), "P1", f"write {types}")


_UNIT = TableKey(Text(fields.line, UNIT), "T1", 'write the unit in at most 16 characters: unit = "ms"', "")
_VALUES = TableKey(_values, "M2", 'list the few answers that matter, all else becomes "other": values = ["wayland", "x11"]')
SOURCE = Variants(
    "type",
    {
        "flag": Table(
            "FlagSource",
            {**_SOURCE_KEYS, "type": _type("flag"), "combine": _combine("last", "any", "all")},
            about="A source that is true or false.",
        ),
        "choice": Table(
            "ChoiceSource",
            {**_SOURCE_KEYS, "type": _type("choice"), "combine": _combine("last", "mode"), "values": _VALUES},
            about="A source that is one of a few values.",
        ),
        "number": Table(
            "NumberSource",
            {
                **_SOURCE_KEYS,
                "type": _type("number"),
                "combine": _combine("last", "min", "max", "median"),
                "unit": _UNIT,
                "bins": TableKey(_edges, "M2", _BINS),
            },
            about="A source that is measured.",
        ),
        "count": Table(
            "CountSource",
            {
                **_SOURCE_KEYS,
                "type": _type("count"),
                "combine": _combine("sum", "applications"),
                "unit": _UNIT,
                "bins": TableKey(_counts, "M2", _BINS),
            },
            about="A source that is counted.",
        ),
    },
    _INSTEAD,
)

QUESTION = Table(
    "QuestionTable",
    {
        "id": TableKey(_id, "T2", 'write a short name: id = "startup-by-memory"'),
        "purpose": TranslatedKey(
            _reason, "M1", 'ask what you need to know: purpose = "Is start-up too slow on machines with little memory?"'
        ),
        "decision": TranslatedKey(
            _reason, "M1", 'say what the answer will change: decision = "Whether the session restore is loaded lazily"'
        ),
        "category": TableKey(Word(enum=Category), "P2", 'write "system" for what the installation is like, "usage" for how it is used'),
        "detail": TableKey(Word("basic", "detailed"), "C1", 'write the level that a user must have chosen: "basic" or "detailed"'),
        "sources": TableKey(
            _references, "T2", f"list the sources that answer it: ids of this manifest's, or {SYSTEM}/ and a system fact; at most {SOURCES}"
        ),
        "coarser": TableKey(
            Map(AnyText(), _coarser_items),
            "M2",
            "keep fewer edges or values of a source for this question: coarser = { startup = [2000] }",
            {},
        ),
        "period": TableKey(Word(enum=PeriodKind), "M4", "write the calendar period that one answer covers: day, week or month"),
        "starts": TableKey(_date, "M4", "write the first day as a date without quotes: starts = 2026-11-02"),
        "ends": TableKey(_date, "M4", "write the last day as a date without quotes, at most a year after starts: ends = 2027-06-27"),
        "share": TableKey(
            Number(fields.sampling_share, json_schema={"exclusiveMinimum": 0, "maximum": 1}),
            "A3",
            "write the part of the consenting users who are asked at all, above 0 and at most 1: share = 0.5",
            1.0,
        ),
        "epsilon": TableKey(
            Number(fields.epsilon_in_tenths, json_schema={"minimum": 0.1, "maximum": 4}),
            "A3",
            "write the protection of an answer in steps of 0.1, from 0.1 (strong) to 4.0: epsilon = 2.0",
            2.0,
        ),
        "expected_users": TableKey(
            Integer(1, EXACT), "A3", "write how many users are expected to accept, for the arithmetic only: expected_users = 20000", None
        ),
        "expected": TableKey(
            Map(AnyText(), _shares), "M2", 'guess the share of each label: expected = { startup = { "<500" = 0.7, ">=500" = 0.3 } }', {}
        ),
    },
    about="`[[question]]`: what is asked, why and for how long.",
)

MANIFEST = Table(
    "ManifestText",
    {
        "schema": TableKey(Version(1), "T2", "write schema = 1 in the first line: the version of the manifest's format"),
        "application": TableKey(APPLICATION, "T2", "write one table [application] with id, name, vendor and contact: who asks"),
        "source": TableKey(
            Tables(SOURCE), "T2", "write one table [[source]] for each thing that is measured: id, type, description and its bins", ()
        ),
        "question": TableKey(
            Tables(QUESTION),
            "M1",
            "write one table [[question]] for each thing that you need to know: nothing is collected without one",
            (),
        ),
    },
    about="The whole text.",
    first="schema",
)

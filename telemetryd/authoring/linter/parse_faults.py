"""Finds every reason for which `manifest.parse` refuses a text, each with its place; `parse` stops at the first.

The parser's own checks run here table by table. Tables with mistakes are left out of the checks across tables, so that no mistake is
reported twice. Policy: A1, M1, M2, M4, P1, P2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetryd.authoring.guidance import GUIDES, guide, help_for
from telemetryd.authoring.linter.finding import entries, error, tables
from telemetryd.core.definition import Application
from telemetryd.errors import InvalidManifestError
from telemetryd.toml import parser, reader
from telemetryd.toml.manifest import application_of, definition_of, source_of
from telemetryd.toml.manifest_keys import MANIFEST
from telemetryd.toml.mistakes import format_mistake, format_place
from telemetryd.toml.tables import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from telemetryd.authoring.linter.finding import Document, Fault
    from telemetryd.core.definition import Source
    from telemetryd.toml.mistakes import Mistake, Place
    from telemetryd.toml.tables import Row

_PLACEHOLDER = {"id": "org.example.Unknown", "name": "Unknown", "vendor": "unknown", "contact": "https://example.org/"}
"""Replaces a missing or wrong application, so that the rest can be checked."""
_ENTRY = 4
"""The length of the place of an entry: table, number, key, entry."""


def faults(text: str) -> list[Fault]:
    """The errors of a TOML text; empty for a manifest."""
    document = parser.loads(text)
    mistakes = reader.mistakes(MANIFEST, document)
    if any(not mistake.place for mistake in mistakes):  # another format
        return [_mistake_fault(mistake, document) for mistake in mistakes]
    written: dict[Place, Place] = {}
    unknown: list[Fault] = []
    while found := [mistake for mistake in mistakes if mistake.known]:  # a table with the right name may have more of them
        unknown += (_placed(_unknown_key_fault(mistake, document), written) for mistake in found)
        _correct_keys(mistakes, document, written)
        mistakes = reader.mistakes(MANIFEST, document)
    wrong = [_mistake_fault(mistake, document) for mistake in mistakes]
    broken = {fault.place for fault in wrong}
    rest = [*wrong, *_cross_table_faults(document, _valid_tables(document, broken), broken)]
    return [*unknown, *(_placed(fault, written) for fault in rest)]


def _correct_keys(mistakes: Sequence[Mistake], document: Document, written: dict[Place, Place]) -> None:
    """Give misspelt keys the names that they should have, and remove other unknown keys, so that the rest is checked.

    A key is misspelt if a similar one is not there. `written` gets correct place → place in the text.
    """
    for place, known in ((mistake.place, mistake.known) for mistake in mistakes if mistake.known):
        table = _value_at(document, place[:-1])
        value = table.pop(place[-1])
        near = _near(str(place[-1]), known)
        if near and "[" not in near and near not in table:
            table[near] = value
            written[(*place[:-1], near)] = _as_written(place, written)


def _placed(fault: Fault, written: Mapping[Place, Place]) -> Fault:
    return fault._replace(place=_as_written(fault.place, written))


def _as_written(place: Place, written: Mapping[Place, Place]) -> Place:
    """A place with the keys that the text has."""
    for length in range(len(place), 0, -1):
        if place[:length] in written:
            return (*written[place[:length]], *place[length:])
    return place


def _near(key: str, known: Sequence[str]) -> str:
    """The known key that a key may stand for, or ""."""
    from difflib import get_close_matches  # noqa: PLC0415 - for a text with this mistake only

    return next(iter(get_close_matches(key, known, 1)), "")


def _value_at(document: Document, place: Place) -> Any:
    value: Any = document
    for part in place:
        value = value[part]
    return value


def _unknown_key_fault(mistake: Mistake, document: Document) -> Fault:
    key = str(mistake.place[-1])
    base, bracket, _ = key.partition("[")
    near = _near(key, mistake.known)
    if bracket and f"{base}[LANGUAGE]" in mistake.known:
        help_ = f"write the language as in a locale's name: {base}[de], {base}[pt_BR] or {base}[sr@latin]"
    else:
        help_ = f"did you mean {near}?" if near else f"remove it, or write one of {', '.join(mistake.known)}"
    return error(mistake.place, "T2", f"{format_place(mistake.place[:-1], document)}{key}: unknown key", help_)


def _mistake_fault(mistake: Mistake, document: Document) -> Fault:
    place = mistake.place or ("schema",)
    is_value = len(place) == _ENTRY and place[2] == "values"
    reason, _, hint = mistake.message.partition("; ")
    help_ = help_for(place, reason) if reason == MISSING or not hint else hint
    return error(place, "P1" if is_value else guide(place).clause, format_mistake(mistake._replace(message=reason), document), help_)


def _valid_tables(document: Document, broken: set[Place]) -> Row:
    """The rows of all valid tables. [application] loses its wrong keys only."""
    table = document["application"] if ("application",) not in broken else {}
    wrong_keys = {place[1] for place in broken if place[0] == "application" and place[1:]}
    application = _PLACEHOLDER | {key: value for key, value in table.items() if key not in wrong_keys}
    if "kind" in wrong_keys:  # the kind with the most permissions
        application["kind"] = "shared"
        application.pop("uses", None)
        application.pop("snap", None)
    valid = {name: [document[name][number] for number in _valid_numbers(document, name, broken)] for name in ("source", "question")}
    return MANIFEST.read({"schema": 1, "application": application, **valid})


def _valid_numbers(document: Document, name: str, broken: set[Place]) -> list[int]:
    """The numbers of the tables without mistakes."""
    wrong = {place[:2] for place in broken}
    return [number for number, _ in tables(document, name) if (name, number) not in wrong]


def _cross_table_faults(document: Document, text: Row, broken: set[Place]) -> Iterator[Fault]:
    """The faults across tables that are valid by themselves."""
    yield from _duplicate_ids(document)
    yield from _unused_sources(document, _valid_numbers(document, "source", broken))
    table = text.application
    application = Application(table.id, table.name, table.summary, table.vendor, table.contact, table.kind)
    try:
        application = application_of(table)
    except InvalidManifestError as refusal:
        yield from _faults_of(refusal, ("application",), "[application]: ")
    own: dict[str, Source] = {}
    for number, source in zip(_valid_numbers(document, "source", broken), text.source, strict=True):
        try:
            own[source.id] = source_of(source, application)
        except InvalidManifestError as refusal:
            yield from _faults_of(refusal, ("source", number), f'[[source]] "{source.id}": ')
    ids = [table.get("id") for _, table in tables(document, "source")]
    is_nameless = ("source",) in broken or not all(isinstance(id_, str) for id_ in ids)
    for number, question in zip(_valid_numbers(document, "question", broken), text.question, strict=True):
        unknown = set(question.sources) - own.keys()
        if not any(reference in ids or (is_nameless and "/" not in reference) for reference in unknown):
            yield from _question(question, ("question", number), application, own)


def _question(table: Row, place: Place, application: Application, own: dict[str, Source]) -> Iterator[Fault]:
    try:
        definition_of(table, application, own)
    except InvalidManifestError as refusal:
        for fault in _faults_of(refusal, place, f'[[question]] "{table.id}": '):
            at = _place_of_reference(fault, table.sources)
            is_too_much = ": sources: expected " in fault.message
            yield fault._replace(place=at, clause="A3" if is_too_much else fault.clause)


def _faults_of(refusal: InvalidManifestError, place: Place, prefix: str) -> Iterator[Fault]:
    """The faults of one refusal, which joins several reasons. Each is placed at the key that it names after the prefix."""
    for reason in str(refusal).removeprefix(prefix).split(f"; {prefix}"):
        key, _, _ = reason.partition(": ")
        at = (*place, key) if key in GUIDES[str(place[0])] else place
        yield error(at, guide(at).clause, prefix + reason, help_for(at, reason))


def _place_of_reference(fault: Fault, sources: Sequence[str]) -> Place:
    """The place of the reference that a reason names after the key, or the key itself."""
    *_, key = fault.place
    for number, reference in enumerate(sources):
        if f": {key}: {reference}: " in fault.message:
            return (*fault.place, number if key == "sources" else reference)
    return fault.place


def _duplicate_ids(document: Document) -> Iterator[Fault]:
    for name in ("source", "question"):
        seen: set[str] = set()
        for number, table in tables(document, name):
            place, id_ = (name, number, "id"), table.get("id")
            if isinstance(id_, str) and id_ in seen:
                reason = f"id: expected an id that no other {name} has"
                yield error(place, "T2", f'[[{name}]] "{id_}": {reason}', help_for(place, reason))
            seen.add(str(id_))


def _unused_sources(document: Document, valid: Sequence[int]) -> Iterator[Fault]:
    """Sources without a question, and manifests without a use. Policy: M1."""
    questions = [table for _, table in tables(document, "question")]
    if not questions:
        application = document.get("application")
        if not document.get("question") and not (isinstance(application, dict) and "uses" in application):
            expected = "[[question]]: expected one or more questions, or shared sources in uses of an application"
            yield error(("application",), "M1", expected, guide(("question",)).help)
        return
    used = [reference for question in questions for reference in entries(question, "sources")]
    if not all(entries(question, "sources") for question in questions):
        return
    for number in valid:
        id_ = document["source"][number]["id"]
        if id_ not in used:
            message = f'[[source]] "{id_}": expected a question that asks for it: nothing is collected without one'
            yield error(("source", number), "M1", message, "use it in the sources of a question, or remove it")

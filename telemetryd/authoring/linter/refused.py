"""All that keeps a text from being a manifest, each with its place: `manifest.parse` names the first reason only, and this one all.

The reasons themselves are those of the parser: its models and checks are run here table by table. What is wrong in one table is left out
while the others are held against each other, so that one mistake is not told twice. Policy: A1, M1, M2, M4, P1, P2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetryd.authoring.guidance import GUIDES, guide
from telemetryd.authoring.linter.finding import entries, error, tables
from telemetryd.core.definition import Application, SourceType
from telemetryd.errors import InvalidManifestError
from telemetryd.toml import parser, reader
from telemetryd.toml.fields import LOCALISED
from telemetryd.toml.manifest import application_of, definition_of, source_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic_core import ErrorDetails

    from telemetryd.authoring.lines import Place
    from telemetryd.authoring.linter.finding import Document, Fault
    from telemetryd.core.definition import Source
    from telemetryd.toml.models.manifest_tables import ManifestText, QuestionTable

_STAND_IN = {"id": "org.example.Unknown", "name": "Unknown", "vendor": "unknown", "contact": "https://example.org/"}
"""An application in place of what is missing or wrong, so that the rest can be looked at."""
_NOT_TYPED = {"union_tag_not_found", "union_tag_invalid"}
_ENTRY = 4
"""How long the place of a key's entry is: table, number, key, entry."""


def faults(text: str) -> list[Fault]:
    """What keeps a TOML text from being a manifest; empty if nothing does."""
    document = parser.loads(text)
    read: ManifestText | None = reader.read(reader.MANIFEST, document)
    if read is not None:
        return list(_together(document, read, set()))
    unknown, problems = _problems(document)
    wrong = [_fault(one, document) for one in problems]
    broken = {fault.place for fault in wrong}
    if ("schema",) in broken:
        return wrong
    return [*unknown, *wrong, *_together(document, _sound(document, broken), broken)]


def _problems(document: Document) -> tuple[list[Fault], list[ErrorDetails]]:
    """Unknown keys, which are taken out of the document because they hide what else is wrong with their table; and all else."""
    from pydantic import ValidationError  # noqa: PLC0415 - 80 ms that a text without mistakes in its fields does without

    from telemetryd.toml.models.manifest_tables import ManifestText  # noqa: PLC0415 - the same

    unknown: list[Fault] = []
    while True:
        try:
            ManifestText.model_validate(document)
        except ValidationError as failure:
            problems = failure.errors(include_url=False, include_input=False)
            hiding = [one for one in problems if one["type"] == "unknown_key"]
            if not hiding:
                return unknown, problems
            for one in hiding:
                unknown += _unknown(one, document)
        else:
            return unknown, []


def _unknown(problem: ErrorDetails, document: Document) -> Iterator[Fault]:
    """All unknown keys of the table that a problem is about, where the models name the first."""
    from difflib import get_close_matches  # noqa: PLC0415 - for a text with this mistake only

    from telemetryd.toml.models.base import tell  # noqa: PLC0415 - pydantic

    place, known = _place(problem), problem["ctx"]["known"].split(", ")
    table: Any = document
    for part in place:
        table = table[part]
    head, _, _ = tell(problem, document).partition(f"{problem['ctx']['key']}: unknown key")
    for key in list(table):
        localised = LOCALISED.fullmatch(key)
        if key in known or (localised and f"{localised[1]}[LANGUAGE]" in known):
            continue
        del table[key]
        base, bracket, _ = key.partition("[")
        near = get_close_matches(key, known, 1)
        if bracket and f"{base}[LANGUAGE]" in known:
            help_ = f"write the language as in a locale's name: {base}[de], {base}[pt_BR] or {base}[sr@latin]"
        else:
            help_ = f"did you mean {near[0]}?" if near else f"take it out, or write one of {', '.join(known)}"
        yield error((*place, key), "T2", f"{head}{key}: unknown key", help_)


def _fault(problem: ErrorDetails, document: Document) -> Fault:
    from telemetryd.toml.models.base import tell  # noqa: PLC0415 - pydantic

    place = _place(problem)
    is_value = len(place) == _ENTRY and place[2] == "values"
    return error(place, "P1" if is_value else guide(place).clause, tell(problem, document), guide(place).help)


def _place(problem: ErrorDetails) -> Place:
    """Where it is: the models' way there, without what is no key of the document."""
    way = tuple(part for part in problem["loc"] if part != "[key]")
    if not way:
        return () if problem["type"] == "unknown_key" else ("schema",)
    if way[0] == "source" and way[2:3] and way[2] in set(SourceType):
        way = (*way[:2], *way[3:])
    return (*way, "type") if problem["type"] in _NOT_TYPED else way


def _sound(document: Document, broken: set[Place]) -> ManifestText:
    """What is left without the tables, and the keys of [application], that something is wrong with."""
    from telemetryd.toml.models.manifest_tables import ManifestText  # noqa: PLC0415 - pydantic

    said = document["application"] if ("application",) not in broken else {}
    wrong = {place[1] for place in broken if place[0] == "application" and place[1:]}
    application = _STAND_IN | {key: value for key, value in said.items() if key not in wrong}
    if "kind" in wrong:  # the kind that permits most
        application["kind"] = "shared"
        application.pop("uses", None)
        application.pop("snap", None)
    left = {name: [document[name][number] for number in _left(document, name, broken)] for name in ("source", "question")}
    return ManifestText.model_validate({"schema": 1, "application": application, **left})


def _left(document: Document, name: str, broken: set[Place]) -> list[int]:
    """The numbers of the tables that nothing is wrong with."""
    wrong = {place[:2] for place in broken}
    return [number for number, _ in tables(document, name) if (name, number) not in wrong]


def _together(document: Document, text: ManifestText, broken: set[Place]) -> Iterator[Fault]:
    """What is wrong with tables that are right by themselves."""
    yield from _ids_twice(document)
    yield from _not_asked(document, _left(document, "source", broken))
    written = text.application
    application = Application(written.id, written.name, written.summary, written.vendor, written.contact, written.kind)
    try:
        application = application_of(written)
    except InvalidManifestError as refusal:
        yield from _told(refusal, ("application",), "[application]: ")
    own: dict[str, Source] = {}
    for number, source in zip(_left(document, "source", broken), text.source, strict=True):
        try:
            own[source.id] = source_of(source, application)
        except InvalidManifestError as refusal:
            yield from _told(refusal, ("source", number), f'[[source]] "{source.id}": ')
    ids = [one.get("id") for _, one in tables(document, "source")]
    is_nameless = ("source",) in broken or not all(isinstance(one, str) for one in ids)
    for number, question in zip(_left(document, "question", broken), text.question, strict=True):
        unknown = set(question.sources) - own.keys()
        if not any(one in ids or (is_nameless and "/" not in one) for one in unknown):
            yield from _question(question, ("question", number), application, own)


def _question(written: QuestionTable, place: Place, application: Application, own: dict[str, Source]) -> Iterator[Fault]:
    try:
        definition_of(written, application, own)
    except InvalidManifestError as refusal:
        for fault in _told(refusal, place, f'[[question]] "{written.id}": '):
            at = _reference(fault, written.sources)
            is_too_much = ": sources: expected " in fault.message
            yield fault._replace(place=at, clause="A3" if is_too_much else fault.clause)


def _told(refusal: InvalidManifestError, place: Place, head: str) -> Iterator[Fault]:
    """The reasons in one refusal, each at the key that it names behind the head."""
    for reason in str(refusal).removeprefix(head).split(f"; {head}"):
        key, _, _ = reason.partition(": ")
        at = (*place, key) if key in GUIDES[str(place[0])] else place
        yield error(at, guide(at).clause, head + reason, guide(at).help)


def _reference(fault: Fault, sources: Sequence[str]) -> Place:
    """The entry of a question's key that a reason names behind the key."""
    *_, key = fault.place
    for number, reference in enumerate(sources):
        if f": {key}: {reference}: " in fault.message:
            return (*fault.place, number if key == "sources" else reference)
    return fault.place


def _ids_twice(document: Document) -> Iterator[Fault]:
    for name in ("source", "question"):
        seen: set[str] = set()
        for number, table in tables(document, name):
            place, id_ = (name, number, "id"), table.get("id")
            if isinstance(id_, str) and id_ in seen:
                yield error(place, "T2", f'[[{name}]] "{id_}": id: expected an id that no other {name} has', guide(place).help)
            seen.add(str(id_))


def _not_asked(document: Document, left: Sequence[int]) -> Iterator[Fault]:
    """Sources without a question, and a manifest without a use. Policy: M1."""
    questions = [table for _, table in tables(document, "question")]
    if not questions:
        said = document.get("application")
        if not document.get("question") and not (isinstance(said, dict) and "uses" in said):
            expected = "[[question]]: expected one or more questions, or shared sources in uses of an application"
            yield error(("application",), "M1", expected, guide(("question",)).help)
        return
    asked = [reference for question in questions for reference in entries(question, "sources")]
    if not all(entries(question, "sources") for question in questions):
        return
    for number in left:
        id_ = document["source"][number]["id"]
        if id_ not in asked:
            message = f'[[source]] "{id_}": expected a question that asks for it: nothing is collected without one'
            yield error(("source", number), "M1", message, "ask for it in the sources of a question, or take it out")

"""A manifest's TOML text becomes the enforced `Declaration`, or an error that says where, what and why not.

A text in which nothing is in doubt costs no pydantic (`reader`); every other one goes to `models`, which tell what is wrong.
Policy: M1, M2, M4, P1, P2.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from telemetryd.core.admissibility import MOST_CELLS, objections
from telemetryd.core.definition import (
    Application,
    Category,
    Combine,
    Declaration,
    Definition,
    Detail,
    Kind,
    Question,
    Source,
    SourceType,
    digest_of,
    digest_of_all,
)
from telemetryd.core.limits import MANIFEST_BYTES, TABLES_MAX
from telemetryd.core.system_facts import SOURCES, SYSTEM
from telemetryd.errors import InvalidManifestError
from telemetryd.toml import parser, reader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from telemetryd.toml.models.base import Localised
    from telemetryd.toml.models.manifest_tables import AnySource, ApplicationTable, ManifestText, QuestionTable

_OURS = "org.telemetryd"
_NO_DIGEST = "sha256:" + 64 * "0"
"""Stands in while a definition is looked at: digests are taken of what is admitted, or each question could ask for thousands of bins."""


def parse(text: str) -> Declaration:
    """What a manifest declares; raises InvalidManifestError. Whether it may be `shared` where it comes from is the caller's to check."""
    if len(text) > MANIFEST_BYTES or len(text.encode(errors="surrogatepass")) > MANIFEST_BYTES:
        raise InvalidManifestError(f"expected at most {MANIFEST_BYTES} bytes")
    written = _read(text)
    application = application_of(written.application)
    sources = tuple(source_of(one, application) for one in written.source)
    _check_tables(written, application)
    own = {source.id: source for source in sources}
    definitions = tuple(definition_of(one, application, own) for one in written.question)
    return Declaration(application, sources, definitions, digest_of_all(definitions), _texts(written))


def _read(text: str) -> ManifestText:
    document = parser.read(text, InvalidManifestError)
    if any(isinstance(tables, list) and len(tables) > TABLES_MAX for tables in document.values()):
        raise InvalidManifestError(f"expected at most {TABLES_MAX} tables of a kind")
    found: ManifestText | None = reader.read(reader.MANIFEST, document)
    if found is None:
        from telemetryd.toml.models import base, manifest_tables  # noqa: PLC0415 - pydantic

        found = base.read(manifest_tables.ManifestText, document, InvalidManifestError)
    return found


def application_of(written: ApplicationTable) -> Application:
    """What `[application]` says, held against what belongs to others. Raises InvalidManifestError."""
    lower = written.id.lower()
    if lower == _OURS or lower.startswith(_OURS + "."):
        raise InvalidManifestError(f"[application]: id: expected an id outside of {_OURS}, which is telemetryd's own")
    uses = tuple(written.uses or ())
    if uses and written.kind is Kind.SHARED:
        raise InvalidManifestError("[application]: uses: expected none in a shared manifest: programs push, not shared manifests")
    if written.snap and written.kind is Kind.SHARED:
        raise InvalidManifestError("[application]: snap: expected none in a shared manifest: programs push, not shared manifests")
    for reference in uses:
        owner = reference.partition("/")[0]
        if owner in {written.id, SYSTEM}:
            whose = "its own sources" if owner == written.id else "system facts, which telemetryd measures itself"
            raise InvalidManifestError(f"[application]: uses: expected shared sources of other manifests, not {whose}")
    return Application(written.id, written.name, written.summary, written.vendor, written.contact, written.kind, uses, written.snap)


def source_of(written: AnySource, application: Application) -> Source:
    """A source as its table declares it. Raises InvalidManifestError."""
    combine = Combine(written.combine)
    if combine is Combine.APPLICATIONS and application.kind is not Kind.SHARED:
        raise InvalidManifestError(
            f'[[source]] "{written.id}": combine: expected sum: applications counts the programs that push into a shared manifest\'s source'
        )
    source = Source(written.id, SourceType(written.type), written.description, combine)
    match written.type:
        case "choice":
            return source._replace(values=tuple(written.values))
        case "number" | "count":
            return source._replace(unit=written.unit, edges=tuple(written.bins))
        case _:  # a flag has neither
            return source


def _check_tables(written: ManifestText, application: Application) -> None:
    """What concerns several tables: every id once, no source without a question, no manifest without a use. Policy: M1."""
    for table, ids in (("source", [one.id for one in written.source]), ("question", [one.id for one in written.question])):
        twice = [name for name, count in Counter(ids).items() if count > 1]
        if twice:
            raise InvalidManifestError(f'[[{table}]] "{twice[0]}": id: expected an id that no other {table} has')
    asked = {reference for question in written.question for reference in question.sources}
    for source in written.source:
        if source.id not in asked:
            raise InvalidManifestError(f'[[source]] "{source.id}": expected a question that asks for it: nothing is collected without one')
    if not written.question and not application.uses:
        raise InvalidManifestError("[[question]]: expected one or more questions, or shared sources in uses of an application")


def definition_of(written: QuestionTable, application: Application, own: Mapping[str, Source]) -> Definition:
    """A question over the manifest's own sources, by id, if it is admissible. Raises InvalidManifestError, all objections in one text."""
    place = f'[[question]] "{written.id}": '
    fields = _fields(written, application, own)
    question = _question(written, fields)
    if question.category is not Category.SYSTEM and not any(reference in own for reference in question.sources):
        raise InvalidManifestError(f"{place}category: expected system: all that is asked for are system facts")
    found = objections(Definition(application, question, fields, _NO_DIGEST))
    if found:
        raise InvalidManifestError("; ".join(place + objection for objection in found))
    return Definition(application, question, fields, digest_of(application, question, fields))


def _fields(written: QuestionTable, application: Application, own: Mapping[str, Source]) -> tuple[Source, ...]:
    place = f'[[question]] "{written.id}": '
    foreign = set(written.coarser) - set(written.sources)
    if foreign:
        raise InvalidManifestError(f"{place}coarser: expected sources that the question asks for")
    fields: list[Source] = []
    for reference in written.sources:
        source = own.get(reference) or _system_fact(reference, application, place)
        if reference in written.coarser:
            source = _coarsened(source, written.coarser[reference], f"{place}coarser: {reference}: ")
        fields.append(source)
    return tuple(fields)


def _system_fact(reference: str, application: Application, place: str) -> Source:
    owner, slash, name = reference.rpartition("/")
    if owner == SYSTEM:
        if name in SOURCES:
            return SOURCES[name]
        raise InvalidManifestError(f"{place}sources: {reference}: unknown system fact; known are {', '.join(SOURCES)}")
    if not slash:
        raise InvalidManifestError(f"{place}sources: {reference}: expected a [[source]] with this id")
    if owner == application.id:
        raise InvalidManifestError(f"{place}sources: {reference}: expected {name}: own sources go by their id alone")
    raise InvalidManifestError(f"{place}sources: {reference}: another manifest's source is asked about in that manifest")


def _coarsened(source: Source, kept: Sequence[float | str], place: str) -> Source:
    """The source with only some of its edges or values: a bin of it is always a union of the source's bins."""
    if source.type is SourceType.FLAG:
        raise InvalidManifestError(f"{place}expected no flag: it has nothing to leave out")
    wanted = set(kept)
    values = tuple(value for value in source.values if value in wanted)
    edges = tuple(edge for edge in source.edges if edge in wanted)
    if not kept or len(values) + len(edges) != len(kept):
        what = "values" if source.values else "bins"
        raise InvalidManifestError(f"{place}expected one or more of the source's {what}, each once")
    return source._replace(values=values, edges=edges)


def _question(written: QuestionTable, fields: Sequence[Source]) -> Question:
    return Question(
        id=written.id,
        purpose=written.purpose,
        decision=written.decision,
        category=written.category,
        detail=Detail[written.detail.upper()],
        sources=tuple(written.sources),
        coarser=tuple((field.id, field.edges or field.values) for field in fields if field.id in written.coarser),
        period=written.period,
        starts=written.starts,
        ends=written.ends,
        draw=written.draw,
        share=written.share,
        epsilon=written.epsilon,
        expected_users=written.expected_users or 0,
        expected=_expected(written, fields),
    )


def _expected(written: QuestionTable, fields: Sequence[Source]) -> tuple[tuple[str, tuple[float, ...]], ...]:
    """The expected shares in the order of the fields and of their labels; a label that is not mentioned has 0."""
    place = f'[[question]] "{written.id}": expected: '
    if set(written.expected) - set(written.sources):
        raise InvalidManifestError(f"{place}expected sources that the question asks for")
    found: list[tuple[str, tuple[float, ...]]] = []
    for field in fields:
        shares = written.expected.get(field.id)
        if shares is None or field.bin_count > MOST_CELLS:  # refused for that: thousands of labels are not written for each question
            continue
        if set(shares) - set(field.labels):
            raise InvalidManifestError(f"{place}{field.id}: expected labels of its bins: {', '.join(field.labels)}")
        found.append((field.id, tuple(float(shares.get(label, 0)) for label in field.labels)))
    return tuple(found)


def _texts(written: ManifestText) -> dict[str, dict[str, str]]:
    texts: dict[str, dict[str, str]] = {}
    tables: list[tuple[str, Localised]] = [("", written.application)]
    tables += [(f"source/{one.id}/", one) for one in written.source]
    tables += [(f"question/{one.id}/", one) for one in written.question]
    for prefix, table in tables:
        for language, found in table.translations().items():
            texts.setdefault(language, {}).update({prefix + key: text for key, text in found.items()})
    return texts

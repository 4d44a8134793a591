"""Parses a manifest's TOML text into the enforced `Declaration`. Policy: M1, M2, M4, P1, P2.

`reader` and `manifest_keys` check each table. This module checks what concerns several tables.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from telemetryd.core.answers.report import TEST_QUESTION
from telemetryd.core.definition import (
    Application,
    Category,
    Combine,
    Declaration,
    Definition,
    Detail,
    ManifestKind,
    Question,
    Source,
    SourceType,
    digest_of,
    digest_of_all,
)
from telemetryd.core.limits import MANIFEST_BYTES, TABLES_MAX
from telemetryd.core.privacy.admissibility import MOST_CELLS, objections
from telemetryd.core.system_facts import SOURCES, SYSTEM
from telemetryd.errors import InvalidManifestError
from telemetryd.toml import parser, reader
from telemetryd.toml.manifest_keys import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from telemetryd.toml.tables import Row

_OURS = "org.telemetryd"
_NO_DIGEST = "sha256:" + 64 * "0"
"""The digest of a definition until it is admitted. Otherwise a question with thousands of bins would cost a long digest."""


def parse(text: str) -> Declaration:
    """The declaration of a manifest. The caller checks whether its origin allows `shared`. Raises InvalidManifestError."""
    if len(text) > MANIFEST_BYTES or len(text.encode(errors="surrogatepass")) > MANIFEST_BYTES:
        raise InvalidManifestError(f"expected at most {MANIFEST_BYTES} bytes")
    manifest = _read(text)
    application = application_of(manifest.application)
    sources = tuple(source_of(source, application) for source in manifest.source)
    _check_tables(manifest, application)
    own = {source.id: source for source in sources}
    definitions = tuple(definition_of(question, application, own) for question in manifest.question)
    return Declaration(application, sources, definitions, digest_of_all(definitions), _texts(manifest))


def _read(text: str) -> Row:
    document = parser.read(text, InvalidManifestError)
    if any(isinstance(tables, list) and len(tables) > TABLES_MAX for tables in document.values()):
        raise InvalidManifestError(f"expected at most {TABLES_MAX} tables of a kind")
    return reader.read(MANIFEST, document, InvalidManifestError)


def application_of(table: Row) -> Application:
    """The application of `[application]`; it must not use ids of others. Raises InvalidManifestError."""
    lower = table.id.lower()
    if lower == _OURS or lower.startswith(_OURS + "."):
        raise InvalidManifestError(f"[application]: id: expected an id outside of {_OURS}, which is telemetryd's own")
    uses = tuple(table.uses or ())
    if uses and table.kind is ManifestKind.SHARED:
        raise InvalidManifestError("[application]: uses: expected none in a shared manifest: programs push, not shared manifests")
    if table.snap and table.kind is ManifestKind.SHARED:
        raise InvalidManifestError("[application]: snap: expected none in a shared manifest: programs push, not shared manifests")
    for reference in uses:
        owner = reference.partition("/")[0]
        if owner in {table.id, SYSTEM}:
            whose = "its own sources" if owner == table.id else "system facts, which telemetryd measures itself"
            raise InvalidManifestError(f"[application]: uses: expected shared sources of other manifests, not {whose}")
    return Application(**(_common_fields(table, Application._fields) | {"uses": uses}))


def _common_fields(table: Row, fields: Sequence[str]) -> dict[str, Any]:
    """The values of a table whose keys are also among these fields of `core.definition`."""
    values = vars(table)
    return {key: values[key] for key in fields if key in values}


def source_of(table: Row, application: Application) -> Source:
    """The source of a `[[source]]` table. Raises InvalidManifestError."""
    combine = Combine(table.combine)
    if combine is Combine.APPLICATIONS and application.kind is not ManifestKind.SHARED:
        raise InvalidManifestError(
            f'[[source]] "{table.id}": combine: expected sum: applications counts the programs that push into a shared manifest\'s source'
        )
    values, edges = tuple(getattr(table, "values", ())), tuple(getattr(table, "bins", ()))
    converted = {"type": SourceType(table.type), "combine": combine, "values": values, "edges": edges}
    return Source(**(_common_fields(table, Source._fields) | converted))


def _check_tables(manifest: Row, application: Application) -> None:
    """Checks across tables: unique ids, a question for each source, a use for the manifest. Policy: M1. Raises InvalidManifestError."""
    for table, ids in (("source", [row.id for row in manifest.source]), ("question", [row.id for row in manifest.question])):
        twice = [name for name, count in Counter(ids).items() if count > 1]
        if twice:
            raise InvalidManifestError(f'[[{table}]] "{twice[0]}": id: expected an id that no other {table} has')
    used = {reference for question in manifest.question for reference in question.sources}
    for source in manifest.source:
        if source.id not in used:
            raise InvalidManifestError(f'[[source]] "{source.id}": expected a question that asks for it: nothing is collected without one')
    if not manifest.question and not application.uses:
        raise InvalidManifestError("[[question]]: expected one or more questions, or shared sources in uses of an application")


def definition_of(table: Row, application: Application, own: Mapping[str, Source]) -> Definition:
    """The definition of a `[[question]]` table; `own` are the manifest's sources by id. Raises InvalidManifestError with all objections."""
    prefix = f'[[question]] "{table.id}": '
    if table.id == TEST_QUESTION:
        raise InvalidManifestError(f"{prefix}id: expected another id: this one marks test reports")
    fields = _fields(table, application, own)
    question = _question(table, fields)
    if question.category is not Category.SYSTEM and not any(reference in own for reference in question.sources):
        raise InvalidManifestError(f"{prefix}category: expected system: the question asks for system facts only")
    reasons = objections(Definition(application, question, fields, _NO_DIGEST))
    if reasons:
        raise InvalidManifestError("; ".join(prefix + objection for objection in reasons))
    return Definition(application, question, fields, digest_of(application, question, fields))


def _fields(table: Row, application: Application, own: Mapping[str, Source]) -> tuple[Source, ...]:
    prefix = f'[[question]] "{table.id}": '
    foreign = set(table.coarser) - set(table.sources)
    if foreign:
        raise InvalidManifestError(f"{prefix}coarser: expected sources that the question asks for")
    fields: list[Source] = []
    for reference in table.sources:
        source = own.get(reference) or _system_fact(reference, application, prefix)
        if reference in table.coarser:
            source = _coarsen(source, table.coarser[reference], f"{prefix}coarser: {reference}: ")
        fields.append(source)
    return tuple(fields)


def _system_fact(reference: str, application: Application, prefix: str) -> Source:
    owner, slash, name = reference.rpartition("/")
    if owner == SYSTEM:
        if name in SOURCES:
            return SOURCES[name]
        raise InvalidManifestError(f"{prefix}sources: {reference}: unknown system fact; known facts: {', '.join(SOURCES)}")
    if not slash:
        raise InvalidManifestError(f"{prefix}sources: {reference}: expected a [[source]] with this id")
    if owner == application.id:
        raise InvalidManifestError(f"{prefix}sources: {reference}: expected {name}: own sources go by their id alone")
    raise InvalidManifestError(f"{prefix}sources: {reference}: another manifest's source is asked about in that manifest")


def _coarsen(source: Source, kept: Sequence[float | str], prefix: str) -> Source:
    """The source with some of its edges or values only, so that each new bin is a union of old ones. Raises InvalidManifestError."""
    if source.type is SourceType.FLAG:
        raise InvalidManifestError(f"{prefix}expected a source that is not a flag: a flag has nothing to leave out")
    wanted = set(kept)
    values = tuple(value for value in source.values if value in wanted)
    edges = tuple(edge for edge in source.edges if edge in wanted)
    if not kept or len(values) + len(edges) != len(kept):
        key = "values" if source.values else "bins"
        raise InvalidManifestError(f"{prefix}expected one or more of the source's {key}, each once")
    return source._replace(values=values, edges=edges)


def _question(table: Row, fields: Sequence[Source]) -> Question:
    converted = {
        "detail": Detail[table.detail.upper()],
        "sources": tuple(table.sources),
        "coarser": tuple((field.id, field.edges or field.values) for field in fields if field.id in table.coarser),
        "expected_users": table.expected_users or 0,
        "expected": _expected(table, fields),
    }
    return Question(**(_common_fields(table, Question._fields) | converted))


def _expected(table: Row, fields: Sequence[Source]) -> tuple[tuple[str, tuple[float, ...]], ...]:
    """The expected shares in the order of the fields and labels; an omitted label has 0. Raises InvalidManifestError."""
    prefix = f'[[question]] "{table.id}": expected: '
    if set(table.expected) - set(table.sources):
        raise InvalidManifestError(f"{prefix}expected sources that the question asks for")
    expected: list[tuple[str, tuple[float, ...]]] = []
    for field in fields:
        shares = table.expected.get(field.id)
        if shares is None or field.bin_count > MOST_CELLS:  # refused later for its cells; labels would cost too much
            continue
        if set(shares) - set(field.labels):
            raise InvalidManifestError(f"{prefix}{field.id}: expected labels of its bins: {', '.join(field.labels)}")
        expected.append((field.id, tuple(float(shares.get(label, 0)) for label in field.labels)))
    return tuple(expected)


def _texts(manifest: Row) -> dict[str, dict[str, str]]:
    texts: dict[str, dict[str, str]] = {}
    tables: list[tuple[str, Row]] = [("", manifest.application)]
    tables += [(f"source/{source.id}/", source) for source in manifest.source]
    tables += [(f"question/{question.id}/", question) for question in manifest.question]
    for prefix, table in tables:
        for language, by_key in table.texts.items():
            texts.setdefault(language, {}).update({prefix + key: text for key, text in by_key.items()})
    return texts

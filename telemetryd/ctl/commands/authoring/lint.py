"""`lint`: errors and warnings for manifests. It reads files and calls no service."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from telemetryd.authoring.linter import renamed_facts, summary
from telemetryd.authoring.linter.finding import Level
from telemetryd.authoring.linter.findings_of import OtherManifests, text_finding
from telemetryd.authoring.linter.findings_of import lint as findings_of
from telemetryd.core.limits import MANIFEST_BYTES
from telemetryd.ctl.failures import FAILED
from telemetryd.ctl.files import inputs
from telemetryd.ctl.render.lint_formats import FORMATS, LintedFile
from telemetryd.errors import InvalidFileError, InvalidManifestError
from telemetryd.system.files import read_start
from telemetryd.toml.manifest import parse

if TYPE_CHECKING:
    from telemetryd.core.definition import Declaration

_INSTALLED = ("telemetryd", "manifests")
"""The folder of installed manifests, in which a file must have the name of its application."""


@click.command(short_help="For developers: check manifests.")
@click.argument("files", metavar="MANIFEST...", nargs=-1, required=True, type=click.Path(allow_dash=True, readable=False))
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="text", show_default=True, help="Format of the findings.")
@click.option(
    "--since",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="MANIFEST",
    help="An earlier manifest, such as the one that was reviewed last; may be given several times.",
)
@click.option("--strict", "is_strict", is_flag=True, help="Fail on warnings too.")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Check dates as if today were this day.")
def lint(  # noqa: PLR0913 - one parameter for each option
    files: tuple[str, ...], *, form: str, since: tuple[Path, ...], is_strict: bool, day: datetime | None
) -> None:
    """For developers: check manifests against the policy.

    Each finding names its clause of the policy. An error is something that telemetryd refuses, or a value that reveals content. A warning
    is for a person to judge. - is standard input. With --since, a question that keeps its id and gets other dates is an error.

    The exit status is 1 if there are errors, with --strict also if there are warnings.
    """
    today = day.date() if day else datetime.now(UTC).date()
    before = [definition for path in since for definition in inputs.read_manifest(path).definitions]
    texts = [_read_text(name) for name in files]
    declared = [_declaration(file) for file in texts]
    asked = [definition for declaration in declared if declaration for definition in declaration.definitions]
    others = OtherManifests(before, renamed_facts.groups_of([*before, *asked]))
    linted = [_lint(file, today, declaration, others) for file, declaration in zip(texts, declared, strict=True)]
    click.echo(FORMATS[form](linted), nl=False)
    levels = {finding.fault.level for file in linted for finding in file.findings}
    if Level.ERROR in levels or (is_strict and levels):
        sys.exit(FAILED)


def _read_text(name: str) -> LintedFile:
    """A file with its text, and with the finding that it cannot be read, if so."""
    try:
        data = _read(name)
    except InvalidFileError as failure:
        return LintedFile(name, "", [text_finding(1, str(failure), "name a file, or - for standard input")])
    except OSError as failure:
        return LintedFile(name, "", [text_finding(1, f"cannot be read: {failure.strerror}", "name a file that you may read")])
    try:
        return LintedFile(name, data.decode(), [])
    except UnicodeDecodeError as failure:
        line = data.count(b"\n", 0, failure.start) + 1
        return LintedFile(name, data.decode(errors="replace"), [text_finding(line, "expected UTF-8 text", "save the file as UTF-8")])


def _lint(file: LintedFile, today: date, declaration: Declaration | None, others: OtherManifests) -> LintedFile:
    """The file with its findings, and its figures if it is a manifest."""
    if file.findings:
        return file
    findings = findings_of(file.text, today, _installed_as(Path(file.file)), others)
    return file._replace(findings=findings, figures=summary.lines(declaration) if declaration else ())


def _declaration(file: LintedFile) -> Declaration | None:
    """The declaration of a file, or None if it is not a manifest, which its findings say."""
    with suppress(InvalidManifestError):
        return None if file.findings else parse(file.text)
    return None


def _read(name: str) -> bytes:
    """A file's bytes, at most one more than a manifest may have. Raises OSError, or InvalidFileError for a pipe or a device."""
    if name == "-":
        return sys.stdin.buffer.read(MANIFEST_BYTES + 1)
    return read_start(Path(name), MANIFEST_BYTES + 1)


def _installed_as(path: Path) -> str:
    return path.stem if path.absolute().parts[-3:-1] == _INSTALLED else ""

"""`lint`: what is wrong or doubtful with manifests, before anybody else reads them. It reads files and speaks to no service."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from pathlib import Path

import click

from telemetryd.authoring.linter.finding import Level
from telemetryd.authoring.linter.findings_of import lint as findings_of
from telemetryd.authoring.linter.findings_of import whole
from telemetryd.core.limits import MANIFEST_BYTES
from telemetryd.ctl.failures import FAILED
from telemetryd.ctl.lint_formats import FORMATS, Linted
from telemetryd.errors import InvalidFileError
from telemetryd.system.files import read_start

_INSTALLED = ("telemetryd", "manifests")
"""The folder that manifests are installed in, in which a file's name counts."""


@click.command(short_help="For developers: check manifests.")
@click.argument("files", metavar="MANIFEST...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="text", show_default=True, help="How findings are printed.")
@click.option("--strict", "is_strict", is_flag=True, help="Fail upon warnings too.")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Judge dates as on this day instead of today.")
def lint(files: tuple[str, ...], *, form: str, is_strict: bool, day: datetime | None) -> None:
    """For developers: check manifests against the policy.

    Each finding names the clause of the policy that it is about. An error is what telemetryd refuses, or a value that gives content away;
    a warning is what a person has to judge. - is standard input.

    The exit status is 1 if there are errors, with --strict also if there are warnings.
    """
    today = day.date() if day else datetime.now(UTC).date()
    linted = [_lint(name, today) for name in files]
    click.echo(FORMATS[form](linted), nl=False)
    levels = {found.fault.level for one in linted for found in one.findings}
    if Level.ERROR in levels or (is_strict and levels):
        sys.exit(FAILED)


def _lint(name: str, today: date) -> Linted:
    try:
        data = _read(name)
    except InvalidFileError as failure:
        return Linted(name, "", [whole(1, str(failure), "name a file, or - for standard input")])
    except OSError as failure:
        return Linted(name, "", [whole(1, f"cannot be read: {failure.strerror}", "name a file that you may read")])
    try:
        text = data.decode()
    except UnicodeDecodeError as failure:
        line = data.count(b"\n", 0, failure.start) + 1
        return Linted(name, data.decode(errors="replace"), [whole(line, "expected UTF-8 text", "save the file as UTF-8")])
    return Linted(name, text, findings_of(text, today, _installed_as(Path(name))))


def _read(name: str) -> bytes:
    """A file's bytes, or one more of them than a manifest may have. Raises OSError, or InvalidFileError for a pipe or a device."""
    if name == "-":
        return sys.stdin.buffer.read(MANIFEST_BYTES + 1)
    return read_start(Path(name), MANIFEST_BYTES + 1)


def _installed_as(path: Path) -> str:
    return path.stem if path.absolute().parts[-3:-1] == _INSTALLED else ""

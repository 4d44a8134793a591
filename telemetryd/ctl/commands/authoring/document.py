"""`diff` and `document`: documents for publication, made from the enforced definitions. Policy: T4, R3."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from telemetryd.ctl import language
from telemetryd.ctl.failures import NOTHING, Failure
from telemetryd.ctl.files import inputs as files
from telemetryd.ctl.language import gettext as _
from telemetryd.ctl.render import printing
from telemetryd.describe.difference import NEW_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from telemetryd.core.definition import Declaration
    from telemetryd.ctl.language import UserLanguage
    from telemetryd.ctl.render.sheet import Index, Sheet

_PATH = click.Path(path_type=Path)
_FORMATS = ["markdown", "mediawiki", "html", "json"]


def _language_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--language`. A published text never depends on the locale of its author."""
    codes = click.Choice(language.available_languages())
    help_text = "The language, also of the manifests' texts where available; default: en."
    return click.option("--language", "code", type=codes, default="en", help=help_text)(command)


@click.command(short_help="For release announcements: what changed.")
@click.argument("old", type=_PATH)
@click.argument("new", type=_PATH)
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default="markdown", help="Format of the output.")
@_language_option
def diff(old: Path, new: Path, *, form: str, code: str) -> None:
    """For release announcements: what changed between two manifests of an application.

    Each change says whether less is learnt now (narrower), more (wider), or something else (other). Changes outside of definitions, such as
    texts in other languages, are not listed. An empty file stands for no manifest: `telemetryctl diff /dev/null NEW` describes a first
    manifest.

    A question that keeps its id and gets other dates is an error, and the exit status is 1.
    """
    from telemetryd.ctl.render import release_notes  # noqa: PLC0415 - for this command
    from telemetryd.ctl.render.sheet import markdown  # noqa: PLC0415 - the same

    before, after = _read_if_any(old), _read_if_any(new)
    if not before and not after:
        raise Failure(_("both files are empty: there is nothing to compare"), NOTHING)
    if before and after and before.application.id != after.application.id:
        text = _("{old} is of {application}, {new} of {other}: expected two manifests of one application")
        raise Failure(text.format(old=old, application=before.application.id, new=new, other=after.application.id))
    comparison = release_notes.compare_manifests(before, after)
    chosen = language.of((code,))
    if form == "json":
        printing.emit(release_notes.json_value(comparison, chosen))
    elif form == "markdown":
        click.echo(markdown(None, [release_notes.sheet(comparison, chosen)]), nl=False)
    else:
        printing.Page().sheet(release_notes.sheet(comparison, chosen))
    if errors := release_notes.date_errors(comparison):
        raise Failure(f"{'; '.join(errors)}: {NEW_ID}")


def _read_if_any(path: Path) -> Declaration | None:
    return files.read_manifest(path) if files.read_text(path).strip() else None


@click.command(short_help="For vendors: the public register.")
@click.argument("paths", metavar="FILE...", type=_PATH, nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(_FORMATS), default="markdown", help="Format of the output.")
@click.option("-o", "--output", "target", type=_PATH, help="The output: a file; for html a folder, which is required.")
@_language_option
def document(paths: tuple[Path, ...], *, form: str, target: Path | None, code: str) -> None:
    """For vendors: the public register of what is asked, from manifests and reviews.

    FILE is a manifest, a file of reviews and stops, a configuration file, or a folder of them. A configuration file gives the name of a
    vendor's endpoint and the URL of its results.

    The register has for each question the product, the data tracked, the reason, the decision, the reviewers, the record, the dates and the
    results. With html it is a folder for any web server: an index, and a page for each question, without scripts or external resources.
    If it is made again, the pages of questions that are gone are removed. With json it is for programs, with the original texts:
    `telemetryctl check --register` compares a machine with it.
    """
    from telemetryd.ctl.render import register, sheet  # noqa: PLC0415 - for this command

    chosen = language.of((code,))
    entries = register.entries(files.read_inputs(paths), chosen)
    if not entries:
        raise Failure(_("no manifest among the files asks a question"), NOTHING)
    index = register.index(entries, chosen.words)
    sheets = [register.sheet(entry, chosen.words) for entry in entries]
    if form == "html":
        if target is None:
            raise click.UsageError(_("html is several files: give their folder with -o FOLDER."))
        site_pages = _pages(index, sheets, chosen)
        _write_pages(target, site_pages)
        _drop_stale(target, site_pages)
        return
    if form == "json":
        text = printing.json_text(register.json_value(entries)) + "\n"
    else:
        text = sheet.markdown(index, sheets) if form == "markdown" else sheet.mediawiki(index, sheets)
    if target is None:
        click.echo(text, nl=False)
    else:
        _write_pages(target.parent, {target.name: text})


def _pages(index: Index, sheets: list[Sheet], chosen: UserLanguage) -> Mapping[str, str]:
    from telemetryd.ctl.render.web import pages  # noqa: PLC0415 - for html

    return pages(index, sheets, chosen)


def _write_pages(folder: Path, pages: Mapping[str, str]) -> None:
    for name, text in pages.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise Failure(_("{path} cannot be written: {why}").format(path=path, why=error.strerror)) from error


def _drop_stale(folder: Path, pages: Mapping[str, str]) -> None:
    """Remove pages of an earlier register that this one does not have. Files without the mark of a register stay."""
    from telemetryd.ctl.render.web import MARK  # noqa: PLC0415 - for html

    kept = {folder / name for name in pages}
    for path in [path for path in folder.glob("*/*.html") if path not in kept and not path.parent.is_symlink()]:
        try:
            if MARK.encode() in path.read_bytes():
                path.unlink()
                with suppress(OSError):  # other files are in it
                    path.parent.rmdir()
        except OSError as error:
            text = _("{path} belongs to a question that is gone, and cannot be removed: {why}")
            raise Failure(text.format(path=path, why=error.strerror)) from error

"""`diff` and `document`: what a vendor publishes, made from the definitions as they are enforced. Policy: T4, R3."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from telemetryd.ctl import given as files
from telemetryd.ctl import language, printing
from telemetryd.ctl.failures import NOTHING, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from telemetryd.core.definition import Declaration
    from telemetryd.ctl.language import Language
    from telemetryd.ctl.sheet import Index, Sheet

_PATH = click.Path(path_type=Path)


def _in_language(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option of a text that is published: it never depends on who makes it."""
    known = click.Choice(language.available())
    about = "The language, of the manifests' texts too where they have it; default: en."
    return click.option("--language", "code", type=known, default="en", help=about)(command)


@click.command(short_help="For release announcements: what changed.")
@click.argument("old", type=_PATH)
@click.argument("new", type=_PATH)
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default="markdown", help="How it is written.")
@_in_language
def diff(old: Path, new: Path, *, form: str, code: str) -> None:
    """For release announcements: what changed between two manifests of an application.

    Each change says whether less is learnt now (narrower), more (wider), or something else (other). What changes no definition, such as
    texts in other languages, is not listed. An empty file stands for no manifest: `telemetryctl diff /dev/null NEW` describes a first one.
    """
    from telemetryd.ctl import release  # noqa: PLC0415 - for this command
    from telemetryd.ctl.sheet import markdown  # noqa: PLC0415 - the same

    before, after = _or_nothing(old), _or_nothing(new)
    if not before and not after:
        raise Failure("both files are empty: there is nothing to compare", NOTHING)
    if before and after and before.application.id != after.application.id:
        raise Failure(f"{old} is of {before.application.id}, {new} of {after.application.id}: expected two manifests of one application")
    found = release.compared(before, after)
    chosen = language.of((code,))
    if form == "json":
        printing.emit(release.plain(found, chosen))
    elif form == "markdown":
        click.echo(markdown(None, [release.sheet(found, chosen)]), nl=False)
    else:
        printing.Page().sheet(release.sheet(found, chosen))


def _or_nothing(path: Path) -> Declaration | None:
    return files.declaration(path) if files.text_of(path).strip() else None


@click.command(short_help="For vendors: the public register.")
@click.argument("paths", metavar="FILE...", type=_PATH, nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(["markdown", "mediawiki", "html"]), default="markdown", help="How it is written.")
@click.option("-o", "--output", "target", type=_PATH, help="Where to: a file; for html a folder, which is needed there.")
@_in_language
def document(paths: tuple[Path, ...], *, form: str, target: Path | None, code: str) -> None:
    """For vendors: the public register of what is asked, from manifests and reviews.

    FILE is a manifest, a file of reviews and stops, a configuration file (for the name of a vendor's endpoint and where its results are),
    or a folder of them. Of every question the register has the product, the data tracked, the reason, the decision, the reviewers, the
    record, the dates and the results. With html it is a folder that can be served as it is: an index and a page for each question,
    without scripts, loading nothing from elsewhere; made again, it loses the pages of questions that are in it no more.
    """
    from telemetryd.ctl import register, sheet  # noqa: PLC0415 - for this command

    chosen = language.of((code,))
    found = register.entries(files.given(paths), chosen)
    if not found:
        raise Failure("no manifest among the files asks a question", NOTHING)
    index = register.index(found, chosen.words)
    sheets = [register.sheet(one, chosen.words) for one in found]
    if form == "html":
        if target is None:
            raise click.UsageError("html is several files: say where to with -o FOLDER.")
        found_pages = _pages(index, sheets, chosen)
        _write_pages(target, found_pages)
        _drop_stale(target, found_pages)
        return
    text = sheet.markdown(index, sheets) if form == "markdown" else sheet.mediawiki(index, sheets)
    if target is None:
        click.echo(text, nl=False)
    else:
        _write_pages(target.parent, {target.name: text})


def _pages(index: Index, sheets: list[Sheet], chosen: Language) -> Mapping[str, str]:
    from telemetryd.ctl.web import pages  # noqa: PLC0415 - for html

    return pages(index, sheets, chosen)


def _write_pages(folder: Path, pages: Mapping[str, str]) -> None:
    for name, text in pages.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise Failure(f"{path} cannot be written: {error.strerror}") from error


def _drop_stale(folder: Path, pages: Mapping[str, str]) -> None:
    """Remove what an earlier register left and this one has not; what does not bear its mark stays."""
    from telemetryd.ctl.web import MARK  # noqa: PLC0415 - for html

    kept = {folder / name for name in pages}
    for path in [one for one in folder.glob("*/*.html") if one not in kept and not one.parent.is_symlink()]:
        try:
            if MARK.encode() in path.read_bytes():
                path.unlink()
                with suppress(OSError):  # other files are in it
                    path.parent.rmdir()
        except OSError as error:
            raise Failure(f"{path} is of no question any more, and cannot be removed: {error.strerror}") from error

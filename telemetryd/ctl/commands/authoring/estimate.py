"""`estimate`: shares, trends and numbers of users from received reports, for vendors. It reads files and calls no service."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import click

from telemetryd.ctl.failures import NOTHING, Failure
from telemetryd.ctl.language import gettext as _
from telemetryd.ctl.render import printing
from telemetryd.errors import InvalidManifestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.analysis.question_findings import CountedQuestion, Findings
    from telemetryd.analysis.received import Received
    from telemetryd.core.definition import Definition

_Files = tuple[IO[bytes], ...]


@click.command(short_help="For vendors: what received reports say.")
@click.argument("files", metavar="FILE...", type=click.File("rb"), nargs=-1, required=True)
@click.option("--manifest", "manifests", type=click.File("rb"), multiple=True, help="Declares the questions; may be given several times.")
@click.option("--question", default="", metavar="ID", help="Only this question.")
@click.option("--of", default="", metavar="SOURCE", help="Shares of one source's labels, whatever the other sources say.")
@click.option("--given", default="", metavar="SOURCE", help="Shares among users with the same label of this source.")
@click.option("--answered", "is_answered", is_flag=True, help="Shares among users with a sample: without `none`.")
@click.option("--svg", type=click.File("w", encoding="utf-8", lazy=True), help="Also draw the trends as SVG into this file.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON for scripts: shares are fractions of 1.")
def estimate(files: _Files, manifests: _Files, *, svg: IO[str] | None, is_json: bool, **choice: Any) -> None:
    """For vendors: estimate shares, trends and numbers of users from reports.

    Each line of FILE is a report's body as it was received; - is standard input. Repeated deliveries are dropped. Lines that are not
    reports are counted and listed by number. Shares are unbiased: the effect of the noise is subtracted, so a small share
    can come out below 0.

    Without --manifest only the answers that were seen are known, and the number of users is not estimated.
    """
    from telemetryd.analysis.question_findings import split_questions  # noqa: PLC0415 - no other command needs the analysis
    from telemetryd.ctl.render import estimate_pages  # noqa: PLC0415 - the same

    received = _read(files, manifests)
    countable, uncountable = split_questions(received)
    findings = list(_findings(countable, choice))
    if is_json:
        printing.emit(estimate_pages.json_value(received, findings, uncountable))
    else:
        estimate_pages.page(received, findings, uncountable)
    if not received.tallies:
        raise Failure(_("there is no report to count"), NOTHING)
    if svg:
        _draw(svg, findings)


def _read(files: _Files, manifests: _Files) -> Received:
    from telemetryd.analysis.received import Received, by_revision  # noqa: PLC0415 - see estimate
    from telemetryd.describe.difference import moved_dates  # noqa: PLC0415 - see estimate

    definitions = [definition for file in manifests for definition in _definitions(file)]
    known = by_revision(definitions)
    for definition in definitions:
        moved = moved_dates(known[(*definition.key, definition.revision)], definition)
        if moved:
            text = _("{question}: the manifests differ in these keys: {keys}; give the one that was reviewed")
            raise Failure(text.format(question=definition.question.id, keys=", ".join(moved)))
    received = Received(known)
    for file in files:
        received.read(str(getattr(file, "name", "-")), file)
    return received


def _definitions(file: IO[bytes]) -> Sequence[Definition]:
    from telemetryd.toml.manifest import parse  # noqa: PLC0415 - slow, and needless without a manifest

    try:
        return parse(file.read().decode()).definitions
    except (InvalidManifestError, UnicodeDecodeError) as error:
        raise Failure(_("{path} is not a manifest: {why}").format(path=file.name, why=error)) from error


def _findings(countable: Sequence[CountedQuestion], choice: dict[str, Any]) -> Iterator[Findings]:
    """The findings of the questions on the command line. Raises UsageError if there are reports but none of these questions."""
    from telemetryd.analysis.layout import View, resolve_view  # noqa: PLC0415 - see estimate
    from telemetryd.analysis.question_findings import evaluate  # noqa: PLC0415 - see estimate

    view = View(choice["of"], choice["given"], choice["is_answered"])
    if view.given and (view.is_answered or view.of == view.given):
        raise click.UsageError(_("--given needs another source than --of, and cannot be combined with --answered."))
    chosen = [question for question in countable if choice["question"] in {"", question.group.question}]
    views = [(question, fits) for question in chosen if (fits := resolve_view(question.layout, view))]
    if countable and not views:
        names = sorted({name for question in chosen for name in question.layout.names})
        if names:
            text = _("No report is about such a question. Its sources are {names}; --given needs a second source.")
            raise click.UsageError(text.format(names=", ".join(names)))
        raise click.UsageError(_("No report is about such a question."))
    for question, fits in views:
        yield evaluate(question, fits)


def _draw(svg: IO[str], findings: Sequence[Findings]) -> None:
    from telemetryd.analysis.svg import picture  # noqa: PLC0415 - see estimate

    try:
        svg.write(picture(findings))
    except OSError as error:
        raise Failure(_("the picture could not be written: {why}").format(why=error.strerror)) from error

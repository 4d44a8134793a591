"""`estimate`: what received reports say, for a vendor. It reads files and speaks to no service."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import click

from telemetryd.ctl import printing
from telemetryd.ctl.failures import NOTHING, Failure
from telemetryd.errors import InvalidManifestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.analysis.question_findings import Findings, Question
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
def estimate(files: _Files, manifests: _Files, *, svg: IO[str] | None, is_json: bool, **asked: Any) -> None:
    """For vendors: estimate shares, trends and numbers of users from reports.

    Each line of FILE is a report's body as it was received; - is standard input. Repeated deliveries are dropped; lines that are no
    reports are counted and named by number. Shares are unbiased: what the noise adds is subtracted, so a small one may come out below 0.

    Without --manifest only the answers that were seen are known, and nothing is said of the number of users.
    """
    from telemetryd.analysis.question_findings import questions  # noqa: PLC0415 - no other command needs the analysis
    from telemetryd.ctl import estimate_pages  # noqa: PLC0415 - the same

    received = _read(files, manifests)
    known, obscure = questions(received)
    found = list(_found(known, asked))
    if is_json:
        printing.emit(estimate_pages.plain(received, found, obscure))
    else:
        estimate_pages.page(received, found, obscure)
    if not received.tallies:
        raise Failure("there is no report to count", NOTHING)
    if svg:
        _draw(svg, found)


def _read(files: _Files, manifests: _Files) -> Received:
    from telemetryd.analysis.received import Received, by_revision  # noqa: PLC0415 - see estimate

    received = Received(by_revision(one for file in manifests for one in _declared(file)))
    for file in files:
        received.read(str(getattr(file, "name", "-")), file)
    return received


def _declared(file: IO[bytes]) -> Sequence[Definition]:
    from telemetryd.toml.manifest import parse  # noqa: PLC0415 - slow, and needless without a manifest

    try:
        return parse(file.read().decode()).definitions
    except (InvalidManifestError, UnicodeDecodeError) as error:
        raise Failure(f"{file.name} is no manifest: {error}") from error


def _found(known: Sequence[Question], asked: dict[str, Any]) -> Iterator[Findings]:
    """What is known of the questions that the command line is about; it is wrong if there are reports but none of these."""
    from telemetryd.analysis.layout import View, fitted  # noqa: PLC0415 - see estimate
    from telemetryd.analysis.question_findings import find  # noqa: PLC0415 - see estimate

    view = View(asked["of"], asked["given"], asked["is_answered"])
    if view.given and (view.is_answered or view.of == view.given):
        raise click.UsageError("--given goes with another source in --of, and leaves out users without a sample anyway.")
    chosen = [one for one in known if asked["question"] in {"", one.asked.question}]
    views = [(one, fits) for one in chosen if (fits := fitted(one.layout, view))]
    if known and not views:
        names = sorted({name for one in chosen for name in one.layout.names})
        sources = f" Its sources are {', '.join(names)}; --given needs a second one." if names else ""
        raise click.UsageError(f"No report is of such a question.{sources}")
    for one, fits in views:
        yield find(one, fits)


def _draw(svg: IO[str], found: Sequence[Findings]) -> None:
    from telemetryd.analysis.svg import picture  # noqa: PLC0415 - see estimate

    try:
        svg.write(picture(found))
    except OSError as error:
        raise Failure(f"the picture could not be written: {error.strerror}") from error

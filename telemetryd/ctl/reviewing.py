"""`review`: what a reviewer needs on one page, and the sign-off. Policy: R1, R2, R3."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from telemetryd.core.signoffs import StopReason
from telemetryd.ctl import given as files
from telemetryd.ctl import here, printing, signing
from telemetryd.ctl.failures import Failure
from telemetryd.ctl.options import confirm, unasked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from telemetryd.core.signoffs import Reviews, Stop
    from telemetryd.ctl.review_page import Reviewed
    from telemetryd.ctl.signing import Entry

_PATH = click.Path(path_type=Path)


@click.command(short_help="For reviewers: a manifest on one page; sign it off.")
@click.argument("manifest", type=_PATH)
@click.option("--question", default="", metavar="ID", help="Only this question.")
@click.option(
    "--since",
    type=_PATH,
    multiple=True,
    metavar="MANIFEST",
    help="As it was when it was reviewed last; default: the one that is installed.",
)
@click.option(
    "--reviews",
    type=_PATH,
    multiple=True,
    metavar="FILE",
    help="Reviews so far; may be given several times, or a folder; default: the system's.",
)
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", help="How the page is written.")
@click.option("--sign-off", metavar='"NAME <MAIL>"', help="Sign for what the page shows.")
@click.option("--record", default="", metavar="URL", help="Where the review is kept in public; the second reviewer may leave it out.")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="The review's date; default: today (UTC).")
@click.option("--new", "is_new", is_flag=True, help="Review once more what has a review: two people again. This lifts a suspension.")
@click.option("-o", "--output", "file", type=_PATH, metavar="FILE", help="Where the entry goes; default: the system's, or it is printed.")
@unasked
def review(  # noqa: PLR0913 - one parameter for each option
    manifest: Path,
    *,
    question: str,
    since: tuple[Path, ...],
    reviews: tuple[Path, ...],
    form: str,
    sign_off: str | None,
    record: str,
    day: datetime | None,
    is_new: bool,
    file: Path | None,
    yes: bool,
) -> None:
    """For reviewers: everything about MANIFEST on one page, and the sign-off.

    The page says each question in plain words, what exactly would be sent, what the noise does, what changed since the last reviewed
    definition, and for each clause of the policy what is verified and what you have to judge. It is written in the language of the
    manifest itself, because that is what a review is for: texts in other languages can change without a new one.

    With --sign-off, a `[[review]]` entry is made once two different people have signed: into FILE, else into the system's directory of
    reviews if it may be written, else it is printed. The first sign-off waits in FILE.draft, which no daemon reads.
    """
    _refuse_misuse(sign_off, form, alone={"--record": bool(record), "--new": is_new, "-o": file is not None})
    today = _day(day, is_signed=sign_off is not None)
    signature = signing.checked(sign_off, record, today) if sign_off is not None else None
    text, declaration = files.text_of(manifest), files.declaration(manifest)
    definitions = files.chosen(declaration, question)
    known = files.given(reviews).standing() if reviews else here.reviews()
    if signature is None or not yes:
        from telemetryd.ctl.review_page import Subject, reviewed  # noqa: PLC0415 - for those who look

        earlier = [one for path in since for one in files.declaration(path).definitions]
        subject = Subject(text, today, declaration, earlier if since else here.definitions(declaration.application.id), known)
        _show(reviewed(subject, definitions), form)
    if signature is not None:
        _refuse_errors(manifest, text, today)
        confirm(f"Sign this off as {sign_off}?", is_agreed=yes)
        target = file or _system_file(declaration.application.id)
        stops = [stop for held in (known, _in(target)) for one in definitions if (stop := held.standing(*one.key).stop)]
        entries = signing.signed(definitions, signature, target, is_new=is_new)
        _write(entries, target, is_chosen=file is not None)
        _tell_stopped(entries, stops)


def _refuse_misuse(sign_off: str | None, form: str, *, alone: Mapping[str, bool]) -> None:
    """What would be ignored is a wrong command line: who gives it expects something of it."""
    for option, is_given in alone.items():
        if is_given and sign_off is None:
            raise click.UsageError(f"{option} is of use with --sign-off only.")
    if form != "text" and sign_off is not None:
        raise click.UsageError("--format is for the page alone: sign off without it.")


def _day(day: datetime | None, *, is_signed: bool) -> date:
    """The day that the command is for. A review of a day to come would outlive the suspensions until then. Policy: R4."""
    today = datetime.now(UTC).date()
    if day is None:
        return today
    if is_signed and day.date() > today:
        raise Failure(f"{day.date()} is yet to come: a review has the date of its last signature, today's ({today}) at the latest")
    return day.date()


def _refuse_errors(manifest: Path, text: str, today: date) -> None:
    """What a machine already knows to be wrong is not for a person to sign."""
    from telemetryd.authoring.linter.finding import Level  # noqa: PLC0415 - for those who sign
    from telemetryd.authoring.linter.findings_of import lint  # noqa: PLC0415 - the same

    for one in lint(text, today):
        if one.fault.level is Level.ERROR:
            raise Failure(f"{manifest}:{one.line}: {one.fault.message}: {one.fault.help}; what is wrong cannot be signed off")


def _show(found: Sequence[Reviewed], form: str) -> None:
    from telemetryd.ctl import review_page  # noqa: PLC0415 - for those who look
    from telemetryd.ctl.sheet import markdown  # noqa: PLC0415 - the same

    if form == "json":
        printing.emit([review_page.plain(one) for one in found])
    elif form == "markdown":
        click.echo("\n".join(markdown(None, [review_page.sheet(one)]) for one in found), nl=False)
    else:
        page = printing.Page()
        for number, one in enumerate(found):
            if number:
                page.gap()
            page.sheet(review_page.sheet(one))


def _write(entries: Sequence[Entry], target: Path, *, is_chosen: bool) -> None:
    """Write the entries where they belong, or print them where the system's directory may not be written."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        signing.write(entries, target)
    except OSError as error:
        if is_chosen:
            raise Failure(f"{target} cannot be written: {error.strerror}") from error
        click.echo("\n".join(one.text for one in entries), nl=False)
        click.echo(f"(printed, because {target} cannot be written here; with -o FILE a second reviewer can add to it)", err=True)
        return
    for one in entries:
        if one.is_complete:
            click.echo(f"{one.application}/{one.question}: signed by {' and '.join(one.reviewers)}, in {target}")
        else:
            click.echo(f"{one.application}/{one.question}: waits for a second reviewer, in {signing.draft_of(target)}")


def _in(target: Path) -> Reviews:
    """What holds by the file that is written; one that is not there, or cannot be read, is for those to tell who write it."""
    with suppress(Failure):
        return files.given([target]).standing()
    return files.given([]).standing()


def _tell_stopped(entries: Sequence[Entry], stops: Sequence[Stop]) -> None:
    """Whoever signs is told if the question is over all the same."""
    for entry in entries:
        about = [one for one in stops if (one.application, one.question) == entry[:2]]
        answered = [one for one in about if one.reason is StopReason.ANSWERED]
        for one in (answered or [one for one in about if one.date >= entry.date])[:1]:
            hint = f"it stays so until two people sign with --new, on a day after {one.date}"
            if answered:
                hint = "no review brings it back: to ask again takes a question with another id"
            click.echo(f"{entry.application}/{entry.question}: {one.sentence}; {hint}", err=True)


def _system_file(application: str) -> Path:
    """A name of its own: one that a distribution's file may have would put that file out of force, stops and all."""
    from telemetryd.system.directories import data_directories  # noqa: PLC0415 - for those who sign

    return data_directories(os.environ)[0] / "reviews.d" / f"signed-{application}.toml"

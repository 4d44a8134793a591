"""`review`: one page for the reviewer, and the sign-off. Policy: R1, R2, R3."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from telemetryd.core.explanation import Situation, explain
from telemetryd.core.permission.signoffs import StopReason
from telemetryd.core.translation import ENGLISH
from telemetryd.ctl.failures import Failure
from telemetryd.ctl.files import inputs as files
from telemetryd.ctl.files import installed_texts, signing
from telemetryd.ctl.language import gettext as _
from telemetryd.ctl.language import of_environment
from telemetryd.ctl.options import assume_yes, confirm
from telemetryd.ctl.render import printing
from telemetryd.ctl.render.value_words import join_with_and

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from telemetryd.core.permission.signoffs import Reviews, Stop
    from telemetryd.ctl.files.signing import ReviewEntry
    from telemetryd.ctl.render.review_page import ReviewedQuestion, Subject

_PATH = click.Path(path_type=Path)


@click.command(short_help="For reviewers: a manifest on one page; sign it off.")
@click.argument("manifest", type=_PATH)
@click.option("--question", default="", metavar="ID", help="Only this question.")
@click.option(
    "--since",
    type=_PATH,
    multiple=True,
    metavar="MANIFEST",
    help="The manifest as it was reviewed last; default: the installed manifest.",
)
@click.option(
    "--reviews",
    type=_PATH,
    multiple=True,
    metavar="FILE",
    help="File or folder of earlier reviews; may be given several times; default: the system's.",
)
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", help="Format of the page.")
@click.option("--sign-off", metavar='"NAME <MAIL>"', help="Sign off what the page shows.")
@click.option("--record", default="", metavar="URL", help="Public URL of the review; the second reviewer may leave it out.")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="The review's date; default: today (UTC).")
@click.option(
    "--new", "is_new", is_flag=True, help="Begin another review of a reviewed definition, again by two people. This lifts a suspension."
)
@click.option(
    "-o",
    "--output",
    "file",
    type=_PATH,
    metavar="FILE",
    help="File for the entry; default: the system's file, or standard output if that is not writable.",
)
@assume_yes
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

    The page describes each question in plain words, the exact report, the effect of the noise, and the changes since the last reviewed
    definition. For each clause of the policy it says what is verified and what you have to judge. The manifest's own texts are the original
    texts, which a review covers: translations can change without a new review. With --format markdown or json all is in English.

    With --sign-off, a `[[review]]` entry is complete when two different people have signed. It goes into FILE, or into the system's
    directory of reviews, or is printed if that is not writable. The first sign-off waits in FILE.draft, which no daemon reads.
    """
    from telemetryd.ctl.render.review_page import Subject, review_questions  # noqa: PLC0415 - for this command

    _refuse_misuse(sign_off, form, alone={"--record": bool(record), "--new": is_new, "-o": file is not None})
    today = _day(day, is_signed=sign_off is not None)
    signature = signing.check_sign_off(sign_off, record, today) if sign_off is not None else None
    text, declaration = files.read_text(manifest), files.read_manifest(manifest)
    definitions = files.choose_definitions(declaration, question)
    standing = files.read_inputs(reviews).standing() if reviews else installed_texts.reviews()
    earlier = [definition for path in since for definition in files.read_manifest(path).definitions]
    subject = Subject(text, today, declaration, earlier if since else installed_texts.definitions(declaration.application.id), standing)
    if signature is None or not yes:
        words = of_environment().words if form == "text" else ENGLISH
        _print_questions(review_questions(subject, definitions, words), form)
    if signature is not None:
        _refuse_errors(manifest, subject)
        confirm(_("Sign this off as {person}?").format(person=sign_off), is_agreed=yes)
        target = file or _system_file(declaration.application.id)
        stops = [
            stop
            for source in (standing, _reviews_in(target))
            for definition in definitions
            if (stop := source.standing(*definition.key).stop)
        ]
        entries = signing.sign(definitions, signature, target, is_new=is_new)
        _write(entries, target, is_chosen=file is not None)
        _warn_of_stops(entries, stops)


def _refuse_misuse(sign_off: str | None, form: str, *, alone: Mapping[str, bool]) -> None:
    """Raises UsageError for options that would be ignored."""
    for option, is_given in alone.items():
        if is_given and sign_off is None:
            raise click.UsageError(_("{option} needs --sign-off.").format(option=option))
    if form != "text" and sign_off is not None:
        raise click.UsageError(_("--format is for the page alone: sign off without it."))


def _day(day: datetime | None, *, is_signed: bool) -> date:
    """The review's day. It must not be in the future, because such a review would lift suspensions until then. Policy: R4."""
    today = datetime.now(UTC).date()
    if day is None:
        return today
    if is_signed and day.date() > today:
        text = _("{day} is in the future: a review has the date of its last signature, today's ({today}) at the latest")
        raise Failure(text.format(day=day.date(), today=today))
    return day.date()


def _refuse_errors(manifest: Path, subject: Subject) -> None:
    """Raises `Failure` for the first error of lint: what a program finds wrong cannot be signed."""
    from telemetryd.authoring.linter.finding import Level  # noqa: PLC0415 - for those who sign

    for finding in subject.findings():
        if finding.fault.level is Level.ERROR:
            why = f"{manifest}:{finding.line}: {finding.fault.message}: {finding.fault.help}"
            raise Failure(_("{why}; a manifest with errors cannot be signed off").format(why=why))


def _print_questions(questions: Sequence[ReviewedQuestion], form: str) -> None:
    from telemetryd.ctl.render import review_page  # noqa: PLC0415 - for those who look
    from telemetryd.ctl.render.sheet import markdown  # noqa: PLC0415 - the same

    if form == "json":
        printing.emit([review_page.json_value(question) for question in questions])
    elif form == "markdown":
        click.echo("\n".join(markdown(None, [review_page.sheet(question)]) for question in questions), nl=False)
    else:
        page = printing.Page()
        for number, question in enumerate(questions):
            if number:
                page.gap()
            page.sheet(review_page.sheet(question, page.language.words))


def _write(entries: Sequence[ReviewEntry], target: Path, *, is_chosen: bool) -> None:
    """Write the entries, or print them if the system's directory is not writable."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        signing.write(entries, target)
    except OSError as error:
        if is_chosen:
            raise Failure(_("{path} cannot be written: {why}").format(path=target, why=error.strerror)) from error
        click.echo("\n".join(entry.text for entry in entries), nl=False)
        note = _("(printed, because {path} cannot be written here; with -o FILE a second reviewer can add to it)")
        click.echo(note.format(path=target), err=True)
        return
    for entry in entries:
        name = f"{entry.application}/{entry.question}"
        if entry.is_complete:
            people = join_with_and(entry.reviewers, of_environment().words)
            click.echo(_("{name}: signed by {people}, in {path}").format(name=name, people=people, path=target))
        else:
            click.echo(_("{name}: waits for a second reviewer, in {path}").format(name=name, path=signing.draft_of(target)))


def _reviews_in(target: Path) -> Reviews:
    """The reviews and stops of the file that will be written; none if it cannot be read, which writing reports later."""
    with suppress(Failure):
        return files.read_inputs([target]).standing()
    return files.read_inputs([]).standing()


def _warn_of_stops(entries: Sequence[ReviewEntry], stops: Sequence[Stop]) -> None:
    """Warn the signer if a stop still ends the question."""
    for entry in entries:
        own_stops = [stop for stop in stops if (stop.application, stop.question) == entry[:2]]
        answered = [stop for stop in own_stops if stop.reason is StopReason.ANSWERED]
        for stop in (answered or [stop for stop in own_stops if stop.date >= entry.date])[:1]:
            hint = _("It stays so until two people sign with --new, on a day after {date}.").format(date=stop.date)
            if answered:
                hint = _("No review brings it back: to ask again takes a question with another id.")
            situation = Situation("stopped" if answered else "suspended", stop.why.cause, dict(stop.why.args))
            click.echo(f"{entry.application}/{entry.question}: {explain(situation, of_environment().words)} {hint}", err=True)


def _system_file(application: str) -> Path:
    """A file name that no distribution uses: a file of the same name would replace the distribution's reviews and stops."""
    from telemetryd.system.directories import data_directories  # noqa: PLC0415 - for those who sign

    return data_directories(os.environ)[0] / "reviews.d" / f"signed-{application}.toml"

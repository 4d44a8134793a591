"""`review`: what a reviewer needs on one page, and the sign-off. Policy: R1, R2, R3."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from telemetryd.ctl import given as files
from telemetryd.ctl import output
from telemetryd.ctl.failures import Failure
from telemetryd.ctl.options import confirm, unasked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.core.definition import Definition
    from telemetryd.ctl.review_page import Reviewed

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
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="The review's date; default: today (UTC).")
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
    today = day.date() if day else datetime.now(UTC).date()
    text, declaration = files.text_of(manifest), files.declaration(manifest)
    definitions = files.chosen(declaration, question)
    if not sign_off or not yes:
        from telemetryd.ctl.review_page import Subject, reviewed  # noqa: PLC0415 - for those who look

        application = declaration.application.id
        earlier = [one for path in since or _installed(application) for one in files.declaration(path).definitions]
        known = files.given(reviews or _system_reviews()).reviews
        subject = Subject(text, today, declaration, earlier, known)
        _show(reviewed(subject, definitions), form)
    if sign_off:
        _refuse_errors(manifest, text, today)
        confirm(f"Sign this off as {sign_off}?", is_agreed=yes)
        _sign(definitions, (sign_off, record, today), file, is_new=is_new)


def _refuse_errors(manifest: Path, text: str, today: date) -> None:
    """What a machine already knows to be wrong is not for a person to sign."""
    from telemetryd.core.finding import Level  # noqa: PLC0415 - for those who sign
    from telemetryd.core.lint import lint  # noqa: PLC0415 - the same

    for one in lint(text, today):
        if one.fault.level is Level.ERROR:
            raise Failure(f"{manifest}:{one.line}: {one.fault.message}: {one.fault.help}; what is wrong cannot be signed off")


def _show(found: Sequence[Reviewed], form: str) -> None:
    from telemetryd.ctl import review_page  # noqa: PLC0415 - for those who look
    from telemetryd.ctl.sheet import markdown  # noqa: PLC0415 - the same

    if form == "json":
        output.emit([review_page.plain(one) for one in found])
    elif form == "markdown":
        click.echo("\n".join(markdown(None, [review_page.sheet(one)]) for one in found), nl=False)
    else:
        page = output.Page()
        for number, one in enumerate(found):
            if number:
                page.gap()
            page.sheet(review_page.sheet(one))


def _sign(definitions: Sequence[Definition], by: tuple[str, str, date], file: Path | None, *, is_new: bool) -> None:
    from telemetryd.ctl import signing  # noqa: PLC0415 - for those who sign

    target = file or _system_file(definitions[0].application.id)
    entries = signing.signed(definitions, signing.checked(*by), target, is_new=is_new)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        signing.write(entries, target)
    except OSError as error:
        if file:
            raise Failure(f"{file} cannot be written: {error.strerror}") from error
        click.echo("\n".join(one.text for one in entries), nl=False)
        click.echo(f"(printed, because {target} cannot be written here; with -o FILE a second reviewer can add to it)", err=True)
        return
    for one in entries:
        if one.is_complete:
            click.echo(f"{one.application}/{one.question}: signed by {' and '.join(one.reviewers)}, in {target}")
        else:
            click.echo(f"{one.application}/{one.question}: waits for a second reviewer, in {signing.draft_of(target)}")


def _system_file(application: str) -> Path:
    """A name of its own: one that a distribution's file may have would put that file out of force, stops and all."""
    return _system()[0] / "reviews.d" / f"signed-{application}.toml"


def _installed(application: str) -> list[Path]:
    """The manifest that is installed here: what was reviewed last, more often than not."""
    found = [folder / "manifests" / f"{application}.toml" for folder in _system()]
    return [path for path in found if path.is_file()][:1]


def _system_reviews() -> list[Path]:
    return [folder / "reviews.d" for folder in _system() if (folder / "reviews.d").is_dir()]


def _system() -> Sequence[Path]:
    from telemetryd.directories import data_directories  # noqa: PLC0415 - for those who look or sign

    return data_directories(os.environ)

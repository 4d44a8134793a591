"""`stop` and `suspend`: write the file that ends a question, for all users or for oneself. Policy: M4, R4."""

from __future__ import annotations

import json
import os
import re
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from telemetryd.core.permission.signoffs import Stop, StopReason
from telemetryd.core.problem_words import SENTENCES, ProblemCause
from telemetryd.ctl import control_client
from telemetryd.ctl.failures import NOTHING, Failure
from telemetryd.ctl.files import installed_texts
from telemetryd.ctl.language import gettext as _
from telemetryd.ctl.render import printing
from telemetryd.ctl.render.pages import standings_page
from telemetryd.ctl.render.value_words import STATES
from telemetryd.ctl.safe_text import one_line
from telemetryd.ctl.selection import select
from telemetryd.errors import InvalidFileError, UnknownApplicationError
from telemetryd.system.directories import data_directories, user_config_directory
from telemetryd.toml.config import parse_reviews
from telemetryd.toml.fields import APPLICATION_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from telemetryd.ctl.control_client import ControlClient, ControlDict

_FOLDER = "reviews.d"
_FILE_PREFIXES = {StopReason.ANSWERED: "stop", StopReason.SUSPENDED: "suspend"}

_SOON_S = 3.0
"""Longest wait for the daemon's list of applications: a file can be written without it."""
_KNOWN_MAX = 20
"""Most applications that are named to a user who named none of them."""
_GOING_ON = frozenset({"pending", "waiting", "active", "reporting"})


class StopRequest(NamedTuple):
    """The command line."""

    app: str
    question: str
    because: str | None
    is_users: bool
    is_printed: bool


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for decorate in (
        click.option("--print", "is_printed", is_flag=True, help="Print the file, for a package, instead of writing it."),
        click.option("--user", "is_users", is_flag=True, help="For yourself only: write a file of your own."),
        click.option("--reason", "because", metavar="TEXT", help="Why, in one line that is shown to users."),
        click.argument("question"),
        click.argument("app"),
    ):
        command = decorate(command)
    return command


@click.command(short_help="End a question: it has been answered.")
@_options
def stop(**options: str | bool | None) -> None:
    """End QUESTION of APP because it has been answered.

    It ends for every user of this machine, or with --user for yourself.

    Writes a [[stop]] into the system's directory of reviews. If that is not permitted, prints the file and where it belongs. What was
    collected is erased as soon as a daemon checks its files. A stop is permanent: asking again needs a question with another id.
    """
    _end(StopReason.ANSWERED, StopRequest(**options))  # type: ignore[arg-type]  # as `_options` declares them


@click.command(short_help="Suspend a question until it is reviewed again.")
@_options
def suspend(**options: str | bool | None) -> None:
    """Suspend QUESTION of APP until a review of a later date is installed.

    It is suspended for every user of this machine, or with --user for yourself.

    Like `stop`, but for data that turned out to break a rule. What was collected is erased. Recording resumes only when compliance has
    been established again.
    """
    _end(StopReason.SUSPENDED, StopRequest(**options))  # type: ignore[arg-type]  # as above


def _end(reason: StopReason, request: StopRequest) -> None:
    request = request._replace(app=_id_of(request.app))
    text, entry = _text(reason, request, _day(reason, request))
    if request.is_printed:
        click.echo(text, nl=False)
        return
    home = user_config_directory(os.environ) if request.is_users else data_directories(os.environ)[0]
    path = home / _FOLDER / f"{_FILE_PREFIXES[reason]}-{request.app}-{request.question}.toml"
    try:
        _check_not_there(path, entry)
        _write(path, text)
    except OSError as error:
        click.echo(text, nl=False)
        text = _("{path} cannot be written ({why}): nothing was changed; the text above is what belongs there")
        raise Failure(text.format(path=path, why=error.strerror)) from error
    page = printing.Page()
    page.say(_("Written: {path}").format(path=path))
    _print_standing(page, request, path)


def _id_of(app: str) -> str:
    """The id of the application that a user means: an installed one, or one that the daemon knows, if it answers soon.

    A whole id means itself in any case, because a stop may come before the application; only its case may be another's. Anything else has
    to name one that is known. Raises `Failure` if several could be meant, and UsageError if none is.
    """
    known = {str(row["id"]): row for row in (*_applications_of_daemon(), *installed_texts.applications())}
    is_whole = re.fullmatch(APPLICATION_ID, app, re.ASCII) is not None
    try:
        found = select([row for id_, row in known.items() if not is_whole or id_.casefold() == app.casefold()], app)
    except Failure as failure:
        if failure.name != UnknownApplicationError.bus_name:
            raise
        if is_whole:
            return app
        raise click.UsageError(_unknown(app, sorted(known))) from failure
    if found["id"] != app:
        note = _("note: {text} is understood as {id}")
        click.echo(note.format(text=one_line(app), id=one_line(str(found["id"]))), err=True)
    return str(found["id"])


def _unknown(app: str, known: Sequence[str]) -> str:
    """That nothing known here is called so, and what is known."""
    text = _("{text}: expected the whole id of an application, such as org.example.Editor, or what names one that is known here ({ids})")
    shown = [one_line(id_) for id_ in known[:_KNOWN_MAX]] or [_("none")]
    if len(known) > _KNOWN_MAX:
        shown.append(_(SENTENCES[ProblemCause.MORE]).format(number=len(known) - _KNOWN_MAX))
    return text.format(text=repr(one_line(app)), ids=", ".join(shown))


def _applications_of_daemon() -> Sequence[ControlDict]:
    with suppress(Failure):
        return control_client.run(lambda control: control.applications(), within_s=_SOON_S)
    return ()


def _day(reason: StopReason, request: StopRequest) -> date:
    """The day of the stop: today. A suspension gets the day of the current review if that is later, or that review would lift it."""
    today = datetime.now(UTC).date()
    if reason is StopReason.ANSWERED:
        return today
    review = installed_texts.reviews().standing(request.app, request.question).review
    if review is None or review.date <= today:
        return today
    note = _(
        "note: the review of {date} in {file} has a future date. The suspension gets the same date, and only a review of a later date "
        "lifts it"
    )
    click.echo(note.format(date=review.date, file=review.file), err=True)
    return review.date


def _text(reason: StopReason, request: StopRequest, day: date) -> tuple[str, Stop]:
    """The text of the file, and the stop that it declares. Raises UsageError."""
    keys = {"application": request.app, "question": request.question, "reason": str(reason)}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in keys.items()]
    lines.append(f"date = {day.isoformat()}")
    if request.because is not None:
        lines.append(f"text = {json.dumps(request.because, ensure_ascii=False)}")
    text = "\n".join(["[[stop]]", *lines, ""])
    try:
        _reviews, (entry,) = parse_reviews(text, "")
    except InvalidFileError as error:
        raise click.UsageError(str(error).removeprefix("[[stop]] number 1: ")) from error
    return text, entry


def _check_not_there(path: Path, entry: Stop) -> None:
    """Raises `Failure` if the file already has this stop, has a later one, or cannot be parsed. Raises OSError."""
    with suppress(FileNotFoundError):
        try:
            _reviews, before = parse_reviews(path.read_text(encoding="utf-8"), "")
        except (InvalidFileError, UnicodeDecodeError) as error:
            text = _("{path} exists and says something else ({why}); fix or remove it first")
            raise Failure(text.format(path=path, why=error)) from error
        later = [stop_there for stop_there in before if stop_there.date > entry.date or stop_there == entry]
        if later:
            raise Failure(_("{path} says so already, since {date}").format(path=path, date=later[-1].date.isoformat()), NOTHING)


def _write(path: Path, text: str) -> None:
    """Write the file atomically. It is readable for all whatever the umask, because an unreadable file pauses every question."""
    for folder in [folder for folder in (path.parent, path.parent.parent) if not folder.exists()][::-1]:
        folder.mkdir(mode=0o755, parents=True)
        folder.chmod(0o755)
    descriptor, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
            os.fchmod(descriptor, 0o644)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def _print_standing(page: printing.Page, request: StopRequest, path: Path) -> None:
    """Print the question's state for this user, if a daemon answers; the call makes it check its files.

    Raises `Failure` if the daemon does not obey the file.
    """

    async def read_questions(control: ControlClient) -> list[ControlDict]:
        return await control.questions("")

    try:
        questions = [
            question
            for question in control_client.run(read_questions)
            if (question["application"], question["id"]) == (request.app, request.question)
        ]
    except Failure:
        page.say(_("No daemon answers here. Each daemon obeys when it next checks its files, at its next tick at the latest."))
        return
    if questions:
        standings_page(page, questions)
        _check_end(questions[0]["state"], path)
    else:
        text = _("The daemon of this session knows no question {question} of {application}: are the names right?")
        page.say(text.format(question=request.question, application=request.app))


def _check_end(state: str, path: Path) -> None:
    """Raises `Failure` if the question still collects although the file was written."""
    if state in _GOING_ON:
        text = _(
            "{path} is written, but the daemon of this session does not obey it: the question is still {state}. "
            "`telemetryctl status` shows whether the daemon reads its files elsewhere"
        )
        raise Failure(text.format(path=path, state=_(STATES[state])))

"""`stop` and `suspend`: the end of a question, for everyone on this machine or for oneself, as a file. Policy: M4, R4."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from telemetryd.core.signoffs import Stop, StopReason
from telemetryd.ctl import control_client, here, printing
from telemetryd.ctl.failures import NOTHING, Failure
from telemetryd.ctl.pages import standings_page
from telemetryd.errors import InvalidFileError
from telemetryd.system.directories import data_directories, user_config_directory
from telemetryd.toml.config import parse_reviews

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from telemetryd.ctl.control_client import Control, Shown

_FOLDER = "reviews.d"
_VERBS = {StopReason.ANSWERED: "stop", StopReason.SUSPENDED: "suspend"}

_GOING_ON = frozenset({"pending", "waiting", "active", "reporting"})


class Wish(NamedTuple):
    """What the command line says."""

    app: str
    question: str
    because: str | None
    is_users: bool
    is_printed: bool


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for decorate in (
        click.option("--print", "is_printed", is_flag=True, help="Print the file instead of writing it: for a package."),
        click.option("--user", "is_users", is_flag=True, help="For yourself alone: write a file of your own."),
        click.option("--reason", "because", metavar="TEXT", help="Why, in one line that users are shown."),
        click.argument("question"),
        click.argument("app"),
    ):
        command = decorate(command)
    return command


@click.command(short_help="End a question: it has been answered.")
@_options
def stop(**said: str | bool | None) -> None:
    """End QUESTION of APP because it has been answered, for every user of this machine.

    Writes a [[stop]] into the system's directory of reviews; without the rights for it, prints the file and where it belongs. What was
    collected is erased as soon as a daemon looks at its files. It is for good: to ask again takes a question with another id.
    """
    _end(StopReason.ANSWERED, Wish(**said))  # type: ignore[arg-type]  # as `_options` declares them


@click.command(short_help="Suspend a question until it is reviewed anew.")
@_options
def suspend(**said: str | bool | None) -> None:
    """Suspend QUESTION of APP, for every user of this machine, until a review of a later date is installed.

    Like `stop`, but for data that turned out to break a rule: what was collected is erased, and recording goes on only when compliance
    has been established again.
    """
    _end(StopReason.SUSPENDED, Wish(**said))  # type: ignore[arg-type]  # as above


def _end(reason: StopReason, wish: Wish) -> None:
    text, entry = _text(reason, wish, _day(reason, wish))
    if wish.is_printed:
        click.echo(text, nl=False)
        return
    home = user_config_directory(os.environ) if wish.is_users else data_directories(os.environ)[0]
    path = home / _FOLDER / f"{_VERBS[reason]}-{wish.app}-{wish.question}.toml"
    try:
        _check_news(path, entry)
        _write(path, text)
    except OSError as error:
        click.echo(text, nl=False)
        raise Failure(f"{path} cannot be written ({error.strerror}): nothing was changed; the text above is what belongs there") from error
    page = printing.Page()
    page.say(f"Written: {path}")
    _tell(page, wish, path)


def _day(reason: StopReason, wish: Wish) -> date:
    """Today; of a suspension the day of the review that holds if that is yet to come, because a later review lifts suspensions."""
    today = datetime.now(UTC).date()
    if reason is StopReason.ANSWERED:
        return today
    review = here.reviews().standing(wish.app, wish.question).review
    if review is None or review.date <= today:
        return today
    told = "is of a day to come: so is the suspension, and nothing but a review of a later date lifts it"
    click.echo(f"note: the review of {review.date} in {review.file} {told}", err=True)
    return review.date


def _text(reason: StopReason, wish: Wish, day: date) -> tuple[str, Stop]:
    """The file, and the one stop that is read from it."""
    keys = {"application": wish.app, "question": wish.question, "reason": str(reason)}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in keys.items()]
    lines.append(f"date = {day.isoformat()}")
    if wish.because is not None:
        lines.append(f"text = {json.dumps(wish.because, ensure_ascii=False)}")
    text = "\n".join(["[[stop]]", *lines, ""])
    try:
        _, (entry,) = parse_reviews(text, "")
    except InvalidFileError as error:
        raise click.UsageError(str(error).removeprefix("[[stop]] number 1: ")) from error
    return text, entry


def _check_news(path: Path, entry: Stop) -> None:
    """A stop never moves to an earlier day, and one that is there already is not written again. Raises `Failure` or OSError."""
    with suppress(FileNotFoundError):
        try:
            _, before = parse_reviews(path.read_text(encoding="utf-8"), "")
        except (InvalidFileError, UnicodeDecodeError) as error:
            raise Failure(f"{path} is there and says something else ({error}); mend or remove it first") from error
        later = [one for one in before if one.date > entry.date or one == entry]
        if later:
            raise Failure(f"{path} says so already, since {later[-1].date.isoformat()}", NOTHING)


def _write(path: Path, text: str) -> None:
    """All of the file or none of it, readable for everyone whatever the umask: a file that a daemon cannot read pauses everything."""
    for folder in [one for one in (path.parent, path.parent.parent) if not one.exists()][::-1]:
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


def _tell(page: printing.Page, wish: Wish, path: Path) -> None:
    """Where the question stands for the user who runs this, if a daemon can be asked: it looks at its files for that.

    Raises `Failure` if it does not obey.
    """

    async def look(control: Control) -> list[Shown]:
        return await control.questions("")

    try:
        found = [one for one in control_client.run(look) if (one["application"], one["id"]) == (wish.app, wish.question)]
    except Failure:
        page.say("No daemon could be asked here. Each one obeys when it next looks at its files: at its next tick at the latest.")
        return
    if found:
        standings_page(page, found)
        _check_end(found[0]["state"], path)
    else:
        page.say(f"The daemon of this session knows no question {wish.question} of {wish.app}: are the names right?")


def _check_end(state: str, path: Path) -> None:
    """A question that goes on although the file was written is no success."""
    if state in _GOING_ON:
        told = f"{path} is written, but the daemon of this session does not obey it: the question is still {state}"
        raise Failure(f"{told}; `telemetryctl status` shows whether it reads its files elsewhere")

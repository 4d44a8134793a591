"""`new` and `schema`: help to write a manifest. They call no service."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from telemetryd.authoring.draft import Draft, complaints, compose
from telemetryd.core.definition import Category, PeriodKind, SourceType
from telemetryd.core.translation import mark
from telemetryd.ctl.failures import NOTHING, Failure
from telemetryd.ctl.language import gettext as _
from telemetryd.ctl.options import confirm
from telemetryd.ctl.safe_text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

_SCHEMA = Path(__file__).parents[2] / "manifest.schema.json"
_TEXTS = {
    "id": mark("Desktop id of the application"),
    "name": mark("Its name"),
    "vendor": mark("Its vendor, who runs the server"),
    "contact": mark("Page or mailto: address for users' concerns"),
    "type": mark("What is measured is a"),
    "source": mark("A short name for it"),
    "description": mark("What it is, in words for a user"),
    "unit": mark("Its unit, if any"),
    "bins": mark("Edges of its bins in rising order"),
    "values": mark("The values that matter"),
    "purpose": mark("What do you want to know? (a question)"),
    "decision": mark("What will the answer change?"),
    "category": mark("Is that about the system, or about usage?"),
    "period": mark("One answer covers a"),
}
"""The prompts in their order. Keys without a prompt have a default and an option."""
_CHOICES: dict[str, Sequence[str]] = {
    "type": list(SourceType),
    "category": list(Category),
    "detail": ("basic", "detailed"),
    "period": list(PeriodKind),
}
_DAY = click.DateTime(["%Y-%m-%d"])
_HELP = {
    "id": "Reverse-DNS id of the application's desktop file.",
    "name": "Name that users know, at most 80 characters.",
    "vendor": "Endpoint that the distribution or administrator configured.",
    "contact": "Where users can raise concerns: an https: or mailto: URL.",
    "type": "Type of what is measured.",
    "source": "Id of the source, which the program pushes to.",
    "description": "What is measured, in words for a user.",
    "unit": "Unit of a number or count, at most 16 characters.",
    "bins": "Edges of the bins in rising order; two edges make three bins.",
    "values": "The few values that matter; all else becomes “other”.",
    "question": "Id of the question; default: “about-” and the source's id.",
    "purpose": "What you need to know, as a question.",
    "decision": "What the answer will change.",
    "category": "system: what the installation is like; usage: how it is used.",
    "detail": "Level that a user must have chosen.",
    "period": "Calendar period that one answer covers.",
    "starts": "First day of the question.",
    "ends": "Its last day, at most a year after the first.",
}
_DEFAULTS = {"unit": "", "category": Category.USAGE.value, "period": PeriodKind.WEEK.value}
_OF_TYPE = {"unit": {"number", "count"}, "bins": {"number", "count"}, "values": {"choice"}}


def _answer_options(command: Any) -> Any:
    """Adds an option for each key."""
    for name in reversed(Draft._fields):
        kind = click.Choice(list(map(str, _CHOICES[name]))) if name in _CHOICES else _DAY if name in {"starts", "ends"} else None
        command = click.option(f"--{name}", type=kind, metavar="DATE" if kind is _DAY else None, help=_HELP[name])(command)
    return command


@click.command(short_help="For developers: write a first manifest.")
@click.option(
    "-o", "--output", metavar="FILE", help="The file to write, or - for standard output; default: the application's id and .toml."
)
@click.option("--force", "is_forced", is_flag=True, help="Overwrite an existing file.")
@_answer_options
def new(output: str | None, *, is_forced: bool, **options: str | datetime | None) -> None:
    """For developers: write a first manifest, without findings of lint.

    Asks for each value that is not given as an option. A script has to give --id, --name, --vendor, --contact, --type, --source,
    --description, --bins or --values, --purpose and --decision.
    """
    today = datetime.now(UTC).date()
    if output and output != "-":
        _check_free(Path(output), is_forced=is_forced)
    answers = {
        name: str(answer.date() if isinstance(answer, datetime) else answer) for name, answer in options.items() if answer is not None
    }
    draft = _complete_draft(answers, today)
    path = output or f"{draft.id}.toml"
    if path == "-":
        click.echo(compose(draft, today), nl=False)
        return
    if not output:
        _check_free(Path(path), is_forced=is_forced)
    try:
        Path(path).write_text(compose(draft, today), encoding="utf-8")
    except OSError as error:
        raise Failure(_("{path} cannot be written: {why}").format(path=path, why=error.strerror)) from error
    click.echo(_("Wrote {path}. Read it through, then check it: telemetryctl lint {path}").format(path=one_line(path)), err=True)


@click.command(short_help="For developers: print the manifest's JSON Schema.")
def schema() -> None:
    """For developers: print the JSON Schema of the manifest, for editors that explain keys and mark mistakes."""
    click.echo(_SCHEMA.read_text(encoding="utf-8"), nl=False)


def _complete_draft(answers: dict[str, str], today: date) -> Draft:
    """The draft with all answers. A wrong option raises `Failure` or UsageError; a wrong answer is asked for again."""
    draft = Draft()
    for name in _key_order(answers):
        if name in _OF_TYPE and draft.type not in _OF_TYPE[name]:
            if name in answers:
                raise click.UsageError(_("{option} does not go with {type}.").format(option=f"--{name}", type=f"--type {draft.type}"))
        elif name in answers:
            draft = draft._replace(**{name: answers[name]})
            for fault in complaints(draft, today):
                raise Failure(f"--{name}: {fault.message} [{fault.clause}]: {fault.help}")
        elif name in _TEXTS:
            draft = _prompt(draft, name, today)
    return draft if "question" in answers else draft._replace(question=f"about-{draft.source}"[:64])


def _key_order(answers: dict[str, str]) -> Iterator[str]:
    """The keys in order; those without a prompt come last, so that starts and ends are checked together."""
    yield from _TEXTS
    yield from (name for name in answers if name not in _TEXTS)


def _prompt(draft: Draft, name: str, today: date) -> Draft:
    """The draft with one more answer. Raises UsageError without a terminal."""
    default = _DEFAULTS.get(name)
    if not sys.stdin.isatty():
        if default is None:
            raise click.UsageError(_("This needs a terminal to ask you: give {option}.").format(option=f"--{name}"))
        return draft._replace(**{name: default})
    choices = _CHOICES.get(name)
    while True:
        kind = click.Choice(list(map(str, choices))) if choices else None
        answer = click.prompt(_(_TEXTS[name]), default=default, type=kind, show_default=bool(default), err=True)
        candidate = draft._replace(**{name: str(answer)})
        faults = complaints(candidate, today)
        if not faults:
            return candidate
        for fault in faults:
            click.echo(f"  {one_line(fault.message)} [{fault.clause}]\n  help: {one_line(fault.help)}", err=True)


def _check_free(path: Path, *, is_forced: bool) -> None:
    """Raises `Failure` if the file exists and the user did not agree to overwrite it."""
    if not path.exists() or is_forced:
        return
    if not sys.stdin.isatty():
        raise Failure(_("{file} exists already; --force overwrites it").format(file=str(path)), NOTHING)
    confirm(_("{file} exists already: overwrite it?").format(file=str(path)), is_agreed=False)

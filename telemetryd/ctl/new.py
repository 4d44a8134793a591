"""`new` and `schema`: the first steps with a manifest of one's own. Both speak to no service."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from telemetryd.authoring.draft import Draft, complaints, compose
from telemetryd.core.definition import Category, PeriodKind, SourceType
from telemetryd.ctl.failures import NOTHING, Failure
from telemetryd.ctl.value_words import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

_SCHEMA = Path(__file__).with_name("manifest.schema.json")
_TEXTS = {
    "id": "Desktop id of the application",
    "name": "Its name",
    "vendor": "Its vendor, who runs the server",
    "contact": "Page or mailto: address for users' concerns",
    "type": "What is measured is a",
    "source": "A short name for it",
    "description": "What it is, in words for a user",
    "unit": "Its unit, if any",
    "bins": "Edges of its bins in rising order",
    "values": "The values that matter",
    "purpose": "What do you want to know? (a question)",
    "decision": "What will the answer change?",
    "category": "Is that about the system, or about usage?",
    "period": "One answer covers a",
}
"""What is asked, in this order; what is not asked for has a default, and an option."""
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
    "contact": "Where users turn to with concerns: a https: or mailto: URL.",
    "type": "Type of what is measured.",
    "source": "Id of the source, which the program pushes to.",
    "description": "What is measured, in words for a user.",
    "unit": "Unit of a number or count, at most 16 characters.",
    "bins": "Edges of the bins in rising order; two edges are three bins.",
    "values": "The few values that matter; all else becomes “other”.",
    "question": "Id of the question; else “about-” and the source's.",
    "purpose": "What has to be known, as a question.",
    "decision": "What the answer will change.",
    "category": "system: what the installation is like; usage: how it is used.",
    "detail": "Level that a user must have chosen.",
    "period": "Calendar period that one answer covers.",
    "starts": "First day of the question.",
    "ends": "Its last day, at most a year after the first.",
}
_DEFAULTS = {"unit": "", "category": Category.USAGE.value, "period": PeriodKind.WEEK.value}
_OF_TYPE = {"unit": {"number", "count"}, "bins": {"number", "count"}, "values": {"choice"}}


def _answers(command: Any) -> Any:
    """An option for each answer."""
    for name in reversed(Draft._fields):
        kind = click.Choice(list(map(str, _CHOICES[name]))) if name in _CHOICES else _DAY if name in {"starts", "ends"} else None
        command = click.option(f"--{name}", type=kind, metavar="DATE" if kind is _DAY else None, help=_HELP[name])(command)
    return command


@click.command(short_help="For developers: write a first manifest.")
@click.option("-o", "--output", metavar="FILE", help="Where to write it, - for standard output; else the application's id and .toml.")
@click.option("--force", "is_forced", is_flag=True, help="Overwrite a file that is there.")
@_answers
def new(output: str | None, *, is_forced: bool, **given: str | datetime | None) -> None:
    """For developers: write a first manifest, which lint has nothing to say about.

    What no option says is asked for. A script has to give --id, --name, --vendor, --contact, --type, --source, --description, --bins or
    --values, --purpose and --decision.
    """
    today = datetime.now(UTC).date()
    if output and output != "-":
        _see_that_it_is_free(Path(output), is_forced=is_forced)
    said = {name: str(answer.date() if isinstance(answer, datetime) else answer) for name, answer in given.items() if answer is not None}
    draft = _answered(said, today)
    path = output or f"{draft.id}.toml"
    if path == "-":
        click.echo(compose(draft, today), nl=False)
        return
    if not output:
        _see_that_it_is_free(Path(path), is_forced=is_forced)
    try:
        Path(path).write_text(compose(draft, today), encoding="utf-8")
    except OSError as error:
        raise Failure(f"{path} could not be written: {error.strerror}") from error
    click.echo(
        f"Wrote {one_line(path)}. Read it through, then see what telemetryd makes of it: telemetryctl lint {one_line(path)}", err=True
    )


@click.command(short_help="For developers: print the manifest's JSON Schema.")
def schema() -> None:
    """For developers: print the JSON Schema of the manifest, with which an editor explains keys and marks mistakes while one writes."""
    click.echo(_SCHEMA.read_text(encoding="utf-8"), nl=False)


def _answered(given: dict[str, str], today: date) -> Draft:
    """All answers; what is given and wrong ends it, what is asked and wrong is asked again."""
    draft = Draft()
    for name in _order(given):
        if name in _OF_TYPE and draft.type not in _OF_TYPE[name]:
            if name in given:
                raise click.UsageError(f"--{name} does not go with --type {draft.type}.")
        elif name in given:
            draft = draft._replace(**{name: given[name]})
            for fault in complaints(draft, today):
                raise Failure(f"--{name}: {fault.message} [{fault.clause}]: {fault.help}")
        elif name in _TEXTS:
            draft = _ask(draft, name, today)
    return draft if "question" in given else draft._replace(question=f"about-{draft.source}"[:64])


def _order(given: dict[str, str]) -> Iterator[str]:
    """The order of the questions; dates and the like come last, starts and ends together."""
    yield from _TEXTS
    yield from (name for name in given if name not in _TEXTS)


def _ask(draft: Draft, name: str, today: date) -> Draft:
    """The draft with one more answer. Raises UsageError where nobody can be asked."""
    default = _DEFAULTS.get(name)
    if not sys.stdin.isatty():
        if default is None:
            raise click.UsageError(f"Nobody can be asked here: give --{name}.")
        return draft._replace(**{name: default})
    choices = _CHOICES.get(name)
    while True:
        kind = click.Choice(list(map(str, choices))) if choices else None
        answer = click.prompt(_TEXTS[name], default=default, type=kind, show_default=bool(default), err=True)
        asked = draft._replace(**{name: str(answer)})
        found = complaints(asked, today)
        if not found:
            return asked
        for fault in found:
            click.echo(f"  {one_line(fault.message)} [{fault.clause}]\n  help: {one_line(fault.help)}", err=True)


def _see_that_it_is_free(path: Path, *, is_forced: bool) -> None:
    """Raises Failure if something would be overwritten that nobody agreed to."""
    if path.exists() and not is_forced and not (sys.stdin.isatty() and click.confirm(f"{path} is there already: overwrite it?", err=True)):
        raise Failure(f"{path} is there already; --force overwrites it", NOTHING)

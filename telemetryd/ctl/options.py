"""What several commands have in common: options, and asking the person."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from telemetryd.ctl.failures import NOTHING, Failure

if TYPE_CHECKING:
    from collections.abc import Callable


class InOrder(click.Group):
    """A group whose commands are listed in the order of their use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names as they were added."""
        return list(self.commands)


as_json = click.option("--json", "is_json", is_flag=True, help="Print JSON for scripts: what the service answers, under the same keys.")
unasked = click.option("--yes", is_flag=True, help="Do not ask.")


def levels(option: str, words: dict[int, str], about: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option that takes one of some words."""
    return click.option(option, type=click.Choice(list(words.values())), help=about)


def confirm(question: str, *, is_agreed: bool) -> None:
    """Ask on the terminal, unless the person agreed beforehand. Raises `Failure` if declined."""
    if is_agreed:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("Nobody can be asked here: look first, then give --yes.")
    try:
        is_agreed = click.confirm(question, default=False, err=True)
    except click.Abort:
        click.echo(err=True)
        is_agreed = False
    if not is_agreed:
        raise Failure("nothing was changed", NOTHING)

"""What several commands have in common: options, and asking the person."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from telemetryd.ctl.failures import NOTHING, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class InOrder(click.Group):
    """A group whose commands are listed in the order of their use, and imported when they are used: `lint` needs no D-Bus library."""

    def __init__(self, *arguments: Any, modules: Mapping[str, str] | None = None, **others: Any) -> None:
        """`modules` says of each command where it is, as `telemetryd.ctl.reading:status`."""
        super().__init__(*arguments, **others)
        self._modules = modules or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in order."""
        for name in self._modules:
            self.get_command(ctx, name)
        return list(self._modules or self.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, imported now if it was not yet."""
        if cmd_name in self._modules and cmd_name not in self.commands:
            module, _, command = self._modules[cmd_name].partition(":")
            self.add_command(getattr(import_module(module), command), cmd_name)
        return super().get_command(ctx, cmd_name)


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

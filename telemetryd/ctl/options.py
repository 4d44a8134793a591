"""Options that several commands have, and the prompt for confirmation."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from telemetryd.ctl.failures import NOTHING, UNAVAILABLE, Failure
from telemetryd.errors import UnusableLibraryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class OrderedGroup(click.Group):
    """A group that lists its commands in the order of use and imports each when it is used: `lint` needs no D-Bus library."""

    def __init__(self, *arguments: Any, modules: Mapping[str, str] | None = None, **others: Any) -> None:
        """`modules` maps each command to `module:function`, such as `telemetryd.ctl.commands.status:status`."""
        super().__init__(*arguments, **others)
        self._modules = modules or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of use."""
        for name in self._modules:
            self.get_command(ctx, name)
        return list(self._modules or self.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command with this name, imported on first use."""
        if cmd_name in self._modules and cmd_name not in self.commands:
            module, _, command = self._modules[cmd_name].partition(":")
            try:
                self.add_command(getattr(import_module(module), command), cmd_name)
            except UnusableLibraryError as failure:
                raise Failure(str(failure), UNAVAILABLE) from None
        return super().get_command(ctx, cmd_name)


as_json = click.option("--json", "is_json", is_flag=True, help="Print JSON for scripts: what the service answers, under the same keys.")
assume_yes = click.option("--yes", is_flag=True, help="Do not ask.")


def level_option(option: str, words: dict[int, str], help_text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option that takes one of the words."""
    return click.option(option, type=click.Choice(list(words.values())), help=help_text)


def require_terminal() -> None:
    """Raise UsageError if nobody can be asked."""
    if not sys.stdin.isatty():
        raise click.UsageError("This needs a terminal to ask you. Check first, then repeat with --yes.")


def confirm(question: str, *, is_agreed: bool) -> None:
    """Ask on the terminal, unless the user agreed beforehand. Raises `Failure` if declined, UsageError without a terminal."""
    if is_agreed:
        return
    require_terminal()
    try:
        is_agreed = click.confirm(question, default=False, err=True)
    except click.Abort:
        click.echo(err=True)
        is_agreed = False
    if not is_agreed:
        raise Failure("nothing was changed", NOTHING)

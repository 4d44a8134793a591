"""Options that several commands have, the group that holds the commands, and the prompt for confirmation."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from telemetryd.ctl import language
from telemetryd.ctl.failures import NOTHING, UNAVAILABLE, Failure
from telemetryd.ctl.help_words import in_language
from telemetryd.ctl.language import gettext as _
from telemetryd.ctl.safe_text import printable, without_marks
from telemetryd.errors import UnusableLibraryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class OrderedGroup(click.Group):
    """A group that lists its commands in the order of use and imports each when it is used: `lint` needs no D-Bus library.

    Help is in the language of the environment. An output that is closed early, as by `head`, ends a command with status 0.
    """

    def __init__(self, *arguments: Any, modules: Mapping[str, str] | None = None, **others: Any) -> None:
        """`modules` maps each command to `module:function`, such as `telemetryd.ctl.commands.status:status`."""
        super().__init__(*arguments, **others)
        self._modules = modules or {}

    def main(self, *arguments: Any, **others: Any) -> Any:
        """Run the command; click's own words come from our catalogues."""
        language.bind_catalogue()
        return super().main(*arguments, **others)

    def make_context(self, info_name: str | None, args: list[str], *others: Any, **named: Any) -> click.Context:
        """Parse the command line, without the marks of direction that come with what is copied from our output; `--help` prints here."""
        try:
            return super().make_context(info_name, list(map(without_marks, args)), *others, **named)
        except BrokenPipeError:
            _mute_output()
            raise click.exceptions.Exit from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run what was parsed."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _mute_output()
            return None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of use."""
        for name in self._modules:
            self.get_command(ctx, name)
        return list(self._modules or self.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command with this name, imported on first use, in the language of the environment."""
        if cmd_name in self._modules and cmd_name not in self.commands:
            module, _, command = self._modules[cmd_name].partition(":")
            try:
                self.add_command(getattr(import_module(module), command), cmd_name)
            except UnusableLibraryError as failure:
                raise Failure(str(failure), UNAVAILABLE) from None
        found = super().get_command(ctx, cmd_name)
        return in_language(found, language.of_environment().words) if found else None


as_json = click.option("--json", "is_json", is_flag=True, help="Print JSON for scripts: what the service answers, under the same keys.")
assume_yes = click.option("--yes", is_flag=True, help="Do not ask.")


def level_option(option: str, words: dict[int, str], help_text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option that takes one of the words."""
    return click.option(option, type=click.Choice(list(words.values())), help=help_text)


def confirm(question: str, *, is_agreed: bool) -> None:
    """Ask on the terminal, unless the user agreed beforehand. Raises `Failure` if declined, UsageError without a terminal.

    `y` means yes in every language, beside the letter of the user's own.
    """
    require_terminal(is_agreed=is_agreed)
    if is_agreed:
        return
    letters = language.of_environment().words.pgettext("letters for yes and no, and the words", "y/n/yes/no").casefold().split("/")
    try:
        is_agreed = _ask(question, letters)
    except click.Abort:
        click.echo(err=True)
    if not is_agreed:
        raise Failure(_("nothing was changed"), NOTHING)


def require_terminal(*, is_agreed: bool) -> None:
    """Raises UsageError if the user has to be asked and there is no terminal."""
    if not is_agreed and not sys.stdin.isatty():
        raise click.UsageError(_("This needs a terminal to ask you. Check first, then repeat with --yes."))


def _ask(question: str, letters: list[str]) -> bool:
    """Ask until the answer is yes or no; nothing is no."""
    yes, no = {"y", "yes", letters[0], letters[2]}, {"", "n", "no", letters[1], letters[3]}
    while True:
        suffix = f" [{letters[0]}/{letters[1].upper()}]: "
        answer = click.prompt(printable(question), prompt_suffix=suffix, default="", show_default=False, err=True).strip().casefold()
        if answer in yes | no:
            return answer in yes
        click.echo(_("Please answer {yes} or {no}.").format(yes=letters[2], no=letters[3]), err=True)


def _mute_output() -> None:
    """Whoever read the output has gone: the rest of it goes nowhere, also at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

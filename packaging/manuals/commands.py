"""The pages of telemetryctl, from its commands, and its completions, from click."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class
from manuals.roff import Page, Title

from telemetryd.ctl.__main__ import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

    from manuals.sources import Release

_NAME = "telemetryctl"
_VERBATIM = "\b\n"
_SEE_ALSO = "**telemetryd**(8), **telemetryd-settings**(1), **telemetryd.toml**(5), **telemetryd-manifest**(5)"
_COMPLETIONS = {
    "bash": f"bash-completion/completions/{_NAME}",
    "zsh": f"zsh/site-functions/_{_NAME}",
    "fish": f"fish/vendor_completions.d/{_NAME}.fish",
}
"""Where each shell looks, below a data directory."""


def pages(release: Release) -> Iterator[tuple[str, str]]:
    """(file name, source) of the page of telemetryctl, and of a page for each of its commands."""
    top = click.Context(cli, info_name=_NAME, **cli.context_settings)
    names = cli.list_commands(top)
    page = _begun(cli, top, _NAME, release)
    page.heading("COMMANDS")
    for name in names:
        page.tagged(f"**{_NAME}-{name}**(1)", cli.commands[name].get_short_help_str(1000))
    _end(page, cli)
    page.heading("FILES")
    page.tagged("**telemetryd.toml**(5)", "The configuration of the machine, and of the user.")
    page.heading("SEE ALSO")
    page.paragraph(_SEE_ALSO)
    yield f"{_NAME}.1", page.text
    for name in names:
        yield f"{_NAME}-{name}.1", _command(cli.commands[name], top, name, release)


def completions() -> Iterator[tuple[str, str]]:
    """(path below a data directory, text) of the completion for each shell."""
    for shell, path in _COMPLETIONS.items():
        found = get_completion_class(shell)
        if found is None:
            raise ValueError(f"click completes nothing for {shell}")
        made = found(cli, {}, _NAME, f"_{_NAME.upper()}_COMPLETE")
        yield path, (made.source_template % made.source_vars()).strip() + "\n"  # source() would ask the shell for its version


def _command(command: click.Command, above: click.Context, name: str, release: Release) -> str:
    context = click.Context(command, above, name)
    page = _begun(command, context, f"{_NAME}-{name}", release)
    if isinstance(command, click.Group):
        page.heading("COMMANDS")
        for below in command.list_commands(context):
            _below(page, command.commands[below], click.Context(command.commands[below], context, below))
    _end(page, command)
    page.heading("SEE ALSO")
    page.paragraph(f"**{_NAME}**(1)")
    return page.text


def _begun(command: click.Command, context: click.Context, name: str, release: Release) -> Page:
    about = command.get_short_help_str(1000).rstrip(".")
    page = Page(Title(name, 1, about[:1].lower() + about[1:] if command is not cli else release.commands, release.version, release.day))
    page.heading("SYNOPSIS")
    page.paragraph(_synopsis(command, context))
    page.heading("DESCRIPTION")
    _text(page, command.help)
    _options(page, command, context, "OPTIONS")
    return page


def _below(page: Page, command: click.Command, context: click.Context) -> None:
    """A command of a group, in a section of its own."""
    page.heading(context.command_path, is_below=True)
    page.paragraph(_synopsis(command, context))
    _text(page, command.help)
    _options(page, command, context, "")
    _text(page, command.epilog)


def _synopsis(command: click.Command, context: click.Context) -> str:
    return f"**{context.command_path}** {' '.join(command.collect_usage_pieces(context))}"


def _options(page: Page, command: click.Command, context: click.Context, heading: str) -> None:
    records = [record for parameter in command.get_params(context) if (record := parameter.get_help_record(context))]
    if records and heading:
        page.heading(heading)
    for names, text in records:
        page.tagged(f"**{names}**", text)


def _end(page: Page, command: click.Command) -> None:
    if command.epilog:
        page.heading("NOTES")
        _text(page, command.epilog)


def _text(page: Page, text: str | None) -> None:
    """The paragraphs of a help text; one that begins with a backspace keeps its lines."""
    for paragraph in inspect.cleandoc(text or "").split("\n\n"):
        if paragraph.startswith(_VERBATIM):
            page.verbatim(paragraph.removeprefix(_VERBATIM))
        elif paragraph.strip():
            page.paragraph(paragraph)

"""Help in the user's language: commands whose texts are translated, and their layout, in which characters may be two columns wide."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import click

from telemetryd.core.translation import ENGLISH, mark
from telemetryd.ctl import language
from telemetryd.ctl.render.line_breaks import padded, width, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from telemetryd.core.translation import Words

CLICK_WORDS = (
    mark("Usage:"),
    mark("Options"),
    mark("Commands"),
    mark("Show the version and exit."),
    mark("Show this message and exit."),
    mark("default: {default}"),
    mark("Try '{command} {option}' for help."),
    mark("Error: {message}"),
    mark("Aborted!"),
    mark("Missing command."),
    mark("Missing argument"),
    mark("Missing option"),
    mark("No such option {name!r}."),
    mark("No such command {name!r}."),
    mark("Invalid value: {message}"),
    mark("Invalid value for {param_hint}: {message}"),
    mark("{value} is not in the range {range}."),
    mark("{value!r} is not a valid {number_type}."),
    mark("Could not open file {filename!r}: {message}"),
    mark("{name} {filename!r} does not exist."),
    mark("{name} {filename!r} is a file."),
    mark("{name} {filename!r} is a directory."),
    mark("{name} {filename!r} is not readable."),
    mark("Option {name!r} does not take a value."),
    mark("file"),
    mark("directory"),
    mark("path"),
)
CLICK_PLURALS = (
    ENGLISH.ngettext("{value!r} is not {choice}.", "{value!r} is not one of {choices}.", 2),
    ENGLISH.ngettext("{value!r} does not match the format {format}.", "{value!r} does not match the formats {formats}.", 2),
    ENGLISH.ngettext("Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments.", 2),
    ENGLISH.ngettext("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})", 2),
)
"""What click itself says, in the words of click 8.5. It asks gettext for them; an older click says some of them in English."""
_BLANK_LINE = "\n\n"
_VERBATIM = "\b"
"""Begins a paragraph whose lines stay as they are."""


def paragraphs(text: str | None) -> Iterator[str]:
    """The paragraphs of a help text, each on one line. They are the messages that are translated."""
    for paragraph in (text or "").strip().split(_BLANK_LINE):
        yield paragraph if paragraph.startswith(_VERBATIM) else " ".join(paragraph.split())


def summary(command: click.Command) -> str:
    """The line about a command in the list of commands."""
    return command.get_short_help_str(limit=1000)


def messages(command: click.Command) -> Iterator[str]:
    """Every text in the help of a command, but for the commands below it."""
    yield summary(command)
    yield from filter(None, (*paragraphs(command.help), *paragraphs(command.epilog)))
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.help:
            yield parameter.help
            if isinstance(parameter.show_default, str):
                yield parameter.show_default


def in_language(command: click.Command, words: Words) -> click.Command:
    """The command with its help in a language; the same command for English."""
    if words is ENGLISH:
        return command
    other = copy(command)
    other.context_class = _Context
    other.short_help = words.gettext(summary(command))
    other.help = _BLANK_LINE.join(_translated(paragraph, words) for paragraph in paragraphs(command.help))
    other.epilog = _BLANK_LINE.join(_translated(paragraph, words) for paragraph in paragraphs(command.epilog))
    other.params = [_option(parameter, words) for parameter in command.params]
    return other


def _option(parameter: click.Parameter, words: Words) -> click.Parameter:
    if not isinstance(parameter, click.Option) or not parameter.help:
        return parameter
    other = copy(parameter)
    other.help = words.gettext(parameter.help)
    if isinstance(parameter.show_default, str):
        other.show_default = words.gettext(parameter.show_default)
    return other


def _translated(paragraph: str, words: Words) -> str:
    return words.gettext(paragraph) if paragraph else ""  # gettext has the header of the catalogue under ""


class _Formatter(click.HelpFormatter):
    """Help as click lays it out, by columns instead of characters, and with breaks where the language has them."""

    def write_text(self, text: str) -> None:
        """Write paragraphs."""
        for number, paragraph in enumerate(text.split(_BLANK_LINE)):
            if number:
                self.write("\n")
            is_verbatim = paragraph.startswith(_VERBATIM)
            lines = paragraph.split("\n")[1:] if is_verbatim else wrapped(" ".join(paragraph.split("\n")), self.width - self.current_indent)
            for line in lines:
                self.write(" " * self.current_indent + _marked(line) + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write terms, each with its text beside it."""
        rows = list(rows)
        column = min(max((width(term) for term, _ in rows), default=0), col_max) + col_spacing
        margin = " " * self.current_indent
        for term, text in rows:
            head, lines = language.of_environment().apart(term), wrapped(text, self.width - self.current_indent - column)
            if width(term) > column - col_spacing:
                self.write(margin + _marked(head) + "\n")
                head = ""
            for line in lines:
                self.write((margin + _marked(padded(head, column) + line)).rstrip() + "\n")
                head = ""


def _marked(line: str) -> str:
    """The line, begun so that terminals lay it out from right to left if the language is."""
    return language.RIGHT_TO_LEFT_MARK + line if language.of_environment().is_right_to_left else line


class _Context(click.Context):
    formatter_class = _Formatter

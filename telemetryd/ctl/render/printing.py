"""Printing: tables and texts for people, JSON for scripts.

Only a terminal gets colours, unless NO_COLOR is set. Tables have no boxes, so that they stay readable in a file, a mail or a pipe.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from telemetryd.ctl.render import language
from telemetryd.ctl.safe_text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console, RenderableType
    from rich.text import Text

    from telemetryd.ctl.render.sheet import Sheet

_WIDTH = 100
"""Columns without a terminal and without COLUMNS."""

Row = tuple[str, str]


def emit(value: Any) -> None:
    """Print a value as JSON in ASCII, so that nothing in it controls a terminal."""
    click.echo(json_text(value))


def json_text(value: Any) -> str:
    """A value as JSON in ASCII."""
    return json.dumps(value, indent=2)


def emit_line(value: Any) -> None:
    """Print a value as JSON on one line, and flush."""
    click.echo(json.dumps(value))
    sys.stdout.flush()


class Page:
    """Writes to standard output for a person, in the language of the environment."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - 60 ms that --json does not need

        self.language = language.of_environment()
        is_terminal = sys.stdout.isatty()
        is_coloured = is_terminal and not os.environ.get("NO_COLOR")
        self._console: Console = Console(
            color_system="auto" if is_coloured else None,
            width=None if is_terminal else _width(),
            highlight=False,
            markup=False,
            emoji=False,
        )

    def say(self, text: str, style: str = "") -> None:
        """A paragraph."""
        self._print(_text(text, style))

    def gap(self) -> None:
        """An empty line."""
        click.echo()

    def verbatim(self, text: str) -> None:
        """A text without wrapping, so that it can be copied."""
        self._print(_text(text), is_wrapped=False)

    def facts(self, rows: Iterable[Row]) -> None:
        """Lines of `label  value`; an empty label continues the previous one."""
        from rich.table import Table  # noqa: PLC0415 - see Page

        grid = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
        grid.add_column(no_wrap=True, style="bold")
        grid.add_column(overflow="fold")
        for label, value in rows:
            grid.add_row(_text(label), _text(value))
        self._print(grid)

    def sheet(self, sheet: Sheet) -> None:
        """A page with sections."""
        self.say(sheet.title, "bold")
        if sheet.summary:
            self.say(sheet.summary)
        for section in sheet.sections:
            self.gap()
            self.say(section.title, "bold")
            self.facts(("" if index else fact.label, value) for fact in section.facts for index, value in enumerate(fact.values))

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table with a header line."""
        from rich.table import Table  # noqa: PLC0415 - see Page

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for head in heads:
            table.add_column(head, overflow="fold")
        for row in rows:
            table.add_row(*map(_text, row))
        self._print(table)

    def _print(self, content: RenderableType, *, is_wrapped: bool = True) -> None:
        """Write the content without trailing blanks. It is flushed, because `monitor` may write into a pipe."""
        with self._console.capture() as rendered:
            self._console.print(content, soft_wrap=not is_wrapped)
        for line in rendered.get().splitlines():
            click.echo(line.rstrip())


def _text(text: str, style: str = "") -> Text:
    """A text for rich, without control characters; markup in it has no effect."""
    from rich.text import Text  # noqa: PLC0415 - see Page

    return Text("\n".join(map(printable, text.split("\n"))), style)


def _width() -> int:
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and int(columns) else _WIDTH

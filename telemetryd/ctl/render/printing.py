"""Printing: tables and texts for people, JSON for scripts.

Only a terminal gets bold letters, unless NO_COLOR is set. Tables have no boxes, so that they stay readable in a file, a mail or a pipe.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click

from telemetryd.ctl import language
from telemetryd.ctl.render.line_breaks import READABLE, padded, width, wrapped
from telemetryd.ctl.safe_text import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from telemetryd.ctl.render.sheet import Sheet

_WIDTH = 100
"""Columns without a terminal and without COLUMNS."""
_GAP = "  "
"""Between two columns of a table."""
_LEAST_TEXT, _LEAST_KEY = 20, 10
"""Least columns for running text in a table, and for its first column. With less, each row of the table becomes lines of its own."""

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
        self.language = language.of_environment()
        self._margin = f" {language.RIGHT_TO_LEFT_MARK}" if self.language.is_right_to_left else ""
        self._columns = _columns() - width(self._margin)
        is_terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._is_bold = is_terminal and not os.environ.get("NO_COLOR")

    def say(self, text: str, style: str = "") -> None:
        """A paragraph. `style` is `bold` or nothing."""
        for line in wrapped(_safe(text), min(self._columns, READABLE)):
            self._print(self._styled(line, style))

    def gap(self) -> None:
        """An empty line."""
        click.echo()

    def verbatim(self, text: str) -> None:
        """A text without wrapping, so that it can be copied."""
        click.echo(_safe(text).rstrip())

    def facts(self, rows: Iterable[Row], *, margin: int = 0) -> None:
        """Lines of `label  value`; an empty label continues the previous one. They begin after `margin` blanks."""
        cells = [(self._cell(label), self._cell(value)) for label, value in rows]
        widest = max((width(label) for label, _ in cells), default=0)
        room = min(self._columns - margin - widest - 1, READABLE)
        for label, value in cells:
            for index, line in enumerate(wrapped(value, room)):
                name = padded("" if index else label, widest)
                self._print(" " * margin + self._styled(name, "bold") + " " + line)

    def sheet(self, sheet: Sheet) -> None:
        """A page with sections."""
        self.say(sheet.title, "bold")
        if sheet.summary:
            self.say(sheet.summary)
        for section in sheet.sections:
            self.gap()
            self.say(section.title, "bold")
            self.facts(("" if index else fact.label, value) for fact in section.facts for index, value in enumerate(fact.values))

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]], *, texts: Collection[int] = ()) -> None:
        """A table with a header line. Only the columns in `texts` are wrapped: ids, dates and numbers can be copied.

        A first cell that is too long stands on a line of its own. If the terminal is narrower still, each cell does, below the first.
        """
        cells = [[self._cell(cell) for cell in row] for row in (heads, *rows)]
        widths = _widths(cells, texts, self._columns)
        if widths is None:
            self._print_rows(cells)
            return
        for index, (key, *others) in enumerate(cells):
            style = "" if index else "bold"
            is_long = width(key) > widths[0]
            if is_long:
                self._print(self._styled(key, style))
            row = ["" if is_long else key, *others]
            for line in zip_longest(*(wrapped(cell, columns) for cell, columns in zip(row, widths, strict=True)), fillvalue=""):
                self._print(self._styled(_GAP.join(map(padded, line, widths)).rstrip(), style))

    def _print_rows(self, cells: Sequence[Sequence[str]]) -> None:
        heads, *rows = cells
        for row in rows:
            self._print(self._styled(row[0], "bold"))
            self.facts(zip(heads[1:], row[1:], strict=True), margin=2)

    def _cell(self, text: str) -> str:
        return self.language.apart(_safe(text))

    def _styled(self, text: str, style: str) -> str:
        return click.style(text, bold=True) if style and self._is_bold and text.strip() else text

    def _print(self, line: str) -> None:
        """Write a line without trailing blanks. click flushes it, because `monitor` may write into a pipe."""
        click.echo((self._margin + line).rstrip() if line.strip() else "")


def _widths(cells: Sequence[Sequence[str]], texts: Collection[int], columns: int) -> list[int] | None:
    """The width of each column; None if the table does not fit. Columns of text share what the others leave, then the first gives way."""
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - columns
    for index in (*sorted(texts, key=lambda index: -widths[index]), 0) if excess > 0 else ():
        least = max(_LEAST_TEXT, *(width(line) for row in cells for line in wrapped(row[index], 1))) if index else _LEAST_KEY
        cut = max(0, min(excess, widths[index] - least))
        widths[index], excess = widths[index] - cut, excess - cut
    return widths if excess <= 0 else None


def _safe(text: str) -> str:
    """A text without control characters, line by line."""
    return "\n".join(map(printable, text.split("\n")))


def _columns() -> int:
    """The width of a line: COLUMNS, or that of the terminal."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or _WIDTH
    except (OSError, ValueError):  # no terminal, or an output that is not a file
        return _WIDTH

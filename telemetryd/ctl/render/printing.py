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
from telemetryd.ctl.render.value_words import join_with_commas
from telemetryd.ctl.safe_text import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from telemetryd.ctl.render.sheet import Sheet

_WIDTH = 100
"""Columns without a terminal and without COLUMNS."""
_GAP = "  "
"""Between two columns of a table."""
_LEAST_TEXT, _LEAST_KEY = 20, 10
"""Least columns for running text in a table, and for its first column. With less, each row of the table becomes lines of its own."""

_EMPTY = {"", "-"}
"""Cells that a second line leaves out."""

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

    def item(self, text: str) -> None:
        """A text that is one line in a file or a pipe. On a terminal it is wrapped, and its other lines are indented."""
        if not sys.stdout.isatty():
            self._print(one_line(text))
            return
        for index, line in enumerate(wrapped(one_line(text), min(self._columns, READABLE) - len(_GAP))):
            self._print((_GAP if index else "") + line)

    def verbatim(self, text: str) -> None:
        """A text without wrapping, so that it can be copied."""
        click.echo(_safe(text).rstrip())

    def facts(self, rows: Iterable[Row], *, margin: int = 0) -> None:
        """Lines of `label  value`; an empty label continues the previous one. They begin after `margin` blanks.

        A word that is too long for its place, such as a digest, begins further to the left, below its label.
        """
        cells = [(self._cell(label), self._cell(value)) for label, value in rows]
        widest = max((width(label) for label, _ in cells), default=0)
        room = min(self._columns - margin - widest - 1, READABLE)
        for label, value in cells:
            for index, line in enumerate(wrapped(value, room)):
                rest = self._columns - margin - width(line)
                name, place = "" if index else label, next((place for place in (widest + 1, len(_GAP)) if place <= rest), 0)
                if name and place <= widest:
                    self._print(" " * margin + self._styled(name, "bold"))
                    name = ""
                self._print(" " * margin + self._styled(padded(name, place), "bold") + line)

    def sheet(self, sheet: Sheet) -> None:
        """A page with sections."""
        self.say(sheet.title, "bold")
        if sheet.summary:
            self.say(sheet.summary)
        for section in sheet.sections:
            self.gap()
            self.say(section.title, "bold")
            self.facts(("" if index else fact.label, value) for fact in section.facts for index, value in enumerate(fact.values))

    def table(
        self, heads: Sequence[str], rows: Iterable[Sequence[str]], *, texts: Collection[int] = (), below: Collection[int] = ()
    ) -> None:
        """A table with a header line. Only the columns in `texts` are wrapped: ids, dates and numbers can be copied.

        If a row does not fit into a line, the columns in `below` get a second line below it. A first cell that is too long stands on a line
        of its own. If the terminal is narrower still, each cell does, below the first.
        """
        cells = [[self._cell(cell) for cell in row] for row in (heads, *rows)]
        rest: list[list[str]] = [[] for _ in cells]
        if below and _excess(_natural(cells), self._columns) > 0:
            rest = [[row[index] for index in below] for row in cells]
            cells = [[cell for index, cell in enumerate(row) if index not in below] for row in cells]
            kept = [index for index in range(len(heads)) if index not in below]
            texts = [kept.index(index) for index in texts if index in kept]
        widths = _widths(cells, texts, self._columns)
        for index, (row, more) in enumerate(zip(cells, rest, strict=True)):
            style = "" if index else "bold"
            if widths:
                self._print_row(row, widths, style)
            elif index:
                self._print_block(cells[0], row)
            if more and (widths or index):
                self._print_below(more, style)

    def row(self, cells: Sequence[str], widths: Sequence[int]) -> None:
        """One line of a table whose later lines are not known; the last cell is text. A longer id pushes the others aside, and is whole.

        On a terminal the text is wrapped in its column. If that is too narrow, the text begins on a line of its own.
        """
        *ids, text = map(self._cell, cells)
        head = "".join(padded(cell, columns) + " " for cell, columns in zip(ids, widths, strict=True))
        if not sys.stdout.isatty():
            self._print(head + text)
            return
        room = self._columns - width(head)
        if room < _LEAST_TEXT:
            self._print(head)
            head, room = _GAP, self._columns - len(_GAP)
        for index, line in enumerate(wrapped(text, min(room, READABLE))):
            self._print((" " * width(head) if index else head) + line)

    def _print_row(self, row: Sequence[str], widths: Sequence[int], style: str) -> None:
        key, *others = row
        is_long = width(key) > widths[0]
        if is_long:
            self._print(self._styled(key, style))
        row = ["" if is_long else key, *others]
        for line in zip_longest(*(wrapped(cell, columns) for cell, columns in zip(row, widths, strict=True)), fillvalue=""):
            self._print(self._styled(_GAP.join(map(padded, line, widths)).rstrip(), style))

    def _print_below(self, cells: Sequence[str], style: str) -> None:
        """The second line of a row, with the cells that have something in them."""
        said = join_with_commas((cell for cell in cells if cell not in _EMPTY), self.language.words)
        for line in wrapped(said, min(self._columns, READABLE) - len(_GAP)):
            self._print(_GAP + self._styled(line, style))

    def _print_block(self, heads: Sequence[str], row: Sequence[str]) -> None:
        """A row with a line for each cell."""
        self._print(self._styled(row[0], "bold"))
        self.facts(zip(heads[1:], row[1:], strict=True), margin=len(_GAP))

    def _cell(self, text: str) -> str:
        return self.language.apart(_safe(text))

    def _styled(self, text: str, style: str) -> str:
        return click.style(text, bold=True) if style and self._is_bold and text.strip() else text

    def _print(self, line: str) -> None:
        """Write a line without trailing blanks. click flushes it, because `monitor` may write into a pipe."""
        click.echo((self._margin + line).rstrip() if line.strip() else "")


def _widths(cells: Sequence[Sequence[str]], texts: Collection[int], columns: int) -> list[int] | None:
    """The width of each column; None if the table does not fit. Columns of text share what the others leave, then the first gives way."""
    widths = _natural(cells)
    excess = _excess(widths, columns)
    for index in (*sorted(texts, key=lambda index: -widths[index]), 0) if excess > 0 else ():
        least = max(_LEAST_TEXT, *(width(line) for row in cells for line in wrapped(row[index], 1))) if index else _LEAST_KEY
        cut = max(0, min(excess, widths[index] - least))
        widths[index], excess = widths[index] - cut, excess - cut
    return widths if excess <= 0 else None


def _natural(cells: Sequence[Sequence[str]]) -> list[int]:
    """The widths of the columns if nothing is wrapped."""
    return [max(map(width, column)) for column in zip(*cells, strict=True)]


def _excess(widths: Sequence[int], columns: int) -> int:
    """By how much a line of these columns is too long."""
    return sum(widths) + len(_GAP) * (len(widths) - 1) - columns


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

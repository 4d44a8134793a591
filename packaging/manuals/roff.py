"""Writes manual pages in man(7), from pieces and from the Markdown of this project's documents.

Only what our documents use is understood: headings, paragraphs, lists, tables, fenced blocks; code, bold and links inside a line.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WIDTH = 78
"""Longest line of a page's source."""
_INLINE = re.compile(r"`+ ?(?P<code>.+?) ?`+|\*\*(?P<bold>.+?)\*\*|\[(?P<text>[^\]]+)\]\((?P<url>[^)]+)\)")
_IN_CODE = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
_IN_PROSE = {"\\": r"\e", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
_BULLET = re.compile(r"^(?P<indent> *)(?:[-*]|\d+\.) +")
_CELLS = re.compile(r"(?<!\\)\|")


class Title(NamedTuple):
    """The head of a page: its name and section, one line about it, the program's version and the day of that version, or ""."""

    name: str
    section: int
    about: str
    version: str
    day: str


class Page:
    """A page that is written from top to bottom."""

    def __init__(self, title: Title) -> None:
        head = f'.TH {title.name.upper()} {title.section} "{title.day}" "telemetryd {title.version}" "telemetryd"'
        self._lines = [r".\" Generated from the sources of telemetryd: change those. SPDX-License-Identifier: GPL-3.0-or-later", head]
        self.heading("NAME")
        self._lines.append(f"{escaped(title.name, _IN_CODE)} \\- {escaped(title.about, _IN_PROSE)}")

    @property
    def text(self) -> str:
        """The page's source."""
        return "\n".join(self._lines) + "\n"

    def heading(self, text: str, *, is_below: bool = False) -> None:
        """A section, or a section in a section."""
        quoted = inline(text if is_below else text.upper()).replace('"', r"\(dq")
        self._lines.append(f'.{"SS" if is_below else "SH"} "{quoted}"')

    def paragraph(self, text: str) -> None:
        """A paragraph of Markdown. The first below a heading needs no mark."""
        if not self._lines[-1].startswith((".SH", ".SS")):
            self._lines.append(".PP")
        self._add(inline(text))

    def tagged(self, tag: str, *texts: str) -> None:
        """What a term means, in one or more paragraphs; both are Markdown."""
        first, *others = [text for text in texts if text] or ["\u00a0"]
        self._lines += [".TP", _guarded(inline(tag))]
        self._add(inline(first))
        for text in others:
            self._lines.append(".IP")
            self._add(inline(text))

    def bullet(self, text: str, depth: int = 0) -> None:
        """An entry of a list; deeper entries are below the one before."""
        self._lines += [".RS 4"] * depth
        self._lines.append(r".IP \(bu 2")
        self._add(inline(text))
        self._lines += [".RE"] * depth

    def verbatim(self, text: str) -> None:
        """Lines as they are."""
        if not self._lines[-1].startswith((".SH", ".SS")):
            self._lines.append(".PP")
        lines = textwrap.dedent(text).strip("\n").split("\n")
        self._lines += [".RS 4", ".nf", *(_guarded(escaped(line.rstrip(), _IN_CODE)) for line in lines), ".fi", ".RE"]

    def markdown(self, text: str, top: int = 2) -> None:
        """A part of a document; headings of level `top` become sections, and all below them sections in sections."""
        for kind, block in blocks(text):
            match kind:
                case "heading":
                    level, _, words = block.partition(" ")
                    self.heading(plain(words), is_below=len(level) > top)
                case "code":
                    self.verbatim(block)
                case "table":
                    self._table(block.split("\n"))
                case "item":
                    match = _BULLET.match(block)
                    self.bullet(block[match.end() :] if match else block, len(match["indent"]) // 2 if match else 0)
                case _:
                    self.paragraph(block)

    def _table(self, rows: list[str]) -> None:
        """A table as terms: the first cell is the term, each other follows the head of its column."""
        heads, _, *lines = ([cell.strip().replace(r"\|", "|") for cell in _CELLS.split(row.strip().strip("|"))] for row in rows)
        for term, *cells in lines:
            named = [f"{head}: {cell}" if head and len(heads) > 2 else cell for head, cell in zip(heads[1:], cells, strict=False) if cell]  # noqa: PLR2004 - a term and its text need no heads
            self.tagged(term or "\u00a0", *named)

    def _add(self, text: str) -> None:
        lines = textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
        self._lines += [_guarded(line) for line in lines]


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """(kind, text) of each block of a Markdown document: heading, code, table, item or paragraph."""
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    for part in re.split(r"(^```.*?^```$)", text, flags=re.DOTALL | re.MULTILINE):
        if part.startswith("```"):
            yield "code", part.partition("\n")[2].rpartition("\n")[0]
            continue
        for paragraph in re.split(r"\n\s*\n", part):
            yield from _block(paragraph.strip("\n"))


def _block(text: str) -> Iterator[tuple[str, str]]:
    if not text.strip():
        return
    if text.startswith("#"):
        head, _, rest = text.partition("\n")
        yield "heading", head
        yield from _block(rest)
    elif text.startswith("|"):
        yield "table", text
    elif text.lstrip().startswith(">"):
        yield "paragraph", _joined(re.sub(r"^ *> ?", "", text, flags=re.MULTILINE))
    else:
        yield from _items(text)


def _items(text: str) -> Iterator[tuple[str, str]]:
    """A paragraph, and the entries of a list that follow it."""
    found: list[list[str]] = [[]]
    for line in text.split("\n"):
        if _BULLET.match(line) and not (found[-1] and line.startswith("    ")):
            found.append([line])
        else:
            found[-1].append(line)
    paragraph, *items = found
    if paragraph:
        yield "paragraph", _joined("\n".join(paragraph))
    for first, *others in items:
        yield "item", " ".join([first.rstrip(), *(line.strip() for line in others)])


def section(text: str, heading: str) -> str:
    """The part of a document below a heading, up to the next of its level. Raises ValueError if there is none."""
    match = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#{{1,2}} |\Z)", text, re.DOTALL | re.MULTILINE)
    if match is None:
        raise ValueError(f"expected a section {heading!r}")
    return match[2]


def plain(text: str) -> str:
    """Markdown without its marks."""
    return _INLINE.sub(lambda match: match["code"] or match["bold"] or match["text"], text)


def inline(text: str) -> str:
    """A line of Markdown in roff: code and bold stand out, a link to another site keeps its address."""
    text = _joined(text)
    parts, end = [], 0
    for match in _INLINE.finditer(text):
        parts.append(escaped(text[end : match.start()], _IN_PROSE))
        if match["text"]:
            address = f" <{match['url']}>" if match["url"].startswith("http") and match["url"] != match["text"] else ""
            parts.append(inline(match["text"]) + escaped(address, _IN_CODE))
        else:
            parts.append(rf"\fB{escaped(match['code'] or match['bold'], _IN_CODE)}\fR")
        end = match.end()
    return "".join([*parts, escaped(text[end:], _IN_PROSE)])


def escaped(text: str, marks: dict[str, str]) -> str:
    """A text without anything that roff would read as its own, in ASCII."""
    return "".join(marks.get(char, char) if char.isascii() else rf"\[u{ord(char):04X}]" for char in text)


def words(items: Iterable[str]) -> str:
    """Several things in a sentence, as code."""
    return ", ".join(f"`{item}`" for item in items)


def _joined(text: str) -> str:
    return " ".join(text.split())


def _guarded(line: str) -> str:
    return rf"\&{line}" if line.startswith((".", "'", '"')) or not line else line

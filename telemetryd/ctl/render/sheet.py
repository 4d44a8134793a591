"""A page of title, sections and facts, and its output as Markdown and MediaWiki. All texts are escaped, so that no markup in them acts."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.ctl.safe_text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


_BARE_LINK = re.compile(r"(?i)(?<=www)\.")
"""The dot that makes a link of a bare host in GitHub's Markdown; as a numeric character reference it does not."""
_ACTS_ON_GITHUB = re.compile(r"(?i)[@#!~%^]\w|&\d|\$|:[\w+-]+:|\bGH-\d|://|www\.|\b[0-9a-f]{7,64}\b")
"""Words that act: mentions (`@name`), references (`#1`, `!1`, `GH-1`, a commit), `$formula$`, `:emoji:`, addresses and URLs."""
_ACTS_IN_WIKI = re.compile(r"[\[\]{}|*#:=~]|''|__|//|ISBN|RFC|PMID|^[ ;]")


class Code(str):
    """A text that is shown verbatim, as code."""

    __slots__ = ()


class Link(str):
    """A URL: https: or mailto:."""

    __slots__ = ()


class Fact(NamedTuple):
    """A label with one or more texts."""

    label: str
    values: tuple[str, ...]


class Section(NamedTuple):
    """Facts under a heading."""

    title: str
    facts: tuple[Fact, ...]


class Sheet(NamedTuple):
    """One page: its anchor (`application/question`), title, a line below the title, and sections."""

    anchor: str
    title: str
    summary: str
    sections: tuple[Section, ...]


class IndexRow(NamedTuple):
    """One line of an index: the anchor of its page, and the texts of its columns."""

    anchor: str
    columns: tuple[str, ...]


class Index(NamedTuple):
    """The index before the pages: title, a line below the title, the heads of the columns, and the rows."""

    title: str
    summary: str
    heads: tuple[str, ...]
    rows: tuple[IndexRow, ...]


def fact(label: str, *values: str) -> Fact:
    """Make a fact from a label and its texts."""
    return Fact(label, values)


def markdown(index: Index | None, sheets: Sequence[Sheet]) -> str:
    """All pages as one Markdown text. Without an index, for a single page, headings are one level higher."""
    lines = list(_markdown_index(index)) if index else []
    top = "##" if index else "#"
    for sheet in sheets:
        lines += ["", *([f'<a id="{escape(sheet.anchor)}"></a>', ""] if index else []), f"{top} {escape_markdown(sheet.title)}"]
        lines += ["", escape_markdown(sheet.summary)] if sheet.summary else []
        for section in sheet.sections:
            lines += ["", f"{top}# {escape_markdown(section.title)}", ""]
            lines += [line for fact in section.facts for line in _fact_lines(fact, "- ", "  - ", escape_markdown)]
    return "\n".join(lines).strip() + "\n"


def mediawiki(index: Index, sheets: Sequence[Sheet]) -> str:
    """All pages as one wiki page, like KDE's “Telemetry Use”."""
    lines = [escape_mediawiki(index.summary), "", '{| class="wikitable sortable"', *(f"! {escape_mediawiki(head)}" for head in index.heads)]
    for row in index.rows:
        lines += [
            "|-",
            f"| [[#{row.anchor}|{escape_mediawiki(row.columns[0])}]]",
            *(f"| {escape_mediawiki(text)}" for text in row.columns[1:]),
        ]
    lines.append("|}")
    for sheet in sheets:
        lines += [
            "",
            f"== {escape_mediawiki(sheet.title)} ==",
            f'<span id="{escape(sheet.anchor)}"></span>',
            escape_mediawiki(sheet.summary),
        ]
        for section in sheet.sections:
            lines += ["", f"=== {escape_mediawiki(section.title)} ==="]
            lines += [line for fact in section.facts for line in _fact_lines(fact, "* ", "** ", escape_mediawiki)]
    return "\n".join(lines) + "\n"


def _markdown_index(index: Index) -> Iterator[str]:
    yield from (f"# {escape_markdown(index.title)}", "", escape_markdown(index.summary), "")
    yield "| " + " | ".join(map(escape_markdown, index.heads)) + " |"
    yield "|" + "---|" * len(index.heads)
    for row in index.rows:
        first, *others = map(escape_markdown, row.columns)
        yield "| " + " | ".join([f"[{first}](#{row.anchor})", *others]) + " |"


def _fact_lines(fact: Fact, mark: str, below: str, escaped: Callable[[str], str]) -> Iterator[str]:
    bold = "'''{}'''" if escaped is escape_mediawiki else "**{}**"
    label = bold.format(escaped(fact.label))
    if len(fact.values) == 1:
        yield f"{mark}{label}: {escaped(fact.values[0])}"
        return
    yield f"{mark}{label}:"
    yield from (f"{below}{escaped(value)}" for value in fact.values)


def escape_markdown(text: str) -> str:
    """A text without markup for Markdown or HTML, and without mentions, references, formulas or links for GitHub and GitLab.

    Both search for these in the rendered text, so numeric character references do not hide them. They do not search in code.
    """
    if isinstance(text, Link):
        return f"<{_plain_url(text)}>"
    line = one_line(text)
    if isinstance(text, Code):
        fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
        pad = " " if line.startswith("`") or line.endswith("`") else ""
        return f"{fence}{pad}{line}{pad}{fence}"
    line = "".join(map(_escape_word, re.split(r"([^\s|`]+)", line)))
    return re.sub(r"^([#+-]|\d+(?=[.)]))", r"\\\1", line) if not line[:1].isdigit() else re.sub(r"^(\d+)([.)])", r"\1\\\2", line)


def _escape_word(text: str) -> str:
    """Escape a word, or the characters between two words."""
    line = re.sub(r"([\\`*_\[\]|~])", r"\\\1", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if not _ACTS_ON_GITHUB.search(text):
        return line
    line = re.sub("[@#$:]", lambda match: f"&#{ord(match[0])};", line)
    return f"<code>{_BARE_LINK.sub(lambda match: f'{match[0][:-1]}&#{ord(match[0][-1])};', line)}</code>"


def escape_mediawiki(text: str) -> str:
    """A text without markup for MediaWiki."""
    if isinstance(text, Link):
        return _plain_url(text)
    line = escape(one_line(text), quote=False)
    if isinstance(text, Code):
        return f"<code><nowiki>{line}</nowiki></code>"
    return f"<nowiki>{line}</nowiki>" if _ACTS_IN_WIKI.search(line) else line


def _plain_url(text: str) -> str:
    return re.sub(r"[\[\]{}|'\"<>`\\]", lambda match: f"%{ord(match[0]):02X}", text)

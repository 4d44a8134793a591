"""A page for people, before it has a form: a title, sections, facts; and its Markdown and MediaWiki, escaped so that no text acts there."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.ctl.value_words import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


_BARE_LINK = re.compile(r"(?i)(?<=www)\.")
"""What makes a link of a bare host in GitHub's Markdown; as a number in HTML's way it is a character like all others."""
_ACTS_ON_GITHUB = re.compile(r"(?i)[@#!~%^]\w|&\d|\$|:[\w+-]+:|\bGH-\d|://|www\.|\b[0-9a-f]{7,64}\b")
"""In one word: mentions (`@name`), references (`#1`, `!1`, `GH-1`, a commit), `$formula$`, `:emoji:`, addresses and URLs."""
_ACTS_IN_WIKI = re.compile(r"[\[\]{}|*#:=~]|''|__|//|ISBN|RFC|PMID|^[ ;]")


class Code(str):
    """A text that is shown letter by letter."""

    __slots__ = ()


class Link(str):
    """A URL: https: or mailto:."""

    __slots__ = ()


class Fact(NamedTuple):
    """A label and what belongs to it: one text, or a list of them."""

    label: str
    values: tuple[str, ...]


class Section(NamedTuple):
    """Facts under a heading."""

    title: str
    facts: tuple[Fact, ...]


class Sheet(NamedTuple):
    """One page: its anchor (`application/question`), title, a line below it, and what it says."""

    anchor: str
    title: str
    summary: str
    sections: tuple[Section, ...]


class Row(NamedTuple):
    """One line of an index: the anchor of the page that it leads to, and a text for each of its columns."""

    anchor: str
    columns: tuple[str, ...]


class Index(NamedTuple):
    """What stands before the pages: title, a line below it, the columns' heads, the rows."""

    title: str
    summary: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]


def fact(label: str, *values: str) -> Fact:
    """A fact."""
    return Fact(label, values)


def markdown(index: Index | None, sheets: Sequence[Sheet]) -> str:
    """Everything as one Markdown text; without an index, for a single page, the headings go one level up."""
    lines = list(_markdown_index(index)) if index else []
    top = "##" if index else "#"
    for one in sheets:
        lines += ["", *([f'<a id="{escape(one.anchor)}"></a>', ""] if index else []), f"{top} {in_markdown(one.title)}"]
        lines += ["", in_markdown(one.summary)] if one.summary else []
        for section in one.sections:
            lines += ["", f"{top}# {in_markdown(section.title)}", ""]
            lines += [line for found in section.facts for line in _listed(found, "- ", "  - ", in_markdown)]
    return "\n".join(lines).strip() + "\n"


def mediawiki(index: Index, sheets: Sequence[Sheet]) -> str:
    """Everything as one wiki page, such as KDE's “Telemetry Use”."""
    lines = [in_mediawiki(index.summary), "", '{| class="wikitable sortable"', *(f"! {in_mediawiki(head)}" for head in index.heads)]
    for row in index.rows:
        lines += ["|-", f"| [[#{row.anchor}|{in_mediawiki(row.columns[0])}]]", *(f"| {in_mediawiki(text)}" for text in row.columns[1:])]
    lines.append("|}")
    for one in sheets:
        lines += ["", f"== {in_mediawiki(one.title)} ==", f'<span id="{escape(one.anchor)}"></span>', in_mediawiki(one.summary)]
        for section in one.sections:
            lines += ["", f"=== {in_mediawiki(section.title)} ==="]
            lines += [line for found in section.facts for line in _listed(found, "* ", "** ", in_mediawiki)]
    return "\n".join(lines) + "\n"


def _markdown_index(index: Index) -> Iterator[str]:
    yield from (f"# {in_markdown(index.title)}", "", in_markdown(index.summary), "")
    yield "| " + " | ".join(map(in_markdown, index.heads)) + " |"
    yield "|" + "---|" * len(index.heads)
    for row in index.rows:
        first, *others = map(in_markdown, row.columns)
        yield "| " + " | ".join([f"[{first}](#{row.anchor})", *others]) + " |"


def _listed(found: Fact, mark: str, below: str, written: Callable[[str], str]) -> Iterator[str]:
    bold = "'''{}'''" if written is in_mediawiki else "**{}**"
    label = bold.format(written(found.label))
    if len(found.values) == 1:
        yield f"{mark}{label}: {written(found.values[0])}"
        return
    yield f"{mark}{label}:"
    yield from (f"{below}{written(value)}" for value in found.values)


def in_markdown(text: str) -> str:
    """A text in which Markdown and HTML obey nothing, and of which GitHub and GitLab make no mention, reference, formula or link.

    They look for these in what has been rendered, so a character's number does not hide it; in code they look for none.
    """
    if isinstance(text, Link):
        return f"<{_plain_url(text)}>"
    line = one_line(text)
    if isinstance(text, Code):
        fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
        pad = " " if line.startswith("`") or line.endswith("`") else ""
        return f"{fence}{pad}{line}{pad}{fence}"
    line = "".join(map(_inert, re.split(r"([^\s|`]+)", line)))
    return re.sub(r"^([#+-]|\d+(?=[.)]))", r"\\\1", line) if not line[:1].isdigit() else re.sub(r"^(\d+)([.)])", r"\1\\\2", line)


def _inert(text: str) -> str:
    """A word, or what stands between two of them."""
    line = re.sub(r"([\\`*_\[\]|~])", r"\\\1", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if not _ACTS_ON_GITHUB.search(text):
        return line
    line = re.sub("[@#$:]", lambda found: f"&#{ord(found[0])};", line)
    return f"<code>{_BARE_LINK.sub(lambda found: f'{found[0][:-1]}&#{ord(found[0][-1])};', line)}</code>"


def in_mediawiki(text: str) -> str:
    """A text in which the wiki obeys nothing."""
    if isinstance(text, Link):
        return _plain_url(text)
    line = escape(one_line(text), quote=False)
    if isinstance(text, Code):
        return f"<code><nowiki>{line}</nowiki></code>"
    return f"<nowiki>{line}</nowiki>" if _ACTS_IN_WIKI.search(line) else line


def _plain_url(text: str) -> str:
    return re.sub(r"[\[\]{}|'\"<>`\\]", lambda found: f"%{ord(found[0]):02X}", text)

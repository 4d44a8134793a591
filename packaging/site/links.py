"""Links and anchors of Markdown pages, as a renderer of CommonMark with GitHub's anchors sees them. Needs markdown-it-py."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from markdown_it.token import Token

_MARKDOWN = MarkdownIt("commonmark").enable("table")
_TARGETS = {"link_open": "href", "image": "src"}


class Page(NamedTuple):
    """What a page links to, in order, and what can be linked to in it."""

    links: list[str]
    anchors: set[str]


def read(text: str) -> Page:
    """The links and anchors of a page's text. A heading that is there twice has GitHub's number at its second anchor."""
    tokens = _MARKDOWN.parse(text)
    spans = [span for token in tokens for span in (token.children or ())]
    links = [str(span.attrs[_TARGETS[span.type]]) for span in spans if span.type in _TARGETS]
    html = [token.content for token in (*tokens, *spans) if token.type in {"html_block", "html_inline"}]
    named = {name for text in html for name in re.findall(r'\bid="([^"]+)"', text)}
    return Page(links, named | set(_numbered(_headings(tokens))))


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def faults(path: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """The links of a page that lead nowhere: to no file, to no anchor of a page, or outside by another scheme than https."""
    for link in pages[path].links:
        parts = urlsplit(link)
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if parts.scheme:
            if parts.scheme not in {"https", "mailto"}:
                yield f"{link}: expected https"
        elif not target.exists():
            yield f"{link}: there is no such file"
        elif parts.fragment and unquote(parts.fragment) not in pages.get(target, Page([], set())).anchors:
            yield f"{link}: there is no such anchor"


def _headings(tokens: list[Token]) -> Iterator[str]:
    for before, token in pairwise(tokens):
        if before.type == "heading_open":
            yield slug("".join(span.content for span in token.children or () if span.type in {"text", "code_inline"}))


def _numbered(names: Iterator[str]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for name in names:
        yield f"{name}-{seen[name]}" if seen[name] else name
        seen[name] += 1

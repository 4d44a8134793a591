"""The register as a folder of web pages, without scripts or external resources, and accessible to screen readers. Policy: T1, R3."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from telemetryd.ctl.render.sheet import Code, Link
from telemetryd.ctl.safe_text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.ctl.language import UserLanguage
    from telemetryd.ctl.render.sheet import Fact, Index, Section, Sheet

_DATE = re.compile(r"(?<![\w-])\d{4}-\d\d-\d\d(?![\w-])", re.ASCII)
_STYLE = """\
:root { color-scheme: light dark; --text: #232629; --soft: #5a6066; --page: #ffffff; --card: #f4f6f8; --line: #d5d9dd; --link: #1a6da8; }
@media (prefers-color-scheme: dark) {
  :root { --text: #eff0f1; --soft: #a9b1b8; --page: #1b1e20; --card: #26292c; --line: #43484d; --link: #7cc4f5; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 4rem; background: var(--page); color: var(--text);
  font: 1rem/1.55 system-ui, "Noto Sans", sans-serif; }
a { color: var(--link); }
nav { font-size: .9rem; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 1rem 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
.summary { color: var(--soft); margin: 0 0 1.5rem; max-width: 45rem; }
dl { display: grid; grid-template-columns: minmax(8rem, 12rem) 1fr; gap: .5rem 1.25rem; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
dd ul { margin: 0; padding: 0; list-style: none; }
dd li { margin: 0 0 .25rem; }
code { font: .875em/1.5 ui-monospace, "Noto Sans Mono", monospace; background: var(--card); border: 1px solid var(--line);
  border-radius: .25rem; padding: .1rem .3rem; overflow-wrap: anywhere; }
dd code { display: inline-block; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: start; vertical-align: top; padding: .5rem .75rem .5rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; }
td a { overflow-wrap: anywhere; }
time { white-space: nowrap; }
footer { margin-top: 3rem; color: var(--soft); font-size: .875rem; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin: 0 0 .75rem; } }
@media print { body { max-width: none; } nav { display: none; } }
"""
MARK = '<meta name="generator" content="telemetryctl document">'
"""The mark of a page of a register. A page with this mark is removed when its question is not in the register any more."""
_PAGE = """\
<!DOCTYPE html>
<html lang="{tag}" dir="{direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
{mark}
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def pages(index: Index, sheets: Sequence[Sheet], language: UserLanguage) -> dict[str, str]:
    """Path → page: `index.html`, and `APPLICATION/QUESTION.html` for each question."""
    written = {"index.html": _page(index.title, _index(index), language)}
    for sheet in sheets:
        written[f"{sheet.anchor}.html"] = _page(sheet.title, _sheet(sheet, index, language), language)
    return written


def _page(title: str, body: Iterator[str], language: UserLanguage) -> str:
    parts = {"tag": escape(language.tag), "direction": language.direction, "mark": MARK, "title": _text(title), "style": _STYLE}
    return _PAGE.format(body="\n".join(body), **parts)


def _index(index: Index) -> Iterator[str]:
    yield f'<main>\n<h1>{_text(index.title)}</h1>\n<p class="summary">{_text(index.summary)}</p>'
    yield f'<div class="wide" role="region" tabindex="0" aria-label="{_text(index.title)}"><table>\n<thead><tr>'
    yield "".join(f'<th scope="col">{_text(head)}</th>' for head in index.heads)
    yield "</tr></thead>\n<tbody>"
    for row in index.rows:
        first, *others = row.columns
        cells = "".join(f"<td>{_value(text)}</td>" for text in others)
        yield f'<tr><td><a href="{escape(row.anchor)}.html">{_text(first)}</a></td>{cells}</tr>'
    yield "</tbody>\n</table></div>\n</main>"


def _sheet(sheet: Sheet, index: Index, language: UserLanguage) -> Iterator[str]:
    label = escape(language.words.gettext("All questions"))
    yield f'<nav aria-label="{label}"><a href="../index.html">{_text(index.title)}</a></nav>'
    yield f'<main>\n<h1>{_text(sheet.title)}</h1>\n<p class="summary">{_text(sheet.summary)}</p>'
    for section in sheet.sections:
        yield from _section(section)
    yield f"</main>\n<footer><code>{_text(sheet.anchor)}</code></footer>"


def _section(section: Section) -> Iterator[str]:
    yield f"<section>\n<h2>{_text(section.title)}</h2>\n<dl>"
    yield from map(_fact, section.facts)
    yield "</dl>\n</section>"


def _fact(fact: Fact) -> str:
    if len(fact.values) == 1:
        return f"<dt>{_text(fact.label)}</dt><dd>{_value(fact.values[0])}</dd>"
    items = "".join(f"<li>{_value(value)}</li>" for value in fact.values)
    return f"<dt>{_text(fact.label)}</dt><dd><ul>{items}</ul></dd>"


def _value(text: str) -> str:
    if isinstance(text, Link):
        return f'<a href="{escape(text)}" rel="noreferrer">{escape(text)}</a>'
    if isinstance(text, Code):
        return f"<code>{_text(text)}</code>"
    return _DATE.sub(r"<time>\g<0></time>", _text(text))


def _text(text: str) -> str:
    return escape(one_line(text))

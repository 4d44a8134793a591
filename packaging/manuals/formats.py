"""The pages of file formats, from the tables of keys and the documents, and those of the D-Bus interfaces, from `dbus/*.xml`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import generate_dbus
from manuals.roff import Page, Title, section, words
from manuals.sources import ROOT, document

from telemetryd.toml import value_kinds
from telemetryd.toml.config_keys import CONFIGURATION, REVIEWS
from telemetryd.toml.manifest_keys import MANIFEST
from telemetryd.toml.tables import REQUIRED, Table, Tables, Variants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from manuals.sources import Release

    from telemetryd.toml.tables import TableKey

_SIMPLE = {
    value_kinds.Flag: "true or false",
    value_kinds.Day: "a date",
    value_kinds.Version: "the version of the format",
    value_kinds.Number: "a number",
    Tables: "any number of tables",
    value_kinds.List: "a list",
    (Table, Variants, value_kinds.Map): "a table",
}
"""What a kind of key holds; the first that fits counts."""
_ABSENT: tuple[Any, ...] = (None, "", {}, ())
"""Defaults that say nothing more than that the key may be left out."""


def pages(release: Release) -> Iterator[tuple[str, str]]:
    """(file name, source) of each page."""
    yield "telemetryd.toml.5", _configuration(release)
    yield "telemetryd-manifest.5", _manifest(release)
    for name in generate_dbus.INTERFACES:
        yield f"{name}.5", _interface(name, release)


def _configuration(release: Release) -> str:
    page = Page(Title("telemetryd.toml", 5, "configuration, reviews and stops of telemetryd", release.version, release.day))
    text = document("docs/administration.md")
    page.heading("DESCRIPTION")
    page.markdown(section(text, "Configuration"))
    page.heading("KEYS OF THE CONFIGURATION")
    _keys(page, CONFIGURATION)
    page.heading("MANIFESTS, REVIEWS AND STOPS")
    page.markdown(section(text, "Manifests, reviews and stops"))
    page.heading("KEYS OF REVIEWS AND STOPS")
    _keys(page, REVIEWS)
    page.heading("PROXIES")
    page.markdown(section(text, "Proxies"))
    page.heading("SEE ALSO")
    page.paragraph("**telemetryd**(8), **telemetryd-manifest**(5), **telemetryctl-check**(1)")
    return page.text


def _manifest(release: Release) -> str:
    page = Page(Title("telemetryd-manifest", 5, "what an application asks of its users", release.version, release.day))
    head, *_ = document("docs/manifest.md").partition("\n## ")
    page.heading("DESCRIPTION")
    page.markdown(head.partition("\n")[2])
    page.heading("KEYS")
    _keys(page, MANIFEST)
    for heading in ("Sources", "Limits", "Translations"):
        page.heading(heading)
        page.markdown(section(document("docs/manifest.md"), heading))
    page.heading("SEE ALSO")
    page.paragraph("**telemetryctl-new**(1), **telemetryctl-lint**(1), **org.telemetryd.Telemetry1**(5)")
    return page.text


def _interface(name: str, release: Release) -> str:
    found = [(element, comment) for element, comment in generate_dbus.comments(generate_dbus.read(ROOT / f"dbus/{name}.xml")) if comment]
    (top, about), *members = found
    short = about.arguments["short_description"].rstrip(".")
    page = Page(Title(name, 5, short[:1].lower() + short[1:], release.version, release.day))
    page.heading("DESCRIPTION")
    page.paragraph(f"The interface `{top.get('name')}` on the session bus, of the object `/{name.replace('.', '/')}`.")
    page.markdown(generate_dbus.section(top, about).partition("\n")[2])
    for heading, tag in (("METHODS", "method"), ("SIGNALS", "signal"), ("PROPERTIES", "property")):
        below = [(element, comment) for element, comment in members if element.tag == tag]
        if below:
            page.heading(heading)
        for element, comment in below:
            page.markdown(generate_dbus.section(element, comment))
    page.heading("SEE ALSO")
    page.paragraph("**telemetryd**(8), **busctl**(1)")
    return page.text


def _keys(page: Page, table: Table | Variants) -> None:
    """Every key of a table, each table in a section of its own."""
    if isinstance(table, Variants):
        for one in table.tables.values():
            _keys(page, one)
        return
    page.heading(table.about.rstrip("."), is_below=True)
    for name, key in table.keys.items():
        page.tagged(f"**{name}**", f"{_what(key.kind)}; {_need(key)}", _sentence(key.help))
    for key in table.keys.values():
        below = _below(key.kind)
        if below:
            _keys(page, below)


def _below(kind: Any) -> Table | Variants | None:
    """The table that a key holds, if it holds any."""
    match kind:
        case Table() | Variants():
            return kind
        case Tables():
            return kind.item
        case value_kinds.Map(item=Table() as item):
            return item
        case _:
            return None


def _what(kind: Any) -> str:
    match kind:
        case value_kinds.Word():
            return f"one of {words(kind.words)}"
        case value_kinds.Integer():
            return f"a whole number from {kind.least} to {kind.most}"
        case value_kinds.Text():
            return f"a text of at most {kind.longest} characters" if kind.longest else "a text"
        case _:
            return next((words_ for one, words_ in _SIMPLE.items() if isinstance(kind, one)), "a value")


def _need(key: TableKey) -> str:
    if key.default is REQUIRED:
        return "required"
    return "optional" if key.default in _ABSENT or isinstance(key.kind, Table) else f"default {words([str(key.default)])}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""

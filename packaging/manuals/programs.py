"""The pages of the daemon and of the window, from their own usage."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from manuals.roff import Page, Title, section
from manuals.sources import document

from telemetryd import __main__ as daemon
from telemetryd.settings import __main__ as window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from manuals.sources import Release

_OPTION = re.compile(r"^  (--.+?)  +(.+(?:\n {4,}.+)*)", re.MULTILINE)
_STATUS = {
    "0": "It left as asked, or another daemon of this user serves already.",
    "1": "It could not run; standard error, or the journal, says why.",
    "2": "The command line is wrong.",
    "3": "No D-Bus library on this machine will do; the line says which were tried.",
}
_ENVIRONMENT = {
    "DO_NOT_TRACK": "Switches telemetry off, unless it is empty, `0`, `false` or `no`.",
    "XDG_CONFIG_HOME, XDG_CONFIG_DIRS": "Where the user's configuration is, and KUserFeedback's, whose switch is obeyed.",
    "XDG_STATE_HOME": "Where the daemon writes, in `telemetryd/`.",
    "TELEMETRYD_CONFIG_DIRS, TELEMETRYD_DATA_DIRS": "For tests: lists of directories in place of the system's. The units drop both.",
    "TELEMETRYD_DBUS_LIBRARY": "`dbus-fast` or `dbus-next`; without it the first that can be used.",
}
_FILES = {
    "/etc/telemetryd/telemetryd.toml, /usr/share/telemetryd/telemetryd.toml": "The configuration: **telemetryd.toml**(5).",
    "/usr/share/telemetryd/manifests/*.toml": "What applications ask: **telemetryd-manifest**(5).",
    "/usr/share/telemetryd/reviews.d/*.toml": "Which questions were reviewed, and which are stopped.",
    "~/.local/state/telemetryd/": "The user's choices, what is counted, and what was sent.",
}


class _Wide(argparse.HelpFormatter):
    """One line for each option, whatever the terminal."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=40, width=400)


def pages(release: Release) -> Iterator[tuple[str, str]]:
    """(file name, source) of each page."""
    yield "telemetryd.8", _daemon(release)
    yield "telemetryd-settings.1", _window(release)
    yield "telemetryd-upload.8", _uploader(release)


def _daemon(release: Release) -> str:
    page = Page(Title("telemetryd", 8, "a per-user telemetry daemon under the user's consent", release.version, release.day))
    usage, description, _, *_ = daemon.USAGE.split("\n\n")
    page.heading("SYNOPSIS")
    page.paragraph(usage.replace("usage: telemetryd", "**telemetryd**"))
    page.heading("DESCRIPTION")
    page.paragraph(description)
    page.paragraph("The session bus starts it at the first call of `org.telemetryd.Telemetry1` or `org.telemetryd.Control1`.")
    page.heading("OPTIONS")
    for option, text in _OPTION.findall(daemon.USAGE):
        page.tagged(f"**{option}**", text)
    page.tagged("**--help**, **--version**", "Print this usage, or the version, and exit.")
    page.heading("UNITS")
    page.markdown(section(document("docs/administration.md"), "Units"))
    _terms(page, "EXIT STATUS", _STATUS)
    _terms(page, "ENVIRONMENT", _ENVIRONMENT)
    _terms(page, "FILES", _FILES)
    page.heading("SEE ALSO")
    page.paragraph(
        "**telemetryctl**(1), **telemetryd.toml**(5), **telemetryd-manifest**(5), **org.telemetryd.Telemetry1**(5), "
        "**org.telemetryd.Control1**(5)"
    )
    return page.text


def _uploader(release: Release) -> str:
    page = Page(Title("telemetryd-upload", 8, "the program that sends a report of telemetryd", release.version, release.day))
    page.heading("DESCRIPTION")
    page.paragraph(
        "The daemon starts this program for each report, and hands the report to it over a socket. People have no use for it. "
        "It alone has a network. It looks once more whether configuration, review and definition permit the report. "
        "Then it sends the report to the vendor's server."
    )
    page.heading("SEE ALSO")
    page.paragraph("**telemetryd**(8), **telemetryctl-check**(1)")
    return page.text


def _window(release: Release) -> str:
    parser = window._parser()  # noqa: SLF001 - its words are the page's
    parser.formatter_class = _Wide
    about = "a window to see and decide what applications may measure"
    page = Page(Title(parser.prog, 1, about, release.version, release.day))
    page.heading("SYNOPSIS")
    page.paragraph(" ".join(parser.format_usage().split()).replace(f"usage: {parser.prog}", f"**{parser.prog}**"))
    page.heading("DESCRIPTION")
    page.paragraph(parser.description or "")
    page.heading("OPTIONS")
    for line, text in re.findall(r"^  (-\S.*?)(?:  +|\n +)(\S.*)$", parser.format_help(), re.MULTILINE):
        page.tagged(f"**{line}**", text)
    _terms(page, "EXIT STATUS", {"0": "The window was closed.", "2": "The command line is wrong.", "3": "PySide6 is not installed."})
    page.heading("SEE ALSO")
    page.paragraph("**telemetryctl**(1), **telemetryd**(8)")
    return page.text


def _terms(page: Page, heading: str, terms: dict[str, str]) -> None:
    page.heading(heading)
    for term, text in terms.items():
        page.tagged(f"**{term}**", text)

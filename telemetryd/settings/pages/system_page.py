"""What this system sets: switches, locks, problems, servers, due work, versions. Nothing can be changed here. Policy: C4, T1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import PySide6
from PySide6.QtCore import QUrl, qVersion
from PySide6.QtGui import QDesktopServices, QGuiApplication

from telemetryd.ctl.render.pages import problem_texts
from telemetryd.settings.pages.page import WindowPage
from telemetryd.settings.widgets.plain import button, card, facts, heading, label, note, row, title
from telemetryd.settings.words.system_words import lock_lines, own_version, report, servers, switch_lines, work_line
from telemetryd.settings.words.window_words import foreign

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.settings.pages.page import Part
    from telemetryd.settings.reading.service_snapshot import ServiceSnapshot
    from telemetryd.settings.words.system_words import Server

NAME = "system"


class SystemPage(WindowPage):
    """Read only: administrators, packages and vendors set what is here."""

    def shown(self, snapshot: ServiceSnapshot) -> object:
        """The properties, and the servers."""
        return dict(snapshot.properties), servers(snapshot)

    def parts(self, snapshot: ServiceSnapshot) -> Sequence[Part]:
        """What switches telemetry off, what is locked, what is wrong, where reports go, due work, versions."""
        _ = self._
        switches, locks = switch_lines(snapshot, self.language), lock_lines(snapshot, self.language)
        return [
            heading(_("This system")),
            note(_("Nothing can be changed here: configuration files and packages set it.")),
            title(_("Switched off")),
            *(label(text, "switch") for text in switches or [_("Nothing switches telemetry off.")]),
            title(_("Locked")),
            *(label(text, "lock") for text in locks or [_("Nothing is locked.")]),
            title(_("Problems")),
            *self._problems(snapshot),
            title(_("Servers")),
            *self._servers(snapshot),
            title(_("Due work")),
            label(work_line(snapshot, self.language), "work"),
            title(_("Version")),
            label(self._version(snapshot), "version"),
            row(button(_("&Copy report"), _("this page, without any answer"), lambda: self._copy(snapshot), name="copy-report"), None),
        ]

    def _problems(self, snapshot: ServiceSnapshot) -> Iterator[Part]:
        problems = problem_texts(snapshot.properties, self.language.words)
        if not problems:
            yield label(self._("There are none."), "no-problem")
        for file, text in problems:
            shown = f"{foreign(file, self.language)}\n{foreign(text, self.language)}" if file else foreign(text, self.language)
            yield label(shown, "problem")

    def _servers(self, snapshot: ServiceSnapshot) -> Iterator[Part]:
        found = servers(snapshot)
        if not found:
            yield label(self._("No application asks anything on this system, so nothing is sent anywhere."), "no-server")
        yield from (self._server(server) for server in found)

    def _server(self, server: Server) -> Part:
        _, language = self._, self.language
        name = foreign(server.name or server.vendor, language)
        lines = [(_("Reports go to"), foreign(server.endpoint, language) or _("nowhere, because this system has no server for its vendor"))]
        if server.relay:
            lines.append((_("Through a relay that hides your address"), foreign(server.relay, language)))
        results: list[Part] = []
        if server.results.startswith("https://"):
            lines.append((_("What was learnt is published at"), foreign(server.results, language)))
            url = QUrl(server.results)
            results = [row(button(_("Results…"), name, lambda: QDesktopServices.openUrl(url), name=f"results:{server.vendor}"), None)]
        return card(title(name), facts(lines), *results, name=f"server:{server.vendor}")

    def _version(self, snapshot: ServiceSnapshot) -> str:
        own, number = own_version() or self._("from its sources"), int(snapshot.properties.get("Version", 0))
        return self._("This window is of telemetryd {version}. The service has version {number} of its interface.").format(
            version=own, number=number
        )

    def _copy(self, snapshot: ServiceSnapshot) -> None:
        QGuiApplication.clipboard().setText(report(snapshot, f"Qt {qVersion()}, PySide6 {PySide6.__version__}"))
        self.acts.told.emit(self._("The report is copied. It holds no answer."))

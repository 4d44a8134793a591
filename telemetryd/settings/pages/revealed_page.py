"""How much the user's answers have revealed at most, with a bar for each limit. Policy: A1, T1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.settings.pages.page import WindowPage
from telemetryd.settings.parts.dialogs import TextDialog
from telemetryd.settings.parts.pictures import Bar, Spent
from telemetryd.settings.parts.saving import ask_where, write
from telemetryd.settings.widgets.plain import button, card, heading, label, note, row, title
from telemetryd.settings.words import budget_words
from telemetryd.settings.words.revealed_file import as_html
from telemetryd.settings.words.window_words import foreign, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from telemetryd.settings.pages.page import Part
    from telemetryd.settings.reading.service_snapshot import Row, ServiceSnapshot
    from telemetryd.settings.words.budget_words import Host

NAME = "revealed"
_FILE = "telemetry-revealed.html"


class RevealedPage(WindowPage):
    """Vendors first, then what was measured, then what answers say about the use of applications."""

    def shown(self, snapshot: ServiceSnapshot) -> object:
        """The ledger, and the applications' names."""
        return list(snapshot.budgets), [(row["id"], row["name"]) for row in snapshot.applications]

    def parts(self, snapshot: ServiceSnapshot) -> Sequence[Part]:
        """A card for each vendor, measured thing and application."""
        _, budgets = self._, snapshot.budgets
        head = heading(_("What you have revealed"))
        save = button(_("&Save this page…"), _("what you have revealed"), lambda: self._save(snapshot), name="save-page")
        if not budgets:
            return [head, label(_("You have revealed nothing, and nothing is promised."), "empty"), row(save, None)]
        return [
            head,
            *(label(text) for text in self._intro()),
            note(_("Filled: used. Hatched: promised to questions that are being measured.")),
            *(self._host(host, index) for index, host in enumerate(budget_words.hosts(budgets))),
            title(_("What was measured"), "measured"),
            *(self._source(line, index) for index, line in enumerate(budget_words.sources(budgets))),
            title(_("That you use an application"), "use"),
            *(self._use(snapshot, line) for line in budget_words.applications(budgets)),
            row(save, None),
        ]

    def _intro(self) -> Sequence[str]:
        return (
            self._("Each answer uses up a part of a limit that never renews. A limit counts how much the answers can tell at most."),
            self._("Limits are counted in answers of the usual strength."),
        )

    def _host(self, host: Host, index: int) -> Part:
        name, promised = budget_words.vendor(host.life, self.language), budget_words.promised(host.life, self.language.words)
        bars: list[Part] = []
        for line in (*host.years, host.life):
            text = budget_words.told(line, self.language)
            bars += [label(text, f"told-{index}-{line['year']}"), _bar(line, f"{name}: {text}", f"bar-{index}-{line['year']}")]
        if promised:
            bars.append(label(promised, f"promised-{index}"))
        about = name if name == foreign(host.life["host"], self.language) else f"{name} ({foreign(host.life['host'], self.language)})"
        return card(title(about, f"vendor-{index}"), *bars, self._meaning(host.life, name, f"meaning-{index}"))

    def _source(self, line: Row, index: int) -> Part:
        about, said = foreign(line["source"], self.language), budget_words.source_sentence(line, self.language.words)
        bar = _bar(line, f"{about}: {said}", f"source-bar-{index}")
        return card(label(about, f"source-{index}"), bar, label(said), self._meaning(line, about, f"source-meaning-{index}"))

    def _use(self, snapshot: ServiceSnapshot, line: Row) -> Part:
        name = _name(snapshot, line["application"], self)
        said = budget_words.application_sentence(line, self.language.words)
        return card(label(name), label(said), self._meaning(line, name, f"use-meaning-{line['application']}"))

    def _meaning(self, line: Row, about: str, name: str) -> Part:
        """What could be tied together, for those who ask."""
        return row(button(self._("What does this &mean?"), about, lambda: self._tell_meaning(line, about), name=name), None)

    def _tell_meaning(self, line: Row, about: str) -> None:
        text = budget_words.meaning(line, self.language.words)
        TextDialog(self, self._("What does this mean?"), [title(about), label(text, "meaning")], self.language).open()

    def _save(self, snapshot: ServiceSnapshot) -> None:
        ask_where(self, self._("Save this page"), [_FILE], lambda path: self._write(path, list(self._lines(snapshot))))

    def _write(self, path: Path, lines: Sequence[str]) -> None:
        text = as_html(self._("What you have revealed"), lines, self.language)
        self.acts.told.emit(write(path, text, self.language.words))

    def _lines(self, snapshot: ServiceSnapshot) -> Iterator[str]:
        """Everything that the page says, and what it means, a paragraph each."""
        words, budgets = self.language.words, snapshot.budgets
        if not budgets:
            yield self._("You have revealed nothing, and nothing is promised.")
        yield from self._intro()
        for host in budget_words.hosts(budgets):
            yield budget_words.host_sentence(host, self.language)
            yield budget_words.meaning(host.life, words)
        for line in budget_words.sources(budgets):
            yield f"{foreign(line['source'], self.language)}: {budget_words.source_sentence(line, words)}"
        for line in budget_words.applications(budgets):
            yield f"{_name(snapshot, line['application'], self)}: {budget_words.application_sentence(line, words)}"
            yield budget_words.meaning(line, words)


def _name(snapshot: ServiceSnapshot, app_id: str, page: WindowPage) -> str:
    application = snapshot.application(app_id)
    return name_of(application, page.language) if application else foreign(app_id, page.language)


def _bar(line: Row, text: str, name: str) -> Bar:
    cap = line["cap"]
    return Bar(Spent(line["spent"] / cap, line["reserved"] / cap) if cap else Spent(1.0, 0.0), text=text, name=name)

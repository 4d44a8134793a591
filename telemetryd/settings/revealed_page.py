"""How much the user's answers have revealed at most, with a bar for each limit. Policy: A1, T1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.translation import decimal
from telemetryd.settings.page import WindowPage
from telemetryd.settings.pictures import Bar, Spent
from telemetryd.settings.plain import card, heading, label, note, title
from telemetryd.settings.window_words import foreign, name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.settings.page import Part
    from telemetryd.settings.service_snapshot import Row, ServiceSnapshot

NAME = "revealed"


class RevealedPage(WindowPage):
    """The lines of the ledger, those of vendors first."""

    def shown(self, snapshot: ServiceSnapshot) -> object:
        """The ledger, and the applications' names."""
        return list(snapshot.budgets), [(row["id"], row["name"]) for row in snapshot.applications]

    def parts(self, snapshot: ServiceSnapshot) -> Sequence[Part]:
        """A card a line."""
        _ = self._
        if not snapshot.budgets:
            return [heading(_("What you have revealed")), label(_("You have revealed nothing, and nothing is promised."), "empty")]
        ordered = sorted(snapshot.budgets, key=_order)
        return [
            heading(_("What you have revealed")),
            label(_("Each answer uses up a part of a limit that never renews. A limit counts how much the answers can tell at most.")),
            note(_("Filled: used. Hatched: promised to questions that are being measured.")),
            *(self._card(snapshot, budget, index) for index, budget in enumerate(ordered)),
        ]

    def _card(self, snapshot: ServiceSnapshot, budget: Row, index: int) -> Part:
        said = self._said(budget)
        parts: list[Part] = [title(self._about(snapshot, budget), f"about-{index}"), label(said, f"spent-{index}")]
        if budget["capped"] and budget["cap"]:
            spent = Spent(budget["spent"] / budget["cap"], budget["reserved"] / budget["cap"])
            parts.insert(1, Bar(spent, text=said, name=f"bar-{index}"))
        return card(*parts)

    def _about(self, snapshot: ServiceSnapshot, budget: Row) -> str:
        _, language = self._, self.language
        if budget["application"]:
            application = snapshot.application(budget["application"])
            name = name_of(application, language) if application else foreign(budget["application"], language)
            return _("That you use {application}").format(application=name)
        if budget["source"]:
            return _("About {source}").format(source=foreign(budget["source"], language))
        host = foreign(budget["host"], language)
        told = _("Told to {vendor} ({host})").format(vendor=foreign(budget["vendor_name"], language), host=host)
        about = told if budget["vendor_name"] else _("Told to {host}").format(host=host)
        return _("{about}, in {year}").format(about=about, year=budget["year"]) if budget["year"] else about

    def _said(self, budget: Row) -> str:
        words = self.language.words
        answers = words.ngettext("{number} answer.", "{number} answers.", budget["answers"]).format(number=budget["answers"])
        used, promised, cap = (decimal(f"{budget[key]:g}", words) for key in ("spent", "reserved", "cap"))
        if not (budget["capped"] and budget["cap"]):
            text = words.gettext("Used: {used}. Promised: {promised}. This has no limit of its own.")
            return f"{answers} {text.format(used=used, promised=promised)}"
        text = words.gettext("Used: {used}. Promised: {promised}. Limit: {limit}.")
        return f"{answers} {text.format(used=used, promised=promised, limit=cap)}"


def _order(budget: Row) -> tuple[bool, bool, str, int]:
    return bool(budget["source"]), bool(budget["application"]), budget["host"], budget["year"]

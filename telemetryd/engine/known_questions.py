"""Whom and what the user can reach: what is declared, and everything about which something is kept, declared or not. Policy: C1, C2, T2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.errors import UnknownApplicationError, UnknownQuestionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.engine.catalogue import Catalogue
    from telemetryd.engine.ports import Consents, Key, Reports
    from telemetryd.engine.tallies import RunningTallies


class Known:
    """What the daemon knows of applications, beside their declarations: decided, collected, queued or sent."""

    def __init__(self, catalogue: Catalogue, consents: Consents, tallies: RunningTallies, reports: Reports) -> None:
        self._catalogue, self._consents, self._tallies, self._reports = catalogue, consents, tallies, reports

    def applications(self) -> list[str]:
        """Every application that is declared, or of which something is kept, in order."""
        pushed = self._tallies.contributions()
        kept = {application for application, _ in (*self._consents.decisions, *self._consents.records, *(key for key, _ in pushed))}
        pushers = (pusher for _, pusher in pushed)
        return sorted(kept.union(self._catalogue.applications(), self._consents.applications, pushers, self._reports.applications()))

    def kept(self) -> dict[str, set[str]]:
        """Application → the questions about which something is decided or collected; reports are asked for one by one."""
        found: dict[str, set[str]] = {}
        for application, question in (
            *self._consents.decisions,
            *self._consents.records,
            *(key for key, _ in self._tallies.contributions()),
        ):
            found.setdefault(application, set()).add(question)
        return found

    def keeps(self, application: str, kept: Mapping[str, set[str]]) -> bool:
        """Whether anything is kept of an application; `kept` is what the method above gives."""
        pushers = {pusher for _, pusher in self._tallies.contributions()}
        is_decided = application in kept or application in self._consents.applications
        return is_decided or application in pushers or bool(self._reports.questions(application))

    def check(self, application: str) -> None:
        """Raise UnknownApplicationError unless something is known of an application."""
        if application not in self._catalogue.applications() and application not in self.applications():
            raise UnknownApplicationError(f"no manifest of {application!r} is installed or registered, and nothing is kept of it")

    def key(self, application: str, question: str) -> Key:
        """A question that is asked, or about which something is kept. Raises UnknownApplicationError or UnknownQuestionError."""
        self.check(application)
        key = application, question
        is_kept = question in self.kept().get(application, ()) or question in self._reports.questions(application)
        if not is_kept and self._catalogue.definition(key) is None:
            raise UnknownQuestionError(f"{application} asks no question {question!r}")
        return key

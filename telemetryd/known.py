"""Whom and what the user can reach: what is declared, and everything about which something is kept, declared or not. Policy: C1, C2, T2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.errors import UnknownApplicationError

if TYPE_CHECKING:
    from telemetryd.catalogue import Catalogue
    from telemetryd.ports import Consents


class Known:
    """What the daemon knows of applications beside their declarations."""

    def __init__(self, catalogue: Catalogue, consents: Consents) -> None:
        self._catalogue, self._consents = catalogue, consents

    def applications(self) -> frozenset[str]:
        """Every application that is declared, or of which something is kept."""
        consents = self._consents
        keys = {*consents.decisions, *consents.records}
        return frozenset(self._catalogue.applications()).union(consents.applications, (application for application, _ in keys))

    def check(self, application: str) -> None:
        """Raise UnknownApplicationError unless something is known of an application."""
        if application not in self.applications():
            raise UnknownApplicationError(f"nothing is known of {application!r}")

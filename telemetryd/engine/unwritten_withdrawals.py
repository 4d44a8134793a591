"""What the user takes back while the files cannot be used: it holds at once, in memory, and is applied when they can be. Policy: C1, C2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.gate import ApplicationLevels, Decision

if TYPE_CHECKING:
    from telemetryd.engine.ports import Consents, Key


class Lowered:
    """Only ever lowers, whatever the files turn out to say. Levels are those that may not be exceeded."""

    def __init__(self) -> None:
        self.levels: dict[str, int] = {}
        self.applications: dict[str, ApplicationLevels] = {}
        self.refused: set[Key] = set()
        self.erased: set[str] = set()
        """Application ids, or "" for all."""

    @property
    def is_any(self) -> bool:
        """Whether anything waits."""
        return bool(self.levels or self.applications or self.refused or self.erased)

    def switch_off(self, application: str, levels: ApplicationLevels) -> None:
        """An application's axes may not exceed these (`INHERIT`: as the file says)."""
        self.applications[application] = _at_most(self.applications.get(application, ApplicationLevels()), levels)

    def take(self, consents: Consents) -> None:
        """The files are closed before they took everything: all that is shut stays so."""
        if consents.is_owed:
            self.levels = dict(consents.levels._asdict())
            self.applications = dict(consents.applications)
            self.refused = {key for key, decision in consents.decisions.items() if decision.refused}

    def apply(self, consents: Consents) -> None:
        """Lower what is stored; what is to be erased is left to the caller."""
        before = consents.levels
        levels = before._replace(**{name: min(level, getattr(before, name)) for name, level in self.levels.items()})
        if levels != before:
            consents.set_levels(levels)
        for application, bounds in self.applications.items():
            own = consents.applications.get(application, ApplicationLevels())
            if own != _at_most(own, bounds):
                consents.set_application(application, _at_most(own, bounds))
        for key in self.refused:
            if not consents.decisions.get(key, Decision()).refused:
                consents.refuse(key, is_refused=True)
        self.levels.clear()
        self.applications.clear()
        self.refused.clear()


def _at_most(own: ApplicationLevels, bounds: ApplicationLevels) -> ApplicationLevels:
    return ApplicationLevels(*(min(level, bound) for level, bound in zip(own, bounds, strict=True)))  # INHERIT is above all levels

"""Withdrawals while the files cannot be used: they hold at once in memory, and are applied to the files later. Policy: C1, C2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.permission.gate import ApplicationLevels, Decision

if TYPE_CHECKING:
    from telemetryd.core.definition import Key
    from telemetryd.engine.ports import ConsentStore


class UnwrittenWithdrawals:
    """Only lowers consent, whatever the files contain. The levels are upper bounds."""

    def __init__(self) -> None:
        self.levels: dict[str, int] = {}
        self.applications: dict[str, ApplicationLevels] = {}
        self.refused: set[Key] = set()
        self.erased: set[str] = set()
        """Application ids, or "" for all."""

    @property
    def is_any(self) -> bool:
        """Whether there is any withdrawal."""
        return bool(self.levels or self.applications or self.refused or self.erased)

    def switch_off(self, application: str, levels: ApplicationLevels) -> None:
        """Bound an application's levels. `INHERIT` sets no bound."""
        self.applications[application] = _lower_of(self.applications.get(application, ApplicationLevels()), levels)

    def take_over(self, consents: ConsentStore) -> None:
        """Take over what is not written yet from files that are being closed, so that withdrawals stay in force."""
        if consents.is_owed:
            self.levels = dict(consents.levels._asdict())
            self.applications = dict(consents.applications)
            self.refused = {key for key, decision in consents.decisions.items() if decision.refused}

    def apply(self, consents: ConsentStore) -> None:
        """Lower what is stored. Erasures are left to the caller."""
        before = consents.levels
        levels = before._replace(**{name: min(level, getattr(before, name)) for name, level in self.levels.items()})
        if levels != before:
            consents.set_levels(levels)
        for application, bounds in self.applications.items():
            own = consents.applications.get(application, ApplicationLevels())
            if own != _lower_of(own, bounds):
                consents.set_application(application, _lower_of(own, bounds))
        for key in self.refused:
            if not consents.decisions.get(key, Decision()).refused:
                consents.refuse(key, is_refused=True)
        self.levels.clear()
        self.applications.clear()
        self.refused.clear()


def _lower_of(own: ApplicationLevels, bounds: ApplicationLevels) -> ApplicationLevels:
    return ApplicationLevels(*(min(level, bound) for level, bound in zip(own, bounds, strict=True)))  # INHERIT is above all levels

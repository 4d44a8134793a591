"""Withdrawals while the files cannot be used: they hold at once in memory, and are applied to the files later. Policy: C1, C2.

So are the ends of questions, and that the history was erased: nothing begins again because it could not be written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.permission.gate import ApplicationLevels, Decision
from telemetryd.core.permission.record import Record

if TYPE_CHECKING:
    from telemetryd.core.definition import Key
    from telemetryd.engine.ports import ConsentStore


class Owed:
    """What one consent file still has to be told. It only lowers consent: the levels are upper bounds."""

    def __init__(self) -> None:
        self.levels: dict[str, int] = {}
        self.applications: dict[str, ApplicationLevels] = {}
        self.refused: set[Key] = set()
        self.erased: set[str] = set()
        """Application ids, or "" for all."""
        self.ended: dict[Key, Record] = {}
        self.history_erased = 0

    @property
    def is_any(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.levels or self.applications or self.refused or self.erased or self.ended or self.history_erased)

    def bound(self, levels: dict[str, int]) -> None:
        """Bound the global levels."""
        self.levels |= {name: min(level, self.levels.get(name, level)) for name, level in levels.items()}

    def switch_off(self, application: str, levels: ApplicationLevels) -> None:
        """Bound an application's levels. `INHERIT` sets no bound."""
        self.applications[application] = _lower_of(self.applications.get(application, ApplicationLevels()), levels)

    def add(self, consents: ConsentStore) -> None:
        """Add what is not written yet of an open file."""
        if consents.is_owed:
            self.bound(consents.levels._asdict())
            for application, levels in consents.applications.items():
                self.switch_off(application, levels)
            self.refused.update(key for key, decision in consents.decisions.items() if decision.refused)
        self.ended |= consents.owed_facts.ended
        self.history_erased = max(self.history_erased, consents.owed_facts.history_erased)

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
        ended = {key: record for key, record in self.ended.items() if not consents.records.get(key, Record()).is_over}
        if ended:
            consents.set_records(ended)
        if self.history_erased > consents.history_erased:
            consents.note_history_erased(self.history_erased)


class UnwrittenWithdrawals:
    """What is owed, by consent file. Developer mode has a file of its own, in which what the user does elsewhere did not happen."""

    def __init__(self) -> None:
        self.erased: set[str] = set()
        """What the open file has to erase: application ids, or "" for all."""
        self._owed: dict[str, Owed] = {}

    @property
    def is_any(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.erased) or any(owed.is_any for owed in self._owed.values())

    def of(self, file: str) -> Owed:
        """What is owed to a file that is not open."""
        return self._owed.setdefault(file, Owed())

    def take_over(self, consents: ConsentStore) -> None:
        """Take over what is not written yet from files that are being closed, so that it stays in force."""
        owed = self.of(consents.file)
        owed.add(consents)
        owed.erased |= self.erased
        self.erased.clear()

    def apply(self, consents: ConsentStore) -> None:
        """Lower what is stored in a file that was opened. What it has to erase is left to the caller, in `erased`."""
        owed = self.of(consents.file)
        owed.apply(consents)
        self.erased |= owed.erased
        del self._owed[consents.file]


def _lower_of(own: ApplicationLevels, bounds: ApplicationLevels) -> ApplicationLevels:
    return ApplicationLevels(*(min(level, bound) for level, bound in zip(own, bounds, strict=True)))  # INHERIT is above all levels

"""Withdrawals while the files cannot be used: they hold at once in memory, and are applied to the files later. Policy: C1, C2.

So are the ends of questions, and that the history was erased: nothing begins again because it could not be written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.permission.gate import ApplicationLevels, Decision
from telemetryd.core.permission.record import Record
from telemetryd.engine.ports import UnwrittenFacts

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
        self.facts: dict[str, UnwrittenFacts] = {}
        """What happened, by the file that it belongs to. Developer mode has another file, in which it did not happen."""

    @property
    def is_any(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.levels or self.applications or self.refused or self.erased or self.facts)

    def switch_off(self, application: str, levels: ApplicationLevels) -> None:
        """Bound an application's levels. `INHERIT` sets no bound."""
        self.applications[application] = _lower_of(self.applications.get(application, ApplicationLevels()), levels)

    def take_over(self, consents: ConsentStore) -> None:
        """Take over what is not written yet from files that are being closed, so that it stays in force."""
        if consents.is_owed:
            self.levels = dict(consents.levels._asdict())
            self.applications = dict(consents.applications)
            self.refused = {key for key, decision in consents.decisions.items() if decision.refused}
        if any(consents.owed_facts):
            self.facts[consents.file] = consents.owed_facts

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
        facts = self.facts.pop(consents.file, UnwrittenFacts())
        ended = {key: record for key, record in facts.ended.items() if not consents.records.get(key, Record()).is_over}
        if ended:
            consents.set_records(ended)
        if facts.history_erased > consents.history_erased:
            consents.note_history_erased(facts.history_erased)
        self.levels.clear()
        self.applications.clear()
        self.refused.clear()


def _lower_of(own: ApplicationLevels, bounds: ApplicationLevels) -> ApplicationLevels:
    return ApplicationLevels(*(min(level, bound) for level, bound in zip(own, bounds, strict=True)))  # INHERIT is above all levels

"""Withdrawals while the files cannot be used: they hold at once in memory, and are applied to the files later. Policy: C1, C2.

So are the ends of questions, and that the history was erased: nothing begins again because it could not be written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.permission.gate import ApplicationLevels, Decision
from telemetryd.core.permission.record import Record
from telemetryd.engine.ports import UnwrittenFacts
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from telemetryd.core.definition import Key
    from telemetryd.engine.ports import ConsentStore


class Owed(NamedTuple):
    """What one file still has to be told. The levels are upper bounds."""

    levels: dict[str, int]
    applications: dict[str, ApplicationLevels]
    refused: set[Key]
    erased: set[str]


class UnwrittenWithdrawals:
    """Only lowers consent, whatever the files contain.

    What was taken back while no file was open is taken back in the next file that is opened. Developer mode has a file of its own.
    """

    def __init__(self) -> None:
        self.levels: dict[str, int] = {}
        self.applications: dict[str, ApplicationLevels] = {}
        self.refused: set[Key] = set()
        self.owed: dict[str, Owed] = {}
        """What was taken back in a file that could not be written and is closed, by file."""
        self.erased: set[str] = set()
        """Application ids, or "" for all: what the open file has to erase, or the next one."""
        self.facts: dict[str, UnwrittenFacts] = {}
        """What happened, by the file that it belongs to. Developer mode has another file, in which it did not happen."""

    @property
    def is_any(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.levels or self.applications or self.refused or self.erased or self.owed or self.facts)

    def switch_off(self, application: str, levels: ApplicationLevels) -> None:
        """Bound an application's levels. `INHERIT` sets no bound."""
        self.applications[application] = _lower_of(self.applications.get(application, ApplicationLevels()), levels)

    def take_over(self, consents: ConsentStore) -> None:
        """Take over what is not written yet from files that are being closed, so that it stays in force."""
        owed = Owed({}, {}, set(), set(self.erased))
        if consents.is_owed:
            refused = {key for key, decision in consents.decisions.items() if decision.refused}
            owed = owed._replace(levels=consents.levels._asdict(), applications=dict(consents.applications), refused=refused)
        if any(owed):
            self.owed[consents.file] = owed
        self.erased.clear()
        if any(consents.owed_facts):
            self.facts[consents.file] = consents.owed_facts

    def apply(self, consents: ConsentStore) -> None:
        """Lower what is stored. Erasures are left to the caller."""
        _lower(consents, Owed(self.levels, self.applications, self.refused, self.erased))
        if consents.file in self.owed:
            owed = self.owed.pop(consents.file)
            _lower(consents, owed)
            self.erased |= owed.erased
        facts = self.facts.pop(consents.file, UnwrittenFacts())
        ended = {key: record for key, record in facts.ended.items() if not consents.records.get(key, Record()).is_over}
        if ended:
            consents.set_records(ended)
        if facts.history_erased > consents.history_erased:
            consents.note_history_erased(facts.history_erased)
        self.levels.clear()
        self.applications.clear()
        self.refused.clear()


def _lower(consents: ConsentStore, owed: Owed) -> None:
    before = consents.levels
    levels = before._replace(**{name: min(level, getattr(before, name)) for name, level in owed.levels.items()})
    if levels != before:
        consents.set_levels(levels)
    for application, most in owed.applications.items():
        own = consents.applications.get(application, ApplicationLevels())
        if own != _lower_of(own, most):
            consents.set_application(application, _lower_of(own, most))
    for key in owed.refused:
        if not consents.decisions.get(key, Decision()).refused:
            consents.refuse(key, is_refused=True)


def _lower_of(own: ApplicationLevels, bounds: ApplicationLevels) -> ApplicationLevels:
    return ApplicationLevels(*(min(level, bound) for level, bound in zip(own, bounds, strict=True)))  # INHERIT is above all levels

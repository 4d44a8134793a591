"""Every question's state: looked at when anything changes and at ticks, never for a sample. Policy: C1, M4.

`look` asks `core.life` of each question that the user decided on, remembers what it says, erases what must go, and gives what must be
closed. What is not decided on has no record and nothing to erase.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from telemetryd.budget import Budget
from telemetryd.core import life
from telemetryd.core.consent import ApplicationLevels, Circumstances, Decision, covers
from telemetryd.core.life import Effect, Outcome, Record
from telemetryd.core.lot import draw_lot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from telemetryd.catalogue import Catalogue
    from telemetryd.core.consent import Cause
    from telemetryd.core.definition import Definition
    from telemetryd.core.life import Step
    from telemetryd.ports import Clock, Consents, Key, Randomness


class Looked(NamedTuple):
    """What one look at everything asks for: questions whose tallies and reports go, and periods that are over."""

    erase: list[Key]
    close: list[Definition]


class Questions:
    """The states as of the last look."""

    def __init__(self, catalogue: Catalogue, consents: Consents, clock: Clock, chance: Randomness) -> None:
        self._catalogue, self._consents, self._clock, self._chance = catalogue, consents, clock, chance
        self._budget = Budget(catalogue, consents, chance)

    def look(self) -> Looked:
        """Look at every question that the user decided on, and remember what changed."""
        self._draw()
        looks = {key: self._look(key) for key in self.decided()}
        if not self._catalogue.settings.developer:
            ledger, refused = self._budget.settle(looks)
            looks |= {key: (looks[key][0], life.without_budget(looks[key][1], text)) for key, text in refused.items()}
        else:
            ledger = {}
        changed = {key: step.record for key, (_, step) in looks.items() if step.record != self.record(key)}
        if changed or ledger:
            self._consents.settle(changed, ledger)
        return Looked(
            [key for key, (_, step) in looks.items() if step.effect is Effect.ERASE],
            [definition for definition, step in looks.values() if definition and step.effect is Effect.CLOSE],
        )

    def step(self, definition: Definition) -> Step:
        """One question's state now; nothing is remembered."""
        return self._step(definition.key, definition, self.record(definition.key))

    def record(self, key: Key) -> Record:
        """What is remembered of a question."""
        return self._consents.records.get(key, Record())

    def remember(self, key: Key, record: Record) -> None:
        """Keep what is to be remembered of a question."""
        if record != self.record(key):
            self._consents.set_records({key: record})

    def charge(self, key: Key, host: str) -> bool:
        """The period closed and its report will be made: charge what was reserved for it; False if nothing was: then no report."""
        entry = self._consents.ledger.get(key)
        if entry is None or entry.is_charged:
            return False
        self._consents.settle({key: life.reporting(self.record(key), host)}, {key: entry._replace(is_charged=True)})
        return True

    def erase(self, keys: Iterable[Key]) -> None:
        """The user erased what was collected for these questions."""
        now = self._clock.now()
        self._consents.set_records({key: life.erased(self.record(key), now).record for key in keys if key in self._consents.records})

    def shut(self, cause: Cause) -> list[Key]:
        """Shut every question at once; gives those whose tallies and reports must go."""
        now = self._clock.now()
        steps = {key: life.shut(self.record(key), cause, now) for key in self.decided()}
        self._consents.set_records({key: step.record for key, step in steps.items()})
        return [key for key, step in steps.items() if step.effect is Effect.ERASE]

    def lose(self) -> None:
        """The main database was lost: what was collected with it."""
        now = self._clock.now()
        records = self._consents.records
        lost = {key: life.lost(record, now) for key, record in records.items()}
        self._consents.set_records({key: record for key, record in lost.items() if record != records[key]})

    def is_accepted(self, definition: Definition) -> bool:
        """Whether the user accepted exactly this definition."""
        return definition.digest in self._consents.decisions.get(definition.key, Decision()).accepted

    def in_state(self, outcome: Outcome) -> list[Key]:
        """The questions of which this outcome is remembered."""
        return [key for key, record in self._consents.records.items() if record.outcome is outcome]

    def circumstances(self, definition: Definition) -> Circumstances:
        """What decides, beside its own life, whether a question is shut."""
        application = definition.application.id
        return Circumstances(
            self._catalogue.settings,
            self._consents.levels,
            self._consents.applications.get(application, ApplicationLevels()),
            self._consents.decisions.get(definition.key, Decision()),
            self._catalogue.standing(definition),
            self._catalogue.presence(application),
            self._catalogue.are_reviews_readable,
            self._consents.lots.get(definition.key),
        )

    def covers(self, definition: Definition, pusher: str) -> bool:
        """Whether the levels of an application that pushes into a (shared) question permit it."""
        own = self._consents.applications.get(pusher, ApplicationLevels())
        return covers(definition, self._consents.levels, own, self._catalogue.settings)

    def accepted(self) -> list[Key]:
        """The questions of which the user accepted some definition."""
        return sorted(key for key, decision in self._consents.decisions.items() if decision.accepted)

    def decided(self) -> list[Key]:
        """The questions of which anything is remembered."""
        return sorted({*self.accepted(), *self._consents.records})

    def _draw(self) -> None:
        """Draw for each question that is accepted for the first time."""
        new = [key for key in self.accepted() if key not in self._consents.lots]
        if new:
            self._consents.keep_lots({key: draw_lot(self._chance.below) for key in new})

    def _look(self, key: Key) -> tuple[Definition | None, Step]:
        definition = self._catalogue.definition(key)
        return definition, self._step(key, definition, self.record(key))

    def _step(self, key: Key, definition: Definition | None, record: Record) -> Step:
        if definition is None:
            return life.unanswerable(record, self._clock.now(), self._catalogue.absence_grace_s(key[0]))
        return life.step(record, definition, self.circumstances(definition), self._clock.now())

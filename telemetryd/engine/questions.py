"""Every question's state: looked at when anything changes and at ticks, never for a sample. Policy: C1, M4.

`look` asks `core.lifecycle` of each question that the user decided on, remembers what it says, erases what must go, and gives what must be
closed. What is not decided on has no record and nothing to erase.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core import delay, lifecycle
from telemetryd.core.gate import ApplicationLevels, Cause, Circumstances, Decision, Presence, closures_without_definition, covers
from telemetryd.core.lifecycle import Effect, Outcome, Record, State
from telemetryd.core.sampling_lot import draw_lot
from telemetryd.engine.budget import Budget
from telemetryd.errors import InvalidManifestError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from telemetryd.core.definition import Definition
    from telemetryd.core.ledger import Entry
    from telemetryd.core.lifecycle import Step
    from telemetryd.engine.catalogue import Catalogue
    from telemetryd.engine.ports import Clock, Consents, Key, Randomness

_FORGOTTEN = "forgotten"
"""What ended a question's life: its application was forgotten."""


class Opened(NamedTuple):
    """When samples are kept for one definition of a question: in a period, which lies in [begins, closes), Unix s."""

    period: str
    begins: int
    closes: int


class Looked(NamedTuple):
    """What one look at everything asks for: questions whose tallies and reports go, and periods that are over."""

    erase: list[Key]
    close: list[Definition]


class Questions:
    """The states as of the last look."""

    def __init__(self, catalogue: Catalogue, consents: Consents, clock: Clock, chance: Randomness) -> None:
        self._catalogue, self._consents, self._clock, self._chance = catalogue, consents, clock, chance
        self._budget = Budget(catalogue, consents, chance)
        self._accepted: dict[str, Definition | None] = {}
        self._noticed: set[str] = set()
        self._opened: dict[tuple[Key, str], Opened] = {}
        """(question, digest) → its period, as the last look left it: all that samples know of what was decided."""

    def look(self) -> Looked:
        """Look at every question that the user decided on, and remember what changed. If it fails, nothing is open."""
        self._opened = {}
        self._draw()
        steps = {key: self.step_of(key) for key in self.decided()}
        ledger: dict[Key, Entry | None] = {}
        if not self._catalogue.settings.developer:
            ledger, refused = self._budget.settle({key: (self.definition(key), step) for key, step in steps.items()})
            steps |= {key: lifecycle.without_budget(steps[key], text) for key, text in refused.items()}
        self._noticed = {step.record.noticed for step in steps.values()} - {""}
        changed = {key: step.record for key, step in steps.items() if step.record != self.record(key)}
        if changed or ledger or self._consents.is_owed:
            self._consents.settle(changed, ledger)
        self._opened = {(key, digest): opened for key, step in steps.items() for digest, opened in self._open(key, step)}
        closing = [self._catalogue.definition(key) for key, step in steps.items() if step.effect is Effect.CLOSE]
        return Looked(
            [key for key, step in steps.items() if step.effect is Effect.ERASE],
            [definition for definition in closing if definition],
        )

    def is_due(self) -> bool:
        """Whether a look would find that a delay is over, or has to begin anew: it is decided at the next look of any kind."""
        return bool(self._noticed) and delay.is_due(self._noticed, self._clock.moment())

    def open_period(self, definition: Definition, pusher: str, now: int) -> str:
        """The period to which a sample of an application counts for a question, "" if it is not kept: one look-up, whatever was decided."""
        is_covered = self.covers(definition, pusher)
        opened = self._opened.get((definition.key, definition.digest))
        return opened.period if opened and is_covered and opened.begins <= now < opened.closes else ""

    def open_keys(self, now: int) -> list[Key]:
        """The questions that are in their period."""
        return [key for (key, _), opened in self._opened.items() if opened.begins <= now < opened.closes]

    def suspend(self, definitions: Iterable[Definition]) -> None:
        """These are declared otherwise by now: nothing is kept for them until the next look."""
        for definition in definitions:
            self._opened.pop((definition.key, definition.digest), None)

    def suspend_all(self) -> None:
        """Nobody knows what holds: nothing is kept until the next look."""
        self._opened = {}

    def step(self, definition: Definition) -> Step:
        """One question's state now; nothing is remembered."""
        return self.step_of(definition.key)

    def step_of(self, key: Key) -> Step:
        """The same of a question that may be declared no more.

        What the user withdraws is judged by what was consented to, even where the manifest is gone or declares something else by now.
        """
        record, definition = self.record(key), self.definition(key)
        if record.outcome is Outcome.REPORTING:
            definition = self.consented(key) or definition
        moment = self._clock.moment()
        if definition is None:
            shut = closures_without_definition(key[0], self._circumstances(key, ""))
            return lifecycle.unanswerable(record, shut, moment)
        return lifecycle.step(record, definition, self.circumstances(definition), moment)

    def definition(self, key: Key) -> Definition | None:
        """One question as declared now or, where it is not, as it was consented to."""
        return self._catalogue.definition(key) or self.consented(key)

    def consented(self, key: Key) -> Definition | None:
        """The definition that a question's period or report belongs to, as it was accepted; None if this version cannot read it."""
        accepted = self._consents.decisions.get(key, Decision()).accepted
        drawn = "sha256:" + self.record(key).revision
        latest_first = sorted(accepted, key=lambda digest: accepted[digest], reverse=True)
        digest = next((one for one in latest_first if one.startswith(drawn)), "")
        declared = self._catalogue.definition(key)
        if declared and declared.digest == digest:
            return declared
        if digest not in self._accepted:
            self._accepted[digest] = self._read(key, digest)
        return self._accepted[digest]

    def snapshot(self) -> object:
        """What differs from an earlier one if any state that is remembered changed since."""
        return dict(self._consents.records), dict(self._consents.decisions)

    @property
    def is_owed(self) -> bool:
        """Whether something that is shut is not on disk yet."""
        return self._consents.is_owed

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
        self._consents.settle({key: lifecycle.reporting(self.record(key), host)}, {key: entry._replace(is_charged=True)})
        return True

    def erase(self, keys: Iterable[Key]) -> None:
        """The user erased what was collected for these questions."""
        now = self._clock.now()
        self._consents.set_records({key: lifecycle.erased(self.record(key), now).record for key in keys if key in self._consents.records})

    def forget(self, application: str) -> list[Key]:
        """The user forgot an application: what was begun is over, what was not is as if never asked. Gives all questions concerned.

        Refusals, lots, final states and charges stay: they protect. Policy: C2, M4.
        """
        now = self._clock.now()
        keys = [key for key in self.decided() if key[0] == application]
        steps = {key: lifecycle.erased(self.record(key), now, _FORGOTTEN) for key in keys if key in self._consents.records}
        over = {key: step.record for key, step in steps.items() if step.record.outcome is not Outcome.OPEN}
        if keys or application in self._consents.applications:
            self._consents.forget(application, over)
        return keys

    def shut(self, cause: Cause) -> list[Key]:
        """Shut every question at once; gives those whose tallies and reports must go."""
        now = self._clock.now()
        steps = {key: lifecycle.shut(self.record(key), cause, now) for key in self.decided()}
        self._consents.set_records({key: step.record for key, step in steps.items()})
        return [key for key, step in steps.items() if step.effect is Effect.ERASE]

    def lose(self) -> None:
        """The main database was lost: what was collected with it."""
        now = self._clock.now()
        records = self._consents.records
        lost = {key: lifecycle.lost(record, now) for key, record in records.items()}
        self._consents.set_records({key: record for key, record in lost.items() if record != records[key]})

    def in_state(self, outcome: Outcome) -> list[Key]:
        """The questions of which this outcome is remembered."""
        return [key for key, record in self._consents.records.items() if record.outcome is outcome]

    def circumstances(self, definition: Definition) -> Circumstances:
        """What decides, beside its own life, whether a question is shut."""
        return self._circumstances(definition.key, definition.digest)

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

    def _open(self, key: Key, step: Step) -> list[tuple[str, Opened]]:
        """The definition that is open, or will be when its period begins; none while anything shuts it."""
        record, definition = step.record, self._catalogue.definition(key)
        is_open = step.is_collecting or (step.state is State.WAITING and record.outcome is Outcome.OPEN and not record.closed_cause)
        if definition is None or not is_open or not record.begins:
            return []
        return [(definition.digest, Opened(record.period, record.begins, record.closes))]

    def _draw(self) -> None:
        """Draw for each question that is accepted for the first time."""
        new = [key for key in self.accepted() if key not in self._consents.lots]
        if new:
            self._consents.keep_lots({key: draw_lot(self._chance.below) for key in new})

    def _circumstances(self, key: Key, digest: str) -> Circumstances:
        application, _ = key
        declared = self._catalogue.definition(key)
        presence = self._catalogue.presence(application)
        if presence is Presence.GONE and delay.is_noticed(self.record(key).noticed, Cause.EVICTED):
            presence = Presence.EVICTED  # as an earlier process knew
        return Circumstances(
            self._catalogue.settings,
            self._consents.levels,
            self._consents.applications.get(application, ApplicationLevels()),
            self._consents.decisions.get(key, Decision()),
            self._catalogue.standing_of(key),
            Presence.DROPPED if declared is None and presence is Presence.PRESENT else presence,
            self._catalogue.are_reviews_readable(application),
            is_superseded=declared is not None and declared.digest != digest,
            lot=self._consents.lots.get(key),
        )

    def _read(self, key: Key, digest: str) -> Definition | None:
        text = self._consents.accepted_text(key, digest)
        if not text:
            return None
        from telemetryd.toml import manifest  # noqa: PLC0415 - what reads TOML is imported for a text, not at start

        try:
            definitions = manifest.parse(text).definitions
        except InvalidManifestError:
            return None
        return next((one for one in definitions if one.digest == digest), None)

"""The state of every question. It is evaluated at ticks and when anything changes, never for a sample. Policy: C1, M4.

`evaluate` asks `core.permission.lifecycle` about each question that the user decided on. It stores the new records, and returns what must
be erased and what must be closed. A question without a decision has no record and nothing to erase.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from telemetryd.core.causes import Cause, because
from telemetryd.core.limits import OPEN_QUESTIONS_MAX
from telemetryd.core.permission import lifecycle, obstacle_delay
from telemetryd.core.permission.gate import ApplicationLevels, Circumstances, Decision, Presence, covers, obstacles_without_definition
from telemetryd.core.permission.lifecycle import Effect, State
from telemetryd.core.permission.record import ERASED, UNFINISHED, Outcome, Record, begin_report, mark_lost, record_attempt
from telemetryd.core.privacy import room
from telemetryd.core.privacy.sampling_lot import draw_lot
from telemetryd.engine.budget import Budget
from telemetryd.errors import InvalidManifestError, StorageError
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from telemetryd.core.causes import Reason
    from telemetryd.core.definition import Definition, Key
    from telemetryd.core.permission.lifecycle import Step
    from telemetryd.core.permission.obstacle_delay import Moment
    from telemetryd.core.privacy.ledger import Charge
    from telemetryd.engine.declarations.catalogue import Catalogue, Standpoint
    from telemetryd.engine.ports import Clock, ConsentStore, Randomness

_DISPLACED = because(Cause.GONE, how="displaced", application="").kind
"""The name under which the delay of an evicted registration is counted."""


class OpenPeriod(NamedTuple):
    """The period in which samples of one definition are kept: [begins, closes), Unix s."""

    period: str
    begins: int
    closes: int


class DueWork(NamedTuple):
    """The result for all `decided` questions: those whose tallies and reports are erased, and those whose period is over."""

    erase: list[Key]
    close: list[Definition]
    decided: Collection[Key]


class Outlook(NamedTuple):
    """The next step of each question, its declared definition, the changes of the ledger, and the room of those that wait.

    See `core.privacy.room.Look`.
    """

    steps: dict[Key, Step]
    declared: dict[Key, Definition | None]
    ledger: dict[Key, Charge | None]
    rooms: dict[Key, Reason]


class _QuestionEvaluation(NamedTuple):
    """The result for one question. `definition` is the declared one, else the one that was consented to."""

    step: Step
    declared: Definition | None
    definition: Definition | None


class Questions:
    """The states as of the last evaluation."""

    def __init__(self, catalogue: Catalogue, consents: ConsentStore, clock: Clock, rng: Randomness) -> None:
        self._catalogue, self._consents, self._clock, self._rng = catalogue, consents, clock, rng
        self._budget = Budget(consents)
        self._rooms: dict[Key, Reason] = {}
        """The room of each waiting question at the last evaluation: see `core.privacy.room.Look.waiting`."""
        self._counted: Mapping[Key, Record] = {}
        self._open: frozenset[Key] = frozenset()
        """The questions that are not over, by the records that were last counted."""
        self._accepted: dict[str, Definition | None] = {}
        self._delays: set[str] = set()
        self._open_periods: dict[tuple[Key, str], OpenPeriod] = {}
        """(question, digest) → its period at the last evaluation. Samples use nothing else of what was decided."""

    def evaluate(self, moment: Moment) -> DueWork:
        """Evaluate every question that the user decided on, and store what changed. If it fails, no question is open."""
        self._open_periods = {}
        self._draw_lots()
        *_, outlook = filter(None, self.look(moment))
        steps, self._rooms = outlook.steps, outlook.rooms
        self._delays = {step.record.noticed for step in steps.values()} - {""}
        changed = {key: step.record for key, step in steps.items() if step.record != self.record(key)}
        if changed or outlook.ledger or self._consents.is_owed:
            self._consents.settle(changed, outlook.ledger)
        else:
            self._write_as_much(steps)
        self._open_periods = {
            (key, digest): period
            for key, step in steps.items()
            if self._rooms.get(key, room.YES) == room.YES
            for digest, period in _open_periods_of(outlook.declared[key], step)
        }
        closing = [outlook.declared[key] for key, step in steps.items() if step.effect is Effect.CLOSE]
        return DueWork(
            [key for key, step in steps.items() if step.effect is Effect.ERASE],
            [definition for definition in closing if definition],
            steps.keys(),
        )

    def look(self, moment: Moment) -> Iterator[Outlook | None]:
        """The next step of every question that the user decided on, as the last item. Nothing is stored, and no lot is drawn."""
        evaluations: dict[Key, _QuestionEvaluation] = {}
        for key in self.decided():
            evaluations[key] = self._evaluate_question(key, moment)
            yield None
        steps = {key: evaluation.step for key, evaluation in evaluations.items()}
        declared = {key: evaluation.declared for key, evaluation in evaluations.items()}
        settings = self._catalogue.settings
        if settings.developer:
            yield Outlook(steps, declared, {}, {})
            return
        records = {key: (item.definition, item.step.record) for key, item in evaluations.items()}
        ledger, passed, rooms = self._budget.look(records, settings, moment.wall)
        steps |= {key: lifecycle.pass_without_room(steps[key], reason) for key, reason in passed.items()}
        yield Outlook(steps, declared, ledger, rooms)

    def _write_as_much(self, steps: Mapping[Key, Step]) -> None:
        """Write an unchanged record if a question is open: whether an evaluation changed one is not to be seen by its time. Policy: C3."""
        same = next((key for key, step in steps.items() if step.record.outcome is Outcome.OPEN and not step.record.cause), None)
        if same is not None:
            with suppress(StorageError):  # nothing is lost: the row exists already
                self._consents.settle({same: steps[same].record}, {})

    def is_due(self) -> bool:
        """Whether a delay is over or must begin anew, or a withdrawal or an end is not on disk yet: then an evaluation is due."""
        return self._consents.is_owed or (bool(self._delays) and obstacle_delay.is_due(self._delays, self._clock.moment()))

    def open_period(self, definition: Definition, pusher: str, now: int) -> str:
        """The period that an application's sample counts for, or "" if it is not kept. It is one look-up, whatever was decided."""
        is_covered = self.covers(definition, pusher)
        period = self._open_periods.get((definition.key, definition.digest))
        return period.period if period and is_covered and period.begins <= now < period.closes else ""

    def open_keys(self, now: int) -> list[Key]:
        """The questions whose period is running."""
        return [key for (key, _), period in self._open_periods.items() if period.begins <= now < period.closes]

    def suspend(self, definitions: Iterable[Definition]) -> None:
        """Keep nothing for these definitions until the next evaluation: their declaration changed."""
        for definition in definitions:
            self._open_periods.pop((definition.key, definition.digest), None)

    def suspend_keys(self, keys: Collection[Key]) -> None:
        """Keep nothing for these questions until the next evaluation: they are being erased."""
        self._open_periods = {named: period for named, period in self._open_periods.items() if named[0] not in keys}

    def suspend_all(self) -> None:
        """Keep nothing until the next evaluation: the present state is not known."""
        self._open_periods = {}

    def step(self, definition: Definition) -> Step:
        """One question's state now. Nothing is stored."""
        return self.step_of(definition.key)

    def step_of(self, key: Key) -> Step:
        """One question's state now, even if it is no longer declared.

        A withdrawal applies to the definition that was consented to, even if the manifest is absent or has changed.
        """
        return lifecycle.show_room(self._evaluate_question(key, self._clock.moment()).step, self.room_of(key))

    def room_of(self, key: Key) -> Reason | None:
        """Whether a waiting question has room: see `core.privacy.room.Look.waiting`; None if it does not wait, or has no endpoint."""
        return self._rooms.get(key)

    def definition(self, key: Key) -> Definition | None:
        """The declared definition of a question, else the one that was consented to."""
        return self._catalogue.definition(key) or self.consented(key)

    def consented(self, key: Key) -> Definition | None:
        """The accepted definition of a question's period or report. None if this version cannot read its text."""
        return self._consented(key, self._catalogue.definition(key))

    def _consented(self, key: Key, declared: Definition | None) -> Definition | None:
        accepted = self._consents.decisions.get(key, Decision()).accepted
        drawn = self.record(key).digest
        latest_first = sorted(accepted, key=lambda digest: accepted[digest], reverse=True)
        digest = next((digest for digest in latest_first if drawn in {"", digest}), "")
        if declared and declared.digest == digest:
            return declared
        if digest not in self._accepted:
            self._accepted[digest] = self._read(key, digest)
        return self._accepted[digest]

    def snapshot(self) -> object:
        """A value that changes with every stored record and decision."""
        return dict(self._consents.records), dict(self._consents.decisions)

    def record(self, key: Key) -> Record:
        """The stored record of a question."""
        return self._consents.records.get(key, Record())

    def remember(self, key: Key, record: Record) -> None:
        """Store the record of a question."""
        if record != self.record(key):
            self._consents.set_records({key: record})

    def charge(self, key: Key, host: str) -> bool:
        """Charge what is held for a closed period, before its report is made. False if nothing is held: then no report."""
        entry = self._consents.ledger.get(key)
        if entry is None or entry.is_charged:
            return False
        self._consents.settle({key: begin_report(self.record(key), host)}, {key: entry._replace(is_charged=True)})
        return True

    def erase(self, keys: Iterable[Key]) -> None:
        """Store that the user erased what was collected for these questions."""
        now = self._clock.now()
        self._consents.set_records({key: lifecycle.erase(self.record(key), now).record for key in keys if key in self._consents.records})

    def note_attempts(self, started: Mapping[Key, int]) -> None:
        """Store that these erased reports may have left. `started`: question → when its attempt began (Unix s)."""
        erased = {key: record_attempt(self.record(key), begun) for key, begun in started.items() if self.record(key).report == ERASED}
        if erased:
            self._consents.set_records(erased)

    def forget(self, application: str) -> list[Key]:
        """The user forgot an application: end its running questions and drop the others. Returns all questions concerned.

        Refusals, lots, final states and charges stay, because they protect the user. Policy: C2, M4.
        """
        now = self._clock.now()
        keys = [key for key in self.decided() if key[0] == application]
        steps = {key: lifecycle.erase(self.record(key), now, Cause.FORGOTTEN) for key in keys if key in self._consents.records}
        ended = {key: step.record for key, step in steps.items() if step.record.outcome is not Outcome.OPEN}
        if keys or application in self._consents.applications:
            self._consents.forget(application, ended)
        return keys

    def shut_all(self, cause: Cause) -> list[Key]:
        """Close every question at once. Returns those whose tallies and reports must be erased."""
        now = self._clock.now()
        steps = {key: lifecycle.interrupt(self.record(key), cause, now) for key in self.decided()}
        self._consents.set_records({key: step.record for key, step in steps.items()})
        return [key for key, step in steps.items() if step.effect is Effect.ERASE]

    def note_data_loss(self) -> None:
        """Store that the main database was lost, with all that was collected."""
        now = self._clock.now()
        records = self._consents.records
        lost = {key: mark_lost(record, now) for key, record in records.items()}
        self._consents.set_records({key: record for key, record in lost.items() if record != records[key]})

    def in_state(self, outcome: Outcome) -> list[Key]:
        """The questions with this outcome."""
        return [key for key, record in self._consents.records.items() if record.outcome is outcome]

    def circumstances(self, definition: Definition) -> Circumstances:
        """Everything except its own record that decides whether a question is blocked."""
        key = definition.key
        return self._circumstances(key, definition.digest, self._catalogue.standpoint(key))

    def covers(self, definition: Definition, pusher: str) -> bool:
        """Whether the pushing application's levels permit its part of a question."""
        own = self._consents.applications.get(pusher, ApplicationLevels())
        return covers(definition, self._consents.levels, own, self._catalogue.settings)

    def accepted(self) -> list[Key]:
        """The questions with an accepted definition."""
        return sorted(key for key, decision in self._consents.decisions.items() if decision.accepted)

    def unfinished(self) -> set[Key]:
        """The accepted questions that may have tallies or a queued report."""
        return {key for key in self.accepted() if self.record(key).outcome in UNFINISHED}

    def decided(self) -> list[Key]:
        """The questions with an accepted definition or a record."""
        return sorted({*self.accepted(), *self._consents.records})

    def _draw_lots(self) -> None:
        """Draw a lot for each question that is accepted for the first time."""
        new = [key for key in self.accepted() if key not in self._consents.lots]
        if new:
            self._consents.keep_lots({key: draw_lot(self._rng.below) for key in new})

    def _evaluate_question(self, key: Key, moment: Moment) -> _QuestionEvaluation:
        record, files = self.record(key), self._catalogue.standpoint(key)
        definition = files.definition or self._consented(key, None)
        judged = definition
        if record.outcome is Outcome.REPORTING:
            judged = self._consented(key, files.definition) or definition
        if judged is None:
            obstacles = obstacles_without_definition(key[0], self._circumstances(key, "", files))
            return _QuestionEvaluation(lifecycle.step_without_definition(record, obstacles, moment), None, None)
        circumstances = self._circumstances(key, judged.digest, files)
        return _QuestionEvaluation(lifecycle.step(record, judged, circumstances, moment), files.definition, definition)

    def _circumstances(self, key: Key, digest: str, files: Standpoint) -> Circumstances:
        application, _ = key
        declared, presence = files.definition, files.presence
        if presence is Presence.GONE and obstacle_delay.is_noticed(self.record(key).noticed, _DISPLACED):
            presence = Presence.EVICTED  # an earlier process knew it: the list of evicted applications is in memory only
        return Circumstances(
            files.settings,
            self._consents.levels,
            self._consents.applications.get(application, ApplicationLevels()),
            self._consents.decisions.get(key, Decision()),
            files.standing,
            Presence.DROPPED if declared is None and presence is Presence.PRESENT else presence,
            files.are_reviews_readable,
            is_superseded=declared is not None and declared.digest != digest,
            lot=self._consents.lots.get(key),
            is_full=self._is_full_for(key),
        )

    def _is_full_for(self, key: Key) -> bool:
        """Whether one more acceptance would be refused. Records are counted once, because they are replaced and never changed in place."""
        if len(self._consents.records) < OPEN_QUESTIONS_MAX:
            return False
        if self._counted is not self._consents.records:
            self._counted, self._open = self._consents.records, frozenset(self.in_state(Outcome.OPEN))
        return len(self._open) >= OPEN_QUESTIONS_MAX and key not in self._open

    def _read(self, key: Key, digest: str) -> Definition | None:
        text = self._consents.accepted_text(key, digest)
        if not text:
            return None
        from telemetryd.toml import manifest  # noqa: PLC0415 - what reads TOML is imported for a text, not at start

        try:
            definitions = manifest.parse(text).definitions
        except InvalidManifestError:
            return None
        return next((definition for definition in definitions if definition.digest == digest), None)


def _open_periods_of(definition: Definition | None, step: Step) -> list[tuple[str, OpenPeriod]]:
    """The period of the declared definition, if it is open or will open when the period begins. Empty while anything blocks it."""
    record = step.record
    is_open = step.is_collecting or (step.state is State.WAITING and record.outcome is Outcome.OPEN and not record.cause)
    if definition is None or not is_open or not record.begins:
        return []
    return [(definition.digest, OpenPeriod(record.period, record.begins, record.closes))]

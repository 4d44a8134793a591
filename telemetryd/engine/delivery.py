"""Due work: closes periods, keeps the history short, and hands at most one report to the uploader. Policy: M4, A2."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from telemetryd.core.answers import report
from telemetryd.core.definition import canonical_text
from telemetryd.core.limits import JOB_MAX_S
from telemetryd.core.permission.record import Outcome, record_delivery, record_developer_report
from telemetryd.core.sending import hindrance, schedule, sparing
from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import Queued, Result, Window
from telemetryd.core.sending.ticks import Ticks, first_hour
from telemetryd.engine.attempts import Attempt
from telemetryd.engine.durability import CLOSED, Point
from telemetryd.engine.ports import UNKNOWN, ending_of
from telemetryd.errors import BusyError, NotDeveloperError, StorageError, TelemetrydError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from telemetryd.core.sending.schedule import Delivery
    from telemetryd.core.settings import Problem
    from telemetryd.engine.attempts import Sending
    from telemetryd.engine.choices.decisions import Decisions
    from telemetryd.engine.choices.new_questions import NewQuestions
    from telemetryd.engine.declarations.catalogue import Catalogue
    from telemetryd.engine.durability import Steps
    from telemetryd.engine.ports import Clock, Courier, Randomness, ReportStore, StoredReport
    from telemetryd.engine.question_states import Questions
    from telemetryd.engine.samples.erasure import Erasure
    from telemetryd.engine.samples.sampling import Sampling
    from telemetryd.problem_log import ProblemLog

_LOG = logging.getLogger(__name__)

T = TypeVar("T")

_IMITATED_MAX_S = 2
"""Longest wait of a tick without a report before it uses the disk, as a tick does after a delivery."""
_TICK_FAILED, _TICKS_NOT_SAVED = "a tick could not do its work: %s", "running time could not be kept: %s"
_SECOND_PARTS = 1_000_000
"""Resolution of random waits: an observer of arrivals cannot resolve less than a microsecond."""
_DROPPED = "dropped"


class Run(Protocol):
    """Runs steps when it is their turn."""

    async def __call__(self, steps: Steps[T]) -> T:
        """The result of the steps."""


class Deliveries:
    """One tick in each hour of running time. Reports are sent at no other moment.

    `run` runs steps when it is their turn. `may_act` says whether the state directory is still the one at its path. `has_time` says whether
    a delivery would end before the process exits because it is idle. `is_sparing` says whether the line is metered or power is saved.
    """

    def __init__(  # noqa: PLR0913 - by keyword: what the composition root puts in place
        self,
        *,
        catalogue: Catalogue,
        questions: Questions,
        choices: Decisions,
        new_questions: NewQuestions,
        sampling: Sampling,
        reports: ReportStore,
        courier: Courier,
        clock: Clock,
        rng: Randomness,
        erasure: Erasure,
        sending: Sending,
        run: Run,
        may_act: Callable[[], bool],
        has_time: Callable[[], bool],
        is_sparing: Callable[[], Awaitable[bool]],
        troubles: ProblemLog,
    ) -> None:
        self._catalogue, self._questions, self._sampling = catalogue, questions, sampling
        self._choices, self._new_questions = choices, new_questions
        self._reports, self._courier, self._clock, self._rng = reports, courier, clock, rng
        self._erasure, self._sending, self._run, self._troubles = erasure, sending, run, troubles
        self._may_act, self._has_time, self._is_sparing = may_act, has_time, is_sparing
        self._ticks, self._late_day = self._load_ticks()
        self._seen = clock.monotonic()

    async def run_once(self) -> None:
        """Wait for the next possible tick, and do what is due if it is one."""
        await asyncio.sleep(self._wait_s())
        if not self._may_act():
            return
        is_due = self.advance()
        self.save_ticks()
        if is_due and not await self.tick():
            await self._imitate_delivery()

    def start_by_timer(self) -> float | None:
        """Start a process of the timer. Returns the seconds until `run_by_timer_steps`, or None if no tick is near.

        The time since the last run counts, up to the timer's interval.
        """
        now = self._clock.now()
        self._ticks = self._ticks.resume(now, now - self._ticks.seen, self._rng.below)
        self.save_ticks()
        return None if self._ticks.tick_in_s is None else self._wait_s()

    def run_by_timer_steps(self, *, is_sparing: bool) -> Steps[Attempt | None]:
        """The timer's run, up to the attempt that the caller has to `deliver` and `conclude`, if there is one."""
        is_due = self.advance(self._clock.now() - self._ticks.seen)
        self.save_ticks()
        return (yield from self.begin_tick_steps(is_sparing=is_sparing)) if is_due else None

    def advance(self, elapsed_s: int | None = None) -> bool:
        """Count running time: these seconds, or those since the last call. True if a tick is due."""
        now = self._clock.now()
        if elapsed_s is None:
            elapsed_s = int(self._clock.monotonic() - self._seen)
            self._seen += elapsed_s
        self._ticks, is_due = self._ticks.advance(now, elapsed_s, self._rng.below)
        self._late_day = min(self._late_day, schedule.day_of(now))  # correcting a fast clock must not allow a second report today
        return is_due

    async def tick(self) -> bool:
        """Do everything that is due now. True if a report was sent."""
        try:
            is_sparing = await self._is_sparing()  # asked whatever is due, because programs can see that it is
            attempt = await self._run(self.begin_tick_steps(is_sparing=is_sparing))
            if attempt:
                await self._complete(attempt)
        except TelemetrydError as error:
            self._note_failure(error)
            return False
        self._troubles.solved(_TICK_FAILED)
        return bool(attempt)

    async def _imitate_delivery(self) -> None:
        """Use the disk as after a delivery, so that nobody can tell whether a report was sent. Policy: C3."""
        await asyncio.sleep(self._rng.below(_SECOND_PARTS) / _SECOND_PARTS * _IMITATED_MAX_S)
        try:
            await self._run(self._erasure.finish_steps())
        except TelemetrydError as error:
            self._note_failure(error)

    def _note_failure(self, error: TelemetrydError) -> None:
        """Warn of a tick's failure. A tick of files that were closed meanwhile is over, and that is no trouble."""
        if str(error) != CLOSED:
            self._troubles.warn_once(_LOG, _TICK_FAILED, error)

    def begin_tick_steps(self, *, is_sparing: bool) -> Steps[Attempt | None]:
        """A tick, up to the network."""
        yield from self.tidy_steps()
        attempt = self._begin_next(is_sparing=is_sparing) if self._sampling.is_in_mode and self._has_time() else None
        yield Point.SYNCED  # an attempt is on the disk before any byte is sent
        return attempt

    def tidy_steps(self) -> Steps[None]:
        """Check files and questions, close periods that are over, finish erasures, and drop what is too old to send or to keep.

        An attempt whose process ended without an outcome is over too: bytes may have left, so the report never leaves again.
        """
        yield from self._sampling.reload_steps()
        if not self._sampling.is_in_mode:
            return
        yield from self._sampling.recover_steps()
        yield from self._choices.erase_owed_steps()
        yield from self._sampling.decide_steps()
        if self._new_questions.accept():
            yield from self._sampling.decide_steps()
        now = self._clock.now()
        for row in self._reports.queue():
            if self._is_under_way(row):
                continue
            if row.started or schedule.is_expired(_queued(row).window, now):
                interrupted = row._replace(outcome=UNKNOWN, held=Hindrance.INTERRUPTED)
                self._finish(interrupted if row.started else row._replace(outcome=_DROPPED))
        while self._reports.prune(now):
            yield Point.SYNCED
        yield from self._erasure.finish_steps()

    async def submit(self) -> None:
        """Developer mode: close the running periods and send every report at once. Raises NotDeveloperError, or BusyError at an exit."""
        if not self._catalogue.settings.developer:
            raise NotDeveloperError("Submit works in developer mode only: set developer = true in your telemetryd.toml")
        await self._run(self._sampling.close_running_steps())
        for row in self._reports.queue():
            await self.send(row)
        await self._run(self._erasure.finish_steps())
        if self._sending.is_over:
            raise BusyError("telemetryd was told to exit, so sending was broken off; History has the outcomes")

    async def send(self, row: StoredReport) -> None:
        """One attempt, if the report may be sent."""
        attempt = await self._run(self._begin_attempt_steps(row))
        if attempt:
            await self._complete(attempt)

    async def deliver(self, attempt: Attempt) -> Delivery:
        """Hand an attempt to the uploader. No database is used, but if it is cancelled: a report that surely was not sent waits again."""
        on_unsent = partial(self._take_back, attempt.row)
        return await self._courier.deliver(attempt.endpoint, attempt.row.body, attempt.definition, on_unsent=on_unsent)

    def _take_back(self, row: StoredReport) -> None:
        """Let a report of which surely nothing was sent wait for another slot."""
        with suppress(StorageError):  # then the outcome is unknown, and the next process says so
            self._reports.hold(row._replace(slot=self._next_slot(row)))

    def stop(self) -> None:
        """Abort what is under way before an exit, and begin nothing more."""
        self._sending.stop()

    async def end(self) -> None:
        """Abort what is under way before an exit, and wait until that is stored."""
        await self._sending.end()

    def problems(self) -> list[Problem]:
        """The problems of this installation that hold reports back."""
        settings = self._catalogue.settings
        held = ((word, settings.endpoint(vendor)) for vendor, word in self._reports.held() if hindrance.is_problem(word))
        return [hindrance.problem(word, endpoint) for word, endpoint in held if endpoint]

    def _wait_s(self) -> float:
        """Seconds until the next run. A tick's has a random part of a second: else all ticks share that of the process's start."""
        part = self._rng.below(_SECOND_PARTS) / _SECOND_PARTS
        return self._ticks.wait_s if self._ticks.tick_in_s is None else self._ticks.wait_s + part

    def _begin_next(self, *, is_sparing: bool) -> Attempt | None:
        rows = {row.id: row for row in self._reports.queue() if self._may_send(row)}
        choice = schedule.choose(map(_queued, rows.values()), self._ticks, self._late_day, self._rng.below)
        if choice is None or (is_sparing and self._postpone(rows[choice.id])):
            return None
        if choice.is_late:
            self._late_day = schedule.day_of(self._clock.now())
            self.save_ticks()
        return self._begin_attempt(rows[choice.id])

    def _postpone(self, row: StoredReport) -> bool:
        """Let a report wait for another line or for power, if it may wait. It is not a try."""
        window, now = _queued(row).window, self._clock.now()
        may_wait = sparing.may_wait(window, now) and not self._catalogue.settings.developer
        if may_wait:
            self._reports.hold(row._replace(slot=sparing.later_slot(window, now, self._rng.below)))
        return may_wait

    def _may_send(self, row: StoredReport) -> bool:
        """Whether the report may be sent: consented to, no kill switch, no unreadable file, an endpoint, and no attempt ever begun.

        An attempt that surely sent nothing has been taken back, and does not count.
        """
        settings, record = self._catalogue.settings, self._questions.record(row.key)
        is_wanted = settings.developer or (record.outcome is Outcome.REPORTING and not record.cause)
        endpoint = settings.endpoint(row.vendor)
        is_new = not row.started and row.key not in self._sending and not self._sending.is_over
        return is_wanted and not settings.kill_switches and endpoint is not None and is_new

    def _is_under_way(self, row: StoredReport) -> bool:
        """Whether the report may be being sent, by this process or by the timer's, which delivers without the lock."""
        return row.key in self._sending or (row.started > 0 and 0 <= self._clock.now() - row.started < JOB_MAX_S)

    def _begin_attempt(self, row: StoredReport) -> Attempt | None:
        """Store an attempt before any byte is sent. None if the report may not be sent."""
        endpoint = self._catalogue.settings.endpoint(row.vendor)
        if endpoint is None or not self._may_send(row):
            return None
        # The configuration may have changed since the report was made: the history shows where this attempt goes, with which headers.
        headers = report.request_headers(endpoint.url, endpoint.ohttp_relay)
        row = row._replace(url=endpoint.url, headers=headers, started=self._clock.now())
        return Attempt(endpoint, row, self._definition(row)) if self._reports.start(row) else None

    def _definition(self, row: StoredReport) -> str:
        """The canonical text of the question that the report answers, or "" if this version cannot read it."""
        definition = self._questions.consented(row.key)
        return canonical_text(definition) if definition and definition.revision == row.revision else ""

    def _begin_attempt_steps(self, row: StoredReport) -> Steps[Attempt | None]:
        """One attempt, if the report may be sent."""
        attempt = self._begin_attempt(row)
        yield Point.SYNCED
        return attempt

    async def _complete(self, attempt: Attempt) -> None:
        """Deliver the attempt, and store its result."""
        if self._sending.is_over:  # while the attempt was written to the disk
            self._take_back(attempt.row)
            return
        delivery = await self._sending.run(attempt.row.key, self.deliver(attempt))
        if delivery is not None:
            await self._run(self._conclude_steps(attempt.row, delivery))

    def _conclude_steps(self, row: StoredReport, delivery: Delivery) -> Steps[None]:
        ended = self.conclude(row, delivery)
        if ended:
            self._remember(ended)
        yield from self._erasure.finish_steps()

    def conclude(self, row: StoredReport, delivery: Delivery) -> StoredReport | None:
        """Store the result of an attempt, in one transaction. Returns the report if it is over.

        It is None if the report waits for another slot, or if the row was erased meanwhile: then it stays erased.
        """
        if delivery.result is Result.HELD:
            tries = hindrance.with_try(row.tries, self._clock.now(), delivery.hindrance)
            self._reports.hold(row._replace(slot=self._next_slot(row), held=delivery.hindrance, tries=tries))
            return None
        ended = row._replace(outcome=str(delivery.result), status=delivery.status, held=delivery.hindrance)
        return ended if self._reports.finish(ended, body=report.blank_nonce(row.body)) else None

    def _next_slot(self, row: StoredReport) -> int:
        return schedule.next_slot(_queued(row).window, self._clock.now(), self._rng.below)

    def _finish(self, row: StoredReport) -> None:
        """End a report without a status, by its outcome."""
        if self._reports.finish(row, body=report.blank_nonce(row.body)):
            self._remember(row)

    def _remember(self, row: StoredReport) -> None:
        """Store the end of a report with its question."""
        record = self._questions.record(row.key)
        if record.outcome is Outcome.REPORTING:
            self._questions.remember(row.key, record_delivery(record, ending_of(row)))
        elif self._catalogue.settings.developer:
            self._questions.remember(row.key, record_developer_report(record, ending_of(row)))
        self._erasure.begin()  # of the nonce: the database's log holds the former row until it is emptied

    @property
    def last_work(self) -> int:
        """When due work was last looked for (Unix s), by this process or an earlier one; 0 while no question is open."""
        return self._ticks.seen if self._is_anything_open else 0

    @property
    def _is_anything_open(self) -> bool:
        """Whether a question waits for its period or for a tick."""
        records = map(self._questions.record, self._questions.accepted())
        return any(record.outcome in {Outcome.OPEN, Outcome.REPORTING} and not record.cause for record in records)

    def _load_ticks(self) -> tuple[Ticks, int]:
        now = self._clock.now()
        stored = self._reports.ticks()
        if not stored:
            return first_hour(now, self._rng.below), -1
        *fields, late_day = stored
        return Ticks._make(fields), late_day

    def save_ticks(self) -> None:
        """Store the running time, which counts across sessions. It is stored only while a question waits: without consent nothing is."""
        if self._is_anything_open:
            try:
                self._reports.keep_ticks((*self._ticks, self._late_day))
            except TelemetrydError as error:
                self._troubles.warn_once(_LOG, _TICKS_NOT_SAVED, error)
            else:
                self._troubles.solved(_TICKS_NOT_SAVED)


def _queued(row: StoredReport) -> Queued:
    return Queued(row.id, Window(row.opens, row.closes), row.slot)

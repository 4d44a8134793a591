"""Due work: closes periods, keeps the history short, and hands at most one report to the uploader. Policy: M4, A2."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from telemetryd.core import hindrance, lifecycle, report, schedule
from telemetryd.core.definition import canonical_text
from telemetryd.core.lifecycle import Outcome
from telemetryd.core.limits import JOB_MAX_S
from telemetryd.core.schedule import Queued, Result, Ticks, Window
from telemetryd.engine.durability import Point
from telemetryd.errors import NotDeveloperError, TelemetrydError
from telemetryd.problem_log import Troubles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from telemetryd.core.schedule import Delivery
    from telemetryd.core.settings import Endpoint, Problem
    from telemetryd.engine.catalogue import Catalogue
    from telemetryd.engine.decisions import Choices
    from telemetryd.engine.durability import Steps
    from telemetryd.engine.erasure import Erasure
    from telemetryd.engine.ports import Clock, Courier, Key, Randomness, Reports, StoredReport
    from telemetryd.engine.questions import Questions
    from telemetryd.engine.sampling import Daemon

_LOG = logging.getLogger(__name__)

T = TypeVar("T")

_PRETENDED_S = 2
"""Longest time after which a tick without a report does what another one does when its report has arrived."""
_UNDONE, _UNKEPT = "a tick could not do its work: %s", "running time could not be kept: %s"
_SECOND_PARTS = 1_000_000
"""Parts of a second that can be told apart by whoever sees a report arrive."""
_FINAL = {Result.ACCEPTED: "accepted", Result.ANSWERED: "answered", Result.SUSPENDED: "suspended", Result.REJECTED: "dropped"}


class Parts(NamedTuple):
    """What due work needs."""

    catalogue: Catalogue
    questions: Questions
    choices: Choices
    daemon: Daemon
    reports: Reports
    courier: Courier
    clock: Clock
    chance: Randomness
    erasure: Erasure
    run: Run


class Run(Protocol):
    """Takes steps when it is their turn."""

    async def __call__(self, steps: Steps[T]) -> T:
        """What the steps give."""


class Try(NamedTuple):
    """One try of a report that is written down as begun; `row` is the report before it, `definition` the canonical text consented to."""

    endpoint: Endpoint
    row: StoredReport
    definition: str


class Ticker:
    """One tick in each hour of running time; reports leave at no other moment."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.troubles = Troubles()
        self._sending: dict[Key, asyncio.Task[Delivery]] = {}
        self._ticks, self._late_day = self._load_ticks()
        self._seen = parts.clock.monotonic()
        self.may_act: Callable[[], bool] = lambda: True
        """Whether the databases are still those at their place."""

    async def run_once(self) -> None:
        """Wait for the next moment that may be a tick, and do what is due if it is one."""
        await asyncio.sleep(self._wait_s())
        if not self.may_act():
            return
        is_due = self.advance()
        self.keep()
        if is_due and not await self.tick():
            await self._pretend()

    def start_by_timer(self) -> float | None:
        """The first run of a process that the timer started; seconds to wait for `run_by_timer`, or None: there is no tick to wait for.

        The time since the last run counts, up to the timer's interval.
        """
        now = self._parts.clock.now()
        self._ticks = self._ticks.resume(now, now - self._ticks.seen, self._parts.chance.below)
        self.keep()
        return None if self._ticks.tick_in_s is None else self._wait_s()

    def running_by_timer(self) -> Steps[Try | None]:
        """The run for which that process waited, up to the try that it has to `deliver` and to `conclude`, if there is one."""
        is_due = self.advance(self._parts.clock.now() - self._ticks.seen)
        self.keep()
        return (yield from self.beginning()) if is_due else None

    def advance(self, elapsed_s: int | None = None) -> bool:
        """Count running time: so many seconds, or as the clock says since the last time; True at a tick's moment."""
        now = self._parts.clock.now()
        if elapsed_s is None:
            elapsed_s = int(self._parts.clock.monotonic() - self._seen)
            self._seen += elapsed_s
        self._ticks, is_due = self._ticks.advance(now, elapsed_s, self._parts.chance.below)
        self._late_day = min(self._late_day, schedule.day_of(now))  # a clock that was fast: set right it frees no second report today
        return is_due

    async def tick(self) -> bool:
        """Everything that is due now; whether a report was sent."""
        try:
            begun = await self._parts.run(self.beginning())
            if begun:
                await self._complete(begun)
        except TelemetrydError as error:
            self.troubles.say(_LOG, _UNDONE, error)
            return False
        self.troubles.over(_UNDONE)
        return bool(begun)

    async def _pretend(self) -> None:
        """A tick without a report has the disk do what it does after one: so it tells nobody whether anything was sent. Policy: C3."""
        await asyncio.sleep(self._parts.chance.below(_SECOND_PARTS) / _SECOND_PARTS * _PRETENDED_S)
        try:
            await self._parts.run(self._parts.erasure.finishing())
        except TelemetrydError as error:
            self.troubles.say(_LOG, _UNDONE, error)

    def beginning(self) -> Steps[Try | None]:
        """A tick up to the network."""
        yield from self.tidying()
        begun = self._begin_one() if self._parts.daemon.is_in_mode else None
        yield Point.SYNCED  # a try is written down before any byte leaves
        return begun

    def tidying(self) -> Steps[None]:
        """Look at files and questions anew, close what is over, finish erasures, drop what is too old to send or to keep."""
        yield from self._parts.daemon.reloading()
        if not self._parts.daemon.is_in_mode:
            return
        yield from self._parts.daemon.recovering()
        yield from self._parts.choices.owing()
        yield from self._parts.daemon.deciding()
        if self._parts.choices.accept_known():
            yield from self._parts.daemon.deciding()
        now = self._parts.clock.now()
        for row in self._parts.reports.queue():
            if not self._is_under_way(row) and schedule.is_over(_queued(row), now):
                self._finish(row, "dropped", row.status)
        while self._parts.reports.prune(now):
            yield Point.SYNCED
        yield from self._parts.erasure.finishing()

    async def submit(self) -> None:
        """Developer mode: close the running periods and send every report at once. Raises NotDeveloperError."""
        if not self._parts.catalogue.settings.developer:
            raise NotDeveloperError("Submit works in developer mode only: set developer = true in your telemetryd.toml")
        await self._parts.run(self._parts.daemon.closing_running())
        for row in self._parts.reports.queue():
            await self.send(row)
        await self._parts.run(self._parts.erasure.finishing())

    async def send(self, row: StoredReport) -> None:
        """One try, if the report may be sent."""
        begun = await self._parts.run(self._beginning_of(row))
        if begun:
            await self._complete(begun)

    async def deliver(self, begun: Try) -> Delivery:
        """Hand a try to the uploader; touches no database."""
        return await self._parts.courier.deliver(begun.endpoint, begun.row.body, begun.definition)

    def problems(self) -> list[Problem]:
        """What of our own is in the way of reports that wait."""
        settings = self._parts.catalogue.settings
        found = ((word, settings.endpoint(vendor)) for vendor, word in self._parts.reports.held())
        return [hindrance.problem(word, endpoint) for word, endpoint in found if endpoint]

    def abort_all(self) -> None:
        """Break off everything: other databases are opened."""
        self.abort(list(self._sending))

    def abort(self, keys: Iterable[Key]) -> None:
        """Break off sending what is erased; bytes that have left cannot be called back, and the history says so."""
        for key in keys:
            if key in self._sending:
                self._sending[key].cancel()

    def _wait_s(self) -> float:
        """Seconds until the next run; a tick's with a random part of a second, for whole ones would keep that of the process's start."""
        part = self._parts.chance.below(_SECOND_PARTS) / _SECOND_PARTS
        return self._ticks.wait_s if self._ticks.tick_in_s is None else self._ticks.wait_s + part

    def _begin_one(self) -> Try | None:
        rows = {row.id: row for row in self._parts.reports.queue() if self._may_send(row)}
        choice = schedule.choose(map(_queued, rows.values()), self._ticks, self._late_day, self._parts.chance.below)
        if choice is None:
            return None
        if choice.is_late:
            self._late_day = schedule.day_of(self._parts.clock.now())
            self.keep()
        return self._begin(rows[choice.id])

    def _may_send(self, row: StoredReport) -> bool:
        """Whether nothing stops or pauses the report: consented to, no kill switch, nothing unreadable, its endpoint is there."""
        settings, record = self._parts.catalogue.settings, self._parts.questions.record(row.key)
        is_wanted = settings.developer or (record.outcome is Outcome.REPORTING and not record.closed_cause)
        endpoint = settings.endpoint(row.vendor)
        return is_wanted and not settings.kill_switches and endpoint is not None and not self._is_under_way(row)

    def _is_under_way(self, row: StoredReport) -> bool:
        """Whether the report is being sent, by this process or perhaps by the timer's, which delivers without the lock."""
        return row.key in self._sending or (row.started > 0 and 0 <= self._parts.clock.now() - row.started < JOB_MAX_S)

    def _begin(self, row: StoredReport) -> Try | None:
        """Write a try down before any byte leaves; None if the report may not be sent."""
        endpoint = self._parts.catalogue.settings.endpoint(row.vendor)
        if endpoint is None or not self._may_send(row):
            return None
        now = self._parts.clock.now()
        # The configuration may have changed since the report was made; the history says where this try goes, and with what.
        row = row._replace(url=endpoint.url, headers=report.request_headers(endpoint.url, endpoint.ohttp_relay))
        self._parts.reports.start(row, now, schedule.retry_at(now))
        return Try(endpoint, row, self._definition(row))

    def _definition(self, row: StoredReport) -> str:
        """The canonical text of what the report answers; "" where this version cannot read it."""
        definition = self._parts.questions.consented(row.key)
        return canonical_text(definition) if definition and definition.revision == row.revision else ""

    def _beginning_of(self, row: StoredReport) -> Steps[Try | None]:
        """One try, if the report may be sent."""
        begun = self._begin(row)
        yield Point.SYNCED
        return begun

    async def _complete(self, begun: Try) -> None:
        """Deliver, and complete what was written down."""
        row = begun.row
        task = asyncio.ensure_future(self.deliver(begun))
        self._sending[row.key] = task
        try:
            delivery = await task
        except asyncio.CancelledError:
            running = asyncio.current_task()
            if running and running.cancelling():
                raise
            return
        finally:
            self._sending.pop(row.key, None)
        await self._parts.run(self._concluding(row, delivery))

    def _concluding(self, row: StoredReport, delivery: Delivery) -> Steps[None]:
        outcome = conclude(self._parts.reports, row, delivery, self._parts.clock.now())
        if outcome:
            self._remember(row, outcome)
        yield from self._parts.erasure.finishing()

    def _finish(self, row: StoredReport, outcome: str, status: int) -> None:
        """The report's life is over without another try."""
        if self._parts.reports.finish(row, outcome, status=status, body=report.blank_nonce(row.body)):
            self._remember(row, outcome)

    def _remember(self, row: StoredReport, outcome: str) -> None:
        record = self._parts.questions.record(row.key)
        if record.outcome is Outcome.REPORTING:
            self._parts.questions.remember(row.key, lifecycle.delivered(record, outcome))
        self._parts.erasure.begin()  # of the nonce: the database's log holds the row as it was until it is emptied

    def _load_ticks(self) -> tuple[Ticks, int]:
        now = self._parts.clock.now()
        kept = self._parts.reports.ticks()
        if not kept:
            return schedule.first_hour(now, self._parts.chance.below), -1
        *fields, late_day = kept
        return Ticks._make(fields), late_day

    def keep(self) -> None:
        """Running time counts over sessions, however short; it is kept only while something waits: without consent nothing is written."""
        records = map(self._parts.questions.record, self._parts.questions.accepted())
        if any(record.outcome in {Outcome.OPEN, Outcome.REPORTING} and not record.closed_cause for record in records):
            try:
                self._parts.reports.keep_ticks((*self._ticks, self._late_day))
            except TelemetrydError as error:
                self.troubles.say(_LOG, _UNKEPT, error)
            else:
                self.troubles.over(_UNKEPT)


def conclude(reports: Reports, row: StoredReport, delivery: Delivery, now: int) -> str:
    """Write down what became of a try, in one transaction; gives what became of the report.

    "" if another try is possible, or if the row was erased meanwhile: then it stays so.
    """
    next_try = schedule.next_try(row.tries + 1, now, delivery)
    if next_try is not None and delivery.hindrance:
        reports.hold(row, next_try, delivery.hindrance)
        return ""
    if next_try is not None:
        reports.postpone(row, next_try, delivery.status)
        return ""
    outcome = _FINAL.get(delivery.result, "dropped")
    return outcome if reports.finish(row, outcome, status=delivery.status, body=report.blank_nonce(row.body)) else ""


def _queued(row: StoredReport) -> Queued:
    return Queued(row.id, Window(row.opens, row.closes), row.slot, row.tries, row.not_before)

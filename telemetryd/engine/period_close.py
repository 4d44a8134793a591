"""A period's end: tallies become a report in the queue, or the question is passed. Also the preview, by the same code. Policy: M3, T2.

Two files cannot be changed in one transaction, so the order is: the tally has a row; the consent file gets the charge and says *reporting*;
both are on the disk; then the main file gets the report and loses the tallies in one transaction. `recover` finishes what a crash left
between these steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core import aggregate, lifecycle, noise, report, schedule
from telemetryd.core.lifecycle import Outcome
from telemetryd.engine.budget import NO_BUDGET
from telemetryd.engine.durability import Point
from telemetryd.engine.ports import StoredReport

if TYPE_CHECKING:
    from collections.abc import Iterable

    from telemetryd.core.definition import Definition
    from telemetryd.core.settings import Endpoint
    from telemetryd.engine.catalogue import Catalogue
    from telemetryd.engine.durability import Steps
    from telemetryd.engine.ports import Clock, Key, Randomness, Reports
    from telemetryd.engine.questions import Questions
    from telemetryd.engine.tallies import RunningTallies

NO_ENDPOINT = "no endpoint"
_NONCE_BITS = 128


class Parts(NamedTuple):
    """What closing needs."""

    catalogue: Catalogue
    questions: Questions
    tallies: RunningTallies
    reports: Reports
    clock: Clock
    chance: Randomness


class Closing:
    """Makes reports; one question, one period, one report."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def closing(self, definitions: Iterable[Definition]) -> Steps[None]:
        """End questions' periods: queue their reports, or pass them where the vendor has no endpoint or the budget no room.

        The disk is waited for once, whether there is anything to close or not: nobody can tell by it. Policy: C3.
        """
        charged = [(definition, endpoint) for definition in definitions if (endpoint := self._charge(definition))]
        yield Point.SYNCED
        for definition, endpoint in charged:
            self._put(definition, endpoint)

    def preview(self, definition: Definition, period: str) -> bytes:
        """The report as it would be sent if the period closed now, but for what chance adds: before noise, with a blank nonce."""
        return self._encode(definition, period, self._true_cell(definition, period), report.BLANK_NONCE)

    def erase(self, keys: Iterable[Key]) -> bool:
        """Erase the queued reports of questions; True if there were any."""
        gone = set(keys)
        doomed = {one.key for one in self._parts.reports.queue() if one.key in gone}
        if doomed:
            self._parts.reports.erase(sorted(doomed))
        return bool(doomed)

    def queued(self) -> set[Key]:
        """Questions with a queued report."""
        return {one.key for one in self._parts.reports.queue()}

    def orphans(self) -> set[Key]:
        """Questions with a queued report of which nothing is remembered: their consent was lost, so the report goes too."""
        if self._parts.catalogue.settings.developer:
            return set()
        wanted = set(self._parts.questions.in_state(Outcome.REPORTING))
        return self.queued() - wanted

    def note_outcomes(self) -> bool:
        """Remember what became of reports that another run delivered; True if there is news."""
        news = [(key, row) for key, row in self._reporting() if row and row.outcome != _QUEUED]
        for key, row in news:
            self._parts.questions.remember(key, lifecycle.delivered(self._parts.questions.record(key), row.outcome))
        return bool(news)

    def recover(self) -> None:
        """Finish what a crash left: a report that was promised and not made.

        It is lost only if that is known: neither while a file of the configuration cannot be read, nor while nobody knows its definition.
        """
        if any(switch.what == "unreadable" for switch in self._parts.catalogue.settings.kill_switches):
            return
        for key, row in self._reporting():
            if row:
                continue
            record = self._parts.questions.record(key)
            definition = self._parts.questions.consented(key)
            endpoint = self._parts.catalogue.settings.endpoint(definition.application.vendor) if definition else None
            is_meant = endpoint is not None and endpoint.way == record.host
            if definition and endpoint and is_meant and self._parts.tallies.of(key, record.period):
                self._put(definition, endpoint)
            elif definition or self._parts.catalogue.definition(key):
                self._parts.questions.remember(key, lifecycle.answered(record, "lost"))

    def _charge(self, definition: Definition) -> Endpoint | None:
        """Where the report of a period that is over goes, once it may be made; None if there is none."""
        endpoint = self._parts.catalogue.settings.endpoint(definition.application.vendor)
        if self._parts.catalogue.settings.developer:
            self._close_for_developer(definition, endpoint)
            return None
        if endpoint is None:
            self._pass(definition.key, NO_ENDPOINT)
            return None
        self._keep_row(definition, self._parts.questions.record(definition.key).period)
        if self._parts.questions.charge(definition.key, endpoint.way):
            return endpoint
        self._pass(definition.key, NO_BUDGET)
        return None

    def _close_for_developer(self, definition: Definition, endpoint: Endpoint | None) -> None:
        if endpoint:
            self._put(definition, endpoint)
        else:
            self._parts.tallies.erase([definition.key])
        self._parts.questions.remember(definition.key, lifecycle.Record())

    def _pass(self, key: Key, reason: str) -> None:
        self._parts.questions.remember(key, lifecycle.passed(self._parts.questions.record(key), reason))
        self._parts.tallies.erase([key])

    def _true_cell(self, definition: Definition, period: str) -> int:
        slots = aggregate.layout(definition, ())
        tallies = self._parts.tallies.of(definition.key, period)
        bins = aggregate.answer(slots, aggregate.merge(slots, (tally.cells for tally in tallies)))
        return report.cell_of_bins(definition, bins)

    @staticmethod
    def _encode(definition: Definition, period: str, cell: int, nonce: str) -> bytes:
        """The bytes of a report: what is sent and what the preview shows come from here."""
        answer = report.label_of_cell(definition, cell)
        return report.encode(report.Report(*definition.key, definition.revision, period, answer, definition.question.epsilon, nonce))

    def _reporting(self) -> list[tuple[Key, StoredReport | None]]:
        """Every question whose report was promised, with its row."""
        keys = self._parts.questions.in_state(Outcome.REPORTING)
        return [(key, self._parts.reports.newest(key, self._parts.questions.record(key).period)) for key in keys]

    def _keep_row(self, definition: Definition, period: str) -> None:
        """A question without any sample has a row too from here on: without one, recovery would take it for lost."""
        slots = self._parts.catalogue.slots(definition)
        self._parts.tallies.keep(self._parts.tallies.get(definition.key, definition.application.id, period, slots))

    def _put(self, definition: Definition, endpoint: Endpoint) -> None:
        """Noise, nonce and slot are drawn here; the true answer is erased in the transaction that keeps the noisy one."""
        record, draw = self._parts.questions.record(definition.key), self._parts.chance.below
        window = schedule.window(record.begins, record.closes)
        cell = noise.respond(self._true_cell(definition, record.period), definition.cells, definition.question.epsilon, draw)
        nonce = f"{draw(1 << _NONCE_BITS):032x}"
        row = StoredReport(
            id=0,
            application=definition.application.id,
            question=definition.question.id,
            revision=definition.revision,
            period=record.period,
            vendor=endpoint.vendor,
            url=endpoint.url,
            headers=report.request_headers(endpoint.url, endpoint.ohttp_relay),
            body=self._encode(definition, record.period, cell, nonce),
            created=self._parts.clock.now(),
            slot=schedule.slot(window, draw),
            opens=window.start,
            closes=window.end,
        )
        self._parts.reports.put(row)
        self._parts.tallies.forget(definition.key, record.period)


_QUEUED = "queued"

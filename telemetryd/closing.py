"""A period's end: tallies become a report in the queue, or the question is passed. Also the preview, by the same code. Policy: M3, T2.

Two files cannot be changed in one transaction, so the order is: the tally has a row, the consent file says *reporting*, then the main file
gets the report and loses the tallies in one transaction. `recover` finishes what a crash left between these steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core import aggregate, life, report, schedule
from telemetryd.core.life import Outcome
from telemetryd.core.period import Period
from telemetryd.ports import StoredReport

if TYPE_CHECKING:
    from collections.abc import Iterable

    from telemetryd.catalogue import Catalogue
    from telemetryd.core.definition import Definition
    from telemetryd.core.settings import Endpoint
    from telemetryd.ports import Clock, Key, Randomness, Reports
    from telemetryd.questions import Questions
    from telemetryd.tallies import RunningTallies

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

    def close(self, definition: Definition) -> None:
        """End a question's period: queue its report, or pass it where its vendor has no endpoint."""
        key = definition.key
        record = self._parts.questions.record(key)
        endpoint = self._parts.catalogue.settings.endpoint(definition.application.vendor)
        is_developer = self._parts.catalogue.settings.developer
        if endpoint is None:
            if not is_developer:
                self._parts.questions.remember(key, life.passed(record, NO_ENDPOINT))
            self._parts.tallies.erase([key])
        else:
            if not is_developer:
                self._keep_row(definition, record.period)
                self._parts.questions.remember(key, life.reporting(record, endpoint.host))
            self._put(definition, endpoint, Period(definition.question.period, record.period, record.begins, record.closes))
        if is_developer:
            self._parts.questions.remember(key, life.Record())

    def body(self, definition: Definition, period: str, nonce: str) -> bytes:
        """The bytes of the report that the tallies of a period make: what is sent, and what the preview shows."""
        slots = aggregate.layout(definition, ())
        tallies = self._parts.tallies.of(definition.key, period)
        bins = aggregate.answer(slots, aggregate.merge(slots, (tally.cells for tally in tallies)))
        answer = report.label_of_cell(definition, report.cell_of_bins(definition, bins))
        return report.encode(report.Report(*definition.key, definition.revision, period, answer, None, nonce))

    def preview(self, definition: Definition, period: str) -> bytes:
        """The report as it would be sent if the period closed now, with a blank nonce."""
        return self.body(definition, period, report.BLANK_NONCE)

    def erase(self, keys: Iterable[Key]) -> bool:
        """Erase the queued reports of questions; True if there were any."""
        gone = set(keys)
        doomed = {one.key for one in self._parts.reports.queue() if one.key in gone}
        if doomed:
            self._parts.reports.erase(sorted(doomed))
        return bool(doomed)

    def orphans(self) -> set[Key]:
        """Questions with a queued report of which nothing is remembered: their consent was lost, so the report goes too."""
        if self._parts.catalogue.settings.developer:
            return set()
        wanted = set(self._parts.questions.in_state(Outcome.REPORTING))
        return {one.key for one in self._parts.reports.queue()} - wanted

    def recover(self) -> None:
        """Finish what a crash left: a report that was promised and not made, or one that was sent and not recorded."""
        for key in self._parts.questions.in_state(Outcome.REPORTING):
            record = self._parts.questions.record(key)
            rows = [one for one in self._parts.reports.history(0, _ALL) if one.key == key and one.period == record.period]
            if rows:
                self._record_outcome(key, rows[0])
                continue
            definition = self._parts.questions.consented(key)
            endpoint = self._parts.catalogue.settings.endpoint(definition.application.vendor) if definition else None
            if definition and endpoint and self._parts.tallies.of(key, record.period):
                self._put(definition, endpoint, Period(definition.question.period, record.period, record.begins, record.closes))
            else:
                self._parts.questions.remember(key, life.answered(record, "lost"))

    def _record_outcome(self, key: Key, row: StoredReport) -> None:
        if row.outcome != "queued":
            self._parts.questions.remember(key, life.delivered(self._parts.questions.record(key), row.outcome))

    def _keep_row(self, definition: Definition, period: str) -> None:
        """A question without any sample has a row too from here on: without one, recovery would take it for lost."""
        slots = self._parts.catalogue.slots(definition)
        self._parts.tallies.keep(self._parts.tallies.get(definition.key, definition.application.id, period, slots))

    def _put(self, definition: Definition, endpoint: Endpoint, period: Period) -> None:
        window = schedule.window(period.start, period.end)
        nonce = f"{self._parts.chance.below(1 << _NONCE_BITS):032x}"
        row = StoredReport(
            id=0,
            application=definition.application.id,
            question=definition.question.id,
            revision=definition.revision,
            period=period.label,
            vendor=endpoint.vendor,
            url=endpoint.url,
            headers=report.request_headers(endpoint.url, endpoint.ohttp_relay),
            body=self.body(definition, period.label, nonce),
            created=self._parts.clock.now(),
            slot=schedule.slot(window, self._parts.chance.below),
            opens=window.start,
            closes=window.end,
        )
        self._parts.reports.put(row)
        self._parts.tallies.forget(definition.key, period.label)


_ALL = 1 << 31
"""No limit on the rows of the history."""

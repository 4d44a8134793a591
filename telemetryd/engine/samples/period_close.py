"""Ends a period: its tallies become a queued report, or the question is not answered. The preview uses the same code. Policy: M3, T2.

One transaction cannot change two files, so the order is fixed. The tally gets a row; the consent file gets the charge and *reporting*;
both are synced; then one transaction of the main file adds the report and erases the tallies. `recover` finishes this after a crash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.answers import aggregate, report
from telemetryd.core.causes import Cause, because
from telemetryd.core.permission.gate import nowhere
from telemetryd.core.permission.record import UNKNOWN, Outcome, Record, finish_report, mark_passed, record_delivery
from telemetryd.core.privacy import noise
from telemetryd.core.sending import schedule
from telemetryd.engine.durability import Point
from telemetryd.engine.ports import QUEUED, StoredReport, ending_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from telemetryd.core.causes import Reason
    from telemetryd.core.definition import Definition, Key
    from telemetryd.core.settings import Endpoint
    from telemetryd.engine.declarations.catalogue import Catalogue
    from telemetryd.engine.durability import Steps
    from telemetryd.engine.ports import Clock, Randomness, ReportStore
    from telemetryd.engine.question_states import Questions
    from telemetryd.engine.samples.tallies import RunningTallies

_NONCE_BITS = 128


class PeriodClose:
    """Makes reports: one for each question and period.

    `closings_max` is how many periods may be closed until other parts are built. It bounds how long a tick holds the lock.
    """

    def __init__(  # noqa: PLR0913 - by keyword: what the composition root puts in place
        self,
        *,
        catalogue: Catalogue,
        questions: Questions,
        tallies: RunningTallies,
        reports: ReportStore,
        clock: Clock,
        rng: Randomness,
        closings_max: int | None = None,
    ) -> None:
        self._catalogue, self._questions, self._tallies, self._reports = catalogue, questions, tallies, reports
        self._clock, self._rng, self._closings_left = clock, rng, closings_max
        self.is_unfinished = False
        """Whether a period that is over was left open, because `closings_max` was reached."""

    def close_steps(self, definitions: Iterable[Definition]) -> Steps[None]:
        """End questions' periods: queue their reports, or pass them if the vendor has no endpoint or nothing is held for them.

        There is exactly one sync, even if nothing closes, so that the disk does not show it. Policy: C3.
        """
        charged = [(definition, endpoint) for definition in definitions if self._may_close() and (endpoint := self._charge(definition))]
        yield Point.SYNCED
        for definition, endpoint in charged:
            self._queue_report(definition, endpoint)

    def preview(self, definition: Definition, period: str) -> bytes:
        """The report if the period closed now, without its random parts: before noise, with a blank nonce."""
        return self._encode(definition, period, self._true_cell(definition, period), report.BLANK_NONCE)

    def note_outcomes(self) -> bool:
        """Store the outcomes of reports that another process delivered. True if there were any."""
        outcomes = [(key, row) for key, row in self._promised_reports() if row and row.outcome != QUEUED]
        for key, row in outcomes:
            self._questions.remember(key, record_delivery(self._questions.record(key), ending_of(row)))
        return bool(outcomes)

    def recover(self) -> None:
        """Make the reports that were promised before a crash.

        A report counts as lost only if that is certain: not while a configuration file or the definition cannot be read.
        """
        if any(switch.what == "unreadable" for switch in self._catalogue.settings.kill_switches):
            return
        for key, row in self._promised_reports():
            if row:
                continue
            record = self._questions.record(key)
            definition = self._questions.consented(key)
            endpoint = self._catalogue.settings.endpoint(definition.application.vendor) if definition else None
            is_meant = endpoint is not None and endpoint.route_id == record.host
            if definition and endpoint and is_meant and self._tallies.of(key, record.period):
                if self._may_close():
                    self._queue_report(definition, endpoint)
            elif definition or self._catalogue.definition(key):
                self._questions.remember(key, finish_report(record, because(Cause.LOST), UNKNOWN))

    def _may_close(self) -> bool:
        """Whether one more period may be closed now. It counts as closed."""
        if self._closings_left == 0:
            self.is_unfinished = True
            return False
        if self._closings_left is not None:
            self._closings_left -= 1
        return True

    def _charge(self, definition: Definition) -> Endpoint | None:
        """Charge the budget for the report of a closed period. Returns its endpoint, or None if there is no report to queue."""
        settings, vendor = self._catalogue.settings, definition.application.vendor
        if settings.developer:
            self._close_for_developer(definition, settings.endpoint(vendor))
            return None
        endpoint = settings.usable_endpoint(vendor)
        if endpoint is None:
            self._pass_over(definition.key, nowhere(settings, vendor))
            return None
        self._ensure_row(definition, self._questions.record(definition.key).period)
        if self._questions.charge(definition.key, endpoint.route_id):
            return endpoint
        self._pass_over(definition.key, because(Cause.NO_ROOM))
        return None

    def _close_for_developer(self, definition: Definition, endpoint: Endpoint | None) -> None:
        if endpoint:
            self._queue_report(definition, endpoint)
        else:
            self._tallies.erase([definition.key])
        before = self._questions.record(definition.key)
        self._questions.remember(definition.key, Record(report=before.report, sent=before.sent))

    def _pass_over(self, key: Key, reason: Reason) -> None:
        self._questions.remember(key, mark_passed(self._questions.record(key), reason))
        self._tallies.erase([key])

    def so_far(self, definition: Definition, period: str) -> tuple[str, ...]:
        """The answer that a report would have if the period ended now, before noise: a label for each source, or nothing for `none`."""
        cell = self._true_cell(definition, period)
        return () if cell == definition.cells - 1 else report.label_of_cell(definition, cell)

    def _true_cell(self, definition: Definition, period: str) -> int:
        slots = aggregate.layout(definition, ())
        tallies = self._tallies.of(definition.key, period)
        bins = aggregate.answer(slots, aggregate.merge(slots, (tally.cells for tally in tallies)))
        return report.cell_of_bins(definition, bins)

    @staticmethod
    def _encode(definition: Definition, period: str, cell: int, nonce: str) -> bytes:
        """The bytes of a report. Both the sent report and the preview come from here."""
        answer = report.label_of_cell(definition, cell)
        return report.encode(report.Report(*definition.key, definition.revision, period, answer, definition.question.epsilon, nonce))

    def _promised_reports(self) -> list[tuple[Key, StoredReport | None]]:
        """Every question whose report was promised, with the report's row if there is one."""
        keys = self._questions.in_state(Outcome.REPORTING)
        return [(key, self._reports.newest(key, self._questions.record(key).period)) for key in keys]

    def _ensure_row(self, definition: Definition, period: str) -> None:
        """Give a question a row even without a sample: without a row, `recover` would take its tally for lost."""
        slots = self._catalogue.slots(definition)
        self._tallies.keep(self._tallies.get(definition.key, definition.application.id, period, slots))

    def _queue_report(self, definition: Definition, endpoint: Endpoint) -> None:
        """Draw noise, nonce and slot, and queue the report. The same transaction erases the true tallies."""
        record, draw = self._questions.record(definition.key), self._rng.below
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
            created=self._clock.now(),
            slot=schedule.slot(window, draw),
            opens=window.start,
            closes=window.end,
        )
        self._reports.put(row)
        self._tallies.forget(definition.key, record.period)

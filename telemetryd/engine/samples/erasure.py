"""Erases rows of tallies and reports, and knows whether our files still hold any of them. Policy: C2.

The user's acts, an evaluation of the questions, a start and the beginning of developer mode say what to erase. Rows are erased at once, in
memory and on disk. Their text stays in the databases' logs until these are emptied: until then the erasure is pending.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.limits import DAY_S
from telemetryd.core.permission import obstacle_delay
from telemetryd.core.permission.gate import absence
from telemetryd.core.permission.record import Outcome
from telemetryd.core.sending.schedule import day_of
from telemetryd.engine.durability import Point

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from telemetryd.core.definition import Key
    from telemetryd.core.permission.obstacle_delay import Moment
    from telemetryd.engine.declarations.catalogue import Catalogue
    from telemetryd.engine.durability import Steps
    from telemetryd.engine.ports import Clock, ConsentStore, ReportStore, StoredReport
    from telemetryd.engine.question_states import Questions
    from telemetryd.engine.samples.tallies import RunningTallies


class Erasure:
    """An erasure is pending from its beginning until the logs were emptied after it. `abort` aborts sending what was erased.

    It is pending at first, because a run that was killed may have left one. `purge_elsewhere` tries to finish one in other files, and says
    whether it did.
    """

    def __init__(  # noqa: PLR0913 - by keyword: what the composition root puts in place
        self,
        *,
        catalogue: Catalogue,
        questions: Questions,
        tallies: RunningTallies,
        reports: ReportStore,
        consents: ConsentStore,
        clock: Clock,
        abort: Callable[[Iterable[Key]], None],
        purge_elsewhere: Callable[[], bool] = lambda: True,
    ) -> None:
        self._catalogue, self._questions, self._tallies, self._consents = catalogue, questions, tallies, consents
        self._reports, self._clock, self._abort, self._purge_elsewhere = reports, clock, abort, purge_elsewhere
        self.is_pending = True
        self.is_held_up = False
        """Whether the last attempt failed because another process reads a file."""

    def begin(self, keys: Iterable[Key] = ()) -> None:
        """Note that rows were erased, and abort sending those of these questions. Their text is in the log until that is emptied."""
        self._abort(keys)
        self.is_pending = True

    def finish_steps(self) -> Steps[bool]:
        """Empty the logs. True if nothing is pending. The disk is used equally whether anything was erased or not. Policy: C3."""
        is_done = yield Point.EMPTIED
        self.is_held_up = self.is_pending = not (self._purge_elsewhere() and is_done)
        return not self.is_pending

    def erase(self, keys: Iterable[Key]) -> bool:
        """Erase the tallies and queued reports of questions. True if there were any."""
        return self._erase(sorted(keys), self._reports.queue())

    def erase_unwanted(self, keys: Iterable[Key], moment: Moment) -> bool:
        """Erase these questions, which are no longer permitted, and everything else that lacks consent. True if there was anything."""
        contributions, queue = self._tallies.contributions(), self._reports.queue()
        unwanted = self._orphans({key for key, _ in contributions}, queue).union(keys)
        is_erased = self._erase(sorted(unwanted), queue)
        shared = [(key, pusher) for key, pusher in contributions if pusher != key[0] and key not in unwanted]
        return self._erase_withdrawn_pushers(shared, moment) or is_erased

    def _erase(self, keys: list[Key], queue: Sequence[StoredReport]) -> bool:
        if not keys:
            return False
        is_tally = self._tallies.erase(keys)
        is_erased = self._erase_queued(keys, queue) or is_tally
        if is_erased:
            self.begin(keys)
        return is_erased

    def erase_all(self, keys: Iterable[Key]) -> None:
        """Erase everything that was collected or queued, and everything of these questions."""
        collected = {key for key, _ in self._tallies.contributions()}
        self.erase(collected.union(keys, (report.key for report in self._reports.queue())))

    def erase_pushed(self, application: str) -> None:
        """Erase what an application pushed into shared questions."""
        for key, pusher in self._tallies.contributions():
            if pusher == application and self._tallies.erase([key], pusher):
                self.begin()

    def erase_history_steps(self, application: str) -> Steps[None]:
        """Erase the history of an application, or of all (""). If that empties it, the day is noted, and no finer time."""
        is_any = self._reports.has_history()
        while self._reports.forget(application):
            yield Point.SYNCED
        self.begin()
        if is_any and not self._reports.has_history():
            self._consents.note_history_erased(day_of(self._clock.now()) * DAY_S)

    def _orphans(self, collected: set[Key], queue: Sequence[StoredReport]) -> set[Key]:
        """Questions with a tally or report but no consent: after damage of the consent file, or an erasure that could not be written."""
        orphans = collected - self._questions.unfinished()
        if self._catalogue.settings.developer:
            return orphans
        return orphans | ({report.key for report in queue}.difference(self._questions.in_state(Outcome.REPORTING)))

    def _erase_queued(self, keys: Iterable[Key], queue: Sequence[StoredReport]) -> bool:
        """Erase the queued reports of questions. True if there were any."""
        wanted = set(keys)
        affected = [report for report in queue if report.key in wanted]
        if affected:
            self._questions.note_attempts({report.key: report.started for report in affected if report.started})
            self._reports.erase(sorted({report.key for report in affected}))
        return bool(affected)

    def _erase_withdrawn_pushers(self, contributions: Sequence[tuple[Key, str]], moment: Moment) -> bool:
        """Erase the parts of shared questions whose applications were withdrawn while the period runs."""
        if not contributions and not self._tallies.missing:
            return False
        switches = self._catalogue.settings.kill_switches
        if switches and all(switch.what == "unreadable" for switch in switches):
            self._tallies.note_missing("")
            return False  # a pause: see core.permission.obstacle_delay.UNREADABLE
        absent = self._absent_pushers({pusher for _, pusher in contributions}, moment)
        is_erased = False
        for key, pusher in contributions:
            definition = self._questions.definition(key)
            if pusher in absent or (definition and not self._questions.covers(definition, pusher)):
                is_erased |= self._tallies.erase([key], pusher)
        if is_erased:
            self.begin()
        return is_erased

    def _absent_pushers(self, pushers: Iterable[str], moment: Moment) -> frozenset[str]:
        """The applications whose manifest was absent for longer than is allowed."""
        absences = {pusher: absence(pusher, self._catalogue.presence(pusher)) for pusher in sorted(pushers)}
        delays = {name: obstacle.delay for name, obstacle in absences.items() if obstacle}
        noticed = obstacle_delay.notice(self._tallies.missing, delays, moment)
        self._tallies.note_missing(noticed.text)
        return noticed.over

"""Takes declarations and samples, and runs the steps from tallies to reports. It calls the core in order and has no rule of its own.

`push` finds the route of (application, source), see `routes`. The route's coarsener checks and reduces the value, and its folds add the bin
to the tallies of open questions. All routes are dropped after each decision.

Neither `push` nor `register` decides, reads files or waits for the disk. What follows from a call is done later, as steps (`durability`)
under the lock of `Work`. Policy: C3.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from telemetryd.core import quotas
from telemetryd.core.answers.period import next_midnight
from telemetryd.core.limits import DAY_S
from telemetryd.core.permission import obstacle_delay
from telemetryd.engine.declarations.overruled_texts import OVERRULED
from telemetryd.engine.durability import Point
from telemetryd.engine.samples.routes import Routes
from telemetryd.engine.samples.system_measuring import SystemMeasuring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from telemetryd.core.causes import Cause
    from telemetryd.core.definition import Definition, Key
    from telemetryd.core.permission.obstacle_delay import Moment
    from telemetryd.engine.declarations.catalogue import Catalogue
    from telemetryd.engine.durability import Steps
    from telemetryd.engine.ports import Clock, SystemFacts
    from telemetryd.engine.question_states import Questions
    from telemetryd.engine.samples.erasure import Erasure
    from telemetryd.engine.samples.monitor import Monitor
    from telemetryd.engine.samples.period_close import PeriodClose
    from telemetryd.engine.samples.routes import Route
    from telemetryd.engine.samples.tallies import RunningTallies
    from telemetryd.errors import TelemetrydError


class Sampling:
    """Applications call `register` and `push`, and a batch ends with `commit`. The methods `…_steps` run under the lock of `Work`.

    `on_decision_owed` is called after a registration that needs a decision. `on_new_day` is called if a call finds a new day. `on_news` is
    called at a check that finds other files, another day or a registered text: before what follows is decided, which takes its time.
    """

    def __init__(  # noqa: PLR0913 - by keyword: what the composition root puts in place
        self,
        *,
        catalogue: Catalogue,
        questions: Questions,
        tallies: RunningTallies,
        period_close: PeriodClose,
        erasure: Erasure,
        facts: SystemFacts,
        clock: Clock,
        monitor: Monitor,
        on_decision_owed: Callable[[], object],
        on_new_day: Callable[[], object],
        on_news: Callable[[], object],
    ) -> None:
        self._catalogue, self._questions, self._tallies, self._period_close = catalogue, questions, tallies, period_close
        self._erasure, self._clock, self._monitor = erasure, clock, monitor
        self._on_decision_owed, self._on_new_day, self._on_news = on_decision_owed, on_new_day, on_news
        self._routes = Routes(catalogue, questions, tallies, is_developer=monitor.is_on)
        self._measuring = SystemMeasuring(catalogue, questions, tallies, facts)
        self._decided_at = self._midnight = 0
        """The time [decided_at, midnight), Unix s, in which the last decision holds. It is empty during a decision, or if one failed."""
        self._today = range(0)
        """The time (Unix s) in which routes hold."""
        self._told_of = catalogue.in_force, clock.now() // DAY_S
        """The files and the day that the last check found."""
        self.commit = tallies.commit
        """Write the samples since the last commit. Raises StorageError: then none of them counts."""

    def start_steps(self) -> Steps[None]:
        """At a start: finish what a crash interrupted, decide, and erase what lacks consent."""
        yield from self.recover_steps()
        yield from self.decide_steps()

    def recover_steps(self) -> Steps[None]:
        """Finish the work of another process: a report that was promised and not made, or sent and not recorded."""
        yield from self.catch_up_steps()
        if not self._catalogue.settings.developer:
            self._period_close.recover()

    def catch_up_steps(self) -> Steps[None]:
        """Note outcomes that the timer's run wrote, which delivers without the lock. The reports' nonces must leave the log too."""
        with self._suspend_on_failure():  # what comes after it, a look at the files, would not be reached
            if self._period_close.note_outcomes():
                self._erasure.begin()
                yield Point.SYNCED

    def register(self, application: str, text: str) -> str:
        """Register a manifest. Returns its digest. Raises InvalidManifestError.

        A new text is decided on later. Until then samples for changed definitions are not kept.
        """
        registered = self._catalogue.register(application, text)
        if text and self._monitor.is_on and application in self._catalogue.overruled:
            self._monitor.tell(application, OVERRULED)
        if registered.is_new_text:
            self._questions.suspend(registered.changed)
            self._routes.forget(application)
            self._routes.forget(registered.evicted)
            self._on_decision_owed()
        return registered.declaration.digest

    def push(self, application: str, source: str, type_code: str, value: Any) -> None:
        """Take one sample. It counts once `commit` has returned. Raises a bus error if it does not fit the declaration."""
        route = self._route(application, source)
        reduced = route.coarsen(type_code, (value,))
        self._tallies.add(route.folds, reduced)
        if self._monitor.is_on:
            self._show(application, route, reduced)

    def push_many(self, application: str, samples: Mapping[str, tuple[str, Any]]) -> None:
        """Take samples of several sources, all or none: source → (type code, value), each one value or an array."""
        quotas.check_samples(sum(len(value) if code.startswith("a") else 1 for code, value in samples.values()))
        checked = [(self._route(application, source), code, value) for source, (code, value) in samples.items()]
        reduced = [(route, route.reduce(code, value)) for route, code, value in checked]
        for route, numbers in reduced:
            if numbers:
                self._tallies.add(route.folds, numbers)
                if self._monitor.is_on:
                    self._show(application, route, numbers)

    def refuse(self, failure: TelemetrydError) -> None:
        """Make the next commit fail, for kept and refused samples alike."""
        self._tallies.refuse(failure)

    def reload_steps(self, *, is_owed_too: bool = True) -> Steps[bool]:
        """Decide anew if a file changed, a day began or the clock was set back. True if so.

        With `is_owed_too` also if a registered text needs it. A check that a sample caused does not look at that. Otherwise the work
        would follow a call, and its time would show whether the text was new. Policy: C3.
        """
        with self._suspend_on_failure():
            is_text_owed = is_owed_too and self._catalogue.is_owed
            is_changed, now = self._catalogue.refresh(), self._clock.now()
            self._tell_news(now, is_text_owed=is_text_owed)
            is_stale = is_changed or is_text_owed or now not in range(self._decided_at, self._midnight) or self._is_delay_over()
            if is_stale:
                yield from self.decide_steps()
        return is_stale

    def _tell_news(self, now: int, *, is_text_owed: bool) -> None:
        """Call `on_news` for causes alone, never for what was decided: everyone hears the signals that follow. Policy: C3."""
        files, day = self._catalogue.in_force, now // DAY_S
        is_news = is_text_owed or (files, day) != self._told_of
        self._told_of = files, day
        if is_news:
            self._on_news()

    @property
    def is_in_mode(self) -> bool:
        """Whether the open databases belong to the mode in the settings. If not, nothing may be decided until others are opened."""
        return self._catalogue.settings.developer is self._monitor.is_on

    @property
    def has_closings_left(self) -> bool:
        """Whether a period that is over is still open: see `closings_max` in `PeriodClose`."""
        return self._period_close.is_unfinished

    def note_data_loss(self) -> None:
        """Store that the main file was lost, with all that was collected."""
        self._questions.note_data_loss()

    def shut_steps(self, cause: Cause) -> Steps[None]:
        """Close every question: developer mode begins, and these files stay closed meanwhile.

        Everything collected or queued is erased, also the rest of an earlier run that was killed during this.
        """
        keys = self._questions.shut_all(cause)
        yield Point.SYNCED
        self._erasure.erase_all(keys)

    def decide_steps(self) -> Steps[bool]:
        """Decide anew: erase what is no longer permitted, and close periods that are over. True if anything was erased.

        The order is: new rules for samples; consent and records on the disk; erasure; reports. If any step fails, no sample is kept until
        a decision succeeds.
        """
        with self._suspend_on_failure():
            return (yield from self._decide_steps())

    def _decide_steps(self) -> Steps[bool]:
        self._decided_at = self._midnight = 0
        if not self.is_in_mode:
            self.suspend()
            return False
        moment = self._clock.moment()
        now, midnight = moment.wall, next_midnight(moment.wall)
        erase, closing = self._evaluate(moment, range(now, midnight))
        yield Point.SYNCED
        is_erased = self._erasure.erase_unwanted(erase, moment)
        self._measuring.measure(now)
        self._tallies.write()
        yield from self._period_close.close_steps(closing)
        if closing:
            self._erasure.begin()  # the database's log holds the true tally until it is emptied
        self._decided_at, self._midnight = now, midnight
        return is_erased

    def close_running_steps(self) -> Steps[None]:
        """Developer mode: close every running period now."""
        yield from self.decide_steps()
        accepted = map(self._catalogue.definition, self._questions.accepted())
        running = [definition for definition in accepted if definition and self._questions.step(definition).is_collecting]
        self._questions.suspend_all()  # a later sample must not bring back the row that the report was made of
        self._routes.clear()
        yield from self._period_close.close_steps(running)
        self._erasure.begin()
        yield from self.decide_steps()

    def erase_steps(self, keys: Iterable[Key]) -> Steps[bool]:
        """Erase what was collected for questions, because the user asked for it. True if there was anything."""
        erased = list(keys)
        self._questions.erase(erased)
        self._suspend_questions(erased)  # until the next decision says which of them may begin again
        yield Point.SYNCED
        return self._erasure.erase(erased)

    def forget_steps(self, application: str, keys: Iterable[Key]) -> Steps[None]:
        """Erase what was collected for a forgotten application's questions or by it for shared ones, and then its declaration."""
        forgotten = sorted(keys)
        self._suspend_questions(forgotten)
        yield Point.SYNCED
        self._erasure.erase(forgotten)
        self._erasure.erase_pushed(application)
        self._catalogue.forget(application)
        self._routes.clear()  # those that were made meanwhile lead to tallies that are erased now

    @contextmanager
    def _suspend_on_failure(self) -> Iterator[None]:
        """Suspend sampling if the block raises anything: what was open before may be what was just withdrawn."""
        try:
            yield
        except BaseException:
            self.suspend()
            raise

    def suspend(self) -> None:
        """Keep no sample until the next decision."""
        self._questions.suspend_all()
        self._routes.clear()
        self._decided_at = self._midnight = 0

    def _suspend_questions(self, keys: Sequence[Key]) -> None:
        """Keep no sample for these questions until the next decision. Samples for all others count meanwhile."""
        self._questions.suspend_keys(keys)
        self._routes.clear()
        self._decided_at = self._midnight = 0

    def _is_delay_over(self) -> bool:
        """Whether a delay of a question or an absent application is over, so that a decision is due."""
        missing = self._tallies.missing
        return self._questions.is_due() or bool(missing and obstacle_delay.is_due([missing], self._clock.moment()))

    def _evaluate(self, moment: Moment, today: range) -> tuple[set[Key], list[Definition]]:
        """Evaluate all questions. Returns what to erase and what to close. From now on samples follow the new evaluation."""
        try:
            erase: set[Key] = set()
            with self._catalogue.expose_owed_changes() as is_owed:
                if is_owed:
                    erase.update(self._questions.evaluate(moment).erase)
            evaluation = self._questions.evaluate(moment)
            pushed = self._tallies.contributions()
            keys = {*evaluation.decided, *(key for key, _ in pushed)}
            self._catalogue.note_decided({*(application for application, _ in keys), *(pusher for _, pusher in pushed)})
        finally:
            self._routes.clear()
            self._today = today
        return erase.union(evaluation.erase), evaluation.close

    def _show(self, application: str, route: Route, reduced: Sequence[int]) -> None:
        for number in reduced:
            self._monitor.note(application, route.source, number, route.verdict, name=route.name)

    def _route(self, application: str, source: str) -> Route:
        now = self._clock.now()
        if now not in self._today:
            self._begin_day(now)
        return self._routes.find(application, source, now)

    def _begin_day(self, now: int) -> None:
        """Drop the routes, because a day began or the clock was set back. The decision follows soon, but not in a call."""
        self._routes.clear()
        self._today = range(now, next_midnight(now))
        self._on_new_day()

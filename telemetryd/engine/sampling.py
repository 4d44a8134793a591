"""The running flow: declarations and samples in, tallies and reports out; it calls the core in order and holds no rule of its own.

A sample: `push` finds the route of (application, source) (`routes`), whose coarsener checks and reduces the value, and whose folds add the
bin to the tallies of the questions that are open. Routes are thrown away when anything was decided anew.

Neither `push` nor `register` decides anything, looks at files or waits for the disk: what follows from a call is done later, as steps
(`durability`), by whoever holds the lock. Policy: C3.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.core import delay, quotas
from telemetryd.core.gate import absence
from telemetryd.core.lifecycle import Outcome
from telemetryd.core.period import next_midnight
from telemetryd.engine.durability import Point
from telemetryd.engine.routes import Routes
from telemetryd.engine.system_measuring import Measuring
from telemetryd.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from telemetryd.core.definition import Definition
    from telemetryd.core.gate import Cause
    from telemetryd.engine.catalogue import Catalogue
    from telemetryd.engine.durability import Steps
    from telemetryd.engine.erasure import Erasure
    from telemetryd.engine.monitor import Watch
    from telemetryd.engine.period_close import Closing
    from telemetryd.engine.ports import Clock, Key, SystemFacts
    from telemetryd.engine.questions import Questions
    from telemetryd.engine.routes import Route
    from telemetryd.engine.tallies import RunningTallies
    from telemetryd.errors import TelemetrydError


class Flow(NamedTuple):
    """The parts that the daemon runs."""

    catalogue: Catalogue
    questions: Questions
    tallies: RunningTallies
    closing: Closing
    erasure: Erasure
    facts: SystemFacts
    clock: Clock
    watch: Watch


class Daemon:
    """Register, push, commit: what applications call. Deciding: steps for whoever holds the lock.

    `on_news` hears that a decision about a registered text is owed, `on_day` that a call found another day than that of the last decision.
    """

    def __init__(self, flow: Flow, *, on_news: Callable[[], object], on_day: Callable[[], object]) -> None:
        self._flow, self._on_news, self._on_day = flow, on_news, on_day
        self._routes = Routes(flow.catalogue, flow.questions, flow.tallies, is_told=flow.watch.is_on)
        self._measuring = Measuring(flow.catalogue, flow.questions, flow.tallies, flow.facts)
        self._decided_at = self._midnight = 0
        """The time (Unix s) in which the last decision holds; none while one is being made, or if it failed."""
        self._today = range(0)
        """The time in which routes hold."""

    def starting(self) -> Steps[None]:
        """After a start: finish what a crash left, decide, and erase what lacks consent."""
        yield from self.recovering()
        yield from self.deciding()

    def recovering(self) -> Steps[None]:
        """Finish what another run began: a report that was promised and not made, or sent and not recorded."""
        yield from self.catching_up()
        if not self._flow.catalogue.settings.developer:
            self._flow.closing.recover()

    def catching_up(self) -> Steps[None]:
        """Take up what the timer's run, which delivers without the lock, wrote about a report; its nonce must leave the log too."""
        if self._flow.closing.note_outcomes():
            self._flow.erasure.begin()
            yield Point.SYNCED

    def register(self, application: str, text: str) -> str:
        """Declare what an application would like to measure; gives the manifest's digest. Raises InvalidManifestError.

        The text is kept; what follows from one that is news is decided later, and until then its samples for what changed are not kept.
        """
        registered = self._flow.catalogue.register(application, text)
        if registered.is_news:
            self._flow.questions.suspend(registered.changed)
            self._routes.forget(application)
            self._routes.forget(registered.evicted)
            self._on_news()
        return registered.declaration.digest

    def snap(self, application: str) -> str:
        """The snap that may act for an application, as its installed manifest says; "" for none."""
        return self._flow.catalogue.snap(application)

    def push(self, application: str, source: str, type_code: str, value: Any) -> None:
        """Take one sample; it counts once `commit` has returned. Raises a named error if it does not fit the declaration."""
        route = self._route(application, source)
        self._take(application, route, route.coarsen(type_code, (value,)))

    def push_many(self, application: str, samples: Mapping[str, tuple[str, Any]]) -> None:
        """Take samples of several sources, each one value or an array: source → (type code, value). All are taken or none is."""
        quotas.check_samples(sum(len(value) if code.startswith("a") else 1 for code, value in samples.values()))
        checked = [(self._route(application, source), code, value) for source, (code, value) in samples.items()]
        reduced = [(route, route.reduce(code, value)) for route, code, value in checked]
        for route, numbers in reduced:
            if numbers:
                self._take(application, route, numbers)

    def refuse(self, failure: TelemetrydError) -> None:
        """What was pushed since the last commit cannot be written: the next commit fails, kept and refused samples alike."""
        self._flow.tallies.refuse(failure)

    def commit(self) -> None:
        """Write what was pushed since the last commit. Raises StorageError: then none of it counts."""
        self._flow.tallies.commit()

    def reloading(self, *, is_owed_too: bool = True) -> Steps[bool]:
        """Decide anew if a file changed, a day began (all periods do then) or the clock was set back; True if so.

        Also if a text is news: but not while samples are the only ones to ask, for then its time would follow a call. Policy: C3.
        """
        with self._closed_on_failure():
            is_owed = self._flow.questions.is_owed or (is_owed_too and self._flow.catalogue.is_owed)
            is_stale = self._flow.catalogue.refresh() or not self._is_decided or is_owed
            if is_stale:
                yield from self.deciding()
        return is_stale

    @property
    def is_in_mode(self) -> bool:
        """Whether the databases are those of the mode that the files say; else nothing may be decided until others are opened."""
        return self._flow.catalogue.settings.developer is self._flow.watch.is_on

    def lose(self) -> None:
        """The main file is lost, and with it what was collected."""
        self._flow.questions.lose()

    def shutting(self, cause: Cause) -> Steps[None]:
        """Shut everything that is open: developer mode begins, and these files stay closed meanwhile.

        All that was collected or queued goes, also what a run that was killed in the midst of this left.
        """
        shut = self._flow.questions.shut(cause)
        yield Point.SYNCED
        collected = {key for key, _ in self._flow.tallies.contributions()}
        self._erase(sorted(collected.union(shut, self._flow.closing.queued())))

    def deciding(self) -> Steps[bool]:
        """Decide anew: erase what is no longer permitted, close what is over; True if anything was erased.

        First what holds for samples; then consent and lives are on the disk; then it is erased, and reports are made. Whatever fails on the
        way, nothing is kept until a decision succeeds.
        """
        with self._closed_on_failure():
            return (yield from self._deciding())

    def _deciding(self) -> Steps[bool]:
        self._decided_at = self._midnight = 0
        if not self.is_in_mode:
            self._keep_nothing()
            return False
        now = self._flow.clock.now()
        erase, over = self._look(now)
        yield Point.SYNCED
        is_erased = self._erase(sorted(self._orphans().union(erase))) | self._erase_withdrawn_pushers()
        self._measuring.measure(now)
        self._flow.tallies.write()
        yield from self._flow.closing.closing(over)
        if over:
            self._flow.erasure.begin()  # the true tally is in the database's log until that is emptied
        self._decided_at, self._midnight = now, next_midnight(now)
        return is_erased

    def closing_running(self) -> Steps[None]:
        """Developer mode: close every running period now."""
        yield from self.deciding()
        accepted = map(self._flow.catalogue.definition, self._flow.questions.accepted())
        running = [one for one in accepted if one and self._flow.questions.step(one).is_collecting]
        self._flow.questions.suspend_all()  # a sample that comes meanwhile must not bring back the row that its report was made of
        self._routes.clear()
        yield from self._flow.closing.closing(running)
        self._flow.erasure.begin()
        yield from self.deciding()

    def erasing(self, keys: Iterable[Key]) -> Steps[bool]:
        """Erase what was collected for questions, at the user's wish; True if there was anything."""
        erased = list(keys)
        self._flow.questions.erase(erased)
        self._keep_nothing()  # until it is decided what may begin again
        yield Point.SYNCED
        return self._erase(erased)

    def forgetting(self, application: str) -> Steps[None]:
        """The user forgot an application: what was collected for it, or by it for a shared question, goes, and then its declaration."""
        keys = self._flow.questions.forget(application)
        self._keep_nothing()
        yield Point.SYNCED
        self._erase(keys)
        for key, pusher in self._flow.tallies.contributions():
            if pusher == application and self._flow.tallies.erase([key], pusher):
                self._flow.erasure.begin()
        self._flow.catalogue.forget(application)

    @contextmanager
    def _closed_on_failure(self) -> Iterator[None]:
        """Whatever is raised, what was decided before does not go on: it may be what just ended."""
        try:
            yield
        except BaseException:
            self._keep_nothing()
            raise

    def _keep_nothing(self) -> None:
        """Until the next decision, which the next look makes."""
        self._flow.questions.suspend_all()
        self._routes.clear()
        self._decided_at = self._midnight = 0

    @property
    def _is_decided(self) -> bool:
        return self._decided_at <= self._flow.clock.now() < self._midnight and not self._is_delay_over()

    def _is_delay_over(self) -> bool:
        """Whether something that paused for a while is final by now: whoever looks next decides it, not only a tick."""
        missing = self._flow.tallies.missing
        return self._flow.questions.is_due() or bool(missing and delay.is_due([missing], self._flow.clock.moment()))

    def _look(self, now: int) -> tuple[set[Key], list[Definition]]:
        """What is to be erased and closed; from here on samples go where this look says."""
        try:
            erase: set[Key] = set()
            with self._flow.catalogue.changed_meanwhile() as is_owed:
                if is_owed:
                    erase.update(self._flow.questions.look().erase)
            looked = self._flow.questions.look()
            self._flow.catalogue.owed_is_done()
            kept = {*self._flow.questions.decided(), *(key for key, _ in self._flow.tallies.contributions())}
            pushers = (pusher for _, pusher in self._flow.tallies.contributions())
            self._flow.catalogue.expect({*(application for application, _ in kept), *pushers})
        finally:
            self._routes.clear()
            self._today = range(now, next_midnight(now))
        return erase.union(looked.erase), looked.close

    def _take(self, application: str, route: Route, reduced: Sequence[int]) -> None:
        self._flow.tallies.add(route.folds, reduced)
        if self._flow.watch.is_on:
            for number in reduced:
                self._flow.watch.note(application, route.source, number, route.verdict)

    def _route(self, application: str, source: str) -> Route:
        now = self._flow.clock.now()
        if now not in self._today:
            self._turn_day(now)
        if not self.is_in_mode:
            raise BusyError("developer mode was switched on or off: call again")
        return self._routes.find(application, source, now)

    def _turn_day(self, now: int) -> None:
        """Another day began, or the clock was set back: what is open now is looked up anew. It is decided soon, but not in a call."""
        self._routes.clear()
        self._today = range(now, next_midnight(now))
        self._on_day()

    def _erase(self, keys: list[Key]) -> bool:
        if not keys:
            return False
        is_tally = self._flow.tallies.erase(keys)
        is_erased = self._flow.closing.erase(keys) or is_tally
        if is_erased:
            self._flow.erasure.begin(keys)
        return is_erased

    def _orphans(self) -> set[Key]:
        """Questions with a tally or report that lacks consent: a damaged consent file, or an erasure that the disk did not take."""
        flow = self._flow
        wanted = {key for key in flow.questions.accepted() if flow.questions.record(key).outcome in {Outcome.OPEN, Outcome.REPORTING}}
        return ({key for key, _ in flow.tallies.contributions()} - wanted) | flow.closing.orphans()

    def _erase_withdrawn_pushers(self) -> bool:
        """Each application can withdraw its own part of a shared question while the period runs."""
        switches = self._flow.catalogue.settings.kill_switches
        if switches and all(switch.what == "unreadable" for switch in switches):
            self._flow.tallies.note_missing("")
            return False  # a pause: see core.delay.UNREADABLE
        contributions = [(key, pusher) for key, pusher in self._flow.tallies.contributions() if pusher != key[0]]
        gone = self._gone({pusher for _, pusher in contributions})
        is_erased = False
        for key, pusher in contributions:
            definition = self._flow.questions.definition(key)
            if pusher in gone or (definition and not self._flow.questions.covers(definition, pusher)):
                is_erased |= self._flow.tallies.erase([key], pusher)
        if is_erased:
            self._flow.erasure.begin()
        return is_erased

    def _gone(self, pushers: Iterable[str]) -> frozenset[str]:
        """Those of these applications whose manifest was not there for as long as it may."""
        found = {pusher: absence(pusher, self._flow.catalogue.presence(pusher)) for pusher in sorted(pushers)}
        delays = {name: one.delay for name, one in found.items() if one}
        noticed = delay.notice(self._flow.tallies.missing, delays, self._flow.clock.moment())
        self._flow.tallies.note_missing(noticed.text)
        return noticed.over

"""The running flow: declarations and samples in, tallies and reports out; it calls the core in order and holds no rule of its own.

A sample: `push` finds the route of (application, source) (`routes`), whose coarsener checks and reduces the value, and whose folds add the
bin to the tallies of the questions that are open. Routes are thrown away when anything changes that could change a decision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.core import delay, quotas
from telemetryd.core.consent import absence
from telemetryd.core.life import Outcome
from telemetryd.core.period import next_midnight
from telemetryd.errors import BusyError
from telemetryd.measuring import Measuring
from telemetryd.routes import Routes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from telemetryd.catalogue import Catalogue
    from telemetryd.closing import Closing
    from telemetryd.core.consent import Cause
    from telemetryd.core.definition import Definition
    from telemetryd.ports import Clock, Key, SystemFacts
    from telemetryd.questions import Questions
    from telemetryd.routes import Route
    from telemetryd.tallies import RunningTallies
    from telemetryd.watch import Watch


LOOK_S = 5
"""Samples look at the files' dates this often (s): so fast does a kill switch work without being told of."""


class Flow(NamedTuple):
    """The parts that the daemon runs."""

    catalogue: Catalogue
    questions: Questions
    tallies: RunningTallies
    closing: Closing
    facts: SystemFacts
    clock: Clock
    watch: Watch


class Daemon:
    """Register, push, commit, refresh: what the bus calls."""

    def __init__(
        self, flow: Flow, on_erased: Callable[[Iterable[Key]], None], later: Callable[[Callable[[], object]], object] = lambda work: work()
    ) -> None:
        self._flow = flow
        self._later = later
        self._on_erased = on_erased
        self.announce: Callable[[], None] = lambda: None
        self._absent = ""
        self._routes = Routes(flow.catalogue, flow.questions, flow.tallies)
        self._measuring = Measuring(flow.catalogue, flow.questions, flow.tallies, flow.facts)
        self._decided_at = self._look_at = self._midnight = 0

    def start(self) -> None:
        """After a start: finish what a crash left, decide, and erase what lacks consent."""
        self.recover()
        self.refresh()

    def recover(self) -> None:
        """Finish what another run began: a report that was promised and not made, or sent and not recorded."""
        self.catch_up()
        if not self._flow.catalogue.settings.developer:
            self._flow.closing.recover()

    def catch_up(self) -> None:
        """Take up what the timer's run, which delivers without the lock, wrote about a report; its nonce must leave the log too."""
        if self._flow.closing.note_outcomes():
            self._on_erased(())
            self.announce()

    def register(self, application: str, text: str) -> str:
        """Declare what an application would like to measure; gives the manifest's digest. Raises InvalidManifestError."""
        is_news = self._flow.catalogue.is_news(application, text)
        declaration = self._flow.catalogue.register(application, text)
        if is_news:
            self.refresh()
            self.announce()
        return declaration.digest

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

    def commit(self) -> None:
        """Write what was pushed since the last commit. Raises StorageError: then none of it counts."""
        self._flow.tallies.commit()

    def reload(self) -> bool:
        """Decide anew if a file changed, a day began (all periods do then) or the clock was set back; True if so."""
        is_stale = self._is_stale()
        if is_stale:
            self.refresh()
        return is_stale

    @property
    def is_in_mode(self) -> bool:
        """Whether the databases are those of the mode that the files say; else nothing may be decided until others are opened."""
        return self._flow.catalogue.settings.developer is self._flow.watch.is_on

    def lose(self) -> None:
        """The main file is lost, and with it what was collected."""
        self._flow.questions.lose()

    def shut(self, cause: Cause) -> None:
        """Shut everything that is open: developer mode begins, and these files stay closed meanwhile.

        All that was collected or queued goes, also what a run that was killed in the midst of this left.
        """
        shut = self._flow.questions.shut(cause)
        collected = {key for key, _ in self._flow.tallies.contributions()}
        self._erase(sorted(collected.union(shut, self._flow.closing.queued())))

    def refresh(self) -> bool:
        """Decide anew after a change or at a tick: erase what is no longer permitted, close what is over; True if anything was erased."""
        is_erased, over = self._decide()
        for definition in over:
            self._flow.closing.close(definition)
        if over:
            self._on_erased(())  # the true tally is in the database's log until that is emptied
        return is_erased

    def close_running(self) -> None:
        """Developer mode: close every running period now."""
        self.refresh()
        for key in self._flow.questions.accepted():
            definition = self._flow.catalogue.definition(key)
            if definition and self._flow.questions.step(definition).is_collecting:
                self._flow.closing.close(definition)
        self._on_erased(())
        self.refresh()

    def erase(self, keys: Iterable[Key]) -> bool:
        """Erase what was collected for questions, at the user's wish; True if there was anything."""
        erased = list(keys)
        self._flow.questions.erase(erased)
        self._routes.clear()
        return self._erase(erased)

    def forget(self, application: str) -> None:
        """The user forgot an application: what was collected for it, or by it for a shared question, goes, and then its declaration."""
        self._erase(self._flow.questions.forget(application))
        for key, pusher in self._flow.tallies.contributions():
            if pusher == application and self._flow.tallies.erase([key], pusher):
                self._on_erased(())
        self._flow.catalogue.forget(application)
        self._routes.clear()

    def _is_stale(self) -> bool:
        is_new_day = not self._decided_at <= self._flow.clock.now() < self._midnight
        return self._flow.catalogue.refresh() or is_new_day or self._is_delay_over()

    def _is_delay_over(self) -> bool:
        """Whether something that paused for a while is final by now: whoever looks next decides it, not only a tick."""
        return self._flow.questions.is_due() or bool(self._absent and delay.is_due([self._absent], self._flow.clock.moment()))

    def _decide(self) -> tuple[bool, list[Definition]]:
        """Whether anything was erased, and what is over and to be closed."""
        self._routes.clear()
        if not self.is_in_mode:
            return False, []
        now = self._flow.clock.now()
        self._decided_at, self._midnight = now, next_midnight(now)
        self._look_at = min(now + LOOK_S, self._midnight)
        looked = self._flow.questions.look()
        is_erased = self._erase(sorted(self._orphans().union(looked.erase))) | self._erase_withdrawn_pushers()
        self._measuring.measure()
        self._flow.tallies.write()
        return is_erased, looked.close

    def _take(self, application: str, route: Route, reduced: Sequence[int]) -> None:
        self._flow.tallies.add(route.folds, reduced)
        if self._flow.watch.is_on:
            for number in reduced:
                self._flow.watch.note(application, route.source, number, route.verdict)

    def _route(self, application: str, source: str) -> Route:
        now = self._flow.clock.now()
        if not self._decided_at <= now < self._look_at:
            self._renew(now)
        if not self.is_in_mode:
            raise BusyError("developer mode was switched on or off: call again")
        return self._routes.find(application, source)

    def _renew(self, now: int) -> None:
        """Decisions hold until files or the day say otherwise; samples look every few seconds.

        What is over is closed after the reply: closing takes time, and only what is kept has anything to close. Policy: C3.
        """
        if self._is_stale() and self._decide()[1]:
            self._later(self.refresh)
        self._look_at = min(now + LOOK_S, self._midnight)

    def _erase(self, keys: list[Key]) -> bool:
        if not keys:
            return False
        is_tally = self._flow.tallies.erase(keys)
        is_erased = self._flow.closing.erase(keys) or is_tally
        if is_erased:
            self._on_erased(keys)
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
            return False  # a pause: see core.delay.UNREADABLE
        contributions = [(key, pusher) for key, pusher in self._flow.tallies.contributions() if pusher != key[0]]
        gone = self._gone({pusher for _, pusher in contributions})
        is_erased = False
        for key, pusher in contributions:
            definition = self._flow.questions.definition(key)
            if pusher in gone or (definition and not self._flow.questions.covers(definition, pusher)):
                is_erased |= self._flow.tallies.erase([key], pusher)
        if is_erased:
            self._on_erased(())
        return is_erased

    def _gone(self, pushers: Iterable[str]) -> frozenset[str]:
        """Those of these applications whose manifest was not there for as long as it may."""
        found = {pusher: absence(pusher, self._flow.catalogue.presence(pusher)) for pusher in sorted(pushers)}
        noticed = delay.notice(self._absent, {name: one.delay for name, one in found.items() if one}, self._flow.clock.moment())
        self._absent = noticed.text
        return noticed.over

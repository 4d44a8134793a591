"""Builds the parts of the running daemon over one pair of databases. Only this module and `app` construct adapters."""

from __future__ import annotations

import asyncio
import os
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from telemetryd.bus.control1 import ControlParts
from telemetryd.core.causes import Cause
from telemetryd.engine.attempts import Sending
from telemetryd.engine.choices.changes import Changes
from telemetryd.engine.choices.decisions import Decisions
from telemetryd.engine.choices.foresight import Foresight
from telemetryd.engine.choices.known_questions import KnownQuestions
from telemetryd.engine.choices.new_questions import NewQuestions
from telemetryd.engine.choices.unwritten_withdrawals import Owed, UnwrittenWithdrawals
from telemetryd.engine.choices.without_storage import DecisionsWithoutStorage
from telemetryd.engine.declarations.catalogue import Catalogue
from telemetryd.engine.delivery import Deliveries
from telemetryd.engine.durability import Disk, Work
from telemetryd.engine.question_states import Questions
from telemetryd.engine.samples.erasure import Erasure
from telemetryd.engine.samples.monitor import Monitor
from telemetryd.engine.samples.period_close import PeriodClose
from telemetryd.engine.samples.sampling import Sampling
from telemetryd.engine.samples.tallies import RunningTallies
from telemetryd.engine.views.queries import Queries
from telemetryd.errors import StorageError
from telemetryd.named_tuple import NamedTuple
from telemetryd.problem_log import ProblemLog
from telemetryd.runtime.clock import SecretRandomness, SystemClock
from telemetryd.runtime.uploader import UploaderCourier
from telemetryd.runtime.uploader_unit import upload_socket
from telemetryd.store import Store, consent_file, no_store, open_store, purge_ordinary, storage_problem
from telemetryd.system.facts import LinuxFacts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from telemetryd.engine.durability import Steps
    from telemetryd.engine.ports import ConsentStore
    from telemetryd.system.installed import InstalledFiles


class Assembly(NamedTuple):
    """The running parts over one pair of databases."""

    store: Store
    sampling: Sampling
    decisions: Decisions
    control: ControlParts
    ticker: Deliveries
    sending: Sending
    known: KnownQuestions
    work: Work
    erasure: Erasure
    is_developer: bool

    def close(self) -> None:
        """Commit and close the databases."""
        try:
            self._end()
        finally:
            self.store.close()

    def close_all_but_queue(self) -> None:
        """Commit, and close what may not be used without the lock. `store.reports` and `store.main` stay open."""
        self._end()
        self.store.consent.close()
        self.store.decoys.close()

    def _end(self) -> None:
        self.work.end()
        self.sampling.commit()
        self.ticker.save_ticks()
        if self.store.consents.is_owed:
            self.store.consents.settle({}, {})
        if self.erasure.is_pending:
            self.work.now(self.erasure.finish_steps())


async def _spare_nothing() -> bool:
    return False


class Surroundings(NamedTuple):
    """What the service passes to the parts at each opening of the databases. It outlives them.

    See `durability.Work`, `durability.Disk`, `sampling.Sampling`, `delivery.Deliveries` and `period_close.PeriodClose`.
    """

    lock: asyncio.Lock
    hold: Callable[[], AbstractContextManager[object]] = nullcontext
    on_decision_owed: Callable[[], object] = lambda: None
    on_new_day: Callable[[], object] = lambda: None
    on_news: Callable[[], object] = lambda: None
    may_act: Callable[[], bool] = lambda: True
    has_time: Callable[[], bool] = lambda: True
    is_sparing: Callable[[], Awaitable[bool]] = _spare_nothing
    lowered: UnwrittenWithdrawals | None = None
    troubles: ProblemLog | None = None
    closings_max: int | None = None


def assemble(installation: InstalledFiles, directory: Path, surroundings: Surroundings) -> Assembly:
    """Open the databases and build the parts over them. Developer mode has its own pair, and first closes the other pair's questions.

    Withdrawals from the time when the databases could not be used are applied first.

    Raises:
        StorageError: the databases cannot be used.
    """
    is_developer = installation.settings().developer
    lowered = surroundings.lowered or UnwrittenWithdrawals()
    is_erased = not is_developer or _shut_for_developer(installation, directory, lowered)
    purge_elsewhere = _nothing_to_purge if is_erased else partial(purge_ordinary, directory)
    with _open_databases(directory, surroundings, is_developer=is_developer) as disk:
        assembly = _build(installation, disk, surroundings, is_developer=is_developer, purge_elsewhere=purge_elsewhere)
        with _lowered(disk.files.consents, lowered):
            assembly.work.now(_start_steps(assembly))
    return assembly


@contextmanager
def _lowered(consents: ConsentStore, lowered: UnwrittenWithdrawals) -> Iterator[None]:
    """Apply withdrawals for the block. If it fails, those that are not written yet are kept for the next start."""
    try:
        lowered.apply(consents)
        yield
    except BaseException:
        lowered.take_over(consents)
        raise


def assemble_without_storage(installation: InstalledFiles, surroundings: Surroundings, why: StorageError) -> Assembly:
    """The parts without databases: the user sees an empty state and can withdraw consent."""
    disk = Disk(lambda _: no_store(why), surroundings.hold, surroundings.troubles)
    assembly = _build(installation, disk, surroundings, is_developer=installation.settings().developer)
    control = assembly.control
    lowered = surroundings.lowered or UnwrittenWithdrawals()

    def owed() -> Owed:
        return lowered.of(consent_file(is_developer=control.catalogue.settings.developer))

    choices = DecisionsWithoutStorage(control.catalogue, assembly.known, shown=control.consents.levels, owed=owed, why=why)
    return assembly._replace(control=control._replace(choices=choices, problems=lambda: [storage_problem(why)]))


def catalogue_without_storage(installation: InstalledFiles) -> Catalogue:
    """What is installed. Nothing is registered there."""
    return Catalogue(installation, no_store(StorageError("no databases are open")).texts, SystemClock())


def _start_steps(assembly: Assembly) -> Steps[None]:
    yield from assembly.sampling.start_steps()
    yield from assembly.decisions.erase_owed_steps()
    yield from assembly.erasure.finish_steps()


def _nothing_to_purge() -> bool:
    return True


@contextmanager
def _open_databases(directory: Path, surroundings: Surroundings, *, is_developer: bool) -> Iterator[Disk[Store]]:
    """Open databases. They are closed if the block fails."""
    disk = Disk(partial(open_store, directory, is_developer=is_developer), surroundings.hold, surroundings.troubles)
    try:
        yield disk
    except BaseException:
        disk.close()
        disk.files.close()
        raise


def _shut_for_developer(installation: InstalledFiles, directory: Path, lowered: UnwrittenWithdrawals) -> bool:
    """Close the questions of the ordinary databases. False if another process reads the main file, which may hold erased text.

    What was withdrawn there and is not written yet is written first. Raises StorageError if it cannot be: else nobody would try again.
    """
    if not (directory / consent_file(is_developer=False)).exists():
        return True
    surroundings = Surroundings(asyncio.Lock(), lowered=lowered)
    with _open_databases(directory, surroundings, is_developer=False) as disk:
        ordinary = _build(installation, disk, surroundings, is_developer=False)
        consents = disk.files.consents
        with _lowered(consents, lowered):
            is_erased = ordinary.work.now(_shut_steps(ordinary))
            if consents.is_owed:
                raise StorageError("what was withdrawn before developer mode cannot be written")
    ordinary.close()
    return is_erased


def _shut_steps(ordinary: Assembly) -> Steps[bool]:
    yield from ordinary.sampling.catch_up_steps()
    yield from ordinary.sampling.shut_steps(Cause.DEVELOPER)
    yield from ordinary.decisions.erase_owed_steps()
    return (yield from ordinary.erasure.finish_steps())


def _build(  # noqa: PLR0913 - by keyword: what differs from one pair of databases to another
    installation: InstalledFiles,
    disk: Disk[Store],
    surroundings: Surroundings,
    *,
    is_developer: bool,
    purge_elsewhere: Callable[[], bool] = _nothing_to_purge,
) -> Assembly:
    parts = _Parts(installation, disk, surroundings, is_developer=is_developer)
    erasure = parts.erasure(purge_elsewhere)
    sampling = parts.sampling(erasure)
    decisions = parts.decisions(sampling, erasure)
    ticker = parts.deliveries(sampling, decisions, erasure)
    control = parts.control(decisions, ticker, erasure)
    return Assembly(disk.files, sampling, decisions, control, ticker, parts.sending, parts.known, parts.work, erasure, is_developer)


class _Parts:
    """The parts that others share. Each method builds one of the others."""

    def __init__(self, installation: InstalledFiles, disk: Disk[Store], surroundings: Surroundings, *, is_developer: bool) -> None:
        self._store, self._surroundings, self._is_developer = disk.files, surroundings, is_developer
        self._clock, self._rng, self._monitor = SystemClock(), SecretRandomness(), Monitor(is_on=is_developer)
        self._consents, self._reports = self._store.consents, self._store.reports
        self._catalogue = Catalogue(installation, self._store.texts, self._clock)
        self._questions = Questions(self._catalogue, self._consents, self._clock, self._rng)
        _note_losses(self._store, self._questions)
        self._tallies = RunningTallies(self._store.tallies, self._store.decoys)
        self._period_close = PeriodClose(
            catalogue=self._catalogue,
            questions=self._questions,
            tallies=self._tallies,
            reports=self._reports,
            clock=self._clock,
            rng=self._rng,
            closings_max=surroundings.closings_max,
        )
        self.known = KnownQuestions(self._catalogue, self._consents, self._tallies, self._reports)
        self._changes = Changes(self._catalogue, self._consents, self._questions, known=self.known, clock=self._clock)
        self._foresight = Foresight(
            catalogue=self._catalogue,
            consents=self._consents,
            questions=self._questions,
            tallies=self._tallies,
            reports=self._reports,
            clock=self._clock,
            changes=self._changes,
        )
        self.sending, self.work = Sending(), Work(surroundings.lock, disk)

    def erasure(self, purge_elsewhere: Callable[[], bool]) -> Erasure:
        return Erasure(
            catalogue=self._catalogue,
            questions=self._questions,
            tallies=self._tallies,
            reports=self._reports,
            clock=self._clock,
            consents=self._consents,
            abort=self.sending.abort,
            purge_elsewhere=purge_elsewhere,
        )

    def sampling(self, erasure: Erasure) -> Sampling:
        return Sampling(
            catalogue=self._catalogue,
            questions=self._questions,
            tallies=self._tallies,
            period_close=self._period_close,
            erasure=erasure,
            facts=LinuxFacts(os.environ),
            clock=self._clock,
            monitor=self._monitor,
            on_decision_owed=self._surroundings.on_decision_owed,
            on_new_day=self._surroundings.on_new_day,
            on_news=self._surroundings.on_news,
        )

    def decisions(self, sampling: Sampling, erasure: Erasure) -> Decisions:
        return Decisions(
            sampling=sampling,
            questions=self._questions,
            consents=self._consents,
            catalogue=self._catalogue,
            files=self._store,
            changes=self._changes,
            foresight=self._foresight,
            erasure=erasure,
            run=self.work.run,
            lowered=self._surroundings.lowered or UnwrittenWithdrawals(),
        )

    def deliveries(self, sampling: Sampling, decisions: Decisions, erasure: Erasure) -> Deliveries:
        return Deliveries(
            catalogue=self._catalogue,
            questions=self._questions,
            choices=decisions,
            new_questions=NewQuestions(
                questions=self._questions,
                consents=self._consents,
                catalogue=self._catalogue,
                files=self._store,
                changes=self._changes,
            ),
            sampling=sampling,
            reports=self._reports,
            courier=UploaderCourier(lambda: self._is_developer, unit_socket=upload_socket(os.environ)),
            clock=self._clock,
            rng=self._rng,
            erasure=erasure,
            sending=self.sending,
            run=self.work.run,
            may_act=self._surroundings.may_act,
            has_time=self._surroundings.has_time,
            is_sparing=self._surroundings.is_sparing,
            troubles=self._surroundings.troubles or ProblemLog(),
        )

    def control(self, decisions: Decisions, ticker: Deliveries, erasure: Erasure) -> ControlParts:
        views = Queries(
            catalogue=self._catalogue,
            consents=self._consents,
            questions=self._questions,
            period_close=self._period_close,
            reports=self._reports,
            clock=self._clock,
            known=self.known,
            foresight=self._foresight,
        )
        return ControlParts(decisions, self._consents, self._catalogue, views, ticker, self._monitor, erasure, self._store.problems)


def _note_losses(store: Store, questions: Questions) -> None:
    """Store in each file what the loss of the other one means."""
    if store.consent.was_lost or (store.consent.quarantined() and not store.consents.is_spent):
        store.consents.mark_ledger_lost()
    if store.main.was_lost:
        questions.note_data_loss()
    if not store.consents.is_owed:
        store.acknowledge_loss()

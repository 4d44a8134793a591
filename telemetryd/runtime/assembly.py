"""Puts the parts of the running daemon together over one pair of databases; with `app`, the only place that constructs adapters."""

from __future__ import annotations

import asyncio
import os
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.bus.control1 import Parts as ControlParts
from telemetryd.core.gate import Cause
from telemetryd.engine.catalogue import Catalogue
from telemetryd.engine.decisions import Choices
from telemetryd.engine.decisions import Parts as ChoiceParts
from telemetryd.engine.delivery import Parts as TickParts
from telemetryd.engine.delivery import Ticker
from telemetryd.engine.durability import Disk, Work
from telemetryd.engine.erasure import Erasure
from telemetryd.engine.known_questions import Known
from telemetryd.engine.monitor import Watch
from telemetryd.engine.period_close import Closing
from telemetryd.engine.period_close import Parts as ClosingParts
from telemetryd.engine.queries import Views
from telemetryd.engine.query_rows import Sources
from telemetryd.engine.questions import Questions
from telemetryd.engine.sampling import Daemon, Flow
from telemetryd.engine.tallies import RunningTallies
from telemetryd.engine.unwritten_withdrawals import Lowered
from telemetryd.engine.without_storage import UnkeptChoices
from telemetryd.problem_log import Troubles
from telemetryd.runtime.clock import SecretChance, SystemClock
from telemetryd.runtime.uploader import UploaderCourier
from telemetryd.store import Store, no_store, open_store, purge_ordinary, unkept
from telemetryd.system.facts import LinuxFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from telemetryd.engine.durability import Steps
    from telemetryd.engine.ports import Key
    from telemetryd.errors import StorageError
    from telemetryd.system.installed import InstalledFiles


class Assembly(NamedTuple):
    """The running parts over one pair of databases."""

    store: Store
    daemon: Daemon
    control: ControlParts
    ticker: Ticker
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
        """Commit, and close what is stale once another process has the lock; `store.reports` and `store.main` stay open."""
        self._end()
        self.store.consent.close()
        self.store.decoys.close()

    def _end(self) -> None:
        self.work.end()
        self.daemon.commit()
        self.ticker.keep()
        if self.store.consents.is_owed:
            self.store.consents.settle({}, {})
        if self.erasure.is_pending:
            self.work.now(self.erasure.finishing())


class Surroundings(NamedTuple):
    """What the parts get from whoever serves: see `disk.Work`, `disk.Disk` and `daemon.Daemon`."""

    lock: asyncio.Lock
    hold: Callable[[], AbstractContextManager[object]] = nullcontext
    on_news: Callable[[], object] = lambda: None
    on_day: Callable[[], object] = lambda: None
    lowered: Lowered | None = None
    troubles: Troubles | None = None


def assemble(installation: InstalledFiles, directory: Path, surroundings: Surroundings) -> Assembly:
    """Open the databases and put the parts over them; in developer mode its own pair, after shutting what the other pair has open.

    What was taken back before, while they could not be used, is taken back first.

    Raises:
        StorageError: the databases cannot be used.
    """
    is_developer = installation.settings().developer
    is_erased = not is_developer or _shut_for_developer(installation, directory)
    with _closed_on_failure(open_store(directory, is_developer=is_developer)) as store:
        assembly = _put_together(installation, store, surroundings, is_developer=is_developer)
        if not is_erased:
            assembly.erasure.include(partial(purge_ordinary, directory))
        if surroundings.lowered:
            surroundings.lowered.apply(store.consents)
        assembly.work.now(_starting(assembly))
    return assembly


def assemble_unkept(installation: InstalledFiles, surroundings: Surroundings, why: StorageError) -> Assembly:
    """The parts over nothing, for the user to look at: what stands for databases that cannot be used."""
    store = no_store(why)
    assembly = _put_together(installation, store, surroundings, is_developer=installation.settings().developer)
    choices = UnkeptChoices(assembly.control.choices.parts, why)
    return assembly._replace(control=assembly.control._replace(choices=choices, problems=lambda: [unkept(why)]))


def _starting(assembly: Assembly) -> Steps[None]:
    yield from assembly.daemon.starting()
    yield from assembly.control.choices.owing()
    yield from assembly.erasure.finishing()


@contextmanager
def _closed_on_failure(store: Store) -> Iterator[Store]:
    try:
        yield store
    except BaseException:
        store.close()
        raise


def _shut_for_developer(installation: InstalledFiles, directory: Path) -> bool:
    """Whether nothing is left of what that erased; False while another process reads the ordinary main file."""
    if not (directory / "consent.sqlite").exists():
        return True
    with _closed_on_failure(open_store(directory, is_developer=False)) as store:
        ordinary = _put_together(installation, store, Surroundings(asyncio.Lock()), is_developer=False)
    try:
        return ordinary.work.now(_shutting(ordinary))
    finally:
        ordinary.close()


def _shutting(ordinary: Assembly) -> Steps[bool]:
    yield from ordinary.daemon.catching_up()
    yield from ordinary.daemon.shutting(Cause.DEVELOPER)
    return (yield from ordinary.erasure.finishing())


def _put_together(installation: InstalledFiles, store: Store, surroundings: Surroundings, *, is_developer: bool) -> Assembly:
    clock, chance = SystemClock(), SecretChance()
    watch = Watch(is_on=is_developer)
    catalogue = Catalogue(installation, store.texts, clock)
    questions = Questions(catalogue, store.consents, clock, chance)
    if store.consent.was_lost or (store.consent.aside() and not store.consents.is_spent):
        store.consents.spend()
    if store.main.was_lost:
        questions.lose()
    if not store.consents.is_owed:
        store.loss_is_told()
    tallies = RunningTallies(store.tallies, store.decoys)
    closing = Closing(ClosingParts(catalogue, questions, tallies, store.reports, clock, chance))

    def abort(keys: Iterable[Key]) -> None:
        ticker.abort(keys)

    erasure = Erasure(abort)
    disk = Disk(store, surroundings.hold)
    work = Work(surroundings.lock, disk)
    flow = Flow(catalogue, questions, tallies, closing, erasure, LinuxFacts(os.environ), clock, watch)
    daemon = Daemon(flow, on_news=surroundings.on_news, on_day=surroundings.on_day)
    known = Known(catalogue, store.consents, tallies, store.reports)
    about = (daemon, questions, store.consents, catalogue, store, store.reports, clock, known, erasure)
    choices = Choices(ChoiceParts(*about, work.run, surroundings.lowered or Lowered()))
    courier = UploaderCourier(lambda: is_developer)
    ticker = Ticker(TickParts(catalogue, questions, choices, daemon, store.reports, courier, clock, chance, erasure, work.run))
    views = Views(Sources(catalogue, store.consents, questions, closing, store.reports, clock, known))
    control = ControlParts(choices, store.consents, catalogue, views, ticker, watch, erasure, store.problems)
    ticker.troubles = disk.troubles = surroundings.troubles or Troubles()
    store.tell_unsettled(disk.settle, disk.shrink)
    return Assembly(store, daemon, control, ticker, work, erasure, is_developer)

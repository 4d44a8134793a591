"""Puts the parts of the running daemon together over one pair of databases; with `app`, the only place that constructs adapters."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.bus.control import Parts as ControlParts
from telemetryd.catalogue import Catalogue
from telemetryd.choices import Choices
from telemetryd.choices import Parts as ChoiceParts
from telemetryd.closing import Closing
from telemetryd.closing import Parts as ClosingParts
from telemetryd.core.consent import Cause
from telemetryd.courier import UploaderCourier
from telemetryd.daemon import Daemon, Flow
from telemetryd.errors import TelemetrydError
from telemetryd.facts.linux import LinuxFacts
from telemetryd.known import Known
from telemetryd.machine import SecretChance, SystemClock
from telemetryd.questions import Questions
from telemetryd.settling import Settling
from telemetryd.shown import Sources
from telemetryd.store import Store, open_store, purge_ordinary
from telemetryd.tallies import RunningTallies
from telemetryd.tick import Parts as TickParts
from telemetryd.tick import Ticker
from telemetryd.views import Views
from telemetryd.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from telemetryd.installed import InstalledFiles
    from telemetryd.ports import Key


_LOG = logging.getLogger(__name__)


class Soon:
    """Work for the loop's next turn, after the replies; given up if the files are closed before: a start does it too."""

    def __init__(self) -> None:
        self._handle: asyncio.Handle | None = None

    def do(self, work: Callable[[], object]) -> None:
        """Do this soon, once."""
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_soon(self._do, work)

    def stop(self) -> None:
        """Do nothing any more."""
        if self._handle is not None:
            self._handle.cancel()

    def _do(self, work: Callable[[], object]) -> None:
        self._handle = None
        try:
            work()
        except TelemetrydError as failure:
            _LOG.warning("what is over could not be closed yet: %s", failure)


class Assembly(NamedTuple):
    """The running parts over one pair of databases."""

    store: Store
    daemon: Daemon
    control: ControlParts
    ticker: Ticker
    settling: Settling
    soon: Soon
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
        self.daemon.commit()
        self.ticker.keep()
        self.control.choices.stop()
        self.settling.stop()
        self.soon.stop()


def assemble(installation: InstalledFiles, directory: Path) -> Assembly:
    """Open the databases and put the parts over them; in developer mode its own pair, after shutting what the other pair has open.

    Raises:
        StorageError: the databases cannot be used.
    """
    is_developer = installation.settings().developer
    is_erased = not is_developer or _shut_for_developer(installation, directory)
    with _closed_on_failure(open_store(directory, is_developer=is_developer)) as store:
        assembly = _put_together(installation, store, is_developer=is_developer)
        if not is_erased:
            assembly.control.choices.purge_too(partial(purge_ordinary, directory))
        assembly.daemon.start()
        assembly.control.choices.purge()
    return assembly


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
        ordinary = _put_together(installation, store, is_developer=False)
    try:
        ordinary.daemon.catch_up()
        ordinary.daemon.shut(Cause.DEVELOPER)
        return ordinary.control.choices.purge()
    finally:
        ordinary.close()


def _put_together(installation: InstalledFiles, store: Store, *, is_developer: bool) -> Assembly:
    clock, chance = SystemClock(), SecretChance()
    watch = Watch(is_on=is_developer)
    catalogue = Catalogue(installation, store.texts, clock)
    questions = Questions(catalogue, store.consents, clock, chance)
    if store.consent.was_lost or (store.consent.aside() and not store.consents.is_spent):
        store.consents.spend()
    if store.main.was_lost:
        questions.lose()
    store.loss_is_told()
    tallies = RunningTallies(store.tallies, store.decoys)
    closing = Closing(ClosingParts(catalogue, questions, tallies, store.reports, clock, chance))

    def on_erased(keys: Iterable[Key]) -> None:
        ticker.abort(keys)
        choices.purge_soon()

    soon = Soon()
    daemon = Daemon(Flow(catalogue, questions, tallies, closing, LinuxFacts(os.environ), clock, watch), on_erased, soon.do)
    known = Known(catalogue, store.consents, tallies, store.reports)
    choices = Choices(ChoiceParts(daemon, questions, store.consents, catalogue, store, store.reports, clock, known))
    courier = UploaderCourier(lambda: is_developer)
    ticker = Ticker(TickParts(catalogue, questions, choices, daemon, store.reports, courier, clock, chance))
    views = Views(Sources(catalogue, store.consents, questions, closing, store.reports, clock, known))
    control = ControlParts(choices, store.consents, catalogue, views, ticker, watch)
    settling = Settling(store.unsettled)
    store.tell_unsettled(settling.begin)
    return Assembly(store, daemon, control, ticker, settling, soon, is_developer)

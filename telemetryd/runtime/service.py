"""The running parts behind the bus, or the error that stands for them: whatever fails after the names are owned is told to callers."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING

from telemetryd.core.limits import BUSY_AFTER_S, RUN_STEP_MAX_S
from telemetryd.engine.unwritten_withdrawals import Lowered
from telemetryd.errors import BusyError, StorageError, TelemetrydError
from telemetryd.problem_log import Troubles
from telemetryd.redact import place
from telemetryd.runtime.assembly import Assembly, Surroundings, assemble, assemble_unkept
from telemetryd.runtime.check_timers import Looks
from telemetryd.runtime.lock import StateLock
from telemetryd.system import own_package
from telemetryd.system.directories import state_directory
from telemetryd.system.files import signature
from telemetryd.system.installed import InstalledFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from telemetryd.bus.control1 import Parts as ControlParts
    from telemetryd.core.settings import Problem
    from telemetryd.engine.durability import Steps
    from telemetryd.engine.sampling import Daemon

_LOG = logging.getLogger(__name__)

BUSY = BusyError("another telemetryd of this user, on another session bus, holds the state directory")
_UNDECIDED = "what follows from a look could not be done: %s"
_UNUSABLE = "the databases hold something that cannot be used; the journal says where"


class Service:
    """The running parts, or the error that stands for them: opened when the lock is ours, reopened when developer mode changes.

    Whatever decides or reopens does so one after another, under one lock that outlives the databases. `announce` tells the user's programs
    that something may have changed: by causes, never by effects. `hold` keeps the replies to samples waiting. `on_replaced` hears that the
    files of telemetryd itself are other ones by now, so that nothing more may be loaded.
    """

    def __init__(  # noqa: PLR0913 - by keyword: what the composition root puts in place
        self,
        environ: Mapping[str, str],
        idle_exit_minutes: float,
        *,
        announce: Callable[[], None] = lambda: None,
        hold: Callable[[], AbstractContextManager[object]] = nullcontext,
        on_replaced: Callable[[], None] = lambda: None,
    ) -> None:
        self._idle_exit_minutes = idle_exit_minutes
        self._installation = InstalledFiles(environ)
        self.lock = StateLock(state_directory(environ))
        self._is_compared = False
        """Whether the state directory was compared with its path since the last batch of calls."""
        self._announce, self._on_replaced = announce, on_replaced
        self._work_lock = asyncio.Lock()
        self._looks = Looks(self._look_later)
        self._lowered = Lowered()
        self._troubles = Troubles()
        self._surroundings = Surroundings(
            self._work_lock, hold, self._looks.owe, self._looks.soon, lowered=self._lowered, troubles=self._troubles
        )
        self._assembly: Assembly | None = None
        self._unkept: Assembly | None = None
        """What the user looks at while the databases cannot be used."""
        self._failure: TelemetrydError = BUSY
        self._is_due = False
        self._unsaid: TelemetrydError | None = None
        """What the callers of a batch are still to be told if its samples could not be written before the databases were closed."""
        self._told: dict[Problem, object] = {}
        """What the journal was told, and the signature of its file then: a manifest's problem is forgotten until it is read again."""
        self._is_wanted = asyncio.Event()

    def take(self) -> None:
        """The lock is ours: the first call, or whoever needs the parts first, opens the databases."""
        self._is_due = True

    def fail(self, failure: TelemetrydError) -> None:
        """The lock cannot be had: every caller is told why. The log is told once."""
        if isinstance(failure, StorageError) and not failure.place:
            failure.place = str(self.lock.path)
        if str(failure) != str(self._failure):
            _LOG.error("%s", failure.placed if isinstance(failure, StorageError) else failure)
            self._unkept = None
        self._failure = failure

    def open(self) -> None:
        """Open the databases in the directory that has the path now, with its lock; a failure is told to callers until the next attempt."""
        self._is_due = False
        if self._assembly:
            self._assembly.ticker.abort_all()
        self.close()
        try:
            assembly = assemble(self._installation, self._locked(), self._surroundings)
            self._note_do_not_track(assembly)
            assembly.ticker.may_act = self.lock.is_in_place
            self._assembly, self._unkept, self._failure = assembly, None, BUSY
            self._tell_problems(assembly)
        except TelemetrydError as failure:
            self.fail(failure)
        except Exception as failure:  # noqa: BLE001 - the edge of the app: what a damaged file holds must not end the daemon
            if str(self._failure) != _UNUSABLE:
                _LOG.error("internal error at opening the databases: %s", place(failure))
            self.fail(StorageError(_UNUSABLE))

    def look(self) -> None:
        """A file that was removed or replaced while it was open is as lost as a damaged one; one that was set aside goes after its time."""
        if self._assembly is None:
            return
        if self._is_moved():
            self.open()
            return
        self._tell_problems(self._assembly)
        store = self._assembly.store
        store.drop_old_damage()
        if store.is_damaged:
            self.open()
            return
        if store.main.is_there() and store.consent.is_there():
            return
        _LOG.error("a database was removed or replaced while it was in use; what it held is lost")
        if not store.main.is_there():
            self._assembly.daemon.lose()
        self.open()

    async def wanted_again(self) -> None:
        """Return when what failed may be tried again: some seconds later if a call wants it, else when the timer would run."""
        self._is_wanted.clear()
        await asyncio.sleep(BUSY_AFTER_S)
        if not self._is_wanted.is_set() and not self._lowered.is_any:
            await happens(self._is_wanted, within_s=RUN_STEP_MAX_S)

    def assembly(self) -> Assembly:
        """The running parts. Raises the error that stands for them."""
        if not self._is_compared and self._is_moved():
            self._is_due = True
        if self._is_due and self._work_lock.locked():
            raise BusyError("the databases are about to be opened anew: call again")
        if self._is_due:
            self.open()
        if self._assembly is None:
            self._is_wanted.set()
            raise self._failure
        return self._assembly

    def _locked(self) -> Path:
        """The directory that has the path now. Raises BusyError if another process has its lock, or StorageError."""
        if not self.lock.try_take():
            raise BUSY
        return self.lock.directory

    def _is_moved(self) -> bool:
        """Whether another directory has the path by now, or none: what is open is not to be used any more."""
        self._is_compared = True
        if self._assembly is None or self.lock.is_in_place():
            return False
        _LOG.error("the state directory was moved or replaced while it was in use; what it holds is not used any more")
        return True

    def daemon(self) -> Daemon:
        """What applications' calls go to."""
        return self.assembly().daemon

    def control(self) -> ControlParts:
        """What the user's calls go to; `fresh` was awaited before. Where nothing can be kept, it is as if nothing were."""
        try:
            return self.assembly().control
        except StorageError as failure:
            if self._unkept is None:
                self._unkept = assemble_unkept(self._installation, self._surroundings, failure)
            return self._unkept.control

    async def fresh(self) -> None:
        """Look at the files as they are now, and decide what is owed. Raises the error that stands for the parts, but not StorageError.

        What holds for the user is in memory; if the disk does not take what follows, everything that it should shut is shut.
        """
        async with self._work_lock:
            try:
                await self._refresh(is_owed_too=True)
            except StorageError as failure:
                self._tell(failure)
                if self._unkept:
                    self._unkept.control.catalogue.refresh()

    async def _refresh(self, *, is_owed_too: bool) -> None:
        """One look, the lock is held: at files, day and databases; what follows is decided, erased and closed."""
        if own_package.has_changed():
            self._on_replaced()
            raise BusyError(own_package.REPLACED)
        if self._is_due:
            self.open()
        self.look()
        assembly = self.assembly()
        is_news = await assembly.work.go_on(_looking(assembly, is_owed_too=is_owed_too))
        if assembly.control.catalogue.settings.developer is not assembly.is_developer:
            self.open()
            is_news = True
            assembly = self.assembly()
        self._tell_problems(assembly)
        self._troubles.over(_UNDECIDED)
        self._looks.until_midnight()
        if is_news:
            self._announce()

    def _tell(self, failure: TelemetrydError) -> None:
        if failure is not self._failure:  # that one was told when it came up
            self._troubles.say(_LOG, _UNDECIDED, failure)

    async def _look_later(self, *, is_owed_too: bool) -> None:
        """A look that no call waits for."""
        async with self._work_lock:
            if self._assembly is None and not self._is_due:
                return
            try:
                await self._refresh(is_owed_too=is_owed_too)
            except TelemetrydError as failure:
                self._tell(failure)
            except Exception as failure:  # noqa: BLE001 - nobody is there to be answered, and nothing is kept until a look succeeds
                _LOG.error("internal error at a look: %s", place(failure))

    def watch_midnight(self) -> None:
        """From now on look at each midnight."""
        self._looks.until_midnight()

    def called(self) -> None:
        """An application called: the files are looked at within seconds, so that a kill switch works without being told of."""
        self._looks.called()

    async def last_look(self) -> None:
        """What is owed is decided before an exit."""
        if self._assembly and not own_package.has_changed():
            await self._look_later(is_owed_too=True)

    def commit(self) -> TelemetrydError | None:
        """Commit what a batch brought; the error if it could not be."""
        self._is_compared = False
        try:
            if self._assembly:
                self._assembly.daemon.commit()
        except TelemetrydError as failure:
            if self._assembly and self._assembly.store.is_damaged:
                self._is_due = True  # the next call opens it anew, and then it is set aside
            return failure
        unsaid, self._unsaid = self._unsaid, None
        return unsaid

    @property
    def is_held(self) -> bool:
        """Whether another process writes to the file for samples: then the replies to all of them wait, kept or refused. Policy: C3."""
        return self._assembly is not None and self._assembly.store.main.is_held()

    def refuse(self) -> None:
        """It has been writing for too long: nobody's samples are taken."""
        if self._assembly:
            self._assembly.daemon.refuse(StorageError("another program has been writing to the state directory for too long"))

    def end_watches(self) -> None:
        """Answer those who wait for the next push: there is none."""
        if self._assembly:
            self._assembly.control.watch.end()

    @property
    def idle_exit_s(self) -> float:
        """After how long without calls the daemon leaves; 0 = never."""
        settings = self._assembly.control.catalogue.settings if self._assembly else self._installation.settings()
        said = settings.idle_exit_minutes
        if self._is_owing:
            return 0.0
        return 60 * (self._idle_exit_minutes if said is None else said)

    @property
    def _is_owing(self) -> bool:
        """Whether the user was told that something holds and will be written, and it is not yet."""
        return self._lowered.is_any or (self._assembly is not None and self._assembly.store.consents.is_owed)

    def close(self) -> None:
        """Commit and close the databases."""
        self._looks.stop()
        assembly, self._assembly = self._assembly, None
        if assembly:
            try:
                self._note_do_not_track(assembly)
                assembly.close()
            except TelemetrydError as failure:
                _LOG.error("%s", failure)
                self._unsaid = failure
            self._lowered.take(assembly.store.consents)

    def _tell_problems(self, assembly: Assembly) -> None:
        """The journal names each file with a problem once, as long as it has it: until the file changes or is gone."""
        problems = {one for one in assembly.control.catalogue.problems if one.file}
        self._told = {one: before for one, before in self._told.items() if one in problems or signature(one.file) == before}
        for one in sorted(problems - self._told.keys()):
            _LOG.warning("%s: %s", one.file, one.text)
            self._told[one] = signature(one.file)

    @staticmethod
    def _note_do_not_track(assembly: Assembly) -> None:
        """At the start and at the end: the file may have been made in between."""
        switches = {switch.what for switch in assembly.control.catalogue.settings.kill_switches}
        assembly.store.consents.note_do_not_track(is_set="DO_NOT_TRACK" in switches)


def _looking(assembly: Assembly, *, is_owed_too: bool) -> Steps[bool]:
    """Whether there was any news: a file that changed, another day, a text that was registered."""
    yield from assembly.daemon.catching_up()
    is_news = yield from assembly.daemon.reloading(is_owed_too=is_owed_too)
    if is_news or assembly.erasure.is_pending:
        yield from assembly.erasure.finishing()
    return is_news


async def happens(event: asyncio.Event, *, within_s: float | None) -> None:
    """Return at the next event, or after so long (None: never)."""
    event.clear()
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()

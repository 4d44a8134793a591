"""The running parts behind the bus, or the error in place of them. A failure after the names are owned is reported to callers."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING

from telemetryd.bus.line_and_power import is_sparing
from telemetryd.bus.refusals import describe_refusal, sentence
from telemetryd.core.limits import PROBLEMS_LOGGED_MAX, REOPEN_S, RUN_STEP_MAX_S
from telemetryd.engine.choices.unwritten_withdrawals import UnwrittenWithdrawals
from telemetryd.errors import BusyError, StorageError, TelemetrydError
from telemetryd.problem_log import ProblemLog
from telemetryd.redact import redacted_traceback
from telemetryd.runtime.assembly import Assembly, Surroundings, assemble, assemble_without_storage, catalogue_without_storage
from telemetryd.runtime.check_timers import CheckTimers
from telemetryd.runtime.database_states import NEXT, TO_OPEN, Databases, DatabasesEvent
from telemetryd.runtime.lock import StateLock
from telemetryd.system import own_package
from telemetryd.system.directories import state_directory
from telemetryd.system.files import signature
from telemetryd.system.installed import InstalledFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from telemetryd.bus.control1 import ControlParts
    from telemetryd.bus.transport.library import Message
    from telemetryd.core.settings import Problem
    from telemetryd.engine.declarations.catalogue import Catalogue
    from telemetryd.engine.durability import Steps
    from telemetryd.engine.samples.sampling import Sampling

_LOG = logging.getLogger(__name__)

BUSY = BusyError("another telemetryd of this user, on another session bus, holds the state directory")
_UNDECIDED = "the work after a check of the files failed: %s"
_UNUSABLE = "the databases hold something that cannot be used; the journal says where"


class Service:
    """The running parts, or the error in place of them. They are opened under the state lock, and reopened if developer mode changes.

    Deciding and reopening run one after another, under one lock that outlives the databases. `announce` tells the user's programs that
    something may have changed: after each cause, whatever its effect. `hold` delays the replies to samples. `on_replaced` is called if the
    files of telemetryd itself changed, so that no module may be loaded any more. `has_time` is that of `delivery.Deliveries`.
    """

    def __init__(  # noqa: PLR0913 - by keyword: what the composition root puts in place
        self,
        environ: Mapping[str, str],
        idle_exit_minutes: float,
        *,
        announce: Callable[[], None] = lambda: None,
        hold: Callable[[], AbstractContextManager[object]] = nullcontext,
        on_replaced: Callable[[], None] = lambda: None,
        has_time: Callable[[], bool] = lambda: True,
    ) -> None:
        self._idle_exit_minutes = idle_exit_minutes
        self._installation = InstalledFiles(environ)
        self.lock = StateLock(state_directory(environ))
        self._is_compared = False
        """Whether the state directory was compared with its path since the last batch of calls."""
        self._announce, self._on_replaced = announce, on_replaced
        self._work_lock = asyncio.Lock()
        self._check_timers = CheckTimers(self._check_later)
        self.note_call = self._check_timers.note_call
        """Called for each batch of applications' calls: the files are checked within seconds, so a kill switch needs no notification."""
        self._lowered = UnwrittenWithdrawals()
        self._troubles = ProblemLog()
        self._surroundings = Surroundings(
            lock=self._work_lock,
            hold=hold,
            on_decision_owed=self._check_timers.check_owed,
            on_new_day=self._check_timers.check_soon,
            on_news=announce,
            may_act=self.lock.is_in_place,
            has_time=has_time,
            is_sparing=partial(is_sparing, environ),
            lowered=self._lowered,
            troubles=self._troubles,
        )
        self._assembly: Assembly | None = None
        self._without_storage: Assembly | None = None
        """The parts behind Control1 while the databases cannot be used."""
        self._declared: Catalogue | None = None
        """What the manifests declare, while no databases can be used. Where there are parts without databases, it is theirs."""
        self._failure: TelemetrydError = BUSY
        self._databases = Databases.CLOSED
        self._unreported: TelemetrydError | None = None
        """The error for the callers of a batch whose samples could not be written before the databases were closed."""
        self._logged_problems: dict[Problem, object] = {}
        """Logged problem → signature of its file. A manifest is parsed late, so its problem may be absent while it still exists."""
        self._retry_wanted = asyncio.Event()

    def lock_acquired(self) -> None:
        """Note that the state lock is ours. The first call opens the databases."""
        self._change_state(DatabasesEvent.LOCKED)

    def set_failure(self, failure: TelemetrydError) -> None:
        """Answer every call with this error. It is logged once."""
        if isinstance(failure, StorageError) and not failure.path:
            failure.path = str(self.lock.path)
        if str(failure) != str(self._failure):
            _LOG.error("%s", failure.text_with_path if isinstance(failure, StorageError) else failure)
            self._without_storage = None
        self._failure = failure

    def open(self) -> None:
        """Open the databases in the directory that has the path now, under its lock. A failure answers calls until the next attempt.

        It is announced that the user is shown another state, but not at the first attempt, or if opening fails as before.
        """
        before = self._shown
        self._open()
        if before is not None and (self._assembly or before != self._shown):
            self._announce()

    @property
    def _shown(self) -> tuple[bool, str] | None:
        """What the user is shown: an assembly, or the failure in place of it. None if no opening was tried yet."""
        return None if self._databases is Databases.DUE else (self._assembly is not None, str(self._failure))

    def _open(self) -> None:
        if self._assembly:
            self._assembly.sending.abort_all()
        self.close()
        try:
            assembly = assemble(self._installation, self._locked_directory(), self._surroundings)
            self._note_do_not_track(assembly)
            self._assembly, self._without_storage, self._declared, self._failure = assembly, None, None, BUSY
            self._change_state(DatabasesEvent.OPENED)
            self._log_problems(assembly)
        except TelemetrydError as failure:
            self.set_failure(failure)
        except Exception as failure:  # noqa: BLE001 - the edge of the app: what a damaged file holds must not end the daemon
            if str(self._failure) != _UNUSABLE:
                _LOG.error("internal error at opening the databases: %s", redacted_traceback(failure))
            self.set_failure(StorageError(_UNUSABLE))
        if not self._assembly:
            self.look_without_databases()

    def look_without_databases(self) -> Catalogue:
        """Check the files while no databases are open, so that the call of an application need not, and announce what changed."""
        catalogue = self._declared or catalogue_without_storage(self._installation)
        before, self._declared = catalogue.in_force, catalogue
        catalogue.refresh()
        if catalogue.in_force != before:
            self._announce()
        return catalogue

    def check_files(self) -> None:
        """Reopen the databases if one was moved, removed, replaced or damaged. Drop quarantined files after their time."""
        if self._assembly is None:
            return
        if self._is_moved():
            self.open()
            return
        store = self._assembly.store
        store.drop_old_quarantined()
        if store.is_damaged:
            self.open()
            return
        if store.main.is_there() and store.consent.is_there():
            return
        _LOG.error("a database was removed or replaced while it was in use; what it held is lost")
        if not store.main.is_there():
            self._assembly.sampling.note_data_loss()
        self.open()

    async def wait_for_retry(self, pause_s: float = REOPEN_S) -> None:
        """Return when what failed may be tried again: after `pause_s` if a call needs it, else when the timer would run."""
        self._retry_wanted.clear()
        await asyncio.sleep(pause_s)
        if not self._retry_wanted.is_set() and not self._lowered.is_any:
            await wait_event(self._retry_wanted, within_s=RUN_STEP_MAX_S)

    def assembly(self) -> Assembly:
        """The running parts, over the directory that has the path now. Raises the error in place of them."""
        if not self._is_compared and self._is_moved():
            self._change_state(DatabasesEvent.SPOILED)
        if self._databases in TO_OPEN:
            if self._work_lock.locked():
                raise BusyError("the databases are about to be opened anew: call again")
            self.open()
        if self._assembly is None:
            self._retry_wanted.set()
            raise self._failure
        return self._assembly

    def _locked_directory(self) -> Path:
        """The directory that has the path now. Raises BusyError if another process has its lock, or StorageError."""
        if not self.lock.try_take():
            raise BUSY
        return self.lock.directory

    def _is_moved(self) -> bool:
        """Whether the path belongs to another directory or none, so that the open databases may not be used."""
        self._is_compared = True
        if self._assembly is None or self.lock.is_in_place():
            return False
        _LOG.error("the state directory was moved or replaced, or its lock removed; only what is at its path now is used")
        return True

    def sampling(self) -> Sampling:
        """The part behind Telemetry1."""
        return self.assembly().sampling

    def snap(self, application: str) -> str:
        """The snap that may act for an application, or "". Installed manifests say so, whatever became of the databases."""
        with suppress(TelemetrydError):
            self.assembly()
        catalogue = self._assembly.control.catalogue if self._assembly else self._declared or self.look_without_databases()
        return catalogue.snap(application)

    def control(self) -> ControlParts:
        """The parts behind Control1, after `refresh`. If nothing can be stored, they read as empty."""
        try:
            return self.assembly().control
        except StorageError as failure:
            if self._without_storage is None:
                self._without_storage = assemble_without_storage(self._installation, self._surroundings, failure)
                self._declared = self._without_storage.control.catalogue
            return self._without_storage.control

    async def refresh(self) -> None:
        """Check the files, and decide what is owed. Raises the error in place of the parts, but not StorageError.

        If the results cannot be written, they hold in memory: everything that should be closed is closed.
        """
        async with self._work_lock:
            try:
                await self._refresh_locked(is_owed_too=True)
            except StorageError as failure:
                self._warn_once(failure)
                if self._without_storage:
                    self.look_without_databases()

    async def _refresh_locked(self, *, is_owed_too: bool) -> None:
        """Check files, day and databases, and decide, erase and close what follows. The caller holds the lock."""
        if own_package.has_changed(own_package.LOOK_S):
            self._on_replaced()
            raise BusyError(own_package.REPLACED)
        if self._databases in TO_OPEN:
            self.open()
        try:
            self.check_files()
        except BaseException:
            if self._assembly:  # a kill switch may have appeared, and the look at the files is not reached
                self._assembly.sampling.suspend()
            raise
        assembly = self.assembly()
        try:
            await assembly.work.run_locked(_check_steps(assembly, is_owed_too=is_owed_too))
        finally:
            self._log_problems(assembly)
        if assembly.control.catalogue.settings.developer is not assembly.is_developer:
            self.open()
            self.assembly()
        self._troubles.solved(_UNDECIDED)
        self._check_timers.check_at_midnight()

    def _warn_once(self, failure: TelemetrydError) -> None:
        if failure is not self._failure:  # that one was logged by `set_failure`
            self._troubles.warn_once(_LOG, _UNDECIDED, failure)

    async def _check_later(self, *, is_owed_too: bool) -> None:
        """A check that no call waits for."""
        async with self._work_lock:
            if self._databases is Databases.CLOSED:
                self.look_without_databases()
                return
            try:
                await self._refresh_locked(is_owed_too=is_owed_too)
            except TelemetrydError as failure:
                if not own_package.has_changed():  # that was said once, and ends the daemon
                    self._warn_once(failure)
            except Exception as failure:  # noqa: BLE001 - no caller to answer, and no sample is kept until a check succeeds
                _LOG.error("internal error at a check of the files: %s", redacted_traceback(failure))

    def check_at_midnight(self) -> None:
        """Check at each midnight from now on."""
        self._check_timers.check_at_midnight()

    async def last_check(self) -> None:
        """Decide what is owed, before an exit."""
        if self._assembly and not own_package.has_changed():
            await self._check_later(is_owed_too=True)

    def commit(self) -> TelemetrydError | None:
        """Commit the samples of a batch. Returns the error, if any."""
        self._is_compared = False
        try:
            if self._assembly:
                self._assembly.sampling.commit()
        except TelemetrydError as failure:
            if self._assembly and self._assembly.store.is_damaged:
                self._change_state(DatabasesEvent.SPOILED)  # the next call opens it anew, which quarantines it
            return failure
        unreported, self._unreported = self._unreported, None
        return unreported

    @property
    def is_held(self) -> bool:
        """Whether another process writes to the main file: then the replies to all samples wait, kept or refused. Policy: C3."""
        return self._assembly is not None and self._assembly.store.main.is_held()

    def refuse(self) -> None:
        """Refuse all samples, because another process has been writing for too long."""
        if self._assembly:
            self._assembly.sampling.refuse(StorageError("another program has been writing to the state directory for too long"))

    def note_refusal(self, call: Message | None, failure: Exception) -> None:
        """Show a refused call of an application to its developer, in developer mode."""
        monitor = self._assembly.control.monitor if self._assembly else None
        if monitor and monitor.is_on:
            refusal = describe_refusal(call, failure)
            monitor.refuse(refusal.get("application", ""), refusal.get("source", ""), refusal["error"], sentence(refusal))

    def end_monitoring(self) -> None:
        """Answer the clients that wait for the next push."""
        if self._assembly:
            self._assembly.control.monitor.end()

    def stop_sending(self) -> None:
        """Abort sending before an exit, and do not wait."""
        if self._assembly:
            self._assembly.ticker.stop()

    async def end_sending(self) -> None:
        """Abort sending, before an exit. A report of which surely nothing left is sent later."""
        if self._assembly:
            await self._assembly.ticker.end()

    @property
    def idle_exit_s(self) -> float:
        """Seconds without calls after which the daemon exits. 0 = never."""
        settings = self._assembly.control.catalogue.settings if self._assembly else self._installation.settings()
        configured = settings.idle_exit_minutes
        if self._has_unwritten:
            return 0.0
        return 60 * (self._idle_exit_minutes if configured is None else configured)

    @property
    def _has_unwritten(self) -> bool:
        """Whether a withdrawal holds in memory only: the user was told that it will be written."""
        return self._lowered.is_any or (self._assembly is not None and self._assembly.store.consents.is_owed)

    def close(self) -> None:
        """Commit and close the databases."""
        self._check_timers.stop()
        assembly, self._assembly = self._assembly, None
        self._change_state(DatabasesEvent.CLOSED)
        if assembly:
            try:
                self._note_do_not_track(assembly)
                assembly.close()
            except TelemetrydError as failure:
                _LOG.error("%s", failure)
                self._unreported = failure
            self._lowered.take_over(assembly.store.consents)

    def _change_state(self, event: DatabasesEvent) -> None:
        self._databases = NEXT[self._databases, event]

    def _log_problems(self, assembly: Assembly) -> None:
        """Log each file with a problem once, until the file changes or is removed."""
        problems = {problem for problem in assembly.control.catalogue.problems if problem.file}
        logged = self._logged_problems.items()
        self._logged_problems = {problem: before for problem, before in logged if problem in problems or signature(problem.file) == before}
        for problem in sorted(problems - self._logged_problems.keys())[:PROBLEMS_LOGGED_MAX]:
            _LOG.warning("%s: %s", problem.file, problem.text)
            self._logged_problems[problem] = signature(problem.file)

    @staticmethod
    def _note_do_not_track(assembly: Assembly) -> None:
        """Note DO_NOT_TRACK at a start and at an exit, because the file may have been created in between."""
        switches = {switch.what for switch in assembly.control.catalogue.settings.kill_switches}
        assembly.store.consents.note_do_not_track(is_set="DO_NOT_TRACK" in switches)


def _check_steps(assembly: Assembly, *, is_owed_too: bool) -> Steps[None]:
    """Check everything: files, day, registered texts and owed erasures."""
    yield from assembly.sampling.catch_up_steps()
    is_decided = yield from assembly.sampling.reload_steps(is_owed_too=is_owed_too)
    if is_decided or assembly.erasure.is_pending:
        yield from assembly.erasure.finish_steps()


async def wait_event(event: asyncio.Event, *, within_s: float | None) -> None:
    """Return at the next event, or after `within_s` seconds (None: no limit)."""
    event.clear()
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()

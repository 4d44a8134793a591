"""What lies on disk: two SQLite files in the user's state directory. Policy: C1, P1.

`consent.sqlite` holds what must never be lost with the rest: the user's choices, life states and draws. `telemetry.sqlite` holds tallies,
the queue with the history, and registered texts. Developer mode has a pair of its own, with `developer-` before the names. What is
written for refused samples is in no file that has a name (`decoys`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.settings import Problem
from telemetryd.errors import StorageError
from telemetryd.store.consents import Consents, noted_do_not_track
from telemetryd.store.database import Database
from telemetryd.store.decoys import Decoys
from telemetryd.store.missing_file import NoDatabase
from telemetryd.store.registered_texts import Texts
from telemetryd.store.report_table import Reports
from telemetryd.store.schema import CONSENT, MAIN
from telemetryd.store.tally_table import Tallies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


_OWED = "what you switched off or refused is off, but the disk did not take it yet; it is tried again, and lost if telemetryd ends before"
_ASIDE = "your choices in this file could not be read, so everything was switched off and all of the privacy budget counts as used"


class Store(NamedTuple):
    """Both files, by what is in them."""

    consents: Consents
    tallies: Tallies
    decoys: Decoys
    reports: Reports
    texts: Texts
    main: Database
    consent: Database

    def sync(self) -> None:
        """Wait until the disk has what was committed before, to any file; any thread may."""
        for database in self._files():
            database.sync()

    def fold(self) -> None:
        """Copy all logs into their files, in another thread: see `Database.fold`."""
        for database in self._files():
            database.fold()

    def cut(self) -> bool:
        """Empty all logs, which were folded; False while another process reads what may have been erased."""
        return all([database.cut() for database in self._files()])  # noqa: C419 - each of them, also after one that failed

    def purge(self) -> bool:
        """Leave nothing of what was erased in our files, at once; False while another process reads."""
        return all([database.purge() for database in self._files()])  # noqa: C419 - each of them, also after one that failed

    def _files(self) -> list[Database]:
        """All files, always in the same order: the decoys too, so that the disk is asked for the same whatever was kept. Policy: C3."""
        decoys = self.decoys.database_if_open
        return [self.consent, self.main, *([decoys] if decoys else [])]

    def make(self) -> None:
        """Make the main file, if it is not there."""
        self.main.make()

    @property
    def is_damaged(self) -> bool:
        """Whether either file turned out to be damaged while it was open."""
        return self.main.is_damaged or self.consent.is_damaged

    def drop_damaged(self) -> None:
        """Remove damaged files that were set aside."""
        self.main.drop_aside()
        self.consent.drop_aside()

    def loss_is_told(self) -> None:
        """What the loss of a file means for the others is on disk: the next start need not say it again."""
        self.main.loss_is_told()
        self.consent.loss_is_told()

    def drop_old_damage(self) -> None:
        """Remove damaged files that were set aside a month ago."""
        self.main.drop_old_damage()
        self.consent.drop_old_damage()

    def tell_unsettled(self, begin: Callable[[], None], large: Callable[[], None]) -> None:
        """Have `begin` called after the first commit that a power cut would undo, and `large` when a log should be emptied.

        Of decoys too, though nobody would miss them: a sync takes time that others notice.
        """
        for database in (self.consent, self.main):
            database.on_unsettled, database.on_large = begin, large
        self.decoys.on_unsettled, self.decoys.on_large = begin, large

    def problems(self) -> list[Problem]:
        """What the user has to know of these files."""
        found = [Problem(os.path.realpath(one), _ASIDE) for one in self.consent.aside()]
        obstacle = self.consent.obstacle or self.main.obstacle
        if obstacle:
            found.append(unkept(obstacle))
        if self.consents.is_owed:
            found.append(Problem(os.path.realpath(self.consent.path), _OWED))
        return found

    def close(self) -> None:
        """Write what is left to the files proper and close them."""
        self.main.close()
        self.consent.close()
        self.decoys.close()


def is_do_not_track_noted(directory: Path) -> bool:
    """Whether a daemon noted DO_NOT_TRACK in either consent file; only looks: a damaged file is left for `open_store` to find."""
    return any(noted_do_not_track(directory / f"{prefix}consent.sqlite") for prefix in ("", "developer-"))


def purge_ordinary(directory: Path) -> bool:
    """Leave nothing of what was erased in the ordinary main file while developer mode has it closed; False while another process reads."""
    try:
        main = Database(directory / "telemetry.sqlite", MAIN)
    except StorageError:
        return False
    try:
        return main.purge()
    finally:
        main.close()


def unkept(why: StorageError) -> Problem:
    """What the user is told while nothing can be kept."""
    return Problem(why.place, f"off, because nothing can be kept: {why}")


def no_store(why: StorageError) -> Store:
    """What stands for files that cannot be used: nothing is stored, and whoever writes is told why."""
    consent, main = NoDatabase(CONSENT, why), NoDatabase(MAIN, why)
    return Store(Consents(consent), Tallies(main), Decoys(main.path), Reports(main), Texts(main), main, consent)


def open_store(directory: Path, *, is_developer: bool) -> Store:
    """Open the pair of files; a file that does not exist is made at its first write, never before.

    Raises:
        StorageError: a file is of a newer version or cannot be opened; a damaged one is set aside instead.
    """
    prefix = "developer-" if is_developer else ""
    consent = Database(directory / f"{prefix}consent.sqlite", CONSENT)
    try:
        main = Database(directory / f"{prefix}telemetry.sqlite", MAIN)
    except BaseException:
        consent.close()
        raise
    return Store(Consents(consent), Tallies(main), Decoys(directory), Reports(main), Texts(main), main, consent)

"""The data on disk: two SQLite files in the user's state directory. Policy: C1, P1.

`consent.sqlite` holds what must not be lost with the rest: choices of the user, records of questions, and lots. `telemetry.sqlite` holds
tallies, the queue with the history, and registered texts. Developer mode has its own pair, with the prefix `developer-`. Rows for refused
samples are in a file without a name (`decoys`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from telemetryd.core.problem_words import ProblemCause, problem_of
from telemetryd.errors import StorageError
from telemetryd.named_tuple import NamedTuple
from telemetryd.store.consents import Consents, has_do_not_track_note
from telemetryd.store.database import NOBODY, Database
from telemetryd.store.decoys import Decoys
from telemetryd.store.missing_file import NoDatabase
from telemetryd.store.registered_texts import Texts
from telemetryd.store.report_table import Reports
from telemetryd.store.schema import CONSENT, MAIN
from telemetryd.store.tally_table import Tallies

if TYPE_CHECKING:
    from pathlib import Path

    from telemetryd.core.settings import Problem
    from telemetryd.engine.ports import CommitListener
    from telemetryd.store.sample_burst import SampleBurst


class Store(NamedTuple):
    """Both files and their tables."""

    consents: Consents
    tallies: Tallies
    decoys: Decoys
    reports: Reports
    texts: Texts
    main: Database
    consent: Database
    burst: SampleBurst
    """It ends before all logs are folded whole, and before other processes empty them."""

    def sync(self) -> None:
        """Wait until the disk has the earlier commits to all files. Any thread may call it."""
        for database in self._files():
            database.sync()

    def fold(self) -> None:
        """Copy all logs into their files: see `Database.fold`."""
        for database in self._files():
            database.fold()

    def cut(self) -> bool:
        """Empty all logs, after `fold`. False while another process reads what may be erased."""
        return all([database.cut() for database in self._files()])  # noqa: C419 - each of them, also after one that failed

    def purge(self) -> bool:
        """Remove erased text from all files at once. False while another process reads."""
        return all([database.purge() for database in self._files()])  # noqa: C419 - each of them, also after one that failed

    def _files(self) -> list[Database]:
        """All files in a fixed order, the decoys too, so that the disk is used equally whatever was kept. Policy: C3."""
        decoys = self.decoys.database_if_open
        return [self.consent, self.main, *([decoys] if decoys else [])]

    def make(self) -> None:
        """Create the main file if it is absent."""
        self.main.make()

    @property
    def is_damaged(self) -> bool:
        """Whether damage of either file was found while it was open."""
        return self.main.is_damaged or self.consent.is_damaged

    def drop_damaged(self) -> None:
        """Remove all quarantined files."""
        self.main.drop_quarantined()
        self.consent.drop_quarantined()

    def acknowledge_loss(self) -> None:
        """Note that the loss of a file is handled, so that the next start does not handle it again."""
        self.main.acknowledge_loss()
        self.consent.acknowledge_loss()

    def drop_old_quarantined(self) -> None:
        """Remove files that have been in quarantine for a month."""
        for database in (self.main, self.consent):
            if database.has_quarantined:
                database.drop_old_quarantined()

    def problems(self) -> list[Problem]:
        """The problems of these files, for the user."""
        problems = [problem_of(os.path.realpath(file), ProblemCause.QUARANTINED) for file in self.consent.quarantined()]
        obstacle = self.consent.obstacle or self.main.obstacle
        if obstacle:
            problems.append(storage_problem(obstacle))
        if self.consents.is_owed:
            problems.append(problem_of(os.path.realpath(self.consent.path), ProblemCause.NOT_WRITTEN))
        return problems

    def close(self) -> None:
        """Fold the logs into the files and close them."""
        self.main.close()
        self.consent.close()
        self.decoys.close()


def consent_file(*, is_developer: bool) -> str:
    """The name of the file with the user's choices. Developer mode has one of its own."""
    return "developer-consent.sqlite" if is_developer else "consent.sqlite"


def is_do_not_track_noted(directory: Path) -> bool:
    """Whether a daemon noted DO_NOT_TRACK in either consent file. A damaged file is left for `open_store` to find."""
    return any(has_do_not_track_note(directory / consent_file(is_developer=is_developer)) for is_developer in (False, True))


def purge_ordinary(directory: Path) -> bool:
    """Remove erased text from the ordinary main file, which developer mode keeps closed. False while another process reads."""
    try:
        main = Database(directory / "telemetry.sqlite", MAIN)
    except StorageError:
        return False
    try:
        return main.purge()
    finally:
        main.close()


def storage_problem(why: StorageError) -> Problem:
    """The problem shown to the user while nothing can be stored."""
    return problem_of(why.path, ProblemCause.NO_STORAGE, why=str(why))


def no_store(why: StorageError) -> Store:
    """A store for files that cannot be used: it reads as empty, and every write raises StorageError with the reason."""
    consent, main = NoDatabase(CONSENT, why), NoDatabase(MAIN, why)
    decoys = Decoys(main.path)
    return Store(Consents(consent), Tallies(main), decoys, Reports(main), Texts(main, decoys.make_beside), main, consent, main.burst)


def open_store(directory: Path, listener: CommitListener = NOBODY, *, is_developer: bool) -> Store:
    """Open the pair of files. An absent file is created by `Store.make` or at its first write, never before.

    The listener gets the decoys' commits too, although nobody needs them: a sync takes time that applications could measure. Policy: C3.

    Raises:
        StorageError: a file has a newer version or cannot be opened. A damaged file is quarantined instead.
    """
    prefix = "developer-" if is_developer else ""
    consent = Database(directory / consent_file(is_developer=is_developer), CONSENT, listener)
    try:
        main = Database(directory / f"{prefix}telemetry.sqlite", MAIN, listener)
    except BaseException:
        consent.close()
        raise
    decoys = Decoys(directory, listener, burst=main.burst)
    return Store(Consents(consent), Tallies(main), decoys, Reports(main), Texts(main, decoys.make_beside), main, consent, main.burst)

"""What lies on disk: two SQLite files in the user's state directory. Policy: C1, P1.

`consent.sqlite` holds what must never be lost with the rest: the user's choices, life states and draws. `telemetry.sqlite` holds tallies,
the queue with the history, and registered texts. Developer mode has a pair of its own, with `developer-` before the names. What is
written for refused samples is in no file that has a name (`decoys`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from telemetryd.errors import StorageError
from telemetryd.store.consents import Consents, noted_do_not_track
from telemetryd.store.database import Database
from telemetryd.store.decoys import Decoys
from telemetryd.store.reports import Reports
from telemetryd.store.schema import CONSENT, MAIN
from telemetryd.store.tallies import Tallies
from telemetryd.store.texts import Texts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Store(NamedTuple):
    """Both files, by what is in them."""

    consents: Consents
    tallies: Tallies
    decoys: Decoys
    reports: Reports
    texts: Texts
    main: Database
    consent: Database

    def purge(self) -> bool:
        """Leave nothing of what was erased in our files; False while another process reads."""
        return self.main.purge()

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

    def tell_unsettled(self, begin: Callable[[], None]) -> None:
        """Have `begin` called after the first commit that a power cut would undo; every change of the consent file survives one anyway.

        Decoys too, though nobody would miss them: a sync takes time that others notice.
        """
        self.main.on_unsettled = begin
        self.decoys.on_unsettled = begin

    def unsettled(self) -> list[int]:
        """The logs that hold such commits: descriptors for the caller to sync and to close."""
        return [log for log in (self.main.unsettled(), self.decoys.unsettled()) if log is not None]

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

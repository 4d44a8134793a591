"""The ports of the engine: the interfaces that adapters implement and the runtime provides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from telemetryd.core.permission.record import Ending
from telemetryd.core.sending.hindrance import Tries, error_word
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from telemetryd.core.definition import Declaration, Key
    from telemetryd.core.permission.gate import ApplicationLevels, Decision, Levels
    from telemetryd.core.permission.obstacle_delay import Moment
    from telemetryd.core.permission.record import Record
    from telemetryd.core.permission.signoffs import InstalledReviews
    from telemetryd.core.privacy.ledger import Charge
    from telemetryd.core.privacy.sampling_lot import Lot
    from telemetryd.core.sending.schedule import Delivery
    from telemetryd.core.settings import Endpoint, Settings

QUEUED, UNKNOWN = "queued", "unknown"
"""Outcomes of a report without a status: not sent yet, and bytes may have been sent."""


class StoredTally(NamedTuple):
    """A tally on disk. `cells` has the layout of `core.answers.aggregate`."""

    id: int
    key: Key
    pusher: str
    period: str
    cells: array[int]


class StoredReport(NamedTuple):
    """One report: its exact bytes, its destination and its outcome. Times are Unix s, 0 = never. `id` is 0 before it is stored.

    `slot` lies in the window [opens, closes) at first. `started` is the beginning of the only attempt that may have sent bytes; once that
    is over, the beginning of its day. `held` says why the last attempt reached nobody, or got no status (`core.sending.hindrance`), or is
    "". `tries` are all attempts that reached nobody, and stay whatever the outcome.
    """

    id: int
    application: str
    question: str
    revision: str
    period: str
    vendor: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    created: int
    slot: int
    opens: int
    closes: int
    started: int = 0
    outcome: str = QUEUED
    status: int = 0
    held: str = ""
    tries: Tries = ()

    @property
    def key(self) -> Key:
        """The key of the question that it answers."""
        return self.application, self.question


class ReportSelection(NamedTuple):
    """At most `limit` reports with a smaller id than `before`, the newest first. Empty texts, and no outcomes, mean any."""

    before: int
    limit: int
    application: str = ""
    question: str = ""
    since: int = 0
    outcomes: tuple[str, ...] = ()


def ending_of(row: StoredReport) -> Ending:
    """The end of a report, as its row has it."""
    return Ending(row.outcome, row.started, row.status, error_word(row.held, row.outcome))


def _nobody_listens() -> None:
    """The listener of files that are synced on request only."""


class CommitListener(NamedTuple):
    """Callbacks after commits."""

    on_unsettled: Callable[[], None] = _nobody_listens
    """Called after the first commit that a power cut would undo, and again only after a sync."""
    on_large: Callable[[], None] = _nobody_listens
    """Called when a log should be emptied."""


class Clock(Protocol):
    """The machine's clocks."""

    def now(self) -> int:
        """Wall time, Unix seconds, UTC."""

    def monotonic(self) -> float:
        """Seconds of a clock that never goes backwards."""

    def moment(self) -> Moment:
        """All clocks at one moment, including time in suspend. Delays are counted by it."""


class Randomness(Protocol):
    """An unpredictable random number generator."""

    def below(self, bound: int) -> int:
        """A uniform integer in [0, bound)."""


class Courier(Protocol):
    """Hands one report to the uploader."""

    async def deliver(self, endpoint: Endpoint, body: bytes, definition: str, *, on_unsent: Callable[[], None]) -> Delivery:
        """Send one report and return the result. `definition` is the canonical text.

        Cancelling aborts the connection. `on_unsent` is called then if surely no byte of the report was sent.
        """


class SystemFacts(Protocol):
    """The facts of this machine that the daemon measures itself."""

    def read(self, name: str) -> int | float | str | bool | None:
        """The exact value of one system fact (`memory`, `os` …), or None if it cannot be determined. It is never logged."""


class Installation(Protocol):
    """The files of distributions, administrators and the user."""

    changes: int
    """How often `fingerprint` found that a manifest changed after it was read."""
    told_changes: int
    """How often one changed after `note_all_read`."""

    def note_all_read(self) -> None:
        """All manifests were read, because someone asked for all of them."""

    def fingerprint(self) -> object:
        """A value that changes with any of the files."""

    def settings(self) -> Settings:
        """The settings of the configuration. Never raises: a file that cannot be read acts as a kill switch."""

    def reviews(self) -> InstalledReviews:
        """The reviews and stops, and the files that cannot be read."""

    def overrides(self) -> Sequence[str]:
        """The environment variables that replace the system's files."""

    def applications(self) -> Sequence[str]:
        """The ids of the applications whose manifests are installed."""

    def declaration(self, application: str) -> Declaration:
        """The declaration of one installed manifest. Raises InvalidManifestError or StorageError."""

    def manifest_file(self, application: str) -> str:
        """The path of one installed manifest, for messages to the user."""

    def text(self, application: str) -> str:
        """The text of one installed manifest. Raises StorageError, UnfitFileError if only a change of the file ends it."""


class UnwrittenFacts(NamedTuple):
    """The records of questions that ended for good, and `ConsentStore.history_erased`, as far as they could not be written."""

    ended: Mapping[Key, Record] = {}
    history_erased: int = 0


class ConsentStore(Protocol):
    """The user's choices, in memory and in the file. A change survives a power cut after the next `Files.sync`."""

    file: str
    """The file's name."""
    levels: Levels
    applications: Mapping[str, ApplicationLevels]
    decisions: Mapping[Key, Decision]
    records: Mapping[Key, Record]
    lots: Mapping[Key, Lot]
    ledger: Mapping[Key, Charge]
    is_spent: bool
    history_erased: int
    """The beginning of the day on which an erasure last emptied the history; 0: none did."""

    @property
    def is_owed(self) -> bool:
        """Whether a withdrawal or an end holds in memory only, because it could not be written yet."""

    @property
    def owed_facts(self) -> UnwrittenFacts:
        """What happened and holds in memory only."""

    def together(self) -> AbstractContextManager[None]:
        """Store the changes of a block all or none. If StorageError leaves the block, none of them holds."""

    def set_levels(self, levels: Levels) -> None:
        """Store the global levels."""

    def set_application(self, application: str, levels: ApplicationLevels) -> None:
        """Store one application's levels."""

    def accept(self, rows: Sequence[tuple[Key, str, str]], now: int) -> None:
        """Store acceptances: (key, digest, manifest text as shown). A refusal of the key ends."""

    def accepted_text(self, key: Key, digest: str) -> str:
        """The manifest text that was accepted under a digest, or ""."""

    def refuse(self, key: Key, *, is_refused: bool) -> None:
        """Store or end a refusal."""

    def forget(self, application: str, ended: Mapping[Key, Record]) -> None:
        """Drop an application's levels, acceptances, open records and what is held for them, and store the `ended` ones.

        Refusals, lots and charges stay.
        """

    def set_records(self, records: Mapping[Key, Record]) -> None:
        """Store records of questions, all of them or none."""

    def keep_lots(self, lots: Mapping[Key, Lot]) -> None:
        """Store lots. A lot that is stored already stays."""

    def settle(self, records: Mapping[Key, Record], ledger: Mapping[Key, Charge | None]) -> None:
        """Store records and changes of the ledger (None releases what is held), all of them or none. A charge stays."""

    def note_history_erased(self, day: int) -> None:
        """Store that day. Never raises: what cannot be written is owed."""


class TallyStore(Protocol):
    """The running tallies on disk."""

    def all(self) -> list[StoredTally]:
        """Every tally on disk."""

    def save(self, tallies: Sequence[StoredTally]) -> None:
        """Write tallies in one commit that survives a crash of the process."""

    def save_one(self, tally: StoredTally) -> None:
        """Write one tally, as durably as `save` and in half the time."""

    def erase(self, keys: Iterable[Key], pusher: str | None = None) -> None:
        """Erase the tallies of questions, or only what one application pushed into them."""

    def missing(self) -> str:
        """The delays of applications that pushed and whose manifest is missing: see `core.permission.obstacle_delay`."""

    def keep_missing(self, noticed: str) -> None:
        """Store these delays."""

    def probe(self) -> None:
        """Raise StorageError unless a write could begin. Nothing is written."""


class DecoyStore(Protocol):
    """The rows that are written for refused samples. They belong to no question, and take the same time as real ones."""

    def opened(self) -> TallyStore:
        """The tallies in the decoys' file, which is created if necessary. Raises StorageError."""

    def close(self) -> None:
        """Discard the file with all its rows. The next use creates another."""

    def probe(self) -> None:
        """Raise StorageError unless a write that needs room succeeds."""


class ReportStore(Protocol):
    """Queue and history."""

    def put(self, report: StoredReport) -> None:
        """Add a report to the queue and erase its tallies, in one transaction."""

    def queue(self) -> list[StoredReport]:
        """The reports that wait."""

    def history(self, since: int, limit: int) -> list[StoredReport]:
        """The newest `limit` reports created at or after `since`, newest first."""

    def latest(self, since: int) -> Iterator[StoredReport]:
        """As `history` without a limit. Rows are read a few at a time, and the table may change between two reads."""

    def select(self, selection: ReportSelection) -> Iterator[StoredReport]:
        """The reports of a selection, newest first. As `latest`, rows are read a few at a time."""

    def newest(self, key: Key, period: str = "") -> StoredReport | None:
        """The newest report of a question, of one period or of any ("")."""

    def applications(self) -> list[str]:
        """Every application with a report, queued or ended."""

    def questions(self, application: str) -> list[str]:
        """The questions of an application with a report, queued or ended."""

    def start(self, report: StoredReport) -> bool:
        """Store that the report's attempt begins at its `started`, before any byte is sent. False if another one had begun."""

    def held(self) -> list[tuple[str, str]]:
        """(vendor, hindrance) of the reports that wait because they reached nobody."""

    def hold(self, report: StoredReport) -> None:
        """Store that nothing of the report left: its `slot`, `held` and `tries`. It waits for that slot."""

    def finish(self, report: StoredReport, *, body: bytes) -> bool:
        """Store the report's final `outcome`, `status` and `held`. False if the row was erased meanwhile."""

    def erase(self, keys: Iterable[Key]) -> None:
        """Erase the queued reports of questions."""

    def has_history(self) -> bool:
        """Whether there is a report that does not wait."""

    def forget(self, application: str) -> bool:
        """Erase some of the history of an application, or of all (""). True if there may be more."""

    def prune(self, now: int) -> bool:
        """Drop some of the rows older than a year. True if there may be more."""

    def ticks(self) -> tuple[int, ...]:
        """The fields of the stored `ticks.Ticks` and the day of the last late report, or nothing."""

    def keep_ticks(self, ticks: Sequence[int]) -> None:
        """Store these fields."""


class TextStore(Protocol):
    """The manifests that applications registered."""

    def months(self) -> Mapping[str, str]:
        """Application id → month (`2026-11`) of the last registration."""

    def get(self, application: str) -> str | None:
        """The registered text of an application."""

    def is_kept(self, application: str, manifest: str) -> bool:
        """Whether this is the application's registered text. The disk is not read for an unchanged text."""

    def keep(self, application: str, manifest: str, month: str, *, instead_of: str = "") -> None:
        """Store a registration, and remove that of the application `instead_of`, if one is named."""

    def drop(self, application: str) -> None:
        """Forget a registration."""


class Burst(Protocol):
    """Samples in quick succession, which are cheaper."""

    def end(self) -> object:
        """End it, so that all commits can be folded."""


class Files(Protocol):
    """All database files: syncing them, and removing erased text from their logs. All methods raise StorageError."""

    def sync(self) -> None:
        """Wait until the disk has earlier commits. Any thread may call it."""

    @property
    def burst(self) -> Burst:
        """What makes samples in quick succession cheaper."""

    def fold(self) -> None:
        """Copy the write-ahead logs into their files and wait for the disk. Another thread may call it while the loop writes."""

    def cut(self) -> bool:
        """Empty the logs, after `fold`. False while another process reads."""

    def purge(self) -> bool:
        """Fold, empty and sync the logs at once. False while another process reads."""

    def drop_damaged(self) -> None:
        """Remove quarantined files."""

    def make(self) -> None:
        """Create the file for tallies in advance, so that the first sample takes no longer than others."""

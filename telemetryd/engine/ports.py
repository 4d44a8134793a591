"""The outside, as the daemon sees it: what adapters implement and `app` puts in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from telemetryd.core.definition import Declaration
    from telemetryd.core.delay import Moment
    from telemetryd.core.gate import ApplicationLevels, Decision, Levels
    from telemetryd.core.ledger import Entry
    from telemetryd.core.lifecycle import Record
    from telemetryd.core.sampling_lot import Lot
    from telemetryd.core.schedule import Delivery
    from telemetryd.core.settings import Endpoint, Settings
    from telemetryd.core.signoffs import InstalledReviews

Key = tuple[str, str]
"""(application id, question id)."""

QUEUED, ERASED, UNKNOWN = "queued", "erased", "unknown"
"""Outcomes of a report beside what a server answers: still to be sent; erased before; erased when bytes may have left."""


class StoredTally(NamedTuple):
    """A tally as it lies on disk; `cells` as `core.aggregate` lays them out."""

    id: int
    key: Key
    pusher: str
    period: str
    cells: array[int]


class StoredReport(NamedTuple):
    """One report: the exact bytes, where they go, and what became of them. Times in Unix s, 0 = never; `id` 0 before it is stored.

    `slot` lies in the window [opens, closes); `tries` counts the tries begun, `started` is the running one's beginning. `held` says
    what of our own kept it here the last time (`core.hindrance`), and is "" otherwise.
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
    tries: int = 0
    started: int = 0
    not_before: int = 0
    outcome: str = QUEUED
    status: int = 0
    held: str = ""

    @property
    def key(self) -> Key:
        """The question that it answers."""
        return self.application, self.question


class Clock(Protocol):
    """The machine's clocks."""

    def now(self) -> int:
        """Wall time, Unix seconds, UTC."""

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""

    def moment(self) -> Moment:
        """One look at all of them, suspends included: what delays are counted by."""


class Randomness(Protocol):
    """Chance that nobody can foresee."""

    def below(self, bound: int) -> int:
        """A uniform integer in [0, bound)."""


class Courier(Protocol):
    """Hands one report to the uploader."""

    async def deliver(self, endpoint: Endpoint, body: bytes, definition: str) -> Delivery:
        """Send one report of the definition with this canonical text and say what became of it; cancelling it aborts the connection."""


class SystemFacts(Protocol):
    """What the daemon itself measures of this machine."""

    def read(self, name: str) -> int | float | str | bool | None:
        """The exact value of one system fact (`memory`, `os` …), or None where it cannot be known; never logged."""


class Installation(Protocol):
    """The files that distributions, administrators and the user put in place."""

    changes: int
    """How often `fingerprint` has found a manifest that was read to be another one."""

    def fingerprint(self) -> object:
        """Something that differs when any of the files changed."""

    def settings(self) -> Settings:
        """What the configuration says; never fails: what cannot be read is a kill switch."""

    def reviews(self) -> InstalledReviews:
        """The reviews and stops, and the files that cannot be read."""

    def overrides(self) -> Sequence[str]:
        """The variables of the environment that put other files in place of the system's."""

    def applications(self) -> Sequence[str]:
        """The ids of the applications whose manifests are installed."""

    def declaration(self, application: str) -> Declaration:
        """One installed manifest. Raises InvalidManifestError or StorageError."""

    def place(self, application: str) -> str:
        """The file of one installed manifest, for the user."""

    def text(self, application: str) -> str:
        """The text of one installed manifest. Raises StorageError."""


class Consents(Protocol):
    """The user's choices, in memory as in the file; a change survives a power cut after the next `Files.sync`."""

    levels: Levels
    applications: Mapping[str, ApplicationLevels]
    decisions: Mapping[Key, Decision]
    records: Mapping[Key, Record]
    lots: Mapping[Key, Lot]
    ledger: Mapping[Key, Entry]
    is_spent: bool

    @property
    def is_owed(self) -> bool:
        """Whether something that was lowered or ended holds in memory only, because the disk did not take it yet."""

    def set_levels(self, levels: Levels) -> None:
        """Keep the global levels."""

    def set_application(self, application: str, levels: ApplicationLevels) -> None:
        """Keep one application's levels."""

    def accept(self, rows: Sequence[tuple[Key, str, str]], now: int) -> None:
        """Keep acceptances: (key, digest, manifest text as shown); a refusal of the key ends."""

    def accepted_text(self, key: Key, digest: str) -> str:
        """The manifest text that was accepted under a digest, or ""."""

    def refuse(self, key: Key, *, is_refused: bool) -> None:
        """Keep or end a refusal."""

    def forget(self, application: str, over: Mapping[Key, Record]) -> None:
        """Drop an application's levels, acceptances, open lives and reservations; keep what is `over`. Refusals, lots and charges stay."""

    def set_records(self, records: Mapping[Key, Record]) -> None:
        """Keep what is remembered of questions' lives, all of it or none."""

    def keep_lots(self, lots: Mapping[Key, Lot]) -> None:
        """Keep what was drawn; a lot that is there already stays."""

    def settle(self, records: Mapping[Key, Record], ledger: Mapping[Key, Entry | None]) -> None:
        """Keep what is remembered of lives and what changes in the ledger (None: released), all of it or none. A charge stays."""


class Tallies(Protocol):
    """The running tallies on disk."""

    def all(self) -> list[StoredTally]:
        """Every tally on disk."""

    def save(self, tallies: Sequence[StoredTally]) -> None:
        """Write tallies in one commit that survives the death of the process."""

    def save_one(self, tally: StoredTally) -> None:
        """The same for one, in half the time."""

    def erase(self, keys: Iterable[Key], pusher: str | None = None) -> None:
        """Erase the tallies of questions, or only what one application pushed into them."""

    def missing(self) -> str:
        """What was noticed of applications that pushed and whose manifest is missing: see `core.delay`."""

    def keep_missing(self, noticed: str) -> None:
        """Keep that."""

    def probe(self) -> None:
        """Raise StorageError unless a write could begin; nothing is written."""


class Decoys(Protocol):
    """The rows that are written for what is refused, and are nobody's: they take the same time as the real ones."""

    def opened(self) -> Tallies:
        """The tallies in that file, which is made if it is not there. Raises StorageError."""

    def close(self) -> None:
        """Give the file up, with all its rows; the next use makes another."""

    def probe(self) -> None:
        """Raise StorageError unless a write that needs room succeeds."""


class Reports(Protocol):
    """Queue and history."""

    def put(self, report: StoredReport) -> None:
        """One transaction: the report joins the queue, and the tallies that it was made of are erased."""

    def queue(self) -> list[StoredReport]:
        """The reports that are still to be sent."""

    def history(self, since: int, limit: int) -> list[StoredReport]:
        """The newest `limit` reports created at or after `since`, newest first."""

    def latest(self, since: int) -> Iterator[StoredReport]:
        """The same without a limit, a few rows at a time: whoever has enough stops, and others may change the table between two of them."""

    def newest(self, key: Key, period: str) -> StoredReport | None:
        """The report that was made last of a question and period."""

    def applications(self) -> list[str]:
        """Every application of which there is a report, queued or over."""

    def questions(self, application: str) -> list[str]:
        """The questions of an application of which there is a report, queued or over."""

    def last_sent(self, application: str) -> Mapping[str, int]:
        """Question → when the last report that a server took was made (Unix s, a day's beginning)."""

    def start(self, report: StoredReport, now: int, not_before: int) -> None:
        """A try begins: written before any byte leaves, with its address and headers, and the next one's moment if its outcome is lost."""

    def postpone(self, report: StoredReport, not_before: int, status: int) -> None:
        """The try failed and another is possible."""

    def held(self) -> list[tuple[str, str]]:
        """Of the reports that something of our own keeps here: whose they are (vendor), and what it is."""

    def hold(self, report: StoredReport, not_before: int, hindrance: str) -> None:
        """Something of our own was in the way: it was no try."""

    def finish(self, report: StoredReport, outcome: str, *, status: int, body: bytes) -> bool:
        """No try is possible any more; False if the row was erased in the meantime."""

    def erase(self, keys: Iterable[Key]) -> None:
        """Erase the queued reports of questions."""

    def forget(self, application: str) -> bool:
        """Erase some of the history of an application, or of all (""); True if there may be more."""

    def prune(self, now: int) -> bool:
        """Drop some of the rows older than a year; True if there may be more."""

    def ticks(self) -> tuple[int, ...]:
        """The fields of the kept `schedule.Ticks` and the day of the last late report, or nothing."""

    def keep_ticks(self, ticks: Sequence[int]) -> None:
        """Keep them."""


class Texts(Protocol):
    """The manifests that applications registered."""

    def months(self) -> Mapping[str, str]:
        """Application id → month (`2026-11`) of the last registration."""

    def get(self, application: str) -> str | None:
        """The registered text of an application."""

    def is_kept(self, application: str, manifest: str) -> bool:
        """Whether this is the application's registered text; an unchanged one is found so without the disk."""

    def keep(self, application: str, manifest: str, month: str, *, instead_of: str = "") -> None:
        """Keep a registration, in the place of another application's, if one is named."""

    def drop(self, application: str) -> None:
        """Forget a registration."""


class Files(Protocol):
    """The files as a whole: what waits for the disk, and what leaves nothing of what was erased. All of them raise StorageError."""

    def sync(self) -> None:
        """Wait until the disk has what was committed before; any thread may."""

    def fold(self) -> None:
        """Copy the write-ahead logs into their files and wait for the disk; another thread may, while the loop writes."""

    def cut(self) -> bool:
        """Empty the logs, which were folded; False while another process reads."""

    def purge(self) -> bool:
        """All of these at once."""

    def drop_damaged(self) -> None:
        """Remove damaged files that were set aside."""

    def make(self) -> None:
        """Make the file for what will be collected: the first sample is to take no longer than others."""

"""How large the state directory gets: `pytest -s tests/store/test_size.py` prints it, year by year."""

import contextlib

import pytest

from telemetryd.core.permission.gate import Levels
from telemetryd.core.permission.record import Outcome, Record
from telemetryd.core.privacy.ledger import Charge
from telemetryd.core.privacy.sampling_lot import Lot
from telemetryd.engine.ports import CommitListener
from telemetryd.store import open_store

YEARS, APPLICATIONS, QUESTIONS_A_YEAR, TEXT_BYTES = 10, 5, 20, 48_000
"""A hundred questions a year, in manifests as large as they may be, each changed before every quarter."""
BOUND_BYTES = 4_000_000
"""What docs/administration.md says; the same years with one text for each acceptance took 24 MB of texts each."""
QUARTER_S = 91 * 86400
COST = 20


def ask(store, application, quarter, now):
    """A quarter: a new text is registered, and five of its questions are accepted and drawn."""
    text = f"{application} in its quarter {quarter} ".ljust(TEXT_BYTES, "x")
    keys = [(application, f"question-{quarter}-{number}") for number in range(QUESTIONS_A_YEAR // 4)]
    store.texts.keep(application, text, f"{2026 + quarter // 4}-0{1 + quarter % 4}")
    store.consents.accept([(key, "sha256:" + (f"{key[1]}-{application}".encode().hex() * 4)[:64], text) for key in keys], now)
    store.consents.keep_lots({key: Lot(1 << 63, 1 << 62, 1 << 61) for key in keys})
    return keys


def answer(store, keys, report, now):
    """The quarter after: their reports are made, charged and sent, and what is older than a year leaves the history."""
    sources = ("org.kde.kate/startup", "org.telemetryd.system/memory")
    charged = {key: Charge("telemetry.kde.org", 2026, COST, sources) for key in keys}
    store.consents.settle({key: Record(Outcome.REPORTING, period="2026-W42") for key in keys}, charged)
    for key in keys:
        store.reports.put(report(key, created=now, body=b" " * 1024))
    for queued in store.reports.queue():
        store.reports.finish(queued._replace(outcome="accepted", status=204), body=queued.body)
    store.consents.set_records({key: Record(Outcome.ANSWERED, "sent", "2026-W42") for key in keys})
    store.reports.prune(now)


def size_of(folder):
    """All bytes of the directory's files."""
    return sum(path.stat().st_size for path in folder.iterdir())


@pytest.fixture
def store(folder):
    """The store; a log that has grown is emptied, as the daemon does."""

    def purge():
        store.purge()

    with contextlib.closing(open_store(folder, CommitListener(on_large=purge), is_developer=False)) as store:
        yield store


def test_ten_years(folder, store, report, capsys):
    """Ten years in which five applications ask a hundred questions a year: the size is bounded, and grows little."""
    store.consents.set_levels(Levels(2, 2, 1))
    running, sizes = [], []
    for quarter in range(4 * YEARS):
        now = 1_800_000_000 + quarter * QUARTER_S
        answer(store, running, report, now)
        running = [key for number in range(APPLICATIONS) for key in ask(store, f"org.example.app{number}", quarter, now)]
        if quarter % 4 == 3:
            sizes.append(size_of(folder))
    with capsys.disabled():
        print("\nstate directory after each year, kB: " + " ".join(f"{size // 1000}" for size in sizes))  # noqa: T201 - the figure
    assert sizes[-1] < BOUND_BYTES
    assert sizes[-1] - sizes[0] < 1_500_000

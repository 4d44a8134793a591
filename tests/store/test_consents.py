import contextlib
import sqlite3

import pytest

from telemetryd.core.causes import Cause
from telemetryd.core.permission.gate import ApplicationLevels, Decision, Levels
from telemetryd.core.permission.record import Outcome, Record
from telemetryd.core.privacy.ledger import Charge
from telemetryd.core.privacy.sampling_lot import Lot
from telemetryd.errors import StorageError
from telemetryd.store import integrity, open_store
from telemetryd.store.consents import has_do_not_track_note

KEY, OTHER = ("org.kde.kate", "startup"), ("org.kde.kate", "plugins")


def alter(folder, sql, *values):
    """Another program changes the file, one that knows its checksum."""
    with contextlib.closing(sqlite3.connect(folder / "consent.sqlite", isolation_level=None)) as connection:
        connection.execute(sql, values)
        integrity.write_checksum(connection)


def test_kept(opened):
    """Every choice is there after opening again, as it was in memory."""
    first = opened().consents
    first.set_levels(Levels(1, 2, 0))
    first.set_application("org.kde.kate", ApplicationLevels(0, 3))
    first.accept([(KEY, "sha256:1", "text one"), (OTHER, "sha256:2", "text two")], 1000)
    first.refuse(OTHER, is_refused=True)
    first.set_records(
        {
            KEY: Record(
                Outcome.REPORTING,
                "reviews",
                '{"what":"stop"}',
                "2026-W42",
                1,
                2,
                "localhost",
                1,
                "4 5 6 7;level 8 9",
                "x",
                "unknown",
                86400,
            )
        }
    )
    second = opened().consents
    assert (second.levels, second.applications, second.decisions, second.records) == (
        first.levels,
        first.applications,
        first.decisions,
        first.records,
    )
    assert second.decisions == {KEY: Decision(False, {"sha256:1": 1000}), OTHER: Decision(True, {"sha256:2": 1000})}
    assert second.records[KEY].outcome is Outcome.REPORTING
    assert second.accepted_text(KEY, "sha256:1") == "text one"
    assert second.accepted_text(KEY, "sha256:2") == ""


def test_first_acceptance_counts(store):
    """Accepting the same definition again does not move its period; accepting ends a refusal."""
    store.consents.accept([(KEY, "sha256:1", "text")], 1000)
    store.consents.refuse(KEY, is_refused=True)
    store.consents.accept([(KEY, "sha256:1", "text"), (KEY, "sha256:2", "changed")], 2000)
    assert store.consents.decisions == {KEY: Decision(False, {"sha256:1": 1000, "sha256:2": 2000})}
    store.consents.refuse(OTHER, is_refused=True)
    store.consents.refuse(OTHER, is_refused=False)
    assert OTHER not in store.consents.decisions


def test_forget(opened):
    """Levels, acceptances, open lives and what is held go; refusals, final lives, lots, charges and others' rows stay."""
    first, others = opened().consents, ("org.gimp.GIMP", "startup")
    first.accept([(KEY, "sha256:1", "text one"), (OTHER, "sha256:2", "text two"), (others, "sha256:3", "text")], 1000)
    for name in ("org.kde.kate", "org.gimp.GIMP"):
        first.set_application(name, ApplicationLevels(1, 1))
    first.refuse(OTHER, is_refused=True)
    over = Record(Outcome.PASSED, "forgotten")
    charged, held = Charge("localhost", 2026, 20, ("a/b",), is_charged=True), Charge("localhost", 2026, 20, ("a/b",))
    first.keep_lots({key: Lot(1, 2, 3) for key in (KEY, OTHER, others)})
    first.settle({KEY: Record(), OTHER: Record(), others: Record()}, {KEY: charged, OTHER: held, others: held})
    first.forget("org.kde.kate", {KEY: over})
    second = opened().consents
    for consents in (first, second):
        assert consents.applications == {"org.gimp.GIMP": ApplicationLevels(1, 1)}
        assert consents.decisions == {OTHER: Decision(True, {}), others: Decision(False, {"sha256:3": 1000})}
        assert consents.records == {KEY: over, others: Record()}
        assert consents.lots.keys() == {KEY, OTHER, others}
        assert consents.ledger == {KEY: charged, others: held}


@pytest.mark.parametrize("value", [-1, 3, 99, "high", b"\x02"])
def test_levels_out_of_range(folder, opened, value):
    """A level that is none reads as the default, off; for an application as off. Policy: C1."""
    first = opened()
    first.consents.set_levels(Levels(2, 2, 2))
    first.consents.set_application("a.b", ApplicationLevels(2, 2))
    first.close()
    alter(folder, "UPDATE level SET value = ?", value)
    alter(folder, "UPDATE application SET usage = ?, system = 4", value)
    second = opened().consents
    assert second.levels == Levels()
    assert second.applications["a.b"].system == 0
    assert second.applications["a.b"].usage == (3 if value == 3 else 0)


def test_unknown_names(folder, opened):
    """A level or an outcome of a later version neither breaks this one nor opens anything."""
    first = opened()
    first.consents.set_levels(Levels(1, 1, 1))
    first.consents.set_records({KEY: Record(Outcome.OPEN)})
    first.close()
    alter(folder, "INSERT INTO level VALUES ('everything', 2)")
    alter(folder, "UPDATE life SET outcome = 'dreaming'")
    second = opened().consents
    assert second.levels == Levels(1, 1, 1)
    assert second.records[KEY].outcome is Outcome.PASSED


def test_a_damaged_record_is_ended(folder, opened):
    """A record with a value of another type collects nothing any more."""
    first = opened()
    first.consents.set_records({KEY: Record(begins=86400)})
    first.close()
    alter(folder, "UPDATE life SET begins = 'soon'")
    assert opened().consents.records[KEY].reason.cause is Cause.DAMAGED


@pytest.mark.parametrize("value", ["soon", 1000.5, b"\x01"])
def test_a_damaged_acceptance_is_none(folder, opened, value):
    """An acceptance with a time of another type does not count, and hinders no other: only what is sure is accepted. Policy: C1."""
    first = opened()
    first.consents.accept([(KEY, "sha256:1", "text"), (KEY, "sha256:2", "changed"), (OTHER, "sha256:3", "text")], 1000)
    first.close()
    alter(folder, "UPDATE acceptance SET at = ? WHERE digest IN ('sha256:1', 'sha256:3')", value)
    assert opened().consents.decisions == {KEY: Decision(False, {"sha256:2": 1000})}


@contextlib.contextmanager
def locked(folder):
    """Another process writes to the file: it takes nothing."""
    with contextlib.closing(sqlite3.connect(folder / "consent.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_failed_change(folder, opened):
    """What raises anything and cannot be written is not seen either: memory and disk stay equal."""
    consents = opened().consents
    consents.set_levels(Levels(1, 1, 1))
    consents.set_application("c.d", ApplicationLevels(1, 0))
    consents.refuse(OTHER, is_refused=True)
    with locked(folder):
        for change in (
            lambda: consents.set_levels(Levels(2, 2, 2)),
            lambda: consents.set_levels(Levels(0, 2, 1)),
            lambda: consents.set_application("a.b", ApplicationLevels(2, 3)),
            lambda: consents.set_application("c.d", ApplicationLevels(0, 1)),
            lambda: consents.accept([(KEY, "sha256:1", "text")], 1),
            lambda: consents.refuse(OTHER, is_refused=False),
            lambda: consents.set_records({KEY: Record()}),
            lambda: consents.settle({KEY: Record(Outcome.PASSED)}, {OTHER: Charge("host", 2026, 20, ("a.b/c",))}),
        ):
            with pytest.raises(StorageError):
                change()
    assert (consents.levels, consents.applications) == (Levels(1, 1, 1), {"c.d": ApplicationLevels(1, 0)})
    assert (consents.decisions, consents.ledger) == ({OTHER: Decision(True, {})}, {})


def test_lowering_needs_no_disk(folder, opened):
    """What lowers, refuses or ends is seen at once; it is in the file with the next change that the disk takes, and not before."""
    consents = opened().consents
    consents.set_levels(Levels(2, 2, 1))
    consents.set_application("a.b", ApplicationLevels(2, 3))
    before = opened().consents
    over, shut = Record(Outcome.PASSED, "erased"), Record(cause="damaged")
    with locked(folder):
        consents.set_levels(Levels(2, 0, 1))
        consents.set_application("a.b", ApplicationLevels(1, 0))
        consents.refuse(KEY, is_refused=True)
        consents.settle({KEY: over, OTHER: shut}, {})
        with pytest.raises(StorageError):
            consents.set_levels(Levels(2, 1, 1))
        assert consents.is_owed
    assert opened().consents.levels == before.levels
    for again in (consents, None):
        if again is None:
            consents.settle({}, {})
            assert not consents.is_owed
        kept = again or opened().consents
        assert (kept.levels, kept.applications) == (Levels(2, 0, 1), {"a.b": ApplicationLevels(1, 0)})
        assert (kept.decisions, kept.records) == ({KEY: Decision(True, {})}, {KEY: over, OTHER: shut})


def change_until_full(consents, number):
    """Five changes together; after so many of them the disk is full."""
    changes = [
        lambda: consents.set_levels(Levels(0, 0, 0)),
        lambda: consents.refuse(KEY, is_refused=True),
        lambda: consents.set_application("org.kde.kate", ApplicationLevels(0, 0)),
        lambda: consents.set_records({KEY: Record(Outcome.PASSED)}),
        lambda: consents.accept([(KEY, "sha256:1", "text")], 5),
    ]
    with consents.together():
        for place, change in enumerate(changes):
            if place == number:
                consents._database._connection.execute("PRAGMA query_only = ON")
            change()


def test_together(folder, opened):
    """Changes that are made together are in the file together, or none is, nor in memory, and then none is owed."""
    consents = opened().consents
    with consents.together():
        pass
    assert list(folder.glob("consent.sqlite*")) == []
    consents.set_levels(Levels(1, 1, 1))
    with consents.together():
        consents.set_levels(Levels(2, 1, 1))
        consents.refuse(OTHER, is_refused=True)
        assert opened().consents.levels == Levels(1, 1, 1)
    assert (opened().consents.levels, set(opened().consents.decisions)) == (Levels(2, 1, 1), {OTHER})
    before = consents.levels, consents.applications, consents.decisions, consents.records
    for fails_after in range(5):
        with pytest.raises(StorageError):
            change_until_full(consents, fails_after)
        consents._database._connection.execute("PRAGMA query_only = OFF")
        assert (consents.levels, consents.applications, consents.decisions, consents.records) == before
        assert not consents.is_owed
        assert opened().consents.levels == Levels(2, 1, 1)
    consents.set_levels(Levels(0, 0, 0))
    assert opened().consents.levels == Levels(0, 0, 0)


def texts_in(folder):
    """How often a text stands in the consent file, and the texts that it keeps."""
    with contextlib.closing(sqlite3.connect(folder / "consent.sqlite", isolation_level=None)) as other:
        kept = [text for (text,) in other.execute("SELECT manifest FROM shown ORDER BY manifest")]
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = (folder / "consent.sqlite").read_bytes()
    return {text: data.count(text.encode()) for text in kept}


def test_a_text_is_kept_once_and_as_long_as_a_question_needs_it(folder, store):
    """A hundred questions of one manifest keep its text once; it goes, bytes and all, with the last question that is not final."""
    keys = [("org.kde.kate", f"question-{number}") for number in range(100)]
    store.consents.accept([(key, f"sha256:{key}", "one manifest for all") for key in keys], 1000)
    store.consents.accept([(OTHER, "sha256:other", "another manifest")], 1000)
    assert texts_in(folder) == {"one manifest for all": 1, "another manifest": 1}
    for outcome, some in ((Outcome.PASSED, keys[:50]), (Outcome.ANSWERED, keys[50:98]), (Outcome.SUSPENDED, keys[98:99])):
        store.consents.set_records(dict.fromkeys(some, Record(outcome)))
    store.consents.set_records({keys[99]: Record(Outcome.REPORTING)})
    assert texts_in(folder) == {"one manifest for all": 1, "another manifest": 1}
    assert store.consents.accepted_text(keys[99], f"sha256:{keys[99]}") == "one manifest for all"
    store.consents.set_records({keys[99]: Record(Outcome.ANSWERED)})
    assert texts_in(folder) == {"another manifest": 1}
    assert b"one manifest for all" not in (folder / "consent.sqlite").read_bytes()
    assert store.consents.accepted_text(keys[99], f"sha256:{keys[99]}") == ""


def test_texts_of_questions_that_never_ended_go_too(folder, store):
    """A question that was changed and not accepted again is never final; its old text goes three years after it was accepted."""
    store.consents.accept([(KEY, "sha256:1", "the first text")], 0)
    store.consents.accept([(KEY, "sha256:2", "the second text")], 3 * 365 * 86400)
    assert texts_in(folder) == {"the first text": 1, "the second text": 1}
    store.consents.accept([(OTHER, "sha256:3", "the third text")], 3 * 366 * 86400 + 1)
    assert texts_in(folder) == {"the second text": 1, "the third text": 1}


@pytest.mark.parametrize("wrong", ["host = ''", "tenths = 0", "tenths = -20", "tenths = 'x'", "tenths = 2.5"])
@pytest.mark.parametrize("number", range(3))
def test_an_impossible_charge_is_spent(folder, opened, wrong, number):
    """A charge without a host, or without a positive amount, is not believed: the budget is spent. Other charges are still told."""
    charges = {("org.kde.kate", name): Charge("localhost", 2026, 20, ("org.kde.kate/startup",), is_charged=True) for name in "abc"}
    first = opened().consents
    first.settle({}, charges)
    assert (first.ledger, first.is_spent) == (charges, False)
    key = list(charges)[number]
    alter(folder, f"UPDATE ledger SET {wrong} WHERE question = ?", key[1])
    second = opened().consents
    assert second.is_spent
    assert second.ledger == {other: charge for other, charge in charges.items() if other != key}


def test_the_day_of_an_erasure(folder, opened):
    """The day on which the history was emptied is there after opening again. A value that is no day reads as never."""
    first = opened().consents
    assert first.history_erased == 0
    first.note_history_erased(20_000 * 86_400)
    assert (first.history_erased, opened().consents.history_erased) == (20_000 * 86_400, 20_000 * 86_400)
    for value in ("soon", -86_400):
        alter(folder, "UPDATE note SET value = ? WHERE name = 'history_erased'", value)
        assert opened().consents.history_erased == 0


def test_notes_are_no_levels(folder, opened):
    """The table of levels holds levels only: what the daemon notes for itself is beside it, and each note is there again."""
    first = opened()
    first.consents.set_levels(Levels(1, 1, 1))
    first.consents.note_do_not_track(is_set=True)
    first.consents.note_history_erased(86_400)
    first.consents.mark_ledger_lost()
    first.close()
    with contextlib.closing(sqlite3.connect(folder / "consent.sqlite")) as connection:
        assert {name for (name,) in connection.execute("SELECT name FROM level")} == set(Levels._fields)
    second = opened().consents
    assert (second.is_do_not_track_noted, second.history_erased, second.is_spent) == (True, 86_400, True)


def test_do_not_track_that_is_gone(folder, opened):
    """A DO_NOT_TRACK that is gone is noted too; without a file neither is noted, and none is made."""
    first = opened().consents
    first.note_do_not_track(is_set=True)
    assert (first.is_do_not_track_noted, list(folder.glob("consent.sqlite*"))) == (False, [])
    first.set_levels(Levels(1, 1, 1))
    for is_set in (True, False, True):
        first.note_do_not_track(is_set=is_set)
        assert opened().consents.is_do_not_track_noted is is_set


@pytest.mark.parametrize("content", [None, b"", b"damaged" * 1000])
def test_a_file_without_a_note(folder, content):
    """In no file, an empty one or one that is no database, there is no note of DO_NOT_TRACK; the look changes nothing."""
    path = folder / "consent.sqlite"
    if content is not None:
        path.write_bytes(content)
    assert has_do_not_track_note(path) is False
    assert [one.read_bytes() for one in folder.iterdir()] == ([] if content is None else [content])


@pytest.mark.parametrize("name", ["plain", "a % b?c#d"])
def test_the_note_of_a_closed_file(tmp_path, name):
    """The note is read from the file alone, in whatever directory it is, and only if DO_NOT_TRACK was set."""
    folder = tmp_path / name
    folder.mkdir()
    for is_set in (False, True, False):
        with contextlib.closing(open_store(folder, is_developer=False)) as store:
            store.consents.set_levels(Levels(1, 1, 1))
            store.consents.note_do_not_track(is_set=is_set)
        assert has_do_not_track_note(folder / "consent.sqlite") is is_set


@pytest.mark.parametrize("column", ["part", "period", "rank"])
@pytest.mark.parametrize("value", ["", "0" * 15, "0" * 17, "G" * 16, 7])
def test_a_lot_that_nobody_drew(folder, opened, column, value):
    """A lot of which one number is not 64 bits in hexadecimal is not believed, and the budget counts as spent; other lots stay."""
    lots = {KEY: Lot(1, 2, 3), OTHER: Lot(4, 5, (1 << 64) - 1)}
    first = opened()
    first.consents.keep_lots(lots)
    assert (first.consents.lots, first.consents.is_spent) == (lots, False)
    first.close()
    alter(folder, f"UPDATE lot SET {column} = ? WHERE question = ?", value, KEY[1])
    second = opened().consents
    assert (second.lots, second.is_spent) == ({OTHER: lots[OTHER]}, True)


def test_a_lot_that_is_drawn_stays(opened):
    """A lot is drawn once: another draw for the same question changes nothing, on the disk neither."""
    consents = opened().consents
    for lot in (Lot(1, 2, 3), Lot(4, 5, 6)):
        consents.keep_lots({KEY: lot})
    assert consents.lots == opened().consents.lots == {KEY: Lot(1, 2, 3)}


def test_the_day_of_an_erasure_needs_no_disk(folder, opened):
    """If it cannot be written it is known at once, and is in the file with the next change that the disk takes."""
    consents = opened().consents
    consents.set_levels(Levels(1, 1, 1))
    with locked(folder):
        consents.note_history_erased(86_400)
        assert (consents.history_erased, consents.is_owed, opened().consents.history_erased) == (86_400, True, 0)
    consents.settle({}, {})
    assert (opened().consents.history_erased, consents.is_owed) == (86_400, False)

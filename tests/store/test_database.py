import contextlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from telemetryd.errors import StorageError
from telemetryd.store import integrity
from telemetryd.store.database import Database
from telemetryd.store.schema import Schema

FIRST = "CREATE TABLE word (text TEXT)"
SECOND = "ALTER TABLE word ADD COLUMN size INTEGER NOT NULL DEFAULT 7; CREATE INDEX word_text ON word (text)"
INSERT = "INSERT INTO word (text) VALUES (?)"
WORDS = "SELECT text FROM word ORDER BY rowid"


@pytest.fixture
def database(folder):
    """Opens the file `words.sqlite` with so many migrations."""
    with contextlib.ExitStack() as stack:

        def open_it(*migrations):
            return stack.enter_context(contextlib.closing(Database(folder / "words.sqlite", Schema(migrations or (FIRST,)))))

        yield open_it


def mode(path):
    """Permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def files(folder):
    """Everything in a directory: name → bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_nothing_before_the_first_write(folder, store):
    """Reading, erasing what is not there and closing make no file: a daemon that is off leaves none. Policy: C1."""
    assert store.consents.levels == (0, 0, 1)
    assert (store.reports.queue(), store.reports.history(0, 9), store.reports.ticks()) == ([], [], ())
    assert (store.tallies.all(), store.texts.months(), store.texts.get("a.b"), store.purge()) == ([], {}, None, True)
    store.reports.prune(10**9)
    store.close()
    assert files(folder) == {}


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_permissions(folder, database, umask):
    """Nobody else can read any of the files, whatever the umask."""
    before = os.umask(umask)
    try:
        database().write(INSERT, ("secret",))
        assert {path.name: mode(path) for path in folder.iterdir()} == dict.fromkeys(
            ("words.sqlite", "words.sqlite.new", "words.sqlite-wal", "words.sqlite-shm"), 0o600
        )
    finally:
        os.umask(before)


def test_pragmas(database):
    """Write-ahead log, erased text overwritten, small pages; no commit waits for the disk or copies the log: threads do. Policy: C3."""
    made = database()
    made.write(INSERT, ("one",))
    for pragma, value in (
        ("journal_mode", "wal"),
        ("secure_delete", 1),
        ("page_size", 1024),
        ("wal_autocheckpoint", 0),
        ("busy_timeout", 250),
    ):
        assert made.read(f"PRAGMA {pragma}") == [(value,)]
    for _ in range(2):
        assert made.read("PRAGMA synchronous") == [(0,)]
        made.purge()


def test_migrations(folder, database):
    """A file of an older version is brought up to date with its rows, once; opening it again changes nothing."""
    old = database(FIRST)
    old.write(INSERT, ("kept",))
    old.close()
    for _ in range(2):
        new = database(FIRST, SECOND)
        assert new.read("SELECT text, size FROM word") == [("kept", 7)]
        assert new.read("PRAGMA user_version") == [(2,)]
        new.close()
    before = files(folder)
    database(FIRST, SECOND).close()
    assert files(folder) == before


def test_failing_migration(folder, database):
    """A migration that fails leaves the file at its old version, whole."""
    old = database(FIRST)
    old.write(INSERT, ("kept",))
    old.close()
    with pytest.raises(StorageError):
        database(FIRST, "CREATE TABLE more (x); CREATE TABLE word (x)")
    again = database(FIRST)
    assert again.read(WORDS) == [("kept",)]
    assert again.read("SELECT name FROM sqlite_master") == [("word",)]


def test_newer_version(folder, database):
    """A file of a newer telemetryd is refused, not set aside and not changed."""
    new = database(FIRST, SECOND)
    new.write(INSERT, ("kept",))
    new.close()
    before = files(folder)
    with pytest.raises(StorageError, match="version 2; this telemetryd knows versions up to 1"):
        database(FIRST)
    assert {name: data for name, data in files(folder).items() if name == "words.sqlite"} == before


def overwrite(path, at, data):
    """Overwrite bytes of a file."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


DAMAGE = {
    "no database": lambda path: path.write_bytes(b"what is this" * 1000),
    "header": lambda path: overwrite(path, 0, bytes(16)),
    "cut off": lambda path: os.truncate(path, 1500),
    "a page overwritten": lambda path: overwrite(path, 1024, b"\xff" * 1024),
    "schema overwritten": lambda path: overwrite(path, 100, b"\xff" * 500),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=list(DAMAGE))
def test_damaged(folder, database, damage):
    """A damaged file is set aside, readable by nobody else, and a new one is begun; it counts as lost until someone was told."""
    path = folder / "words.sqlite"
    old = database()
    old.write_many(INSERT, [(f"word {number}",) for number in range(500)])
    old.close()
    damage(path)
    new = database()
    assert new.was_lost
    assert new.read(WORDS) == []
    (file,) = new.quarantined()
    assert mode(file) == 0o600
    new.write(INSERT, ("new",))
    new.close()
    again = database()
    assert (again.was_lost, again.read(WORDS)) == (True, [("new",)])
    again.acknowledge_loss()
    assert len(again.quarantined()) == 1
    again.close()
    assert not database().was_lost


def test_old_damage_goes(folder, database):
    """A file that was set aside goes after a month, at a start."""
    database().write(INSERT, ("new",))
    file = folder / "words.sqlite.damaged-2026-01-01"
    file.write_text("old")
    os.utime(file, (0, 0))
    database()
    assert not file.exists()


def test_purge(folder, database):
    """After erasing and purging, no file holds the text, set-aside ones included."""
    made = database()
    with made.change() as connection:
        connection.executemany(INSERT, [("confidential",)] * 100)
    (folder / "words.sqlite.damaged-2026-01-01").write_text("confidential")
    made.write("DELETE FROM word")
    assert any(b"confidential" in data for data in files(folder).values())
    assert made.purge()
    made.drop_quarantined()
    assert not any(b"confidential" in data for data in files(folder).values())
    assert made.quarantined() == []


def test_purge_while_someone_reads(folder, database):
    """While another process is in the middle of reading, purging says so; afterwards it succeeds."""
    made = database()
    made.write(INSERT, ("confidential",))
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN');"
        "print(c.execute('SELECT text FROM word').fetchone()[0], flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(folder / "words.sqlite")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout.readline() == "confidential\n"
        made.write("DELETE FROM word")
        assert not made.purge()
        reader.stdin.close()
    assert made.purge()
    assert not any(b"confidential" in data for data in files(folder).values())


_WRITER = """
import sys, os
from pathlib import Path
from telemetryd.store import integrity as whole
from telemetryd.store.database import Database
from telemetryd.store.schema import Schema
database = Database(Path(sys.argv[1]), Schema(("CREATE TABLE word (text TEXT)",)))
database.write("INSERT INTO word VALUES ('first')")
os.write(2, b"MARK")
with database.change() as connection:
    connection.execute("INSERT INTO word VALUES ('second')")
if sys.argv[2] == "synced":
    database.sync()
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize(("how", "synced"), [("synced", True), ("committed", False)])
def test_durable(folder, database, strace, how, synced):
    """A change survives kill -9; it has reached the disk when a sync is over, and without one costs no such wait. Policy: C3."""
    trace = folder.parent / "trace"
    command = [strace, "-f", "--seccomp-bpf", "-o", trace, "-e", "trace=fsync,fdatasync,write", sys.executable, "-c", _WRITER]
    subprocess.run([*command, folder / "words.sqlite", how], check=False, capture_output=True)
    _, _, after = trace.read_text().partition('"MARK"')
    assert after
    assert ("sync(" in after) is synced
    assert database().read(WORDS) == [("first",), ("second",)]


def test_rollback(database):
    """What fails inside a transaction undoes all of it, and the next one works."""
    made = database()
    with pytest.raises(StorageError), made.change() as connection:
        connection.executemany(INSERT, [("undone",), ("undone", "and too many")])
    with pytest.raises(StorageError):
        made.write_many("INSERT INTO word VALUES (?)", [("undone",), ("undone", "and too many")])
    made.write(INSERT, ("done",))
    assert made.read(WORDS) == [("done",)]


def test_disk_full(database):
    """A full disk fails the write with a named error that holds nothing of it, and the next one works once there is room."""
    made = database()
    made.write(INSERT, ("first",))
    made.read("PRAGMA max_page_count=4")
    with pytest.raises(StorageError, match="SQLITE_FULL") as failure, made.change() as connection:
        connection.executemany(INSERT, [("confidential" * 100,)] * 100)
    assert "confidential" not in str(failure.value)
    made.read("PRAGMA max_page_count=10000")
    made.write(INSERT, ("second",))
    assert made.read(WORDS) == [("first",), ("second",)]


def test_locked(folder, database):
    """While another connection writes for long, a write fails with a named error; nothing is half done."""
    made = database()
    made.write(INSERT, ("first",))
    with contextlib.closing(sqlite3.connect(folder / "words.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="SQLITE_BUSY"):
            made.write(INSERT, ("second",))
        with pytest.raises(StorageError, match="SQLITE_BUSY"), made.change():
            pass
        other.execute("ROLLBACK")
    made.write(INSERT, ("third",))
    assert made.read(WORDS) == [("first",), ("third",)]


def test_cannot_be_made(folder, database):
    """A file that cannot be made fails the write, not the reading, and is made as soon as it can be."""
    made = database()
    folder.rmdir()
    for _ in range(2):
        with pytest.raises(StorageError, match="No such file or directory"):
            made.write(INSERT, ("lost",))
        assert made.read(WORDS) == []
    folder.mkdir()
    made.write(INSERT, ("kept",))
    assert made.read(WORDS) == [("kept",)]


def test_two_pairs(folder, opened):
    """Developer mode has files of its own, and the choices of one are not the other's."""
    opened().consents.set_levels((opened().consents.levels)._replace(usage=2))
    opened(is_developer=True).texts.keep("a.b", "text", "2026-11")
    assert {path.suffix + path.stem for path in folder.glob("*.sqlite")} == {".sqliteconsent", ".sqlitedeveloper-telemetry"}
    assert opened(is_developer=True).consents.levels.usage == 0


def test_consent_survives_the_rest(folder, opened):
    """Choices do not depend on the main file: damaged or gone, they stay as they were. Policy: C1."""
    first = opened()
    first.consents.set_levels(first.consents.levels._replace(usage=1))
    first.texts.keep("a.b", "text", "2026-11")
    first.close()
    (folder / "telemetry.sqlite").write_bytes(b"x" * 5000)
    second = opened()
    assert (second.main.was_lost, second.consent.was_lost) == (True, False)
    assert second.consents.levels.usage == 1


def test_damaged_consent_is_off(folder, opened):
    """A damaged consent file reads as off. Policy: C1."""
    first = opened()
    first.consents.set_levels(first.consents.levels._replace(usage=2, system=2))
    first.close()
    (folder / "consent.sqlite").write_bytes(b"x" * 5000)
    second = opened()
    assert second.consent.was_lost
    assert second.consents.levels == (0, 0, 1)


def test_threads_stay_out(database):
    """The connection belongs to the loop's thread; another thread's use is an error, not a race."""
    made = database()
    made.write(INSERT, ("one",))
    caught = []

    def use():
        with pytest.raises(StorageError) as failure:
            made.read(WORDS)
        caught.append(failure.value)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert len(caught) == 1


def test_an_empty_file_is_damage(folder, database):
    """A file that is there and holds nothing was cut off: it is set aside and counts as lost; a new one is never seen empty."""
    path = folder / "words.sqlite"
    path.touch()
    made = database()
    assert made.was_lost
    assert len(made.quarantined()) == 1


_TORN = {
    **DAMAGE,
    "empty": lambda path: os.truncate(path, 0),
    "a page missing": lambda path: overwrite(path, 1024, bytes(1024)),
    "an index missing": lambda path: overwrite(path, 2048, bytes(1024)),
}


@pytest.mark.parametrize("tear", [*_TORN.values(), None], ids=[*_TORN, "whole"])
def test_a_creation_that_did_not_end(folder, database, tear):
    """What a power cut leaves of a file that the disk never had promised nothing: if torn, it is made anew, and nothing counts as lost.

    If it is whole it stays. From then on damage is damage.
    """
    path, left = folder / "words.sqlite", folder.parent / "left"
    made = database(FIRST, SECOND)
    if tear is None:
        made.write(INSERT, ("kept",))
    else:
        made.make()
    shutil.copytree(folder, left)
    (left / "words.sqlite.new").unlink()
    (left / "words.sqlite.new").hardlink_to(left / path.name)
    made.close()
    shutil.rmtree(folder)
    left.rename(folder)
    if tear:
        (folder / "words.sqlite-wal").unlink()
        tear(path)
    again = database(FIRST, SECOND)
    assert (again.was_lost, again.quarantined(), again.read(WORDS)) == (False, [], [] if tear else [("kept",)])
    assert not (folder / "words.sqlite.new").exists()
    again.write(INSERT, ("new",))
    again.close()
    overwrite(path, 0, bytes(16))
    assert database(FIRST, SECOND).was_lost


def test_a_file_keeps_its_second_name_until_the_disk_has_it(folder, database):
    """The second name goes with the first sync, and not before."""
    made = database()
    made.write(INSERT, ("a",))
    assert (folder / "words.sqlite").samefile(folder / "words.sqlite.new")
    made.sync()
    assert not (folder / "words.sqlite.new").exists()


def test_no_hard_links(folder, database, monkeypatch):
    """A file system without hard links makes files all the same."""
    monkeypatch.setattr(os, "link", lambda *_, **__: (_ for _ in ()).throw(PermissionError(1, "no links")))
    made = database()
    made.write(INSERT, ("a",))
    made.sync()
    made.close()
    assert database().read(WORDS) == [("a",)]
    assert "words.sqlite.new" not in files(folder)


def test_closing_syncs_what_a_reader_keeps_in_the_log(database, folder, monkeypatch):
    """With another process at the file SQLite leaves the log as it is: what was committed into it without a sync is synced before."""
    writer = database()
    writer.write(INSERT, ("a",))
    synced = []
    monkeypatch.setattr(os, "fdatasync", lambda number: synced.append(str(Path(f"/proc/self/fd/{number}").readlink())))
    with contextlib.closing(sqlite3.connect(folder / "words.sqlite")) as other:
        other.execute(WORDS).fetchall()
        writer.close()
        assert synced == [str(folder / "words.sqlite-wal")]


def test_damage_while_it_is_open_is_known(database, folder):
    """A file that turns out to be damaged while it is open says so, whichever kind of call found it."""
    for number, call in enumerate(
        (lambda it: it.read(WORDS), lambda it: it.write(INSERT, ("b",)), lambda it: it.write_many(INSERT, [("b",)]))
    ):
        (folder / "words.sqlite").unlink(missing_ok=True)
        damaged = database()
        damaged.write_many(INSERT, [("a" * 600,)] * 20)
        assert len(damaged.read(WORDS)) == 20
        assert not damaged.is_damaged
        with contextlib.closing(sqlite3.connect(folder / "words.sqlite", isolation_level=None)) as other:
            (root,) = other.execute("SELECT rootpage FROM sqlite_master WHERE name = 'word'").fetchone()
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            with (folder / "words.sqlite").open("r+b") as file:
                file.seek((root - 1) * 1024)
                file.write(bytes([0xFF]) * 1024)
            other.execute("CREATE TABLE elsewhere (number)")
        with pytest.raises(StorageError):
            call(damaged)
        assert damaged.is_damaged, number
        damaged.close()


@pytest.mark.parametrize("suffix", ["", "-wal"])
@pytest.mark.parametrize("how", [pytest.param("owner", marks=pytest.mark.root), "link"])
def test_a_file_of_someone_else_is_not_read(folder, opened, suffix, how):
    """A consent file, or its log, of another user, or behind a link, is left alone and raises nothing: it is an error, and not damage."""
    first = opened()
    first.consents.set_levels(first.consents.levels._replace(usage=2))
    path = folder / f"consent.sqlite{suffix}"
    if suffix:
        shutil.copytree(folder, folder.with_name("copy"))
        first.close()
        shutil.rmtree(folder)
        folder.with_name("copy").rename(folder)
    else:
        first.close()
    if how == "link":
        path.rename(folder / "elsewhere")
        path.symlink_to(folder / "elsewhere")
    else:
        os.chown(path, 65534, 65534)
    before = files(folder)
    with pytest.raises(StorageError, match="expected a file that is not a link" if how == "link" else "belongs to another user"):
        opened()
    assert files(folder) == before


@pytest.mark.parametrize("moment", ["the file", "its log"])
def test_a_file_that_is_replaced_while_it_is_opened(folder, opened, monkeypatch, moment):
    """SQLite opens by name: what it has open by then has to be what the directory has."""
    first = opened()
    first.consents.set_levels(first.consents.levels._replace(usage=2))
    first.close()
    check_tables = integrity.check

    def replace(*arguments):
        check_tables(*arguments)
        path = folder / ("consent.sqlite" if moment == "the file" else "consent.sqlite-wal")
        shutil.copy(path, folder / "copy")
        (folder / "copy").replace(path)

    monkeypatch.setattr(integrity, "check", replace)
    with pytest.raises(StorageError, match="was replaced while it was being opened"):
        opened()

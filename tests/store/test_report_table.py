import itertools

import pytest

from telemetryd.core.sending.schedule import Result
from telemetryd.engine.ports import ReportSelection

DAY_S = 86400
KEY, OTHER = ("org.kde.kate", "startup"), ("org.kde.krita", "startup")
TALLY = "INSERT INTO tally VALUES (NULL, ?, ?, 'a.b', ?, x'', 0)"


def written(folder):
    """What is on disk; the index of the log (-shm) notes readers too, and ends with the last of them."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}


def put(store, *reports):
    """Queue reports; their rows."""
    for row in reports:
        store.reports.put(row)
    return store.reports.queue()


def test_kept(opened, report):
    """A report comes back with the exact bytes and headers, after opening again too."""
    body = bytes(range(256)) * 4
    (row,) = put(opened(), report(body=body))
    assert row == report(body=body)._replace(id=row.id)
    again = opened().reports
    assert again.queue() == again.history(0, 10) == [row]


def test_put_erases_its_tallies(store, report):
    """One transaction makes the report and erases the tallies of its question and period, and no others. Policy: M2."""
    for key, period in ((KEY, "2026-W42"), (KEY, "2026-W42"), (KEY, "2026-W43"), (OTHER, "2026-W42")):
        store.main.write(TALLY.replace("'a.b'", f"'a.b{store.main.read('SELECT count(*) FROM tally')[0][0]}'"), (*key, period))
    put(store, report())
    assert store.main.read("SELECT application, period FROM tally") == [(KEY[0], "2026-W43"), (OTHER[0], "2026-W42")]


def begun(row, now):
    """The report with an attempt that begins now."""
    return row._replace(started=now)


def test_start(store, report):
    """An attempt is stored once, and no second one begins over it."""
    (row,) = put(store, report())
    assert store.reports.start(begun(row, 1000))
    assert store.reports.queue() == [begun(row, 1000)]
    assert not store.reports.start(begun(row, 2000))
    assert store.reports.queue() == [begun(row, 1000)]


def test_hold(store, report):
    """What reached nobody waits for another slot, however often. The row has the last cause until a try ends otherwise, and all tries."""
    (row,) = put(store, report())
    tries = ((DAY_S, "dns"), (2 * DAY_S, "ca-file"))
    for number, now in enumerate((1000, 5000), 1):
        assert store.reports.start(begun(row, now))
        store.reports.hold(row._replace(slot=now + 2000, held="ca-file", tries=tries[:number]))
        assert store.reports.queue() == [row._replace(slot=now + 2000, held="ca-file", tries=tries[:number])]
        assert store.reports.held() == [(row.vendor, "ca-file")]
    assert store.reports.finish(row._replace(outcome="rejected", status=503), body=b"blank")
    assert store.reports.held() == []
    (done,) = store.reports.history(0, 10)
    assert (done.held, done.tries) == ("", tries)


@pytest.mark.parametrize("outcome", sorted({*Result, "dropped", "erased", "queued"} - {"held"}))
def test_every_end_is_read_again(opened, report, outcome):
    """However a report ended, the file that says so is sound when it is opened again: nothing is set aside for it."""
    first = opened()
    (row,) = put(first, report())
    if outcome != "queued":
        assert first.reports.finish(row._replace(outcome=outcome, status=0), body=b"blank")
    again = opened()
    assert not again.main.was_lost
    assert [done.outcome for done in again.reports.history(0, 10)] == [outcome]


def test_why_it_was_dropped(store, report):
    """A report that is dropped keeps what held it back."""
    (row,) = put(store, report())
    store.reports.start(begun(row, 1000))
    store.reports.hold(row._replace(slot=2000, held="dns", tries=((DAY_S, "dns"),)))
    (waiting,) = store.reports.queue()
    assert store.reports.finish(waiting._replace(outcome="dropped", status=0), body=b"blank")
    (done,) = store.reports.history(0, 10)
    assert (done.outcome, done.held, done.tries, done.started) == ("dropped", "dns", ((DAY_S, "dns"),), 0)
    assert store.reports.held() == []


def test_moved(store, report):
    """An attempt is written down with the address and headers that it goes with, whatever they were at first. Policy: T2."""
    (row,) = put(store, report())
    moved = row._replace(url="https://telemetry.kde.org/v2", headers=(("Host", "relay.example"),), started=1000)
    assert store.reports.start(moved)
    assert store.reports.queue() == [moved]


def test_finish(store, report):
    """Done once: the given bytes replace the report's, and no moment finer than a day is left of it. Policy: A2."""
    (row,) = put(store, report(created=100 * DAY_S + 4711))
    store.reports.start(begun(row, 101 * DAY_S + 17))
    assert store.reports.finish(row._replace(outcome="accepted", status=204), body=b"blank")
    assert store.reports.queue() == []
    (done,) = store.reports.history(0, 10)
    assert (done.outcome, done.status, done.body) == ("accepted", 204, b"blank")
    assert (done.created, done.slot, done.started) == (100 * DAY_S, 0, 101 * DAY_S)
    assert not store.reports.finish(done._replace(outcome="dropped", status=0), body=b"again")
    assert not store.reports.start(done)
    store.reports.hold(done._replace(slot=3, held="dns", tries=((DAY_S, "dns"),)))
    assert store.reports.history(0, 10) == [done]


@pytest.mark.parametrize(("acts", "outcome"), [([], "erased"), (["start", "hold"], "erased"), (["start"], "unknown")])
def test_erase(store, report, acts, outcome):
    """Erasing leaves neither bytes nor moments; with an attempt under way nobody knows whether they left. It stays so from then on."""
    row, other = put(store, report(), report(OTHER))
    if "start" in acts:
        store.reports.start(begun(row, DAY_S + 1000))
    if "hold" in acts:
        store.reports.hold(row._replace(slot=2000, held="dns", tries=((DAY_S, "dns"),)))
    store.reports.erase([KEY, ("no", "such")])
    assert store.reports.queue() == [other]
    assert not store.reports.finish(row._replace(outcome="accepted", status=204), body=row.body)
    gone = store.reports.history(0, 10)[1]
    assert (gone.outcome, gone.body, gone.headers, gone.held, gone.tries) == (outcome, b"", (), "", ())
    assert (gone.created % DAY_S, gone.slot, gone.started) == (0, 0, DAY_S if outcome == "unknown" else 0)
    store.reports.erase([KEY])
    assert store.reports.history(0, 10)[1] == gone


def test_erased_from_disk(folder, store, report):
    """What was erased is in no file after a purge."""
    put(store, report(body=b"confidential"))
    assert any(b"confidential" in path.read_bytes() for path in folder.iterdir())
    store.reports.erase([KEY])
    assert store.purge()
    assert not any(b"confidential" in path.read_bytes() for path in folder.iterdir())


def test_history(store, report):
    """Newest first, from a moment on, so many at most."""
    rows = put(store, *(report(created=day * DAY_S) for day in (1, 2, 3)))
    assert store.reports.history(0, 10) == rows[::-1]
    assert store.reports.history(2 * DAY_S, 10) == rows[:0:-1]
    assert store.reports.history(0, 1) == rows[2:]


def test_forget(store, report):
    """Forgetting takes what is done, of one application or of all, and leaves what waits."""
    first, second, third = put(store, report(), report(OTHER), report(OTHER))
    for row in (first, second):
        store.reports.finish(row._replace(outcome="dropped", status=0), body=b"")
    store.reports.forget(KEY[0])
    assert [row.id for row in store.reports.history(0, 10)] == [third.id, second.id]
    store.reports.forget("")
    assert store.reports.history(0, 10) == [third]


@pytest.mark.parametrize("drop", [lambda reports: reports.forget(""), lambda reports: reports.prune(2**40)])
def test_a_long_history_goes_in_parts(store, report, drop):
    """A year's history is not erased at once: the loop would wait for it. What waits to be sent stays."""
    put(store, *(report() for _ in range(600)))
    store.main.write("UPDATE report SET outcome = 'accepted' WHERE id > 1")
    left = [len(store.reports.history(0, 1000))]
    while drop(store.reports):
        left.append(len(store.reports.history(0, 1000)))
    assert max(before - after for before, after in itertools.pairwise(left)) <= 256
    assert len(left) == 3
    assert store.reports.history(0, 1000) == store.reports.queue()


def test_prune(folder, store, report):
    """Rows go after a year, but never one that waits; with nothing to drop, nothing is written."""
    old, waiting, young = put(store, report(created=0), report(OTHER, created=0), report(created=DAY_S))
    for row in (old, young):
        store.reports.finish(row._replace(outcome="accepted", status=204), body=b"")
    before = written(folder)
    store.reports.prune(366 * DAY_S)
    assert written(folder) == before
    store.reports.prune(366 * DAY_S + 1)
    assert [row.id for row in store.reports.history(0, 10)] == [young.id, waiting.id]


def test_ticks(opened):
    """Running time is kept in one row."""
    first = opened().reports
    assert first.ticks() == ()
    first.keep_ticks((1, 2, 3, 4, True, 5, 6, 7, -1))
    first.keep_ticks((5, 6, 7, 8, False, 9, 10, 11, 12))
    assert opened().reports.ticks() == (5, 6, 7, 8, 0, 9, 10, 11, 12)


def test_latest(store, report):
    """The newest first, as many as are wanted and no older ones, while others go between two reads."""
    days = [number // 3 for number in range(100)]
    put(store, *(report(created=day * DAY_S) for day in days))
    everything = store.reports.history(0, 1000)
    assert list(store.reports.latest(0)) == everything
    assert list(store.reports.latest(20 * DAY_S)) == [row for row in everything if row.created >= 20 * DAY_S]
    assert list(store.reports.latest(34 * DAY_S)) == []
    rows = store.reports.latest(0)
    first = next(rows)
    store.main.write("DELETE FROM report WHERE created < ?", (20 * DAY_S,))
    assert [first, *rows] == [row for row in everything if row.created >= 20 * DAY_S]


def numbered(store, **conditions):
    """The ids of the selected reports."""
    return [row.id for row in store.reports.select(ReportSelection(**{"before": 1 << 62, "limit": 1000} | conditions))]


def test_select(store, report):
    """Pages by the numbers of rows have each report of a selection once, the newest first, however long the pages are."""
    put(store, *(report(created=number // 3 * DAY_S) for number in range(50)), *(report(OTHER) for _ in range(50)))
    ids = [row.id for row in store.reports.history(0, 1000)]
    kate = [row.id for row in store.reports.history(0, 1000) if row.key == KEY]
    assert numbered(store) == ids
    assert numbered(store, application=KEY[0]) == numbered(store, application=KEY[0], question=KEY[1]) == kate
    assert numbered(store, application=KEY[0], question="none") == numbered(store, outcomes=("erased",)) == []
    assert numbered(store, outcomes=("queued", "erased")) == ids
    assert numbered(store, since=10 * DAY_S) == [row.id for row in store.reports.latest(10 * DAY_S)]
    for limit in (1, 7, 33, 200):
        pages, before = [], 1 << 62
        while page := numbered(store, application=KEY[0], before=before, limit=limit):
            assert len(page) <= limit
            pages += page
            before = page[-1]
        assert pages == kate


def test_select_while_rows_are_erased(store, report):
    """If rows go while a page is read, older ones come instead of them, so that a short page is always the last one."""
    put(store, *(report() for _ in range(200)))
    for row in store.reports.queue():
        store.reports.finish(row._replace(outcome="accepted", status=204), body=b"")
    rows = store.reports.select(ReportSelection(1 << 62, 100))
    first = next(rows)
    store.main.write("DELETE FROM report WHERE id BETWEEN 110 AND 160", ())
    assert [first.id, *(row.id for row in rows)] == [*range(200, 160, -1), *range(109, 49, -1)]


def test_latest_of_none(store):
    """Without a report there is none."""
    assert list(store.reports.latest(0)) == []


def test_what_is_known_of_questions(store, report):
    """Of which applications and questions there are reports, and which is the newest of all or of a period."""
    rows = put(store, report(), report(created=5 * DAY_S), report(created=9 * DAY_S), report(OTHER))
    for day, row in enumerate(rows[:2], 101):
        store.reports.start(begun(row, day * DAY_S + 17))
        assert store.reports.finish(row._replace(outcome="accepted", status=204), body=row.body[:-1])
    assert sorted(store.reports.applications()) == sorted({KEY[0], OTHER[0]})
    assert store.reports.questions(KEY[0]) == [KEY[1]]
    assert store.reports.questions("a.b") == []
    assert store.reports.newest(KEY) == rows[2]
    assert store.reports.newest((KEY[0], "none")) is None
    assert store.reports.newest(KEY, rows[0].period) == rows[2]
    assert store.reports.newest(KEY, "2020-W01") is None
    store.reports.erase([KEY])
    store.reports.forget("")
    assert store.reports.applications() == [OTHER[0]]


def test_looks_do_not_read_the_history(store):
    """What every look asks for is found by an index: a year's history is not read for it."""
    connection = store.main._connection
    for sql in (
        "SELECT * FROM report WHERE outcome = 'queued' ORDER BY id",
        "SELECT 1 FROM report WHERE created < 7 AND outcome != 'queued' LIMIT 1",
        "SELECT min(id) FROM report INDEXED BY report_created WHERE created >= 7",
        "SELECT DISTINCT application FROM report",
        "SELECT DISTINCT question FROM report WHERE application = 'a'",
        "SELECT question, max(started) FROM report WHERE application = 'a' AND outcome = 'accepted' GROUP BY question",
        "SELECT * FROM report WHERE application = 'a' AND question = 'b' AND period = 'c' ORDER BY id DESC LIMIT 1",
        "SELECT id FROM report INDEXED BY report_question WHERE +id < 9 AND created >= 7 AND outcome IN ('a') ORDER BY id DESC LIMIT 1",
    ):
        plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}"))
        assert "INDEX report_" in plan, (sql, plan)

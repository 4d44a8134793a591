"""Whatever is done in whatever order, also across exits, what lies on disk is what a plain model says."""

import shutil
import tempfile
from array import array
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from telemetryd.core.permission.gate import ApplicationLevels, Decision, Levels
from telemetryd.core.permission.record import Outcome, Record
from telemetryd.engine.ports import StoredReport, StoredTally
from telemetryd.store import open_store

DAY_S = 86400
APPLICATIONS, PERIODS = st.sampled_from(["a.b", "c.d"]), st.sampled_from(["2026-W42", "2026-W43"])
KEYS = st.tuples(APPLICATIONS, st.sampled_from(["one", "two"]))
DIGESTS, LEVEL, TIMES = st.sampled_from(["sha256:1", "sha256:2"]), st.integers(0, 2), st.integers(0, 500 * DAY_S)
RECORDS = st.builds(
    *(Record, st.sampled_from(Outcome), st.just("sent"), st.sampled_from(['{"date":"2026-12-01"}', '{"date":"é"}']), PERIODS),
    *(*[TIMES] * 2, st.text(max_size=3), st.integers(0, 1), st.sampled_from(["", "1 2 3 4;gone 5 6"]), st.just("")),
    *(st.sampled_from(["", "accepted"]), TIMES),
)
WHY = st.just("why")
PICK = st.integers(0, 5)
MEMORY = next((path for path in (Path("/dev/shm"),) if path.is_dir()), None)
"""Thousands of durable commits would only measure the disk."""


def blur(row, **changes):
    """A row that is over: no moment finer than a day."""
    return row._replace(started=row.started // DAY_S * DAY_S, slot=0, created=row.created // DAY_S * DAY_S, held="", **changes)


class StoreMachine(RuleBasedStateMachine):
    """The store beside its model, which is plain dictionaries and lists."""

    @initialize()
    def begin(self):
        """Nothing is kept yet."""
        self.folder = Path(tempfile.mkdtemp(prefix="telemetryd-", dir=MEMORY))
        self.store = open_store(self.folder, is_developer=False)
        self.levels, self.applications, self.refused, self.accepted, self.records = Levels(), {}, set(), {}, {}
        self.tallies, self.reports, self.texts, self.ticks = {}, [], {}, ()

    def teardown(self):
        """Nothing stays behind."""
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(levels=st.builds(Levels, LEVEL, LEVEL, LEVEL), application=APPLICATIONS, own=st.builds(ApplicationLevels, LEVEL, LEVEL))
    def set_levels(self, levels, application, own):
        """Levels of both kinds."""
        self.store.consents.set_levels(levels)
        self.store.consents.set_application(application, own)
        self.levels, self.applications[application] = levels, own

    @rule(keys=st.lists(KEYS, min_size=1, unique=True), digest=DIGESTS, now=TIMES)
    def accept(self, keys, digest, now):
        """Acceptances; the first of a digest stays."""
        self.store.consents.accept([(key, digest, "text") for key in keys], now)
        for key in keys:
            self.accepted.setdefault(key, {}).setdefault(digest, now)
            self.refused.discard(key)

    @rule(key=KEYS, is_refused=st.booleans())
    def refuse(self, key, is_refused):
        """Refusals begin and end."""
        self.store.consents.refuse(key, is_refused=is_refused)
        (self.refused.add if is_refused else self.refused.discard)(key)

    @rule(records=st.dictionaries(KEYS, RECORDS, max_size=3))
    def remember(self, records):
        """Lives."""
        self.store.consents.set_records(records)
        self.records |= records

    @rule(keys=st.lists(st.tuples(KEYS, APPLICATIONS, PERIODS), unique=True), count=st.integers(0, 2**64 - 1))
    def save(self, keys, count):
        """Tallies; a row's id is the daemon's."""
        for name in keys:
            number = self.tallies[name].id if name in self.tallies else max((tally.id for tally in self.tallies.values()), default=0) + 1
            self.tallies[name] = StoredTally(number, *name, array("Q", [count, 1]))
        self.store.tallies.save([self.tallies[name] for name in keys])

    @rule(keys=st.lists(KEYS), pusher=st.none() | APPLICATIONS)
    def erase_tallies(self, keys, pusher):
        """Withdrawal, of one application's part or of everything."""
        self.store.tallies.erase(keys, pusher)
        self.tallies = {name: tally for name, tally in self.tallies.items() if name[0] not in keys or pusher not in {None, name[1]}}

    @rule(key=KEYS, period=PERIODS, created=TIMES)
    def put(self, key, period, created):
        """A period closes."""
        row = StoredReport(0, *key, "0" * 12, period, "kde", "https://localhost/", (("a", "b"),), b"body", created, 1, 2, 3)
        self.store.reports.put(row)
        self.reports.append(row._replace(id=self.store.main.read("SELECT max(id) FROM report")[0][0]))
        self.tallies = {name: tally for name, tally in self.tallies.items() if (name[0], name[2]) != (key, period)}

    @rule(pick=PICK, now=TIMES, act=st.sampled_from(["start", "hold", "finish"]))
    def deliver(self, pick, now, act):
        """An attempt begins, reaches nobody or settles it; one that is over stays as it is."""
        if pick >= len(self.reports):
            return
        row, is_queued = self.reports[pick], self.reports[pick].outcome == "queued"
        if act == "start":
            assert self.store.reports.start(row._replace(started=now)) is (is_queued and not row.started)
            after = row if row.started else row._replace(started=now)
        elif act == "hold":
            self.store.reports.hold(row._replace(slot=now, held="dns", tries=((0, "dns"),)))
            after = row._replace(started=0, slot=now, held="dns", tries=((0, "dns"),))
        else:
            assert self.store.reports.finish(row._replace(outcome="accepted", status=204), body=b"blank") is is_queued
            after = blur(row, outcome="accepted", status=204, body=b"blank", tries=row.tries)
        if is_queued:
            self.reports[pick] = after

    @rule(keys=st.lists(KEYS))
    def erase_reports(self, keys):
        """Withdrawal of what waits."""
        self.store.reports.erase(keys)
        for number, row in enumerate(self.reports):
            if row.outcome == "queued" and row.key in keys:
                self.reports[number] = blur(row, outcome="unknown" if row.started else "erased", body=b"", headers=(), tries=())

    @rule(application=APPLICATIONS | st.just(""))
    def forget(self, application):
        """Erase takes the history too."""
        self.store.reports.forget(application)
        self.reports = [row for row in self.reports if row.outcome == "queued" or application not in {"", row.application}]

    @rule(now=TIMES)
    def prune(self, now):
        """Rows go after a year."""
        self.store.reports.prune(now)
        self.reports = [row for row in self.reports if row.outcome == "queued" or row.created >= now - 366 * DAY_S]

    @rule(application=APPLICATIONS, text=st.none() | st.text(), month=st.sampled_from(["2026-10", "2026-11"]))
    def register(self, application, text, month):
        """Texts come and go."""
        if text is None:
            self.store.texts.drop(application)
            self.texts.pop(application, None)
        else:
            self.store.texts.keep(application, text, month)
            self.texts[application] = (text, month)

    @rule(ticks=st.tuples(*[st.integers(-1, 2**40)] * 9))
    def keep_ticks(self, ticks):
        """Running time."""
        self.store.reports.keep_ticks(ticks)
        self.ticks = ticks

    @rule()
    def purge(self):
        """Nobody reads, so it always succeeds."""
        assert self.store.purge()

    @rule()
    def restart(self):
        """The daemon ends and another starts."""
        self.store.close()
        self.store = open_store(self.folder, is_developer=False)

    @invariant()
    def equal(self):
        """Both say the same."""
        consents = self.store.consents
        keys = self.accepted.keys() | self.refused
        assert (consents.levels, consents.applications, consents.records) == (self.levels, self.applications, self.records)
        assert consents.decisions == {key: Decision(key in self.refused, self.accepted.get(key, {})) for key in keys}
        assert sorted(self.store.tallies.all()) == sorted(self.tallies.values())
        assert self.store.reports.history(0, 1000) == self.reports[::-1]
        assert self.store.reports.queue() == [row for row in self.reports if row.outcome == "queued"]
        assert self.store.reports.ticks() == self.ticks
        assert self.store.texts.months() == {name: month for name, (_, month) in self.texts.items()}
        assert {name: self.store.texts.get(name) for name in self.texts} == {name: text for name, (text, _) in self.texts.items()}


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)

"""What is foreseen is what is done, over random walks with the real core and the real files. Policy: C1, C2, T2.

Questions of two vendors and of shared libraries are accepted, measured, sent and ended in any order, under levels, locks, switches, budgets
and reviews that come and go. Before each change its consequences are asked for. After it, what ListQuestions, tallies and queue say is
compared with them. Lots are drawn by chance, which a seed repeats.
"""

import asyncio
import collections
import contextlib
import random
import tempfile
from pathlib import Path

import pytest
from support.campaign import IS_CAMPAIGN, chance, tell
from support.engine_flow import FRAMEWORKS, SHARED, Running, at, user_of_shared
from support.manifests.manifest_texts import STARTUP, application, question

from telemetryd.core.causes import PAUSING
from telemetryd.core.permission.user_change import UserChange
from telemetryd.errors import ChangedError, TelemetrydError

VENDORS = {"org.kde.a": "kde", "org.kde.b": "kde", "org.gnome.c": "gnome"}
OKULAR, REGISTERED = "org.kde.okular", "org.example.registered"
APPLICATIONS = (*VENDORS, SHARED, OKULAR, REGISTERED)
ENDPOINTS = """\
[endpoint.kde]
name = "KDE"
url = "https://telemetry.kde.org/v1"
[endpoint.gnome]
name = "GNOME"
url = "https://telemetry.gnome.org/v1"
share = 0.5
"""
CONFIGURATIONS = {
    "right": ENDPOINTS,
    "off": "enabled = false\n" + ENDPOINTS,
    "locked": ENDPOINTS + "[limits]\nusage = 1\nsystem = 0\n",
    "poor": "budget_year = 5.0\n" + ENDPOINTS,
    "without endpoints": "",
}
MEMORY = "org.telemetryd.system/memory"
WHY = {"purpose": "Is start-up too slow?", "decision": "Whether the session restore is loaded lazily"}
DAY_S = 86400
SHUT = {
    *("kill_switch", "unreadable", "do_not_track", "lock", "level", "application_level", "refused", "changed", "gone"),
    *("stopped", "suspended", "reviews", "unreviewed", "developer"),
}
"""Causes that keep an accepted question from being measured."""
CHANGES = 2000 if IS_CAMPAIGN else 150
MOST = 2000
"""So many changes are made at most until each kind of consequence was seen."""
KINDS = ("counted", "not counted", "ends", "resumes", "refused", "pushers", "tallies", "reports", "another digest")
STEPS = 25
"""Changes of one walk."""


def manifest(name, vendor, *, purpose=WHY["purpose"]):
    """An application with four questions: about its start-up, and about the machine's memory."""
    asked = [
        question(f"q{place}", *sources, purpose=purpose, decision=WHY["decision"], category=category, period=period, more=more, **DATES)
        for place, (sources, category, period, more) in enumerate(
            [
                (["startup"], "usage", "week", ""),
                (["startup"], "usage", "day", "epsilon = 1.5"),
                ([MEMORY], "system", "week", f'coarser = {{ "{MEMORY}" = [4] }}'),
                (["startup", MEMORY], "usage", "week", f'share = 0.5\ncoarser = {{ "{MEMORY}" = [8] }}'),
            ]
        )
    ]
    text = application(name, name, "Editor", vendor=vendor) + STARTUP + "".join(asked)
    return text.replace('detail = "basic"', 'detail = "detailed"', 1)


DATES = {"starts": "2026-11-23", "ends": "2026-12-27"}


class Drawn:
    """The port `Randomness`, with real lots; counts what is drawn."""

    def __init__(self, seed):
        self._random, self.drawn = random.Random(seed), 0

    def below(self, bound):
        """A uniform integer."""
        self.drawn += 1
        return self._random.randrange(bound)


class Walk:
    """A user of six applications. `seen` counts what was foreseen."""

    def __init__(self, root, chances, seen):
        self.running, self.chances, self.seen = Running(root, now=at("11.18")), chances, seen
        self.running.chance = Drawn(chances.random())
        self.loop = asyncio.new_event_loop()
        self.listed = {}
        """`rows` as they were when the change was begun to be drawn: to list them takes longest."""

    def begin(self):
        """Everything is installed, and half of it is accepted."""
        self.running.restart()
        for name, vendor in VENDORS.items():
            self.running.machine.install(manifest(name, vendor))
        self.running.machine.install(FRAMEWORKS)
        self.running.machine.install(user_of_shared(OKULAR))
        self.running.machine.review(manifest(REGISTERED, "kde"))
        self.running.configure(ENDPOINTS)
        self.register()
        for application_id in (*VENDORS, SHARED, REGISTERED):
            chosen = {one: digest for one, digest in self.running.digests(application_id).items() if self.chances.random() < 0.7}
            self.do(UserChange(levels={"system": 2, "usage": 2}, accept={(application_id, one): digest for one, digest in chosen.items()}))

    def do(self, change, foreseen=""):
        """Carry a change out."""
        return self.loop.run_until_complete(self.running.choices.apply(change, foreseen))

    # What happens beside.

    def register(self):
        """An application declares itself."""
        self.running.sampling.register(REGISTERED, manifest(REGISTERED, "kde"))

    def days(self):
        """Days pass, each with samples."""
        for _ in range(self.chances.choice([1, 1, 2, 7])):
            self.running.to(self.running.clock.wall + DAY_S)
            self.push()

    def push(self):
        """Samples arrive from everyone."""
        for name, source, code, value in [
            *((name, "startup", "d", 700.0) for name in (*VENDORS, REGISTERED)),
            *((name, f"{SHARED}/crash", "i", 1) for name in (OKULAR, SHARED)),
        ]:
            with contextlib.suppress(TelemetrydError):
                self.running.push(source, code, value, name)

    def configure(self):
        """The administrator changes something, most often back."""
        self.running.configure(CONFIGURATIONS[self.chances.choice(["right"] * 6 + list(CONFIGURATIONS))])

    def change_manifest(self):
        """One application asks otherwise, or as before; sometimes without a review."""
        name = self.chances.choice(list(VENDORS))
        text = manifest(name, VENDORS[name], purpose=self.chances.choice([WHY["purpose"], "Is start-up slow?"]))
        self.running.machine.install(text, reviewed=self.chances.random() < 0.8, date=f"2026-0{self.chances.randint(2, 9)}-01")
        self.running.look()

    def restart(self):
        """Another process."""
        self.running.restart()

    def happen(self):
        """Something of this."""
        events = [self.days, self.days, self.days, self.push, self.push, self.configure, self.change_manifest, self.restart, self.register]
        self.chances.choice(events)()
        self.running.decide()

    # What is asked for.

    def any_change(self):
        """A random change of one to three parts."""
        parts = [self.any_levels, self.any_own, self.any_accept, self.any_accept, self.any_refuse, self.any_allow, self.any_erase]
        change, self.listed = UserChange(), self.rows
        for part in self.chances.sample([*parts, self.any_forget], self.chances.choice([1, 1, 2, 3])):
            change = change._replace(**part())
        return change

    def any_levels(self):
        """Global levels."""
        names = self.chances.sample(["system", "usage", "new_questions"], self.chances.randint(1, 2))
        return {"levels": {name: self.chances.choice([0, 1, 2, 2, 2]) for name in names}}

    def any_own(self):
        """An application's levels."""
        axes = self.chances.sample(["system", "usage"], self.chances.randint(1, 2))
        return {
            "application": self.chances.choice([*APPLICATIONS, OKULAR, OKULAR, OKULAR]),
            "axes": {axis: self.chances.choice([0, 1, 2, 3, 3, 3]) for axis in axes},
        }

    def any_accept(self):
        """Questions of one or two applications as they are shown; seldom with an old digest."""
        digests = {}
        for name in self.chances.sample([*VENDORS, SHARED, REGISTERED], self.chances.randint(1, 2)):
            with contextlib.suppress(TelemetrydError):
                digests |= {(name, one): digest for one, digest in self.running.digests(name).items() if not self.is_over((name, one))}
        chosen = self.chances.sample(sorted(digests), min(len(digests), self.chances.randint(1, 4)))
        return {"accept": {key: digests[key] if self.chances.random() < 0.98 else "sha256:0" for key in chosen}}

    def is_over(self, key):
        """Whether nothing can be accepted any more; seldom it is tried all the same."""
        return self.listed[key]["state"] not in {"pending", "waiting", "active", "refused"} and self.chances.random() < 0.98

    def any_keys(self):
        """Some questions."""
        return frozenset(self.chances.sample(sorted(self.listed), min(len(self.listed), self.chances.randint(1, 3))))

    def any_refuse(self):
        """A no."""
        return {"refuse": self.any_keys()}

    def any_allow(self):
        """Refusals undone: of what is refused, if anything is."""
        refused = {key for key, decision in self.running.store.consents.decisions.items() if decision.refused}
        return {"allow": frozenset(refused & self.listed.keys()) or self.any_keys()}

    def any_erase(self):
        """An erasure."""
        return {"erase": self.chances.choice(["", *APPLICATIONS])}

    def any_forget(self):
        """An application is forgotten: mostly one that can be."""
        return {"forget": self.chances.choice([REGISTERED, REGISTERED, REGISTERED, OKULAR])}

    # What must hold.

    @property
    def rows(self):
        """(application, question) → the dictionary of ListQuestions."""
        return {(row["application"], row["id"]): row for row in self.running.views.questions("")}

    def foresee(self, change):
        """What is foreseen."""
        *_, looked = self.running.views.foresee(change)
        return looked

    def check_pending(self):
        """What is counted as waiting for the user is what a yes could start now, and nothing of it where new questions are refused."""
        ceiling = min(self.running.store.consents.levels.new_questions, self.running.catalogue.settings.ceiling("new_questions"))
        rows = self.rows.values()
        waiting = [row for row in rows if row["state"] == "pending"]
        startable = {row["application"]: 0 for row in waiting}
        for row in waiting:
            looked = self.foresee(UserChange(accept={(row["application"], row["id"]): row["digest"]}))
            startable[row["application"]] += bool(looked.resumes) and ceiling > 0
        for row in self.running.views.applications({}):
            asked = sum(one["application"] == row["id"] for one in waiting)
            assert (row["pending"], row["pending"] + row["pending_shut"]) == (startable.get(row["id"], 0), asked)
            its_own = [one for one in rows if one["application"] == row["id"]]
            assert row["states"] == collections.Counter(one["state"] for one in its_own)
            assert row["paused"] == sum(one["state"] == "active" and one["cause"] in PAUSING for one in its_own)
            self.seen["counted"] += row["pending"]
            self.seen["not counted"] += row["pending_shut"]

    def step(self):
        """Something happens, and a change is foreseen and done."""
        self.happen()
        if self.chances.random() < 0.2:
            self.check_pending()
        change, files, drawn = self.any_change(), self.running.files(), self.running.chance.drawn
        try:
            looked = self.foresee(change)
        except TelemetrydError as failure:
            self.check_refused(change, failure, files)
            return
        finally:
            assert self.running.files() == files
            assert self.running.chance.drawn == drawn
        if self.chances.random() < 0.05:
            with pytest.raises(ChangedError):
                self.do(change, "sha256:0")
            assert self.running.files() == files
            self.seen["another digest"] += 1
        before = Snapshot(self)
        done = self.do(change, looked.digest)
        self.check_done(looked, done, before, Snapshot(self))

    def check_refused(self, change, failure, files):
        """What cannot be foreseen is refused in the same words, and nothing is done."""
        with pytest.raises(type(failure)) as refused:
            self.do(change)
        assert str(refused.value) == str(failure)
        assert self.running.files() == files
        self.seen["errors", type(failure).__name__] += 1

    def check_done(self, looked, done, before, after):
        """What was foreseen is what was done."""
        self.check_questions(looked, before, after)
        self.check_erased(looked, before, after)
        shut = {key: after.rows[key]["cause"] for key in looked.change.accept if after.is_shut(key)}
        assert done == (sorted(looked.questions), sorted(looked.change.accept), shut)
        for name in ("ends", "resumes", "refused"):
            self.seen[name] += len(getattr(looked, name))
        self.seen["pushers"] += sum(bool(item.pusher) for item in (*looked.resumes, *looked.refused))
        self.seen["changes"] += 1

    def check_questions(self, looked, before, after):
        """Each question ends, resumes or is shut as foreseen; only what the first draw decides is left open."""
        drawn = after.lots - before.lots
        ends, resumes, refused = (
            {item.key: item for item in part if not item.pusher} for part in (looked.ends, looked.resumes, looked.refused)
        )
        keys = before.rows.keys() | after.rows.keys()
        assert ends.keys() - drawn == {key for key in keys if after.is_over(key) and not before.is_over(key)} - drawn
        assert resumes.keys() - drawn == {key for key in keys if after.is_open(key) and not before.is_open(key)} - drawn
        closes = {key for key in keys if before.is_open(key) and not after.is_open(key) and not after.is_over(key)}
        assert {key for key, item in refused.items() if item.closes} == closes
        assert {key for key in looked.change.accept if after.is_shut(key)} <= refused.keys()
        assert {key for key in drawn & ends.keys() if not after.is_over(key)} == set()
        for key in drawn:
            assert after.is_over(key) or after.is_open(key) is (key in resumes)
        for key, item in {**ends, **resumes, **refused}.items():
            if key not in drawn:
                self.check_row(item, before, after)

    def check_row(self, item, before, after):
        """One question's dates, cause and room."""
        accepted = before.decisions[item.key].accepted if item.key in before.decisions else {}
        digest = before.rows[item.key]["digest"]
        assert item.accepted_at == accepted.get(digest, max(accepted.values(), default=0))
        assert item.purpose == before.rows[item.key]["purpose"]
        if item.reason.cause == "forgotten" and item.key not in after.records:
            assert after.is_gone(item.key)
            return
        row, record = after.rows[item.key], after.records[item.key]
        assert (item.period_begins, item.period_ends) == (record.begins, record.closes)
        if after.lots != before.lots and {item.reason.cause, row["cause"]} <= {"", "no_room", "not_drawn"}:
            return  # who has room is another question after a draw
        assert (item.reason.cause, dict(item.reason.args)) == (row["cause"], row["cause_args"])
        if after.lots == before.lots:
            assert item.room == row["room"]

    def check_erased(self, looked, before, after):
        """What is erased was said to be, and what was said to be erased is."""
        rows = [item for item in (*looked.ends, *looked.refused) if item.erases]
        said = {(item.key, item.pusher) for item in rows if "tally" in item.erases}
        gone = before.tallies - after.tallies
        assert {key for key, _ in gone} == {key for key, _ in said}
        assert all((key, "") in said or (key, pusher) in said for key, pusher in gone)
        assert {item.key for item in rows if "report" in item.erases} == before.queued - after.queued
        self.seen["tallies"] += len(said)
        self.seen["reports"] += len(before.queued - after.queued)

    def close(self):
        """Close the files."""
        self.running.store.close()
        self.loop.close()


class Snapshot:
    """Everything at one moment, as it is listed and stored."""

    def __init__(self, walk):
        store = walk.running.store
        self.rows, self.records, self.decisions = walk.rows, store.consents.records, store.consents.decisions
        self.lots = store.consents.lots.keys() | set()
        self.tallies = {(tally.key, tally.pusher) for tally in store.tallies.all() if any(tally.cells)}
        self.queued = {row.key for row in store.reports.queue()}

    def is_accepted(self, key):
        """Whether the user accepted the question as it is."""
        row = self.rows.get(key)
        accepted = self.decisions[key].accepted if key in self.decisions else {}
        return row is not None and bool(accepted) and (not row["digest"] or row["digest"] in accepted)

    def is_over(self, key):
        """Whether it has ended for good."""
        return key in self.rows and self.rows[key]["state"] in {"answered", "passed"}

    def is_open(self, key):
        """Whether it is measured, will be, or its report waits."""
        row = self.rows.get(key)
        if row is None or row["state"] == "reporting":
            return row is not None
        return row["state"] in {"waiting", "active"} and row["cause"] not in SHUT

    def is_shut(self, key):
        """Whether it is accepted, and something shuts it."""
        return self.is_accepted(key) and not self.is_open(key) and not self.is_over(key)

    def is_gone(self, key):
        """Whether nothing of an acceptance is left."""
        return key not in self.decisions or not self.decisions[key].accepted


@pytest.mark.timeout(3600 if IS_CAMPAIGN else 600)
def test_what_is_foreseen_is_done():
    """Over hundreds of random states and changes, what was foreseen is what is done, and foreseeing writes and draws nothing."""
    chances, seen = chance(), collections.Counter()
    while seen["changes"] < CHANGES or (seen["changes"] < MOST and not all(seen[name] for name in KINDS)):
        with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
            walk = Walk(Path(folder) / "machine", chances, seen)
            walk.begin()
            try:
                for _ in range(STEPS):
                    walk.step()
            finally:
                walk.close()
    tell("foreseen", seen)
    for name in KINDS:
        assert seen[name] >= max(1, CHANGES // 300), name

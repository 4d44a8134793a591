"""Who is asked, over random walks of the user with the real core and the real files: lots, ledger and ends. Policy: A1, A2, M4.

Twelve questions of two vendors, about four sources, are accepted, refused, erased and forgotten in any order, while weeks pass. Lots are
drawn by chance, which a seed repeats.
"""

import asyncio
import random
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from support.campaign import IS_CAMPAIGN
from support.engine_flow import Running
from support.manifests.manifest_texts import STARTUP, application, question

from telemetryd.core.permission.lifecycle import Outcome
from telemetryd.core.privacy.ledger import Sums
from telemetryd.engine.budget import caps_in_force
from telemetryd.errors import TelemetrydError

DAY_S = 86400
VENDORS = {"org.kde.a": "kde", "org.kde.b": "kde", "org.gnome.c": "gnome"}
ENDPOINTS = """\
[endpoint.kde]
name = "KDE"
url = "https://telemetry.kde.org/v1"
{share}
[endpoint.gnome]
name = "GNOME"
url = "https://telemetry.gnome.org/v1"
"""
MEMORY = "org.telemetryd.system/memory"
WHY = {"purpose": "Is start-up too slow?", "decision": "Whether the session restore is loaded lazily"}


def manifest(name, *, ends):
    """An application with four questions, all about its start-up; two are about the machine's memory too."""
    head = application(name, name, "Editor", vendor=VENDORS[name]) + STARTUP
    asked = [
        question(f"q{place}", source, **WHY, category="system" if source == MEMORY else "usage", starts="2026-11-23", ends=ends, more=more)
        for place, (source, more) in enumerate(
            [
                ("startup", ""),
                ("startup", "epsilon = 1.5"),
                (MEMORY, f'coarser = {{ "{MEMORY}" = [4] }}'),
                (MEMORY, f'epsilon = 1.3\nshare = 0.5\ncoarser = {{ "{MEMORY}" = [8] }}'),
            ]
        )
    ]
    return head + "".join(asked)


class Drawn:
    """The port `Randomness`, with real lots."""

    def __init__(self, seed):
        self.below = random.Random(seed).randrange


class Walk:
    """A user of three applications; after each act everything that must hold is looked at."""

    def __init__(self, root, seed):
        self.running = Running(root)
        self.running.chance = Drawn(seed)

    def begin(self):
        """The applications are installed; nothing is decided."""
        self.running.restart()
        for name in VENDORS:
            self.running.machine.install(manifest(name, ends="2027-01-31"))
        self.share("1.0")
        for axis in ("system", "usage"):
            asyncio.run(self.running.choices.set_level(axis, 2))
        self.lots, self.ended, self.charged = {}, {}, {}
        self.before = {}

    # What happens.

    def accept(self, name, place):
        """Some questions are accepted as they are shown: the last four, three, two or one."""
        records = self.running.store.consents.records
        ended = {key[1] for key, record in records.items() if key[0] == name and record.outcome is not Outcome.OPEN}
        shown = self.running.digests(name)
        digests = {question: shown[question] for question in sorted(shown.keys() - ended) if question >= f"q{place}"}
        asyncio.run(self.running.choices.accept(name, digests))

    def refuse(self, name, place):
        """One question is refused."""
        asyncio.run(self.running.choices.set_question(name, f"q{place}", is_allowed=False))

    def lower(self, name, place):
        """The level of an application goes down and up again."""
        for level in (0, place and 3):
            asyncio.run(self.running.choices.set_application(name, level, level))

    def erase(self, name, _):
        """What was collected is erased."""
        asyncio.run(self.running.choices.erase(name))

    def forget(self, name, _):
        """The application goes and is forgotten, and comes back."""
        path = self.running.machine.root / f"share/telemetryd/manifests/{name}.toml"
        text = path.read_text()
        path.unlink()
        self.running.look()
        with suppress(TelemetrydError):
            asyncio.run(self.running.choices.forget(name))
        path.write_text(text)
        self.running.look()

    def change(self, name, place):
        """The definition of every question changes: other dates."""
        self.running.machine.install(manifest(name, ends=f"2027-01-{28 + place}"), date=f"2026-02-{10 + place}")
        self.running.look()

    def share(self, share, _=0):
        """The endpoint's share changes."""
        self.running.configure(ENDPOINTS.format(share="share = " + {"org.kde.b": "0.5", "org.gnome.c": "0.1"}.get(share, "1.0")))

    def restart(self, *_):
        """Another process."""
        self.running.restart()

    def days(self, _, place):
        """Days pass."""
        self.running.to(self.running.clock.wall + (1, 3, 7, 21)[place] * DAY_S)

    # What must hold.

    def check(self):
        """Lots stay bit for bit, ends stay, charges stay, and no cap is exceeded."""
        consents = self.running.store.consents
        lots = self.rows("SELECT * FROM lot")
        assert self.lots.items() <= lots.items()
        assert {key: tuple(f"{number:016x}" for number in lot) for key, lot in consents.lots.items()} == lots
        final = {key: one.outcome for key, one in consents.records.items() if one.outcome not in {Outcome.OPEN, Outcome.REPORTING}}
        assert self.ended.items() <= final.items()
        charged = {key: entry for key, entry in consents.ledger.items() if entry.is_charged}
        assert self.charged.items() <= charged.items()
        assert not Sums(caps_in_force(self.running.catalogue.settings, consents), consents.ledger.values()).is_exceeded
        self.lots, self.ended, self.charged = lots, final, charged
        self.check_written()

    def check_written(self):
        """An answer comes into the ledger when its period has begun, is charged when the period is over, and is gone with its question."""
        ledger, records, now = dict(self.running.store.consents.ledger), self.running.store.consents.records, self.running.clock.wall
        for key in ledger.keys() - self.before.keys():
            assert 0 < records[key].begins <= now
        for key in {key for key, entry in ledger.items() if entry.is_charged and not self.before.get(key, entry).is_charged}:
            assert records[key].outcome is not Outcome.OPEN
        for key in self.before.keys() - ledger.keys():
            assert records[key].outcome is Outcome.PASSED
        self.before = ledger

    def rows(self, sql):
        """(application, question) → the other columns, as another process reads them."""
        (path,) = self.running.directory.glob("consent.sqlite")
        with closing(sqlite3.connect(path)) as connection:
            return {(row[0], row[1]): row[2:] for row in connection.execute(sql)}


ACTS = st.tuples(
    st.sampled_from(["accept"] * 5 + ["days"] * 3 + ["refuse", "lower", "erase", "forget", "change", "share", "restart"]),
    st.sampled_from(list(VENDORS)),
    st.integers(0, 3),
)


@settings(max_examples=2000 if IS_CAMPAIGN else 15)
@given(st.lists(ACTS, min_size=8, max_size=30), st.integers(0, 2**32))
def test_random_walks(acts, seed):
    """Whatever a user does in whatever order: a lot is drawn once, an end and a charge are for ever, and no cap is exceeded."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        walk = Walk(Path(folder) / "machine", seed)
        walk.begin()
        try:
            for name, *arguments in acts:
                with suppress(TelemetrydError):
                    getattr(walk, name)(*arguments)
                walk.check()
        finally:
            walk.running.store.close()

"""A year of one desktop: the real daemon, started and ended as a machine does it, packages, clocks, a user and a server."""

import asyncio
import contextlib
import random
import signal
import sqlite3
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from support.machine import WAIT_S, CallError
from support.net.tls_receiver import RESET
from support.timeline import DAY_S, HOUR_S, Timeline, at, timer
from support.year.checks import Checks
from support.year.packages import Package, sample
from support.year.person import Person

BEGINS = "2027-01-04"
INSTALLED, BY_ITSELF = ("org.example.Paint", "org.example.Write", "org.other.Play", "org.other.Read"), "org.example.Self"
PACKAGES_CHANGE = 0.06
"""Chance of a day on which packages are upgraded: every other week."""
VENDORS = "kde", "other"
FIRST_DAYS = 5
"""Days of use before the user decides anything."""
ZONES = ("UTC", "Europe/Berlin", "Pacific/Kiritimati", "America/St_Johns")
STATUSES = (204,) * 17 + (500, 410, 0)
_REASONS = {204: b"No Content", 410: b"Gone", 451: b"Unavailable", 500: b"Internal Server Error"}
CONFIGURATION = '[endpoint.{name}]\nname = "{name}"\nurl = "{url}"\nca_file = "{ca_file}"\n'


class Desktop(Timeline):
    """One machine in a time that the test moves, and what must hold at each end of a day (`checks`)."""

    def __init__(self, machine, servers, ca_file, chance, *, hours_max):
        self.chance, self.done = chance, Counter()
        self.chance_of_servers = random.Random(chance.random())
        self.servers = servers
        self.other_ca, self.hours_max = "", hours_max
        super().__init__(machine, servers[0], ca_file)
        self.person, self.checks = Person(self, chance), Checks(self)
        self.packages = {name: Package(name, VENDORS["other" in name], chance) for name in (*INSTALLED, BY_ITSELF)}
        for server in servers:
            server.answer = self._answer
        self.day = at(BEGINS)
        self._is_registered = self._is_upgraded = False
        self.is_new = True
        """Whether the user has not decided anything yet."""

    def name_endpoint(self, url, extra=""):
        """Each server is a vendor's."""
        del url
        named = zip(VENDORS, self.servers, strict=True)
        tables = (CONFIGURATION.format(name=name, url=server.url(), ca_file=self.ca_file) for name, server in named)
        self.machine.configure(extra + "".join(tables))

    def known(self):
        """The applications of this machine."""
        return sorted(name for name, package in self.packages.items() if package.text)

    def reviewed(self, key, revision):
        """The digest of a question if it is declared now in this revision, and reviewed; ""."""
        package = self.packages[key[0]]
        return package.digests.get(key[1], "") if package.revisions.get(key[1]) == revision else ""

    def files(self):
        """Every file of the state directory: name → bytes."""
        return self.machine.state()

    def contents(self):
        """What the state directory holds, however SQLite keeps it: name → rows, or bytes."""
        found = {}
        for path in sorted((self.machine.root / "state").rglob("*")):
            if path.suffix == ".sqlite":
                with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
                    found[path.name] = [*connection.iterdump()]
            elif path.is_file() and not path.name.endswith(("-wal", "-shm", "lock", "serving")):
                found[path.name] = path.read_bytes()
        return found

    def describe(self):
        """Where the year is, for a failure."""
        log = self.daemon.log if self.daemon else ""
        return f"{datetime.fromtimestamp(self.now, UTC):%Y-%m-%d %H:%M}\n{log}"

    async def live(self, days, *, stride=1):
        """Live on until so many days are over, each with its checks; with a `stride` only every so manieth day."""
        kinds = {self._used: 60, self._asleep: 10, self._by_timer: 15, self._away: 4, self._clock: 5, self._no_network: 4}
        number, end = 0, self.day + days * DAY_S
        while self.day < end:
            self.day += DAY_S * (1 if number < FIRST_DAYS else stride)
            self.is_new = number < FIRST_DAYS
            day = self._used if self.is_new else self._drawn(kinds)
            self.done[f"days {day.__name__[1:]}"] += 1
            if number == 0 or self.chance.random() < PACKAGES_CHANGE:
                self._packages_change(is_first=number == 0)
            await day()
            self.checks.of_files()
            number += 1

    def _drawn(self, weights):
        (found,) = self.chance.choices([*weights], [*weights.values()])
        return found

    # Kinds of days.

    async def _used(self):
        """Switched on in the morning, used for some hours, switched off or killed."""
        before = self.contents() if self.person.is_off else None
        self._set_time(self.day + 8 * HOUR_S)
        await self._switch_on()
        await self._use(self.chance.randrange(1, self.hours_max + 1))
        if before is not None:
            self.checks.nothing_is_written(before)
        if not self.is_new:
            await self._decide()
        if self.chance.random() < PACKAGES_CHANGE / 2:
            self._packages_change()
            self._is_upgraded = True
        await self._use(1)
        await self._switch_off()
        if before is not None and self.person.is_off and self.is_new:
            self.checks.nothing_is_written(before)

    async def _asleep(self):
        """Suspended for nights: no running time passes, and the same daemon wakes up days later."""
        self._set_time(self.day + 9 * HOUR_S)
        await self._switch_on(is_suspended=True)
        for _ in range(self.chance.randrange(1, 4)):
            await self._push()
            self.day += DAY_S
            await self._go_to(self.day + 9 * HOUR_S)
        await self._decide()
        await self._switch_off()

    async def _by_timer(self):
        """Nobody calls: the timer alone runs, and one of its runs is a tick."""
        self._set_time(self.day + 10 * HOUR_S)
        for _ in range(self.chance.randrange(1, 3)):
            self._tick_soon()
            with timer(self) as process:
                assert await asyncio.to_thread(process.wait, WAIT_S * 3) == 0
            self.done["runs of the timer"] += 1
            self.checks.take()
            self.set_clock(int(self.now) + HOUR_S)

    async def _away(self):
        """Switched off for days."""
        self.day += self.chance.randrange(1, 11) * DAY_S

    async def _clock(self):
        """The clock is wrong for a session, by days forward or months back, and right again after it."""
        days = self.chance.choice((1, 3, 15, -1, -40, -200))
        self._set_time(self.day + days * DAY_S + 9 * HOUR_S)
        await self._switch_on()
        await self._use(self.chance.randrange(1, self.hours_max + 1))
        await self._switch_off()
        self.done["clock set forward" if days > 0 else "clock set back"] += 1

    async def _no_network(self):
        """No server's certificate can be checked: nothing reaches anybody, and every report waits."""
        path, received = Path(self.ca_file), len(self.checks.received)
        right = path.read_text()
        path.write_text(self.other_ca)
        await self._used()
        assert len(self.checks.received) == received
        path.write_text(right)

    # Parts of a day.

    def _set_time(self, moment):
        self.set_clock(moment + self.chance.randrange(HOUR_S))

    async def _go_to(self, moment):
        """Jump, and take what arrived."""
        await self.move(moment)
        self.checks.take()

    async def _switch_on(self, **how):
        await self.start(TZ=self.chance.choice(ZONES), **how)
        self._is_registered = self._is_upgraded = False
        self.done["starts"] += 1

    async def _switch_off(self):
        await self.finish()
        await self.checks.of_a_day()
        self.stop(self.chance.choice((signal.SIGTERM,) * 3 + (signal.SIGKILL,)))

    async def _use(self, hours):
        """Hours of running time, with samples before and after."""
        await self._push()
        await self.run(hours * HOUR_S)
        self.checks.take()
        await self._push()

    async def _push(self):
        """Samples of every application that runs."""
        for name in self.known():
            package = self.packages[name]
            if name == BY_ITSELF and not await self._registered(package):
                continue
            for source, kind in package.sources:
                code, value = sample(kind, self.chance)
                await self._push_one(name, source, code, value)

    async def _push_one(self, *sample):
        """One sample; a new version's may come before the daemon has seen its manifest."""
        try:
            await self.client.push(*sample)
            self.done["pushes"] += 1
        except CallError as failure:
            if not (self._is_upgraded and failure.name.endswith(("UnknownSource", "UnknownApplication"))):
                raise
            self.done["pushes before the manifest"] += 1

    async def _registered(self, package):
        """Whether the application that registers itself has done so in this session; it is not used while telemetry is off."""
        if not self._is_registered and not self.person.is_off:
            await self.client.register(package.id, package.text)
            self._is_registered = True
        return self._is_registered

    async def _decide(self):
        """The user opens the settings now and then."""
        self.checks.take()
        if not self.person.done:
            await self.person.begin()
        elif self.chance.random() < 0.35 or (self.person.is_off and self.chance.random() < 0.3):
            await self.person.decide()

    def _packages_change(self, *, is_first=False):
        """Some packages are upgraded, or removed and installed again; the day's first time installs all."""
        today = datetime.fromtimestamp(self.day, UTC).date()
        for name, package in self.packages.items():
            if self.chance.random() < 0.1 and package.text and name != BY_ITSELF:
                package.remove()
                self._path(name).unlink()
                self.done["packages removed"] += 1
            elif is_first or self.chance.random() < 0.4:
                package.upgrade(today)
                self.done["packages upgraded"] += 1
                if name == BY_ITSELF:
                    self._is_registered = False
                    self.machine.review(package.text)
                else:
                    self.machine.install(package.text)

    def _path(self, name):
        return self.machine.root / f"share/telemetryd/manifests/{name}.toml"

    def _tick_soon(self):
        """The next run of the timer is to wait a second for its tick; all else that is known of ticks stays."""
        path = self.machine.root / "state/telemetryd/telemetry.sqlite"
        if path.exists():
            with contextlib.closing(sqlite3.connect(path)) as connection, connection:
                moment = "UPDATE tick SET passed_s = 100, moment_s = 101, is_done = 0, seen = ?"
                connection.execute(moment, (int(self.now) + DAY_S // 24 // 60,))

    def _answer(self, request):
        """What a server says, by chance; it breaks some connections off."""
        status = self.chance_of_servers.choice(STATUSES)
        self.checks.arrives(request, status)
        self.done[f"answered {status}"] += 1
        if not status:
            return [RESET]
        return b"HTTP/1.1 %d %s\r\nContent-Length: 0\r\n\r\n" % (status, _REASONS[status])

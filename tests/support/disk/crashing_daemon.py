"""A daemon that the bus starts and that is killed over and over, at random moments or between two writes, while many call it."""

import asyncio
import contextlib
import os
import select
import shutil
import signal
import sys
from collections import Counter

from support.bus.call_books import DAILY, PUSHERS, REGISTERED, TOGGLED, WHOLE, Books, Caller, Left, User, declare
from support.disk.lossy_disk import recording
from support.machine_at import daemon_at, shift_to
from support.shifted_time import library, shifted_by
from support.timeline import at

ACCEPTED, NOW = at("2026-10-07 10:00"), at("2026-10-14 12:00")
"""Accepted on a Wednesday; the daemon that is killed lives a week on, in the middle of the week that counts."""
AT_A_WRITE = "at a write"
HOW = ("starting", "serving", "serving", AT_A_WRITE)
MOMENTS = 1200
"""Of so many moments before or after a write, from the start on, is one drawn."""
WAIT_S = 20


class Crashing:
    """The machine, its daemon that the bus starts, and everyone who calls it."""

    def __init__(self, machine, recorder, chance):
        self.machine, self.recorder, self.chance, self.books = machine, recorder, chance, Books()
        self.state = machine.root / "state/telemetryd"
        self.callers, self.deaths = [], Counter()
        self._pids = machine.root / "pids"
        self._opened = contextlib.AsyncExitStack()

    async def __aenter__(self):
        await self._prepare()
        os.mkfifo(self._pids)
        self._pid_file = os.open(self._pids, os.O_RDWR | os.O_NONBLOCK)
        self._opened.callback(os.close, self._pid_file)
        self._install_starter()
        for application in (*PUSHERS, WHOLE):
            client = await self._opened.enter_async_context(self.machine.client())
            self.callers.append(Caller(application, client, self.books, self.chance))
        client = await self._opened.enter_async_context(self.machine.client())
        self.user = User(client, self.books, self.chance)
        return self

    async def __aexit__(self, *_):
        self._kill_all()
        await self._opened.aclose()

    async def round(self, number):
        """Start under load, kill at a random moment, and look at what is left."""
        library, how = ("dbus-fast", "dbus-next")[number % 2], self.chance.choice(HOW)
        (self.machine.root / "library").write_text(library)
        (self.machine.root / "die_at").write_text(str(self.chance.randrange(1, MOMENTS) if how == AT_A_WRITE else 0))
        everyone = (*self.callers, self.user)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.run()) for one in everyone]
            await self._started()
            match how:
                case "starting":
                    await asyncio.sleep(self.chance.uniform(0, 0.3))
                case "serving":
                    replies = [group.create_task(one.replied.wait()) for one in self.callers]
                    await asyncio.gather(*replies)
                    await asyncio.sleep(self.chance.uniform(0, 0.15))
                case _:
                    await asyncio.wait(tasks, timeout=2)
            self._kill_all()
            for one in everyone:
                one.stop()
        self._kill_all()  # calls that came after the death have started another
        self.deaths[library, how] += 1
        self.check()

    def check(self):
        """Hold what the dead daemon left against the books."""
        left = self._look()
        found = left.samples()
        self.books.check(found)
        for one in self.callers:
            one.replied.clear()
        sums = {source: sum(found[WHOLE, source, number] for number in range(3)) for source in ("delay", "view", "presses")}
        assert len(set(sums.values())) == 1, f"part of a call counted: {sums}"
        for name, value in left.settings().items():
            assert value in self.books.settings[name], name
            self.books.set(name, {value})
        assert left.lasting() == self.lasting
        assert not {name for name in left.names if "damaged" in name}

    async def _prepare(self):
        """Everything was accepted a week ago; two reports of a day are queued."""
        install_everything(self.machine)
        with daemon_at(self.machine, str(shift_to(ACCEPTED))):
            async with self.machine.client() as client:
                for application in CONSENTED:
                    await client.consent(application)
        with daemon_at(self.machine, str(shift_to(NOW))):
            async with self.machine.client() as client:
                await client.register(REGISTERED, declare(REGISTERED, name="0"))
                assert len(await client.history()) == 2
        left = self._look()
        self.lasting = left.lasting()
        self.books.settings = {name: {value} for name, value in left.settings().items()}
        assert min(len(rows) for rows in self.lasting.values()) >= 2

    def _look(self):
        return Left(copied(self.state, self.machine.root / "left"))

    def _install_starter(self):
        """The bus starts the daemon by a script that tells its process first."""
        starter, root = self.machine.root / "starter", self.machine.root
        environ = shifted_by(shift_to(NOW)) | recording(self.recorder, self.state, also=library(), die_at=f"$(cat {root}/die_at)")
        environ |= {"TELEMETRYD_DBUS_LIBRARY": f"$(cat {root}/library)"}
        assignments = " ".join(f'{name}="{value}"' for name, value in environ.items())
        program = f"cd {self.machine.folder}\nexec env {assignments} {sys.executable} -m telemetryd"
        starter.write_text(f"#!/bin/sh\necho $$ >{self._pids}\n{program}\n")
        starter.chmod(0o700)
        self.machine.activate(str(starter))

    async def _started(self):
        """When the bus has started a process; for the two names it may be two, of which one leaves."""
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._pid_file, told.set)
        try:
            async with asyncio.timeout(WAIT_S):
                await told.wait()
        finally:
            loop.remove_reader(self._pid_file)

    def _kill_all(self):
        """Kill every process that the bus has started."""
        with contextlib.suppress(BlockingIOError):
            for process in os.read(self._pid_file, 4096).split():
                self._kill(int(process))

    @staticmethod
    def _kill(process):
        """Kill a process that is not ours to wait for, and see it gone."""
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(process)
            try:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                assert select.select([descriptor], [], [], WAIT_S)[0]
            finally:
                os.close(descriptor)


def copied(folder, copy):
    """A copy of the files, in a folder made anew; a file with two names has both."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    for second in folder.glob("*.new"):
        if second.with_suffix("").exists() and second.samefile(second.with_suffix("")):
            (copy / second.name).unlink()
            (copy / second.name).hardlink_to(copy / second.stem)
    return copy


CONSENTED = (*PUSHERS, WHOLE, DAILY, TOGGLED)
"""Whose questions are accepted; Toggled's begin later, and Registered only registers."""


def install_everything(machine):
    """Put the manifests and an endpoint that is never reached in place."""
    machine.configure('[endpoint.kde]\nname = "KDE"\nurl = "https://localhost:9/v1"\n')
    for application in (*PUSHERS, WHOLE):
        machine.install(declare(application))
    machine.install(declare(DAILY, period="day", starts="2026-10-08", ends="2026-10-08"))
    machine.install(declare(TOGGLED, starts="2026-11-02", ends="2026-11-08"))

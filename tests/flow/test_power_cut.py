"""After a power cut the databases are whole; consent, ledger, queue and erasure miss nothing, samples the last few seconds."""

import asyncio
import random
import signal
import time

import pytest
from support.bus.call_books import PUSHERS, REGISTERED, WHOLE, Books, Caller, Left, User, declare
from support.campaign import IS_CAMPAIGN, TIMEOUT_S, chance, tell
from support.disk.crashing_daemon import ACCEPTED, CONSENTED, NOW, copied, install_everything
from support.disk.lossy_disk import LINK, SYNC, Disk, build_recorder, read_steps, recording
from support.disk.witness import BOUND_NS, Witness
from support.machine_at import daemon_at, shift_to
from support.shifted_time import library, shifted_by

LOAD_S = 60 if IS_CAMPAIGN else 4
CUTS = 2000 if IS_CAMPAIGN else 40
CREATION = 12
"""Steps after a file has its name, each of which is a moment of a power cut."""
STARTS = 40 if IS_CAMPAIGN else 2
ERASED = PUSHERS[2]


class PowerCut:
    """A machine whose disk is recorded."""

    def __init__(self, machine, library, chance):
        self.machine, self.library, self.chance = machine, library, chance
        self.state, self.log = machine.root / "state/telemetryd", machine.root / "steps"

    def daemon(self, moment):
        """The daemon at a moment, recorded."""
        return self.machine.daemon(**shifted_by(shift_to(moment)) | recording(self.library, self.state, log=self.log, also=library()))

    def left(self):
        """What the disk holds while nothing runs."""
        return Left(copied(self.state, self.machine.root / "left"))

    async def live(self):
        """Consent, a week later some seconds of load, a pause; both times ended by a kill: nothing is tidied up."""
        install_everything(self.machine)
        with self.daemon(ACCEPTED) as daemon:
            async with self.machine.client() as client:
                self.witness = Witness(client)
                for application in CONSENTED:
                    await self.witness.consent(application)
            daemon.stop(signal.SIGKILL)
        self.witness.expect(self.left(), CONSENTED)
        with self.daemon(NOW) as daemon:
            async with self.machine.client() as client:
                self.witness.client = client
                await self._load(client)
                await asyncio.sleep(BOUND_NS / 1e9)
            daemon.stop(signal.SIGKILL)
        self.end = time.monotonic_ns()

    async def _load(self, client):
        books = Books()
        callers = [Caller(application, client, books, self.chance) for application in (*PUSHERS, WHOLE)]
        user, witness, begin = User(client, books, self.chance), self.witness, time.monotonic()
        await client.register(REGISTERED, declare(REGISTERED, name="0"))
        await witness.look()
        while (passed_s := time.monotonic() - begin) < LOAD_S:
            for _ in range(self.chance.choice([1, 1, 1, 100])):
                await witness.push(self.chance.choice(callers))
            await asyncio.sleep(self.chance.uniform(0, 0.05))
            if self.chance.random() < 0.1:
                await witness.set(user)
            if passed_s > LOAD_S / 2 and len(callers) == 4:
                del callers[2]
                await witness.erase(ERASED)

    def cuts(self, count):
        """So many power cuts: (folder, moment) of what each leaves; once only what was synced, once more than that by chance."""
        steps = read_steps(self.log)
        assert sum(step.kind == SYNC for step in steps) > 50, "the recorder saw nothing"
        assert sum(step.kind == LINK for step in steps) == 2, "each file is made once"
        ends = [step.ns for step in steps[1:]] + [self.end]
        created = {number + later for number, step in enumerate(steps) if step.kind == LINK for later in range(CREATION)}
        drawn = {*created, *self.chance.sample(range(len(steps)), min(count, len(steps))), len(steps) - 1}
        disk = Disk(self.state)
        for number, (step, end) in enumerate(zip(steps, ends, strict=True)):
            disk.do(step)
            if number in drawn:
                for luck in (None, random.Random(self.chance.random())):
                    yield disk.cut(self.machine.root / "cut", luck), end

    async def start_on(self, folder):
        """Start the daemon on what a power cut left: every call is answered, and nothing is set aside."""
        copied(folder, self.state)
        with daemon_at(self.machine, str(shift_to(NOW))) as daemon:
            async with self.machine.client() as client:
                await client.questions()
                await client.history()
                await client.push(WHOLE, "delay", "d", 1.0)
            daemon.stop(signal.SIGKILL)
            assert "ERROR" not in daemon.log
        return self.left()


@pytest.mark.timeout(TIMEOUT_S)
async def test_power_cut(machine, tmp_path):
    """A copy of the files as of the last sync, at any moment, is whole and has everything but the samples of the last seconds.

    So it is whatever part of the later writes the disk had taken, in whatever order, torn at its sectors; and a daemon starts on it.
    """
    power_cut = PowerCut(machine, build_recorder(tmp_path), chance())
    await power_cut.live()
    taken, kept, torn = [], [], 0
    for number, (folder, moment) in enumerate(power_cut.cuts(CUTS)):
        left = Left(copied(folder, machine.root / "left"))
        taken.append(power_cut.witness.check(left, moment, ERASED))
        is_torn = bool(left.unsettled - left.names)
        torn += is_torn
        if number % (CUTS * 2 // STARTS) == CUTS // STARTS or (is_torn and torn <= STARTS):
            kept.append((copied(folder, machine.root / f"kept{len(kept)}"), moment))
    for folder, moment in kept:
        left = await power_cut.start_on(folder)
        assert left.is_whole()
        power_cut.witness.check_promises(left, moment)
    acknowledged = len(power_cut.witness.acknowledged)
    counts = {"cuts": len(taken), "torn while made": torn, "started on": len(kept), "calls": acknowledged}
    tell("power cuts", counts | {"most samples taken": max(taken)})
    assert taken[-1] == taken[-2] == 0, "after the pause nothing is missing"
    assert max(taken) > 0, "the disk is that of a power cut"

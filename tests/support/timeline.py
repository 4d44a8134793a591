"""The real daemon in a time that the test moves (`shifted`), with a receiver of its reports on localhost.

Ways of passing time, as a machine has them: `move` jumps (the machine was off or asleep), `run` passes in the daemon's own steps (in use).
"""

import contextlib
import signal
import sqlite3
import subprocess
import time
from datetime import UTC, datetime
from typing import NamedTuple

from support.machine import CONTROL, PATIENCE_S, PROPERTIES, TELEMETRY, until
from support.shifted_time import shift, shifted_as

STEP_S = 600
"""Running time between two looks of the daemon."""
SLACK_S = 2
"""A tick's moment has a part of a second, and the clock is moved by whole ones: without more, a tick would come after its step."""
_WAITS = 2
"""The waits of a tick: it asks for the line and the power, and one without a report waits for a random time."""
_FINISHES_MAX = 40
"""The tries to finish a step. Once the last question has ended nothing is stored: then no try tells that the step is counted."""
_LEAD_S = 200
"""How long before a report's moment the last step towards it ends. The tries to finish that step take a part; with a step, it is no gap."""
HOUR_S, DAY_S = 3600, 86400
_WAITING = "SELECT outcome, slot, started, held FROM report"
APPLICATION, SOURCE, QUESTION = "org.kde.kate", "startup", "startup-time"


def at(text):
    """Unix seconds of a moment such as `2026-10-07 10:00`, UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


class _RunningTime(NamedTuple):
    """What is read of the running hour: when the daemon last counted, and how many ticks the day had."""

    seen: int
    today: int


class Timeline:
    """One machine, its daemon and its receiver; `now` is the daemon's time."""

    def __init__(self, machine, receiver, ca_file):
        self.machine, self.receiver, self.ca_file = machine, receiver, ca_file
        self.clock = machine.root / "clock"
        self._running = contextlib.ExitStack()
        self._offset_s = 0
        self.daemon = None
        self.is_settling = True
        """Whether time stands still while a delivery is under way."""
        self._may_tick = False
        self.name_endpoint(receiver.url())

    @property
    def now(self):
        """The daemon's wall time, Unix seconds."""
        return time.time() + self._offset_s

    def name_endpoint(self, url, extra=""):
        """Write the system's configuration: the endpoint's URL."""
        table = f'[endpoint.kde]\nname = "KDE"\nurl = "{url}"\nca_file = "{self.ca_file}"\n' if url else ""
        self.machine.configure(extra + table)

    def set_clock(self, moment):
        """Move the clock; nobody is told."""
        self._offset_s = moment - int(time.time())
        shift(self.clock, self._offset_s)

    def set_clock_to_next_try(self):
        """Move the clock to the moment drawn anew for a report that was late, on another day: each day has one late report.

        It moves no further. The moment may be in the last days of the second window, after which the report is dropped.
        """
        self.set_clock(max(self.slot(), int(self.now) + DAY_S))

    async def start(self, *, is_suspended=False, prefix=(), wait=True, **environ):
        """Start the daemon; `is_suspended` means that jumps of the clock are no running time. The rest is as for `Machine.daemon`."""
        environ |= shifted_as(self.clock, runs=not is_suspended)

        self.daemon = self._running.enter_context(self.machine.daemon(prefix=prefix, wait=wait, **environ))
        if wait:  # its timers run before the clock moves
            await self.wake()

    def stop(self, number=signal.SIGTERM):
        """End the daemon."""
        self.daemon.stop(number)
        self._running.close()

    async def restart(self, number, **how):
        """End the daemon by a signal and start the next one."""
        self.stop(number)
        await self.start(**how)

    async def move(self, moment):
        """Jump to a moment, and let the daemon do what it then does; never over a delivery, whose timeouts would be over."""
        self._settle()
        self.set_clock(moment)
        self._may_tick = True
        await self.wake()

    async def run(self, seconds):
        """Let running time pass, step by step: after each the daemon waits for the next."""
        for _ in range(-(-seconds // STEP_S)):
            await self._finish_jump()
            await self._step(int(self.now) + STEP_S + SLACK_S)

    async def _finish_jump(self):
        """Let the daemon finish the tick that the last jump may have caused: in a tick it would miss the next step."""
        if self._may_tick:
            for _ in range(_WAITS):
                await self.finish()
        await self.client.get("Version")  # waits for a tick that has begun: its delivery is not to begin while the clock is moved

    async def _step(self, moment, *, is_stored=False):
        """Jump to a moment; wait until the daemon has counted the time to it, and until the tick that it then had, if any, is over.

        Moved on earlier, the daemon would miss the next step, which ends its session. It empties its log at the end of each tick. Running
        time is stored only while a question waits. `is_stored` says that one does; otherwise it is taken for stored if the last step was.
        """
        before = self._running_time()
        await self.move(moment)
        # If a delivery may hang, its timeouts must not pass.
        is_stored = self.is_settling and before is not None and (is_stored or before.seen > moment - 2 * STEP_S)
        log = self.machine.root / "state/telemetryd/telemetry.sqlite-wal"
        had = before.today if before and moment - before.seen < HOUR_S else 0  # a gap begins another day
        for tries in range(1, _FINISHES_MAX):
            await self.finish()
            after = self._running_time()
            is_over = not is_stored or (after.seen >= moment and (after.today == had or not log.stat().st_size))
            if tries >= _WAITS and is_over:
                break
        self._may_tick = False

    def _running_time(self):
        """The running time that is stored, if any."""
        for row in self.rows("SELECT seen, today FROM tick"):
            return _RunningTime(*row)
        return None

    async def finish(self):
        """Let the daemon finish a tick: a call of the user's waits for it. One without a report goes on for up to two seconds more."""
        await self.client.get("Version")
        self._settle()
        self.set_clock(int(self.now) + SLACK_S + 1)
        await self.wake()

    async def wake(self):
        """Calls wake the daemon: at the first it sees that timers are over, by the reply to the second it has begun what is due."""
        for _ in range(2):
            await self.client.call((TELEMETRY[0], TELEMETRY[1], PROPERTIES), "Get", "ss", TELEMETRY[2], "Version")
        self._settle()

    def _settle(self):
        """Wait until no delivery is under way."""
        if self.is_settling:
            until(lambda: not self.rows("SELECT 1 FROM report WHERE outcome = 'queued' AND started > 0"), within_s=PATIENCE_S)

    def rows(self, sql):
        """Rows of the main database, as another process reads them."""
        path = self.machine.root / "state/telemetryd/telemetry.sqlite"
        if not path.exists():
            return []
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()

    async def push(self, value):
        """Push one sample of the start-up time (ms)."""
        await self.client.push(APPLICATION, SOURCE, "d", float(value))

    async def accept(self):
        """Everything on, the question accepted."""
        await self.client.consent(APPLICATION)
        assert (await self.question())[0] == "waiting"

    async def collect(self, value=700):
        """Accepted on Wednesday, one sample in the week that counts: from Monday, 12 October."""
        await self.start()
        await self.accept()
        await self.move(at("2026-10-14 12:00"))
        await self.push(value)
        assert (await self.question())[0] == "active"

    async def queue(self):
        """The same a week on: its report is queued; the row of the history as it is before it is sent."""
        await self.collect()
        await self.move(at("2026-10-19 00:01"))
        (row,) = await self.client.history()
        assert (row["outcome"], (await self.question())[0]) == ("queued", "reporting")
        return row

    async def go_to_slot(self):
        """Go to the moment drawn for the report, or stay if it is there."""
        await self.go_to(self.slot())

    async def go_to(self, slot):
        """Go to the moment drawn for a report, or stay if it is there. The machine is on before that moment comes.

        After a jump to the moment itself, the session would begin with it or a second later. Then the report is late and may wait for days.
        The last jump is short, because a longer one would end the session: the daemon need not run at its end.
        """
        if self.now < slot - _LEAD_S - STEP_S:
            await self._finish_jump()
            await self._step(slot - _LEAD_S - STEP_S, is_stored=True)
            await self.run(STEP_S)
        await self.move(max(slot, int(self.now)))

    def slot(self):
        """The moment drawn for the only report."""
        ((moment,),) = self.rows("SELECT slot FROM report")
        return moment

    async def question(self):
        """(state, cause) of the question."""
        row = (await self.client.questions(APPLICATION))[QUESTION]
        return row["state"], row["cause"]

    async def ledger(self):
        """The ledger's capped sums for life: source, or "" for the host as a whole → (spent, reserved)."""
        rows = (await self.client.call(CONTROL, "Ledger"))[0]
        plain = [{key: variant.value for key, variant in row.items()} for row in rows]
        return {row["source"]: (row["spent"], row["reserved"]) for row in plain if not row["year"] and row["capped"]}

    async def run_until_sent(self, reports=1, *, within_s=3 * HOUR_S):
        """Run until bytes of so many reports may have left; the moment of the last."""
        deadline = self.now + within_s
        while await self._sent_after_ticks() < reports:
            assert self.now < deadline, f"report {reports} was not sent in time: {self.rows(_WAITING)}\n{self.daemon.log}"
            await self.run(STEP_S)
        return int(self.now)

    async def _sent_after_ticks(self):
        """The same once a tick that has begun is over: a delivery that is under way is seen before the clock moves on."""
        await self.client.get("Version")
        self._settle()
        return self.sent()

    def sent(self):
        """Of how many reports bytes may have left."""
        return len(self.rows("SELECT 1 FROM report WHERE started > 0"))

    def bodies(self):
        """What the server got so far, in order."""
        return [bytes(request).partition(b"\r\n\r\n")[2] for request in list(self.receiver.requests.queue)]

    def close(self):
        """End what runs."""
        self._running.close()


NO_MATTER_WHEN = -60
"""The last run was as long *ahead*: a clock that was set back counts for nothing, however long a process takes to start."""


def write_ticks(timeline, ago_s, passed_s, moment_s):
    """Put the running hour into the database while no daemon runs, as the last run left it."""
    seen = int(timeline.now) - ago_s
    with contextlib.closing(sqlite3.connect(timeline.machine.root / "state/telemetryd/telemetry.sqlite")) as connection, connection:
        columns = "id, seen, since, passed_s, moment_s, is_done, late_day"
        connection.execute(f"INSERT OR REPLACE INTO tick ({columns}) VALUES (1, ?, ?, ?, ?, 0, -1)", (seen, seen, passed_s, moment_s))


def tick_soon(timeline):
    """The next run of the timer is to wait a second for its tick."""
    write_ticks(timeline, NO_MATTER_WHEN, passed_s=100, moment_s=101)


@contextlib.contextmanager
def timer(timeline, *, prefix=()):
    """One run of the timer, in the wall time of the test; `sleep` takes as long as it says. `prefix` is a command that runs it."""
    environ = shifted_as(timeline.clock, runs=False)
    command = [*prefix, timeline.machine.python, "-m", "telemetryd", "--tick"]
    with subprocess.Popen(command, env={**timeline.machine.environ, **environ}, cwd=timeline.machine.folder) as process:
        try:
            yield process
        finally:
            process.kill()

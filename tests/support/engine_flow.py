"""The flow without a bus: the real store and the real installed files, under a clock and a server that the test moves.

with Running(tmp_path) as running:
running.install(KATE_2026)
running.endpoint()
await running.consent()
running.to(DURING)
running.push("startup", "d", 700.0)
"""

import asyncio
import contextlib
import json
import random
from datetime import UTC, datetime

from support.machine import Machine
from support.manifests import manifest_texts

from telemetryd.core.permission.obstacle_delay import Moment
from telemetryd.core.sending.schedule import Delivery, Result
from telemetryd.engine.attempts import Sending
from telemetryd.engine.choices.changes import Changes
from telemetryd.engine.choices.decisions import Decisions
from telemetryd.engine.choices.foresight import Foresight
from telemetryd.engine.choices.known_questions import KnownQuestions
from telemetryd.engine.choices.new_questions import NewQuestions
from telemetryd.engine.choices.unwritten_withdrawals import UnwrittenWithdrawals
from telemetryd.engine.declarations.catalogue import Catalogue
from telemetryd.engine.delivery import Deliveries
from telemetryd.engine.durability import Disk, Work
from telemetryd.engine.question_states import Questions
from telemetryd.engine.samples.erasure import Erasure
from telemetryd.engine.samples.monitor import Monitor
from telemetryd.engine.samples.period_close import PeriodClose
from telemetryd.engine.samples.sampling import Sampling
from telemetryd.engine.samples.tallies import RunningTallies
from telemetryd.engine.views.queries import Queries
from telemetryd.problem_log import ProblemLog
from telemetryd.store import open_store
from telemetryd.system.installed import InstalledFiles

APP = "org.kde.kate"
QUESTION = "startup-time"
KEY = (APP, QUESTION)


def at(day, hour=12):
    """Unix seconds of an hour (UTC) of a day given as month.day of 2026."""
    month, number = map(int, day.split("."))
    return int(datetime(2026, month, number, hour, tzinfo=UTC).timestamp())


ACCEPTED, DURING, AFTER = at("11.18"), at("11.25"), at("12.1")
"""A Wednesday, the Wednesday of the first whole week after it (2026-W48), and the Tuesday after that week."""
OPENS, CLOSES, LATE = at("12.7", 0), at("12.7", 0) + 28 * 86400, at("12.7", 0) + 85 * 86400
"""The window of that week's reports, and a day after the second window."""

_YEAR = {"starts": "2026-11-23", "ends": "2026-12-31"}
KATE_2026 = manifest_texts.kate(**_YEAR)
"""Kate's question for some weeks; `SeededChance` draws the first of them."""
TWO = KATE_2026 + KATE_2026[KATE_2026.index("[[question]]") :].replace("startup-time", "startup-pace")
"""Kate's question and a second one about the same source."""
MORE = KATE_2026.replace(APP, "org.kde.dolphin").replace("Kate", "Dolphin")
"""The same question of another application."""
FLEET = "[limits]\nusage = 1\nsystem = 0\nnew_questions = 'refuse'"
"""A fleet's locks, which leave usage at basic and accept no new question."""
FRAMEWORKS = (
    manifest_texts.application("org.kde.frameworks", "Frameworks", "Libraries")
    + """\
kind = "shared"
[[source]]
id = "crash"
type = "count"
description = "Crashes"
combine = "sum"
bins = [1, 5, 50]
[[source]]
id = "dialog"
type = "choice"
description = "File dialog"
values = ["portal", "own"]
[[source]]
id = "programs"
type = "count"
description = "Programs that were used"
combine = "applications"
bins = [1, 2, 3]
"""
    + manifest_texts.question("crashes", "crash", purpose="Do programs crash?", decision="Whether to fix them", **_YEAR)
    + manifest_texts.question("dialogs", "dialog", purpose="Which dialog is used?", decision="Whether to keep the other", **_YEAR)
    + manifest_texts.question(
        *("programs-used", "programs"),
        purpose="How many programs does one person use?",
        decision="Whether they need a common settings page",
        **_YEAR,
    )
)
SHARED = "org.kde.frameworks"
USES = "uses = [" + ", ".join(f'"{SHARED}/{source}"' for source in ("crash", "dialog", "programs")) + "]"


def user_of_shared(application):
    """A manifest of an application that pushes into the shared sources and asks nothing itself."""
    head, _, _ = KATE_2026.partition("[[source]]")
    return head.replace(APP, application) + USES


class HandClock:
    """The port `Clock`, moved by hand: `wall` alone is moved by whoever sets the clock, all of it by time that passes."""

    def __init__(self, now):
        self.wall, self.steady, self.asleep, self.starts = now, 0.0, 0, 1

    def pass_(self, seconds, *, is_asleep=False):
        """Time passes, with the machine running or suspended."""
        self.wall += seconds
        if is_asleep:
            self.asleep += seconds
        else:
            self.steady += seconds

    def reboot(self, seconds=0):
        """The machine is off for so long: the clocks that begin with it begin anew."""
        self.wall += seconds
        self.steady, self.asleep, self.starts = 60.0, 0, self.starts + 1

    def now(self):
        """Wall time."""
        return self.wall

    def monotonic(self):
        """Running time."""
        return self.steady

    def moment(self):
        """All of them."""
        return Moment(self.wall, int(self.steady), int(self.steady) + self.asleep, self.starts)


_TRUTH, _LOT = 389, 1 << 64


class SeededChance:
    """The port `Randomness`, the same in every run."""

    def __init__(self, seed=0):
        self._random = random.Random(seed)

    def below(self, bound):
        """A uniform integer. But lots take part in the first period, and randomised response at ε = 2, whose bounds end so, is true."""
        return 0 if bound % 1000 == _TRUTH or bound == _LOT else self._random.randrange(bound)


class Machinery:
    """The port `SystemFacts` of a machine with 8 GiB."""

    def __init__(self):
        self.values, self.reads = {"memory": 8, "os": "debian", "session_type": "wayland"}, []

    def read(self, name):
        """One fact."""
        self.reads.append(name)
        return self.values.get(name)


class Server:
    """The port `Courier`: answers as told, and can be made to wait."""

    def __init__(self):
        self.answers, self.received, self.is_silent = [], [], False
        self.is_reached, self.may_answer = asyncio.Event(), asyncio.Event()
        self.may_answer.set()

    async def deliver(self, endpoint, body, _definition, *, on_unsent):
        """Take one report. A delivery that is broken off has surely sent nothing if the server `is_silent`."""
        self.received.append((endpoint.url, body))
        self.is_reached.set()
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            if self.is_silent:
                on_unsent()
            raise
        return self.answers.pop(0) if self.answers else Delivery(Result.ACCEPTED, 200)


class Running:
    """The running parts, made anew by `restart`."""

    def __init__(self, root, *, now=ACCEPTED):
        self.machine = Machine(root)
        self.clock, self.chance, self.facts = HandClock(now), SeededChance(), Machinery()
        self.directory = root / "state/telemetryd"
        self.directory.mkdir(parents=True)
        self.store, self.is_sparing = None, False

    def __enter__(self):
        self.restart()
        return self

    def __exit__(self, *_):
        self.store.close()

    def restart(self, *, developer=False):
        """Stop, and start over the same files."""
        if self.store:
            self.sampling.commit()
            self.store.close()
        self.put_together(developer=developer)
        self.now(self.sampling.start_steps())

    def now(self, steps):
        """Take steps at once, waiting for the disk at each point."""
        return self.work.now(steps)

    def put_together(self, *, developer=False):
        """Open the files and make the parts, without starting them."""
        self.server = Server()
        self.store = store = open_store(self.directory, is_developer=developer)
        self.watch = Monitor(is_on=developer)
        self.catalogue = Catalogue(InstalledFiles(self.machine.environ), store.texts, self.clock)
        self.questions = Questions(self.catalogue, store.consents, self.clock, self.chance)
        if store.consent.was_lost:
            store.consents.mark_ledger_lost()
        if store.main.was_lost:
            self.questions.note_data_loss()
        self.tallies = RunningTallies(store.tallies, store.decoys)
        about = {"catalogue": self.catalogue, "questions": self.questions, "reports": store.reports, "clock": self.clock}
        self.closing = PeriodClose(**about, tallies=self.tallies, rng=self.chance)
        self.lowered, self.sending = UnwrittenWithdrawals(), Sending()
        self.erasure = Erasure(**about, tallies=self.tallies, consents=store.consents, abort=self.sending.abort)
        self.disk = Disk(lambda _: store)
        self.work = Work(asyncio.Lock(), self.disk)
        self.owed, self.news = [], []
        self._put_together_flow(about, KnownQuestions(self.catalogue, store.consents, self.tallies, store.reports))

    def _put_together_flow(self, about, known):
        store, in_files = self.store, {name: about[name] for name in ("catalogue", "questions", "clock")}
        self.sampling = Sampling(
            **in_files,
            tallies=self.tallies,
            period_close=self.closing,
            erasure=self.erasure,
            facts=self.facts,
            monitor=self.watch,
            on_decision_owed=lambda: self.owed.append("news"),
            on_new_day=lambda: self.owed.append("day"),
            on_news=lambda: self.news.append(self.clock.now()),
        )
        changes = Changes(self.catalogue, store.consents, self.questions, known=known, clock=self.clock)
        self.foresight = Foresight(**about, consents=store.consents, tallies=self.tallies, changes=changes)
        decide = {"sampling": self.sampling, "erasure": self.erasure, "run": self.run}
        parts = {name: about[name] for name in ("catalogue", "questions")}
        self.choices = Decisions(
            **parts, **decide, consents=store.consents, files=store, changes=changes, foresight=self.foresight, lowered=self.lowered
        )
        self.new_questions = NewQuestions(**parts, consents=store.consents, files=store, changes=changes)
        self.ticker = Deliveries(
            **about,
            **decide,
            choices=self.choices,
            new_questions=self.new_questions,
            courier=self.server,
            rng=self.chance,
            sending=self.sending,
            may_act=lambda: True,
            has_time=lambda: True,
            is_sparing=self._is_sparing,
            troubles=ProblemLog(),
        )
        self.views = Queries(**about, consents=store.consents, period_close=self.closing, known=known, foresight=self.foresight)

    async def _is_sparing(self):
        return self.is_sparing

    async def run(self, steps):
        """Take steps; tests have no loop to spare for a thread."""
        return self.now(steps)

    def decide(self):
        """Decide anew; whether anything was erased."""
        return self.now(self.sampling.decide_steps())

    def look(self):
        """What a look at the files does; whether there was any news."""
        return self.now(self.sampling.reload_steps())

    def install(self, text=KATE_2026, **options):
        """Install a manifest, reviewed if not said otherwise, and look at it."""
        declaration = self.machine.install(text, **options)
        self.look()
        return declaration

    def configure(self, text, **options):
        """Write a configuration file and look at it."""
        self.machine.configure(text, **options)
        self.look()

    def endpoint(self, url="https://telemetry.kde.org/v1", rest=""):
        """Configure the vendor's endpoint."""
        self.configure(f'{rest}\n[endpoint.kde]\nname = "KDE"\nurl = "{url}"\n')

    async def consent(self, *applications):
        """Turn both axes on and accept every question of the applications."""
        for axis in ("system", "usage"):
            await self.choices.set_level(axis, 2)
        for application in applications or (APP,):
            await self.choices.accept(application, self.digests(application))

    def digests(self, application=APP):
        """Question → digest, as shown now, of those that are asked."""
        rows = self.views.questions(application)
        return {row["id"]: row["digest"] for row in rows if self.catalogue.definition((application, row["id"]))}

    def to(self, moment):
        """Go to a moment, with the machine running all the time, and look; a moment that is over is one to which the clock is set back."""
        self.clock.steady += max(moment - self.clock.wall, 0)
        self.clock.wall = moment
        self.decide()

    def push(self, source, code, value, application=APP):
        """Push one sample and commit it."""
        self.sampling.push(application, source, code, value)
        self.sampling.commit()

    def state(self, key=KEY):
        """The state of a question that the user sees."""
        (row,) = (row for row in self.views.questions(key[0]) if row["id"] == key[1])
        return row["state"]

    def record(self, key=KEY):
        """What is remembered of a question."""
        return self.store.consents.records[key]

    def reason(self, key=KEY):
        """The reason of that state."""
        return self.questions.step(self.catalogue.definition(key)).reason

    def files(self):
        """Every file of the state directory with its bytes, the log folded in."""
        self.store.purge()
        return {path.name: path.read_bytes() for path in sorted(self.directory.iterdir()) if not path.name.endswith("-shm")}

    def bodies(self):
        """The queued reports' answers, question → labels."""
        return {row.question: answer_in(row.body) for row in self.store.reports.queue()}

    def broken_consents(self):
        """The consent file does."""
        return self.broken_disk(self.store.consent)

    @contextlib.contextmanager
    def unreadable_reports(self):
        """The main file has lost its queue, so that it cannot be read."""
        connection = self.store.main._connection
        connection.execute("ALTER TABLE report RENAME TO lost")
        try:
            yield
        finally:
            connection.execute("ALTER TABLE lost RENAME TO report")

    @contextlib.contextmanager
    def broken_disk(self, database=None):
        """The main file refuses every write, as a full disk does."""
        connection = (database or self.store.main)._connection
        connection.execute("PRAGMA query_only = ON")
        try:
            yield
        finally:
            connection.execute("PRAGMA query_only = OFF")


@contextlib.contextmanager
def installed(root, text=KATE_2026):
    """The running parts with one manifest and its vendor's endpoint; nothing is decided."""
    with Running(root) as running:
        running.install(text)
        running.endpoint()
        yield running


@contextlib.asynccontextmanager
async def collecting(root):
    """Kate is accepted on a Wednesday, and its week has begun with one sample."""
    with installed(root) as running:
        await running.consent()
        running.to(DURING)
        running.push("startup", "d", 700.0)
        yield running


def answer_in(body):
    """The labels of a report's body."""
    return json.loads(body)["answer"]

"""Random walks over everything that can shut a question, with the real core and real files, beside a model that knows what really was.

Files come, go, change and break, clocks are set, the machine sleeps and is started anew, levels go down and up. What is final must have a
cause that really was there, for as long as it has to last by both clocks. Policy: C1, M4.
"""

import asyncio
import shutil
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.campaign import IS_CAMPAIGN
from support.engine_flow import ACCEPTED, AFTER, APP, DURING, KATE_2026, KEY, QUESTION, Running

from telemetryd.core.causes import Cause
from telemetryd.core.permission.record import Outcome
from telemetryd.errors import TelemetrydError
from telemetryd.toml import manifest

REGISTERED = "org.example.registered"
REGISTERED_KEY = (REGISTERED, QUESTION)
TEXTS = {
    "first": KATE_2026,
    "second": KATE_2026.replace("Is start-up too slow?", "Is start-up slow?"),
    "dropped": KATE_2026.replace(QUESTION, "startup-pace"),
}
BY_ITSELF = KATE_2026.replace(APP, REGISTERED)
BROKEN = "= broken"
HOST, ELSEWHERE = "telemetry.kde.org", "elsewhere.example"
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
DELAYS = {
    **dict.fromkeys(("unreadable/configuration", "unreadable/manifest", "reviews/stop", "reviews/review"), (DAY_S, HOUR_S)),
    **dict.fromkeys(("gone/removed", "gone/not_asked", Cause.UNREVIEWED), (10 * MINUTE_S, 10 * MINUTE_S)),
    "gone/unregistered": (HOUR_S, HOUR_S),
}
"""How long each must have lasted, by the wall clock and in running time."""
DECIDED_OF_WHAT_IS_DECLARED = {Cause.NOT_DRAWN, Cause.TOO_LATE}
UNCOUNTED_S = 10 * MINUTE_S
"""Running time that a count may miss at each start of the machine."""
MEMORY = next((path for path in (Path("/dev/shm"),) if path.is_dir()), None)
"""Thousands of durable commits would only measure the disk."""


class Truth:
    """How long each cause has really been there: true time, and true running time, since the look that found it."""

    def __init__(self):
        self.time = self.ran = self.starts = 0
        self._since = {}

    def look(self, key, causes):
        """The causes that are there at a look."""
        kept = self._since.get(key, {})
        self._since[key] = {cause: kept.get(cause, (self.time, self.ran, self.starts)) for cause in causes}

    def restart(self):
        """The clock was set: every count may begin anew."""
        self._since = {key: dict.fromkeys(causes, (self.time, self.ran, self.starts)) for key, causes in self._since.items()}

    def may_be_over(self, key, cause):
        """Whether a cause has lasted as long as it must."""
        wall_s, running_s = DELAYS[cause]
        time, ran, _ = self._since[key].get(cause, (self.time, self.ran, 0))
        return self.time - time >= wall_s and self.ran - ran >= running_s

    def must_be_over(self, key, cause):
        """Whether every count, even one that missed what it may, says so."""
        _, running_s = DELAYS[cause]
        _, ran, starts = self._since[key][cause]
        return self.may_be_over(key, cause) and self.ran - ran - UNCOUNTED_S * (self.starts - starts) >= running_s


class Walk:
    """A user with Kate installed and another application that registers itself, both accepted; what is done is looked at."""

    def __init__(self, root):
        self.running = Running(root)
        self.truth = Truth()
        self.manifest, self.configuration, self.reviews = "first", "right", "right"
        self.usage, self.own, self.refused = 2, 3, False
        self.accepted = set()
        self.ended = {KEY: set(), REGISTERED_KEY: set()}
        """Every cause that was final at some look."""
        self.is_shut = dict.fromkeys(self.ended, False)
        """Whether something was final at the last look."""
        self.share = self.running.machine.root / "share/telemetryd"
        self.share.mkdir(parents=True, exist_ok=True)

    async def begin(self, until=ACCEPTED):
        """Both questions accepted on a Wednesday, and then a moment of their lives; in their week they get a sample."""
        self.running.restart()
        self.write_configuration("right")
        self.running.machine.review(BY_ITSELF)
        self.write_manifest("first")
        self.write_reviews("right")
        self.running.look()
        self.running.sampling.register(REGISTERED, BY_ITSELF)
        self.month_end = month_end(ACCEPTED)
        await self.running.consent(APP, REGISTERED)
        self.accepted.add("first")
        for moment in (time for time in (DURING, AFTER) if time <= until):
            self.pass_time(self.running.clock.pass_, moment - self.running.clock.wall)
            self.running.decide()
            self.push()

    # What happens.

    async def happens(self, name, argument):
        """One event, and the look after it."""
        records, kept = dict(self.running.store.consents.records), self.kept()
        is_time = name in {"run", "sleep", "off", "jump"}
        result = getattr(self, name)(argument)
        if asyncio.iscoroutine(result):
            await result
        self.running.decide() if is_time and argument % 2 else self.running.look()
        for key in self.ended:
            self.truth.look(key, () if self.final(key) else self.pausing(key))
            self.check(key, records[key], kept[key])
            self.ended[key] |= self.final(key) | {cause for cause in self.pausing(key) if self.truth.may_be_over(key, cause)}
            self.is_shut[key] = bool(self.final(key)) or any(self.truth.must_be_over(key, cause) for cause in self.pausing(key))
        before = self.kept()
        self.push()
        self.check_collected(before)

    def pass_time(self, how, seconds, **options):
        """True time."""
        how(seconds, **options)
        self.truth.time += seconds

    def run(self, seconds):
        """The machine is used."""
        self.pass_time(self.running.clock.pass_, seconds)
        self.truth.ran += seconds

    def sleep(self, seconds):
        """It is suspended."""
        self.pass_time(self.running.clock.pass_, seconds, is_asleep=True)

    def off(self, seconds):
        """It is switched off soon after a run of the timer, and started anew; a start takes a minute."""
        self.running.decide()
        self.pass_time(self.running.clock.reboot, seconds + MINUTE_S)
        self.truth.ran += MINUTE_S
        self.truth.starts += 1
        self.running.restart()

    def jump(self, seconds):
        """The clock is set."""
        self.running.clock.wall += seconds
        self.truth.restart()

    def mended(self, seconds):
        """Time passes, and before anything looks again all files are right."""
        self.run(seconds)
        for write, which in ((self.write_configuration, "right"), (self.write_manifest, "first"), (self.write_reviews, "right")):
            write(which)

    def restart(self, _):
        """Another process."""
        self.running.restart()

    def write_manifest(self, which):
        """Kate's package brings a manifest and its review, or takes the manifest away."""
        path = self.share / f"manifests/{APP}.toml"
        self.manifest = which
        if which == "gone":
            path.unlink(missing_ok=True)
        else:
            replace(path, TEXTS.get(which, BROKEN))
        if which in {"first", "second"}:
            self.reviewed = TEXTS[which]
            self.write_reviews(self.reviews)

    def write_reviews(self, which):
        """Reviews are there, or Kate's are missing, or another file of them is broken (and Kate's there or missing)."""
        self.reviews = which
        for path in self.share.glob(f"reviews.d/{APP}-*.toml"):
            path.unlink()
        (self.share / "reviews.d/other.toml").unlink(missing_ok=True)
        if "missing" not in which:
            self.running.machine.review(self.reviewed)
        if "broken" in which:
            replace(self.share / "reviews.d/other.toml", BROKEN)

    def write_configuration(self, which):
        """The configuration is right, broken, off, names another host, or is broken and names another host beside."""
        self.configuration = which
        folder = self.running.machine.root / "etc/telemetryd"
        host = ELSEWHERE if which in {"elsewhere", "torn"} else HOST
        switch = "enabled = false\n" if which == "off" else ""
        text = f'{switch}[endpoint.kde]\nname = "KDE"\nurl = "https://{host}/v1"\n'
        replace(folder / "telemetryd.toml", BROKEN if which == "broken" else text)
        (folder / "telemetryd.toml.d").mkdir(exist_ok=True)
        (folder / "telemetryd.toml.d/50.toml").unlink(missing_ok=True)
        if which == "torn":
            replace(folder / "telemetryd.toml.d/50.toml", BROKEN)

    async def set_usage(self, level):
        """The user's level for usage."""
        self.usage = level
        await self.running.choices.set_level("usage", level)

    async def set_own(self, level):
        """The level for Kate alone."""
        with suppress(TelemetrydError):
            await self.running.choices.set_application(APP, 3, level)
            self.own = level

    async def set_refused(self, is_refused):
        """Kate's question is refused, or not any more."""
        with suppress(TelemetrydError):
            await self.running.choices.set_question(*KEY, is_allowed=not is_refused)
            self.refused = is_refused

    async def accept(self, _):
        """Kate's question is accepted as it is shown now."""
        with suppress(TelemetrydError, KeyError):
            await self.running.choices.accept(APP, {QUESTION: self.running.digests()[QUESTION]})
            self.accepted.add(self.manifest)
            self.refused = False

    def register(self, _):
        """The other application registers again."""
        self.running.sampling.register(REGISTERED, BY_ITSELF)
        self.month_end = max(self.month_end, month_end(self.running.clock.wall))

    def push(self):
        """A sample for each."""
        for application in (APP, REGISTERED):
            with suppress(TelemetrydError):
                self.running.push("startup", "d", 700.0, application=application)

    # What is really so.

    @property
    def is_declared(self):
        """Whether Kate's manifest is there and asks the question."""
        return self.manifest in {"first", "second"}

    def final(self, key):
        """The causes that end a question at once, where they apply; a report is not concerned by what is declared meanwhile."""
        causes = set()
        if self.configuration == "off":
            causes.add(Cause.KILL_SWITCH)
        if not self.usage:
            causes.add(Cause.LEVEL)
        if key == KEY and not self.own:
            causes.add(Cause.APPLICATION_LEVEL)
        if key == KEY and self.refused:
            causes.add(Cause.REFUSED)
        is_report = self.running.record(key).outcome is Outcome.REPORTING
        if key == KEY and self.is_declared and self.manifest not in self.accepted and not is_report:
            causes.add(Cause.CHANGED)
        return causes

    def pausing(self, key):
        """The causes that pause it."""
        causes = {"unreadable/configuration"} if self.configuration in {"broken", "torn"} else set()
        if "broken" in self.reviews:
            causes.add("reviews/stop")
        if key == REGISTERED_KEY:
            is_old = self.running.clock.wall > self.month_end + 90 * DAY_S
            return causes | ({"gone/unregistered"} if is_old else set())
        causes |= {cause for state, cause in ABSENT.items() if state == self.manifest}
        if self.is_declared and "missing" in self.reviews:
            causes.add("reviews/review" if "broken" in self.reviews else Cause.UNREVIEWED)
        return causes

    def kept(self):
        """Question → (samples, reports)."""
        tallies, queue = self.running.store.tallies.all(), self.running.store.reports.queue()
        return {key: (sum(sum(row.cells) for row in tallies if row.key == key), sum(row.key == key for row in queue)) for key in self.ended}

    # What must hold.

    def check(self, key, before, kept):
        """One question after a look: nothing is lost without a cause, and what has a cause is."""
        after = self.running.record(key)
        is_open = after.outcome in {Outcome.OPEN, Outcome.REPORTING}
        if before.outcome not in {Outcome.OPEN, Outcome.REPORTING}:
            assert after == before
            return
        samples, reports = self.kept()[key]
        if not is_open:
            assert (samples, reports) == (0, 0)
            self.check_cause(key, before, after)
        elif after.outcome is before.outcome and (samples, reports) < kept:
            assert self.final(key) or any(self.truth.may_be_over(key, cause) for cause in self.pausing(key))
        if is_open and (before.outcome is Outcome.REPORTING or 0 < before.begins <= self.running.clock.wall):
            self.check_duty(key, before)

    def check_cause(self, key, before, after):
        """What ended a question is, or was, really there, and has lasted; and nothing was decided of what is not there."""
        reason = after.reason.kind
        was_shut = before.cause and not before.is_paused and before.reason.kind == reason
        if was_shut and reason not in self.final(key) | self.pausing(key):
            assert reason in self.ended[key]
        elif reason in DELAYS:
            assert reason in self.pausing(key)
            assert self.truth.may_be_over(key, reason)
        elif reason == Cause.ENDPOINT_CHANGED:
            assert (before.outcome, self.configuration) == (Outcome.REPORTING, "elsewhere")
        elif reason == Cause.CHANGED or reason in DECIDED_OF_WHAT_IS_DECLARED:
            assert key == KEY
            assert self.is_declared
            assert reason != Cause.CHANGED or before.digest != manifest.parse(TEXTS[self.manifest]).definitions[0].digest
        else:
            assert reason in self.final(key)

    def check_duty(self, key, before):
        """A period or report does not outlive what ends it, and none begins that was shut when it was looked at last."""
        is_report = before.outcome is Outcome.REPORTING
        pausing = self.pausing(key) - ({Cause.UNREVIEWED, "reviews/review"} if is_report else set())
        assert not self.final(key)
        assert not [cause for cause in pausing if self.truth.must_be_over(key, cause)]
        assert is_report or not self.is_shut[key]

    def check_collected(self, before):
        """A sample is kept only where nothing shuts the question."""
        for key, kept in self.kept().items():
            if kept > before[key]:
                assert self.final(key) | self.pausing(key) == set()

    def close(self):
        """Close the files."""
        self.running.store.close()


ABSENT = {"gone": "gone/removed", "broken": "unreadable/manifest", "dropped": "gone/not_asked"}


def replace(path, text):
    """Another file takes the place of this one, as packages do it."""
    following = path.with_suffix(".new")
    following.write_text(text)
    following.replace(path)


def month_end(moment):
    """The end of the month of a moment, Unix seconds."""
    day = datetime.fromtimestamp(moment, UTC)
    return int(datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC).timestamp())


SECONDS = st.sampled_from([1, 299, 300, 599, 600, 601, 1800, 3599, 3600, 7201, 12 * HOUR_S, DAY_S - 1, DAY_S, 2 * DAY_S + 1])
JUMPS = st.sampled_from([120, HOUR_S, DAY_S, 2 * DAY_S + 1, 130 * DAY_S])
TIME = st.one_of(
    st.tuples(st.just("run"), SECONDS),
    st.tuples(st.just("run"), SECONDS),
    st.tuples(st.sampled_from(["sleep", "off", "mended"]), SECONDS),
    st.tuples(st.just("jump"), JUMPS | JUMPS.map(lambda one: -one)),
    st.just(("restart", 0)),
)
FILES = st.one_of(
    st.tuples(st.just("write_manifest"), st.sampled_from(["first", "first", "second", "gone", "broken", "dropped"])),
    st.tuples(st.just("write_configuration"), st.sampled_from(["right", "right", "broken", "torn", "elsewhere", "off"])),
    st.tuples(st.just("write_reviews"), st.sampled_from(["right", "right", "missing", "broken", "missing and broken"])),
)
USER = st.one_of(
    st.tuples(st.just("set_usage"), st.sampled_from([0, 2, 2])),
    st.tuples(st.just("set_own"), st.sampled_from([0, 3, 3])),
    st.tuples(st.just("set_refused"), st.booleans()),
    st.sampled_from([("accept", None), ("register", None)]),
)
EVENTS = st.lists(st.one_of(TIME, TIME, TIME, FILES, FILES, USER), min_size=3, max_size=25)
WALKS = settings(max_examples=5000 if IS_CAMPAIGN else 60)


def outcomes(events, begin):
    """Walk from a moment on, on files of its own; what was remembered of the questions before each event, and at the end."""
    root = Path(tempfile.mkdtemp(prefix="telemetryd-", dir=MEMORY))
    try:
        return asyncio.run(_walked(Walk(root), events, begin))
    finally:
        shutil.rmtree(root)


async def _walked(walk, events, begin):
    walks = []
    try:
        await walk.begin(begin)
        for name, argument in events:
            walks.append({walk.running.record(key).outcome for key in walk.ended})
            await walk.happens(name, argument)
        return [*walks, {walk.running.record(key).outcome for key in walk.ended}]
    finally:
        walk.close()


@pytest.mark.timeout(3600 if IS_CAMPAIGN else 600)
@WALKS
@given(EVENTS, st.sampled_from([ACCEPTED, DURING, AFTER]))
@example([("write_manifest", "second"), ("run", 5 * DAY_S), ("write_manifest", "gone"), ("write_manifest", "second")], ACCEPTED)
@example([("write_manifest", "broken"), ("jump", 2 * DAY_S + 1), ("run", 1800), ("write_manifest", "first")], DURING)
@example([("write_configuration", "broken"), ("run", DAY_S - 1), ("write_manifest", "gone"), ("run", 1)], DURING)
@example([("write_configuration", "broken"), ("run", 1800), ("run", 1201), ("off", DAY_S), ("run", 1200)], DURING)
@example([("write_configuration", "off"), ("mended", 5 * DAY_S)], ACCEPTED)
@example([("write_manifest", "broken"), ("write_reviews", "missing"), ("run", 601)], DURING)
@example([("write_configuration", "torn"), ("run", 601), ("write_configuration", "right")], AFTER)
@example([("run", DAY_S), ("write_configuration", "torn"), ("run", 2 * DAY_S), ("jump", 120), ("run", 2 * DAY_S)], ACCEPTED)
def test_random_walks(events, begin):
    """Whatever comes in whatever order: what ends a question is really there, lasts as long as it must, and has its name in the reason."""
    outcomes(events, begin)


@pytest.mark.parametrize(
    ("events", "begin"),
    [
        ([("write_manifest", "gone"), ("run", 600)], DURING),
        ([("write_manifest", "broken"), ("sleep", DAY_S), ("run", HOUR_S)], DURING),
        ([("write_configuration", "broken"), ("off", DAY_S), ("run", HOUR_S)], AFTER),
        ([("jump", 130 * DAY_S), ("run", HOUR_S)], DURING),
    ],
)
def test_walks_come_to_an_end(events, begin):
    """The walks are not idle: in these something ends, with the last event and not before."""
    *before, last = outcomes(events, begin)
    assert set.union(*before) <= {Outcome.OPEN, Outcome.REPORTING}
    assert last & {Outcome.PASSED, Outcome.ANSWERED}

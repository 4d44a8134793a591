"""States that are remembered, and what is judged by the definition that was consented to."""

import sqlite3
from contextlib import closing

import pytest
from support.engine_flow import ACCEPTED, AFTER, APP, DURING, FRAMEWORKS, KATE_2026, KEY, SHARED, at, collecting, user_of_shared

from telemetryd.core.causes import Cause, because
from telemetryd.core.permission.lifecycle import State
from telemetryd.core.permission.record import Outcome, Record

SYSTEM_QUESTION = KATE_2026.replace('category = "usage"', 'category = "system"')
MANIFEST = f"share/telemetryd/manifests/{APP}.toml"
DAY_S = 86400


@pytest.fixture
async def running(tmp_path):
    """Kate is accepted on a Wednesday, and its week has begun with one sample."""
    async with collecting(tmp_path) as running:
        yield running


def tallies(running):
    """The rows of tallies on disk."""
    return len(running.store.tallies.all())


def remove(running):
    """The manifest's file goes."""
    (running.machine.root / MANIFEST).unlink()
    running.look()


def spoil(running):
    """The manifest's file cannot be read any more."""
    (running.machine.root / MANIFEST).write_text("schema = 2")
    running.look()


async def test_an_evaluation_writes_as_much(running):
    """While a question is open, an evaluation that changes no record writes as one that does; afterwards there is nothing to write."""
    path = next(running.machine.root.rglob("consent.sqlite"))
    with closing(sqlite3.connect(path)) as other:

        def is_written():
            ((before,),) = other.execute("PRAGMA data_version")
            record = running.questions.record(KEY)
            running.questions.evaluate(running.clock.moment())
            ((after,),) = other.execute("PRAGMA data_version")
            assert running.questions.record(KEY) == record
            return before != after

        assert is_written()
        await running.choices.set_question(*KEY, is_allowed=False)
        assert not is_written()


async def test_collecting(running):
    """Nothing shuts it: active, with one tally."""
    assert running.state() == State.ACTIVE
    assert tallies(running) == 1
    assert running.questions.in_state(Outcome.OPEN) == [KEY]


@pytest.mark.parametrize(("break_it", "grace_s", "cause"), [(remove, 600, "gone/removed"), (spoil, DAY_S, "unreadable/manifest")])
async def test_manifest_gone(running, break_it, grace_s, cause):
    """The tally stays while the manifest may come back, and goes with its grace."""
    break_it(running)
    assert tallies(running) == 1
    running.to(DURING + grace_s - 1)
    assert tallies(running) == 1
    running.to(DURING + grace_s)
    assert tallies(running) == 0
    assert (running.record().outcome, running.record().cause) == (Outcome.PASSED, cause.partition("/")[0])


@pytest.mark.parametrize(("break_it", "grace_s"), [(remove, 600), (spoil, DAY_S)])
@pytest.mark.parametrize("is_restarted", [False, True])
async def test_an_absence_that_the_clock_or_a_suspend_makes_long(running, break_it, grace_s, is_restarted):
    """Neither a clock that is set forth nor a night of suspend loses what was collected: it goes once the machine ran for long enough."""
    break_it(running)
    for pass_time in (jump, sleep, off):
        pass_time(running, 3 * DAY_S)
        if is_restarted:
            running.restart()
        running.decide()
        assert tallies(running) == 1
    running.to(running.clock.wall + max(grace_s, 3600))
    assert tallies(running) == 0


def jump(running, seconds):
    """The clock is set."""
    running.clock.wall += seconds


def sleep(running, seconds):
    """The machine is suspended."""
    running.clock.pass_(seconds, is_asleep=True)


def off(running, seconds):
    """It is switched off."""
    running.clock.reboot(seconds)


async def test_short_runs_add_up(running):
    """Daemons that live for seconds count together: each adds its part to the hour that the machine has to run."""
    spoil(running)
    running.clock.pass_(DAY_S, is_asleep=True)
    for minutes in range(1, 61):
        running.clock.pass_(60)
        running.restart()
        assert tallies(running) == (1 if minutes < 60 else 0)


@pytest.mark.parametrize("look", ["reload", "restart", "refresh"])
async def test_any_look_decides(running, look):
    """What is gone for ten minutes is decided by whatever looks next, not only by a tick."""
    remove(running)
    running.clock.pass_(599)
    assert not running.look()
    running.clock.pass_(1)
    {"reload": running.look, "restart": running.restart, "refresh": running.decide}[look]()
    assert tallies(running) == 0
    assert not running.look()


@pytest.mark.parametrize("break_it", [remove, spoil])
async def test_manifest_back(running, break_it):
    """If it comes back in time, the tally goes on."""
    break_it(running)
    running.clock.pass_(300)
    running.install()
    running.push("startup", "d", 700.0)
    assert [list(row.cells) for row in running.store.tallies.all()] == [[0, 2, 0]]


@pytest.mark.parametrize("break_it", [remove, spoil])
async def test_withdrawal_while_the_manifest_is_gone(running, break_it):
    """A withdrawal takes effect at once although nobody declares the question just now."""
    break_it(running)
    await running.choices.set_level("usage", 0)
    assert tallies(running) == 0
    assert running.record().cause == Cause.LEVEL


async def test_kill_switch_while_the_manifest_is_gone(running):
    """A kill switch too."""
    remove(running)
    running.configure("enabled = false")
    assert tallies(running) == 0


async def test_question_no_longer_asked(running):
    """A manifest without the question is as good as none; as long as it pauses it is known as it was consented to."""
    digest = running.catalogue.definition(KEY).digest
    other = KATE_2026.replace("startup-time", "startup-pace")
    running.install(other)
    assert tallies(running) == 1
    assert (running.questions.step_of(KEY).state, running.questions.definition(KEY).digest) == (State.ACTIVE, digest)
    running.to(DURING + 600)
    assert running.record().cause == Cause.GONE


async def test_report_is_judged_by_what_was_consented_to(running):
    """The report of a usage question goes with Usage, also if the manifest made it a system question since."""
    running.to(AFTER)
    running.install(SYSTEM_QUESTION, date="2026-12-01")
    running.to(AFTER + DAY_S)
    assert running.state() == State.REPORTING
    assert len(running.store.reports.queue()) == 1
    await running.choices.set_level("usage", 0)
    assert running.store.reports.queue() == []
    assert (running.record().outcome, running.record().cause) == (Outcome.ANSWERED, Cause.LEVEL)


async def test_report_does_not_mind_what_was_not_consented_to(running):
    """The report of a usage question stays when System goes, whatever the new definition needs."""
    running.to(AFTER)
    running.install(SYSTEM_QUESTION, date="2026-12-01")
    await running.choices.set_level("system", 0)
    assert len(running.store.reports.queue()) == 1


async def test_report_after_the_manifest_is_gone(running):
    """A report waits ten minutes for its manifest, then it goes too."""
    running.to(AFTER)
    remove(running)
    assert len(running.store.reports.queue()) == 1
    running.to(AFTER + 600)
    assert running.store.reports.queue() == []


@pytest.mark.parametrize("text", ["", "schema = 2", KATE_2026.replace("Is start-up too slow?", "Another?")])
async def test_nobody_knows_what_was_consented_to(running, text):
    """Without the manifest and without a readable accepted text nothing is kept, once the manifest is gone or a level is lowered."""
    with running.store.consent.change() as connection:
        connection.execute("UPDATE shown SET manifest = ?", (text,))
    remove(running)
    assert running.questions.definition(KEY) is None
    assert (running.questions.step_of(KEY).state, tallies(running)) == (State.ACTIVE, 1)
    await running.choices.set_level("system", 1)
    assert (running.record().cause, tallies(running)) == (Cause.LEVEL, 0)


async def test_withdrawn_while_the_clock_is_set_back(running):
    """What was collected goes although the clock says that the period has not begun."""
    running.to(ACCEPTED)
    assert running.state() == State.WAITING
    assert tallies(running) == 1
    await running.choices.set_level("usage", 0)
    assert tallies(running) == 0


async def test_changed_while_the_clock_is_set_back(running):
    """The tally of the old definition is never continued under the new one."""
    running.to(ACCEPTED)
    running.install(KATE_2026.replace("[500, 2000]", "[500]"), date="2026-11-18")
    assert tallies(running) == 0
    await running.choices.accept(APP, running.digests())
    running.to(DURING)
    running.push("startup", "d", 700.0)
    assert [list(row.cells) for row in running.store.tallies.all()] == [[0, 1]]


async def test_between_two_accepted_definitions(running):
    """Back to an older accepted definition of the same week: passed, nothing is mixed."""
    running.to(ACCEPTED)
    running.install(KATE_2026.replace("[500, 2000]", "[500]"), date="2026-11-18")
    await running.choices.accept(APP, running.digests())
    running.to(DURING)
    running.push("startup", "d", 700.0)
    running.install(date="2026-11-25")
    assert running.state() == State.PASSED
    assert tallies(running) == 0


async def test_erased(running):
    """Erase passes what runs and says so."""
    await running.choices.erase("")
    assert (running.record().outcome, running.record().cause) == (Outcome.PASSED, "erased")
    assert tallies(running) == 0


async def test_pending_and_a_manifest_that_is_away(running):
    """A changed question whose period began while it was pending stays pending, whatever looks while its manifest is away or unreadable."""
    running.to(ACCEPTED)
    changed = KATE_2026.replace("Is start-up too slow?", "Is start-up slow?").replace("2026-11-23", "2026-12-07")
    running.install(changed, date="2026-11-18")
    running.to(DURING)
    assert running.state() == State.PENDING
    before = running.record()
    for break_it in (remove, spoil):
        break_it(running)
        running.to(running.clock.wall + 2 * DAY_S)
        assert (running.record(), running.questions.step_of(KEY).state) == (before, State.PENDING)
        running.install(changed, date="2026-11-18")
        assert running.state() == State.PENDING
    await running.choices.accept(APP, running.digests())
    assert running.state() == State.WAITING


async def test_held_while_the_manifest_is_away(running):
    """What is held for an answer stays held while the manifest is away for a moment: nobody else's question takes the room."""
    before = running.store.consents.ledger[KEY]
    remove(running)
    assert running.store.consents.ledger[KEY] == before


async def test_a_question_that_is_dropped_while_its_report_waits(running):
    """It is known as it was consented to, and says why it pauses, until it is gone for good; then its state stays."""
    running.to(AFTER)
    digest = running.catalogue.definition(KEY).digest
    running.install(KATE_2026.replace("startup-time", "startup-pace"))
    step = running.questions.step_of(KEY)
    assert (step.state, step.reason) == (State.REPORTING, because(Cause.GONE, how="not_asked", application=APP))
    assert running.questions.definition(KEY).digest == digest
    running.to(AFTER + 600)
    assert (running.questions.step_of(KEY).state, running.questions.step_of(KEY).reason) == (State.ANSWERED, step.reason)
    assert running.store.reports.queue() == []


async def test_main_database_lost(running):
    """A damaged main database passes what runs; consent stays."""
    running.sampling.commit()
    running.store.close()
    (running.directory / "telemetry.sqlite").write_bytes(b"damaged" * 1000)
    running.put_together()
    running.now(running.sampling.start_steps())
    assert (running.record().outcome, running.record().cause) == (Outcome.PASSED, "damaged")
    assert running.store.consents.levels.usage == 2


async def test_developer_mode_begins(running):
    """Developer mode shuts what runs and erases it."""
    running.now(running.sampling.shut_steps(Cause.DEVELOPER))
    assert running.record().cause == Cause.DEVELOPER
    assert tallies(running) == 0


async def test_unknown_question_has_an_empty_record(running):
    """Of what was not decided nothing is remembered, nor by remembering the same again."""
    assert running.questions.record(("org.kde.kate", "other")) == Record()
    running.questions.remember(("org.kde.kate", "other"), Record())
    assert set(running.store.consents.records) == {KEY}


async def test_shared_question_of_a_missing_manifest(running):
    """A pusher withdraws its part of a shared question although the shared manifest cannot be read just now."""
    running.to(ACCEPTED)
    running.install(FRAMEWORKS)
    running.install(user_of_shared("org.kde.dolphin"))
    await running.consent(SHARED)
    running.to(at("11.26"))
    running.push("org.kde.frameworks/crash", "u", 3, application="org.kde.dolphin")
    (running.machine.root / f"share/telemetryd/manifests/{SHARED}.toml").write_text("broken")
    running.look()
    assert tallies(running) == 2
    await running.choices.set_application("org.kde.dolphin", 3, 0)
    assert {row.pusher for row in running.store.tallies.all()} == {APP}


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize(("break_it", "runs_s"), [("gone", 600), ("unreadable", 3600)])
async def test_shared_part_of_a_missing_manifest(running, break_it, runs_s, is_restarted):
    """What an application pushed into a shared question goes once its manifest is missing for long enough, whatever process looks."""
    running.to(ACCEPTED)
    running.install(FRAMEWORKS)
    running.install(user_of_shared("org.kde.dolphin"))
    await running.consent(SHARED)
    running.to(at("11.24"))
    running.push("org.kde.frameworks/crash", "u", 3, application="org.kde.dolphin")
    path = running.machine.root / "share/telemetryd/manifests/org.kde.dolphin.toml"
    path.write_text("broken") if break_it == "unreadable" else path.unlink()
    look = running.restart if is_restarted else running.look
    look()
    for pass_time in (jump, sleep):
        pass_time(running, DAY_S)
        look()
        assert "org.kde.dolphin" in {row.pusher for row in running.store.tallies.all()}
    for _ in range(2):
        assert "org.kde.dolphin" in {row.pusher for row in running.store.tallies.all()}
        running.clock.pass_(runs_s // 2)
        look()
    assert "org.kde.dolphin" not in {row.pusher for row in running.store.tallies.all()}
    running.decide()
    assert running.store.tallies.missing() == ""


async def test_shared_parts_while_the_configuration_cannot_be_read(running):
    """While everything pauses no part is counted for missing: it has its whole delay afterwards."""
    running.to(ACCEPTED)
    running.install(FRAMEWORKS)
    running.install(user_of_shared("org.kde.dolphin"))
    await running.consent(SHARED)
    running.to(at("11.24"))
    running.push("org.kde.frameworks/crash", "u", 3, application="org.kde.dolphin")
    (running.machine.root / "share/telemetryd/manifests/org.kde.dolphin.toml").unlink()
    running.look()
    assert "org.kde.dolphin" in running.store.tallies.missing()
    with running.broken_disk():  # what cannot be written is known as long as the process lives
        running.tallies.note_missing("1 2 3 4;x 1 1")
    assert running.tallies.missing == "1 2 3 4;x 1 1" != running.store.tallies.missing()
    running.configure("= broken")
    assert running.store.tallies.missing() == ""
    running.clock.pass_(3600)
    running.endpoint()
    assert "org.kde.dolphin" in {row.pusher for row in running.store.tallies.all()}
    running.clock.pass_(600)
    running.look()
    assert "org.kde.dolphin" not in {row.pusher for row in running.store.tallies.all()}

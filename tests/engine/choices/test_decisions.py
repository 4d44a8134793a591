"""The user's acts: who wins, what is refused, and that withdrawing erases before the reply."""

import asyncio
import contextlib
import sqlite3

import pytest
from support.engine_flow import (
    ACCEPTED,
    AFTER,
    APP,
    DURING,
    FLEET,
    FRAMEWORKS,
    KATE_2026,
    KEY,
    MORE,
    QUESTION,
    SHARED,
    TWO,
    installed,
    user_of_shared,
)

from telemetryd.core.causes import Cause
from telemetryd.core.permission.gate import ApplicationLevels
from telemetryd.core.permission.lifecycle import State
from telemetryd.core.permission.user_change import UserChange
from telemetryd.errors import (
    AccessDeniedError,
    ChangedError,
    InvalidArgumentsError,
    StorageError,
    TelemetrydError,
    UnknownApplicationError,
    UnknownQuestionError,
)


@pytest.fixture
def running(tmp_path):
    """Kate is installed, nothing is decided."""
    with installed(tmp_path) as running:
        yield running


async def collecting(running):
    """Accepted, and one sample in its week."""
    await running.consent()
    running.to(DURING)
    running.push("startup", "d", 700.0)
    assert running.store.tallies.all()


@pytest.mark.parametrize("level", [-1, 3, 7])
@pytest.mark.parametrize("name", ["system", "usage", "new_questions"])
async def test_levels_out_of_range(running, name, level):
    """A level is 0, 1 or 2; anything else changes nothing."""
    with pytest.raises(InvalidArgumentsError):
        await running.choices.set_level(name, level)
    assert running.files() == {}


async def test_levels(running):
    """Each level is kept by itself, over a restart."""
    await running.choices.set_level("system", 1)
    await running.choices.set_level("usage", 2)
    await running.choices.set_level("new_questions", 0)
    running.restart()
    assert running.store.consents.levels == (1, 2, 0)


async def test_the_same_level_writes_nothing(running):
    """Setting what is set leaves no file."""
    await running.choices.set_level("usage", 0)
    await running.choices.set_application(APP, 3, 3)
    await running.choices.set_question(*KEY, is_allowed=True)
    assert running.files() == {}


async def test_locks(running):
    """Above a lock is AccessDenied, below is not, and what was stored before may stay."""
    await running.choices.set_level("system", 2)
    running.configure(FLEET)
    for name, level in (("usage", 2), ("system", 1), ("new_questions", 2)):
        with pytest.raises(AccessDeniedError, match=name):
            await running.choices.set_level(name, level)
    await running.choices.set_level("usage", 1)
    await running.choices.set_level("system", 2)
    with pytest.raises(AccessDeniedError):
        await running.choices.set_application(APP, 3, 2)
    await running.choices.set_application(APP, 3, 1)
    assert running.store.consents.applications[APP] == ApplicationLevels(3, 1)


async def test_application_levels(running):
    """An application's levels are 0 to 3 and only for one that is declared."""
    with pytest.raises(InvalidArgumentsError):
        await running.choices.set_application(APP, 3, 4)
    with pytest.raises(UnknownApplicationError):
        await running.choices.set_application("org.kde.dolphin", 3, 3)
    await running.choices.set_application(APP, 1, 2)
    running.restart()
    assert running.store.consents.applications[APP] == ApplicationLevels(1, 2)


@pytest.mark.parametrize(
    ("withdraw", "cause"),
    [
        (lambda choices: choices.set_level("usage", 0), Cause.LEVEL),
        (lambda choices: choices.set_application(APP, 3, 0), Cause.APPLICATION_LEVEL),
        (lambda choices: choices.set_question(*KEY, is_allowed=False), Cause.REFUSED),
        (lambda choices: choices.erase(APP), "erased"),
        (lambda choices: choices.erase(""), "erased"),
    ],
)
@pytest.mark.parametrize("moment", [DURING, AFTER])
async def test_withdrawal_erases_before_the_reply(running, withdraw, cause, moment):
    """At whatever level: with the reply nothing collected is left in any file, tally or report."""
    await collecting(running)
    running.to(moment)
    await withdraw(running.choices)
    assert running.store.tallies.all() == []
    assert running.store.reports.queue() == []
    assert running.store.consents.records[KEY].cause == cause
    left = b"".join(path.read_bytes() for path in running.directory.iterdir() if path.name.startswith("telemetry"))
    assert b"500..2000" not in left
    assert running.now(running.erasure.finish_steps())


async def test_consent_comes_first(running):
    """If the erasure fails, the withdrawal is on disk already, nothing is sent, and the next look erases."""
    await collecting(running)
    running.to(AFTER)
    with running.broken_disk(), pytest.raises(StorageError):
        await running.choices.set_level("usage", 0)
    assert running.store.consents.levels.usage == 0
    (row,) = running.store.reports.queue()
    await running.ticker.send(row)
    assert running.server.received == []
    running.decide()
    assert running.store.reports.queue() == []


async def test_report_whose_erasure_failed(running):
    """A report that the user erased and the disk kept is not sent, and the next look erases it."""
    await collecting(running)
    running.to(AFTER)
    with running.broken_disk(), pytest.raises(StorageError):
        await running.choices.erase("")
    (row,) = running.store.reports.queue()
    await running.ticker.send(row)
    assert running.server.received == []
    running.decide()
    assert running.store.reports.queue() == []


async def test_tally_whose_erasure_failed(running):
    """The same for a tally: erased at the next look."""
    await collecting(running)
    with running.broken_disk(), pytest.raises(StorageError):
        await running.choices.set_level("usage", 0)
    assert running.store.tallies.all()
    running.decide()
    assert running.store.tallies.all() == []


async def test_reply_waits_for_another_reader(running):
    """While another connection reads, erased text may be on disk: the reply waits until it is not."""
    await collecting(running)
    with contextlib.closing(sqlite3.connect(running.store.main.path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM tally").fetchall()
        reply = asyncio.ensure_future(running.choices.set_level("usage", 0))
        done, _ = await asyncio.wait([reply], timeout=0.2)
        assert not done
        assert not running.now(running.erasure.finish_steps())
        assert running.store.tallies.all() == []
    await reply
    assert running.now(running.erasure.finish_steps())


async def test_accept(running):
    """Accepting takes the digest that was shown, and only for what is asked."""
    shown = running.digests()
    with pytest.raises(UnknownApplicationError):
        await running.choices.accept("org.kde.dolphin", shown)
    with pytest.raises(UnknownQuestionError):
        await running.choices.accept(APP, {"other": "sha256:0"})
    with pytest.raises(ChangedError):
        await running.choices.accept(APP, {QUESTION: "sha256:0"})
    assert running.files() == {}
    await running.choices.accept(APP, shown)
    assert running.state() == State.WAITING


async def test_stale_digest_accepts_nothing(running):
    """One stale digest among several: none is accepted."""
    running.install(TWO, date="2026-11-18")
    shown = running.digests()
    with pytest.raises(ChangedError):
        await running.choices.accept(APP, {**shown, "startup-pace": "sha256:0"})
    assert running.store.consents.decisions == {}
    await running.choices.accept(APP, shown)
    assert len(running.store.consents.decisions) == 2


async def test_accept_ends_a_refusal(running):
    """A refusal is not final: accepting ends it."""
    await running.choices.set_level("usage", 1)
    await running.choices.set_question(*KEY, is_allowed=False)
    assert running.state() == State.REFUSED
    await running.choices.set_question(*KEY, is_allowed=True)
    assert running.state() == State.PENDING
    await running.choices.set_question(*KEY, is_allowed=False)
    await running.choices.accept(APP, running.digests())
    assert running.state() == State.WAITING


async def test_accept_what_is_over(running):
    """What is answered, passed or not reviewed cannot be accepted."""
    await collecting(running)
    await running.choices.erase("")
    with pytest.raises(InvalidArgumentsError, match="passed"):
        await running.choices.accept(APP, running.digests())
    running.install(MORE, reviewed=False)
    with pytest.raises(InvalidArgumentsError, match="unreviewed"):
        await running.choices.accept("org.kde.dolphin", running.digests("org.kde.dolphin"))


async def test_erase_unknown(running):
    """Erasing for an application that is not declared is an error."""
    with pytest.raises(UnknownApplicationError):
        await running.choices.erase("org.kde.dolphin")


@pytest.mark.parametrize("act", ["erase", "forget"])
async def test_samples_of_other_questions_count_meanwhile(running, act):
    """While an application is erased or forgotten, a sample for another one counts, and one for that application does not come back."""
    running.machine.review(MORE)
    running.look()
    running.sampling.register(FORGOTTEN, MORE)
    await running.consent(APP, FORGOTTEN)
    running.to(DURING)
    steps = running.sampling.forget_steps(FORGOTTEN, [ASKED]) if act == "forget" else running.sampling.erase_steps([ASKED])
    for _ in steps:
        for application in (APP, FORGOTTEN):
            running.push("startup", "d", 700.0, application)
    running.decide()
    assert {tally.key: sum(tally.cells) for tally in running.store.tallies.all()} == {KEY: 1}


async def test_erase_takes_the_history_along(running):
    """Erase removes the application's history, and of others nothing."""
    running.install(MORE)
    await running.consent(APP, "org.kde.dolphin")
    running.to(AFTER)
    assert len(running.store.reports.history(0, 10)) == 2
    await running.choices.erase(APP)
    assert [row.application for row in running.store.reports.history(0, 10)] == ["org.kde.dolphin"]


async def test_several_parts_in_one_act(running):
    """Levels, acceptances and refusals of two applications are one change, and one decision follows."""
    running.install(MORE)
    running.install(TWO, date="2026-11-18")
    other = ("org.kde.dolphin", QUESTION)
    digests = {KEY: running.digests()[QUESTION], other: running.digests(other[0])[QUESTION]}
    change = UserChange(
        levels={"usage": 2}, application=other[0], axes={"usage": 0}, accept=digests, refuse=frozenset([(APP, "startup-pace")])
    )
    done = await running.choices.apply(change, "")
    concerned = sorted([*digests, (APP, "startup-pace")])
    assert done == (concerned, sorted(digests), {other: Cause.APPLICATION_LEVEL})
    running.restart()
    assert [running.state(key) for key in (KEY, (APP, "startup-pace"), other)] == ["waiting", "refused", "waiting"]
    assert running.store.consents.levels.usage == 2


async def test_a_change_with_an_impossible_part_is_not_done(running):
    """All or nothing: a lock, a stale digest or an unknown name leaves everything as it was."""
    running.configure("[limits]\nsystem = 0")
    accept = {KEY: running.digests()[QUESTION]}
    for change in (
        UserChange(levels={"usage": 1, "system": 1}, accept=accept),
        UserChange(levels={"usage": 1}, accept={**accept, (APP, "moon"): "sha256:0"}),
        UserChange(levels={"usage": 1}, accept={KEY: "sha256:0"}),
        UserChange(levels={"usage": 1}, accept=accept, refuse=frozenset([KEY])),
        UserChange(levels={"usage": 1}, erase="org.kde.nobody"),
    ):
        with pytest.raises(TelemetrydError):
            await running.choices.apply(change, "")
    assert running.files() == {}


async def test_what_is_taken_back_holds_without_the_disk(running):
    """If the disk does not take a change that gives and takes, only what it takes holds, says so, and is written later."""
    await collecting(running)
    change = UserChange(levels={"usage": 0, "new_questions": 2}, application=APP, axes={"system": 0, "usage": 2})
    with running.broken_consents(), pytest.raises(StorageError, match="only what it takes back was done: it holds from now on"):
        await running.choices.apply(change, "")
    assert (running.store.consents.levels, running.store.consents.applications) == ((2, 0, 1), {APP: (0, 3)})
    assert running.store.tallies.all() == []
    running.decide()
    running.restart()
    assert (running.store.consents.levels, running.store.consents.applications) == ((2, 0, 1), {APP: (0, 3)})
    assert running.record().cause == Cause.LEVEL


async def test_nothing_is_given_without_the_disk(running):
    """If the disk does not take a change that only gives, nothing of it holds."""
    change = UserChange(levels={"usage": 2}, accept={KEY: running.digests()[QUESTION]})
    await running.choices.set_level("system", 1)
    with running.broken_consents(), pytest.raises(StorageError) as refused:
        await running.choices.apply(change, "")
    assert "holds" not in str(refused.value)
    assert (running.store.consents.levels, running.store.consents.decisions) == ((1, 0, 1), {})
    running.restart()
    assert (running.store.consents.levels, running.store.consents.decisions) == ((1, 0, 1), {})


async def test_a_withdrawal_does_not_need_what_is_foreseen(running):
    """If a file cannot be read, nothing can be foreseen; what takes back is done all the same, and nothing else."""
    await collecting(running)
    change = UserChange(levels={"usage": 0, "new_questions": 2})
    (*_, looked) = running.views.foresee(change)
    with running.unreadable_reports(), pytest.raises(StorageError):
        await running.choices.apply(change, looked.digest)
    assert running.store.consents.levels == (2, 0, 1)
    with running.unreadable_reports(), pytest.raises(StorageError):
        await running.choices.apply(UserChange(levels={"new_questions": 2}), "")
    assert running.store.consents.levels == (2, 0, 1)


FORGOTTEN = "org.kde.dolphin"
ASKED = (FORGOTTEN, QUESTION)


async def registered(running):
    """Dolphin registered itself, its question is accepted and has a sample in its week; the user gave it levels of its own."""
    running.machine.review(MORE)
    running.look()
    running.sampling.register(FORGOTTEN, MORE)
    await running.consent(FORGOTTEN)
    await running.choices.set_application(FORGOTTEN, 2, 1)
    running.to(DURING)
    running.push("startup", "d", 700.0, FORGOTTEN)
    assert running.store.tallies.all()


@pytest.mark.parametrize(("moment", "outcome"), [(DURING, "passed"), (AFTER, "answered")])
async def test_forget(running, moment, outcome):
    """Forgetting withdraws before the reply, drops text, levels and acceptances, and keeps what protects: final state, lot and charge."""
    await registered(running)
    running.to(moment)
    lots, charges = running.store.consents.lots, {key for key, charge in running.store.consents.ledger.items() if charge.is_charged}
    await running.choices.forget(FORGOTTEN)
    running.restart()
    consents = running.store.consents
    assert (running.store.tallies.all(), running.store.reports.queue(), running.store.texts.months()) == ([], [], {})
    assert (consents.applications, consents.decisions, consents.lots) == ({}, {}, lots)
    assert (consents.records[ASKED].outcome, consents.records[ASKED].cause) == (outcome, "forgotten")
    assert {key for key, charge in consents.ledger.items() if charge.is_charged} == charges
    assert charges == ({ASKED} if outcome == "answered" else set())
    left = b"".join(running.files().values())
    assert b"Is start-up too slow?" not in left
    assert b"500..2000" not in left
    with pytest.raises(UnknownApplicationError):
        running.push("startup", "d", 700.0, FORGOTTEN)
    running.sampling.register(FORGOTTEN, MORE)
    assert running.state(ASKED) == outcome


async def test_forget_before_the_period(running):
    """A question whose period has not begun is as if never asked: pending at the next registration, with the lot that it drew."""
    running.machine.review(MORE)
    running.look()
    running.sampling.register(FORGOTTEN, MORE)
    await running.consent(FORGOTTEN)
    lots = running.store.consents.lots
    assert (running.state(ASKED), set(running.store.consents.ledger)) == ("waiting", set())
    await running.choices.forget(FORGOTTEN)
    assert (running.store.consents.records, running.store.consents.ledger, running.store.consents.lots) == ({}, {}, lots)
    running.sampling.register(FORGOTTEN, MORE)
    assert running.state(ASKED) == "pending"


async def test_forget_keeps_a_refusal(running):
    """What the user refused stays refused."""
    running.machine.review(MORE)
    running.look()
    running.sampling.register(FORGOTTEN, MORE)
    await running.choices.set_question(*ASKED, is_allowed=False)
    await running.choices.forget(FORGOTTEN)
    assert running.store.consents.decisions[ASKED].refused
    running.sampling.register(FORGOTTEN, MORE)
    assert running.state(ASKED) == "refused"


async def test_forget_one_of_which_nothing_was_decided(running):
    """Only its text goes, and no consent file is made for it; a second time, nothing is known of it."""
    running.sampling.register(FORGOTTEN, MORE)
    await running.choices.forget(FORGOTTEN)
    assert running.store.texts.months() == {}
    assert not (running.directory / "consent.sqlite").exists()
    with pytest.raises(UnknownApplicationError):
        await running.choices.forget(FORGOTTEN)


async def test_forget_an_installed_one(running):
    """An installed application declares itself again at the next look: it cannot be forgotten, and nothing changes."""
    await collecting(running)
    with pytest.raises(InvalidArgumentsError, match="installed"):
        await running.choices.forget(APP)
    assert running.state() == "active"


async def test_forget_what_was_pushed_into_shared_questions(tmp_path):
    """Its own part of a shared question goes with the application, and the others' parts stay."""
    with installed(tmp_path, FRAMEWORKS) as running:
        running.install(user_of_shared("org.kde.okular"))
        running.sampling.register(FORGOTTEN, user_of_shared(FORGOTTEN))
        await running.consent(SHARED)
        running.to(DURING)
        for application in ("org.kde.okular", FORGOTTEN):
            running.push(f"{SHARED}/crash", "i", 1, application)
        await running.choices.forget(FORGOTTEN)
        assert {tally.pusher for tally in running.store.tallies.all()} == {"org.kde.okular"}


async def test_old_definition_asks_nothing(running):
    """An accepted definition that comes back before its week asks nothing again."""
    await running.consent()
    running.install(KATE_2026.replace("[500, 2000]", "[500]"), date="2026-11-18")
    assert running.state() == State.PENDING
    running.clock.wall = ACCEPTED + 3600
    running.install(date="2026-11-19")
    assert running.state() == State.WAITING

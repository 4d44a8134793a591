"""What a change would do: words of it for a user's typical acts, and a draft that behaves as the file does."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.engine_flow import (
    ACCEPTED,
    AFTER,
    APP,
    DURING,
    FRAMEWORKS,
    KATE_2026,
    KEY,
    QUESTION,
    SHARED,
    Running,
    collecting,
    installed,
    user_of_shared,
)

from telemetryd.core.causes import Cause
from telemetryd.core.permission.gate import ApplicationLevels, Levels
from telemetryd.core.permission.record import Outcome, Record
from telemetryd.core.permission.user_change import UserChange
from telemetryd.core.privacy.ledger import Charge
from telemetryd.core.privacy.sampling_lot import Lot
from telemetryd.engine.choices.draft_consents import DraftConsents
from telemetryd.errors import (
    AccessDeniedError,
    ChangedError,
    InvalidArgumentsError,
    UnknownApplicationError,
    UnknownQuestionError,
)
from telemetryd.store import open_store

OFF = UserChange(levels={"usage": 0})
MEMORY = next((path for path in (Path("/dev/shm"),) if path.is_dir()), None)


def foreseen(running, change):
    """(what ends, what resumes, what is refused), each as (question, cause, what is erased)."""
    *_, looked = running.views.foresee(change)
    parts = (looked.ends, looked.resumes, looked.refused)
    return tuple([(item.key[1], item.reason.cause, *item.erases) for item in part] for part in parts)


async def test_a_level_that_is_lowered(tmp_path):
    """In its week a question ends for good and what was measured is erased; before its week it closes, and can be opened again."""
    with installed(tmp_path) as running:
        await running.consent()
        assert foreseen(running, OFF) == ([], [], [(QUESTION, Cause.LEVEL)])
        running.to(DURING)
        assert foreseen(running, OFF) == ([(QUESTION, Cause.LEVEL)], [], [])
        running.push("startup", "d", 700.0)
        assert foreseen(running, OFF) == ([(QUESTION, Cause.LEVEL, "tally")], [], [])
        running.to(AFTER)
        assert foreseen(running, OFF) == ([(QUESTION, Cause.LEVEL, "report")], [], [])
        assert running.state() == "reporting"


async def test_a_level_that_is_raised(tmp_path):
    """It says what resumes, on which day that was accepted and when it is measured; and what stays shut, and why."""
    with installed(tmp_path) as running:
        await running.consent()
        await running.choices.set_level("usage", 0)
        *_, looked = running.views.foresee(UserChange(levels={"usage": 1}))
        (item,) = looked.resumes
        record = running.record()
        assert (item.key, item.accepted_at, item.room) == (KEY, ACCEPTED, "yes")
        assert (item.period_begins, item.period_ends, item.purpose) == (record.begins, record.closes, "Is start-up too slow?")
        await running.choices.set_application(APP, 3, 0)
        assert foreseen(running, UserChange(levels={"usage": 1})) == ([], [], [(QUESTION, Cause.APPLICATION_LEVEL)])
        assert foreseen(running, UserChange(levels={"usage": 1}, application=APP, axes={"usage": 3})) == ([], [(QUESTION, Cause.NONE)], [])
        assert foreseen(running, UserChange(levels={"system": 0})) == ([], [], [])


async def test_an_acceptance(tmp_path):
    """It starts what nothing shuts, without a period before the draw; under a level that is too low it stays shut."""
    with installed(tmp_path) as running:
        accept = {KEY: running.digests()[QUESTION]}
        assert foreseen(running, UserChange(accept=accept)) == ([], [], [(QUESTION, Cause.LEVEL)])
        *_, looked = running.views.foresee(UserChange(accept=accept, levels={"usage": 2}))
        (item,) = looked.resumes
        assert (item.accepted_at, item.period_begins, item.room, item.reason.cause) == (0, 0, "", "")
        assert running.store.consents.lots == {}
        assert running.files() == {}


async def test_an_acceptance_that_comes_too_late(tmp_path):
    """Where the period that was drawn has begun, a yes only ends the question: that is said before."""
    with installed(tmp_path) as running:
        await running.consent()
        running.install(KATE_2026.replace("Is start-up too slow?", "Is start-up slow?"), date="2026-11-18")
        running.to(DURING)
        accept = {KEY: running.digests()[QUESTION]}
        assert foreseen(running, UserChange(accept=accept)) == ([(QUESTION, Cause.TOO_LATE)], [], [])


@pytest.mark.parametrize("erase", ["", APP])
async def test_an_erasure(tmp_path, erase):
    """What was measured is erased, and its question ends; what has not begun stays as it is."""
    with installed(tmp_path) as running:
        await running.consent()
        assert foreseen(running, UserChange(erase=erase)) == ([], [], [])
    async with collecting(tmp_path / "collecting") as running:
        assert foreseen(running, UserChange(erase=erase)) == ([(QUESTION, Cause.ERASED, "tally")], [], [])
        running.install(KATE_2026.replace(APP, "org.kde.dolphin"))
        assert foreseen(running, UserChange(erase="org.kde.dolphin")) == ([], [], [])


async def test_forgetting(tmp_path):
    """What runs ends, and what waits loses its acceptance."""
    with installed(tmp_path) as running:
        running.machine.review(KATE_2026.replace(APP, "org.kde.dolphin"))
        running.look()
        running.sampling.register("org.kde.dolphin", KATE_2026.replace(APP, "org.kde.dolphin"))
        await running.consent("org.kde.dolphin")
        forget = UserChange(forget="org.kde.dolphin")
        assert foreseen(running, forget) == ([], [], [(QUESTION, Cause.FORGOTTEN)])
        running.to(DURING)
        running.push("startup", "d", 700.0, "org.kde.dolphin")
        assert foreseen(running, forget) == ([(QUESTION, Cause.FORGOTTEN, "tally")], [], [])


async def test_a_part_of_a_shared_question(tmp_path):
    """An application's own level concerns its part of shared questions: what it pushed is erased, and what it pushes counts again."""
    okular = "org.kde.okular"
    with installed(tmp_path, FRAMEWORKS) as running:
        running.install(user_of_shared(okular))
        await running.consent(SHARED)
        running.to(DURING)
        running.push(f"{SHARED}/crash", "i", 1, okular)
        off, on = (UserChange(application=okular, axes={"usage": level}) for level in (0, 3))
        *_, looked = running.views.foresee(off)
        assert {(item.key[1], item.pusher, item.erases, item.closes) for item in looked.refused} == {
            ("crashes", okular, ("tally",), True),
            ("dialogs", okular, (), True),
            ("programs-used", okular, (), True),
        }
        assert {item.reason.cause for item in looked.refused} == {Cause.APPLICATION_LEVEL}
        assert foreseen(running, on) == ([], [], [])
        await running.choices.apply(off, looked.digest)
        *_, looked = running.views.foresee(on)
        assert {(item.key[1], item.pusher) for item in looked.resumes} == {(one, okular) for one in ("crashes", "dialogs", "programs-used")}
        assert (looked.ends, looked.refused) == ((), ())


async def test_a_question_without_room(tmp_path):
    """What resumes and finds no room in the budget says so."""
    with installed(tmp_path) as running:
        await running.consent()
        await running.choices.set_question(*KEY, is_allowed=False)
        running.endpoint(rest="budget_year = 0.0\n")
        *_, looked = running.views.foresee(UserChange(allow=frozenset([KEY])))
        (item,) = looked.resumes
        assert (item.room, item.reason.cause) == ("year", Cause.NO_ROOM)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (UserChange(levels={"usage": 2}), AccessDeniedError),
        (UserChange(levels={"usage": 7}), InvalidArgumentsError),
        (UserChange(application=APP, axes={"usage": 2}), AccessDeniedError),
        (UserChange(application="org.kde.nobody", axes={"usage": 0}), UnknownApplicationError),
        (UserChange(accept={KEY: "sha256:0"}), ChangedError),
        (UserChange(accept={(APP, "moon"): "sha256:0"}), UnknownQuestionError),
        (UserChange(refuse=frozenset([(APP, "moon")])), UnknownQuestionError),
        (UserChange(erase="org.kde.nobody"), UnknownApplicationError),
        (UserChange(forget=""), UnknownApplicationError),
        (UserChange(forget=APP), InvalidArgumentsError),
    ],
)
async def test_what_cannot_be_done_cannot_be_foreseen(tmp_path, change, error):
    """Foreseeing fails as doing does, and doing changes nothing, even beside parts that are possible."""
    with installed(tmp_path) as running:
        running.configure("[limits]\nusage = 1\n")
        change = change._replace(levels={"system": 1, **change.levels})
        with pytest.raises(error):
            foreseen(running, change)
        with pytest.raises(error):
            await running.choices.apply(change, "")
        assert running.files() == {}


async def test_another_outcome_than_was_foreseen(tmp_path):
    """If something else would follow by now, nothing is done; what is the same is done, also later."""
    async with collecting(tmp_path) as running:
        *_, looked = running.views.foresee(OFF)
        running.to(AFTER)
        files = running.files()
        with pytest.raises(ChangedError, match="nothing was changed"):
            await running.choices.apply(OFF, looked.digest)
        assert running.files() == files
        *_, looked = running.views.foresee(OFF)
        running.clock.pass_(60)
        done = await running.choices.apply(OFF, looked.digest)
        assert (done.concerned, done.accepted, done.closed) == ([KEY], [], {})
        assert running.state() == "answered"


async def test_a_digest_names_the_change(tmp_path):
    """Two changes from which the same follows have two digests: one cannot be done in place of the other."""
    with installed(tmp_path) as running:
        changes = [
            UserChange(),
            UserChange(levels={"system": 1}),
            UserChange(levels={"system": 2}),
            UserChange(levels={"usage": 1}),
            UserChange(application=APP, axes={"usage": 1}),
            UserChange(refuse=frozenset([KEY])),
            UserChange(allow=frozenset([KEY])),
            UserChange(erase=""),
            UserChange(erase=APP),
        ]
        digests = {list(running.views.foresee(change))[-1].digest for change in changes}
        assert len(digests) == len(changes)


async def test_developer_mode(tmp_path):
    """In developer mode a period runs at once, and closing a question erases what was measured; it can be opened again at any time."""
    with Running(tmp_path) as running:
        running.machine.develop()
        running.restart(developer=True)
        running.install(reviewed=False)
        accept = UserChange(accept={KEY: running.digests()[QUESTION]}, levels={"usage": 1})
        assert foreseen(running, accept) == ([], [(QUESTION, Cause.NONE)], [])
        await running.choices.apply(accept, "")
        running.push("startup", "d", 700.0)
        *_, looked = running.views.foresee(OFF)
        (item,) = looked.refused
        assert (item.reason.cause, item.erases, item.closes, looked.ends) == (Cause.LEVEL, ("tally",), True, ())
        await running.choices.apply(OFF, looked.digest)
        assert running.store.tallies.all() == []
        assert foreseen(running, UserChange(levels={"usage": 1})) == ([], [(QUESTION, Cause.NONE)], [])


KEYS = st.tuples(st.sampled_from(["a.b", "c.d"]), st.sampled_from(["one", "two"]))
LEVEL = st.integers(0, 2)
RECORDS = st.sampled_from(Outcome).map(Record)
CHARGES = st.builds(Charge, st.just("host"), st.just(2026), st.just(20), st.just(("a.b/one",)), st.booleans())
ACTS = st.one_of(
    st.tuples(st.just("set_levels"), st.builds(Levels, LEVEL, LEVEL, LEVEL)),
    st.tuples(st.just("set_application"), st.sampled_from(["a.b", "c.d"]), st.builds(ApplicationLevels, LEVEL, LEVEL)),
    st.tuples(
        st.just("accept"), st.lists(st.tuples(KEYS, st.sampled_from(["x", "y"]), st.just("text")), unique_by=lambda row: row[0]), LEVEL
    ),
    st.tuples(st.just("refuse"), KEYS, st.booleans()),
    st.tuples(st.just("forget"), st.sampled_from(["a.b", "c.d"]), st.just({})),
    st.tuples(st.just("set_records"), st.dictionaries(KEYS, RECORDS, max_size=2)),
    st.tuples(st.just("keep_lots"), st.dictionaries(KEYS, st.builds(Lot, LEVEL, LEVEL, LEVEL), max_size=2)),
    st.tuples(st.just("settle"), st.just({}), st.dictionaries(KEYS, st.none() | CHARGES, max_size=2)),
)


def act(consents, name, *arguments):
    """One change of choices or records."""
    if name == "refuse":
        key, is_refused = arguments
        consents.refuse(key, is_refused=is_refused)
    else:
        getattr(consents, name)(*arguments)


def held(consents):
    """Everything that is in memory."""
    names = ("levels", "applications", "decisions", "records", "lots", "ledger", "is_spent", "is_owed")
    return {name: getattr(consents, name) for name in names}


async def drafted(acts):
    """Do the second half of the acts to the file and to a draft."""
    middle = len(acts) // 2
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        store = open_store(Path(folder), is_developer=False)
        try:
            for one in acts[:middle]:
                act(store.consents, *one)
            first, draft = held(store.consents), DraftConsents(store.consents)
            for one in acts[middle:]:
                act(draft, *one)
            assert held(store.consents) == first
            for one in acts[middle:]:
                act(store.consents, *one)
            assert held(store.consents) == held(draft)
        finally:
            store.close()


@settings(max_examples=60)
@given(st.lists(ACTS, max_size=16))
def test_a_draft_is_as_the_file(acts):
    """Whatever is done to a draft gives what it gives in the file, and leaves the file as it is."""
    asyncio.run(drafted(acts))

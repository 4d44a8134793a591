"""What follows from a registration is decided later: a call tells nobody what was decided. Policy: C3."""

import pytest
from support.engine_flow import AFTER, APP, DURING, KATE_2026, KEY, Running, at

from telemetryd.core.permission.lifecycle import State
from telemetryd.core.permission.record import Outcome
from telemetryd.errors import InvalidValueError, UnknownSourceError

OTHER = KATE_2026.replace("Is start-up too slow?", "Is start-up much too slow?")
SECOND = KATE_2026[KATE_2026.index("[[source]]") :].replace("startup", "closing")
BOTH = KATE_2026 + SECOND
OTHER_BOTH = OTHER + SECOND


@pytest.fixture
async def running(tmp_path):
    """Kate registered itself; its two questions are accepted, and their week runs."""
    with Running(tmp_path) as running:
        for text in (BOTH, OTHER_BOTH):
            running.machine.review(text, date="2026-01-01" if text is BOTH else "2025-01-01")
        running.endpoint()
        running.sampling.register(APP, BOTH)
        running.look()
        await running.consent()
        running.to(DURING)
        running.push("startup", "d", 700.0)
        running.owed.clear()
        yield running


def kept(running):
    """Question → the samples that are kept of it."""
    return {row.key[1]: sum(row.cells) for row in running.store.tallies.all()}


async def test_registering_decides_nothing(running):
    """A text that is news is kept and answered; choices, lives, ledger and tallies stay as they were until the decision. Policy: C3."""
    consents = running.store.consents
    before = (consents.records, consents.decisions, consents.ledger, kept(running))
    digest = running.sampling.register(APP, OTHER_BOTH)
    assert running.owed == ["news"]
    assert running.sampling.register(APP, "") == digest
    assert (consents.records, consents.decisions, consents.ledger, kept(running)) == before
    assert running.store.texts.get(APP) == OTHER_BOTH
    assert running.look()
    assert running.record().outcome == State.PASSED
    assert running.record().cause == "changed"


async def test_until_then_the_changed_question_is_a_decoy(running):
    """Samples of a changed question are not kept, those of the others are, as acknowledged; both are checked against the new text."""
    running.sampling.register(APP, OTHER_BOTH)
    running.push("startup", "d", 700.0)
    running.push("closing", "d", 700.0)
    assert kept(running) == {"startup-time": 1, "closing-time": 1}
    with pytest.raises(InvalidValueError):
        running.push("startup", "b", True)
    running.look()
    assert kept(running) == {"closing-time": 1}
    running.to(AFTER)
    assert set(running.bodies()) == {"closing-time"}


async def test_there_and_back_is_a_change(running):
    """A, B and A again before the decision: the question was another one meanwhile, so its period is over; the other one's goes on."""
    running.sampling.register(APP, OTHER_BOTH)
    running.sampling.register(APP, BOTH)
    running.push("startup", "d", 700.0)
    running.push("closing", "d", 700.0)
    assert kept(running) == {"startup-time": 1, "closing-time": 1}
    running.look()
    assert (running.record().outcome, running.record().cause) == (State.PASSED, "changed")
    assert kept(running) == {"closing-time": 1}


async def test_there_and_back_before_the_period(tmp_path):
    """The same while the question waits: its lot stays, and it answers in the period that was drawn."""
    with Running(tmp_path) as running:
        for text, date in ((BOTH, "2026-01-01"), (OTHER_BOTH, "2025-01-01")):
            running.machine.review(text, date=date)
        running.endpoint()
        running.sampling.register(APP, BOTH)
        running.look()
        await running.consent()
        lots, record = running.store.consents.lots, running.record()
        running.sampling.register(APP, OTHER_BOTH)
        running.sampling.register(APP, BOTH)
        running.look()
        assert running.store.consents.lots == lots
        assert running.record() == record
        running.to(DURING)
        running.push("startup", "d", 700.0)
        assert kept(running)["startup-time"] == 1


async def test_a_source_that_is_new_counts_at_once(running):
    """What a new text declares can be pushed, what it no longer declares cannot: both without a decision."""
    renamed = BOTH.replace('"closing"', '"closing2"')
    running.sampling.register(APP, renamed)
    running.push("closing2", "d", 700.0)
    with pytest.raises(UnknownSourceError):
        running.push("closing", "d", 700.0)
    assert kept(running) == {"startup-time": 1}
    running.look()
    assert kept(running) == {"startup-time": 1}


async def test_samples_do_not_bring_the_decision(running):
    """A look that follows samples leaves what is owed: else its moment would follow the registration. Any other cause brings it along."""
    running.sampling.register(APP, OTHER_BOTH)
    assert not running.now(running.sampling.reload_steps(is_owed_too=False))
    assert running.catalogue.is_owed
    assert running.record().outcome == Outcome.OPEN
    running.clock.wall = at("11.26", 0)
    assert running.now(running.sampling.reload_steps(is_owed_too=False))
    assert not running.catalogue.is_owed
    assert running.record().outcome == State.PASSED


async def test_an_unchanged_text_owes_nothing(running):
    """Registering the same text again is no news."""
    running.sampling.register(APP, BOTH)
    assert running.owed == []
    assert not running.look()
    assert KEY in running.questions.open_keys(DURING)


async def test_a_decision_that_the_disk_refuses(running):
    """What ends holds at once, on disk or not: nothing of the changed question is kept; it is written down as soon as that is possible."""
    running.sampling.register(APP, OTHER_BOTH)
    with running.broken_consents():
        running.look()
        running.push("startup", "d", 700.0)
        running.push("closing", "d", 700.0)
        assert kept(running).get("startup-time", 0) <= 1
    running.look()
    running.restart()
    assert running.record().outcome == State.PASSED

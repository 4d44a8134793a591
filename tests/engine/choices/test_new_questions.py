"""A yes beforehand: which new questions are accepted at a tick, and which never are."""

import pytest
from support.engine_flow import APP, FLEET, KEY, MORE, TWO, installed

from telemetryd.core.permission.gate import ACCEPT_KNOWN
from telemetryd.core.permission.lifecycle import State


@pytest.fixture
def running(tmp_path):
    """Kate is installed, nothing is decided."""
    with installed(tmp_path) as running:
        yield running


async def test_new_questions_are_accepted_at_a_tick(running):
    """With NewQuestions = accept: questions of an application that was accepted before, and no others."""
    await running.consent()
    running.install(TWO, date="2026-11-18")
    running.install(MORE)
    assert not running.new_questions.accept()
    await running.choices.set_level("new_questions", ACCEPT_KNOWN)
    assert running.state((APP, "startup-pace")) == State.PENDING
    assert running.new_questions.accept()
    assert {key for key, decision in running.store.consents.decisions.items() if decision.accepted} == {KEY, (APP, "startup-pace")}
    assert not running.new_questions.accept()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda running: running.install(TWO.replace("[500, 2000]", "[500]"), reviewed=False),
        lambda running: running.configure(FLEET),
        lambda running: running.configure("[limits]\nusage = 0"),
        lambda running: running.configure("enabled = false"),
    ],
)
async def test_new_questions_that_are_not_accepted(running, spoil):
    """Never what is not reviewed, nor what a lock, level or switch shuts as well: it would pass before the user opens it."""
    await running.consent()
    await running.choices.set_level("new_questions", ACCEPT_KNOWN)
    running.install(TWO, date="2026-11-18")
    spoil(running)
    assert not running.new_questions.accept()
    assert set(running.store.consents.decisions) == {KEY}


async def test_refused_and_changed_ones_are_not_accepted(running):
    """Never one that was refused before, nor a changed definition of an accepted one."""
    await running.consent()
    await running.choices.set_level("new_questions", ACCEPT_KNOWN)
    running.install(TWO, date="2026-11-18")
    await running.choices.set_question(APP, "startup-pace", is_allowed=False)
    running.install(TWO.replace("[500, 2000]", "[500]"), date="2026-11-19")
    assert not running.new_questions.accept()


async def test_application_that_is_gone(running):
    """An application whose manifest went away has no new questions."""
    await running.consent()
    await running.choices.set_level("new_questions", ACCEPT_KNOWN)
    (running.machine.root / f"share/telemetryd/manifests/{APP}.toml").unlink()
    running.look()
    assert not running.new_questions.accept()

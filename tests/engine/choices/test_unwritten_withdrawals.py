"""What could not be written when a start failed holds at the next one: what was taken back, what ended, what was erased. Policy: C1, C2."""

import contextlib

import pytest
from support.engine_flow import DURING, KEY, OPENS, collecting

from telemetryd.core.limits import DAY_S
from telemetryd.core.permission.gate import Levels
from telemetryd.core.permission.record import Outcome
from telemetryd.errors import StorageError
from telemetryd.runtime.assembly import _lowered


@pytest.fixture
async def running(tmp_path):
    """Kate is accepted, and its week has begun with one sample."""
    async with collecting(tmp_path) as running:
        yield running


@contextlib.contextmanager
def failed_start(running):
    """A start in which the consent file takes no writes, and which fails at last; then another one, over the same files."""
    running.sampling.commit()
    running.store.close()
    kept = running.lowered
    running.put_together()
    running.lowered.erased = kept.erased  # which the parts of a daemon share
    with running.broken_consents(), contextlib.suppress(StorageError), _lowered(running.store.consents, kept):
        yield
        raise StorageError("the disk is full")
    running.store.close()
    running.put_together()
    with _lowered(running.store.consents, kept):
        running.now(running.sampling.start_steps())
    assert not kept.is_any


def switch(running):
    """The file that switches off."""
    return running.machine.root / "etc/telemetryd/telemetryd.toml.d/50-off.toml"


async def test_what_passed_stays_passed(running):
    """A question that a switch ended in a start that failed does not begin again when the switch is gone."""
    with failed_start(running):
        switch(running).parent.mkdir(exist_ok=True)
        switch(running).write_text("enabled = false\n")
        running.catalogue.refresh()
        running.now(running.sampling.start_steps())
        assert running.record().outcome is Outcome.PASSED
        switch(running).unlink()
    assert running.catalogue.settings.kill_switches == ()
    assert (running.record().outcome, running.record().cause) == (Outcome.PASSED, "kill_switch")
    running.restart()
    assert running.record().outcome is Outcome.PASSED
    assert KEY not in running.questions.open_keys(DURING)
    assert running.store.tallies.all() == []


async def test_an_erased_history_stays_erased(running):
    """The day on which the history was erased in a start that failed is known after it, when nothing is left to erase."""
    running.to(OPENS)
    (report,) = running.store.reports.queue()
    await running.ticker.send(report)
    assert running.store.reports.has_history()
    running.lowered.erased.add("")
    with failed_start(running):
        running.now(running.sampling.start_steps())
        running.now(running.choices.erase_owed_steps())
        assert running.store.consents.history_erased
        assert not running.lowered.erased
    running.restart()
    assert running.store.consents.history_erased == running.clock.wall // DAY_S * DAY_S
    assert not running.store.reports.has_history()


async def test_what_happened_belongs_to_its_file(running):
    """What ended while the ordinary files could not be written did not end in those of developer mode, and is kept for the others."""
    with running.broken_consents(), contextlib.suppress(StorageError):
        running.configure("enabled = false\n")
    kept = running.lowered
    kept.take_over(running.store.consents)
    running.store.close()
    running.put_together(developer=True)
    kept.apply(running.store.consents)
    assert KEY not in running.store.consents.records
    assert kept.is_any
    running.store.close()
    running.put_together()
    kept.apply(running.store.consents)
    assert running.record().outcome is Outcome.PASSED
    assert not kept.is_any


async def test_a_no_belongs_to_its_file(running):
    """A no that the ordinary files could not be told is kept for them while those of developer mode are open, and so is an erasure.

    Developer mode's own levels stay.
    """
    with running.broken_consents(), contextlib.suppress(StorageError):
        running.store.consents.set_levels(Levels())
    kept = running.lowered
    kept.erased.add(KEY[0])
    kept.take_over(running.store.consents)
    running.store.close()
    running.put_together(developer=True)
    running.store.consents.set_levels(Levels(2, 2))
    kept.apply(running.store.consents)
    assert (running.store.consents.levels, kept.erased, kept.is_any) == (Levels(2, 2), set(), True)
    kept.take_over(running.store.consents)
    running.store.close()
    running.put_together()
    assert running.store.consents.levels != Levels()
    kept.apply(running.store.consents)
    assert (running.store.consents.levels, kept.erased) == (Levels(), {KEY[0]})

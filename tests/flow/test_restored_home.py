"""What a home that is restored from a backup brings back, as docs/administration.md says: nothing tells a copy from the original."""

import shutil

from support.machine import CONTROL
from support.timeline import APPLICATION, HOUR_S, QUESTION


def folder_of(timeline):
    """The state directory, and where its backup is."""
    return timeline.machine.root / "state/telemetryd", timeline.machine.root / "backup"


async def back_up(timeline):
    """Copy the state directory while no daemon runs."""
    timeline.stop()
    shutil.copytree(*folder_of(timeline))
    await timeline.start()


async def restore(timeline):
    """Put the copy in the place of what is there."""
    state, backup = folder_of(timeline)
    timeline.stop()
    shutil.rmtree(state)
    shutil.copytree(backup, state)
    await timeline.start()


async def test_a_report_that_waited_in_the_backup_is_sent_again(timeline):
    """The same bytes leave twice, so that a receiver can drop the second one by its nonce. The ledger has one charge."""
    await timeline.queue()
    await back_up(timeline)
    await timeline.go_to_slot()
    await timeline.run_until_sent(within_s=12 * HOUR_S)
    await restore(timeline)
    await timeline.run_until_sent(within_s=24 * HOUR_S)
    first, second = timeline.bodies()
    assert first == second
    assert (await timeline.ledger())[""] == (2.0, 0.0)


async def test_a_consent_that_was_withdrawn_is_there_again(timeline):
    """Whoever restores a backup of before a withdrawal has consented again: what was decided since is gone."""
    await timeline.collect()
    await back_up(timeline)
    await timeline.client.call(CONTROL, "SetQuestionConsent", "ssb", APPLICATION, QUESTION, False)
    assert (await timeline.question())[0] in {"refused", "passed"}
    await restore(timeline)
    assert (await timeline.question())[0] == "active"

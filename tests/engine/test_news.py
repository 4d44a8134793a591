"""What is told to everyone follows causes: files, days and registered texts, and never what was decided. Policy: C3."""

import contextlib

import pytest
from support.disk.descriptors import none_left
from support.engine_flow import ACCEPTED, APP, DURING, KATE_2026, installed
from support.machine import settle

DAY_S, MINUTE_S = 86400, 60
OTHER = KATE_2026.replace(APP, "org.kde.ark")


@pytest.fixture
def running(tmp_path):
    """Kate is installed, nothing is decided."""
    with installed(tmp_path) as running:
        running.news.clear()
        yield running


def pass_minutes(running, minutes):
    """The machine runs, and the files are looked at each minute."""
    for _ in range(minutes):
        running.clock.pass_(MINUTE_S)
        running.look()


def manifest(running):
    """The file of Kate's manifest."""
    return running.machine.root / f"share/telemetryd/manifests/{APP}.toml"


def gone(running):
    """The manifest goes; ten minutes later that is final."""
    text = manifest(running).read_text()
    manifest(running).unlink()
    pass_minutes(running, 15)
    manifest(running).write_text(text)
    running.look()


def unreadable(running):
    """A file of the configuration cannot be read; after a day that is final."""
    running.configure("[limits")
    for _ in range(26):
        running.clock.pass_(3600)
        running.look()


def unwritten(running):
    """The consent file takes no writes, while the administrator switches off."""
    with contextlib.suppress(Exception), running.broken_consents():
        running.configure("enabled = false")
    pass_minutes(running, 5)


def collected(running):
    """Samples come, and the period ends."""
    running.push("startup", "d", 700.0)
    running.clock.pass_(6 * DAY_S)
    running.look()
    pass_minutes(running, 3)


def set_back(running):
    """The clock is set back by a day, and again to what it was."""
    for seconds in (-DAY_S, DAY_S):
        running.clock.wall += seconds
        running.look()


def unread_for_a_moment(running):
    """Nothing can be opened for a moment after a start, and the files are looked at again."""
    settle(running.machine)
    running.store.close()
    running.put_together()
    with none_left():
        running.now(running.sampling.start_steps())
    pass_minutes(running, 2)


def told_unread_for_a_moment(running):
    """In such a moment someone asks for all problems, and so for all manifests: that they are over is told."""
    settle(running.machine)
    running.store.close()
    running.put_together()
    with none_left():
        list(running.views.manifests())
        running.now(running.sampling.start_steps())
    pass_minutes(running, 2)


HAPPENINGS = [
    *((gone, 2), (unreadable, 2), (unwritten, 1), (collected, 1), (set_back, 2)),
    *((unread_for_a_moment, 0), (told_unread_for_a_moment, 1)),
]


@pytest.mark.parametrize(("happens", "number"), HAPPENINGS)
async def test_as_often_whatever_is_accepted(tmp_path, happens, number):
    """News come at the same moments, whether a question was accepted and collects or not."""
    told = {}
    for is_accepted in (False, True):
        with installed(tmp_path / str(is_accepted)) as running:
            if is_accepted:
                await running.consent()
            running.clock.wall = DURING
            running.look()
            running.news.clear()
            happens(running)
            told[is_accepted] = [moment - DURING for moment in running.news]
    assert told[True] == told[False]
    assert len(told[True]) == number


async def test_nothing_new_is_no_news(running):
    """A look at unchanged files is no news, nor is an act, whatever it does."""
    running.look()
    await running.consent()
    running.look()
    assert running.news == []


async def test_a_tick_tells_what_it_finds(running):
    """A file that changed is news for whoever looks first, and only once: here a tick."""
    running.machine.configure("enabled = false")
    await running.ticker.tick()
    running.look()
    assert running.news == [ACCEPTED]


async def test_a_registered_text_is_news_when_it_is_decided_on(running):
    """A new text is news at the check that decides on it, and not at one that a sample caused; the same text is none."""
    running.sampling.register("org.kde.ark", OTHER)
    running.now(running.sampling.reload_steps(is_owed_too=False))
    assert running.news == []
    running.look()
    running.sampling.register("org.kde.ark", OTHER)
    running.look()
    assert running.news == [ACCEPTED]


async def test_news_come_before_what_is_decided(running):
    """The moment of a signal does not show how long deciding takes."""
    steps = running.sampling.reload_steps()
    running.machine.configure("enabled = false")
    next(steps)
    assert running.news == [ACCEPTED]
    with contextlib.suppress(StopIteration):
        while True:
            steps.send(True)

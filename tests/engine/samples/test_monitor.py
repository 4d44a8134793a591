import asyncio

import pytest
from support.engine_flow import APP, DURING, KATE_2026, Running

from telemetryd.core.definition import Combine, Source, SourceType
from telemetryd.engine.samples.monitor import WAIT_S, Monitor

STARTUP = Source("startup", SourceType.NUMBER, "Start", Combine.MEDIAN, edges=(500, 2000))
SAVES = Source("saves", SourceType.COUNT, "Saves", Combine.SUM, edges=(1, 10))


async def test_events():
    """Each sample is one event with its bin's label; a total shows by how much it grew."""
    watch = Monitor(is_on=True)
    watch.note(APP, STARTUP, 1, "kept")
    watch.note(APP, SAVES, 3, "kept")
    watch.note("org.kde.dolphin", STARTUP, 0, "")
    number, events = await watch.since("", 0)
    assert number == 3
    assert [(event.source, event.label, event.verdict) for event in events] == [
        ("startup", "500..2000", "kept"),
        ("saves", "+3", "kept"),
        ("startup", "<500", "not kept (no question asks for it)"),
    ]
    assert [event.number for event in (await watch.since("org.kde.dolphin", 0))[1]] == [3]
    assert [event.number for event in (await watch.since("", 2))[1]] == [3]


async def test_waiting():
    """A watcher that has seen everything waits for the next event of its application."""
    watch = Monitor(is_on=True)
    waiting = asyncio.ensure_future(watch.since(APP, 0))
    await asyncio.sleep(0)
    watch.note("org.kde.dolphin", STARTUP, 0, "kept")
    await asyncio.sleep(0)
    assert not waiting.done()
    watch.note(APP, STARTUP, 1, "kept")
    number, events = await waiting
    assert (number, len(events)) == (2, 1)


async def test_a_late_watcher():
    """Of a thousand events and one the first is forgotten."""
    watch = Monitor(is_on=True)
    for _ in range(1001):
        watch.note(APP, STARTUP, 1, "kept")
    number, events = await watch.since("", 0)
    assert (number, len(events), events[0].number) == (1001, 1000, 2)


async def test_nothing_happens(monkeypatch):
    """Without an event the watcher is told so after the wait."""
    waiting = asyncio.ensure_future(Monitor(is_on=True).since("", 0))
    await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    steady = loop.time
    monkeypatch.setattr(loop, "time", lambda: steady() + WAIT_S)
    assert await waiting == (0, [])


@pytest.mark.parametrize("developer", [False, True])
async def test_pushes(tmp_path, developer):
    """Developer mode shows what becomes of each push and why; otherwise nothing is remembered."""
    with Running(tmp_path, now=DURING) as running:
        running.machine.install(KATE_2026, reviewed=False)
        if developer:
            running.machine.develop()
        running.restart(developer=developer)
        running.push("startup", "d", 700.0)
        if developer:
            await running.consent()
        running.sampling.push_many(APP, {"startup": ("ad", [700.0, 1.0])})
        verdicts = [(event.label, event.verdict) for event in running.watch._events]
        kept = ("startup-time: kept",)
        expected = [
            ("500..2000", "startup-time: not kept: A yes could not start it now: it needs your Usage setting at Basic or higher."),
            ("500..2000", *kept),
            ("<500", *kept),
        ]
        assert verdicts == (expected if developer else [])


async def test_refusals_and_news():
    """A refused call has its error and no bin. One that names no application is shown to all, and Watch is shown samples alone."""
    watch = Monitor(is_on=True)
    watch.note(APP, STARTUP, 1, "kept")
    watch.refuse(APP, "startup", "org.example.Error", "a number is expected")
    watch.refuse("", "", "org.example.Error", "there is no such member")
    watch.tell("org.kde.dolphin", "news")
    _, events = await watch.since(APP, 0)
    assert [(event.label, event.verdict, event.error) for event in events] == [
        ("500..2000", "kept", ""),
        ("", "a number is expected", "org.example.Error"),
        ("", "there is no such member", "org.example.Error"),
    ]
    assert len((await watch.since("", 0))[1]) == 4
    number, samples = await watch.since("", 0, lambda event: event.is_sample)
    assert (number, [event.number for event in samples]) == (4, [1])


async def test_long_refusals_are_cut():
    """What a caller wrote may be as long as a message, and a thousand of them are kept."""
    watch = Monitor(is_on=True)
    watch.refuse("a" * 1_000_000, "s" * 1_000_000, "org.example.Error", "t" * 1_000_000)
    _, (event,) = await watch.since("", 0)
    assert sum(map(len, event[1:])) < 3000

"""Problems as they are told: those of files at once, the others from one signal to the next. Policy: C3, T3."""

import asyncio

import pytest
from support.engine_flow import installed

from telemetryd.bus.control1 import ControlParts
from telemetryd.bus.told_problems import ToldProblems

AGAIN_S = 0.02


@pytest.fixture
def running(tmp_path):
    """Kate is installed, nothing is decided."""
    with installed(tmp_path) as running:
        yield running


def parts_of(running):
    """What Control1 reads."""
    return ControlParts(
        running.choices,
        running.store.consents,
        running.catalogue,
        running.views,
        running.ticker,
        running.watch,
        running.erasure,
        running.store.problems,
    )


def files(problems):
    """The files that are named."""
    return {problem.file for problem in problems if problem.file}


async def test_an_effect_is_told_after_a_signal(running):
    """A ledger that was lost is a problem; who read the problems before is told of it with the next signal, and not before."""
    told, parts = ToldProblems(lambda: None), parts_of(running)
    assert files(told.of(parts)) == set()
    running.store.consents.mark_ledger_lost()
    assert files(told.of(parts)) == set()
    told.forget()
    assert files(told.of(parts)) == {"consent.sqlite"}
    told.forget()


async def test_a_file_is_told_at_once(running):
    """A mistake in a file is a problem with the look that finds it, which sends a signal."""
    told, parts = ToldProblems(lambda: None), parts_of(running)
    assert files(told.of(parts)) == set()
    running.configure("enabled = = false")
    assert [file.rpartition("/")[2] for file in files(told.of(parts))] == ["telemetryd.toml"]
    told.forget()


async def test_other_databases_have_other_problems(running):
    """If other databases were opened, nothing that was told of the former ones is told again."""
    told, parts = ToldProblems(lambda: None), parts_of(running)
    told.of(parts)
    running.store.consents.mark_ledger_lost()
    assert files(told.of(parts_of(running))) == {"consent.sqlite"}
    told.forget()


@pytest.mark.parametrize("is_lost", [True, False])
async def test_a_reading_is_followed_by_a_signal(running, is_lost):
    """Some time after the problems were read a signal is sent, whether they changed or not; without a reading there is none."""
    signals, parts = asyncio.Queue(), parts_of(running)

    def announce():
        signals.put_nowait("signal")
        told.forget()

    told = ToldProblems(announce, AGAIN_S)
    told.of(parts)
    if is_lost:
        running.store.consents.mark_ledger_lost()
    async with asyncio.timeout(20):
        await signals.get()
    await asyncio.sleep(4 * AGAIN_S)
    assert signals.empty()
    assert files(told.of(parts)) == ({"consent.sqlite"} if is_lost else set())
    told.forget()


async def test_the_time_to_a_signal_grows(running):
    """A window that reads again after each signal makes fewer and fewer of them, until something else is announced."""
    moments, loop, parts = [], asyncio.get_running_loop(), parts_of(running)
    done = asyncio.Event()

    def announce():
        moments.append(loop.time())
        told.forget()
        if len(moments) == 4:
            done.set()
        else:
            loop.call_soon(told.of, parts)

    told = ToldProblems(announce, AGAIN_S)
    began = loop.time()
    told.of(parts)
    async with asyncio.timeout(20):
        await done.wait()
    assert moments[-1] - began >= (1 + 2 + 4 + 8) * AGAIN_S * 0.99
    told.forget()
    begins_anew = loop.time()
    moments.clear()
    done.clear()
    told.of(parts)
    async with asyncio.timeout(20):
        await done.wait()
    assert moments[0] - begins_anew < 8 * AGAIN_S
    told.forget()

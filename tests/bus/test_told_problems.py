"""Problems as they are told: those of files at once, the others from one signal to the next. Long lists are cut. Policy: C3, T3."""

import asyncio

import pytest
from support.engine_flow import installed

from telemetryd.bus.control1 import ControlParts
from telemetryd.bus.reply_size import size_bytes
from telemetryd.bus.told_problems import ToldProblems, details, lock_pairs, switch_pairs
from telemetryd.core.limits import LIMITS_MAX_BYTES, PROBLEMS_MAX_BYTES
from telemetryd.core.problem_words import ProblemCause
from telemetryd.core.settings import KillSwitch, Lock

AGAIN_S = 0.02
LONGEST = "/" + "\\xff" * 4094
"""The longest of paths, if none of its bytes is UTF-8."""


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


async def test_a_long_list_keeps_what_no_file_says(running):
    """A list that is cut ends with how many more there are, and has the ledger that was lost, though files come first."""
    told, parts = ToldProblems(lambda: None), parts_of(running)
    running.store.consents.mark_ledger_lost()
    manifests = running.machine.root / "share/telemetryd/manifests"
    for number in range(1000):
        (manifests / f"org.example.app{number:04}.toml").write_text("schema = = 1\n")
    running.look()
    list(running.views.manifests())
    *shown, lost, last = told.of(parts)
    told.forget()
    assert lost.cause == "ledger_lost"
    assert (last.file, last.cause) == ("", "more")
    assert last.text == f"and {1000 - sum('org.example' in problem.file for problem in shown)} more"
    assert sum(size_bytes(details(problem)) for problem in (*shown, lost, last)) <= PROBLEMS_MAX_BYTES


async def test_a_long_list_keeps_whose_a_lock_is(running):
    """However many problems come before it, the file of a lock of the user's own is named: otherwise it would be the administrator's."""
    home, etc = running.machine.root / "home/telemetryd", running.machine.root / "etc/telemetryd"
    for folder, number, text in ((etc, 600, "enabled = = false"), (home, 300, "[limits]\nusage = 1")):
        (folder / "telemetryd.toml.d").mkdir(exist_ok=True)
        for index in range(number):
            (folder / f"telemetryd.toml.d/{index:04}.toml").write_text(text)
    running.store.consents.mark_ledger_lost()
    running.machine.configure_user("[limits]\nsystem = 0")
    running.look()
    told, parts = ToldProblems(lambda: None), parts_of(running)
    shown = told.of(parts)
    told.forget()
    locking = {file for _, file in lock_pairs(running.catalogue.settings.locks) if file}
    assert str(home / "telemetryd.toml") in locking
    assert {problem.file for problem in shown if problem.cause == ProblemCause.USERS_LIMITS} == locking
    assert [problem.cause for problem in shown[-2:]] == ["ledger_lost", "more"]
    assert int(dict(shown[-1].args)["number"]) == len(running.catalogue.problems) + 1 - (len(shown) - 1)
    assert sum(size_bytes(details(problem)) for problem in shown) < PROBLEMS_MAX_BYTES + 3 * LIMITS_MAX_BYTES


def test_short_lists_are_told_as_they_are():
    """A list that fits has every switch and lock in the order of the files."""
    assert switch_pairs([]) == lock_pairs([]) == []
    assert switch_pairs([KillSwitch("unreadable", "/b"), KillSwitch("enabled", "/a")]) == [["unreadable", "/b"], ["enabled", "/a"]]
    assert lock_pairs([Lock("usage", 1, "/b"), Lock("usage", 0, "/a")]) == [["usage=1", "/b"], ["usage=0", "/a"]]


def number_left_out(pairs):
    """The number in the last pair."""
    what, file = pairs[-1]
    assert (what[:5], file) == ("more=", "")
    return int(what[5:])


def test_a_long_list_of_switches_is_cut():
    """It counts those that are left out, and of those that are told the ones of people come first."""
    files = [f"/etc/telemetryd/telemetryd.toml.d/{number:04}.toml" for number in range(1000)]
    pairs = switch_pairs([*(KillSwitch("unreadable", file) for file in files), KillSwitch("DO_NOT_TRACK", "")])
    assert pairs[:2] == [["DO_NOT_TRACK", ""], ["unreadable", files[0]]]
    assert len(pairs) - 1 + number_left_out(pairs) == 1001
    assert 0.8 * LIMITS_MAX_BYTES < sum(map(size_bytes, pairs)) <= LIMITS_MAX_BYTES


@pytest.mark.parametrize("file", ["/etc/a.toml", LONGEST])
def test_a_long_list_of_locks_has_what_holds(file):
    """The strictest lock of each setting is told, however many there are and however long their paths."""
    locks = [Lock(what, limit, file) for what in ("system", "usage", "new_questions") for limit in (2, 1) for _ in range(500)]
    pairs = lock_pairs([*locks, Lock("usage", 0, file), Lock("usage", 2, file)])
    assert sorted(pairs[:3]) == [["new_questions=1", file], ["system=1", file], ["usage=0", file]]
    assert len(pairs) - 1 + number_left_out(pairs) == 3002
    assert sum(map(size_bytes, pairs)) <= LIMITS_MAX_BYTES + (file is LONGEST) * 3 * len(LONGEST)

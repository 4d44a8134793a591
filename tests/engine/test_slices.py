"""Long work in pieces: the loop goes round between two of them, whoever else has long work too."""

import asyncio
import time

import pytest

from telemetryd.engine.slices import WORKS_MAX, Slices

STEP_S = 0.002


def busy(rows, seconds=STEP_S):
    """Rows that take a while each; every third is none."""
    for number in range(rows):
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass
        yield None if number % 3 == 2 else number


class Rounds:
    """Counts how often the loop goes round, and what was done in each round."""

    def __init__(self):
        self.steps = [0]

    def __enter__(self):
        self._turn()
        return self

    def __exit__(self, *_):
        self._handle.cancel()

    def _turn(self):
        self.steps.append(0)
        self._handle = asyncio.get_running_loop().call_soon(self._turn)

    def count(self, rows):
        """The same rows, each counted in the round in which it is made."""
        for row in rows:
            self.steps[-1] += 1
            yield row


async def test_everything_is_given_in_order():
    """All rows, without the places to rest at."""
    assert await Slices(0).run(busy(9, 0)) == [0, 1, 3, 4, 6, 7]


async def test_pieces_end():
    """Work of a hundred steps leaves the loop to others after each few of them."""
    with Rounds() as rounds:
        await Slices(2 * STEP_S).run(rounds.count(busy(100)))
    assert sum(rounds.steps) == 100
    assert max(rounds.steps) <= 3


async def test_many_works_do_not_add_up():
    """However many works there are, no round of the loop has more than one piece; all are done, and few are begun at once."""
    begun, ended, most = 0, 0, 0

    def work(rounds):
        nonlocal begun, ended, most
        begun += 1
        most = max(most, begun - ended)
        yield from rounds.count(busy(20))
        ended += 1

    pieces = Slices(2 * STEP_S)
    with Rounds() as rounds:
        done = await asyncio.gather(*(pieces.run(work(rounds)) for _ in range(3 * WORKS_MAX)))
    assert done == [[number for number in range(20) if number % 3 != 2]] * (3 * WORKS_MAX)
    assert max(rounds.steps) <= 3
    assert most <= WORKS_MAX


async def test_a_short_work_does_not_wait_for_long_ones():
    """Works take turns: one that is short is done while a long one goes on."""
    pieces = Slices(STEP_S)
    long = asyncio.create_task(pieces.run(busy(300)))
    await asyncio.sleep(0)
    assert await pieces.run(busy(2)) == [0, 1]
    assert not long.done()
    long.cancel()


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_a_work_that_fails_or_is_given_up_holds_up_nobody(is_cancelled):
    """Its failure goes to whoever asked, and others get their turns."""
    pieces = Slices(STEP_S)

    def failing():
        yield from busy(10)
        raise KeyError

    for _ in range(2 * WORKS_MAX):
        task = asyncio.create_task(pieces.run(failing()))
        if is_cancelled:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
        with pytest.raises(asyncio.CancelledError if is_cancelled else KeyError):
            await task
    assert await pieces.run(busy(2)) == [0, 1]

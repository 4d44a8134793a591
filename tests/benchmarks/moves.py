"""How often control moves between files of telemetryd/ for one call, from the reading of the message to the writing of its reply.

python tests/benchmarks/moves.py        # ten seconds; with `--between`, each pair of files too

A move is a call of a function that stands in another file of the package than its caller, in the daemon's process, on its loop's thread.
Not counted are returns, coroutines and generators that go on, what lies between two of our files (the interpreter, a library, and
`named_tuple.py`, which stands in for a library), and what the event loop calls. A profiler makes every call a long one, after which the
daemon would look who else waits: here no call counts as long.
"""

# ruff: noqa: T201 - printing is what it is for

import argparse
import asyncio
import inspect
import json
import math
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.machine import CONTROL, Machine, until
from support.machine_at import SAVES, accept_last_week

PACKAGE = str(Path(__file__).parents[2] / "telemetryd") + "/"
KATE, OTHER, QUESTION = "org.kde.kate", "org.kde.kite", "saves-a-week"
_GOES_ON = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_LIKE_A_LIBRARY = PACKAGE + "named_tuple.py"
_LOOP = PACKAGE + "__main__.py"
"""What runs the event loop: of all that the loop calls it is the caller."""
SIGNAL = signal.SIGUSR1
"""Begins and ends the counting, in turn."""
WALKS = ("push", "acceptance", "withdrawal")
_TRIES = 3


class Moves:
    """Counts the moves of the thread that begins it; what it found is a line of JSON in a file."""

    def __init__(self, path):
        self._path, self._between, self._is_on = path, Counter(), False
        self._begun = set()
        """The frames of coroutines and generators that were called."""

    def turn(self, *_):
        """Begin, or end and write down what was found."""
        self._is_on = not self._is_on
        sys.setprofile(self._on_event if self._is_on else None)
        if not self._is_on:
            found = [[before, after, count] for (before, after), count in self._between.items()]
            with self._path.open("a") as file:
                file.write(json.dumps(found) + "\n")
            self._between, self._begun = Counter(), set()

    def _on_event(self, frame, event, _):
        if event != "call" or not (file := frame.f_code.co_filename).startswith(PACKAGE) or file == _LIKE_A_LIBRARY:
            return
        if frame.f_code.co_flags & _GOES_ON:
            if frame in self._begun:
                return
            self._begun.add(frame)
        caller = frame.f_back
        while caller is not None and not caller.f_code.co_filename.startswith(PACKAGE):
            caller = caller.f_back
        before = caller.f_code.co_filename if caller is not None else _LOOP
        if before not in {file, _LOOP}:
            self._between[before.removeprefix(PACKAGE), file.removeprefix(PACKAGE)] += 1


def serve(path):
    """Run the daemon, counting between two signals."""
    signal.signal(SIGNAL, Moves(Path(path)).turn)
    sys.argv = ["telemetryd"]
    from telemetryd.__main__ import main as telemetryd  # noqa: PLC0415 - as little as possible is imported before it
    from telemetryd.bus.transport import pump  # noqa: PLC0415 - likewise

    pump.LONG_CALL_S = math.inf
    return telemetryd()


def shortest(root):
    """As `counted`, of some daemons the shortest of each walk: on a busy machine a call can wait in a queue, which is a longer way."""
    tries = [counted(root / str(number)) for number in range(_TRIES)]
    return {walk: min((found[walk] for found in tries), key=lambda between: sum(between.values())) for walk in WALKS}


def counted(root):
    """Walk → (file before, file after) → moves, for a daemon over a user who accepted one question a week ago and is to accept another."""
    root.mkdir()
    found = root / "moves"
    found.touch()
    with Machine(root / "machine") as machine:
        machine.configure('[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1"\n')
        for name in (KATE, OTHER):
            machine.install(SAVES.replace(KATE, name))
        asyncio.run(accept_last_week(machine, KATE))
        with machine.daemon(program=(__file__, "--serve", str(found))) as daemon:
            asyncio.run(_walk(machine, daemon, found))
    lines = [json.loads(line) for line in found.read_text().splitlines()]
    return {walk: {(before, after): count for before, after, count in line} for walk, line in zip(WALKS, lines, strict=True)}


async def _walk(machine, daemon, found):
    async with machine.client() as client:
        digest = (await client.questions(OTHER))[QUESTION]["digest"]
        await client.push(KATE, "saves", "t", 7)  # the first one makes the route
        for call in (
            lambda: client.push(KATE, "saves", "t", 7),
            lambda: client.call(CONTROL, "Accept", "sa{ss}", OTHER, {QUESTION: digest}),
            lambda: client.call(CONTROL, "SetQuestionConsent", "ssb", KATE, QUESTION, False),
        ):
            before = found.stat().st_size
            daemon.process.send_signal(SIGNAL)
            await call()
            daemon.process.send_signal(SIGNAL)
            await asyncio.to_thread(until, lambda before=before: found.stat().st_size > before)


def files(between):
    """The files of a walk."""
    return {file for pair in between for file in pair}


def main():
    """Count and print."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--between", action="store_true", help="print each pair of files too")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as root:
        walks = shortest(Path(root))
    for walk, between in walks.items():
        print(f"{walk:12} {sum(between.values()):4} moves, {len(between):3} ways from one to another of {len(files(between)):2} files")
        for (before, after), count in sorted(between.items(), key=lambda one: -one[1]) if asked.between else ():
            print(f"    {count:4} {before} -> {after}")
    return 0


if __name__ == "__main__":
    sys.exit(serve(sys.argv[2]) if sys.argv[1:2] == ["--serve"] else main())

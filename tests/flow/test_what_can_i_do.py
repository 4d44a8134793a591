"""docs/what-can-i-do.md: each task of a user takes at most two commands, and they answer what the page says."""

import os
import re
import subprocess
from typing import NamedTuple

from support.machine import ROOT
from support.settled_life import live
from support.shifted_time import shifted_as

PAGE = ROOT / "docs/what-can-i-do.md"
_TASK = re.compile(r"^### (?P<name>.+?)\n(?P<prose>.*?)```sh\n(?P<commands>.*?)```\n```text\n(?P<answer>.*?)```", re.MULTILINE | re.DOTALL)


class Task(NamedTuple):
    """A heading of the page with its commands and the parts of the answer."""

    name: str
    commands: tuple[str, ...]
    answer: tuple[str, ...]


def tasks():
    """All of the page, in order."""
    found = [
        Task(one["name"], tuple(one["commands"].splitlines()), tuple(one["answer"].splitlines()))
        for one in _TASK.finditer(PAGE.read_text())
    ]
    assert len(found) == PAGE.read_text().count("\n### "), "each heading has its commands and its answer"
    return found


def words(text):
    """A text without its line breaks and columns."""
    return " ".join(text.split())


def lacks(output, part):
    """Whether a part of the answer is not in the output; `…` stands for anything on its way."""
    pattern = ".{1,120}?".join(re.escape(words(piece)) for piece in part.split("…"))
    return re.search(pattern, words(output)) is None


def run(line, environ):
    """What a command of the page prints. It has to succeed."""
    done = subprocess.run(["bash", "-c", line], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout


def test_tasks_are_short():
    """There are at least twenty-five tasks, each of at most two commands, and the page says how many there are."""
    found = tasks()
    assert len(found) == 26
    assert "Twenty-six questions" in PAGE.read_text()
    assert all(1 <= len(task.commands) <= 2 for task in found)


async def test_what_can_i_do(timeline, programs):
    """In the page's order, on a machine that has been in use for weeks, each task's commands succeed and answer what the page says."""
    await live(timeline)
    environ = {
        **timeline.machine.environ,
        **shifted_as(timeline.clock, runs=False),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "COLUMNS": "200",
    }
    outputs = {task: "".join(run(line, environ) for line in task.commands) for task in tasks()}
    wrong = {(task.name, part): output for task, output in outputs.items() for part in task.answer if lacks(output, part)}
    assert not wrong, "\n".join(map(str, wrong.items()))

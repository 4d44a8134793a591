# noqa: INP001 - a script beside the page that it writes
"""Writes `docs/states.md`: every cause with its words, and what the user reads after each event of the table in `tests/support`.

Run it after changing a sentence or the table: `python docs/generate_states.py`. Tests hold the page against both, and the table against
the daemon's parts.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from telemetryd.core.causes import TABLE
from telemetryd.core.explanation import Situation, explain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from telemetryd.core.causes import Reason

PAGE = Path(__file__).with_name("states.md")
_TESTS = Path(__file__).parents[1] / "tests"
_PLACES = {"etc": "/etc/telemetryd", "reviews": "/usr/share/telemetryd/reviews.d", "home": "/home/ada/.config/telemetryd"}
_DAY = "2026-12-18"
"""Stands for the day on which the report of the table was sent."""
_HEAD = """\
<!-- Written by docs/generate_states.py from telemetryd/core/causes.py, core/explanation.py and tests/support/state_table.py. -->

# What the user is told

`ListQuestions` gives `state`, `cause`, `cause_args` and `outcome` of each question. A client makes its sentence from these four, in the
user's language. `reason` is the daemon's own sentence, in English, from the same table (`telemetryd/core/explanation.py`). A client shows
it where it does not know a cause. New causes and new arguments may come.

## Causes

Some causes have several meanings. Then one argument, or the number of arguments, tells which.
The third column has the words for what is so now, and the fourth has those for what ended a question.

| cause | arguments | now | in the end |
|---|---|---|---|
"""
_EVENTS = """
## Every event in every state

One question, accepted on 18 November 2026 and measured in the week from 23 to 29 November. Each line is one run of the daemon's parts, in
`tests/engine/test_table.py`. The sentence is what the user reads right after the event.

| before | event | outcome | sentence |
|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    return _HEAD + "".join(_causes()) + _EVENTS + "".join(_events())


def _causes() -> Iterator[str]:
    for found in TABLE:
        choice = dict([found.choice] if found.choice else [])
        arguments = [f"`{name}`" + (f" = `{choice[name]}`" if name in choice else "") for name in found.arguments]
        then = found.whole or found.then
        yield f"| `{found.cause}` | {', '.join(arguments)} | {found.now} | {then} |\n"


def _events() -> Iterator[str]:
    sys.path.insert(0, str(_TESTS))
    from support import state_table  # noqa: PLC0415 - the tests are no package

    for row in state_table.TABLE:
        what = " ".join((row.event.__doc__ or "").split())
        situation = Situation(row.state, row.reason.cause, _args(row.reason), row.outcome)
        yield f"| {row.before} | {what} | {row.outcome} | **{row.state}**: {explain(situation)} |\n"


def _args(reason: Reason) -> dict[str, str]:
    """The arguments of a row, with the usual directories and a day."""
    return {name: _DAY if value == "DAY" else value.format(**_PLACES) for name, value in reason.args}


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

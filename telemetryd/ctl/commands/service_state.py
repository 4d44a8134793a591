"""Reads what the page of `status` shows: numbers of questions, and of the questions themselves only those that the page names."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from telemetryd.ctl.render import state_sentences
from telemetryd.ctl.render.pages import LISTED_MAX, number_decided
from telemetryd.ctl.render.state_sentences import PAUSED, ServiceState, state_of, urgency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from telemetryd.ctl.control_client import ControlClient, ControlDict

_ACTIVE = "active"
_UNDECIDED = {"unreviewed", "pending"}


async def read_service_state(control: ControlClient, proxies: Sequence[str] = ()) -> ServiceState:
    """The present state, read by a few short calls, however many questions there are."""
    properties, applications = await control.together(control.properties(), control.applications())
    state = ServiceState(properties, applications, [], proxies, _numbers(applications))
    rows = await _most_urgent(control, state)
    for name in state_sentences.examples(state):
        if not any(state_of(row) == name for row in rows):
            rows += await _in_state(control, state, name, 1)
    return state._replace(questions=rows)


def _numbers(applications: Sequence[ControlDict]) -> Mapping[str, int]:
    """How many questions are in each state; paused ones are not counted as active."""
    numbers: Counter[str] = Counter()
    for application in applications:
        numbers.update(application["states"])
        numbers.update({PAUSED: application["paused"], _ACTIVE: -application["paused"]})
    return {name: number for name, number in numbers.items() if number}


async def _most_urgent(control: ControlClient, state: ServiceState) -> list[ControlDict]:
    """The questions that the page lists: all that the user decided on if they are few, or else the most urgent of them."""
    decided = sorted((name for name in state.counted() if name not in _UNDECIDED), key=urgency)
    if decided and number_decided(state) <= LISTED_MAX:
        return await control.standings({_ACTIVE if name == PAUSED else name for name in decided})
    rows: list[ControlDict] = []
    for name in decided:
        if len(rows) < LISTED_MAX:
            rows += await _in_state(control, state, name, LISTED_MAX - len(rows))
    return rows


async def _in_state(control: ControlClient, state: ServiceState, name: str, limit: int) -> list[ControlDict]:
    """The first questions in a state of the page. To the service paused ones are active, and are looked for among all of these."""
    if not state.counted().get(PAUSED) or name not in {PAUSED, _ACTIVE}:
        return await control.standings([name], limit)
    return [row for row in await control.standings([_ACTIVE]) if state_of(row) == name][:limit]

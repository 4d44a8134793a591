"""The property Problems of Control1, so that a client that reads it again after each signal always has it as it is. Policy: T3, C3.

What is wrong with files is read from the files in force: whenever one changes, a signal says so. Other problems follow from what was
collected, sent or erased. A signal at such a moment would tell every sandbox that something had been accepted. So these problems are shown
as of the first reading after a signal, until the next one. If they were read, a signal is sent after some time, whatever they are by then.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from telemetryd.core.problem_words import ProblemCause, problem_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from telemetryd.core.settings import Problem
    from telemetryd.engine.declarations.catalogue import Catalogue
    from telemetryd.engine.delivery import Deliveries
    from telemetryd.engine.ports import ConsentStore
    from telemetryd.engine.samples.erasure import Erasure

AGAIN_MIN_S, AGAIN_MAX_S = 300.0, 3600.0
"""Time from a reading to the signal. It doubles with each of these signals: an open window costs four of them, then one in an hour."""


class Parts(Protocol):
    """What has problems: see `control1.ControlParts`."""

    @property
    def consents(self) -> ConsentStore:
        """Knows whether the ledger was lost."""

    @property
    def catalogue(self) -> Catalogue:
        """Knows the files."""

    @property
    def ticker(self) -> Deliveries:
        """Knows what holds reports back."""

    @property
    def erasure(self) -> Erasure:
        """Knows what could not be erased."""

    @property
    def problems(self) -> Callable[[], Sequence[Problem]]:
        """The problems of the store."""


class ToldProblems:
    """The problems as they are told. `announce` sends the signals, and has to call `forget`."""

    def __init__(self, announce: Callable[[], object], again_s: float = AGAIN_MIN_S) -> None:
        self._announce, self._first_s = announce, again_s
        self._again_s = again_s
        self._told: tuple[Parts, list[Problem]] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def of(self, parts: Parts) -> list[Problem]:
        """Each problem. Every manifest has to be read before."""
        if self._told is None or self._told[0] is not parts:
            self._told = parts, _effects(parts)
            self._start_timer()
        return [*parts.catalogue.problems, *self._told[1]]

    def forget(self) -> None:
        """A signal is being sent: what is read next is told anew."""
        self._told, self._again_s = None, self._first_s
        self._stop_timer()

    def _start_timer(self) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(self._again_s, self._tell_again)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell_again(self) -> None:
        again_s = min(2 * self._again_s, AGAIN_MAX_S)
        self._announce()
        self._again_s = again_s


def details(problem: Problem) -> dict[str, object]:
    """A problem by the keys of ProblemDetails."""
    return {"file": problem.file, "text": problem.text, "cause": problem.cause, "cause_args": dict(problem.args)}


def _effects(parts: Parts) -> list[Problem]:
    """The problems that no file of the configuration, no manifest and no review is the cause of."""
    problems = [*parts.problems(), *parts.ticker.problems()]
    if parts.consents.is_spent:
        problems.append(problem_of("consent.sqlite", ProblemCause.LEDGER_LOST))
    if parts.erasure.is_held_up:
        problems.append(problem_of("telemetry.sqlite", ProblemCause.ERASURE_PENDING))
    return problems

"""The property Problems of Control1, so that a client that reads it again after each signal always has it as it is. Policy: T3, C3.

What is wrong with files is read from the files in force: whenever one changes, a signal says so. Other problems follow from what was
collected, sent or erased. A signal at such a moment would tell every sandbox that something had been accepted. So these problems are shown
as of the first reading after a signal, until the next one. If they were read, a signal is sent after some time, whatever they are by then.

A long list is cut, and so are KillSwitches and Locks. Problems that follow from no file come behind those of files, but are not cut before
them. Of switches and locks stays what says what holds. Whose a lock is stays with the lock: clients tell it by a problem of its file.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from telemetryd.bus.reply_size import beginning, size_bytes
from telemetryd.bus.transport.library import Variant
from telemetryd.core.limits import LIMITS_MAX_BYTES, PROBLEMS_MAX_BYTES
from telemetryd.core.problem_words import ProblemCause, problem_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from telemetryd.core.settings import KillSwitch, Lock, Problem
    from telemetryd.engine.declarations.catalogue import Catalogue
    from telemetryd.engine.delivery import Deliveries
    from telemetryd.engine.ports import ConsentStore
    from telemetryd.engine.samples.erasure import Erasure

_MORE = ProblemCause.MORE
"""What the last pair of switches or locks is about that was cut: `more=N`."""
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
        """The problems, with `ProblemCause.MORE` at the end of a list that was cut. Every manifest has to be read before."""
        if self._told is None or self._told[0] is not parts:
            self._told = parts, _effects(parts)
            self._start_timer()
        return _cut(parts.catalogue.problems, self._told[1], parts.catalogue.settings.locks)

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


def details(problem: Problem) -> dict[str, Variant]:
    """A problem by the keys of ProblemDetails."""
    texts = {"file": problem.file, "text": problem.text, "cause": problem.cause}
    return {key: Variant("s", text) for key, text in texts.items()} | {"cause_args": Variant("a{ss}", dict(problem.args))}


def switch_pairs(switches: Sequence[KillSwitch]) -> list[list[str]]:
    """(what, file) of each switch that is on. If they are too many, those that a person set come first."""
    pairs = [[switch.what, switch.file] for switch in switches]
    return _cut_pairs(pairs, sorted(pairs, key=lambda pair: pair[0] == "unreadable"), least=1)


def lock_pairs(locks: Sequence[Lock]) -> list[list[str]]:
    """(`setting=limit`, file) of each lock. If they are too many, the strictest of each setting comes first, and is there in any case."""
    strictest = list({lock.what: lock for lock in sorted(locks, key=lambda lock: -lock.limit)}.values())
    ordered = [*strictest, *(lock for lock in locks if lock not in strictest)]
    return _cut_pairs([_lock_pair(lock) for lock in locks], [_lock_pair(lock) for lock in ordered], least=len(strictest))


def _lock_pair(lock: Lock) -> list[str]:
    return [f"{lock.what}={lock.limit}", lock.file]


def _cut_pairs(pairs: list[list[str]], by_weight: list[list[str]], *, least: int) -> list[list[str]]:
    """All pairs, or the first `by_weight` that fit, `least` of them in any case, and how many are left out."""
    whole, _ = beginning(pairs, list, LIMITS_MAX_BYTES)
    if len(whole) == len(pairs):
        return pairs
    fitting, _ = beginning(by_weight, list, LIMITS_MAX_BYTES - size_bytes([f"{_MORE}={len(pairs)}", ""]))
    told = by_weight[: max(len(fitting), least)]
    return [*told, [f"{_MORE}={len(pairs) - len(told)}", ""]] if len(told) < len(pairs) else told


def _cut(of_files: Sequence[Problem], others: Sequence[Problem], locks: Sequence[Lock]) -> list[Problem]:
    """All problems, or those that fit into a property, and how many do not. Those that say whose a lock is come first, in any case."""
    whole, _ = beginning([*of_files, *others], details, PROBLEMS_MAX_BYTES)
    number = len(of_files) + len(others)
    if len(whole) == number:
        return list(whole)
    owners = _owners(of_files, locks)
    rest = [problem for problem in of_files if problem not in owners]
    last = problem_of("", ProblemCause.MORE, number=str(number))
    others_told, left = beginning(others, details, PROBLEMS_MAX_BYTES - size_bytes(details(last)))
    rest_told, _ = beginning(rest, details, left - sum(size_bytes(details(problem)) for problem in owners))
    shown = [*owners, *rest_told, *others_told]
    return [*shown, problem_of("", ProblemCause.MORE, number=str(number - len(shown)))] if len(shown) < number else shown


def _owners(problems: Sequence[Problem], locks: Sequence[Lock]) -> dict[Problem, None]:
    """The problems that say that a lock is the user's own, for all locks that are told. Their number is bounded as that of the locks is."""
    files = {file for _, file in lock_pairs(locks)}
    return dict.fromkeys(problem for problem in problems if problem.cause == ProblemCause.USERS_LIMITS and problem.file in files)


def _effects(parts: Parts) -> list[Problem]:
    """The problems that no file of the configuration, no manifest and no review is the cause of."""
    problems = [*parts.problems(), *parts.ticker.problems()]
    if parts.consents.is_spent:
        problems.append(problem_of("consent.sqlite", ProblemCause.LEDGER_LOST))
    if parts.erasure.is_held_up:
        problems.append(problem_of("telemetry.sqlite", ProblemCause.ERASURE_PENDING))
    return problems

"""Control1, for the user's own programs. Every act takes effect before its reply, and no signal carries a value. Policy: C1, C2, T2."""

from __future__ import annotations

from contextlib import suppress
from functools import partial, wraps
from itertools import islice
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from telemetryd.bus.foreseen import change_from, foreseen_body, foreseen_rows, names
from telemetryd.bus.identity import Caller, admit_host_only
from telemetryd.bus.members import Handlers, Result
from telemetryd.bus.paged_lists import Pages
from telemetryd.bus.reply_size import bounded, fitting
from telemetryd.bus.told_problems import ToldProblems, details, lock_pairs, switch_pairs
from telemetryd.bus.transport.library import Message, Variant
from telemetryd.engine.views.queries import ViewChangedError
from telemetryd.errors import BusyError, NotDeveloperError, StorageError
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Mapping, Sequence

    from telemetryd.core.settings import Problem
    from telemetryd.engine.choices.user_acts import UserActs
    from telemetryd.engine.declarations.catalogue import Catalogue
    from telemetryd.engine.delivery import Deliveries
    from telemetryd.engine.ports import ConsentStore
    from telemetryd.engine.samples.erasure import Erasure
    from telemetryd.engine.samples.monitor import Monitor, MonitorEvent
    from telemetryd.engine.slices import Slices
    from telemetryd.engine.views.queries import Queries
    from telemetryd.engine.views.query_rows import Shown

P = ParamSpec("P")
T = TypeVar("T")

VERSION = 1

_SIGNATURES = {
    **dict.fromkeys(("system", "usage", "effective_system", "effective_usage", "consent", "status", "year"), "u"),
    **dict.fromkeys(("pending", "pending_shut", "paused", "cells", "charges"), "u"),
    **dict.fromkeys(("installed", "capped"), "b"),
    **dict.fromkeys(("callers", "pushers", "fields", "changes", "reviewers", "figures", "warnings", "answers", "so_far"), "as"),
    **dict.fromkeys(("last_sent", "created", "sent", "expected_users", "accepted_at", "period_begins", "period_ends"), "t"),
    **dict.fromkeys(("due_from", "due", "due_until"), "t"),
    **dict.fromkeys(("epsilon", "chance_true", "chance_other", "spent", "reserved", "cap", "largest"), "d"),
    "needs": "a(su)",
    "states": "a{su}",
    "cause_args": "a{ss}",
    "headers": "a(ss)",
    "tries": "a(ts)",
    "translations": "a{sa{ss}}",
    "expected": "a{sad}",
}
"""Key → D-Bus type in the dictionaries. All other keys are strings."""
_REPORT_SIGNATURES = _SIGNATURES | {"id": "t"}
"""The same for a report, whose `id` is a number."""
_LEDGER_SIGNATURES = _SIGNATURES | {"answers": "u"}
"""The same for a line of the ledger, in which `answers` is a number."""


_ASK_QUESTIONS = "ask for the questions of one application at a time"
_NOTHING_ELSE = "there is nothing smaller to ask for"
_PROBLEMS = frozenset({"Problems", "ProblemDetails"})
_TRIES = 5
"""Attempts to make a view before BusyError: the state does not change so often unless someone changes it on purpose."""


def _with_path(act: Callable[P, Awaitable[Result]]) -> Callable[P, Coroutine[Any, Any, Result]]:
    """Add the path to the text of a storage error. Only the user sees it, never an application."""

    @wraps(act)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> Result:
        try:
            return await act(*args, **kwargs)
        except StorageError as failure:
            raise StorageError(failure.text_with_path) from failure

    return wrapper


class ControlParts(NamedTuple):
    """The parts behind Control1 over one pair of databases. If others are opened, all parts are replaced together."""

    choices: UserActs
    consents: ConsentStore
    catalogue: Catalogue
    views: Queries
    ticker: Deliveries
    monitor: Monitor
    erasure: Erasure
    problems: Callable[[], Sequence[Problem]]
    """The problems of the store."""


class Control:
    """The object behind Control1. `parts` returns the running parts, or raises the error that answers every call.

    `refresh` is awaited before each call: it checks the files, and decides what is owed. `announce` is called after each act of the user.
    """

    def __init__(  # noqa: PLR0913 - by keyword: what the composition root puts in place
        self,
        parts: Callable[[], ControlParts],
        refresh: Callable[[], Awaitable[None]],
        callers: Callable[[], Mapping[str, frozenset[str]]],
        *,
        announce: Callable[[], None],
        slices: Slices,
    ) -> None:
        self._parts, self._refresh = parts, refresh
        self._callers, self._announce = callers, announce
        self._slices = slices
        self.problems = ToldProblems(announce)

    def handlers(self) -> Handlers:
        """The handlers of all members."""
        return Handlers(
            methods={
                "ListApplications": self._list_applications,
                "ListQuestions": self._list_questions,
                "SetApplicationConsent": self._set_application,
                "SetQuestionConsent": self._set_question,
                "Accept": self._accept,
                "Foresee": self._foresee,
                "Apply": self._apply,
                "Preview": self._preview,
                "History": self._history,
                "Ledger": self._ledger,
                "Erase": self._erase,
                "Forget": self._forget,
                "Submit": self._submit,
                "Watch": self._watch,
                "Monitor": self._monitor,
                **Pages(self._view_of_queries, _dictionary, partial(_dictionary, signatures=_REPORT_SIGNATURES)).methods(),
            },
            getters=self._getters(self._parts),
            snapshot=self._snapshot,
            setters={
                "System": lambda _caller, level: self._set_level("system", level),
                "Usage": lambda _caller, level: self._set_level("usage", level),
                "NewQuestions": lambda _caller, level: self._set_level("new_questions", level),
            },
            guard=admit_host_only,
            prepare=self._refresh,
            prepare_reading=self._read_manifests,
        )

    def _snapshot(self) -> dict[str, Callable[[], Any]]:
        """Getters over one state of the parts."""
        parts = self._parts()
        return self._getters(lambda: parts)

    async def _read_manifests(self, properties: Collection[str]) -> None:
        """Read all manifests before the problems of the files are read, so that these do not depend on what happened to be read."""
        if not _PROBLEMS.intersection(properties):
            return
        for _ in range(_TRIES):
            await self._view(lambda parts: parts.views.manifests())
            if self._parts().catalogue.is_all_read:  # files may have changed after the last piece
                return
        raise BusyError("the files keep changing while they are read: call again")

    async def _view_of_queries(self, make: Callable[[Queries], Iterator[T | None]]) -> list[T]:
        return await self._view(lambda parts: make(parts.views))

    def _getters(self, get_parts: Callable[[], ControlParts]) -> dict[str, Callable[[], Any]]:
        """A getter for each property. Each one calls `get_parts`."""
        return {
            "System": lambda: get_parts().consents.levels.system,
            "Usage": lambda: get_parts().consents.levels.usage,
            "NewQuestions": lambda: get_parts().consents.levels.new_questions,
            "Version": lambda: VERSION,
            "Developer": lambda: get_parts().catalogue.settings.developer,
            "KillSwitches": lambda: switch_pairs(get_parts().catalogue.settings.kill_switches),
            "Locks": lambda: lock_pairs(get_parts().catalogue.settings.locks),
            "Problems": lambda: [[problem.file, problem.text] for problem in self.problems.of(get_parts())],
            "ProblemDetails": lambda: [details(problem) for problem in self.problems.of(get_parts())],
            "LastWork": lambda: get_parts().ticker.last_work,
            "HistoryErased": lambda: get_parts().consents.history_erased,
        }

    async def _view(self, make: Callable[[ControlParts], Iterator[T | None]]) -> list[T]:
        """All rows of a view, made in slices. A view is made again if its state changed meanwhile.

        Raises BusyError if the state changes again and again.
        """
        for _ in range(_TRIES):
            with suppress(ViewChangedError):
                return await self._slices.run(make(self._parts()))
        raise BusyError("the answer keeps changing while it is made: call again")

    @_with_path
    async def _set_level(self, name: str, level: int) -> Result:
        try:
            await self._parts().choices.set_level(name, level)
        finally:
            self._announce()
        return None

    async def _list_applications(self, _caller: Caller, _call: Message) -> Result:
        return [await self._view(lambda parts: bounded(_dictionaries(parts.views.applications(self._callers())), _ASK_QUESTIONS))]

    async def _list_questions(self, _caller: Caller, call: Message) -> Result:
        return [await self._view(lambda parts: bounded(_dictionaries(parts.views.questions(*call.body)), _ask_each(*call.body)))]

    @_with_path
    async def _set_application(self, _caller: Caller, call: Message) -> Result:
        try:
            await self._parts().choices.set_application(*call.body)
        finally:
            self._announce()
        return None

    @_with_path
    async def _set_question(self, _caller: Caller, call: Message) -> Result:
        application, question, is_allowed = call.body
        try:
            await self._parts().choices.set_question(application, question, is_allowed=is_allowed)
        finally:
            self._announce()
        return None

    @_with_path
    async def _accept(self, _caller: Caller, call: Message) -> Result:
        try:
            await self._parts().choices.accept(*call.body)
        finally:
            self._announce()
        return None

    async def _foresee(self, _caller: Caller, call: Message) -> Result:
        change = change_from(*call.body)
        (looked,) = await self._view(lambda parts: parts.views.foresee(change))
        return foreseen_body(looked, await self._slices.run(foreseen_rows(looked)))

    @_with_path
    async def _apply(self, _caller: Caller, call: Message) -> Result:
        dictionary, foreseen = call.body
        parts = self._parts()
        try:
            done = await parts.choices.apply(change_from(dictionary), foreseen)
        finally:
            self._announce()
        decided = [list(names(done.accepted)), dict(zip(names(done.closed), done.closed.values(), strict=True))]
        # The change is done, so a long list of rows is cut rather than refused.
        beside = Variant("as", decided[0]), Variant("a{ss}", decided[1])
        rows = await self._slices.run(fitting(_dictionaries(parts.views.named(done.concerned)), beside))
        return [rows, *decided]

    async def _preview(self, _caller: Caller, call: Message) -> Result:
        return [await self._view(lambda parts: bounded(_structures(parts.views.preview(*call.body)), _ask_each(*call.body)))]

    async def _history(self, _caller: Caller, call: Message) -> Result:
        since, limit = call.body

        def rows(parts: ControlParts) -> Iterator[dict[str, Variant] | None]:
            views = _dictionaries(parts.views.history(since), _REPORT_SIGNATURES)
            return bounded(islice(views, limit), "ask for fewer, or 0 for as many as fit") if limit else fitting(views)

        return [await self._view(rows)]

    async def _ledger(self, _caller: Caller, _call: Message) -> Result:
        return [await self._view(lambda parts: bounded(_dictionaries(parts.views.ledger(), _LEDGER_SIGNATURES), _NOTHING_ELSE))]

    @_with_path
    async def _erase(self, _caller: Caller, call: Message) -> Result:
        try:
            await self._parts().choices.erase(*call.body)
        finally:
            self._announce()
        return None

    @_with_path
    async def _forget(self, _caller: Caller, call: Message) -> Result:
        try:
            await self._parts().choices.forget(*call.body)
        finally:
            self._announce()
        return None

    @_with_path
    async def _submit(self, _caller: Caller, _call: Message) -> Result:
        await self._parts().ticker.submit()
        self._announce()
        return None

    async def _watch(self, _caller: Caller, call: Message) -> Result:
        application, after = call.body
        number, events = await self._watched(application, "Watch").since(application, after, lambda event: event.is_sample)
        return [number, [[event.source.rpartition("/")[2], event.label, event.verdict] for event in events]]

    async def _monitor(self, _caller: Caller, call: Message) -> Result:
        application, after = call.body
        number, events = await self._watched(application, "Monitor").since(application, after)
        rows = list(fitting(map(_event_row, events)))
        return [number if len(rows) == len(events) else events[len(rows) - 1].number, rows]

    def _watched(self, application: str, member: str) -> Monitor:
        """The monitor, for one declared application or all (""). Raises NotDeveloperError or UnknownApplicationError."""
        parts = self._parts()
        if not parts.monitor.is_on:
            raise NotDeveloperError(f"{member} works in developer mode only: set developer = true in your telemetryd.toml")
        if application:
            parts.catalogue.get(application)
        return parts.monitor


def _event_row(event: MonitorEvent) -> dict[str, Variant]:
    keys = {"application": event.application, "source": event.source, "bin": event.label, "verdict": event.verdict, "error": event.error}
    return {key: Variant("s", value) for key, value in keys.items()}


def _dictionaries(rows: Iterator[Shown | None], signatures: Mapping[str, str] = _SIGNATURES) -> Iterator[dict[str, Variant] | None]:
    for row in rows:
        yield row and _dictionary(row, signatures)


def _dictionary(row: Shown, signatures: Mapping[str, str] = _SIGNATURES) -> dict[str, Variant]:
    return {key: Variant(signatures.get(key, "s"), value) for key, value in row.items()}


def _structures(rows: Iterator[tuple[str, ...] | None]) -> Iterator[list[str] | None]:
    for row in rows:
        yield list(row) if row else None


def _ask_each(application: str) -> str:
    return _NOTHING_ELSE if application else "ask for one application at a time"


def changed(properties: list[str]) -> list[Any]:
    """The body of PropertiesChanged: always the same properties, without values, so that a broadcast says only that something changed."""
    return ["org.telemetryd.Control1", {}, properties]

"""What the user's own programs call: Control1. Every act takes effect with its reply; no signal carries a value. Policy: C1, C2, T2."""

from __future__ import annotations

from contextlib import suppress
from functools import wraps
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

from telemetryd.bus.identity import Caller, admit_host_only
from telemetryd.bus.members import Handlers, Result
from telemetryd.bus.replies import bounded, fitting
from telemetryd.bus.transport.library import Message, Variant
from telemetryd.engine.queries import MovedError
from telemetryd.engine.slices import Pieces
from telemetryd.errors import BusyError, NotDeveloperError, StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence

    from telemetryd.core.settings import Problem
    from telemetryd.engine.catalogue import Catalogue
    from telemetryd.engine.decisions import Choices
    from telemetryd.engine.delivery import Ticker
    from telemetryd.engine.erasure import Erasure
    from telemetryd.engine.monitor import Watch
    from telemetryd.engine.ports import Consents
    from telemetryd.engine.queries import Views
    from telemetryd.engine.query_rows import Shown

P = ParamSpec("P")
T = TypeVar("T")

VERSION = 1

_SIGNATURES = {
    **dict.fromkeys(("system", "usage", "effective_system", "effective_usage", "pending", "consent", "tries", "status", "year"), "u"),
    **dict.fromkeys(("installed",), "b"),
    **dict.fromkeys(("callers", "fields", "changes", "reviewers", "figures", "warnings"), "as"),
    **dict.fromkeys(("last_sent", "created", "expected_users"), "t"),
    **dict.fromkeys(("epsilon", "spent", "reserved", "cap"), "d"),
    "headers": "a(ss)",
    "translations": "a{sa{ss}}",
    "expected": "a{sad}",
}
"""The type of each key of the dictionaries; all others are texts."""


_SPENT = "the privacy ledger was lost, so all of it counts as spent: no question will be answered any more"
_HELD_UP = "erasure pending: nothing of it is used any more, but another process reads the file, and so it is still on the disk"
_ASK_QUESTIONS = "ask for the questions of the applications that you know"
_NOTHING_ELSE = "there is nothing smaller to ask for"
_TRIES = 5
"""Views that are begun before the caller is told to call again: nothing changes so often but by somebody's doing."""


def _placed(act: Callable[P, Awaitable[Result]]) -> Callable[P, Coroutine[Any, Any, Result]]:
    """An act of the user: a storage error says where. Applications are never told."""

    @wraps(act)
    async def told(*args: P.args, **others: P.kwargs) -> Result:
        try:
            return await act(*args, **others)
        except StorageError as failure:
            raise StorageError(failure.placed) from failure

    return told


class Parts(NamedTuple):
    """What the control object works on."""

    choices: Choices
    consents: Consents
    catalogue: Catalogue
    views: Views
    ticker: Ticker
    watch: Watch
    erasure: Erasure
    problems: Callable[[], Sequence[Problem]]
    """What is wrong with the store."""


class Control:
    """The object behind Control1. `parts` gives the running daemon's parts or raises the error that every call is answered with.

    `fresh` is awaited before each call: it looks at the files, and decides what is owed. `announce` is called after each act of the user.
    """

    def __init__(  # noqa: PLR0913 - by keyword: what the composition root puts in place
        self,
        parts: Callable[[], Parts],
        fresh: Callable[[], Awaitable[None]],
        callers: Callable[[], Mapping[str, frozenset[str]]],
        *,
        announce: Callable[[], None],
        pieces: Pieces | None = None,
    ) -> None:
        self._parts, self._fresh = parts, fresh
        self._callers, self._announce = callers, announce
        self._pieces = pieces or Pieces()

    def handlers(self) -> Handlers:
        """What answers each member."""
        return Handlers(
            methods={
                "ListApplications": self._list_applications,
                "ListQuestions": self._list_questions,
                "SetApplicationConsent": self._set_application,
                "SetQuestionConsent": self._set_question,
                "Accept": self._accept,
                "Preview": self._preview,
                "History": self._history,
                "Ledger": self._ledger,
                "Erase": self._erase,
                "Forget": self._forget,
                "Submit": self._submit,
                "Watch": self._watch,
            },
            getters=_getters(self._parts),
            snapshot=self._snapshot,
            setters={
                "System": lambda _caller, level: self._set_level("system", level),
                "Usage": lambda _caller, level: self._set_level("usage", level),
                "NewQuestions": lambda _caller, level: self._set_level("new_questions", level),
            },
            guard=admit_host_only,
            prepare=self._fresh,
        )

    def _snapshot(self) -> dict[str, Callable[[], Any]]:
        """Getters over one look at all files."""
        parts = self._parts()
        return _getters(lambda: parts)

    async def _shown(self, make: Callable[[Parts], Iterator[T | None]]) -> list[T]:
        """All rows of a view, put together in pieces; begun anew if what it shows changed meanwhile.

        Raises BusyError if it changes again and again.
        """
        for _ in range(_TRIES):
            with suppress(MovedError):
                return await self._pieces.run(make(self._parts()))
        raise BusyError("what you asked for is changing all the time: call again")

    @_placed
    async def _set_level(self, name: str, level: int) -> Result:
        try:
            await self._parts().choices.set_level(name, level)
        finally:
            self._announce()
        return None

    async def _list_applications(self, _caller: Caller, _call: Message) -> Result:
        return [await self._shown(lambda parts: bounded(_dictionaries(parts.views.applications(self._callers())), _ASK_QUESTIONS))]

    async def _list_questions(self, _caller: Caller, call: Message) -> Result:
        return [await self._shown(lambda parts: bounded(_dictionaries(parts.views.questions(*call.body)), _ask_each(*call.body)))]

    @_placed
    async def _set_application(self, _caller: Caller, call: Message) -> Result:
        try:
            await self._parts().choices.set_application(*call.body)
        finally:
            self._announce()
        return None

    @_placed
    async def _set_question(self, _caller: Caller, call: Message) -> Result:
        application, question, is_allowed = call.body
        try:
            await self._parts().choices.set_question(application, question, is_allowed=is_allowed)
        finally:
            self._announce()
        return None

    @_placed
    async def _accept(self, _caller: Caller, call: Message) -> Result:
        try:
            await self._parts().choices.accept(*call.body)
        finally:
            self._announce()
        return None

    async def _preview(self, _caller: Caller, call: Message) -> Result:
        return [await self._shown(lambda parts: bounded(_structures(parts.views.preview(*call.body)), _ask_each(*call.body)))]

    async def _history(self, _caller: Caller, call: Message) -> Result:
        since, limit = call.body

        def rows(parts: Parts) -> Iterator[dict[str, Variant] | None]:
            found = _dictionaries(parts.views.history(since))
            return bounded(islice(found, limit), "ask for fewer, or 0 for as many as fit") if limit else fitting(found)

        return [await self._shown(rows)]

    async def _ledger(self, _caller: Caller, _call: Message) -> Result:
        return [await self._shown(lambda parts: bounded(_dictionaries(parts.views.ledger()), _NOTHING_ELSE))]

    @_placed
    async def _erase(self, _caller: Caller, call: Message) -> Result:
        try:
            await self._parts().choices.erase(*call.body)
        finally:
            self._announce()
        return None

    @_placed
    async def _forget(self, _caller: Caller, call: Message) -> Result:
        try:
            await self._parts().choices.forget(*call.body)
        finally:
            self._announce()
        return None

    @_placed
    async def _submit(self, _caller: Caller, _call: Message) -> Result:
        await self._parts().ticker.submit()
        self._announce()
        return None

    async def _watch(self, _caller: Caller, call: Message) -> Result:
        if not self._parts().watch.is_on:
            raise NotDeveloperError("Watch works in developer mode only: set developer = true in your telemetryd.toml")
        application, after = call.body
        if application:
            self._parts().catalogue.get(application)
        number, events = await self._parts().watch.since(application, after)
        return [number, [[one.source, one.label, one.verdict] for one in events]]


def _getters(look: Callable[[], Parts]) -> dict[str, Callable[[], Any]]:
    """A getter for each property; each looks by itself."""
    return {
        "System": lambda: look().consents.levels.system,
        "Usage": lambda: look().consents.levels.usage,
        "NewQuestions": lambda: look().consents.levels.new_questions,
        "Version": lambda: VERSION,
        "Developer": lambda: look().catalogue.settings.developer,
        "KillSwitches": lambda: [[one.what, one.file] for one in look().catalogue.settings.kill_switches],
        "Locks": lambda: [[f"{one.what}={one.limit}", one.file] for one in look().catalogue.settings.locks],
        "Problems": lambda: _problems(look()),
    }


def _problems(parts: Parts) -> list[list[str]]:
    found = [[one.file, one.text] for one in (*parts.problems(), *parts.catalogue.problems, *parts.ticker.problems())]
    if parts.consents.is_spent:
        found.append(["consent.sqlite", _SPENT])
    if parts.erasure.is_held_up:
        found.append(["telemetry.sqlite", _HELD_UP])
    return found


def _dictionaries(shown: Iterator[Shown | None]) -> Iterator[dict[str, Variant] | None]:
    for one in shown:
        yield one and {key: Variant(_SIGNATURES.get(key, "s"), value) for key, value in one.items()}


def _structures(shown: Iterator[tuple[str, ...] | None]) -> Iterator[list[str] | None]:
    for one in shown:
        yield list(one) if one else None


def _ask_each(application: str) -> str:
    return _NOTHING_ELSE if application else "ask for each application"


def changed(properties: list[str]) -> list[Any]:
    """The body of PropertiesChanged: always all of them together, without values, so that a broadcast says only that something changed."""
    return ["org.telemetryd.Control1", {}, properties]

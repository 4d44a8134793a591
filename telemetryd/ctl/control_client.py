"""The client of org.telemetryd.Control1 on the session bus: one method for each member, with plain values.

Only this module of telemetryctl uses D-Bus. It takes the library from `bus.transport.library`, the only module that imports it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from telemetryd.bus.transport.library import BUS, NAME, Message, MessageBus, MessageFlag, MessageType, Variant, session_bus
from telemetryd.ctl.failures import Failure, failure_for, hidden, no_answer, no_bus
from telemetryd.ctl.selection import select
from telemetryd.ctl.service_unit import MANAGER, PARTS, UNIT_PATH, failure_of_unit, may_be_not_started
from telemetryd.errors import LimitExceededError, UnknownApplicationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from types import TracebackType

LIBRARY = NAME
"""The D-Bus library that is used here: `dbus-fast` or `dbus-next`."""

_NAME = "org.telemetryd.Control1"
_FOR_APPLICATIONS = "org.telemetryd.Telemetry1"
_PATH = "/org/telemetryd/Control1"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_DISCONNECTED = "org.freedesktop.DBus.Error.Disconnected"

_PAGE = 200
"""Most rows of a page."""
_STANDING = ("state", "cause", "cause_args", "outcome")
"""What says where a question stands."""
_REPORT = ("application", "question", "period", "endpoint", "created", "sent", "due_until", "outcome", "status", "error")
"""What is shown of a report without its bytes."""
_ANSWER_S = 30.0
"""Longest wait for an answer. The bus gives a service 25 s to start; an erasure waits 5 s, and Watch 20 s."""
_SYSTEMD_S = 2.0
"""Longest wait for systemd, which is asked only why the service did not answer."""
_START_S = 3.0
"""After so long without an answer systemd is asked whether the service can be started at all."""
_SUBMIT_S = 600.0
"""Longest wait for Submit: it tries every report once, and a delivery may take 90 s."""

Answer = TypeVar("Answer")
ControlDict = dict[str, Any]
"""One dictionary of Control1, without variants."""
Change = Mapping[str, Any]
"""A change as for Foresee, without variants."""
_OWNER_CHANGED = "NameOwnerChanged"
_MATCHES = (
    f"type='signal',sender='{_NAME}',path='{_PATH}'",
    f"type='signal',sender='{BUS}',member='{_OWNER_CHANGED}',arg0='{_NAME}'",
)
"""The signals that `follow` follows."""
_CHANGE_TYPES = {
    **dict.fromkeys(("system", "usage", "new_questions", "app_system", "app_usage"), "u"),
    **dict.fromkeys(("application", "erase", "forget"), "s"),
    **dict.fromkeys(("refuse", "allow"), "a(ss)"),
    "accept": "a{sa{ss}}",
}


class ReportFilter(NamedTuple):
    """Which reports of the history: of an application, with these outcomes, made since a Unix time (s); "", none and 0 mean all.

    The rows have these `keys`, or all (None).
    """

    application: str = ""
    outcomes: Sequence[str] = ()
    since: int = 0
    keys: Sequence[str] | None = None


class Consequences(NamedTuple):
    """What a change would do, as dictionaries of Foresee, and the digest that Apply takes."""

    ends: list[ControlDict]
    resumes: list[ControlDict]
    refused: list[ControlDict]
    digest: str


def run(work: Callable[[ControlClient], Awaitable[Answer]], within_s: float | None = None) -> Answer:
    """Run `work` with a connection to the service; returns its result. Raises `Failure` if that takes longer than `within_s`.

    `work` must not prompt: in a running event loop Ctrl-C would not end the prompt.
    """

    async def connected() -> Answer:
        async with ControlClient() as control:
            return await work(control)

    try:
        return asyncio.run(asyncio.wait_for(connected(), within_s))
    except TimeoutError as error:
        if within_s is None:
            raise
        raise no_answer(within_s) from error


class ControlClient:
    """The service. Every method raises `Failure` if the service refuses or does not answer."""

    async def __aenter__(self) -> Self:
        try:
            self._bus = await MessageBus(session_bus(os.environ)).connect()
        except Exception as error:
            # The libraries raise different errors for an unusable address.
            raise no_bus(str(error) or type(error).__name__) from error
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bus.disconnect()

    @staticmethod
    async def together(*calls: Awaitable[Any]) -> list[Any]:
        """The results of calls that are made at once. If one fails, the others are waited for before its error is raised.

        A connection that is closed under a call makes dbus-next's writer fail, with a traceback on the user's terminal.
        """
        results = await asyncio.gather(*calls, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results

    async def properties(self) -> ControlDict:
        """All properties by name."""
        (values,) = await self._call("GetAll", "s", [_NAME], interface=_PROPERTIES)
        return dict(values)

    async def applications(self) -> list[ControlDict]:
        """All applications with a manifest, or of which something is kept."""
        (applications,) = await self._call("ListApplications")
        return list(applications)

    async def application(self, text: str) -> ControlDict:
        """The application that a user means by its id, the end of the id or its name. Raises `Failure` if there is none or several."""
        return dict(select(await self.applications(), text))

    async def id_of(self, text: str) -> str:
        """The id of the application that a user means; "" for ""."""
        return str((await self.application(text))["id"]) if text else ""

    async def questions(self, app_id: str) -> list[ControlDict]:
        """An application's questions; "" for all, even if one reply cannot hold them."""
        questions: list[ControlDict] = await self._rows("ListQuestions", app_id)
        return questions

    async def some_properties(self, *names: str) -> ControlDict:
        """These properties by name. Unlike all of them they are known without reading every manifest."""
        values = await self.together(*(self._call("Get", "ss", [_NAME, name], interface=_PROPERTIES) for name in names))
        return {name: value for name, (value,) in zip(names, values, strict=True)}

    async def standings(self, states: Iterable[str] = (), limit: int = 0) -> list[ControlDict]:
        """Where questions of all applications stand, and nothing else about them: at most `limit` (0: all), in these states (none: all)."""
        return await self.selected_questions(keys=_STANDING, states=tuple(states), limit=limit)

    async def selected_questions(
        self, app_id: str = "", *, keys: Sequence[str] | None = None, states: Sequence[str] = (), limit: int = 0
    ) -> list[ControlDict]:
        """The questions of an application, or of all (""), in these states, or in any; with all keys (None), or with these.

        At most `limit` of them; 0 means all.
        """
        rows: list[ControlDict] = []
        query = {"application": Variant("s", app_id), "states": Variant("as", list(states))}
        if keys is not None:
            query["keys"] = Variant("as", list(keys))
        while True:
            query["limit"] = Variant("u", min(limit - len(rows), _PAGE) if limit else _PAGE)
            page, after = await self._call("Questions", "a{sv}", [query])
            rows += page
            if not after or len(rows) == limit:
                return rows
            query["after"] = Variant("s", after)

    async def foresee(self, change: Change, app_id: str) -> Consequences:
        """What a change would do. `app_id` is the application that it concerns, or ""; a failure names it."""
        return Consequences(*await self._call("Foresee", "a{sv}", [_with_types(change)], about=app_id))

    async def apply(self, change: Change, foreseen: str, app_id: str) -> None:
        """Do a change, all or nothing, if exactly that follows which was foreseen."""
        await self._call("Apply", "a{sv}s", [_with_types(change), foreseen], about=app_id)

    async def preview(self, app_id: str) -> list[list[str]]:
        """(application/question, URL, body) of each report that would be sent; "" for all, even if one reply cannot hold them."""
        reports: list[list[str]] = await self._rows("Preview", app_id)
        return reports

    async def history(self, since: int, limit: int, *, has_bytes: bool = True) -> list[ControlDict]:
        """At most `limit` reports (0: all) since a Unix time in seconds, the newest first; with headers and bodies, or without."""
        wanted = {"since": Variant("t", since)} | ({} if has_bytes else {"keys": Variant("as", list(_REPORT))})
        rows: list[ControlDict] = []
        before = 0
        while True:
            number = min(limit - len(rows), _PAGE) if limit else _PAGE
            page, before = await self._call("HistoryPage", "tua{sv}", [before, number, wanted])
            rows += page
            if not before or len(rows) == limit:
                return rows

    async def history_page(self, before: int, limit: int, wanted: ReportFilter) -> tuple[list[ControlDict], int]:
        """A page of the history, the newest first, and what to give as `before` for the next page; 0 if there is none."""
        chosen = {"application": Variant("s", wanted.application), "outcomes": Variant("as", list(wanted.outcomes))}
        chosen["since"] = Variant("t", wanted.since)
        if wanted.keys is not None:
            chosen["keys"] = Variant("as", list(wanted.keys))
        rows, following = await self._call("HistoryPage", "tua{sv}", [before, limit, chosen])
        return list(rows), int(following)

    async def ledger(self) -> list[ControlDict]:
        """The budgets."""
        (budgets,) = await self._call("Ledger")
        return list(budgets)

    async def _rows(self, member: str, app_id: str) -> list[Any]:
        """The rows of a member for an application; "" for all, one application after the other if one reply cannot hold them."""
        try:
            (rows,) = await self._call(member, "s", [app_id])
        except Failure as failure:
            if app_id or failure.name != LimitExceededError.bus_name:
                raise
            return [row for application in await self.applications() for row in await self._rows_if_there(member, application["id"])]
        return list(rows)

    async def _rows_if_there(self, member: str, app_id: str) -> list[Any]:
        """The rows for one application; none if it has gone meanwhile."""
        try:
            return await self._rows(member, app_id)
        except Failure as failure:
            if failure.name != UnknownApplicationError.bus_name:
                raise
            return []

    async def follow(self, on_signal: Callable[[bool], None]) -> None:
        """Call `on_signal` for each signal of the service and each new owner of its name.

        Its argument is True if the service went and the bus cannot start it.

        A service that the bus can start may go when it has nothing to do.
        """
        names = (await self._ask_bus("ListActivatableNames"))[0]

        def handle(message: Message) -> None:
            if message.message_type is not MessageType.SIGNAL or not (message.path == _PATH or message.member == _OWNER_CHANGED):
                return
            is_gone = message.member == _OWNER_CHANGED and not message.body[2]
            if not is_gone or _NAME not in names:
                on_signal(is_gone)

        self._bus.add_message_handler(handle)
        for match in _MATCHES:
            await self._ask_bus("AddMatch", "s", [match])

    async def reload_activation(self) -> None:
        """Let the bus read its activation files anew."""
        await self._ask_bus("ReloadConfig")

    async def closed(self) -> None:
        """Wait until the bus closes the connection."""
        with suppress(EOFError, OSError):
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call] # the libraries give it no types

    async def submit(self) -> None:
        """Close the running periods and send now."""
        await self._call("Submit", within_s=_SUBMIT_S)

    async def monitor(self, app_id: str, after: int) -> tuple[int, list[ControlDict]]:
        """The pushes and refused calls after a number, and the number for the next call. After 20 s without any the list is empty."""
        following, events = await self._call("Monitor", "st", [app_id, after])
        return following, list(events)

    async def _ask_bus(self, member: str, signature: str = "", body: list[Any] | None = None) -> list[Any]:
        message = Message(destination=BUS, path="/org/freedesktop/DBus", interface=BUS, member=member, signature=signature, body=body or [])
        try:
            reply = await self._sent(message)
        except (EOFError, OSError) as error:
            raise failure_for(_DISCONNECTED, "", "") from error
        if reply.message_type is MessageType.ERROR:
            raise failure_for(reply.error_name or "", str(reply.body[0]) if reply.body else "", "")
        return list(reply.body)

    async def _call(  # noqa: PLR0913 - the last three are by keyword
        self,
        member: str,
        signature: str = "",
        body: list[Any] | None = None,
        *,
        interface: str = _NAME,
        within_s: float = _ANSWER_S,
        about: str = "",
    ) -> list[Any]:
        message = Message(destination=_NAME, path=_PATH, interface=interface, member=member, signature=signature, body=body or [])
        try:
            reply = await asyncio.wait_for(self._reply(message), within_s)
        except TimeoutError as error:
            raise no_answer(within_s) from error
        except (EOFError, OSError) as error:
            raise failure_for(_DISCONNECTED, "", "") from error
        if reply.message_type is MessageType.ERROR:
            text, name = str(reply.body[0]) if reply.body else "", reply.error_name or ""
            application = about or (body[0] if body and signature.startswith("s") and interface == _NAME else "")
            raise await self._failure_of(name, text, application)
        return [_without_variants(value) for value in reply.body]

    async def _reply(self, message: Message) -> Message:
        """The reply. A start that fails is noticed meanwhile, because dbus-daemon lets the caller wait for its end for two minutes."""
        call = asyncio.ensure_future(self._sent(message))
        try:
            while not (await asyncio.wait([call], timeout=_START_S))[0]:
                if failure := await self._failure_of_start():
                    raise failure
            return await call
        finally:
            call.cancel()

    async def _sent(self, message: Message) -> Message:
        """The reply. Raises EOFError if the bus has closed the connection: then the libraries would wait for ever."""
        if not self._bus.connected:
            raise EOFError
        return await self._bus.call(message)

    async def _failure_of(self, name: str, text: str, application: str) -> Failure:
        """The failure that an error reply means."""
        if not may_be_not_started(name):
            return failure_for(name, text, application).of(name, text)
        if await self._is_hidden():
            return hidden()
        return (await self._failure_of_start() or failure_for(name, text, application)).of(name, text)

    async def _is_hidden(self) -> bool:
        """Whether a proxy before the bus shows only the service's name for applications."""
        try:
            names = [await self._ask_bus(member) for member in ("ListNames", "ListActivatableNames")]
        except Failure:
            return False
        seen = {name for (listed,) in names for name in listed}
        return _FOR_APPLICATIONS in seen and _NAME not in seen

    async def _failure_of_start(self) -> Failure | None:
        """Why systemd does not start the daemon; None if it does, or if there is no systemd on this bus."""
        properties: ControlDict = {}
        for part in PARTS:
            message = Message(destination=MANAGER, path=UNIT_PATH, interface=_PROPERTIES, member="GetAll", signature="s", body=[part])
            message.flags = MessageFlag.NO_AUTOSTART
            try:
                reply = await asyncio.wait_for(self._sent(message), _SYSTEMD_S)
            except (TimeoutError, EOFError, OSError):
                return None
            if reply.message_type is not MessageType.METHOD_RETURN:
                return None
            properties |= _without_variants(reply.body[0])
        return failure_of_unit(properties)


def _with_types(change: Change) -> dict[str, Variant]:
    return {key: Variant(_CHANGE_TYPES[key], value) for key, value in change.items()}


def _without_variants(value: Any) -> Any:
    """A value without its variants. Structs become lists, because the libraries give lists or tuples."""
    if isinstance(value, Variant):
        return _without_variants(value.value)
    if isinstance(value, dict):
        return {key: _without_variants(item) for key, item in value.items()}
    return [_without_variants(item) for item in value] if isinstance(value, list | tuple) else value

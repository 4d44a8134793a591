"""Talks to org.telemetryd.Control1 on the session bus: one method for each member, plain values in and out.

This is the only module of telemetryctl that knows D-Bus; it takes the library from `bus.transport.library`, which is the one import of it.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, Self, TypeVar

from telemetryd.bus.transport.library import Message, MessageBus, MessageType, Variant, session_bus
from telemetryd.ctl.failures import Failure, answered, no_answer, no_bus
from telemetryd.errors import LimitExceededError, UnknownApplicationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

_NAME = "org.telemetryd.Control1"
_PATH = "/org/telemetryd/Control1"
_PROPERTIES = "org.freedesktop.DBus.Properties"

_ALL = (1 << 32) - 1
"""More reports than there are."""
_ANSWER_S = 30.0
"""Longest wait for an answer: the bus gives a service 25 s to start, an erasure waits 5 s, Watch 20 s."""
_SUBMIT_S = 600.0
"""Longest wait for Submit: it tries every report once, and a delivery may take 90 s."""

Answer = TypeVar("Answer")
Shown = dict[str, Any]
"""One dictionary of Control1."""


def run(work: Callable[[Control], Awaitable[Answer]]) -> Answer:
    """Do some work with a connection to the service; its result.

    Nobody is asked anything meanwhile: under a running loop Ctrl-C would only be noted, not end the question.
    """

    async def connected() -> Answer:
        async with Control() as control:
            return await work(control)

    return asyncio.run(connected())


class Control:
    """The service. Every method raises `Failure` where the service refuses or does not answer."""

    async def __aenter__(self) -> Self:
        try:
            self._bus = await MessageBus(session_bus(os.environ)).connect()
        except Exception as error:
            # Each library has errors of its own for an address that leads nowhere.
            raise no_bus(str(error) or type(error).__name__) from error
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bus.disconnect()

    async def properties(self) -> Shown:
        """All properties by name."""
        (found,) = await self._call("GetAll", "s", [_NAME], interface=_PROPERTIES)
        return dict(found)

    async def set_property(self, name: str, value: int) -> None:
        """Set a property of type u."""
        await self._call("Set", "ssv", [_NAME, name, Variant("u", value)], interface=_PROPERTIES)

    async def applications(self) -> list[Shown]:
        """Every application that asks."""
        (found,) = await self._call("ListApplications")
        return list(found)

    async def application(self, app_id: str) -> Shown:
        """One application's dictionary."""
        for one in await self.applications():
            if one["id"] == app_id:
                return one
        raise answered("org.telemetryd.Error.UnknownApplication", f"no manifest of {app_id!r} is installed or registered", app_id)

    async def questions(self, app_id: str) -> list[Shown]:
        """An application's questions; "" for all, however many there are."""
        found: list[Shown] = await self._rows("ListQuestions", app_id)
        return found

    async def set_application(self, app_id: str, system: int, usage: int) -> None:
        """Set an application's own levels."""
        await self._call("SetApplicationConsent", "suu", [app_id, system, usage])

    async def set_question(self, app_id: str, question: str, *, allowed: bool) -> None:
        """Refuse a question, or take the refusal back."""
        await self._call("SetQuestionConsent", "ssb", [app_id, question, allowed])

    async def accept(self, app_id: str, digests: Mapping[str, str]) -> None:
        """Accept questions by the digests that were shown."""
        await self._call("Accept", "sa{ss}", [app_id, dict(digests)])

    async def preview(self, app_id: str) -> list[list[str]]:
        """(application/question, URL, body) of each report in the making; of all, however many there are, for ""."""
        found: list[list[str]] = await self._rows("Preview", app_id)
        return found

    async def history(self, since: int, limit: int) -> tuple[list[Shown], bool]:
        """The reports that were made since a time (Unix s), the newest first, at most `limit` (0: all); and whether none is left out.

        The service gives as many as one answer holds, some six hundred.
        """
        try:
            (found,) = await self._call("History", "tu", [since, limit or _ALL])
        except Failure as failure:
            if failure.name != LimitExceededError.bus_name:
                raise
            (found,) = await self._call("History", "tu", [since, 0])
            return list(found), False
        return list(found), True

    async def ledger(self) -> list[Shown]:
        """The budgets."""
        (found,) = await self._call("Ledger")
        return list(found)

    async def erase(self, app_id: str) -> None:
        """Erase what was collected and not sent; "" for all."""
        await self._call("Erase", "s", [app_id])

    async def forget(self, app_id: str) -> None:
        """Withdraw everything from an application that is not installed, and drop what is kept of it."""
        await self._call("Forget", "s", [app_id])

    async def _rows(self, member: str, app_id: str) -> list[Any]:
        """What a member gives of an application, or of all (""): where one answer does not hold it, of one after the other."""
        try:
            (found,) = await self._call(member, "s", [app_id])
        except Failure as failure:
            if app_id or failure.name != LimitExceededError.bus_name:
                raise
            return [row for one in await self.applications() for row in await self._rows_of(member, one["id"])]
        return list(found)

    async def _rows_of(self, member: str, app_id: str) -> list[Any]:
        """The same of one application; nothing if it has gone meanwhile."""
        try:
            return await self._rows(member, app_id)
        except Failure as failure:
            if failure.name != UnknownApplicationError.bus_name:
                raise
            return []

    async def submit(self) -> None:
        """Close the running periods and send now."""
        await self._call("Submit", within_s=_SUBMIT_S)

    async def watch(self, app_id: str, after: int) -> tuple[int, list[list[str]]]:
        """The pushes after a number, and the number to give next; returns without any after 20 s."""
        following, events = await self._call("Watch", "st", [app_id, after])
        return following, list(events)

    async def _call(  # noqa: PLR0913 - the last two are by keyword
        self,
        member: str,
        signature: str = "",
        body: list[Any] | None = None,
        *,
        interface: str = _NAME,
        within_s: float = _ANSWER_S,
    ) -> list[Any]:
        message = Message(destination=_NAME, path=_PATH, interface=interface, member=member, signature=signature, body=body or [])
        try:
            reply = await asyncio.wait_for(self._bus.call(message), within_s)
        except TimeoutError as error:
            raise no_answer(within_s) from error
        except (EOFError, OSError) as error:
            raise answered("org.freedesktop.DBus.Error.Disconnected", "", "") from error
        if reply.message_type is MessageType.ERROR:
            text = str(reply.body[0]) if reply.body else ""
            about = body[0] if body and signature.startswith("s") and interface == _NAME else ""
            raise answered(reply.error_name or "", text, about)
        return [_plain(value) for value in reply.body]


def _plain(value: Any) -> Any:
    """A value without its variants; a struct is a list, as both libraries may give either."""
    if isinstance(value, Variant):
        return _plain(value.value)
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value

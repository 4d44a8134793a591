"""Answers every call of one connection: identify the caller, find the member, run it, reply in order.

The replies of a batch wait until the batch is committed (`finish`), in the order of their calls; errors wait in the same row, so that one
write carries all. A caller that is not known yet has its calls parked until it is, and they count against a bound.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import suppress
from time import thread_time
from typing import TYPE_CHECKING, Any, Protocol

from telemetryd.bus.identity import Caller, Kind
from telemetryd.bus.members import Handlers, Members, Result, Route
from telemetryd.bus.pending_calls import Parked
from telemetryd.bus.transport.library import Message, error, expects_reply, method_return
from telemetryd.core.limits import BUS_TIMEOUT_S, LONG_CALL_S, TURN_S, UNSENT_HIGH_BYTES
from telemetryd.errors import INTERNAL, BusLostError, LimitExceededError, TelemetrydError
from telemetryd.redact import INTERNAL_TEXT, place

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from telemetryd.bus.interfaces import Interface

RUNNING_MAX_CALLS = 128
"""Calls that are worked on, or wait for something, at once: a user has a handful of windows."""
RUNNING_MAX_EACH = 32
"""Those of one caller: who floods with calls that take long must not take every place. A window asks for a dozen things at once."""

PARKED_STEP_CALLS = 16
"""Parked calls that are committed and answered together: their replies may be lists of a megabyte."""

POSTPONED_MAX_CALLS = 4096
"""Replies that wait for a file at once, above which nothing more is read: some milliseconds of a flood, 1 MB."""

_log = logging.getLogger(__name__)


class Connection(Protocol):
    """One connection of the edge, as far as it is needed here."""

    def acknowledge(self, sender: str, serial: int) -> None:
        """Send an empty reply."""

    def send(self, message: Message) -> None:
        """Send a message."""

    @property
    def backlog(self) -> int:
        """Bytes that are not written yet."""

    async def drained(self, timeout_s: float) -> None:
        """Return when everything is written."""

    def block(self, sender: str) -> None:
        """Calls of a caller take long: hand over no more of it for now."""

    def unblock(self, sender: str) -> None:
        """Hand over the calls of a caller again."""

    def forget(self, sender: str) -> None:
        """Drop what was received of a caller and is not handed over yet."""

    def hold(self) -> None:
        """Stop reading."""

    def resume(self) -> None:
        """Read again."""


class Identities(Protocol):
    """Who is who, as `callers.Callers` knows."""

    known: dict[str, Caller]

    async def identify(self, sender: str) -> Caller | None:
        """The caller with this unique name, or None if it has left the bus."""


class Dispatcher:
    """Answers the calls of one connection for one object.

    `spawn` starts a task in the application's task group. `settle` commits what was done since the last batch and then calls `finish`:
    the edge's end of a batch does the same; here it is called after parked calls, which belong to no batch.
    """

    def __init__(  # noqa: PLR0913 - the last three are by keyword: what the composition root puts in place
        self,
        connection: Connection,
        interface: Interface,
        handlers: Handlers,
        *,
        callers: Identities,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        settle: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._members = Members(interface, handlers)
        self._exact = self._members.exact()
        self._callers = callers
        self._known = callers.known
        self._spawn = spawn
        self._settle = settle
        self._replies: list[tuple[Message, Message | None, bool]] = []
        self._parked = Parked()
        self._queues = self._parked.queues
        self._is_held = self._is_postponed = False
        self._running = 0
        self._running_of: Counter[str] = Counter()
        self._quiet = asyncio.Event()
        self._quiet.set()

    def on_call(self, call: Message) -> None:
        """Take one call; its reply is sent by `finish`, or when its task is done."""
        sender = call.sender
        caller = self._known.get(sender)
        if caller is None or sender in self._queues:
            self._park(call)
        else:
            self._dispatch(caller, call)

    def finish(self, failure: TelemetrydError | None = None) -> None:
        """Send the replies of the batch. With a failure, that is the answer to every call whose success needed the commit."""
        replies, self._replies = self._replies, []
        if self._is_postponed:
            self._is_postponed = False
            self._connection.resume()
        for call, reply, awaits_commit in replies:
            if awaits_commit and failure is not None:
                self._connection.send(refusal(call, failure))
            elif reply is None:
                self._connection.acknowledge(call.sender, call.serial)
            else:
                self._send(call, reply)

    def postpone(self) -> None:
        """The files cannot be written for a moment: send the replies that need no commit. All others wait, kept or refused.

        Many of them stop reading until `finish` sends them.
        """
        replies, self._replies = self._replies, []
        for row in replies:
            call, reply, awaits_commit = row
            if awaits_commit:
                self._replies.append(row)
            elif reply is None:
                self._connection.acknowledge(call.sender, call.serial)
            else:
                self._send(call, reply)
        if len(self._replies) >= POSTPONED_MAX_CALLS and not self._is_postponed:
            self._is_postponed = True
            self._connection.hold()

    def forget(self, sender: str) -> None:
        """Drop all calls that wait of a caller that has left the bus: nobody is there to be answered."""
        self._connection.forget(sender)
        self._parked.empty(sender)
        self._resume()

    @property
    def is_quiet(self) -> bool:
        """Whether no call is parked and none is being worked on."""
        return self._quiet.is_set()

    async def wait_until_quiet(self) -> None:
        """Return when no call is parked and none is being worked on: before the connection may be closed."""
        await self._quiet.wait()

    def _dispatch(self, caller: Caller, call: Message) -> None:
        """Run one call. The first two lines are the hot path: one lookup by (path, interface, member, signature)."""
        try:
            route = self._exact.get((call.path, call.interface, call.member, call.signature)) or self._members.route(caller, call)
            if caller.kind is not Kind.HOST and route.guard is not None:
                route.guard(caller, call.body)
            result = route.handler(caller, call)
        except Exception as failure:  # noqa: BLE001 - the edge of the bus: whatever a handler raises is answered
            self._refuse(call, failure)
            return
        if result is not None and not isinstance(result, list):
            self._start(call, result, route)
        elif expects_reply(call):
            reply = None if result is None else method_return(call, route.returns, result)
            self._replies.append((call, reply, route.awaits_commit))

    def _refuse(self, call: Message, failure: Exception) -> None:
        if expects_reply(call):
            self._replies.append((call, refusal(call, failure), False))

    def _start(self, call: Message, work: Coroutine[Any, Any, Result], route: Route) -> None:
        sender = call.sender
        if self._running >= RUNNING_MAX_CALLS or self._running_of[sender] >= RUNNING_MAX_EACH:
            work.close()
            text = f"at most {RUNNING_MAX_CALLS} calls are worked on at the same time, {RUNNING_MAX_EACH} of one caller"
            self._refuse(call, LimitExceededError(text))
            return
        self._running += 1
        self._running_of[sender] += 1
        self._quiet.clear()

        def end(_: object) -> None:
            work.close()  # a task that is cancelled before its first step never awaited it
            self._running -= 1
            self._running_of[sender] -= 1
            if not self._running_of[sender]:
                del self._running_of[sender]
            self._note_quiet()

        self._spawn(self._run(call, work, route)).add_done_callback(end)

    async def _run(self, call: Message, work: Coroutine[Any, Any, Result], route: Route) -> None:
        """Work on one call in a task of its own and reply when it is done."""
        try:
            reply = method_return(call, route.returns, await work or [])
        except Exception as failure:  # noqa: BLE001 - the edge of the bus, as in _dispatch
            reply = refusal(call, failure)
        if expects_reply(call):
            self._send(call, reply)

    def _send(self, call: Message, reply: Message) -> None:
        """Send a reply; one that does not fit its signature is a fault of the handler and answered as such."""
        try:
            self._connection.send(reply)
        except Exception as failure:  # noqa: BLE001 - the edge of the bus, as in _dispatch
            self._connection.send(refusal(call, failure))

    def _park(self, call: Message) -> None:
        """Keep a call until its caller is known; the first one of a caller asks who it is."""
        is_first = self._parked.add(call)
        if self._parked.is_full and not self._is_held:
            self._is_held = True
            self._connection.hold()
        if is_first:
            self._quiet.clear()
            self._spawn(self._identify(call.sender))

    async def _identify(self, sender: str) -> None:
        """Find out who a caller is and run what it has called. What that raises is this caller's alone: it would end the task group."""
        try:
            await self._run_parked(sender)
        except Exception as failure:  # noqa: BLE001 - the edge of the bus, as in _dispatch
            _log.error("internal error in the work for one caller: %s", place(failure))
        finally:
            self._resume()

    async def _run_parked(self, sender: str) -> None:
        """Run what a caller has called before it was known; one that has left is not heard."""
        queue = self._queues[sender]
        try:
            caller = await self._callers.identify(sender)
            begin = thread_time()
            while queue and caller is not None:
                before = thread_time()
                self._dispatch(caller, self._parked.take(queue))
                if thread_time() - before > LONG_CALL_S:
                    self._connection.block(sender)
                if len(self._replies) >= PARKED_STEP_CALLS or thread_time() - begin > TURN_S:
                    await self._relieve()
                    begin = thread_time()
        except Exception as failure:  # noqa: BLE001 - the edge of the bus, as in _dispatch
            for call, _ in queue:
                self._refuse(call, failure)
        finally:
            self._parked.drop(sender)
            self._connection.unblock(sender)
            self._note_quiet()
        self._settle()

    async def _relieve(self) -> None:
        """Send what parked calls were answered so far, let others have their turn, and wait while too much of it is not read by anyone."""
        self._settle()
        self._resume()
        await asyncio.sleep(0)
        while self._connection.backlog > UNSENT_HIGH_BYTES:
            with suppress(TimeoutError, BusLostError):
                await self._connection.drained(BUS_TIMEOUT_S)

    def _resume(self) -> None:
        if self._is_held and not self._parked.is_full:
            self._is_held = False
            self._connection.resume()

    def _note_quiet(self) -> None:
        if not self._running and not self._queues:
            self._quiet.set()


def refusal(call: Message, failure: Exception) -> Message:
    """The error that answers a failed call: our own errors by name and text; anything else says nothing, and the journal has the place."""
    if isinstance(failure, TelemetrydError):
        return error(call, failure.bus_name, str(failure))
    _log.error("internal error: %s", place(failure))
    return error(call, INTERNAL, INTERNAL_TEXT)

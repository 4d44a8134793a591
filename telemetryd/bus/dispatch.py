"""Answers every call of one connection: identifies the caller, finds the member, runs it and replies in order.

The replies of a batch, errors included, wait in the order of their calls until the batch is committed (`finish`). Then one write carries
all. Calls of a caller that is not identified yet are pending, and their number and size are bounded.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import suppress
from functools import partial
from time import thread_time
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from telemetryd.bus.identity import Caller, Confinement
from telemetryd.bus.members import Handlers, MemberRoute, Members, Result
from telemetryd.bus.pending_calls import PendingCalls
from telemetryd.bus.transport import array_body
from telemetryd.bus.transport.library import Message, error, expects_reply, method_return
from telemetryd.core.limits import BUS_TIMEOUT_S, LONG_CALL_S, TURN_S, UNSENT_HIGH_BYTES
from telemetryd.engine.slices import Slices
from telemetryd.errors import INTERNAL, BusLostError, CallerLeftError, LimitExceededError, TelemetrydError
from telemetryd.redact import INTERNAL_TEXT, redacted_traceback

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from telemetryd.bus.interfaces import Interface

RUNNING_MAX_CALLS = 128
"""Most calls with a running task: a user has a handful of windows."""
RUNNING_MAX_EACH = 32
"""Most running calls of one caller, so that a flood cannot take every slot. A window makes a dozen calls at once."""

PENDING_STEP_CALLS = 16
"""Pending calls that are committed and answered together: their replies may be lists of a megabyte."""

POSTPONED_MAX_CALLS = 4096
"""Most replies that wait for a file before reading stops: some milliseconds of a flood, 1 MB."""

_LEFT = "the caller left the bus before its call was taken; the last call of a program has to wait for its reply"

_log = logging.getLogger(__name__)


class ConnectionPort(Protocol):
    """The part of a connection that is used here."""

    def acknowledge(self, sender: str, serial: int) -> None:
        """Send an empty reply."""

    def send(self, message: Message, body: bytes | None = None) -> None:
        """Send a message, with `body` in place of its own if that was marshalled before."""

    @property
    def backlog(self) -> int:
        """Unwritten bytes."""

    async def drained(self, timeout_s: float) -> None:
        """Return when everything is written."""

    def block(self, sender: str) -> None:
        """Hand over no more calls of a caller for now, because they take long."""

    def unblock(self, sender: str) -> None:
        """Hand over the calls of a caller again."""

    def forget(self, sender: str) -> None:
        """Drop the calls of a caller that are not handed over yet."""

    def hold(self) -> None:
        """Stop reading."""

    def resume(self) -> None:
        """Read again."""


class Identities(Protocol):
    """The identities of callers: see `callers.Callers`."""

    known: dict[str, Caller]

    async def identify(self, sender: str) -> Caller | None:
        """The caller with this unique name, or None if it has left the bus."""


C_co = TypeVar("C_co", bound=ConnectionPort, covariant=True)


class ConnectionFactory(Protocol[C_co]):
    """Makes a connection, which connects later."""

    def __call__(self, *, on_call: Callable[[Message], None], on_batch_end: Callable[[], None], on_dropped: Callable[[str], None]) -> C_co:
        """Make a connection that hands over each call, and reports the end of each batch with a call, and each call that it drops."""


class Dispatcher(Generic[C_co]):
    """Makes one connection and answers its calls for one object.

    `spawn` starts a task in the application's task group. `settle` commits everything since the last batch and then calls `finish` of its
    dispatcher. It is called at the end of a batch, and after pending calls, which belong to no batch. `on_refused` gets each call that is
    refused or dropped, and why. None stands for a call that could not be read.
    """

    def __init__(  # noqa: PLR0913 - the last three are by keyword: what the composition root puts in place
        self,
        connect: ConnectionFactory[C_co],
        interface: Interface,
        handlers: Handlers,
        *,
        callers: Identities,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        settle: Callable[[Dispatcher[C_co]], None],
        on_refused: Callable[[Message | None, Exception], None] | None = None,
    ) -> None:
        self._members = Members(interface, handlers)
        self._routes = self._members.by_signature()
        self._callers = callers
        self._known = callers.known
        self._spawn = spawn
        self._settle = partial(settle, self)
        self._on_refused = on_refused
        self._replies: list[tuple[Message, Message | None, bool]] = []
        self._slices = Slices()
        self._pending = PendingCalls()
        self._queues = self._pending.queues
        self._is_held = self._is_postponed = False
        self._running = 0
        self._running_of: Counter[str] = Counter()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self.connection = connect(on_call=self.on_call, on_batch_end=self._settle, on_dropped=self._note_dropped)

    def on_call(self, call: Message) -> None:
        """Take one call. `finish` sends its reply, or its task does when it is done."""
        sender = call.sender
        caller = self._known.get(sender)
        if caller is None or sender in self._queues:
            self._add_pending(call)
        else:
            self._dispatch(caller, call)

    def finish(self, failure: TelemetrydError | None = None) -> None:
        """Send the replies of the batch. A failure of the commit answers every call that needed it."""
        replies, self._replies = self._replies, []
        if self._is_postponed:
            self._is_postponed = False
            self.connection.resume()
        for call, reply, awaits_commit in replies:
            if awaits_commit and failure is not None:
                self.connection.send(refusal(call, failure))
            elif reply is None:
                self.connection.acknowledge(call.sender, call.serial)
            else:
                self._send(call, reply)

    def postpone(self) -> None:
        """Send the replies that need no commit, because the files cannot be written for a moment. All others wait, kept or refused.

        If many wait, reading stops until `finish` sends them.
        """
        replies, self._replies = self._replies, []
        for row in replies:
            call, reply, awaits_commit = row
            if awaits_commit:
                self._replies.append(row)
            elif reply is None:
                self.connection.acknowledge(call.sender, call.serial)
            else:
                self._send(call, reply)
        if len(self._replies) >= POSTPONED_MAX_CALLS and not self._is_postponed:
            self._is_postponed = True
            self.connection.hold()

    def forget(self, sender: str) -> None:
        """Drop all waiting calls of a caller that has left the bus."""
        self.connection.forget(sender)
        self._note_left(sender)
        self._pending.empty(sender)
        self._resume()

    @property
    def is_quiet(self) -> bool:
        """Whether no call is pending or running."""
        return self._quiet.is_set()

    async def wait_until_quiet(self) -> None:
        """Return when no call is pending or running, so that the connection may be closed."""
        await self._quiet.wait()

    def _dispatch(self, caller: Caller, call: Message) -> None:
        """Run one call. The hot path is one lookup by (path, interface, member, signature)."""
        try:
            route = self._routes.get((call.path, call.interface, call.member, call.signature)) or self._members.route(caller, call)
            if caller.kind is not Confinement.HOST and route.guard is not None:
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
        if self._on_refused is not None:
            self._on_refused(call, failure)
        if expects_reply(call):
            self._replies.append((call, refusal(call, failure), False))

    def _note_left(self, sender: str) -> None:
        """Report the pending calls of a caller that has left: nobody is there to be answered."""
        if self._on_refused is not None:
            for call, _ in self._queues.get(sender, ()):
                self._on_refused(call, CallerLeftError(_LEFT))

    def _note_dropped(self, text: str) -> None:
        """Report a call that the connection refused itself."""
        if self._on_refused is not None:
            self._on_refused(None, LimitExceededError(text))

    def _start(self, call: Message, work: Coroutine[Any, Any, Result], route: MemberRoute) -> None:
        sender = call.sender
        if self._running >= RUNNING_MAX_CALLS or self._running_of[sender] >= RUNNING_MAX_EACH:
            work.close()
            text = f"at most {RUNNING_MAX_CALLS} calls run at the same time, {RUNNING_MAX_EACH} of one caller"
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

    async def _run(self, call: Message, work: Coroutine[Any, Any, Result], route: MemberRoute) -> None:
        """Run one call in a task of its own, and reply when it is done."""
        marshalled = None
        try:
            body = await work or []
            if _is_long(body) and array_body.is_marshalled_here(route.returns) and expects_reply(call):  # others are answered meanwhile
                (marshalled,) = await self._slices.run(array_body.marshal_steps(route.returns, body[0]))
                body = [[]]
            reply = method_return(call, route.returns, body)
        except Exception as failure:  # noqa: BLE001 - the edge of the bus, as in _dispatch
            if self._on_refused is not None:
                self._on_refused(call, failure)
            reply = refusal(call, failure)
        if expects_reply(call):
            self._send(call, reply, marshalled)

    def _send(self, call: Message, reply: Message, body: bytes | None = None) -> None:
        """Send a reply. If it does not fit its signature, the handler is at fault, and the caller gets an internal error."""
        try:
            self.connection.send(reply, body)
        except Exception as failure:  # noqa: BLE001 - the edge of the bus, as in _dispatch
            self.connection.send(refusal(call, failure))

    def _add_pending(self, call: Message) -> None:
        """Keep a call until its caller is identified. The first call of a caller starts that."""
        is_first = self._pending.add(call)
        if self._pending.has_enough(call.sender):
            asyncio.get_running_loop().call_soon(self._block_pending, call.sender)  # not within the batch, which is half read
        if self._pending.is_full and not self._is_held:
            self._is_held = True
            self.connection.hold()
        if is_first:
            self._quiet.clear()
            self._spawn(self._identify(call.sender))

    def _block_pending(self, sender: str) -> None:
        """Let a caller's further calls wait in the connection until it is identified, so that calls of others pass them."""
        if sender in self._queues:
            self.connection.block(sender)

    async def _identify(self, sender: str) -> None:
        """Identify a caller and run its calls. An exception must not leave this task, or it would end the task group."""
        try:
            await self._run_pending(sender)
        except Exception as failure:  # noqa: BLE001 - the edge of the bus, as in _dispatch
            _log.error("internal error in the work for one caller: %s", redacted_traceback(failure))
        finally:
            self._resume()

    async def _run_pending(self, sender: str) -> None:
        """Identify a caller and run its pending calls. Those of a caller that has left are dropped."""
        queue = self._queues[sender]
        try:
            caller = await self._callers.identify(sender)
            if caller is None:
                self._note_left(sender)
            begin = thread_time()
            while queue and caller is not None:
                before = thread_time()
                self._dispatch(caller, self._pending.take(queue))
                if queue and thread_time() - before > LONG_CALL_S:
                    self.connection.block(sender)
                if len(self._replies) >= PENDING_STEP_CALLS or thread_time() - begin > TURN_S:
                    await self._send_answered()
                    begin = thread_time()
        except Exception as failure:  # noqa: BLE001 - the edge of the bus, as in _dispatch
            for call, _ in queue:
                self._refuse(call, failure)
        finally:
            self._pending.drop(sender)
            self.connection.unblock(sender)
            self._note_quiet()
        self._settle()

    async def _send_answered(self) -> None:
        """Send the replies so far, let other tasks run, and wait while too much output is unread."""
        self._settle()
        self._resume()
        await asyncio.sleep(0)
        while self.connection.backlog > UNSENT_HIGH_BYTES:
            with suppress(TimeoutError, BusLostError):
                await self.connection.drained(BUS_TIMEOUT_S)

    def _resume(self) -> None:
        if self._is_held and not self._pending.is_full:
            self._is_held = False
            self.connection.resume()

    def _note_quiet(self) -> None:
        if not self._running and not self._queues:
            self._quiet.set()


def _is_long(body: list[Any]) -> bool:
    return len(body) == 1 and isinstance(body[0], list) and len(body[0]) > array_body.ROWS


def refusal(call: Message, failure: Exception) -> Message:
    """The error for a failed call: our own errors by name and text. Anything else gets a fixed text, and the journal has the traceback."""
    if isinstance(failure, TelemetrydError):
        return error(call, failure.bus_name, str(failure))
    _log.error("internal error: %s", redacted_traceback(failure))
    return error(call, INTERNAL, INTERNAL_TEXT)

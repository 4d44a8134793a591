"""One connection to the session bus that no load, silence or loss of the other side can upset, the same for both libraries.

A readable event is one batch: the library's reader runs under a budget and hands over each call, the end of the batch is told (that is
where the daemon commits and replies), and everything that was sent leaves in one write. What is sent between batches leaves together at
the end of the loop's turn. While too much output is unsent, or someone asks for it, nothing is read.

Descriptors of calls and signals are closed when the handler returns; those of a reply belong to whoever asked.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from telemetryd.bus.transport.address import session_bus, sockets
from telemetryd.bus.transport.library import BUS, Message, MessageFlag, MessageType, bus_call, error, expects_reply
from telemetryd.bus.transport.output import ReplyTemplates, marshalled
from telemetryd.bus.transport.pump import Flow
from telemetryd.bus.transport.wire import Wire
from telemetryd.core.limits import BUS_TIMEOUT_S, MESSAGE_MAX_BYTES, MESSAGE_MAX_VALUES, QUEUED_CALLER_BYTES
from telemetryd.errors import INTERNAL, STANDARD, BusCallError, BusLostError
from telemetryd.redact import INTERNAL_TEXT, place

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetryd.bus.transport.framing import Oversized
    from telemetryd.bus.transport.sender_queues import Refused

_CALL, _SIGNAL, _ERROR = MessageType.METHOD_CALL, MessageType.SIGNAL, MessageType.ERROR
_DO_NOT_QUEUE = 4
_OWNER = (1, 4)  # what RequestName answers: primary owner now, or before already
_LAST_SERIAL = 0xFFFF_FFFF
_HELLO_SERIAL = 1  # Hello is the only message that the library sends by itself
_NO_OWNER = STANDARD + "NameHasNoOwner"
_MOST_BYTES = f"a message has at most {MESSAGE_MAX_BYTES} bytes"
_MOST_VALUES = f"a message has at most {MESSAGE_MAX_VALUES} values, where a text counts twice and a variant three times"
_MOST_WAITING = f"calls of at most {QUEUED_CALLER_BYTES} bytes wait for one caller"
_GONE = "the connection to the session bus is gone"

_log = logging.getLogger(__name__)


class Edge:
    """One connection. `on_call` gets every method call, whatever its path and interface, and answers it by `acknowledge` or `send`.

    `on_batch_end` is called after each batch that held a call. What the handlers raise stays here: the caller gets a fixed error, the log
    the place. Without `on_call`, calls are refused. For tests are `address`, else the environment's session bus, and how long `ask` waits.
    """

    def __init__(  # noqa: PLR0913 - by keyword: what the composition root puts in place
        self,
        *,
        on_call: Callable[[Message], None] | None = None,
        on_signal: Callable[[Message], None] | None = None,
        on_batch_end: Callable[[], None] | None = None,
        descriptors: bool = False,
        address: str | None = None,
        patience_s: float = BUS_TIMEOUT_S,
    ) -> None:
        self._on_call = on_call or self._refuse
        self._on_signal = on_signal
        self._on_batch_end = on_batch_end
        self._descriptors = descriptors
        self._address, self._patience_s = address, patience_s
        self._wire = Wire(self._on_message, self._on_oversized)
        self._flow = Flow(self._wire, self._end_batch, self._lose, None if descriptors else self._on_refused)
        self._templates = ReplyTemplates()
        self._pending: dict[int, tuple[str | None, asyncio.Future[Message]]] = {}
        self._serial = _HELLO_SERIAL
        self._is_open = self._has_calls = False
        self._is_closed = asyncio.Event()

    async def connect(self) -> None:
        """Connect to the bus. BusLostError says why that is not possible; an Edge connects once."""
        try:
            addresses = sockets(self._address or session_bus(os.environ))
            async with asyncio.timeout(BUS_TIMEOUT_S):
                await self._wire.connect(addresses, self._flow.on_readable, descriptors=self._descriptors)
        except BaseException as failure:
            self._wire.close()
            if not isinstance(failure, Exception):
                raise
            reason = "it does not answer" if isinstance(failure, TimeoutError) else " ".join(str(failure).split()) or type(failure).__name__
            raise BusLostError(f"cannot connect to the session bus: {reason}") from failure
        self._is_open = True
        self._flow.start()

    @property
    def unique_name(self) -> str:
        """This connection's name on the bus, such as `:1.42`."""
        return self._wire.unique_name

    async def ask(self, message: Message) -> Message:
        """The reply to a call. Raises BusCallError for an error, TimeoutError for silence, BusLostError if the connection goes.

        While reading is held no reply can arrive: questions on which a hold depends go over another connection.
        """
        self._check_open()
        message.serial = self._next_serial()
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._pending[message.serial] = message.destination, answer
        try:
            self.send(message)
            async with asyncio.timeout(self._patience_s):
                reply = await answer
        except BaseException:
            if answer.done() and not answer.cancelled() and not answer.exception():
                _close_descriptors(answer.result())  # it came in the moment in which we gave up
            raise
        finally:
            del self._pending[message.serial]
        if reply.message_type is _ERROR:
            _close_descriptors(reply)
            text = reply.body[0] if reply.body and isinstance(reply.body[0], str) else ""
            raise BusCallError(reply.error_name or "", text)
        return reply

    async def own(self, name: str) -> bool:
        """Take a name; False if it belongs to another connection: we do not queue for it."""
        reply = await self.ask(bus_call("RequestName", "su", [name, _DO_NOT_QUEUE]))
        return reply.body[0] in _OWNER

    async def release(self, name: str) -> None:
        """Give a name back. Every call that the bus has routed to us by this name has been handed over when this returns."""
        await self.ask(bus_call("ReleaseName", "s", [name]))
        await self._flow.handed_over()

    async def owner_of(self, name: str) -> str | None:
        """The unique name of a name's owner."""
        try:
            reply = await self.ask(bus_call("GetNameOwner", "s", [name]))
        except BusCallError as failure:
            if failure.name == _NO_OWNER:
                return None
            raise
        return str(reply.body[0])

    def acknowledge(self, sender: str, serial: int) -> None:
        """Answer a call with an empty reply."""
        if self._is_open:
            self._flow.add(self._templates.reply(sender, self._next_serial(), serial))

    def send(self, message: Message) -> None:
        """Send a message. Raises, and sends nothing, if the body does not fit the signature. Does nothing once the bus is lost."""
        if not self._is_open:
            return
        if not message.serial:
            message.serial = self._next_serial()
        data = marshalled(message, descriptors=self._descriptors)
        self._flow.add(data, message.unix_fds if self._descriptors else ())
        self._flow.bound_batch()

    def block(self, sender: str) -> None:
        """Calls of a caller take long, and earlier ones are worked on: hand over none until `unblock`, refuse where too many wait."""
        self._flow.block(sender)

    def unblock(self, sender: str) -> None:
        """Hand over the calls of a caller again."""
        self._flow.unblock(sender)

    def forget(self, sender: str) -> None:
        """Drop the calls that wait of a caller that has left the bus."""
        self._flow.forget(sender)

    def hold(self) -> None:
        """Stop reading until `resume` has been called as often. What has been received already is still handed over."""
        self._flow.hold()

    def resume(self) -> None:
        """Take back one `hold`."""
        self._flow.resume()

    @property
    def backlog(self) -> int:
        """Bytes that are not written yet."""
        return self._flow.backlog

    async def drained(self, timeout_s: float) -> None:
        """Return when everything is written. Raises TimeoutError, or BusLostError."""
        async with asyncio.timeout(timeout_s):
            await self._flow.written()
        self._check_open()

    async def wait_closed(self) -> None:
        """Return when the connection is lost or closed."""
        await self._is_closed.wait()

    @property
    def is_broken(self) -> bool:
        """Whether the connection ended because something on it could not be read: not the bus ended it."""
        return self._wire.fault is not None

    @property
    def loss(self) -> str:
        """Why the connection is gone."""
        fault = self._wire.fault
        return f"what came from the session bus cannot be read: {place(fault)}" if fault else "the session bus closed the connection"

    async def disconnect(self) -> None:
        """Write what can be written at once, and close. Harmless if the connection is gone already."""
        self._flow.flush()
        self._lose()

    def _on_message(self, message: Message) -> bool:
        """Hand over one message; True keeps it from the library's own handlers."""
        kind = message.message_type
        if kind is _CALL:
            self._has_calls = True
            handler: Callable[[Message], None] | None = self._on_call
        elif kind is _SIGNAL:
            handler = self._on_signal
        else:
            return self._on_reply(message)
        try:
            if handler is not None:
                handler(message)
        except Exception as failure:  # noqa: BLE001 - the edge of the bus: the library would send the text to the caller
            _log.error("internal error: %s", place(failure))
            if kind is _CALL and expects_reply(message):
                self.send(error(message, INTERNAL, INTERNAL_TEXT))
        if message.unix_fds:
            _close_descriptors(message)
        return True

    def _on_oversized(self, message: Oversized) -> None:
        """A message that is too long or holds too much was dropped as it came in; a caller is told."""
        if message.kind == _CALL.value and message.sender and not message.flags & MessageFlag.NO_REPLY_EXPECTED.value:
            self._tell_limit(message.sender, message.serial, _MOST_VALUES if message.is_heavy else _MOST_BYTES)

    def _on_refused(self, refused: Refused) -> None:
        """A call was dropped when its turn came; its caller is told."""
        if refused.sender:
            self._tell_limit(refused.sender, refused.serial, _MOST_VALUES if refused.is_heavy else _MOST_WAITING)

    def _tell_limit(self, sender: str, serial: int, text: str) -> None:
        call = Message(message_type=_CALL, path="/", member="_", sender=sender, serial=serial)
        self.send(error(call, STANDARD + "LimitsExceeded", text))

    def _on_reply(self, reply: Message) -> bool:
        """Give a reply to whoever asked. What the bus was asked only the bus may answer: anyone can send a reply with a guessed serial."""
        destination, answer = self._pending.get(reply.reply_serial or 0, (None, None))
        if answer is None or answer.done() or (destination == BUS and reply.sender != BUS):
            _close_descriptors(reply)
            return self._is_open  # the first reply, to Hello, is the library's
        answer.set_result(reply)
        return True

    def _end_batch(self) -> None:
        has_calls, self._has_calls = self._has_calls, False
        if not has_calls or self._on_batch_end is None:
            return
        try:
            self._on_batch_end()
        except Exception as failure:  # noqa: BLE001 - the edge of the bus: the loop's own report would hold the text
            _log.error("internal error at the end of a batch: %s", place(failure))

    def _refuse(self, call: Message) -> None:
        if expects_reply(call):
            self.send(error(call, STANDARD + "UnknownObject", "nothing can be called on this connection"))

    def _next_serial(self) -> int:
        self._serial = self._serial % _LAST_SERIAL + 1
        return self._serial

    def _check_open(self) -> None:
        if not self._is_open:
            raise BusLostError(_GONE)

    def _lose(self) -> None:
        """The connection is gone, by whatever side: everyone who waits for it is told."""
        if not self._is_open:
            return
        self._is_open = False
        self._flow.stop()
        for _, answer in self._pending.values():
            if not answer.done():
                answer.set_exception(BusLostError(_GONE))
        self._is_closed.set()


def _close_descriptors(message: Message) -> None:
    for descriptor in message.unix_fds or ():
        with suppress(OSError):
            os.close(descriptor)

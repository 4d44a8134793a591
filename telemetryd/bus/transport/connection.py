"""One connection to the session bus, with equal behaviour for both libraries under load, silence and loss of the other side.

A readable event is one batch. The library's reader runs within a budget and hands over each call. At the end of the batch the daemon
commits and replies, and all output is sent in one write. Output between batches is sent together at the end of the loop's turn. Nothing is
read while too much output is unsent, or after `hold`.

Descriptors of calls and signals are closed when the handler returns. Those of a reply belong to the caller of `ask`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from telemetryd.bus.transport import array_body
from telemetryd.bus.transport.address import session_bus, sockets
from telemetryd.bus.transport.framing import RemovalCause, WantedMessages
from telemetryd.bus.transport.library import BUS, Message, MessageFlag, MessageType, bus_call, error, expects_reply
from telemetryd.bus.transport.output import ReplyTemplates, marshalled
from telemetryd.bus.transport.pump import Pump
from telemetryd.bus.transport.wire import Wire
from telemetryd.core.limits import BUS_TIMEOUT_S, MESSAGE_MAX_BYTES, MESSAGE_MAX_VALUES, QUEUED_CALLER_BYTES
from telemetryd.errors import INTERNAL, STANDARD, BusCallError, BusLostError, UnusableLibraryError
from telemetryd.redact import INTERNAL_TEXT, redacted_traceback

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetryd.bus.transport.framing import MessageOrigin, Removed
    from telemetryd.bus.transport.sender_queues import Refused

_CALL, _SIGNAL, _ERROR = MessageType.METHOD_CALL, MessageType.SIGNAL, MessageType.ERROR
_DO_NOT_QUEUE = 4
_OWNER = (1, 4)  # what RequestName answers: primary owner now, or before already
_LAST_SERIAL = 0xFFFF_FFFF
_HELLO_SERIAL = 1  # Hello is the only message that the library sends by itself
_NOTHING_HERE = STANDARD + "UnknownObject", "nothing can be called on this connection"
_NO_OWNER = STANDARD + "NameHasNoOwner"
_MOST_BYTES = f"a message has at most {MESSAGE_MAX_BYTES} bytes"
_MOST_VALUES = (
    f"a message has at most {MESSAGE_MAX_VALUES} values, where a text counts as 2, a struct as 6, and an array or a variant as 12, "
    "and each character of a variant's type as one more"
)
_MOST_WAITING = f"calls of at most {QUEUED_CALLER_BYTES} bytes wait for one caller"
_LOST = "the connection to the session bus is gone"

_log = logging.getLogger(__name__)


class Connection:
    """One connection. `on_call` gets every method call, whatever its path and interface, and answers it by `acknowledge` or `send`.

    `on_batch_end` is called after each batch with a call. `on_dropped` gets the reason for each call that is not handed over, because it is
    too long or too many wait. If a handler raises, the caller gets a fixed error, and the log a traceback without values.

    What nobody waits for is removed as it arrives: replies to no call of ours, signals without `on_signal`, and with `bus_only` those of
    anyone but the bus. Without `on_call`, calls are refused there too. Tests set `address`, and with `patience_s` how long `ask` waits.
    """

    def __init__(  # noqa: PLR0913 - by keyword: what the composition root puts in place
        self,
        *,
        on_call: Callable[[Message], None] | None = None,
        on_signal: Callable[[Message], None] | None = None,
        on_batch_end: Callable[[], None] | None = None,
        on_dropped: Callable[[str], None] = lambda _: None,
        bus_only: bool = False,
        descriptors: bool = False,
        address: str | None = None,
        patience_s: float = BUS_TIMEOUT_S,
    ) -> None:
        self._on_call, self._on_signal = on_call, on_signal
        self._is_bus_only = bus_only
        self._on_batch_end, self._on_dropped = on_batch_end, on_dropped
        self._descriptors = descriptors
        self._address, self._patience_s = address, patience_s
        self._wire = Wire(self._on_message, self._on_removed, WantedMessages(on_call is not None, self._is_wanted))
        self._pump = Pump(self._wire, self._end_batch, self._end, None if descriptors else self._on_refused)
        self._templates, self._refusals = ReplyTemplates(), ReplyTemplates(*_NOTHING_HERE)
        self._pending: dict[int, tuple[str | None, asyncio.Future[Message]]] = {}
        self._serial = _HELLO_SERIAL
        self._is_open = self._has_calls = False
        self._is_closed = asyncio.Event()

    async def connect(self) -> None:
        """Connect to the bus, once for each Connection. Raises BusLostError or UnusableLibraryError with the reason."""
        try:
            addresses = sockets(self._address or session_bus(os.environ))
            async with asyncio.timeout(BUS_TIMEOUT_S):
                await self._wire.connect(addresses, self._pump.on_readable, descriptors=self._descriptors)
        except BaseException as failure:
            self._wire.close()
            if not isinstance(failure, Exception) or isinstance(failure, UnusableLibraryError):
                raise
            reason = "it does not answer" if isinstance(failure, TimeoutError) else " ".join(str(failure).split()) or type(failure).__name__
            raise BusLostError(f"cannot connect to the session bus: {reason}") from failure
        self._is_open = True
        self._pump.start()

    @property
    def unique_name(self) -> str:
        """This connection's name on the bus, such as `:1.42`."""
        return self._wire.unique_name

    async def ask(self, message: Message) -> Message:
        """The reply to a call. Raises BusCallError for an error, TimeoutError for silence, BusLostError if the connection is lost.

        While reading is held no reply can arrive, so queries that a hold depends on must use another connection.
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
                _close_descriptors(answer.result())  # the reply arrived just when the wait ended, so nobody else closes them
            raise
        finally:
            del self._pending[message.serial]
        if reply.message_type is _ERROR:
            _close_descriptors(reply)
            text = reply.body[0] if reply.body and isinstance(reply.body[0], str) else ""
            raise BusCallError(reply.error_name or "", text)
        return reply

    async def own(self, name: str) -> bool:
        """Own a name. False if another connection owns it: we do not queue for it."""
        reply = await self.ask(bus_call("RequestName", "su", [name, _DO_NOT_QUEUE]))
        return reply.body[0] in _OWNER

    async def release(self, name: str) -> None:
        """Release a name. When this returns, every call that the bus sent us by this name has been handed over."""
        await self.ask(bus_call("ReleaseName", "s", [name]))
        await self._pump.wait_handed_over()

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
            self._serial = own = self._serial % _LAST_SERIAL + 1  # `_next_serial`, without a call on the way of each sample
            self._pump.add(self._templates.reply(sender, own, serial))

    def send(self, message: Message, body: bytes | None = None) -> None:
        """Send a message, with `body` in place of its own if that was marshalled before (array_body.py). After the bus is lost, do nothing.

        If the message's own body does not fit the signature, it raises and sends nothing.
        """
        if not self._is_open:
            return
        if not message.serial:
            message.serial = self._next_serial()
        data = marshalled(message, descriptors=self._descriptors)
        if body is not None:
            data = array_body.with_body(data, body)
        self._pump.add_bounded(data, message.unix_fds if self._descriptors else ())

    def block(self, sender: str) -> None:
        """Hand over no calls of a caller until `unblock`, because its calls take long. If too many wait, further ones are refused."""
        self._pump.block(sender)

    def unblock(self, sender: str) -> None:
        """Hand over the calls of a caller again."""
        self._pump.unblock(sender)

    def forget(self, sender: str) -> None:
        """Drop the waiting calls of a caller that has left the bus."""
        self._pump.forget(sender)

    def hold(self) -> None:
        """Stop reading until `resume` has been called as often. Messages that were received already are still handed over."""
        self._pump.hold()

    def resume(self) -> None:
        """Take back one `hold`."""
        self._pump.resume()

    @property
    def backlog(self) -> int:
        """Unwritten bytes."""
        return self._pump.backlog

    async def drained(self, timeout_s: float) -> None:
        """Return when everything is written. Raises TimeoutError, or BusLostError."""
        async with asyncio.timeout(timeout_s):
            await self._pump.wait_written()
        self._check_open()

    async def wait_closed(self) -> None:
        """Return when the connection is lost or closed."""
        await self._is_closed.wait()

    @property
    def is_broken(self) -> bool:
        """Whether the connection ended because its input could not be read, and not by the bus."""
        return self._wire.fault is not None

    @property
    def loss(self) -> str:
        """Why the connection was lost."""
        fault = self._wire.fault
        if fault:
            return f"data from the session bus cannot be read: {redacted_traceback(fault)}"
        return "the session bus closed the connection"

    async def disconnect(self) -> None:
        """Write what can be written at once, and close. Harmless if the connection is lost already."""
        self._pump.flush()
        self._end()

    def _on_message(self, message: Message) -> bool:
        """Hand over one message. True keeps it from the library's own handlers, which would answer with texts of their own."""
        kind = message.message_type
        if kind is _CALL:
            self._has_calls = True
            handler = self._on_call
        elif kind is _SIGNAL:
            handler = self._on_signal
        else:
            return self._on_reply(message)
        try:
            if handler is not None:
                handler(message)
        except Exception as failure:  # noqa: BLE001 - the edge of the bus: the library would send the text to the caller
            _log.error("internal error: %s", redacted_traceback(failure))
            if kind is _CALL and expects_reply(message):
                self.send(error(message, INTERNAL, INTERNAL_TEXT))
        if message.unix_fds:
            _close_descriptors(message)
        return True

    def _is_wanted(self, origin: MessageOrigin) -> bool:
        """Whether anybody waits for a reply or a signal."""
        if origin.kind == _SIGNAL.value:
            return self._on_signal is not None and (not self._is_bus_only or origin.sender == BUS)
        return self._is_awaited(origin.reply_serial, origin.sender)

    def _on_removed(self, call: Removed) -> None:
        """Answer a call that was removed while it was received."""
        expects_answer = bool(call.sender) and not call.flags & MessageFlag.NO_REPLY_EXPECTED.value
        if call.fault is not RemovalCause.UNWANTED:
            text = _MOST_VALUES if call.fault is RemovalCause.HEAVY else _MOST_BYTES
            self._on_dropped(text)
            if expects_answer:
                self._send_limit_error(call.sender, call.serial, text)
        elif expects_answer and self._is_open:
            self._pump.add_bounded(self._refusals.reply(call.sender, self._next_serial(), call.serial))

    def _on_refused(self, refused: Refused) -> None:
        """Answer a call that was dropped when its turn came."""
        text = _MOST_VALUES if refused.is_heavy else _MOST_WAITING
        self._on_dropped(text)
        if refused.sender:
            self._send_limit_error(refused.sender, refused.serial, text)

    def _send_limit_error(self, sender: str, serial: int, text: str) -> None:
        call = Message(message_type=_CALL, path="/", member="_", sender=sender, serial=serial)
        self.send(error(call, STANDARD + "LimitsExceeded", text))

    def _is_awaited(self, reply_serial: int, sender: str) -> bool:
        """Whether a reply is waited for. One to a call of the bus must come from the bus: anyone can send a guessed serial.

        Until the connection is open, the library waits for the reply to Hello, and others do not know our name.
        """
        if not self._is_open:
            return True
        destination, answer = self._pending.get(reply_serial, (None, None))
        return answer is not None and not answer.done() and (destination != BUS or sender == BUS)

    def _on_reply(self, reply: Message) -> bool:
        """Give a reply to the waiting `ask`."""
        serial = reply.reply_serial or 0
        if self._is_open and self._is_awaited(serial, reply.sender):
            self._pending[serial][1].set_result(reply)
        else:
            _close_descriptors(reply)
        return self._is_open  # the reply to Hello is the library's

    def _end_batch(self) -> None:
        has_calls, self._has_calls = self._has_calls, False
        if not has_calls or self._on_batch_end is None:
            return
        try:
            self._on_batch_end()
        except Exception as failure:  # noqa: BLE001 - the edge of the bus: the loop's own report would hold the text
            _log.error("internal error at the end of a batch: %s", redacted_traceback(failure))

    def _next_serial(self) -> int:
        self._serial = self._serial % _LAST_SERIAL + 1
        return self._serial

    def _check_open(self) -> None:
        if not self._is_open:
            raise BusLostError(_LOST)

    def _end(self) -> None:
        """End the connection, whichever side ended it, and wake everyone who waits for it."""
        if not self._is_open:
            return
        self._is_open = False
        self._pump.stop()
        for _, answer in self._pending.values():
            if not answer.done():
                answer.set_exception(BusLostError(_LOST))
        self._is_closed.set()


def _close_descriptors(message: Message) -> None:
    for descriptor in message.unix_fds or ():
        with suppress(OSError):
            os.close(descriptor)

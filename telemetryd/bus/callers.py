"""The identities of the connections on the bus, asked for once each and forgotten when they leave it.

Everything goes over the nameless connection: one whose reading pauses while its callers are identified could never hear the answer.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from telemetryd.bus.identity import LATE, Caller, Kind, unknown
from telemetryd.bus.process_checks import Looks
from telemetryd.bus.transport.library import BUS, MessageFlag, bus_call
from telemetryd.errors import STANDARD, BusCallError, BusLostError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from telemetryd.bus.transport.library import Message

_LEFT = STANDARD + "NameHasNoOwner"
_NOT_NOW = {STANDARD + name for name in ("NoReply", "Timeout", "TimedOut", "LimitsExceeded", "NoMemory")}
"""Errors that say nothing about the caller."""
_NOT_TOLD = unknown("the session bus does not say who it is")

MAX_KNOWN = 1024
"""Identities kept at once: a desktop has some 100 connections; the one known longest is asked for again."""


class Questions(Protocol):
    """The nameless connection, as far as it is needed here."""

    def send(self, message: Message) -> None:
        """Send without waiting for an answer."""

    def ask(self, message: Message) -> Awaitable[Message]:
        """The reply to a call. Raises BusCallError for an error, BusLostError or TimeoutError if none comes."""


class Callers:
    """Who is who. `known` is read by the dispatchers for every call; a name that is missing in it has to be identified first.

    A connection is watched from before it is asked about, by a match rule of its own, so that its leaving is never missed and the
    coming and going of all others wakes nobody.
    """

    def __init__(self, bus: Questions, known_max: int = MAX_KNOWN) -> None:
        self.known: dict[str, Caller] = {}
        self._bus = bus
        self._known_max = known_max
        self._watched: set[str] = set()
        self._looks = Looks()

    async def identify(self, sender: str) -> Caller | None:
        """The caller with this unique name, or None if it has left the bus: then nobody is there to be answered."""
        if sender in self.known:
            return self.known[sender]
        self._watch(sender)
        try:
            reply = await self._bus.ask(bus_call("GetConnectionCredentials", "s", [sender]))
        except BusCallError as refused:
            self._forget(sender)
            return None if refused.name == _LEFT else LATE if refused.name in _NOT_NOW else _NOT_TOLD
        except (BusLostError, TimeoutError):
            return LATE
        caller = await self._caller(reply)
        if sender in self._watched and caller.kind is not Kind.LATE:
            self._remember(sender, caller)
        return caller

    def on_signal(self, signal: Message) -> str | None:
        """Forget a connection that has left, and give its name; only the bus itself is believed."""
        if signal.sender == BUS and signal.member == "NameOwnerChanged" and signal.signature == "sss" and not signal.body[2]:
            left: str = signal.body[0]
            self._forget(left)
            return left
        return None

    async def _caller(self, reply: Message) -> Caller:
        """Who the credentials name; every descriptor that came along is closed."""
        try:
            credentials = {key: value.value for key, value in reply.body[0].items()}
            index = credentials.get("ProcessFD")
            if index is not None and index >= len(reply.unix_fds):
                return _NOT_TOLD
            return await self._looks.identify(credentials, None if index is None else reply.unix_fds[index])
        finally:
            for descriptor in reply.unix_fds:
                os.close(descriptor)

    def _remember(self, sender: str, caller: Caller) -> None:
        if len(self.known) >= self._known_max:
            self._forget(next(iter(self.known)))
        self.known[sender] = caller

    def _watch(self, sender: str) -> None:
        if sender not in self._watched:
            self._watched.add(sender)
            self._bus.send(_match("AddMatch", sender))

    def _forget(self, sender: str) -> None:
        self.known.pop(sender, None)
        if sender in self._watched:
            self._watched.discard(sender)
            self._bus.send(_match("RemoveMatch", sender))


def _match(member: str, sender: str) -> Message:
    rule = f"type='signal',sender='{BUS}',interface='{BUS}',member='NameOwnerChanged',arg0='{sender}',arg2=''"
    return bus_call(member, "s", [rule], MessageFlag.NO_REPLY_EXPECTED)

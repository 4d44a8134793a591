"""The identities of connections on the bus. Each is queried once and forgotten when the connection ends.

All queries use the nameless connection: a connection that stops reading while its callers are identified could not receive the reply.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from telemetryd.bus.identity import LATE, Caller, Confinement, unknown
from telemetryd.bus.process_checks import ProcessChecks
from telemetryd.bus.transport.library import BUS, MessageFlag, bus_call
from telemetryd.errors import STANDARD, BusCallError, BusLostError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from telemetryd.bus.transport.library import Message

_HAS_LEFT = STANDARD + "NameHasNoOwner"
_TRANSIENT = {STANDARD + name for name in ("NoReply", "Timeout", "TimedOut", "LimitsExceeded", "NoMemory")}
"""Errors that may pass: they say nothing about the caller."""
_NO_CREDENTIALS = unknown("the session bus does not say who it is")

MAX_KNOWN = 1024
"""Most identities in memory. A desktop has some 100 connections. The oldest entry is dropped, and queried again if needed."""


class DriverQuestions(Protocol):
    """The part of the nameless connection that is used here."""

    def send(self, message: Message) -> None:
        """Send without waiting for an answer."""

    def ask(self, message: Message) -> Awaitable[Message]:
        """The reply to a call. Raises BusCallError for an error, BusLostError or TimeoutError if none comes."""


class Callers:
    """The known callers. Dispatchers read `known` for every call. A name that is missing there has to be identified first.

    Each connection gets a match rule of its own before it is queried. So its leaving is never missed, and the leaving of all others does
    not wake the daemon.
    """

    def __init__(self, bus: DriverQuestions, known_max: int = MAX_KNOWN) -> None:
        self.known: dict[str, Caller] = {}
        self._bus = bus
        self._known_max = known_max
        self._watched: set[str] = set()
        self._process_checks = ProcessChecks()

    async def identify(self, sender: str) -> Caller | None:
        """The caller with this unique name, or None if it has left the bus."""
        if sender in self.known:
            return self.known[sender]
        self._watch(sender)
        try:
            reply = await self._bus.ask(bus_call("GetConnectionCredentials", "s", [sender]))
        except BusCallError as refused:
            self._forget(sender)
            return None if refused.name == _HAS_LEFT else LATE if refused.name in _TRANSIENT else _NO_CREDENTIALS
        except (BusLostError, TimeoutError):
            return LATE
        caller = await self._caller(reply)
        if sender in self._watched and caller.kind is not Confinement.LATE:
            self._remember(sender, caller)
        return caller

    def on_signal(self, signal: Message) -> str | None:
        """Forget a connection that has left, and return its name. Only signals of the bus itself count."""
        if signal.sender == BUS and signal.member == "NameOwnerChanged" and signal.signature == "sss" and not signal.body[2]:
            name: str = signal.body[0]
            self._forget(name)
            return name
        return None

    async def _caller(self, reply: Message) -> Caller:
        """The caller of these credentials. All descriptors of the reply are closed."""
        try:
            credentials = {key: value.value for key, value in reply.body[0].items()}
            index = credentials.get("ProcessFD")
            if index is not None and index >= len(reply.unix_fds):
                return _NO_CREDENTIALS
            return await self._process_checks.identify(credentials, None if index is None else reply.unix_fds[index])
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

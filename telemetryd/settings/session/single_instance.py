"""One window for a session: the first program owns `org.telemetryd.Settings` and shows what later ones ask for. Without Qt.

It has a thread of its own, which is there before Qt is loaded: a second start hands over and ends without loading it. Everyone on the
session bus may ask. Showing a page decides nothing.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING

from telemetryd.errors import STANDARD, BusCallError, BusLostError, InvalidArgumentsError, UnusableLibraryError
from telemetryd.settings.session.session_bus import Connection, Message, error, expects_reply, method_return
from telemetryd.settings.session.show_request import INTERFACE, NAME, PATH, ShowRequest, read_action, read_activation

if TYPE_CHECKING:
    from collections.abc import Callable

_INTROSPECTABLE, _PEER = "org.freedesktop.DBus.Introspectable", "org.freedesktop.DBus.Peer"
_INTROSPECTION = f"""\
<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
<node>
  <interface name="{INTERFACE}">
    <method name="Activate">
      <arg name="platform_data" type="a{{sv}}" direction="in"/>
    </method>
    <method name="Open">
      <arg name="uris" type="as" direction="in"/>
      <arg name="platform_data" type="a{{sv}}" direction="in"/>
    </method>
    <method name="ActivateAction">
      <arg name="action_name" type="s" direction="in"/>
      <arg name="parameter" type="av" direction="in"/>
      <arg name="platform_data" type="a{{sv}}" direction="in"/>
    </method>
  </interface>
  <interface name="{_INTROSPECTABLE}">
    <method name="Introspect">
      <arg name="xml_data" type="s" direction="out"/>
    </method>
  </interface>
  <interface name="{_PEER}">
    <method name="Ping"/>
  </interface>
</node>
"""
_SIGNATURES = {"Activate": "a{sv}", "Open": "asa{sv}", "ActivateAction": "sava{sv}"}
_PATIENCE_S = 10.0
"""Longest wait for one answer, of an owner that may be busy or of a program that the bus starts."""
_BEGIN_S, _END_S = 25.0, 15.0
"""Longest waits for the thread: for an owner that does not answer, and for the bus to start the next instance."""


class InstanceRole(Enum):
    """What a program is beside others of its kind."""

    FIRST = "it owns the name"
    HANDED_OVER = "another one owns the name, and was asked"
    ALONE = "there is no bus, so nobody can ask"


class SingleInstance:
    """Owns the name, or hands over. Requests wait until somebody takes them. Tests shorten the wait for an owner (`patience_s`)."""

    def __init__(self, patience_s: float = _PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._requests: queue.SimpleQueue[ShowRequest] = queue.SimpleQueue()
        self._role = InstanceRole.ALONE
        self._begun = threading.Event()
        self._told: Callable[[], object] = lambda: None
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self, request: ShowRequest) -> InstanceRole:
        """Own the name. If another program owns it, that program is asked to show the request."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(request)), name="instance", daemon=True)
        self._thread.start()
        self._begun.wait(_BEGIN_S)
        return self._role

    def wait(self, seconds: float) -> ShowRequest | None:
        """The next request, or None if none comes in time."""
        try:
            return self._requests.get(timeout=seconds)
        except queue.Empty:
            return None

    def take(self) -> list[ShowRequest]:
        """The requests that have come."""
        taken = []
        with suppress(queue.Empty):
            while True:
                taken.append(self._requests.get_nowait())
        return taken

    def tell(self, told: Callable[[], object]) -> None:
        """Have a function called in the thread after each request, and now for those that have come."""
        self._told = told
        told()

    def end(self) -> None:
        """Release the name. Who asked meanwhile, and was not shown anything, gets the next instance if the bus can start one."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended: the bus is gone
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_END_S)

    async def _run(self, request: ShowRequest) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        connection = Connection(on_call=lambda call: self._answer(connection, call), patience_s=self._patience_s)
        try:
            await connection.connect()
            self._role = await self._stand(connection, request)
        except (BusCallError, BusLostError, TimeoutError, UnusableLibraryError):
            self._role = InstanceRole.ALONE
        finally:
            self._begun.set()
        if self._role is InstanceRole.FIRST:
            await self._serve(connection)
        await connection.disconnect()

    async def _stand(self, connection: Connection, request: ShowRequest) -> InstanceRole:
        """Own the name or ask its owner. An owner that ends just now answers nothing: then it is tried once more."""
        for _ in range(2):
            if await connection.own(NAME):
                return InstanceRole.FIRST
            with suppress(BusCallError):
                await connection.ask(request.call())
                return InstanceRole.HANDED_OVER
        return InstanceRole.ALONE

    async def _serve(self, connection: Connection) -> None:
        stop, closed = asyncio.ensure_future(self._stop.wait()), asyncio.ensure_future(connection.wait_closed())
        await asyncio.wait((stop, closed), return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        closed.cancel()
        with suppress(BusCallError, BusLostError, TimeoutError):
            await connection.release(NAME)
            for late in self.take():
                await connection.ask(late.call())  # a bus drops a call for a program that it starts if the caller leaves

    def _answer(self, connection: Connection, call: Message) -> None:
        try:
            reply = self._reply(call)
        except InvalidArgumentsError as failure:
            reply = error(call, failure.bus_name, str(failure))
        if expects_reply(call):
            connection.send(reply)

    def _reply(self, call: Message) -> Message:
        """The reply to a call, whose request is kept."""
        member, interface = call.member or "", call.interface or INTERFACE
        if (interface, member) == (_PEER, "Ping"):
            return method_return(call)
        if (interface, member) == (_INTROSPECTABLE, "Introspect") and call.path == PATH:
            return method_return(call, "s", [_INTROSPECTION])
        if call.path != PATH:
            return error(call, STANDARD + "UnknownObject", f"the object is {PATH}")
        if interface != INTERFACE or member not in _SIGNATURES:
            return error(call, STANDARD + "UnknownMethod", f"the methods are those of {INTERFACE}")
        if call.signature != _SIGNATURES[member]:
            raise InvalidArgumentsError(f"expected arguments of the types '{_SIGNATURES[member]}'")
        self._requests.put(read_action(*call.body) if member == "ActivateAction" else read_activation(call.body[-1]))
        self._told()
        return method_return(call)

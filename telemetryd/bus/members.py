"""The members of one connection: the declared interface and the standard ones (Properties, Introspectable, Peer).

`Members.route` finds the route of a call, or raises the error that says what does not exist or which arguments were expected.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any

from telemetryd.bus.identity import Caller
from telemetryd.bus.interfaces import INTROSPECTABLE, PEER, PROPERTIES, Interface, Property
from telemetryd.bus.transport.library import Message, Variant
from telemetryd.engine.durability import rest
from telemetryd.errors import STANDARD, AccessDeniedError, InvalidArgumentsError, TelemetrydError
from telemetryd.named_tuple import NamedTuple

Result = list[Any] | None
"""The body of a reply. None is an empty one."""
Handler = Callable[[Caller, Message], Result | Coroutine[Any, Any, Result]]
"""Handles one method. An `async def` runs in a task of its own, so that other calls go on meanwhile."""
Setter = Callable[[Caller, Any], Result | Coroutine[Any, Any, Result]]
"""Takes a property's new value. Its type is checked (`u` takes any integer type, in 32 bits), its range is not."""
Guard = Callable[[Caller, Sequence[Any]], None]
"""Raises AccessDeniedError if the caller may not do this. It is called for callers outside the host only."""

_INTEGERS = "ynqiuxt"
_UINT32 = range(1 << 32)


class NoSuchMemberError(TelemetrydError):
    """A call to something that does not exist. It has the name of a standard error."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.bus_name = STANDARD + name


class Handlers(NamedTuple):
    """The handlers of an interface: one for each method, a getter for each property, a setter for each writable one.

    `snapshot` returns getters of one moment, for GetAll. Without it, `getters` are called one by one. `prepare` is awaited before each
    method and property, and `prepare_reading` with their names before properties are read.
    """

    methods: Mapping[str, Handler]
    getters: Mapping[str, Callable[[], Any]]
    setters: Mapping[str, Setter] = {}
    guard: Guard = lambda _caller, _arguments: None
    snapshot: Callable[[], Mapping[str, Callable[[], Any]]] | None = None
    prepare: Callable[[], Awaitable[None]] | None = None
    prepare_reading: Callable[[Collection[str]], Awaitable[None]] | None = None


class MemberRoute(NamedTuple):
    """The route of one member. With `awaits_commit` its success is reported only after the batch is committed."""

    handler: Handler
    takes: str
    returns: str
    awaits_commit: bool = False
    guard: Guard | None = None


class Members:
    """All members of one object, of the nodes above it, and of Peer, which exists at any path."""

    def __init__(self, interface: Interface, handlers: Handlers) -> None:
        self._interface = interface
        self._handlers = handlers
        declared = {
            name: MemberRoute(
                self._with_preparation(handlers.methods[name]), method.takes, method.returns, awaits_commit=True, guard=handlers.guard
            )
            for name, method in interface.methods.items()
        }
        node = {INTROSPECTABLE: {"Introspect": MemberRoute(self._introspect, "", "s")}, PEER: _PEER}
        self._node = node
        self._object = {interface.name: declared, PROPERTIES: self._properties(), **node}

    def by_signature(self) -> dict[tuple[str | None, str | None, str | None, str], MemberRoute]:
        """(path, interface, member, signature) → route of the object: one lookup finds the route and checks the call."""
        return {
            (self._interface.path, interface, member, route.takes): route
            for interface, routes in self._object.items()
            for member, route in routes.items()
        }

    def route(self, caller: Caller, call: Message) -> MemberRoute:
        """The route of a call that `by_signature` lacks: one without an interface, at another node, or a wrong one."""
        interfaces = self._at(call.path or "")
        if call.interface and call.interface not in interfaces:
            if interfaces == {PEER: _PEER}:
                raise NoSuchMemberError("UnknownObject", f"the object is {self._interface.path}")
            raise NoSuchMemberError("UnknownInterface", "the object's interfaces are " + ", ".join(interfaces))
        searched = [interfaces[call.interface]] if call.interface else list(interfaces.values())
        member = call.member or ""
        route = next((routes[member] for routes in searched if member in routes), None)
        if route is None:
            raise NoSuchMemberError("UnknownMethod", "the interface has no such method")
        if route.takes != call.signature:
            if route.guard:
                route.guard(caller, ())
            raise InvalidArgumentsError(f"expected arguments of the types '{route.takes}'", route.takes)
        return route

    def _at(self, path: str) -> Mapping[str, Mapping[str, MemberRoute]]:
        if path == self._interface.path:
            return self._object
        return {PEER: _PEER} if self._interface.introspection(path) is None else self._node

    def _introspect(self, _caller: Caller, call: Message) -> Result:
        return [self._interface.introspection(call.path or "")]

    def _properties(self) -> dict[str, MemberRoute]:
        guard = self._guard_properties
        return {
            "Get": MemberRoute(self._with_preparation(self._get), "ss", "v", guard=guard),
            "GetAll": MemberRoute(self._with_preparation(self._get_all), "s", "a{sv}", guard=guard),
            "Set": MemberRoute(self._with_preparation(self._set), "ssv", "", awaits_commit=True, guard=guard),
        }

    def _with_preparation(self, handler: Handler) -> Handler:
        prepare = self._handlers.prepare
        if prepare is None:
            return handler

        async def answer(caller: Caller, call: Message) -> Result:
            await prepare()
            await rest()
            result = handler(caller, call)
            return result if result is None or isinstance(result, list) else await result

        return answer

    def _guard_properties(self, caller: Caller, _arguments: Sequence[Any]) -> None:
        self._handlers.guard(caller, ())

    def _get(self, _caller: Caller, call: Message) -> Result | Coroutine[Any, Any, Result]:
        name, _ = self._property(*call.body)
        return self._read([name], lambda: [self._value(name, self._handlers.getters)])

    def _get_all(self, _caller: Caller, call: Message) -> Result | Coroutine[Any, Any, Result]:
        if not self._is_own(call.body[0]):
            return [{}]
        names = self._interface.properties

        def values() -> Result:
            getters = self._handlers.snapshot() if self._handlers.snapshot else self._handlers.getters
            return [{name: self._value(name, getters) for name in names}]

        return self._read(names, values)

    def _read(self, names: Collection[str], read: Callable[[], Result]) -> Result | Coroutine[Any, Any, Result]:
        """What `read` returns, after the preparation for these properties, if there is one."""
        prepare = self._handlers.prepare_reading
        if prepare is None:
            return read()

        async def answer() -> Result:
            await prepare(names)
            return read()

        return answer()

    def _set(self, caller: Caller, call: Message) -> Result | Coroutine[Any, Any, Result]:
        interface, name, variant = call.body
        name, declared = self._property(interface, name)
        if not declared.is_writable:
            raise NoSuchMemberError("PropertyReadOnly", f"{name} cannot be set")
        return self._handlers.setters[name](caller, _checked_value(declared, variant))

    def _value(self, name: str, getters: Mapping[str, Callable[[], Any]]) -> Variant:
        return Variant(self._interface.properties[name].signature, getters[name]())

    def _property(self, interface: str, name: str) -> tuple[str, Property]:
        declared = self._interface.properties.get(name) if self._is_own(interface) else None
        if declared is None:
            raise NoSuchMemberError("UnknownProperty", "the properties are " + ", ".join(self._interface.properties))
        return name, declared

    def _is_own(self, interface: str) -> bool:
        """Whether the properties are those of our interface. "" means any interface, and the standard ones have no properties."""
        if interface in {"", self._interface.name}:
            return True
        if interface not in self._object:
            raise NoSuchMemberError("UnknownInterface", "the object's interfaces are " + ", ".join(self._object))
        return False


def _checked_value(declared: Property, variant: Variant) -> Any:
    """The value to set, if its type is the property's. `u` accepts any integer type, because callers' languages differ."""
    value = variant.value
    if declared.signature == "u":
        if variant.signature in _INTEGERS and isinstance(value, int) and value in _UINT32:
            return value
    elif variant.signature == declared.signature:
        return value
    raise InvalidArgumentsError(f"expected a value of the type '{declared.signature}'")


def _ping(_caller: Caller, _call: Message) -> Result:
    return None


def _refuse_machine_id(_caller: Caller, _call: Message) -> Result:
    """Policy: A2. No part of telemetryd returns an identifier, even one that the caller could read elsewhere."""
    raise AccessDeniedError("telemetryd does not give out the machine id, because it identifies a machine")


_PEER = {"Ping": MemberRoute(_ping, "", ""), "GetMachineId": MemberRoute(_refuse_machine_id, "", "s")}

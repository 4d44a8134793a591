"""What can be called on one connection: the declared interface, and the standard ones (Properties, Introspectable, Peer) that come with it.

`Members.route` finds what answers a call, or raises the error that says precisely what does not exist or which arguments were expected.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.bus.identity import Caller
from telemetryd.bus.interfaces import INTROSPECTABLE, PEER, PROPERTIES, Interface, Property
from telemetryd.bus.transport.library import Message, Variant
from telemetryd.engine.slices import rest
from telemetryd.errors import STANDARD, AccessDeniedError, InvalidArgumentsError, TelemetrydError

if TYPE_CHECKING:
    from collections.abc import Iterator

Result = list[Any] | None
"""The body of a reply; None is an empty one."""
Handler = Callable[[Caller, Message], Result | Coroutine[Any, Any, Result]]
"""Answers one method. An `async def` runs in a task of its own and is answered when it is done; other calls go on meanwhile."""
Setter = Callable[[Caller, Any], Result | Coroutine[Any, Any, Result]]
"""Takes a property's new value, whose type is right (for `u`: any integer type, in 32 bits); its range is the setter's to check."""
Guard = Callable[[Caller, Sequence[Any]], None]
"""Raises AccessDeniedError if the caller may not do this; asked for callers outside the host only."""

_INTEGERS = "ynqiuxt"
_UINT32 = range(1 << 32)


class NoSuchMemberError(TelemetrydError):
    """A call to something that does not exist; its name is one of the standard errors."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.bus_name = STANDARD + name


class Handlers(NamedTuple):
    """What answers an interface: a handler for each method, a getter for each property, a setter for each that can be written.

    `snapshot` gives getters that all tell of one moment, for whoever asks for all properties; without it, `getters` are asked one by one.
    `prepare`, if there is one, is awaited before each method and property.
    """

    methods: Mapping[str, Handler]
    getters: Mapping[str, Callable[[], Any]]
    setters: Mapping[str, Setter] = {}
    guard: Guard = lambda _caller, _arguments: None
    snapshot: Callable[[], Mapping[str, Callable[[], Any]]] | None = None
    prepare: Callable[[], Awaitable[None]] | None = None


class Route(NamedTuple):
    """What answers one member. `awaits_commit`: its success may be told only once the batch is on disk."""

    handler: Handler
    takes: str
    returns: str
    awaits_commit: bool = False
    guard: Guard | None = None


class Members:
    """Every member of one object, of the nodes above it, and of Peer, which answers at any path."""

    def __init__(self, interface: Interface, handlers: Handlers) -> None:
        self._interface = interface
        self._handlers = handlers
        declared = {
            name: Route(self._prepared(handlers.methods[name]), method.takes, method.returns, awaits_commit=True, guard=handlers.guard)
            for name, method in interface.methods.items()
        }
        node = {INTROSPECTABLE: {"Introspect": Route(self._introspect, "", "s")}, PEER: _PEER}
        self._node = node
        self._object = {interface.name: declared, PROPERTIES: self._properties(), **node}

    def exact(self) -> dict[tuple[str | None, str | None, str | None, str], Route]:
        """Each route of the object under (path, interface, member, signature): one lookup finds it and checks the call."""
        return {
            (self._interface.path, interface, member, route.takes): route
            for interface, routes in self._object.items()
            for member, route in routes.items()
        }

    def route(self, caller: Caller, call: Message) -> Route:
        """What answers a call that the exact lookup did not find: one without an interface, at another node, or a wrong one."""
        interfaces = self._at(call.path or "")
        if call.interface and call.interface not in interfaces:
            if interfaces == {PEER: _PEER}:
                raise NoSuchMemberError("UnknownObject", f"the object is {self._interface.path}")
            raise NoSuchMemberError("UnknownInterface", "the object's interfaces are " + ", ".join(interfaces))
        asked = [interfaces[call.interface]] if call.interface else list(interfaces.values())
        member = call.member or ""
        route = next((routes[member] for routes in asked if member in routes), None)
        if route is None:
            raise NoSuchMemberError("UnknownMethod", "the interface has no such method")
        if route.takes != call.signature:
            if route.guard:
                route.guard(caller, ())
            raise InvalidArgumentsError(f"expected arguments of the types '{route.takes}'")
        return route

    def _at(self, path: str) -> Mapping[str, Mapping[str, Route]]:
        if path == self._interface.path:
            return self._object
        return {PEER: _PEER} if self._interface.introspection(path) is None else self._node

    def _introspect(self, _caller: Caller, call: Message) -> Result:
        return [self._interface.introspection(call.path or "")]

    def _properties(self) -> dict[str, Route]:
        guard = self._guard_properties
        return {
            "Get": Route(self._prepared(self._get), "ss", "v", guard=guard),
            "GetAll": Route(self._prepared(self._get_all), "s", "a{sv}", guard=guard),
            "Set": Route(self._prepared(self._set), "ssv", "", awaits_commit=True, guard=guard),
        }

    def _prepared(self, handler: Handler) -> Handler:
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

    def _get(self, _caller: Caller, call: Message) -> Result:
        name, _ = self._property(*call.body)
        return [self._value(name, self._handlers.getters)]

    def _get_all(self, _caller: Caller, call: Message) -> Result:
        if not self._is_own(call.body[0]):
            return [{}]
        getters = self._handlers.snapshot() if self._handlers.snapshot else self._handlers.getters
        return [{name: self._value(name, getters) for name in self._interface.properties}]

    def _set(self, caller: Caller, call: Message) -> Result | Coroutine[Any, Any, Result]:
        interface, name, variant = call.body
        name, declared = self._property(interface, name)
        if not declared.is_writable:
            raise NoSuchMemberError("PropertyReadOnly", f"{name} cannot be set")
        return self._handlers.setters[name](caller, _taken(declared, variant))

    def _value(self, name: str, getters: Mapping[str, Callable[[], Any]]) -> Variant:
        return Variant(self._interface.properties[name].signature, getters[name]())

    def _property(self, interface: str, name: str) -> tuple[str, Property]:
        declared = self._interface.properties.get(name) if self._is_own(interface) else None
        if declared is None:
            raise NoSuchMemberError("UnknownProperty", "the properties are " + ", ".join(self._interface.properties))
        return name, declared

    def _is_own(self, interface: str) -> bool:
        """Whether properties of our interface are asked for; "" means any, and the standard ones have none."""
        if interface in {"", self._interface.name}:
            return True
        if interface not in self._object:
            raise NoSuchMemberError("UnknownInterface", "the object's interfaces are " + ", ".join(self._object))
        return False


def undeclared_or_missing(interface: Interface, handlers: Handlers) -> list[str]:
    """Where an interface and what answers it differ: one line for each member that only one of them has."""
    writable = {name for name, declared in interface.properties.items() if declared.is_writable}
    return [
        line
        for what, declared, answered in (
            ("method", set(interface.methods), set(handlers.methods)),
            ("property", set(interface.properties), set(handlers.getters)),
            ("setter", writable, set(handlers.setters)),
        )
        for line in _differences(f"{interface.name}: {what}", declared, answered)
    ]


def _differences(what: str, declared: set[str], answered: set[str]) -> Iterator[str]:
    for name in sorted(declared ^ answered):
        yield f"{what} {name} is declared and not answered" if name in declared else f"{what} {name} is answered and not declared"


def _taken(declared: Property, variant: Variant) -> Any:
    """The value to set, if its type is the property's; for `u` any integer type will do, because callers' languages differ."""
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
    """Policy: A2. Nothing of telemetryd hands out an identifier, not even one that the caller could read elsewhere."""
    raise AccessDeniedError("the machine id identifies a machine and is not given out")


_PEER = {"Ping": Route(_ping, "", ""), "GetMachineId": Route(_refuse_machine_id, "", "s")}

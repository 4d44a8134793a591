"""The interfaces of `dbus/*.xml`. Dispatch, checks of arguments and introspection use these files alone.

A wheel has the files as package data (`bus/xml/`), a checkout in `dbus/`. They are found by the path of this module and parsed with expat:
importlib.resources would cost 6 ms of every start, ElementTree 2 ms.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.parsers import expat

from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

TELEMETRY = "org.telemetryd.Telemetry1"
CONTROL = "org.telemetryd.Control1"

PROPERTIES = "org.freedesktop.DBus.Properties"
_EMITS = "org.freedesktop.DBus.Property.EmitsChangedSignal"
INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
PEER = "org.freedesktop.DBus.Peer"

_PACKAGED = Path(__file__).with_name("xml")
_CHECKOUT = Path(__file__).parents[2] / "dbus"
_COMMENT = re.compile(r"[ \t]*<!--.*?-->\n?", re.DOTALL)
_BLANK_LINES = re.compile(r"\n\s*\n")
_DOCTYPE = (
    '<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"\n'
    ' "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">\n'
)

_STANDARD = f"""\
  <interface name="{INTROSPECTABLE}">
    <method name="Introspect">
      <arg name="xml_data" type="s" direction="out"/>
    </method>
  </interface>
  <interface name="{PEER}">
    <method name="Ping"/>
    <method name="GetMachineId">
      <arg name="machine_uuid" type="s" direction="out"/>
    </method>
  </interface>
"""
_PROPERTIES = f"""\
  <interface name="{PROPERTIES}">
    <method name="Get">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="property_name" type="s" direction="in"/>
      <arg name="value" type="v" direction="out"/>
    </method>
    <method name="Set">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="property_name" type="s" direction="in"/>
      <arg name="value" type="v" direction="in"/>
    </method>
    <method name="GetAll">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="properties" type="a{{sv}}" direction="out"/>
    </method>
    <signal name="PropertiesChanged">
      <arg name="interface_name" type="s"/>
      <arg name="changed_properties" type="a{{sv}}"/>
      <arg name="invalidated_properties" type="as"/>
    </signal>
  </interface>
"""


class Method(NamedTuple):
    """Signatures of a method's arguments: what it takes and what it returns."""

    takes: str
    returns: str


class Property(NamedTuple):
    """A property's signature, whether it can be set, and whether a signal announces its changes (the annotation)."""

    signature: str
    is_writable: bool
    signal: str


class Interface(NamedTuple):
    """One interface and the object that has it. `text` is the file's `<interface>` element, without its comments."""

    name: str
    path: str
    methods: Mapping[str, Method]
    properties: Mapping[str, Property]
    signals: Mapping[str, str]
    text: str

    def introspection(self, path: str) -> str | None:
        """The reply to Introspect at a path: for the object, or for a node above it. None if nothing is there."""
        if path == self.path:
            return f"{_DOCTYPE}<node>\n  {self.text}\n{_PROPERTIES}{_STANDARD}</node>\n"
        above = path.rstrip("/") + "/"
        if not self.path.startswith(above):
            return None
        child = self.path.removeprefix(above).partition("/")[0]
        return f'{_DOCTYPE}<node>\n{_STANDARD}  <node name="{child}"/>\n</node>\n'


def load(name: str) -> Interface:
    """Read the interface of this name from its file; its object path is its name with slashes."""
    return parse(source(name).read_text(encoding="utf-8"))


def source(name: str) -> Path:
    """The file that declares an interface."""
    packaged = _PACKAGED / f"{name}.xml"
    return packaged if packaged.is_file() else _CHECKOUT / f"{name}.xml"


def parse(text: str) -> Interface:
    """The interface that an introspection document of one interface declares."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.Parse(text, True)  # noqa: FBT003 - expat's own: this is the last part
    element = text[text.index("<interface") : text.index("</interface>") + len("</interface>")]
    return Interface(
        name=reader.name,
        path="/" + reader.name.replace(".", "/"),
        methods={name: Method(takes, returns) for name, (takes, returns) in reader.methods.items()},
        properties=reader.properties,
        signals={name: arguments for name, (_, arguments) in reader.signals.items()},
        text=_BLANK_LINES.sub("\n", _COMMENT.sub("", element)),
    )


class _Reader:
    """Collects what expat reports. A member's arguments are gathered as [in, out] in the member that was opened last."""

    def __init__(self) -> None:
        self.name = ""
        self.methods: dict[str, list[str]] = {}
        self.signals: dict[str, list[str]] = {}
        self.properties: dict[str, Property] = {}
        self._arguments = ["", ""]
        self._default = "in"
        self._property = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """One element begins; a signal's arguments are its output."""
        match tag:
            case "interface":
                self.name = attributes["name"]
            case "method" | "signal":
                members, self._default = (self.methods, "in") if tag == "method" else (self.signals, "out")
                self._arguments = members[attributes["name"]] = ["", ""]
            case "arg":
                self._arguments[attributes.get("direction", self._default) == "out"] += attributes["type"]
            case "property":
                self._property = attributes["name"]
                self.properties[self._property] = Property(attributes["type"], attributes["access"] == "readwrite", "true")
            case "annotation" if attributes["name"] == _EMITS:
                self.properties[self._property] = self.properties[self._property]._replace(signal=attributes["value"])
            case _:
                pass

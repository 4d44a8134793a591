# noqa: INP001 - a script beside the page that it writes
"""Writes the reference of both D-Bus interfaces, `docs/dbus.md`, from the comments in `dbus/*.xml`.

Run it after changing an interface: `python docs/generate_dbus.py`. A test holds the page against the files.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "dbus.md"
INTERFACES = ("org.telemetryd.Telemetry1", "org.telemetryd.Control1")

_REFERENCE = re.compile(r"@([a-z_]+)")
_HEAD = """\
<!-- Written by docs/generate_dbus.py from dbus/*.xml: change those. -->

# D-Bus reference

Two names on the session bus: `org.telemetryd.Telemetry1` for applications, `org.telemetryd.Control1` for the user's own programs.
"""


class Comment(NamedTuple):
    """A gtk-doc comment: what it is about, what it says of each argument, and the text."""

    name: str
    arguments: dict[str, str]
    text: str


def comments(root: ET.Element) -> Iterator[tuple[ET.Element, Comment | None]]:
    """Each interface and member of a document with the comment before it, in the order of the file."""
    before: Comment | None = None
    for element in root.iter():
        if callable(element.tag):  # a comment's tag is the function that makes comments
            before = parse(element.text or "")
        elif element.tag in {"interface", "method", "signal", "property"}:
            yield element, before
            before = None


def parse(text: str) -> Comment:
    """Read one gtk-doc comment: `Name:`, then `@argument: what it is` lines, a blank line, the text."""
    head, _, body = textwrap.dedent(text).strip().partition("\n\n")
    name, *lines = head.splitlines()
    arguments = dict(line.strip().removeprefix("@").split(": ", 1) for line in lines)
    return Comment(name.strip().removesuffix(":"), arguments, textwrap.dedent(body).strip())


def read(path: Path) -> ET.Element:
    """An interface file with its comments."""
    parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))  # noqa: S314 - a file of this repository
    return ET.parse(path, parser).getroot()  # noqa: S314 - the same


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for name in INTERFACES:
        parts += [section(element, comment) for element, comment in comments(read(ROOT / "dbus" / f"{name}.xml")) if comment]
    return "\n".join(parts)


def section(element: ET.Element, comment: Comment) -> str:
    """One interface or member as Markdown."""
    name = element.get("name", "")
    if element.tag == "interface":
        title = f"## {name}: {comment.arguments['short_description']}"
        return f"{title}\n\n{_prose(comment.text)}\n"
    lines = [f"### {name}", "", f"`{signature(element)}`", ""]
    for argument in element.iter("arg"):
        direction = "returns" if argument.get("direction") == "out" else "takes"
        said = _prose(comment.arguments[argument.get("name", "")])
        lines.append(f"- {direction} `{argument.get('name')}` ({argument.get('type')}): {said}")
    if element.find("arg") is not None:
        lines.append("")
    return "\n".join([*lines, _prose(comment.text), ""])


def signature(element: ET.Element) -> str:
    """A member in one line: `Push(s app_id, s source, v value)`, `System u, read and write`."""
    name = element.get("name", "")
    if element.tag == "property":
        return f"{name} {element.get('type')}, " + ("read and write" if element.get("access") == "readwrite" else "read")
    given, returned = (
        ", ".join(f"{one.get('type')} {one.get('name')}" for one in element.iter("arg") if one.get("direction") == direction)
        for direction in ("in", "out")
    )
    kind = "signal " if element.tag == "signal" else ""
    return f"{kind}{name}({given})" + (f" → ({returned})" if returned else "")


def _prose(text: str) -> str:
    """The text as Markdown: argument references as code, a list apart from the paragraph before it."""
    text = _REFERENCE.sub(r"`\1`", text)
    return re.sub(r"^((?:Keys|Errors|Every .*):)\n(?=- )", r"\1\n\n", text, flags=re.MULTILINE)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

# noqa: INP001 - a script beside the page that it writes
"""Writes the help texts of telemetryctl into `docs/telemetryctl.md`, below the line that says so.

Run it after changing a command: `python docs/generate_telemetryctl.py`. A test holds the page against the commands.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telemetryd.ctl.__main__ import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).with_name("telemetryctl.md")
MARK = "<!-- Written by docs/generate_telemetryctl.py from the commands: change those. -->\n"
_WIDTH = 80


def page() -> str:
    """The page as it should be: what was written by hand, then the help of every command."""
    written, _, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    return written + MARK + "".join(f"\n### {name}\n\n```text\n{text}\n```\n" for name, text in helps(cli, "telemetryctl"))


def helps(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """(full name, help) of a command and of all below it."""
    settings = {**command.context_settings, "terminal_width": _WIDTH, "max_content_width": _WIDTH}
    context = click.Context(command, parent, name.rpartition(" ")[2], **settings)
    yield name, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            yield from helps(command.commands[below], f"{name} {below}", context)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

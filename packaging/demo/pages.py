"""How the demo looks: plain text of at most 100 columns; colours only on a terminal, and none with NO_COLOR."""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
import textwrap
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stage import Received

_WIDTH = 100
_MARGIN = "    "
_IS_COLOURED = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
_BOLD, _GREEN, _RED, _DIM = "1", "32", "1;31", "2"


def title(url: str, folder: str, *, is_tracking_refused: bool) -> None:
    """What this is, and what is special about it."""
    print(_styled("telemetryd, the whole flow on this machine", _BOLD))
    say(f"In {folder}, which is removed at the end: a session bus, the real daemon, a receiver with a certificate of its own.")
    say(f"Reports go to {url}. Nothing leaves this machine.")
    say("Developer mode is on: questions need no review, periods can be closed at once, and reports can go to this machine only.")
    if is_tracking_refused:
        say("DO_NOT_TRACK is set in your environment. telemetryd would obey it and be off; the demo runs without it.")


def heading(text: str) -> None:
    """Begin a step."""
    print(f"\n{_styled(text, _BOLD)}\n{'-' * len(text)}")


def say(text: str) -> None:
    """The demo's own words."""
    print("\n".join(textwrap.wrap(text, _WIDTH, break_on_hyphens=False)))


def command(*words: str) -> None:
    """A command that a person could type; long digests are cut."""
    text = shlex.join(word[: word.index("=sha256:") + 15] + "…" if "=sha256:" in word else word for word in words)
    print(_styled(f"{_MARGIN}$ {text}", _DIM))


def lines(text: str) -> None:
    """The output of a program, indented; what is too long is broken."""
    for line in text.splitlines():
        for part in textwrap.wrap(line, _WIDTH - len(_MARGIN), break_on_hyphens=False, drop_whitespace=False) or [""]:
            print((_MARGIN + part).rstrip())


def check(claim: object, text: str) -> None:
    """Say what was checked, or raise AssertionError with it."""
    if not claim:
        raise AssertionError(text)
    for index, line in enumerate(textwrap.wrap(text, _WIDTH - 2)):
        print(f"{_styled('✓', _GREEN) if not index else ' '} {line}")


def failed(text: str) -> NoReturn:
    """End the demo with status 1: something is not as it said."""
    sys.stdout.flush()
    sys.exit(_styled(f"FAILED: {text}", _RED, is_coloured=sys.stderr.isatty()))


def question(shown: Mapping[str, Any]) -> None:
    """A question as `telemetryctl show` knows it, in short."""
    rows = [
        ("asks", shown["purpose"]),
        ("decides", shown["decision"]),
        *(("collects", field) for field in shown["fields"]),
        ("once", f"in one {shown['period']}, not after {shown['ends']}"),
    ]
    lines(_styled(f"{shown['application']}/{shown['id']}", _BOLD))
    for label, text in rows:
        for index, part in enumerate(textwrap.wrap(text, _WIDTH - len(_MARGIN) - 11)):
            lines(f"  {label if not index else '':8} {part}")


def listing(files: Mapping[str, bytes]) -> None:
    """Files with their sizes and a digest of their bytes."""
    lines("\n".join(f"{len(data):7} bytes  {hashlib.sha256(data).hexdigest()[:16]}  {name}" for name, data in files.items()))


def request(one: Received) -> None:
    """A request, all of it but the blanks at its end."""
    text = one.body.decode()
    lines(one.line)
    lines("\n".join(f"{name}: {value}" for name, value in one.headers))
    lines(text.rstrip())
    lines(f"(and {len(text) - len(text.rstrip())} blanks that fill it up to {len(one.body)} bytes)\n")


def first_paragraph(text: str) -> str:
    """Up to the first empty line."""
    return text.strip().split("\n\n")[0]


def last_paragraph(text: str) -> str:
    """From the last empty line."""
    return text.strip().split("\n\n")[-1]


def _styled(text: str, style: str, *, is_coloured: bool = _IS_COLOURED) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if is_coloured else text

"""telemetryd-settings [--page NAME | --app ID | --first-run]: opens the window, or has the window that is open show it."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from telemetryd.settings.session.show_request import PAGES, ShowRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.settings.session.single_instance import SingleInstance

_MISSING = "telemetryd-settings: PySide6 is not installed: install python3-pyside6.qtwidgets, or the extra telemetryd[settings]\n"
_CALL_S = 30.0
"""Longest wait of `--service` for the call for which the bus started it, which is there as soon as the name is owned."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the window. Returns the exit status when it is closed, or at once if another one shows it: 3 without PySide6."""
    chosen = _parser().parse_args(arguments)
    asked = ShowRequest(chosen.page, chosen.app, chosen.first_run).with_tokens_of(os.environ)
    if chosen.notify:
        from telemetryd.settings.session import notifying  # noqa: PLC0415 - needs no Qt, and the window needs nothing of it

        told = notifying.run()
        if isinstance(told, int):
            return told
        asked = told
    from telemetryd.settings.session.single_instance import InstanceRole, SingleInstance  # noqa: PLC0415 - a notifying run mostly needs none

    instance = SingleInstance()
    if instance.begin(asked) is InstanceRole.HANDED_OVER:
        return 0
    request = instance.wait(_CALL_S) if chosen.service else asked
    return _open(request, instance) if request else _leave(instance, 0)


def _open(request: ShowRequest, instance: SingleInstance) -> int:
    try:
        from telemetryd.settings.application import run  # noqa: PLC0415 - what needs PySide6, after the check that it is there
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("PySide6"):
            raise
        sys.stderr.write(_MISSING)
        return _leave(instance, 3)
    return run(request, instance)


def _leave(instance: SingleInstance, status: int) -> int:
    """End without a window. Nobody is handed over to the next instance, which would have no window either."""
    instance.take()
    instance.end()
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="telemetryd-settings", description="See and decide what applications may measure and send.")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--page", choices=PAGES, default="", help="The page to open.")
    place.add_argument("--app", default="", metavar="ID", help="The application whose questions to open.")
    place.add_argument("--first-run", action="store_true", help="One page for a welcome program. It writes nothing and never comes back.")
    place.add_argument("--notify", action="store_true", help="Tell about new questions, once a week at most, without a window.")
    place.add_argument("--service", action="store_true", help="Wait for a call over the bus, which starts the program so.")
    return parser


if __name__ == "__main__":
    sys.exit(main())

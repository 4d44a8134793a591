"""telemetryd-settings [--page NAME | --app ID]: opens the window."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_MISSING = "telemetryd-settings: PySide6 is not installed: install python3-pyside6.qtwidgets, or the extra telemetryd[settings]\n"
_PAGES = ("overview", "applications", "sent", "revealed", "system")


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the window. Returns the exit status when it is closed: 3 without PySide6."""
    chosen = _parser().parse_args(arguments)
    try:
        from telemetryd.settings.application import run  # noqa: PLC0415 - what needs PySide6, after the check that it is there
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("PySide6"):
            raise
        sys.stderr.write(_MISSING)
        return 3
    return run(chosen.page, chosen.app)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="telemetryd-settings", description="See and decide what applications may measure and send.")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--page", choices=_PAGES, default="overview", help="The page to open.")
    place.add_argument("--app", default="", metavar="ID", help="The application whose questions to open.")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""Which pages there are, and what a release says of itself: its version, and the day that stands on its pages."""

from __future__ import annotations

import os
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Release(NamedTuple):
    """What stands on every page. `commands` is the line about telemetryctl."""

    version: str
    day: str
    commands: str = "see and decide what telemetry your applications may collect"


def release() -> Release:
    """This version. Its day is that of SOURCE_DATE_EPOCH, else the day in the changelog, else none: never the day of the build."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch:
        return Release(version, datetime.fromtimestamp(int(epoch), UTC).date().isoformat())
    dated = re.search(rf"^## {re.escape(version)} - (\d{{4}}-\d\d-\d\d)$", document("CHANGELOG.md"), re.MULTILINE)
    return Release(version, dated[1] if dated else "")


def document(name: str) -> str:
    """A document of this repository."""
    return (ROOT / name).read_text(encoding="utf-8")

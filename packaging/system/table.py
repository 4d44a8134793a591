"""Prints the rows of a table as they are found out; a claim that does not hold makes the program fail."""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Table:
    """Rows of a name, a verdict and what was seen."""

    def __init__(self, title: str) -> None:
        self.failures = 0
        print(f"\n{title}\n")

    def try_claim(self, name: str, claim: Callable[[], str]) -> None:
        """Try a claim, which says what it saw, or fails by an assertion."""
        began = time.monotonic()
        try:
            verdict, seen = "ok", claim()
        except Exception as failure:  # noqa: BLE001 - one row must not end the table
            self.failures += 1
            verdict, seen = "FAILED", f"{failure}\n{traceback.format_exc()}" if str(failure) else traceback.format_exc()
        print(f"  {name:34} {verdict:9} {seen}  [{time.monotonic() - began:.1f} s]", flush=True)

    def row(self, name: str, verdict: str, seen: str = "") -> None:
        """A row that was found out elsewhere."""
        print(f"  {name:34} {verdict:9} {seen}", flush=True)

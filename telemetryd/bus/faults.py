"""What is said about a fault of our own: nothing to the caller, the place in the code to the journal, a collected value to nobody."""

from __future__ import annotations

from telemetryd.faults import place

__all__ = ["INTERNAL_TEXT", "place"]

INTERNAL_TEXT = "internal error; the journal says where"
"""All that a caller is told (`errors.INTERNAL`)."""

"""The program's own words in other languages: what a translator is, and the marks that put a message into the catalogues.

The core has no catalogue: it is given a translator, such as one of `gettext`'s, and speaks English with `ENGLISH`. Messages stand in the
code as literals, in calls of `_`, `gettext`, `ngettext`, `pgettext` or `mark`; `packaging/catalogues.py` collects them. Policy: T1.
"""

from __future__ import annotations

from typing import Protocol


class Words(Protocol):
    """A translator, with the methods of gettext's translations."""

    def gettext(self, message: str, /) -> str:
        """A message in the language."""
        ...

    def ngettext(self, singular: str, plural: str, count: int, /) -> str:
        """A message in the form that goes with a number."""
        ...

    def pgettext(self, context: str, message: str, /) -> str:
        """A message that is short enough to mean several things."""
        ...


class _English:
    """The source language."""

    def gettext(self, message: str, /) -> str:
        """The message."""
        return message

    def ngettext(self, singular: str, plural: str, count: int, /) -> str:
        """One of both forms."""
        return singular if count == 1 else plural

    def pgettext(self, _context: str, message: str, /) -> str:
        """The message."""
        return message


ENGLISH: Words = _English()
"""Says everything as it stands in the code."""


def decimal(number: str, words: Words) -> str:
    """A number with the sign that the language writes before decimals."""
    return number.replace(".", words.pgettext("before decimals", "."))


def mark(message: str) -> str:
    """The message itself: marks one in a table, which is translated where it is used."""
    return message

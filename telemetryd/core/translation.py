"""Translation of the program's own texts: the protocol of a translator, and the marks for messages. Policy: T1.

The core has no catalogue. Callers pass a translator, such as one of `gettext`; `ENGLISH` returns the source texts. Messages are literals in
calls of `_`, `gettext`, `ngettext`, `pgettext`, `mark` or `mark_plural`, never f-strings. `packaging/catalogues.py` collects them.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable


class Words(Protocol):
    """A translator, with the methods of gettext's translations."""

    def gettext(self, message: str, /) -> str:
        """The translation of a message."""
        ...

    def ngettext(self, singular: str, plural: str, count: int, /) -> str:
        """The translation in the plural form of a number."""
        ...

    def pgettext(self, context: str, message: str, /) -> str:
        """The translation of a message that is ambiguous without its context."""
        ...


class _English:
    """The source language."""

    def gettext(self, message: str, /) -> str:
        """The message."""
        return message

    def ngettext(self, singular: str, plural: str, count: int, /) -> str:
        """The singular or the plural."""
        return singular if count == 1 else plural

    def pgettext(self, _context: str, message: str, /) -> str:
        """The message."""
        return message


ENGLISH: Words = _English()
"""Returns each message as it is in the code."""


def joined(sentences: Iterable[str], words: Words) -> str:
    """Sentences one after the other, with what the language has between them; empty ones are left out."""
    both = words.pgettext("two sentences", "{one} {other}")
    return reduce(lambda one, other: both.format(one=one, other=other), filter(None, sentences))


def with_unit(number: str, unit: str) -> str:
    """A number and its unit, between which no line breaks."""
    return f"{number}\N{NO-BREAK SPACE}{unit}" if unit else number


def decimal(number: str, words: Words) -> str:
    """A number with the decimal separator of the language."""
    return number.replace(".", words.pgettext("before decimals", "."))


def mark(message: str) -> str:
    """The message itself; marks a message in a table that is translated where it is used."""
    return message


def mark_plural(singular: str, plural: str) -> tuple[str, str]:
    """The two forms themselves; marks a message with a plural in a table. `counted` translates it."""
    return singular, plural


def counted(forms: tuple[str, str], number: int, words: Words) -> str:
    """The translation in the plural form of a number, with the number at `{number}`."""
    return words.ngettext(*forms, number).format(number=number)

"""The user's language from the environment, and the program's words, kept apart from ids if they run from right to left. Policy: T1."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.ctl.safe_text import isolated
from telemetryd.system import languages
from telemetryd.system.languages import CATALOGUES, DOMAIN, available_languages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from telemetryd.core.translation import Words

__all__ = ["RIGHT_TO_LEFT_MARK", "UserLanguage", "available_languages", "bind_catalogue", "gettext", "ngettext", "of", "of_environment"]

RIGHT_TO_LEFT_MARK = "\u200f"
"""Begins a line in a language that is written from right to left, after a blank: terminals drop a mark in the first column."""


class UserLanguage(languages.Language):
    """A user's languages, the most preferred first, and the program's words."""

    __slots__ = ()

    @property
    def is_right_to_left(self) -> bool:
        """Whether the program's words are written from right to left."""
        return self.direction == "rtl"

    def apart(self, text: str) -> str:
        """The text, isolated from what stands beside it if the words are written from right to left."""
        return isolated(text) if self.is_right_to_left and text else text


class _Message(str):
    """A message in which each text that is put in is isolated: an id or a date keeps its order, and the words around it theirs."""

    __slots__ = ()

    def format(self, *_: object, **values: object) -> str:
        """The message with its values. Messages have named places only."""
        return str.format(self, **{name: value if isinstance(value, int) else isolated(str(value)) for name, value in values.items()})


class _RightToLeft(NamedTuple):
    """The words of a language that is written from right to left."""

    words: Words

    def gettext(self, message: str, /) -> str:
        """The translation of a message."""
        return _Message(self.words.gettext(message))

    def ngettext(self, singular: str, plural: str, count: int, /) -> str:
        """The translation in the plural form of a number."""
        return _Message(self.words.ngettext(singular, plural, count))

    def pgettext(self, context: str, message: str, /) -> str:
        """The translation of a message that is ambiguous without its context."""
        return _Message(self.words.pgettext(context, message))


def of_environment(environ: Mapping[str, str] = os.environ) -> UserLanguage:
    """The language of messages by gettext's rules: LANGUAGE, then the locale of LC_ALL, LC_MESSAGES or LANG; English if that is C."""
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "C")
    if locale in languages.UNTRANSLATED:
        return of(())
    return of((*filter(None, environ.get("LANGUAGE", "").split(":")), locale))


def of(names: Iterable[str]) -> UserLanguage:
    """The languages with these names, such as `de_AT.UTF-8` or `ja`, the most preferred first."""
    found = UserLanguage(*languages.of(names))
    return found._replace(words=_RightToLeft(found.words)) if found.is_right_to_left else found


def bind_catalogue() -> None:
    """Give click, which asks gettext for its own words, those of our catalogues."""
    if of_environment().codes:
        from gettext import bindtextdomain, textdomain  # noqa: PLC0415 - needless in English

        bindtextdomain(DOMAIN, str(CATALOGUES))
        textdomain(DOMAIN)


def gettext(message: str) -> str:
    """A message of the program in the language of the environment."""
    return of_environment().words.gettext(message)


def ngettext(singular: str, plural: str, count: int) -> str:
    """A message in the plural form of a number, in the language of the environment; `{number}` in it is the number."""
    return of_environment().words.ngettext(singular, plural, count).format(number=count)

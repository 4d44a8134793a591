"""The person's language: which one the environment names, the program's words in it, and a manifest's texts. Policy: T1.

The program's own words come from the catalogues in `telemetryd/locale`, which `packaging/catalogues.py` makes. English is the source.
"""

from __future__ import annotations

import os
import re
from collections import ChainMap
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.translation import ENGLISH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from telemetryd.core.translation import Words

CATALOGUES = Path(__file__).parents[1] / "locale"
DOMAIN = "telemetryd"

_UNTRANSLATED = {"C", "POSIX"}
"""Locales in which gettext translates nothing, whatever LANGUAGE says; in C.UTF-8, where Plasma may have written LANGUAGE, it does."""
_SOURCE = {*_UNTRANSLATED, "en"}
"""Languages in which everything stands as it is in the code; whatever is preferred less than these is not looked for."""
_LOCALE = re.compile(r"(?P<language>[A-Za-z]+)(?P<territory>_[A-Za-z0-9]+)?(?:\.[^@]*)?(?P<modifier>@[A-Za-z0-9]+)?", re.ASCII)
_RIGHT_TO_LEFT = {"ar", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi"}


class Language(NamedTuple):
    """A person's languages, as keys of translations, the most preferred first (none: English); and the program's words."""

    codes: tuple[str, ...]
    words: Words

    def texts(self, translations: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
        """A manifest's texts, each in the most preferred language that it has it in."""
        return ChainMap(*(dict(translations[code]) for code in self.codes if code in translations))

    @property
    def tag(self) -> str:
        """What HTML calls the language that the program's words are in."""
        return self.codes[0].partition("@")[0].replace("_", "-") if self.codes else "en"

    @property
    def direction(self) -> str:
        """Which way it is written: `ltr` or `rtl`."""
        return "rtl" if self.tag.partition("-")[0] in _RIGHT_TO_LEFT else "ltr"


def of_environment(environ: Mapping[str, str] = os.environ) -> Language:
    """The language of messages, as gettext finds it: LANGUAGE, unless the locale is C; then that of LC_ALL, LC_MESSAGES or LANG."""
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "C")
    if locale in _UNTRANSLATED:
        return of(())
    return of((*filter(None, environ.get("LANGUAGE", "").split(":")), locale))


def of(names: tuple[str, ...]) -> Language:
    """The languages with these names (`de_AT.UTF-8`, `ja`), the most preferred first."""
    codes = tuple(dict.fromkeys(_codes(names)))
    return Language(codes, _words(codes) if codes else ENGLISH)


def available() -> list[str]:
    """The languages that the program has words in."""
    return sorted(["en", *(path.parents[1].name for path in CATALOGUES.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))])


def _codes(names: tuple[str, ...]) -> Iterator[str]:
    """Each name, then what is more general than it: `de_AT@euro`, `de_AT`, `de@euro`, `de`; up to the source language."""
    for name in names:
        found = _LOCALE.fullmatch(name)
        if found is None:
            continue
        language, territory, modifier = found["language"], found["territory"] or "", found["modifier"] or ""
        if language in _SOURCE:
            return
        yield from (language + territory + modifier, language + territory, language + modifier, language)


def _words(codes: tuple[str, ...]) -> Words:
    from gettext import translation  # noqa: PLC0415 - needless in English

    return translation(DOMAIN, CATALOGUES, codes, fallback=True)

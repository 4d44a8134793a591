"""The program's words in other languages, from the catalogues of `telemetryd/locale`, and a manifest's texts in them. Policy: T1.

`packaging/catalogues.py` makes the catalogues. The source language is English.
"""

from __future__ import annotations

import re
from collections import ChainMap
from pathlib import Path
from typing import TYPE_CHECKING

from telemetryd.core.translation import ENGLISH
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from telemetryd.core.translation import Words

CATALOGUES = Path(__file__).parents[1] / "locale"
DOMAIN = "telemetryd"

UNTRANSLATED = {"C", "POSIX"}
"""Locales in which gettext ignores LANGUAGE. In C.UTF-8 it obeys LANGUAGE, which Plasma may have set."""
_SOURCE = {*UNTRANSLATED, "en"}
"""Languages that need no translation; languages after one of these in the order of preference are ignored."""
_LOCALE = re.compile(r"(?P<language>[A-Za-z]+)(?P<territory>_[A-Za-z0-9]+)?(?:\.[^@]*)?(?P<modifier>@[A-Za-z0-9]+)?", re.ASCII)
_RIGHT_TO_LEFT = {"ar", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi"}


class Language(NamedTuple):
    """A user's languages as keys of translations, the most preferred first, and the program's words. No languages mean English."""

    codes: tuple[str, ...]
    words: Words

    def texts(self, translations: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
        """A manifest's texts, each in the most preferred language that is there."""
        return ChainMap(*(dict(translations[code]) for code in self.codes if code in translations))

    @property
    def tag(self) -> str:
        """The HTML language tag of the program's words."""
        return self.codes[0].partition("@")[0].replace("_", "-") if self.codes else "en"

    @property
    def direction(self) -> str:
        """The direction of writing: `ltr` or `rtl`."""
        return "rtl" if self.tag.partition("-")[0] in _RIGHT_TO_LEFT else "ltr"


def is_locale(name: str) -> bool:
    """Whether this is the name of a locale, such as `de` or `sr_RS.UTF-8@latin`."""
    return _LOCALE.fullmatch(name) is not None


def of(names: Iterable[str]) -> Language:
    """The languages with these names, such as `de_AT.UTF-8` or `ja`, the most preferred first."""
    codes = tuple(dict.fromkeys(_codes(names)))
    return Language(codes, _words(codes) if codes else ENGLISH)


def available_languages() -> list[str]:
    """The languages with a catalogue, and English."""
    return sorted(["en", *(path.parents[1].name for path in CATALOGUES.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))])


def _codes(names: Iterable[str]) -> Iterator[str]:
    """Each name followed by more general ones: `de_AT@euro`, `de_AT`, `de@euro`, `de`. Ends before the source language."""
    for name in names:
        match = _LOCALE.fullmatch(name)
        if match is None:
            continue
        language, territory, modifier = match["language"], match["territory"] or "", match["modifier"] or ""
        if language in _SOURCE:
            return
        yield from (language + territory + modifier, language + territory, language + modifier, language)


def _words(codes: tuple[str, ...]) -> Words:
    from gettext import translation  # noqa: PLC0415 - needless in English

    return translation(DOMAIN, CATALOGUES, codes, fallback=True)

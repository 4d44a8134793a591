"""The user's language from the environment. Policy: T1."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from telemetryd.system.languages import UNTRANSLATED, Language, available_languages, of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Language", "available_languages", "of", "of_environment"]


def of_environment(environ: Mapping[str, str] = os.environ) -> Language:
    """The language of messages by gettext's rules: LANGUAGE, then the locale of LC_ALL, LC_MESSAGES or LANG; English if that is C."""
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "C")
    if locale in UNTRANSLATED:
        return of(())
    return of((*filter(None, environ.get("LANGUAGE", "").split(":")), locale))

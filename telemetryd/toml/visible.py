"""Whether a text shows what it holds: no character in it is there without being seen, and none hides its neighbours. Policy: T1.

Python's `isprintable` is asked first, by `rules.line`; here is what it lets through. The format is FORMATS' "Characters".
"""

from __future__ import annotations

import re
import unicodedata

_FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufffc\U0001d159"
"""Printable by Python's rule, and blank: joiners, fillers of Hangul, vowels of Khmer that are not written, Braille without dots …"""
_SELECTORS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
"""They choose a form of the character before them."""
_JOINING = (
    "\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u18af\u1b00-\u1c4f\ua800-\ua82f\ua840-\ua8ff\ua980-\ua9df\uaa60-\uaa7f\ufb50-\ufdff"
    "\ufe70-\ufefc\U00010a00-\U00010a5f\U00010ac0-\U00010aff\U00010d00-\U00010d3f\U00010f30-\U00010fdf\U00011000-\U00011a9f"
    "\U0001e900-\U0001e95f"
)
"""Scripts whose letters join: Arabic and its kin, those of India and the south-east, Mongolian."""
_JOINERS = re.compile(rf"(?<![{_JOINING}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINING}])")
_FILLER = re.compile(f"[{_FILLERS}]")
_SELECTOR = re.compile(f"(.?)([{_SELECTORS}])", re.DOTALL)
_STACK_MAX = 4
"""Marks on one letter: what Hebrew with its accents needs; more of them hide the lines above."""


def hides(text: str) -> bool:
    """Whether it holds what shows nothing: fillers, lone variation selectors, a pile of marks, joiners where nothing joins."""
    if text.isascii():
        return False
    bare = _SELECTOR.sub(r"\1", text)
    return bool(
        _FILLER.search(text)
        or _JOINERS.search(text)
        or any(not _is_seen(found[1]) for found in _SELECTOR.finditer(text))
        or re.search(f"m{{{_STACK_MAX + 1}}}", "".join("m" if unicodedata.category(one)[0] == "M" else "-" for one in bare))
    )


def letters(text: str) -> int:
    """How many letters and digits a person sees in it."""
    return sum(unicodedata.category(one)[0] in "LN" for one in text)


def shows(text: str) -> bool:
    """Whether a person sees anything of it."""
    return any(map(_is_seen, text))


def _is_seen(character: str) -> bool:
    """A letter, digit, sign or symbol; a mark is none of itself."""
    return bool(character) and unicodedata.category(character)[0] in "LNPS"

"""Finds characters in a text that cannot be seen, or that hide others. Policy: T1.

`fields.line` checks `str.isprintable` first; this module finds what that accepts.
"""

from __future__ import annotations

import re
import unicodedata

_FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufffc\U0001d159"
"""Printable for Python, but blank: joiners, Hangul fillers, Khmer inherent vowels, Braille without dots and others."""
_SELECTORS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
"""Variation selectors: they choose a form of the preceding character."""
_NON_JOINER = "\u200c"
_JOINER = re.compile("[\u200c\u200d]")
_VIRAMA = 9
"""The combining class of the marks that bind two letters of an Indic script."""
_RA = ("\u09b0", "\u09f0", "\u0cb0")
"""Bengali, Assamese and Kannada letters that a joiner before the virama keeps whole, as in the Bengali word for RAM."""
_JOINS_NEXT = (
    "\u0620\u0626\u0628\u062a-\u062e\u0633-\u063f\u0641-\u0647\u0649-\u066f\u0678-\u0687\u069a-\u06bf\u06c1\u06c2\u06cc\u06ce\u06d0\u06d1"
    "\u06fa-\u06ff\u0712-\u0714\u071a-\u071d\u071f-\u0727\u0729\u072b\u072d\u072e\u074e-\u0758\u075c-\u076a\u076d-\u0770\u0772\u0775-\u0777"
    "\u077a-\u077f\u07ca-\u07ea\u0841-\u0845\u0848\u084a-\u0853\u0855\u0860\u0862-\u0865\u0868\u0886\u0889-\u088d\u08a0-\u08a9\u08af\u08b0"
    "\u08b3-\u08b8\u08ba-\u08c8\u1820-\u1878\u1887-\u18aa\U00010d00-\U00010d21\U00010d23\U0001e900-\U0001e943"
)
"""Letters that join the next letter: Arabic, Syriac, N'Ko, Mandaic, Mongolian, Rohingya, Adlam (Joining_Type D and L of Unicode)."""
_JOINS_BEFORE = (
    "\u0620\u0622-\u063f\u0641-\u0673\u0675-\u06d5\u06ee-\u077f\u07ca-\u07ea\u0840-\u0860\u0862-\u0865\u0867-\u0882\u0886\u0889-\u08ac"
    "\u08ae-\u08c8\u1820-\u1878\u1887-\u18aa\U00010d01-\U00010d23\U0001e900-\U0001e943"
)
"""Letters that join the letter before: Joining_Type D and R."""
_JOINED = re.compile(f"[{_JOINS_NEXT}][{_JOINS_BEFORE}]")
_FILLER = re.compile(f"[{_FILLERS}]")
_SELECTOR = re.compile(f"(.?)([{_SELECTORS}])", re.DOTALL)
_STACK_MAX = 4
"""Most marks on one letter: as many as Hebrew with accents needs. More of them hide the lines above."""
_STACK = re.compile(f"m{{{_STACK_MAX + 1}}}")


def has_hidden_characters(text: str) -> bool:
    """Whether a text has fillers, lone variation selectors, a pile of marks, or joiners that show nothing."""
    if text.isascii():
        return False
    bare = _SELECTOR.sub(r"\1", text)
    return bool(
        _FILLER.search(text)
        or any(not is_joiner_seen(text, match.start()) for match in _JOINER.finditer(text))
        or any(not _is_visible_character(selector[1]) for selector in _SELECTOR.finditer(text))
        or _STACK.search("".join("m" if unicodedata.category(character)[0] == "M" else "-" for character in bare))
    )


def is_joiner_seen(text: str, at: int) -> bool:
    """Whether the joiner at this index changes how the letters around it look: RFC 5892, appendix A.1 and A.2.

    It does after a virama. A non-joiner also does between two letters that would join. A letter follows in any case.
    """
    before, after = text[:at], text[at + 1 :]
    if before and unicodedata.combining(before[-1]) == _VIRAMA:
        return after[:1].isalpha()
    if text[at] == _NON_JOINER:
        pair = _without_marks(before)[-1:] + _without_marks(after)[:1]
        return pair.isalpha() and bool(_JOINED.fullmatch(pair))
    return before.endswith(_RA) and after[1:2].isalpha() and unicodedata.combining(after[0]) == _VIRAMA


def _without_marks(text: str) -> str:
    """The text without marks, which stand on letters and do not part them."""
    return "".join(character for character in text if unicodedata.category(character)[0] != "M")


def count_letters(text: str) -> int:
    """The number of letters and digits."""
    return sum(unicodedata.category(character)[0] in "LN" for character in text)


def is_visible(text: str) -> bool:
    """Whether a text has any visible character."""
    return any(map(_is_visible_character, text))


def _is_visible_character(character: str) -> bool:
    """Whether a character is a letter, number, punctuation or symbol; a mark alone is not visible."""
    return bool(character) and unicodedata.category(character)[0] in "LNPS"

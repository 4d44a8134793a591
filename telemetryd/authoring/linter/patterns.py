"""The words and patterns of the heuristics of `lint`, in English where language matters. A match is a warning for a person to judge.

Policy: A1, A2, M1, P1.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONTENT = "no answer contains what somebody has, writes or looks at, or a hint such as a file's name"
_PERSON = "no answer says who or where somebody is"
_MACHINE = "no answer tells one device, installation or person from all others"
_GROUPS = (
    ("P1", _CONTENT, "path paths filename filenames filepath filepaths pathname pathnames directory directories folder folders"),
    (
        "P1",
        _CONTENT,
        "url urls uri uris link links title titles content contents clipboard keystroke keystrokes query queries bookmark bookmarks",
    ),
    ("A1", _PERSON, "user users username usernames name names person persons email mail address addresses phone birthday gender"),
    ("A1", _PERSON, "account accounts login logins contact contacts location latitude longitude ip"),
    (
        "A2",
        _MACHINE,
        "serial serials hash hashes hashed uuid guid imei token tokens fingerprint cookie cookies hostname identifier identifiers",
    ),
)
NAMES: Mapping[str, tuple[str, str]] = MappingProxyType({word: (clause, why) for clause, why, words in _GROUPS for word in words.split()})
"""Word → (endangered clause, what the author has to ensure)."""

_DOCUMENTS = "txt|pdf|odt|ods|odp|docx?|xlsx?|pptx?|rtf|jpe?g|png|gif|webp|svg|mp3|ogg|flac|mp4|mkv|avi|html?|xml|csv|eml|key|pem|conf"
VALUES: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"(?i)(?:https?|ftp|file)[._+-]+\S*\..*"), "P1", "a URL"),
    (re.compile(r"(?i)www\..+|(?:[a-z0-9-]+\.)+(?:com|org|edu|gov|info)|(?:[a-z0-9-]+\.){2,}(?:net|io|de|fr|uk|eu)"), "P1", "a URL's host"),
    (re.compile(r"(?:\d{1,3}\.){3}\d{1,3}"), "A1", "a network address"),
    (re.compile(r"(?i)[0-9a-f]{2}(?:-[0-9a-f]{2}){5}"), "A2", "a hardware address"),
    (re.compile(r"(?i)[0-9a-f]{8}-[0-9a-f-]{10,}|(?=.*[0-9])(?=.*[a-f])[0-9a-f]{16,}"), "A2", "an id of one thing"),
    (re.compile(r"(?!\d{4}-\d\d-\d\d$)\+?[0-9][0-9-]{7,}[0-9]"), "A2", "a number of one person or thing"),
    (re.compile(rf"(?i).+\.(?:{_DOCUMENTS})"), "P1", "a file's name"),
    (re.compile(r".*\.\..*"), "P1", "a path"),
)
"""(pattern, clause, kind of content) for complete values that are content, although their characters are valid."""

MARKED = re.compile(r"(?:[?\uff1f\u061f\u2e2e\u1367]|(?<=[\u0370-\u03ff\u1f00-\u1fff])[;\u037e])[\s\"'\u201d\u2019\u00bb)\]]*$|\u055e")
"""A question mark of any script at the end. The Greek one is a semicolon, and the Armenian one is inside a word."""
ASKED = re.compile(MARKED.pattern + "|(?:か|吗|嗎|呢)。?$")
"""The end of a question, with the question particles of Japanese and Chinese."""

EXPLORING = re.compile(
    r"(?i)\bexplor|\bjust (?:curious|to know)\b|\bcurio(?:us|sity)\b|\bin general\b|\bgeneral (?:statistics|usage|interest)\b"
    r"|\blearn (?:more )?about\b|\banything\b|\beverything\b|\binteresting\b"
)
"""Words of a purpose without a question: data is collected just in case."""

UNDECIDED = re.compile(
    r"(?i)\bto be (?:decided|determined|defined|discussed)\b|\bt\.?b\.?[da]\b|\btodo\b|\bfixme\b|\bn/a\b"
    r"|\b(?:nothing|none|unknown|undecided|not (?:yet )?(?:known|decided|clear))\b|\bwe(?: wi|')ll see\b|\bcurio(?:us|sity)\b"
    r"|\bfor (?:our |the )?(?:statistics|research|information|marketing|analytics|records|interest)\b"
    r"|\b(?:learn|know|find out|understand) (?:more|better)\b|\bbetter underst\w+|\bget(?:ting)? (?:an idea|insights?)\b"
    r"|\bimprov(?:e|es|ing|ements?)\b(?: \w+)? ?(?:the |our )?(?:\w+ )?"
    r"(?:product|application|app|software|program|experience|quality|things)s?\W*$"
    r"|\b(?:in|for) (?:the )?future\b|\bvarious\b|\bin general\b"
)
"""Words of a decision that decides nothing."""

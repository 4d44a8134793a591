"""KUserFeedback's global switch, as Plasma's settings page writes it to `KDE/UserFeedback.conf`. Policy: C4.

KConfig writes the file and QSettings reads it. They disagree in details (`off`, the empty value, quotes, `;` comments); what either of them
could take for "off" is off here.
"""

from __future__ import annotations

import re

from telemetryd.errors import InvalidFileError

_GROUP = re.compile(r"\[([^\]]*)\](\s*\[[^\]]*\])*")
_ENTRY = re.compile(r"([^=\[]*?)\s*(?:\[[^\]]*\]\s*)*(?:=\s*(.*))?", re.DOTALL)
_OPTIONS = re.compile(r"\s*\[\$[a-z]+\]", re.IGNORECASE)
_OFF = {"", "0", "false", "no", "off"}


def is_switched_off(text: str) -> bool:
    """Whether any `Enabled` of `[UserFeedback]` says no, options such as `[$i]` (immutable) or not. Raises InvalidFileError."""
    is_ours = is_off = False
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        entry = line.strip()
        if not entry or entry[0] in "#;":
            continue
        if entry[0] == "[":
            is_ours = _is_our_group(entry, is_ours=is_ours, number=number)
        elif "\0" in entry or ("=" not in entry and not entry.endswith("]")):
            raise InvalidFileError(f"line {number}: expected a [group] or key=value")
        elif is_ours:
            is_off = is_off or _says_off(entry)
    return is_off


def _is_our_group(entry: str, *, is_ours: bool, number: int) -> bool:
    """Whether the entries below belong to our group; a lone `[$i]` changes nothing, and `[UserFeedback][other]` is another group."""
    if not _GROUP.fullmatch(entry):
        raise InvalidFileError(f"line {number}: expected a [group] or key=value")
    group = _OPTIONS.sub("", entry)
    return group[1:-1].strip().casefold() == "userfeedback" if group else is_ours


def _says_off(entry: str) -> bool:
    found = _ENTRY.fullmatch(entry)
    if not found or found[1].casefold() != "enabled" or found[2] is None:
        return False
    value = re.split(r"[#;]", found[2])[0].strip().strip("\"'").strip()
    return value.casefold() in _OFF

"""KUserFeedback's global switch, as Plasma's settings page writes it to `KDE/UserFeedback.conf`. Policy: C4.

KConfig writes the file and QSettings reads it. They disagree about the ends of groups and lines, our keys, values, and which values mean
"no". So this module reads the file in both ways. A value that either of them could take for "off" is off.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from telemetryd.errors import InvalidFileError
from telemetryd.late_pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLANK = " \t\n\r\v\f"
"""The white space of both formats; Unicode has more."""
_AROUND = _BLANK + "\"'\ufeff"
"""Characters around a value that are not part of it."""
_GROUP = late_pattern(r"\[([^\]]*)\](\s*\[[^\]]*\])*")
_OFF = {"", "0", "false", "no", "off", "n"}
"""The first three are from QSettings, the next two from KConfig. Neither knows `n`, but a person may write it."""

_NAMES, _NAME = late_pattern(r"(?:\[[^\]]*\])+"), late_pattern(r"\[([^\]]*)\]")
_KCONFIG_ESCAPE = late_pattern(r"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_KCONFIG_ESCAPES = {"s": " ", "t": "\t", "n": "\n", "r": "\r", "\\": "\\"}

_INI = r'[^"\\\n\r;{0}]|\\(?:\n\r|\r\n|.|\Z)|"(?:[^"\\]|\\(?:.|\Z))*(?:"|\Z)'
_INI_LINE = late_pattern(rf"(?:[\t\n\r ]|;[^\n\r]*)*((?:{_INI.format('=')})*)(?:=((?:{_INI.format('')})*))?", re.DOTALL)
"""A line of QSettings: key and value. A backslash or an open quote continues it, and a semicolon ends it."""
_INI_ESCAPE = late_pattern(r"%(?:U([0-9A-Fa-f]{4})|([0-9A-Fa-f]{2}))")
_INI_PART = late_pattern(r'"((?:[^"\\]|\\(?:.|\Z))*)(?:"[\t ]*|\Z)|(,)|((?:[^",\\]|\\(?:.|\Z))+)', re.DOTALL)
_INI_CHARACTER = late_pattern(r"\\(?:x([0-9A-Fa-f]+)|([0-7]+)|\n\r|\r\n|.|\Z)", re.DOTALL)


def is_switched_off(text: str) -> bool:
    """Whether any `Enabled` of `[UserFeedback]` says no, options such as `[$i]` (immutable) or not. Raises InvalidFileError."""
    text = text.removeprefix("\ufeff")
    _check(text)
    values = [*_kconfig_values(text), *_qsettings_values(text)]
    return any(value is None or value.strip(_AROUND).casefold() in _OFF for value in values)


def _check(text: str) -> None:
    """Raises InvalidFileError for a line that is no group, key or comment, because a damaged "off" must not read as "on"."""
    for number, line in enumerate(text.split("\n"), 1):
        entry = line.strip(_BLANK)
        if not entry or entry[0] in "#;":
            continue
        is_group = entry[0] == "["
        is_sound = _GROUP.fullmatch(entry) if is_group else "\0" not in entry and ("=" in entry or entry.endswith("]"))
        if not is_sound:
            raise InvalidFileError(f"line {number}: expected a [group] or key=value")


def _kconfig_values(text: str) -> Iterator[str | None]:
    """The values of the switch as KConfig reads them. None stands for a `[$e]` value, which needs the environment or a shell."""
    is_ours = False
    for line in text.split("\n"):
        entry = line.strip(_BLANK)
        if entry.startswith("["):
            is_ours = _is_our_group(entry, is_ours=is_ours)
        elif is_ours and not entry.startswith("#"):
            key, assigned, value = entry.partition("=")
            name, *options = key.split("[")
            flags = "".join(option.partition("]")[0] for option in options if option.startswith("$"))
            if not assigned or "d" in flags or not _is_called(_unescape(name), "enabled"):
                continue
            yield None if "e" in flags and "$" in value else _strip_comment(_unescape(value))


def _is_our_group(entry: str, *, is_ours: bool) -> bool:
    """Whether the next entries belong to our group. A lone `[$i]` changes nothing; `[UserFeedback][other]` is another group."""
    names = [_unescape(name) for name in _NAME.findall(_NAMES.findall(entry)[0])]
    if names[-1] == "$i":
        names.pop()
    return len(names) == 1 and _is_called(names[0], "userfeedback") if names else is_ours


def _unescape(text: str) -> str:
    def character(escape: re.Match[str]) -> str:
        return chr(int(escape[1], 16)) if escape[1] else _KCONFIG_ESCAPES.get(escape[2], escape[0])

    return _KCONFIG_ESCAPE.sub(character, text)


def _strip_comment(value: str) -> str:
    """The value before a comment. KConfig has no comments after values, but a person who writes one means the part before it."""
    return re.split("[#;]", value)[0]


def _qsettings_values(text: str) -> Iterator[str | None]:
    """The values of the switch as QSettings reads them. None stands for a value that is no text, which it converts to "no"."""
    group, position = "", 0
    while position < len(text):
        match = _INI_LINE.match(text, position)
        assert match  # noqa: S101 - the pattern matches the empty text too
        position = max(match.end(), position + 1)
        if match[1].startswith("["):
            group = _ini_key(text[match.start(1) + 1 : match.end()].partition("]")[0]) + "/"
            group = "" if _is_called(group, "general/") else group
        elif match[2] is not None and _is_called(group + _ini_key(match[1]), "userfeedback/enabled"):
            yield _ini_value(match[2])


def _ini_key(text: str) -> str:
    return _INI_ESCAPE.sub(lambda escape: chr(int(escape[1] or escape[2], 16)), text.strip(_BLANK).replace("\\", "/"))


def _ini_value(text: str) -> str | None:
    """The text of a value; None for a list and for most `@Type(…)` values, which QSettings converts to "no"."""
    value = ""
    for quoted, comma, plain in _INI_PART.findall(text):
        if comma:
            return None
        value += _INI_CHARACTER.sub(_ini_character, quoted or plain)
    value = value.strip(_AROUND)
    conversion = re.fullmatch(r"@(?:String|ByteArray)\((.*)\)", value, re.DOTALL)
    if conversion:
        return conversion[1]
    return None if re.fullmatch(r"@[^@].*\)", value, re.DOTALL) else value


def _ini_character(escape: re.Match[str]) -> str:
    """The character of a numeric escape; "" for others, because none of our words contains them."""
    return chr(int(escape[1], 16) & 0xFFFF) if escape[1] else chr(int(escape[2], 8) & 0xFFFF) if escape[2] else ""


def _is_called(text: str, name: str) -> bool:
    return text.strip(_BLANK).casefold() == name

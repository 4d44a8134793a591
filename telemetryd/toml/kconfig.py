"""KUserFeedback's global switch, as Plasma's settings page writes it to `KDE/UserFeedback.conf`. Policy: C4.

KConfig writes the file and QSettings reads it. They disagree in much: where a group and a line end, which keys are ours, what a value is
and which values mean "no". The file is read in both ways, and what either of them could take for "off" is off.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from telemetryd.errors import InvalidFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLANK = " \t\n\r\v\f"
"""White space of both; Unicode has more of it."""
_AROUND = _BLANK + "\"'\ufeff"
"""What may stand around a value and is no part of it."""
_GROUP = re.compile(r"\[([^\]]*)\](\s*\[[^\]]*\])*")
_OFF = {"", "0", "false", "no", "off", "n"}
"""QSettings: the first three; KConfig: the next two; `n` is what neither knows and a person means."""

_NAMES, _NAME = re.compile(r"(?:\[[^\]]*\])+"), re.compile(r"\[([^\]]*)\]")
_KCONFIG_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_KCONFIG_ESCAPES = {"s": " ", "t": "\t", "n": "\n", "r": "\r", "\\": "\\"}

_INI = r'[^"\\\n\r;{0}]|\\(?:\n\r|\r\n|.|\Z)|"(?:[^"\\]|\\(?:.|\Z))*(?:"|\Z)'
_INI_LINE = re.compile(rf"(?:[\t\n\r ]|;[^\n\r]*)*((?:{_INI.format('=')})*)(?:=((?:{_INI.format('')})*))?", re.DOTALL)
"""A line of QSettings: its key and value. It goes on after a backslash or inside of quotes, and ends at a semicolon."""
_INI_ESCAPE = re.compile(r"%(?:U([0-9A-Fa-f]{4})|([0-9A-Fa-f]{2}))")
_INI_PART = re.compile(r'"((?:[^"\\]|\\(?:.|\Z))*)(?:"[\t ]*|\Z)|(,)|((?:[^",\\]|\\(?:.|\Z))+)', re.DOTALL)
_INI_CHARACTER = re.compile(r"\\(?:x([0-9A-Fa-f]+)|([0-7]+)|\n\r|\r\n|.|\Z)", re.DOTALL)


def is_switched_off(text: str) -> bool:
    """Whether any `Enabled` of `[UserFeedback]` says no, options such as `[$i]` (immutable) or not. Raises InvalidFileError."""
    text = text.removeprefix("\ufeff")
    _check(text)
    values = [*_by_kconfig(text), *_by_qsettings(text)]
    return any(value is None or value.strip(_AROUND).casefold() in _OFF for value in values)


def _check(text: str) -> None:
    """A damaged "off" must not read as "on"."""
    for number, line in enumerate(text.split("\n"), 1):
        entry = line.strip(_BLANK)
        if not entry or entry[0] in "#;":
            continue
        is_group = entry[0] == "["
        is_sound = _GROUP.fullmatch(entry) if is_group else "\0" not in entry and ("=" in entry or entry.endswith("]"))
        if not is_sound:
            raise InvalidFileError(f"line {number}: expected a [group] or key=value")


def _by_kconfig(text: str) -> Iterator[str | None]:
    """Each value of the switch, None for one that nobody knows: KConfig asks the environment or a shell for a `[$e]` one."""
    is_ours = False
    for line in text.split("\n"):
        entry = line.strip(_BLANK)
        if entry.startswith("["):
            is_ours = _is_our_group(entry, is_ours=is_ours)
        elif is_ours and not entry.startswith("#"):
            key, assigned, value = entry.partition("=")
            name, *options = key.split("[")
            flags = "".join(one.partition("]")[0] for one in options if one.startswith("$"))
            if not assigned or "d" in flags or not _is_called(_unescaped(name), "enabled"):
                continue
            yield None if "e" in flags and "$" in value else _before_remark(_unescaped(value))


def _is_our_group(entry: str, *, is_ours: bool) -> bool:
    """Whether the entries below belong to our group; a lone `[$i]` changes nothing, and `[UserFeedback][other]` is another group."""
    names = [_unescaped(name) for name in _NAME.findall(_NAMES.findall(entry)[0])]
    if names[-1] == "$i":
        names.pop()
    return len(names) == 1 and _is_called(names[0], "userfeedback") if names else is_ours


def _unescaped(text: str) -> str:
    def meant(found: re.Match[str]) -> str:
        return chr(int(found[1], 16)) if found[1] else _KCONFIG_ESCAPES.get(found[2], found[0])

    return _KCONFIG_ESCAPE.sub(meant, text)


def _before_remark(value: str) -> str:
    """KConfig knows no remark behind a value; who wrote one meant what stands before it."""
    return re.split("[#;]", value)[0]


def _by_qsettings(text: str) -> Iterator[str | None]:
    """The same as QSettings reads it, None for what it converts to "no" because it is no text."""
    group, place = "", 0
    while place < len(text):
        found = _INI_LINE.match(text, place)
        assert found  # noqa: S101 - the pattern takes nothing too
        place = max(found.end(), place + 1)
        if found[1].startswith("["):
            group = _ini_key(text[found.start(1) + 1 : found.end()].partition("]")[0]) + "/"
            group = "" if _is_called(group, "general/") else group
        elif found[2] is not None and _is_called(group + _ini_key(found[1]), "userfeedback/enabled"):
            yield _ini_value(found[2])


def _ini_key(text: str) -> str:
    return _INI_ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), text.strip(_BLANK).replace("\\", "/"))


def _ini_value(text: str) -> str | None:
    """A list, and the `@Type(…)` of most types, are "no" when they are asked for a truth value."""
    told = ""
    for quoted, comma, plain in _INI_PART.findall(text):
        if comma:
            return None
        told += _INI_CHARACTER.sub(_ini_character, quoted or plain)
    told = told.strip(_AROUND)
    kept = re.fullmatch(r"@(?:String|ByteArray)\((.*)\)", told, re.DOTALL)
    if kept:
        return kept[1]
    return None if re.fullmatch(r"@[^@].*\)", told, re.DOTALL) else told


def _ini_character(found: re.Match[str]) -> str:
    """The character of a number; the other escapes stand for what is in none of our words."""
    return chr(int(found[1], 16) & 0xFFFF) if found[1] else chr(int(found[2], 8) & 0xFFFF) if found[2] else ""


def _is_called(text: str, name: str) -> bool:
    return text.strip(_BLANK).casefold() == name

"""The rules for single values of a TOML text, each written once. Policy: A1, C6, C7, M1, P1, R1.

`manifest_keys` and `config_keys` assign them to keys. A rule takes a value of the right type and returns its normal form, or raises
RefusedError.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from itertools import pairwise
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, TypeVar

from telemetryd.core.definition import NONE, OTHER
from telemetryd.core.system_facts import SYSTEM
from telemetryd.toml.visible import count_letters, has_hidden_characters, is_visible

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

_FRENCH_SPACES_AND_JOINERS = dict.fromkeys(map(ord, "\u00a0\u202f\u200c\u200d"))
"""Not printable for Python, but needed in French, Persian and Hindi."""
_MAIL = r"[^\s<>()\"]+@[^\s<>()\"]+"
_YEARS = range(2000, 3000)
"""The years of a date, far inside the range of the calendar arithmetic."""
_TOLERANCE = Decimal("0.01")
"""The tolerance for the sum of expected shares, which should be 1: three times 0.33 is accepted."""
EXACT = 1 << 53
"""Largest edge: doubles represent all whole numbers up to it exactly."""

LINE, NAME, UNIT, URL, PATH = 300, 80, 16, 1000, 4096
"""Longest texts, in characters: a line, an application's name, a unit, an endpoint's URL, a file's path (Linux's PATH_MAX)."""
SOURCES = 4
"""Most sources of one question."""

ID = r"[a-z][a-z0-9_-]{0,63}"
APPLICATION_ID = r"(?![A-Za-z0-9_.-]{129})[A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*){2,}"
"""Three parts or more, as AppStream and Flatpak require of an id."""
SNAP = r"(?=.*[a-z])(?!.{41})[a-z0-9]+(?:-[a-z0-9]+)*"
HOST = r"(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:.]+\])"
DIGEST = r"sha256:[0-9a-f]{64}"
_HTTPS = rf"https://{HOST}(?::[0-9]{{1,5}})?(?:/[!-~]*)?"
_URL = rf"(https?)://({HOST})(:[0-9]{{1,5}})?(/[^#\\\"<>^`{{|}}]*)?"
_NON_ASCII_URL = r"https?://(?=[^:/]*[^\0-\x7f])(?:[A-Za-z0-9.-]|[^\W\0-\x7f])+(?::[0-9]{1,5})?(?:/[!-~]*)?"
"""A URL with non-ASCII letters in its host, as browsers show it. Name look-ups need its punycode."""
LOCALISED = re.compile(r"([a-z_]+)\[([a-z]{2,3}(?:_(?:[A-Z]{2}|[0-9]{3}))?(?:@[a-z]{2,16})?)\]")
"""A key in another language, as in desktop files: `name[de]`."""

T = TypeVar("T")


class RefusedError(ValueError):
    """A value that breaks the rule of its field. The text says what was expected, and never repeats the value."""


def rejection(expected: str) -> RefusedError:
    """The error that a rule raises."""
    return RefusedError(f"expected {expected}")


def pattern_rule(pattern: str, expected: str) -> Callable[[str], str]:
    """The rule that a whole text matches a pattern. It is compiled at once, because a first text should take no longer than others (C3)."""
    compiled = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise rejection(expected)
        return text

    return check


def line(text: str) -> str:
    """A text of one line, in NFC, the form in digests."""
    text = unicodedata.normalize("NFC", text)
    visible = text.translate(_FRENCH_SPACES_AND_JOINERS)
    if not is_visible(visible) or not visible.isprintable() or text != text.strip():
        raise rejection("one line of text that is not empty, without control characters and without spaces at its ends")
    if has_hidden_characters(text):
        raise rejection("text that shows all it holds: no fillers, lone selectors or joiners, at most four marks on a letter")
    return text


def name(text: str) -> str:
    """An application's name, with at least one letter or digit: 微信 and R are names, … is not."""
    return _require_letters(line(text), 1)


def reason(text: str) -> str:
    """A purpose or decision, with at least three letters or digits."""
    return _require_letters(line(text), 3)


def _require_letters(text: str, least: int) -> str:
    if count_letters(text) < least:
        raise rejection(f"{'one letter or digit' if least == 1 else f'{least} letters or digits'} at least")
    return text


identifier = pattern_rule(ID, "an id: 1 to 64 of a-z 0-9 _ -, beginning with a letter")
application_id = pattern_rule(
    APPLICATION_ID, "an application id in reverse-DNS form such as org.example.Editor: three or more parts, at most 128 characters"
)
snap_name = pattern_rule(SNAP, "a snap's name: 1 to 40 of a-z 0-9, with a letter, and single - inside")
page_url = pattern_rule(_HTTPS, "an https: URL")
contact = pattern_rule(rf"{_HTTPS}|mailto:[!-?A-~]+@[A-Za-z0-9.-]+", "an https: or mailto: URL")
choice_value = pattern_rule(r"[A-Za-z0-9._+-]{1,32}", "a value: 1 to 32 of A-Z a-z 0-9 . _ + -")
shared_source = pattern_rule(f"{APPLICATION_ID}/{ID}", "a shared source as application/source, such as org.example.frameworks/crash")
source_reference = pattern_rule(f"({APPLICATION_ID}/)?{ID}", f"the id of a source of this manifest, or {SYSTEM}/ and a system fact")
file_path = pattern_rule(r"/[^\0]+", "an absolute path")
digest = pattern_rule(DIGEST, "sha256: and 64 hex digits, as `telemetryctl show` prints them")


def edge(value: Any) -> int | float:
    """The edge of a bin."""
    if (
        not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= EXACT
    ):  # the comparison fails for NaN too; an int above it may not fit a double
        raise rejection("a finite number of at most 2^53")
    return value


def count_edge(value: Any) -> int:
    """The edge of a bin of counts."""
    number = edge(value)
    if number < 0 or number % 1:
        raise rejection("a whole number of at least 0")
    return int(number)


def edge_or_value(item: Any) -> int | float | str:
    """One edge or value in `coarser`."""
    return item if isinstance(item, str) else edge(item)


def strictly_increasing(edges: list[T]) -> list[T]:
    """The edges of a source: one or more, each larger than the one before."""
    if not edges or any(low >= high for low, high in pairwise(edges)):  # type: ignore[operator]  # T is int or float
        raise rejection("one or more edges in rising order, each once")
    return edges


def unique_items(items: list[str]) -> list[str]:
    """The entries of a list: one or more, each once."""
    if not items or len(set(items)) < len(items):
        raise rejection("one or more entries, each once")
    return items


def choice_values(values: list[str]) -> list[str]:
    """The values of a choice, sorted as in digests."""
    if OTHER in values or NONE in values:
        raise rejection(f"values without {OTHER} and {NONE}, which telemetryd adds itself")
    return sorted(unique_items(values))


def not_negative(number: float) -> float:
    """A cap, a time or a share: finite and at least 0."""
    if not 0 <= number < inf:  # fails for NaN too
        raise rejection("a finite number of at least 0")
    return number


def sampling_share(share: float) -> float:
    """The share of the consenting users who are asked: above 0 and at most 1."""
    if not 0 < share <= 1:
        raise rejection("a number above 0 and at most 1")
    return share


def epsilon_in_tenths(epsilon: float) -> float:
    """An ε from 0.1 to 4.0 in tenths, which exact arithmetic represents."""
    tenths = Decimal(repr(epsilon)) * 10
    if not isfinite(epsilon) or not 1 <= tenths <= 40 or tenths % 1:  # noqa: PLR2004 - 0.1 to 4.0
        raise rejection("0.1 to 4.0 in steps of 0.1")
    return int(tenths) / 10


def complete_shares(shares: dict[str, float]) -> dict[str, float]:
    """The expected shares of a source's labels, whose sum is 1."""
    if abs(sum((Decimal(repr(share)) for share in shares.values()), Decimal(-1))) > _TOLERANCE:
        raise rejection("shares that add up to 1 (± 0.01)")
    return shares


def question_day(day: date) -> date:
    """The first or last day of a question."""
    if day.year not in _YEARS:
        raise rejection("a date in the years 2000 to 2999")
    return day


def endpoint_url(url: str) -> str:
    """An endpoint's URL, with scheme and host in lower case and without the default port, because budgets belong to the host's text.

    A URL with a non-ASCII host is returned unchanged. `settings_in_force` rejects only that endpoint, not the file.
    """
    if re.fullmatch(_NON_ASCII_URL, url):
        return url
    match = re.fullmatch(_URL, url, re.ASCII | re.IGNORECASE)
    if not match or not re.fullmatch(r"[!-~]+", url) or int((match[3] or ":443")[1:]) not in range(1, 65536):
        raise rejection("an https: URL with a host, without a user name and without a fragment")
    scheme, host, port = match[1].lower(), match[2].lower(), match[3] or ""
    default = ":443" if scheme == "https" else ":80"
    return f"{scheme}://{host}{'' if port == default else port}{match[4] or '/'}"


def relay_url(url: str) -> str:
    """A relay's URL. It is https even in developer mode: only the relay's certificate proves who sees the user's address. Policy: C7."""
    if not (normal := endpoint_url(url)).startswith("https:"):
        raise rejection("an https: URL with a host, without a user name and without a fragment")
    return normal


def proxy_url(url: str) -> str:
    """A proxy's URL, as `http://host:port`. It has no user name or password: any program of the user can read configuration files."""
    match = re.fullmatch(_URL, url, re.ASCII | re.IGNORECASE)
    if not match or match[1].lower() != "http" or (match[4] or "/") != "/" or int((match[3] or ":80")[1:]) not in range(1, 65536):
        raise rejection("an http: URL of a host and a port, without a user name, a password and a path")
    return f"http://{match[2].lower()}{match[3] or ':80'}"


def results_url(url: str) -> str:
    """The URL of an endpoint's results. One with a non-ASCII host is returned unchanged, as in `endpoint_url`."""
    return url if re.fullmatch(_NON_ASCII_URL, url) else page_url(url)


def two_people(reviewers: list[str]) -> list[str]:
    """Two or more different people. Reviewers who share a name or an address are one person, also transitively. Policy: R1."""
    others = {_person(reviewer) for reviewer in reviewers} - {("", "")}
    same_person = {others.pop()} if others else set()
    while linked := {other for other in others for known in same_person if any(a and a == b for a, b in zip(other, known, strict=True))}:
        same_person |= linked
        others -= linked
    if not others:
        raise rejection("two or more different people")
    return reviewers


def _person(reviewer: str) -> tuple[str, str]:
    """A reviewer's case-folded name and mail address; one of them may be empty."""
    mail = re.search(_MAIL, reviewer)
    name = " ".join(re.findall(r"\w+", re.sub(_MAIL, "", reviewer).casefold()))
    return name, mail[0].casefold() if mail else ""

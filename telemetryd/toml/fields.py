"""What one value of a TOML text may be: the rules of the fields, each written once.

The `models` hold every field to them and say what is wrong; `reader` reads a text that keeps them all.
Each takes a value of the right type and gives what is kept of it, or raises RefusedError. Policy: A1, C6, C7, M1, P1, R1.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from itertools import pairwise
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from telemetryd.core.definition import NONE, OTHER
from telemetryd.core.system_facts import SYSTEM
from telemetryd.toml.visible import hides, letters, shows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

_FRENCH_SPACES_AND_JOINERS = dict.fromkeys(map(ord, "\u00a0\u202f\u200c\u200d"))
"""Not printable by Python's rule, and needed to write French, Persian and Hindi."""
_MAIL = r"[^\s<>()\"]+@[^\s<>()\"]+"
_YEARS = range(2000, 3000)
"""What a date's year can be; far inside what calendar arithmetic can express."""
_TOLERANCE = Decimal("0.01")
"""How far from 1 expected shares may add up: three times 0.33 will do."""
EXACT = 1 << 53
"""Largest edge: the largest whole number up to which a double holds every one."""

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
_FOREIGN = r"https?://(?=[^:/]*[^\0-\x7f])(?:[A-Za-z0-9.-]|[^\W\0-\x7f])+(?::[0-9]{1,5})?(?:/[!-~]*)?"
"""A URL whose host is written in other letters, as browsers show it; what is looked up is its punycode."""
LOCALISED = re.compile(r"([a-z]+)\[([a-z]{2,3}(?:_(?:[A-Z]{2}|[0-9]{3}))?(?:@[a-z]{2,16})?)\]")
"""A key in another language, as in desktop files: `name[de]`."""

T = TypeVar("T")


class RefusedError(ValueError):
    """A value that a field does not take; its text says what was expected, never what came."""


def refused(expected: str) -> RefusedError:
    """The error that a rule raises."""
    return RefusedError(f"expected {expected}")


def matching(pattern: str, expected: str) -> Callable[[str], str]:
    """The rule that a whole text matches a pattern, which is compiled when it is first needed."""
    compiled: list[re.Pattern[str]] = []

    def check(text: str) -> str:
        if not compiled:
            compiled.append(re.compile(pattern, re.ASCII))
        if not compiled[0].fullmatch(text):
            raise refused(expected)
        return text

    return check


def line(text: str) -> str:
    """A text of one line in its NFC form, the form that digests see."""
    text = unicodedata.normalize("NFC", text)
    visible = text.translate(_FRENCH_SPACES_AND_JOINERS)
    if not shows(visible) or not visible.isprintable() or text != text.strip():
        raise refused("one line of text that is not empty, without control characters and without spaces at its ends")
    if hides(text):
        raise refused("text that shows all it holds: no fillers, lone selectors or joiners, at most four marks on a letter")
    return text


def name(text: str) -> str:
    """What an application is called: 微信 and R are names, and … is none."""
    return _lettered(line(text), 1)


def reason(text: str) -> str:
    """What a question is for, or what its answer will change."""
    return _lettered(line(text), 3)


TRANSLATED: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {"name": name, "summary": line, "description": line, "purpose": reason, "decision": reason}
)
"""The rule of each text that a manifest may have in several languages."""


def _lettered(text: str, least: int) -> str:
    if letters(text) < least:
        raise refused(f"{'one letter or digit' if least == 1 else f'{least} letters or digits'} at least")
    return text


identifier = matching(ID, "an id: 1 to 64 of a-z 0-9 _ -, beginning with a letter")
application_id = matching(
    APPLICATION_ID, "an application id in reverse-DNS form such as org.example.Editor: three or more parts, at most 128 characters"
)
snap_name = matching(SNAP, "a snap's name: 1 to 40 of a-z 0-9, with a letter, and single - inside")
page_url = matching(_HTTPS, "a https: URL")
contact = matching(rf"{_HTTPS}|mailto:[!-?A-~]+@[A-Za-z0-9.-]+", "a https: or mailto: URL")
choice_value = matching(r"[A-Za-z0-9._+-]{1,32}", "a value: 1 to 32 of A-Z a-z 0-9 . _ + -")
shared_source = matching(f"{APPLICATION_ID}/{ID}", "a shared source as application/source, such as org.example.frameworks/crash")
asked_source = matching(f"({APPLICATION_ID}/)?{ID}", f"the id of a source of this manifest, or {SYSTEM}/ and a system fact")
file_path = matching(r"/[^\0]+", "an absolute path")
digest = matching(DIGEST, "sha256: and 64 hex digits, as `telemetryctl show` prints them")


def edge(value: Any) -> int | float:
    """The edge of a bin."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= EXACT:  # nor is NaN; a double need not hold it
        raise refused("a finite number of at most 2^53")
    return value


def count_edge(value: Any) -> int:
    """The edge of a bin of counts."""
    number = edge(value)
    if number < 0 or number % 1:
        raise refused("a whole number of at least 0")
    return int(number)


def kept(item: Any) -> int | float | str:
    """One edge or value that `coarser` keeps."""
    return item if isinstance(item, str) else edge(item)


def rising(edges: list[T]) -> list[T]:
    """Edges in order."""
    if not edges or any(low >= high for low, high in pairwise(edges)):  # type: ignore[operator]  # T is int or float
        raise refused("one or more edges in rising order, each once")
    return edges


def distinct(items: list[str]) -> list[str]:
    """Entries of a list."""
    if not items or len(set(items)) < len(items):
        raise refused("one or more entries, each once")
    return items


def declarable(values: list[str]) -> list[str]:
    """The values of a choice, in the order that digests see."""
    if OTHER in values or NONE in values:
        raise refused(f"values without {OTHER} and {NONE}, which telemetryd adds itself")
    return sorted(distinct(values))


def tenths(epsilon: float) -> float:
    """An ε that exact arithmetic can hold."""
    found = Decimal(repr(epsilon)) * 10
    if not isfinite(epsilon) or not 1 <= found <= 40 or found % 1:  # noqa: PLR2004 - 0.1 to 4.0
        raise refused("0.1 to 4.0 in steps of 0.1")
    return int(found) / 10


def whole(shares: dict[str, float]) -> dict[str, float]:
    """The expected shares of a source's labels."""
    if abs(sum((Decimal(repr(share)) for share in shares.values()), Decimal(-1))) > _TOLERANCE:
        raise refused("shares that add up to 1 (± 0.01)")
    return shares


def this_millennium(day: date) -> date:
    """A question's first or last day."""
    if day.year not in _YEARS:
        raise refused("a date in the years 2000 to 2999")
    return day


def endpoint_url(url: str) -> str:
    """The scheme and host in lower case, without the default port: a budget is kept for the host, and one host has one text.

    A host whose name is not ASCII stays as it is: the URL is not used, and the other endpoints are (`core.settings`).
    """
    if re.fullmatch(_FOREIGN, url):
        return url
    found = re.fullmatch(_URL, url, re.ASCII | re.IGNORECASE)
    if not found or not re.fullmatch(r"[!-~]+", url) or int((found[3] or ":443")[1:]) not in range(1, 65536):
        raise refused("a https: URL with a host, without a user name and without a fragment")
    scheme, host, port = found[1].lower(), found[2].lower(), found[3] or ""
    default = ":443" if scheme == "https" else ":80"
    return f"{scheme}://{host}{'' if port == default else port}{found[4] or '/'}"


def relay_url(url: str) -> str:
    """Never http, not even in developer mode: the relay's certificate is all that says who sees the user's address. Policy: C7."""
    if not (normal := endpoint_url(url)).startswith("https:"):
        raise refused("a https: URL with a host, without a user name and without a fragment")
    return normal


def results_url(url: str) -> str:
    """The page of an endpoint's results; of a host whose name is not ASCII the same holds as for the endpoint's own URL."""
    return url if re.fullmatch(_FOREIGN, url) else page_url(url)


def two_people(reviewers: list[str]) -> list[str]:
    """Who shares a name or an address with somebody is the same person, also by way of a third. Policy: R1."""
    others = {_person(reviewer) for reviewer in reviewers} - {("", "")}
    found = {others.pop()} if others else set()
    while same := {one for one in others for known in found if any(a and a == b for a, b in zip(one, known, strict=True))}:
        found |= same
        others -= same
    if not others:
        raise refused("two or more different people")
    return reviewers


def _person(reviewer: str) -> tuple[str, str]:
    """A reviewer's name and mail address, for comparing; one of them may be empty."""
    mail = re.search(_MAIL, reviewer)
    name = " ".join(re.findall(r"\w+", re.sub(_MAIL, "", reviewer).casefold()))
    return name, mail[0].casefold() if mail else ""

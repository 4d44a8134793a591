"""What a vendor may still be told and what was revealed, in answers of the usual strength. Without Qt. Policy: A1, T1."""

from __future__ import annotations

from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.privacy import odds
from telemetryd.core.privacy.odds import Revealed
from telemetryd.core.translation import decimal
from telemetryd.settings.words.window_words import foreign, in_line, vendor_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.core.translation import Words
    from telemetryd.ctl.language import UserLanguage
    from telemetryd.settings.reading.service_snapshot import Row

_USUAL_EPSILON = 2.0
"""The strength of noise that a manifest has if it names none."""


class Host(NamedTuple):
    """What one server was told: its line for life, and those of the years, the latest first."""

    life: Row
    years: Sequence[Row]


def hosts(budgets: Sequence[Row]) -> list[Host]:
    """The servers, in the order of their names."""
    lines = [budget for budget in budgets if budget["host"] and budget["capped"]]
    found = [Host(line, _years(lines, line["host"])) for line in lines if not line["year"]]
    return sorted(found, key=lambda host: (host.life["vendor_name"].casefold(), host.life["host"]))


def sources(budgets: Sequence[Row]) -> list[Row]:
    """What was measured, in the order of names."""
    return sorted((budget for budget in budgets if budget["source"]), key=lambda budget: budget["source"])


def applications(budgets: Sequence[Row]) -> list[Row]:
    """What answers say about the use of applications."""
    return sorted((budget for budget in budgets if budget["application"]), key=lambda budget: budget["application"])


def vendor(line: Row, language: UserLanguage) -> str:
    """A vendor by its name, else by its host."""
    return foreign(line["vendor_name"] or line["host"], language)


def told(line: Row, language: UserLanguage) -> str:
    """How many answers of how many a server got, in a year or ever."""
    words = language.words
    used, cap = _number(line["spent"], words), _number(line["cap"], words)
    if not line["year"]:
        return words.gettext("{used} of {limit} answers ever").format(used=used, limit=cap)
    if line["year"] == datetime.now(UTC).year:
        return words.gettext("{used} of {limit} answers this year").format(used=used, limit=cap)
    return words.gettext("{used} of {limit} answers in {year}").format(used=used, limit=cap, year=line["year"])


def host_sentence(host: Host, language: UserLanguage) -> str:
    """What a server got this year and ever, and what is promised."""
    words = language.words
    parts = words.pgettext("between items", ", ").join(told(line, language) for line in (*host.years, host.life))
    text = words.gettext("{vendor}: {answers}.").format(vendor=vendor(host.life, language), answers=parts)
    return in_line([text, promised(host.life, words)])


def source_sentence(line: Row, words: Words) -> str:
    """How much of the limit of one measured thing is used."""
    text = words.gettext("{used} of {limit} answers, to whomever they went.")
    return in_line([text.format(used=_number(line["spent"], words), limit=_number(line["cap"], words)), promised(line, words)])


def application_sentence(line: Row, words: Words) -> str:
    """How many answers of one application were made."""
    text = words.ngettext("{number} answer.", "{number} answers.", line["answers"]).format(number=line["answers"])
    return in_line([text, promised(line, words), words.gettext("This has no limit of its own.")])


def promised(line: Row, words: Words) -> str:
    """How many answers are promised; "" if none is."""
    return words.gettext("Promised: {number}.").format(number=_number(line["reserved"], words)) if line["reserved"] else ""


def meaning(line: Row, words: Words) -> str:
    """What somebody could tie together from the answers of a line."""
    return odds.sentences(Revealed(line["spent"], line["reserved"], line["largest"], line["charges"], line["application"]), words)


def yearly_room(application: Row, budgets: Sequence[Row], language: UserLanguage) -> str:
    """How many answers the vendor of an application can still get from the user this year; "" if it has no server."""
    words, host = language.words, _host(application.get("endpoint", ""))
    if not host:
        return ""
    year, name = datetime.now(UTC).year, vendor_of(application, language)
    lines = [budget for budget in budgets if budget["capped"] and budget["host"] and budget["year"] == year]
    if not lines:
        text = words.gettext("{vendor} has no answer of this year from you. How many it may get is limited, and each yes uses one.")
        return text.format(vendor=name)
    own = next((line for line in lines if line["host"] == host), None)
    left = max(0.0, own["cap"] - own["spent"] - own["reserved"]) if own else lines[0]["cap"]  # all servers have the same cap
    text = words.ngettext(
        "{vendor} can still get {number} answer from you this year. Each yes uses one.",
        "{vendor} can still get {number} answers from you this year. Each yes uses one.",
        ceil(left / _USUAL_EPSILON),
    )
    return text.format(vendor=name, number=_number(left, words))


def _host(url: str) -> str:
    """The host and port of a URL, as the ledger has them."""
    return url.split("/")[2].rpartition("@")[2] if "//" in url else ""


def _years(lines: Sequence[Row], host: str) -> list[Row]:
    return sorted((line for line in lines if line["host"] == host and line["year"]), key=lambda line: -line["year"])


def _number(epsilon: float, words: Words) -> str:
    return decimal(f"{round(epsilon / _USUAL_EPSILON, 1):g}", words)

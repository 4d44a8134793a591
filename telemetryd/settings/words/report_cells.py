"""What the lists of reports say about a report, cell by cell. Without Qt. Policy: T1."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.translation import mark
from telemetryd.settings.reading.history_reading import EmptyBecause
from telemetryd.settings.words.window_words import day, foreign, last_day, name_of, outcome_line, purpose_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from telemetryd.core.translation import Words
    from telemetryd.ctl.language import UserLanguage
    from telemetryd.settings.reading.service_snapshot import Row, ServiceSnapshot

WAITING = (mark("Most likely between"), mark("At the latest"), mark("Application"), mark("Question"), mark("To"))
SENT = (mark("Day"), mark("Application"), mark("Question"), mark("The report said"), mark("To"), mark("Outcome"))
"""Heads of the two lists."""
OUTCOMES = {
    mark("Any outcome"): (),
    mark("Arrived"): ("accepted", "answered", "suspended"),
    mark("Refused by the server"): ("rejected",),
    mark("May have arrived"): ("unknown",),
    mark("Not delivered"): ("dropped",),
    mark("Erased before it was sent"): ("erased",),
}
"""What a filter of the list offers → outcomes."""
NOTHING = "—"


class ReportSubject(NamedTuple):
    """Who asked, and what, in the user's language; ids if the texts are lost."""

    application: str
    question: str


def subject(report: Row, snapshot: ServiceSnapshot | None, names: Mapping[tuple[str, str], Row], language: UserLanguage) -> ReportSubject:
    """What a report is about. `names` are the questions of reports that are over; those of others are in the snapshot."""
    key = report["application"], report["question"]
    question = names.get(key) or _due(report, snapshot)
    return ReportSubject(_application(report, snapshot, language), _question(report, question, language))


def waiting_cells(report: Row, snapshot: ServiceSnapshot, language: UserLanguage) -> Sequence[str]:
    """A report that waits: when it leaves, who asks, what, and who gets it."""
    question = _due(report, snapshot)
    between = NOTHING
    if question and question["due_from"]:
        first, last = day(question["due_from"], language), last_day(question["due"], language)
        between = language.words.gettext("{first} and {last}").format(first=first, last=last)
    latest = last_day(report["due_until"], language)
    return [between, latest, _application(report, snapshot, language), _question(report, question, language), _to(report, language)]


def sent_cells(
    report: Row, snapshot: ServiceSnapshot | None, names: Mapping[tuple[str, str], Row], language: UserLanguage
) -> Sequence[str]:
    """A report that is over: the day, who asked what, what the report said, who got it, and the outcome."""
    return [
        day(report["sent"], language) if report["sent"] else NOTHING,
        _application(report, snapshot, language),
        _question(report, names.get((report["application"], report["question"])), language),
        foreign(report["answer"], language) or NOTHING,
        _to(report, language),
        outcome_line(report, language.words),
    ]


def empty_line(why: EmptyBecause, made: int, day_erased: str, words: Words) -> str:
    """Why no report is in the list although so many were made."""
    return _empty_text(why, made, words).format(day=day_erased, number=made)


def _empty_text(why: EmptyBecause, made: int, words: Words) -> str:
    match why:
        case EmptyBecause.ERASED:
            return words.ngettext(
                "You erased this list on {day}. {number} report was made in all.",
                "You erased this list on {day}. {number} reports were made in all.",
                made,
            )
        case EmptyBecause.LOST:
            return words.ngettext(
                "This list was lost with its file. {number} report was made in all.",
                "This list was lost with its file. {number} reports were made in all.",
                made,
            )
        case EmptyBecause.OLD:
            return words.ngettext(
                "No report is in the list. Reports are kept for a year, or until you erase the list; {number} was made in all.",
                "No report is in the list. Reports are kept for a year, or until you erase the list; {number} were made in all.",
                made,
            )


def _due(report: Row, snapshot: ServiceSnapshot | None) -> Row | None:
    key = report["application"], report["question"]
    return next((row for row in snapshot.due if (row["application"], row["id"]) == key), None) if snapshot else None


def _application(report: Row, snapshot: ServiceSnapshot | None, language: UserLanguage) -> str:
    application = snapshot.application(report["application"]) if snapshot else None
    return name_of(application, language) if application else foreign(report["application"], language)


def _question(report: Row, question: Row | None, language: UserLanguage) -> str:
    return purpose_of(question, language) if question else foreign(report["question"], language)


def _to(report: Row, language: UserLanguage) -> str:
    return foreign(report["vendor_name"] or report["endpoint"], language)

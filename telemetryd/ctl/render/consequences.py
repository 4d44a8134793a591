"""What a change would do, from the values of Foresee, for the user to decide on. Policy: C1, C2, T2.

`parts` has every sentence. The page is telemetryctl's; the settings window has a dialog of the same parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.core.explanation import Situation, explain
from telemetryd.core.translation import joined
from telemetryd.ctl.render.value_words import day

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from telemetryd.core.translation import Words
    from telemetryd.ctl.control_client import Consequences
    from telemetryd.ctl.render.printing import Page, Row

    Consequence = Mapping[str, Any]
    Sentences = Callable[[Consequence, Words], Iterator[str]]

_DAY_S = 86_400
_ROOM = {"", "yes"}
"""Words for the room of questions that start: nothing is known before the draw, or without a server."""


class Part(NamedTuple):
    """Questions to which the same happens: a heading, and each of them with what there is to say about it alone."""

    heading: str
    rows: Sequence[tuple[Consequence, str]]


def consequences_page(page: Page, foreseen: Consequences) -> None:
    """Every part; nothing if nothing follows."""
    for part in parts(foreseen, page.language.words):
        page.say(part.heading, "bold")
        page.facts(line for row, text in part.rows for line in _lines(row, text))
        page.gap()


def parts(foreseen: Consequences, words: Words) -> Iterator[Part]:
    """What ends for good, what starts, and what closes or stays closed. A part without questions is left out."""
    starts = [row for row in foreseen.resumes if row["room"] in _ROOM]
    later = [row for row in foreseen.resumes if row["room"] not in _ROOM]
    ends = words.ngettext("This ends {number} question for good:", "This ends {number} questions for good:", len(foreseen.ends))
    yield from _part(foreseen.ends, ends, words, _end)
    start = words.ngettext("This starts {number} question:", "This starts {number} questions:", len(starts))
    yield from _part(starts, start, words, _start)
    may = words.ngettext("{number} question may start later:", "{number} questions may start later:", len(later))
    yield from _part(later, may, words, _start)
    closes = [row for row in foreseen.refused if row["closes"]]
    stays = [row for row in foreseen.refused if not row["closes"]]
    close = words.ngettext("This closes {number} question:", "This closes {number} questions:", len(closes))
    yield from _part(closes, close, words, _shut)
    stay = words.ngettext("{number} question stays closed:", "{number} questions stay closed:", len(stays))
    yield from _part(stays, stay, words, _shut)


def _part(rows: Sequence[Consequence], heading: str, words: Words, sentences: Sentences) -> Iterator[Part]:
    if rows:
        yield Part(heading.format(number=len(rows)), [(row, _joined(sentences(row, words), words)) for row in rows])


def _joined(sentences: Iterator[str], words: Words) -> str:
    said = list(sentences)
    return joined(said, words) if said else ""


def _lines(row: Consequence, text: str) -> Iterator[Row]:
    yield f"{row['application']}/{row['question']}", row["purpose"] or text
    if row["purpose"] and text:
        yield "", text


def _end(row: Consequence, words: Words) -> Iterator[str]:
    """Why it ends, where the change does not say that itself, and what is erased."""
    if row["cause"] == "too_late":
        yield words.gettext("A yes comes too late: no period is left in which it could be measured for you.")
    yield from _erased(row, words)


def _erased(row: Consequence, words: Words) -> Iterator[str]:
    if "tally" in row["erases"]:
        yield words.gettext("What was measured is erased.")
    if "report" in row["erases"]:
        yield words.gettext("The answer that waits to be sent is erased.")


def _start(row: Consequence, words: Words) -> Iterator[str]:
    """When it was accepted, when it is measured, and whether the budget has room."""
    if row["pusher"]:
        yield words.gettext("What {application} measures counts for it from now on.").format(application=row["pusher"])
        return
    if row["accepted_at"]:
        yield words.gettext("You accepted it on {date}.").format(date=day(row["accepted_at"]))
    if row["cause"]:
        yield _why(row, words)
    elif row["period_begins"]:
        dates = {"begins": day(row["period_begins"]), "ends": day(row["period_ends"] - _DAY_S)}
        yield words.gettext("It is measured from {begins} to {ends}.").format(**dates)
    else:
        yield words.gettext("Chance picks the period in which it is measured when you say yes.")
    if row["room"] == "yes":
        yield words.gettext("The privacy budget has room for it so far.")


def _shut(row: Consequence, words: Words) -> Iterator[str]:
    """What shuts it, and until when it can be opened again."""
    _ = words.gettext
    if row["pusher"] and row["erases"]:
        yield _("What {application} has measured for it is erased.").format(application=row["pusher"])
    if row["pusher"]:
        yield _("What {application} measures does not count for it from now on.").format(application=row["pusher"])
        return
    if row["cause"] == "forgotten":
        yield _("Your yes is withdrawn.")
    else:
        yield _why(row, words)
    yield from _erased(row, words)
    if row["closes"] and row["period_begins"] and row["cause"] != "forgotten":
        yield _("It can go on if you undo this before {date}.").format(date=day(row["period_begins"]))


def _why(row: Consequence, words: Words) -> str:
    """What keeps it from being measured or sent."""
    if row["cause"] == "no_endpoint":
        return words.gettext("This system has no server for its vendor, so nothing could be sent.")
    accepted = "waiting" if row["accepted_at"] else "pending"  # nobody has said yes to it yet
    return explain(Situation("refused" if row["cause"] == "refused" else accepted, row["cause"], row["cause_args"]), words)

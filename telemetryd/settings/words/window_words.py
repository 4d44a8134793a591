"""The window's sentences, made from the values of Control1. Without Qt. Those about a question's state are core's. Policy: T1."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from telemetryd.core.causes import entry
from telemetryd.core.translation import mark
from telemetryd.ctl.failures import UNAVAILABLE, told
from telemetryd.ctl.render.reasons import error_text, reason
from telemetryd.ctl.render.state_sentences import left_out, lock_sentence, number_left_out
from telemetryd.ctl.safe_text import one_line
from telemetryd.errors import ERASURE_PENDING, LOCKED, AccessDeniedError, BusyError, ChangedError
from telemetryd.settings.reading.service_snapshot import ABSENT, AXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from telemetryd.core.translation import Words
    from telemetryd.ctl.failures import Failure
    from telemetryd.ctl.language import UserLanguage
    from telemetryd.settings.reading.service_snapshot import Row, ServiceSnapshot, ShownLock

_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"
_DAY_S = 86_400

LEVELS = (mark("Off"), mark("Basic"), mark("Detailed"))
OWN_LEVELS = {3: mark("As for all applications"), **dict(enumerate(LEVELS))}
"""An application's own levels, in the order in which they are offered."""
NEW_QUESTIONS = (mark("Always say no"), mark("Ask me here"), mark("Say yes for applications whose questions I accepted before"))
AXIS_TITLES = {"system": mark("About your system"), "usage": mark("About how you use applications")}
AXIS_TEXTS = {
    "system": mark("Memory, window system and the like: the same however you use your computer."),
    "usage": mark("How often something is done and how long it takes; never what you typed, opened or saved."),
}
_OUTCOMES = {
    "queued": mark("waits to be sent"),
    "accepted": mark("arrived"),
    "answered": mark("arrived; the server needs no more answers"),
    "suspended": mark("arrived; the server has stopped the question"),
    "rejected": mark("refused by the server ({status})"),
    "unknown": mark("broken off; it may have arrived"),
    "dropped": mark("not delivered: nothing left this computer"),
    "erased": mark("erased before it was sent"),
}


def foreign(text: str, language: UserLanguage) -> str:
    """A text from elsewhere on one line. It is isolated where directions of writing could mix, or `4..16` would be read as `16..4`."""
    line = one_line(text)
    is_mixed = language.direction == "rtl" or any(unicodedata.bidirectional(character) in {"R", "AL"} for character in line)
    return f"{_FIRST_STRONG_ISOLATE}{line}{_POP_ISOLATE}" if is_mixed and line else line


def quoted(text: str) -> str:
    """A text for terminals, with its commands in quotation marks instead of backticks."""
    return re.sub("`([^`]*)`", "“\\1”", text)


def day(unix: int, language: UserLanguage) -> str:
    """A Unix time in seconds as a date; a time that is cut to the day is a date in UTC."""
    if not unix:
        return language.words.gettext("never")
    zone = UTC if unix % _DAY_S == 0 else None
    return datetime.fromtimestamp(unix, UTC).astimezone(zone).date().isoformat()


def last_day(end: int, language: UserLanguage) -> str:
    """The last day of a time that ends at a midnight (UTC, Unix seconds)."""
    return day(end - _DAY_S, language) if end else day(0, language)


def in_line(sentences: Iterable[str]) -> str:
    """Sentences one after the other. A Japanese full stop has the space behind it in itself."""
    return " ".join(filter(None, sentences)).replace("。 ", "。")


def headline(snapshot: ServiceSnapshot, words: Words) -> str:
    """Whether anything can be measured or sent now, in one or a few sentences."""
    _ = words.gettext
    if snapshot.switches:
        what, file = snapshot.switches[0]
        return switch_line(what, file, words)
    if snapshot.is_off:
        if any(snapshot.chosen(axis) for axis in AXES):
            return _off_sentence(snapshot, words)
        return _("Telemetry is off. Nothing is collected, nothing is sent.")
    if snapshot.properties.get("Developer"):
        return _("Developer mode: reports go to this computer only.")
    if not snapshot.is_whole:
        return _("Telemetry is on. Your questions are being read …")
    return in_line(_activity(snapshot, words))


def _off_sentence(snapshot: ServiceSnapshot, words: Words) -> str:
    """Who switched off what the user chose."""
    files = {snapshot.lock(axis)[1] for axis in AXES if snapshot.chosen(axis)}
    if files <= {lock.file for lock in snapshot.locks if lock.is_own}:
        return words.gettext("A file of your own has switched telemetry off.")
    return words.gettext("Your administrator has switched telemetry off.")


def lock_label(snapshot: ServiceSnapshot, file: str, language: UserLanguage) -> str:
    """Whose file sets the limit beside which it stands."""
    _, is_own = language.words.gettext, any(lock.is_own for lock in snapshot.locks if lock.file == file)
    text = _("Set by a file of your own ({file}).") if is_own else _("Set by your administrator ({file}).")
    return text.format(file=foreign(file, language))


def switch_clause(what: str, file: str, words: Words) -> str:
    """One kill switch, in the words that a question shut by it has too."""
    cause, args = {
        "unreadable": ("unreadable", {"what": "configuration", "file": file}),
        "DO_NOT_TRACK": ("do_not_track", {}),
    }.get(what, ("kill_switch", {"file": file or what}))
    found = entry(cause, args)
    return words.gettext(found.now).format(file=one_line(file or what)) if found else what


def switch_line(what: str, file: str, words: Words) -> str:
    """The line about one kill switch, or about how many more there are."""
    number = number_left_out(what)
    return left_out(number, words) if number else words.gettext("Telemetry is off: {why}.").format(why=switch_clause(what, file, words))


def application_line(application: Row, running: int, words: Words) -> str:
    """One line about an application: what waits for the user, or what it does. `running`: its questions that are accepted and not over."""
    _, count = words.gettext, application["pending"]
    if application["kind"] in ABSENT:
        return _("Gone. Something is still kept about it.")
    if count:
        return words.ngettext("{number} question for you", "{number} questions for you", count).format(number=count)
    if not (application["effective_system"] or application["effective_usage"]):
        return _("Off")
    if running:
        return words.ngettext("Answers {number} question", "Answers {number} questions", running).format(number=running)
    return _("Nothing to decide") if application["installed"] else _("Not installed: declared by a running program")


def name_of(application: Row, language: UserLanguage) -> str:
    """An application's name in the user's language."""
    texts = language.texts(application.get("translations", {}))
    return foreign(texts.get("name", application["name"]) or application["id"], language)


def vendor_of(application: Row, language: UserLanguage) -> str:
    """The vendor's name, as the system's configuration has it, else as the manifest has it."""
    return foreign(application.get("vendor_name") or application["vendor"], language)


def purpose_of(question: Row, language: UserLanguage) -> str:
    """A question in the user's language; its id if its texts are lost."""
    texts = language.texts(question.get("translations", {}))
    return foreign(texts.get(f"question/{question['id']}/purpose", question["purpose"]) or question["id"], language)


def state_line(question: Row, language: UserLanguage) -> str:
    """Where a question stands."""
    return foreign(reason(question, language.words), language)


def outcome_line(report: Row, words: Words) -> str:
    """What became of a report. An outcome of a newer daemon is shown as it is."""
    outcome = str(report["outcome"])
    if outcome == "dropped" and report["error"]:
        return words.gettext("not delivered: {why}").format(why=error_text(str(report["error"]), words))
    return words.gettext(_OUTCOMES[outcome]).format(status=report["status"]) if outcome in _OUTCOMES else outcome


def failure_line(failure: Failure, words: Words, locks: Sequence[ShownLock] = ()) -> str:
    """Why something could not be done or read, and what holds now. `locks` may be the reason."""
    _, text = words.gettext, failure.detail
    if failure.exit_code == UNAVAILABLE:
        hidden = _("This window runs in a sandbox that keeps the telemetry service from it. Open it outside of the sandbox.")
        away = _("The telemetry service is not running, so nothing is collected or sent.")
        return hidden if failure.name == AccessDeniedError.bus_name else away
    if failure.name == BusyError.bus_name:
        if text.startswith(ERASURE_PENDING):
            return _("Your choice holds. Erasing waits because another program has the file open.")
        return _("The telemetry service is busy. The window asks again by itself.")
    if failure.name == ChangedError.bus_name:
        return _("Something changed while you were reading, so nothing was done. Look again, then decide.")
    if failure.name == AccessDeniedError.bus_name and LOCKED in text:
        setting = text.partition(" ")[0]
        those = [lock for lock in locks if lock.setting.partition("=")[0] == setting]
        why = [lock_sentence(lock.setting, lock.file, words, is_own=lock.is_own) for lock in those]
        said = in_line(_("Nothing was changed, because {why}.").format(why=text) for text in why)
        return said or _("A lock does not allow this. Nothing was changed.")
    said = told(failure.name, text) if text else quoted(failure.message)
    return _("The telemetry service could not do this: {why}").format(why=one_line(said))


def _activity(snapshot: ServiceSnapshot, words: Words) -> list[str]:
    accepted = [row for state in ("active", "reporting", "waiting") for row in snapshot.in_state(state)]
    active, waiting = len(snapshot.in_state("active")), len(snapshot.in_state("reporting"))
    allowed = words.ngettext("You allow {number} question.", "You allow {number} questions.", len(accepted)).format(number=len(accepted))
    measured = words.ngettext("{number} is being measured now.", "{number} are being measured now.", active).format(number=active)
    leaving = words.ngettext("{number} answer waits to be sent.", "{number} answers wait to be sent.", waiting).format(number=waiting)
    nothing = words.gettext("Nothing is being measured."), words.gettext("Nothing is waiting to be sent.")
    return [allowed, measured if active else nothing[0], leaving if waiting else nothing[1]]

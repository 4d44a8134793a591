"""Why a question is in its state: a stable word for each cause, its arguments, and its words for the user. Policy: T1.

The table is the only place for these words. The daemon gives cause and arguments to clients; `core.explanation` makes sentences of them.
A cause with several meanings has an entry for each, chosen by the value of one argument or by the arguments that are there.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING

from telemetryd.core.translation import mark
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Cause(StrEnum):
    """The causes, as on Control1. NONE: the state says everything."""

    NONE = ""
    KILL_SWITCH = "kill_switch"
    UNREADABLE = "unreadable"
    DO_NOT_TRACK = "do_not_track"
    LOCK = "lock"
    LEVEL = "level"
    APPLICATION_LEVEL = "application_level"
    REFUSED = "refused"
    CHANGED = "changed"
    GONE = "gone"
    STOPPED = "stopped"
    SUSPENDED = "suspended"
    REVIEWS = "reviews"
    UNREVIEWED = "unreviewed"
    DEVELOPER = "developer"
    ENDPOINT_CHANGED = "endpoint_changed"
    NOT_DRAWN = "not_drawn"
    TOO_LATE = "too_late"
    TOO_MANY = "too_many"
    NO_ROOM = "no_room"
    NO_ENDPOINT = "no_endpoint"
    UNUSABLE_ENDPOINT = "unusable_endpoint"
    ERASED = "erased"
    WITHDRAWN = "withdrawn"
    FORGOTTEN = "forgotten"
    DAMAGED = "damaged"
    LOST = "lost"
    SERVER_ANSWERED = "server_answered"
    SERVER_SUSPENDED = "server_suspended"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    DROPPED = "dropped"
    SENT = "sent"


PAUSING = frozenset({Cause.UNREADABLE, Cause.GONE, Cause.REVIEWS, Cause.UNREVIEWED})
"""Causes that pause a question at first. An active question with one of them is not measured, a report with one of them waits."""


class Entry(NamedTuple):
    """One meaning of a cause: the names of its arguments, and its words in English.

    `now` is a clause about the present, and `then` about what ended a question. `whole` is a sentence about what became of the report.
    `choice` is the argument, with its value, that tells this meaning from others of the cause.
    """

    cause: Cause
    arguments: tuple[str, ...] = ()
    now: str = ""
    then: str = ""
    whole: str = ""
    choice: tuple[str, str] | None = None

    @property
    def kind(self) -> str:
        """The name of this meaning: the cause, and the value that chooses it."""
        return f"{self.cause}/{self.choice[1]}" if self.choice else str(self.cause)


USERS = ("whose", "user")
"""The argument of a cause that comes from a file of the user's own. Without it the file is the system's."""

TABLE = (
    Entry(Cause.KILL_SWITCH, ("file",), mark("{file} switches telemetry off"), mark("{file} switched telemetry off")),
    Entry(
        Cause.UNREADABLE,
        ("what", "file"),
        mark("{file} cannot be read or has a mistake, so everything is off to be safe"),
        mark("{file} could not be read for a day, so everything was off to be safe"),
        choice=("what", "configuration"),
    ),
    Entry(
        Cause.UNREADABLE,
        ("what", "application"),
        mark("the file in which {application} declares its questions cannot be read"),
        mark("the file in which {application} declares its questions could not be read for a day"),
        choice=("what", "manifest"),
    ),
    Entry(
        Cause.DO_NOT_TRACK,
        (),
        mark("DO_NOT_TRACK is set in the environment of telemetryd"),
        mark("DO_NOT_TRACK was set in the environment of telemetryd"),
    ),
    Entry(
        Cause.LOCK,
        ("axis", "level", "file"),
        mark("it needs the {axis} setting at {level}, and your administrator allows less ({file})"),
        mark("it needed the {axis} setting at {level}, and your administrator allowed less ({file})"),
    ),
    Entry(
        Cause.LOCK,
        ("whose", "axis", "level", "file"),
        mark("it needs the {axis} setting at {level}, and a file of your own allows less ({file})"),
        mark("it needed the {axis} setting at {level}, and a file of your own allowed less ({file})"),
        choice=USERS,
    ),
    Entry(
        Cause.LEVEL,
        ("axis", "level"),
        mark("it needs your {axis} setting at {level} or higher"),
        mark("your {axis} setting was lower than {level}"),
    ),
    Entry(
        Cause.APPLICATION_LEVEL,
        ("axis", "level", "application"),
        mark("it needs your {axis} setting for {application} at {level} or higher"),
        mark("your {axis} setting for {application} was lower than {level}"),
    ),
    Entry(Cause.REFUSED, (), then=mark("you said no to it")),
    Entry(Cause.CHANGED, (), then=mark("the question was changed after you had said yes")),
    Entry(
        Cause.GONE,
        ("how", "application"),
        mark("the file in which {application} declares its questions is gone"),
        mark("the file in which {application} declares its questions was removed"),
        choice=("how", "removed"),
    ),
    Entry(
        Cause.GONE,
        ("how", "application"),
        mark("{application} no longer asks this question"),
        mark("{application} stopped asking this question"),
        choice=("how", "not_asked"),
    ),
    Entry(
        Cause.GONE,
        ("how", "application"),
        mark("{application} has not registered its questions for 90 days"),
        mark("{application} had not registered its questions for 90 days"),
        choice=("how", "unregistered"),
    ),
    Entry(
        Cause.GONE,
        ("how", "application"),
        mark("too many applications registered, and {application} has to register again"),
        mark("too many applications had registered, and {application} did not register again"),
        choice=("how", "displaced"),
    ),
    Entry(
        Cause.STOPPED,
        ("file", "date"),
        mark("others have answered it ({file}, {date})"),
        mark("others had answered it ({file}, {date})"),
    ),
    Entry(
        Cause.STOPPED,
        ("file", "date", "text"),
        mark("others have answered it (“{text}”, {file}, {date})"),
        mark("others had answered it (“{text}”, {file}, {date})"),
    ),
    Entry(
        Cause.STOPPED,
        ("whose", "file", "date"),
        mark("a file of your own ends it ({file}, {date})"),
        mark("a file of your own ended it ({file}, {date})"),
        choice=USERS,
    ),
    Entry(
        Cause.STOPPED,
        ("whose", "file", "date", "text"),
        mark("a file of your own ends it (“{text}”, {file}, {date})"),
        mark("a file of your own ended it (“{text}”, {file}, {date})"),
        choice=USERS,
    ),
    Entry(
        Cause.SUSPENDED,
        ("file", "date"),
        mark("there may be a problem with it ({file}, {date})"),
        mark("it was stopped because of a possible problem ({file}, {date})"),
    ),
    Entry(
        Cause.SUSPENDED,
        ("file", "date", "text"),
        mark("there may be a problem with it (“{text}”, {file}, {date})"),
        mark("it was stopped because of a possible problem (“{text}”, {file}, {date})"),
    ),
    Entry(
        Cause.SUSPENDED,
        ("whose", "file", "date"),
        mark("a file of your own suspends it ({file}, {date})"),
        mark("a file of your own suspended it ({file}, {date})"),
        choice=USERS,
    ),
    Entry(
        Cause.SUSPENDED,
        ("whose", "file", "date", "text"),
        mark("a file of your own suspends it (“{text}”, {file}, {date})"),
        mark("a file of your own suspended it (“{text}”, {file}, {date})"),
        choice=USERS,
    ),
    Entry(
        Cause.REVIEWS,
        ("what",),
        mark("a file of reviews cannot be read, and may stop the question"),
        mark("a file of reviews could not be read for a day, and might have stopped it"),
        choice=("what", "stop"),
    ),
    Entry(
        Cause.REVIEWS,
        ("what",),
        mark("a file of reviews cannot be read, and may hold the question's review"),
        mark("a file of reviews could not be read for a day, and might have held its review"),
        choice=("what", "review"),
    ),
    Entry(Cause.UNREVIEWED, (), mark("no review of the question is installed"), mark("no review of the question was installed any more")),
    Entry(Cause.DEVELOPER, (), mark("developer mode is on"), mark("developer mode was switched on")),
    Entry(Cause.ENDPOINT_CHANGED, (), then=mark("it was made for another server or relay")),
    Entry(
        Cause.NOT_DRAWN,
        (),
        mark("only some users are asked, and chance has not picked you so far"),
        mark("only some users are asked, and chance did not pick you"),
    ),
    Entry(
        Cause.TOO_LATE,
        (),
        mark("no period is left in which it could be measured for you"),
        mark("the period that chance picked for you had begun when you said yes"),
    ),
    Entry(Cause.TOO_MANY, ("number",), mark("{number} accepted questions are not over yet, and more are not possible at once")),
    Entry(
        Cause.NO_ROOM,
        ("cap", "host"),
        mark("there is no room for it in what {host} may ever be told"),
        mark("there was no room for it in what {host} may ever be told"),
        choice=("cap", "life"),
    ),
    Entry(
        Cause.NO_ROOM,
        ("cap", "host", "year"),
        mark("there is no room for it in what {host} may be told in {year}"),
        mark("there was no room for it in what {host} may be told in {year}"),
        choice=("cap", "year"),
    ),
    Entry(
        Cause.NO_ROOM,
        ("cap", "source"),
        mark("there is no room for it in what may ever be told about {source}"),
        mark("there was no room for it in what may ever be told about {source}"),
        choice=("cap", "source"),
    ),
    Entry(Cause.NO_ROOM, (), then=mark("no room was kept for it in what may be told")),
    Entry(Cause.NO_ENDPOINT, (), mark("this system has no server for its vendor"), mark("this system had no server for its vendor")),
    Entry(
        Cause.UNUSABLE_ENDPOINT,
        ("what", "file"),
        mark("the certificate file for its vendor's server cannot be used ({file})"),
        mark("the certificate file for its vendor's server could not be used ({file})"),
        choice=("what", "ca_file"),
    ),
    Entry(
        Cause.UNUSABLE_ENDPOINT,
        ("what", "file"),
        mark("the file with the keys for its vendor's server cannot be used ({file})"),
        mark("the file with the keys for its vendor's server could not be used ({file})"),
        choice=("what", "ohttp_keys"),
    ),
    Entry(
        Cause.UNUSABLE_ENDPOINT,
        ("what",),
        mark("its vendor's server needs the extra for relays, which is not installed here"),
        mark("its vendor's server needed the extra for relays, which was not installed here"),
        choice=("what", "extra"),
    ),
    Entry(Cause.ERASED, (), then=mark("you erased what was measured")),
    Entry(Cause.WITHDRAWN, (), then=mark("no consent to it was on record any more")),
    Entry(Cause.FORGOTTEN, (), then=mark("you chose to forget its application")),
    Entry(Cause.DAMAGED, (), then=mark("telemetryd's stored data was damaged")),
    Entry(
        Cause.LOST,
        (),
        whole=mark("Your answer was lost with telemetryd's stored data, and nobody knows whether it had been sent."),
    ),
    Entry(
        Cause.SERVER_ANSWERED,
        ("date",),
        whole=mark("Your answer was sent on {date}, and the server said that it needs no more answers."),
    ),
    Entry(
        Cause.SERVER_SUSPENDED,
        ("date",),
        whole=mark("Your answer was sent on {date}, and the server said that the question is stopped because of a possible problem."),
    ),
    Entry(Cause.REJECTED, ("date", "status"), whole=mark("Your answer was sent on {date}, but the server refused it (HTTP {status}).")),
    Entry(Cause.UNKNOWN, ("date",), whole=mark("Sending your answer was broken off on {date}, so it may have arrived.")),
    Entry(Cause.UNKNOWN, ("date", "error"), whole=mark("Your answer was being sent on {date}, but {error}, so it may have arrived.")),
    Entry(Cause.DROPPED, (), whole=mark("Your answer was not sent in time, and nothing left this computer.")),
    Entry(
        Cause.DROPPED,
        ("error",),
        whole=mark("Your answer was not sent in time, and nothing left this computer; at the last try {error}."),
    ),
    Entry(Cause.SENT, ("date",), whole=mark("Your answer was sent on {date}, and arrived.")),
)
"""Every cause but NONE, in the order of the enumeration."""

_BY_CAUSE = {cause: tuple(entry for entry in TABLE if entry.cause is cause) for cause in Cause}

WORDS = {
    "axis": {"system": mark("System"), "usage": mark("Usage")},
    "level": {"basic": mark("Basic"), "detailed": mark("Detailed")},
    "error": {
        "dns": mark("the server's name was not found"),
        "refused": mark("the connection to the server failed or broke off"),
        "timeout": mark("the server did not answer in time"),
        "tls-expired": mark("the server's certificate was not valid on that day"),
        "tls-authority": mark("the server's certificate was not trusted here"),
        "tls-name": mark("the server's certificate was for another name"),
        "keys": mark("the file with the gateway's keys could not be used"),
        "own": mark("something went wrong on this computer"),
        "status": mark("the server did not say that it accepted the answer"),
    },
}
"""Arguments whose values are words of the program: value → what the user reads. Dates are ISO; all other values are names."""


class Reason(NamedTuple):
    """A cause with its arguments, as (name, value) pairs."""

    cause: Cause = Cause.NONE
    args: tuple[tuple[str, str], ...] = ()

    @property
    def kind(self) -> str:
        """The meaning of the cause. Delays are counted by it: two meanings of one cause have two counts."""
        found = entry(self.cause, dict(self.args))
        return found.kind if found else str(self.cause)

    @property
    def text(self) -> str:
        """The arguments as stored: a JSON object, or "" if there are none."""
        return json.dumps(dict(self.args), separators=(",", ":")) if self.args else ""


def whose(origin: str) -> dict[str, str]:
    """The argument that says whose file it is, for `because`: that of a file of the user's own."""
    return dict([USERS]) if origin == USERS[1] else {}


def entry(cause: str, args: Mapping[str, str]) -> Entry | None:
    """The entry that fits a cause and its arguments; None if there is none."""
    names = args.keys()
    for candidate in _BY_CAUSE.get(Cause(cause), ()) if cause in _BY_CAUSE else ():
        is_chosen = candidate.choice is None or args.get(candidate.choice[0]) == candidate.choice[1]
        if is_chosen and set(candidate.arguments) == names:
            return candidate
    return None


def because(cause: Cause, **args: str) -> Reason:
    """A reason with all its arguments. Raises ValueError if they are not those of an entry."""
    found = entry(cause, args)
    if found is None:
        raise ValueError(f"{cause} does not take the arguments {sorted(args)}")
    return Reason(cause, tuple((name, str(args[name])) for name in found.arguments))


def stored(cause: str, text: str) -> Reason:
    """The reason of a stored cause and the stored text of its arguments. Raises ValueError if they are none of this version."""
    if not cause and not text:
        return Reason()
    args = json.loads(text) if text else {}
    if not isinstance(args, dict) or not all(isinstance(value, str) for value in args.values()):
        raise ValueError("the arguments of a cause are texts")
    return because(Cause(cause), **args)

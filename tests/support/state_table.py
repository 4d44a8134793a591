"""The table of a question's life: what each event does to one that waits, runs or is reported. Policy: C1, M4, A1.

`tests/engine/test_table.py` makes every event happen, and `docs/generate_states.py` prints what the user reads then.
"""

from typing import NamedTuple

from support.engine_flow import APP
from support.state_events import (
    ACTIVE,
    ACTIVE_NOWHERE,
    CHARGED,
    ELSEWHERE,
    MISSING,
    NOTHING,
    REPORT,
    REPORTING,
    RESERVED,
    SAMPLE,
    WAITING,
    WAITING_NOWHERE,
    an_endpoint_appears,
    application_off,
    authority_missing,
    authority_missing_at_the_close,
    back,
    back_and_right,
    back_into_the_week,
    changed,
    changed_and_over,
    database_lost,
    developer_mode,
    developer_mode_and_back,
    ends_over,
    erased,
    erased_while_sending,
    forgotten,
    forward_into_the_week,
    forward_over_the_week,
    forward_over_the_window,
    killed,
    level_off,
    locked,
    locked_by_the_user,
    manifest_gone,
    moved,
    moved_by_way_of_none,
    moved_until_the_close,
    moved_where_no_room_is,
    no_endpoint,
    no_endpoint_at_the_close,
    no_endpoint_for_a_while,
    no_endpoint_until_it_is_late,
    no_status,
    nobody_reached,
    refused,
    refused_while_sending,
    status_2xx,
    status_4xx,
    status_5xx,
    status_410,
    status_451,
    stopped,
    stopped_by_the_user,
    suspended,
    suspended_by_the_user,
    ticked,
    unreadable,
    unreadable_for_an_hour,
    unreviewed,
    window_over,
)

from telemetryd.core.causes import Cause, Reason, because
from telemetryd.core.permission.lifecycle import State


class Row(NamedTuple):
    """One cell of the table: what it was, and after the event its state and reason, what is kept of the answer, and the ledger's row.

    `outcome` is what became of its report, in the words of the history.
    """

    event: object
    before: str
    state: State
    reason: Reason
    kept: str
    ledger: str
    outcome: str = ""


def plain(**dates):
    """The reason of a state that needs no cause."""
    return Reason(Cause.NONE, tuple(dates.items()))


BEGINS_ON, ENDS_ON = plain(begins="2026-11-23", ends="2026-11-29"), plain(ends="2026-11-29")
DUE = plain(due_from="2026-12-07", due="2027-01-03", due_until="2027-02-28")
NOWHERE, CHANGED_TEXT = because(Cause.NO_ENDPOINT), because(Cause.CHANGED)
UNUSABLE = because(Cause.UNUSABLE_ENDPOINT, what="ca_file", file=MISSING)
LEVEL = {"axis": "usage", "level": "basic"}
STOP = {"file": "{reviews}/stop.toml", "date": "2026-11-19"}
OWN_STOP = {"whose": "user", "file": "{home}/reviews.d/stop.toml", "date": "2026-11-19"}
UNREADABLE = because(Cause.UNREADABLE, what="configuration", file="{etc}/telemetryd.toml")
NO_ROOM = because(Cause.NO_ROOM, cap="life", host=ELSEWHERE)


def shutting(event, state, cause, **args):
    """The three cells of what shuts a question: it waits, or is passed while it runs, and a charge stays."""
    reason = because(cause, **args)
    return [
        Row(event, WAITING, state, reason, NOTHING, NOTHING),
        Row(event, ACTIVE, State.PASSED, reason, NOTHING, NOTHING),
        Row(event, REPORTING, State.ANSWERED, reason, NOTHING, CHARGED, "erased"),
    ]


def waits(event, reason=BEGINS_ON, before=WAITING):
    """It waits afterwards."""
    return Row(event, before, State.WAITING, reason, NOTHING, NOTHING)


def runs(event, *, before=ACTIVE, kept=SAMPLE, ledger=RESERVED, reason=ENDS_ON):
    """It runs afterwards."""
    return Row(event, before, State.ACTIVE, reason, kept, ledger)


def passes(event, reason, before=ACTIVE):
    """It has ended without an answer afterwards."""
    return Row(event, before, State.PASSED, reason, NOTHING, NOTHING)


def reports(event, before=REPORTING, ledger=CHARGED, reason=DUE):
    """Its report waits afterwards."""
    return Row(event, before, State.REPORTING, reason, REPORT, ledger, "queued")


def ended(event, outcome, cause, **args):
    """Its report is over afterwards."""
    return Row(event, REPORTING, State.ANSWERED, because(cause, **args), NOTHING, CHARGED, outcome)


TABLE = [
    *shutting(level_off, State.WAITING, Cause.LEVEL, **LEVEL),
    *shutting(application_off, State.WAITING, Cause.APPLICATION_LEVEL, **LEVEL, application=APP),
    *shutting(refused, State.REFUSED, Cause.REFUSED),
    *shutting(locked, State.WAITING, Cause.LOCK, **LEVEL, file="{etc}/telemetryd.toml"),
    *shutting(locked_by_the_user, State.WAITING, Cause.LOCK, **LEVEL, file="{home}/telemetryd.toml", whose="user"),
    *shutting(killed, State.WAITING, Cause.KILL_SWITCH, file="{etc}/telemetryd.toml"),
    *shutting(unreadable, State.WAITING, Cause.UNREADABLE, **dict(UNREADABLE.args)),
    waits(unreadable_for_an_hour, UNREADABLE),
    runs(unreadable_for_an_hour, reason=UNREADABLE),
    reports(unreadable_for_an_hour, reason=UNREADABLE),
    *shutting(stopped, State.STOPPED, Cause.STOPPED, **STOP),
    *shutting(suspended, State.SUSPENDED, Cause.SUSPENDED, **STOP),
    *shutting(stopped_by_the_user, State.STOPPED, Cause.STOPPED, **OWN_STOP),
    *shutting(suspended_by_the_user, State.SUSPENDED, Cause.SUSPENDED, **OWN_STOP),
    *shutting(unreviewed, State.UNREVIEWED, Cause.UNREVIEWED),
    *shutting(manifest_gone, State.WAITING, Cause.GONE, how="removed", application=APP),
    waits(developer_mode_and_back),
    *shutting(developer_mode_and_back, State.WAITING, Cause.DEVELOPER)[1:],
    Row(changed, WAITING, State.PENDING, CHANGED_TEXT, NOTHING, NOTHING),
    passes(changed, CHANGED_TEXT),
    reports(changed),
    Row(changed_and_over, WAITING, State.EXPIRED, plain(ended="2026-12-04"), NOTHING, NOTHING),
    reports(ends_over, WAITING),
    reports(ends_over, ACTIVE),
    reports(ends_over),
    waits(erased),
    passes(erased, because(Cause.ERASED)),
    ended(erased, "erased", Cause.ERASED),
    waits(no_endpoint, NOWHERE),
    runs(no_endpoint, ledger=NOTHING, reason=NOWHERE),
    reports(no_endpoint, reason=NOWHERE),
    waits(no_endpoint_for_a_while),
    runs(no_endpoint_for_a_while),
    reports(no_endpoint_for_a_while),
    waits(authority_missing, UNUSABLE),
    runs(authority_missing, ledger=NOTHING, reason=UNUSABLE),
    reports(authority_missing),
    passes(authority_missing_at_the_close, UNUSABLE, WAITING),
    passes(authority_missing_at_the_close, UNUSABLE),
    waits(an_endpoint_appears, before=WAITING_NOWHERE),
    runs(an_endpoint_appears, before=ACTIVE_NOWHERE),
    passes(forward_over_the_week, NOWHERE, ACTIVE_NOWHERE),
    passes(no_endpoint_at_the_close, NOWHERE, WAITING),
    passes(no_endpoint_at_the_close, NOWHERE),
    ended(no_endpoint_until_it_is_late, "dropped", Cause.DROPPED),
    waits(moved),
    runs(moved, ledger=f"reserved for {ELSEWHERE}"),
    ended(moved, "erased", Cause.ENDPOINT_CHANGED),
    reports(moved_until_the_close, WAITING, f"charged to {ELSEWHERE}"),
    reports(moved_until_the_close, ACTIVE, f"charged to {ELSEWHERE}"),
    waits(moved_by_way_of_none),
    runs(moved_by_way_of_none, ledger=f"reserved for {ELSEWHERE}"),
    ended(moved_by_way_of_none, "erased", Cause.ENDPOINT_CHANGED),
    waits(moved_where_no_room_is, NO_ROOM),
    passes(moved_where_no_room_is, NO_ROOM),
    ended(moved_where_no_room_is, "erased", Cause.ENDPOINT_CHANGED),
    waits(ticked),
    runs(ticked),
    ended(status_2xx, "accepted", Cause.SENT, date="DAY"),
    ended(status_410, "answered", Cause.SERVER_ANSWERED, date="DAY"),
    Row(status_451, REPORTING, State.SUSPENDED, because(Cause.SERVER_SUSPENDED, date="DAY"), NOTHING, CHARGED, "suspended"),
    ended(status_4xx, "rejected", Cause.REJECTED, date="DAY", status="404"),
    ended(status_5xx, "rejected", Cause.REJECTED, date="DAY", status="503"),
    ended(no_status, "unknown", Cause.UNKNOWN, date="DAY", error="refused"),
    ended(nobody_reached, "dropped", Cause.DROPPED, error="tls-authority"),
    ended(window_over, "dropped", Cause.DROPPED),
    ended(refused_while_sending, "unknown", Cause.REFUSED),
    ended(erased_while_sending, "unknown", Cause.ERASED),
    passes(forgotten, because(Cause.FORGOTTEN)),
    ended(forgotten, "erased", Cause.FORGOTTEN),
    waits(back),
    Row(back, ACTIVE, State.WAITING, BEGINS_ON, SAMPLE, RESERVED),
    reports(back),
    waits(back_and_right),
    runs(back_and_right),
    reports(back_into_the_week),
    runs(forward_into_the_week, before=WAITING, kept=NOTHING),
    reports(forward_over_the_week, WAITING),
    reports(forward_over_the_week, ACTIVE),
    ended(forward_over_the_window, "accepted", Cause.SENT, date="DAY"),
    waits(database_lost),
    passes(database_lost, because(Cause.DAMAGED)),
    ended(database_lost, "unknown", Cause.LOST),
]
"""`DAY` stands for the day of the slot that was drawn, {etc}, {reviews} and {home} for the directories of the files."""


SHUTTING = {
    level_off: Cause.LEVEL,
    application_off: Cause.APPLICATION_LEVEL,
    refused: Cause.REFUSED,
    locked: Cause.LOCK,
    locked_by_the_user: Cause.LOCK,
    killed: Cause.KILL_SWITCH,
    unreadable: Cause.UNREADABLE,
    stopped: Cause.STOPPED,
    suspended: Cause.SUSPENDED,
    stopped_by_the_user: Cause.STOPPED,
    suspended_by_the_user: Cause.SUSPENDED,
    unreviewed: Cause.UNREVIEWED,
    manifest_gone: Cause.GONE,
    developer_mode: Cause.DEVELOPER,
}

"""The ends and beginnings of a user's sessions: logout with work under way, what the environment says, and no session at all."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING

from accounts import CONTROL, DAEMON, until

if TYPE_CHECKING:
    from accounts import Account, Session
    from receiver import Receiver

_LOGOUT_S = 5
"""Longest time that a logout takes while a server does not answer. The uploader itself would wait for 20 s."""


def logout(account: Account, session: Session) -> str:
    """A logout with work under way: the daemon exits in order, and what was acknowledged is there at the next login."""
    account.push(4)
    began = time.time()
    session.end()
    until(lambda: not account.runtime.exists())
    said = account.journal(DAEMON, since=began)
    assert said == [], said
    with account.session():
        account.push()
        counted = account.counted()
    assert counted == "5..6", counted
    return "the manager ended; no line; the pushes are there at the next login"


def logout_while_sending(account: Account, receiver: Receiver) -> str:
    """A logout while a server has a report and has not answered ends at once, and the report is not sent again.

    Its outcome is unknown: at once if the uploader is told first, five minutes later if the daemon is. Until then its row is queued.
    The command is a unit of the user's own manager. One that `Account.run` waits for has a session of its own, which would be left.
    """
    until(lambda: not account.runtime.exists())
    with account.session() as session:
        before = outcomes(account).count("unknown")
        account.push()
        receiver.may_answer.clear()
        account.run("systemd-run", "--user", "--quiet", "--collect", "telemetryctl", "submit")
        first, began = receiver.reports.get(timeout=20), time.monotonic()
        session.end()
        until(lambda: not account.runtime.exists())
        took_s = time.monotonic() - began
        receiver.may_answer.set()
    with account.session():
        account.control("submit", check=False)
        account.control("submit", check=False)
        found = outcomes(account)
    others = receiver.drain()
    assert took_s < _LOGOUT_S, f"the manager ended after {took_s:.0f} s"
    assert found.count("unknown") + found.count("queued") == before + 1, found
    assert first not in others, "it was sent again"
    return f"the manager ended after {took_s:.1f} s; one copy only"


def outcomes(account: Account) -> list[str]:
    """What became of each report, the newest first."""
    return [row["outcome"] for row in json.loads(account.control("history", "--json").stdout)]


def do_not_track(account: Account) -> str:
    """DO_NOT_TRACK in environment.d switches telemetry off from the next login on."""
    until(lambda: not account.runtime.exists())
    account.write(".config/environment.d/50-track.conf", "DO_NOT_TRACK=1\n")
    with account.session():
        said = account.control("status").stdout
    (account.home / ".config/environment.d/50-track.conf").unlink()
    assert "DO_NOT_TRACK" in said, said
    return next(line for line in said.splitlines() if "DO_NOT_TRACK" in line).strip()


def linger(account: Account) -> str:
    """With linger the user's manager runs without a session: the timer is active, and calls are answered."""
    until(lambda: not account.runtime.exists())
    subprocess.run(["loginctl", "enable-linger", account.name], check=True)
    try:
        until((account.runtime / "bus").exists)
        assert account.state("telemetryd-tick.timer", "ActiveState") == "active"
        account.call(CONTROL, "ListApplications")
    finally:
        subprocess.run(["loginctl", "disable-linger", account.name], check=True)
    return "timer active and calls answered without a session"

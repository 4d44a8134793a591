"""The frozen settings that the rest is given, as `toml.precedence` makes them of every configuration file in force. Policy: C4, C6."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """A file that says something wrong, and what: shown to the user, never fatal."""

    file: str
    text: str


class KillSwitch(NamedTuple):
    """A switch that is on. `what` is `enabled`, `unreadable`, `DO_NOT_TRACK` or `kuserfeedback`; `file` is "" for the environment."""

    what: str
    file: str


class Lock(NamedTuple):
    """An administrator's ceiling: `what` is `system`, `usage` or `new_questions`; `limit` is the highest level permitted (0 to 2)."""

    what: str
    limit: int
    file: str


class Endpoint(NamedTuple):
    """Where a vendor's reports go: from system configuration only (or a user's, to loopback, in developer mode).

    With `ohttp_relay` they go there, sealed for the endpoint's gateway with a key of the file `ohttp_keys`, and nowhere else; `ca_file` is
    the relay's then, the only server that is connected to.
    """

    vendor: str
    name: str
    url: str
    format: str = "report"
    ca_file: str = ""
    results: str = ""
    ohttp_relay: str = ""
    ohttp_keys: str = ""

    @property
    def host(self) -> str:
        """Host name (with port if one is written) of the URL: what a consent names and a budget is kept for."""
        return _host(self.url)

    @property
    def way(self) -> str:
        """Host, and the relay's if there is one: a report that waits never takes another way than when it was made."""
        return f"{self.host} by {_host(self.ohttp_relay)}" if self.ohttp_relay else self.host


class Budgets(NamedTuple):
    """Caps of the privacy ledger in units of ε; users and administrators can only lower them."""

    source: float = 4.0
    year: float = 16.0
    life: float = 64.0


class Settings(NamedTuple):
    """What all configuration files together say. Without any file: on, no endpoint, nothing locked."""

    kill_switches: tuple[KillSwitch, ...] = ()
    locks: tuple[Lock, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    developer: bool = False
    idle_exit_minutes: float | None = None
    budgets: Budgets = Budgets()
    problems: tuple[Problem, ...] = ()

    def endpoint(self, vendor: str) -> Endpoint | None:
        """The endpoint configured for a vendor, or none."""
        return next((one for one in self.endpoints if one.vendor == vendor), None)

    def ceiling(self, what: str) -> int:
        """The highest level that the locks on `what` permit."""
        return min((lock.limit for lock in self.locks if lock.what == what), default=2)


def _host(url: str) -> str:
    return url.split("/")[2].rpartition("@")[2] if "//" in url else ""

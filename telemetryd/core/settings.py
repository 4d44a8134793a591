"""The settings, as `toml.settings_in_force` merges them from all configuration files in force. Policy: C4, C6."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Origin(StrEnum):
    """Whose file says something: the system's, for all users, or the user's own."""

    SYSTEM = "system"
    USER = "user"


class Problem(NamedTuple):
    """A mistake in a file, shown to the user and never fatal. `text` is a sentence in English.

    Clients make theirs from `cause` and `args` (`problem_words`). Without a cause it is a mistake in a text that somebody wrote.
    """

    file: str
    text: str
    cause: str = ""
    args: tuple[tuple[str, str], ...] = ()

    @property
    def vendor(self) -> str:
        """The vendor of the endpoint that it is about, or ""."""
        return dict(self.args).get("vendor", "")


class KillSwitch(NamedTuple):
    """A switch that is on. `what` is `enabled`, `unreadable`, `DO_NOT_TRACK` or `kuserfeedback`; `file` is "" for the environment."""

    what: str
    file: str


class Lock(NamedTuple):
    """A ceiling: `what` is `system`, `usage` or `new_questions`; `limit` is the highest level permitted (0 to 2).

    It is an administrator's, unless its `origin` is a file of the user's own.
    """

    what: str
    limit: int
    file: str
    origin: Origin = Origin.SYSTEM


class Unusable(NamedTuple):
    """Why an endpoint cannot work here: the fault of its `ca_file` or `ohttp_keys`, or the missing `extra`; `file` is "" for the extra."""

    what: str
    file: str = ""


class Endpoint(NamedTuple):
    """The destination of a vendor's reports. It comes from system configuration; in developer mode also from the user's, if on loopback.

    With `ohttp_relay`, reports go to that relay only, sealed for the endpoint's gateway with a key of the file `ohttp_keys`. `ca_file` then
    belongs to the relay, because no other server is connected to. `share` multiplies the share of each question of the vendor. `proxy` is
    asked to connect to the server or relay (CONNECT), and sees no more of a report than the network does.
    """

    vendor: str
    name: str
    url: str
    format: str = "report"
    ca_file: str = ""
    results: str = ""
    ohttp_relay: str = ""
    ohttp_keys: str = ""
    share: float = 1.0
    proxy: str = ""

    @property
    def host(self) -> str:
        """Host name of the URL, with its port if one is written. Consents name it, and budgets belong to it."""
        return _host(self.url)

    @property
    def route_id(self) -> str:
        """The host, and the relay's host if there is one. A waiting report keeps the route that it was made for."""
        return f"{self.host} by {_host(self.ohttp_relay)}" if self.ohttp_relay else self.host


class Budgets(NamedTuple):
    """Caps of the privacy ledger in units of ε; users and administrators can only lower them."""

    source: float = 4.0
    year: float = 16.0
    life: float = 64.0


class Settings(NamedTuple):
    """The merged settings. The default: on, no endpoint, nothing locked."""

    kill_switches: tuple[KillSwitch, ...] = ()
    locks: tuple[Lock, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    developer: bool = False
    idle_exit_minutes: float | None = None
    budgets: Budgets = Budgets()
    problems: tuple[Problem, ...] = ()
    unusable: Mapping[str, Unusable] = {}
    """The vendors whose endpoint cannot work on this machine; `problems` says more."""

    def endpoint(self, vendor: str) -> Endpoint | None:
        """The configured endpoint of a vendor, or None."""
        return next((endpoint for endpoint in self.endpoints if endpoint.vendor == vendor), None)

    def usable_endpoint(self, vendor: str) -> Endpoint | None:
        """The endpoint of a vendor if it can work: budgets are only promised and charged for such an endpoint."""
        return None if vendor in self.unusable else self.endpoint(vendor)

    def ceiling(self, setting: str) -> int:
        """The highest level that the locks on `setting` permit."""
        return min((lock.limit for lock in self.locks if lock.what == setting), default=2)


def _host(url: str) -> str:
    return url.split("/")[2].rpartition("@")[2] if "//" in url else ""

"""The applications that registered themselves, in the order of their last use, and which of them were evicted. Policy: C3.

The registration that was used least recently is evicted, whatever the user decided about it. So no program can lock others out, and nothing
that an application sees depends on the user. Decisions stay, and are paused until the application registers again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.limits import APPLICATIONS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class Registrations:
    """Application id → month (`2026-11`) of its last registration, the least recently used one first.

    Registering and pushing count as use, even if samples are refused. The order is in memory: after a start the older month comes first.
    """

    def __init__(self, months: Mapping[str, str] | None = None, limit: int = APPLICATIONS_MAX) -> None:
        self._limit = limit
        oldest_first = sorted((month, application) for application, month in (months or {}).items())
        self._months = {application: month for month, application in oldest_first}
        self._latest = ""
        self._expected: frozenset[str] = frozenset()
        """What was registered at the last decision, and earlier registrations of which something is stored."""

    def __contains__(self, application: str) -> bool:
        return application in self._months

    def __iter__(self) -> Iterator[str]:
        return iter(self._months)

    def month(self, application: str) -> str:
        """The month of an application's registration, or ""."""
        return self._months.get(application, "")

    def use(self, application: str) -> None:
        """Note that an application pushes: it is now the last one used."""
        if application != self._latest:  # most pushes come after one of the same application
            self._latest = application
            if application in self._months:
                self._months[application] = self._months.pop(application)

    def put(self, application: str, month: str) -> None:
        """Add a registration, as the last one used."""
        self._months.pop(application, None)
        self._months[application] = month
        self._latest = application

    def drop(self, application: str) -> None:
        """Remove a registration."""
        self._months.pop(application, None)
        if self._latest == application:
            self._latest = ""

    def next_to_evict(self, application: str) -> str:
        """The registration to evict so that this application can register, or "" if there is room."""
        is_full = len(self._months) >= self._limit and application not in self._months
        return next(iter(self._months)) if is_full else ""

    def expect(self, applications: Iterable[str]) -> None:
        """At a decision, something is stored of these applications: remember that they were registered."""
        self._expected = self._expected.intersection(applications).union(self._months)

    def forget(self, application: str) -> None:
        """Remove an application that the user forgot: it does not count as evicted."""
        self.drop(application)
        self._expected -= {application}

    def was_evicted(self, application: str) -> bool:
        """Whether an application's registration was evicted since the start."""
        return application in self._expected and application not in self._months

    def with_months(self, months: Mapping[str, str]) -> Registrations:
        """A copy with these months from the disk, in the same order of use."""
        renewed = Registrations(months, self._limit)
        for application in self._months:
            if application in renewed:
                renewed.put(application, months[application])
        renewed._latest, renewed._expected = self._latest, self._expected
        return renewed

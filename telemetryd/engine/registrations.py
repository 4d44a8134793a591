"""The applications that registered themselves, in the order of their last use, and which of them are missed. Policy: C3.

A registration makes room for another one, whatever was decided about it: so no program can lock others out, and nothing that an application
sees depends on the user. What was decided stays, and is paused until the application registers again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.limits import APPLICATIONS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class Registrations:
    """Application id → month (`2026-11`) of its last registration; the one that was used least recently is the first.

    Registering and pushing is use, whatever becomes of the samples. The order is in memory: after a start the older month comes first.
    """

    def __init__(self, months: Mapping[str, str] | None = None, most: int = APPLICATIONS_MAX) -> None:
        self._most = most
        self._months = {one: month for month, one in sorted((month, one) for one, month in (months or {}).items())}
        self._latest = ""
        self._expected: frozenset[str] = frozenset()
        """What was registered at the last decision; and of what was so earlier, that of which something is kept."""

    def __contains__(self, application: str) -> bool:
        return application in self._months

    def __iter__(self) -> Iterator[str]:
        return iter(self._months)

    def month(self, application: str) -> str:
        """The month of an application's registration, or ""."""
        return self._months.get(application, "")

    def use(self, application: str) -> None:
        """An application pushes: of all that registered it was used last."""
        if application != self._latest:  # most pushes come after one of the same application
            self._latest = application
            if application in self._months:
                self._months[application] = self._months.pop(application)

    def put(self, application: str, month: str) -> None:
        """An application registered."""
        self._months.pop(application, None)
        self._months[application] = month
        self._latest = application

    def drop(self, application: str) -> None:
        """A registration is gone."""
        self._months.pop(application, None)
        if self._latest == application:
            self._latest = ""

    def in_the_way(self, application: str) -> str:
        """Which registration has to go so that this application's finds room; "" if there is room."""
        is_full = len(self._months) >= self._most and application not in self._months
        return next(iter(self._months)) if is_full else ""

    def expect(self, applications: Iterable[str]) -> None:
        """Of these something is kept, as of a decision: they are missed as long as that is so."""
        self._expected = self._expected.intersection(applications).union(self._months)

    def forget(self, application: str) -> None:
        """The user forgot an application: nobody misses it."""
        self.drop(application)
        self._expected -= {application}

    def is_missed(self, application: str) -> bool:
        """Whether an application's registration made room for another one, as far as that is known since the start."""
        return application in self._expected and application not in self._months

    def renewed(self, months: Mapping[str, str]) -> Registrations:
        """The same with what the disk says by now, in the order of use."""
        found = Registrations(months, self._most)
        for application in self._months:
            if application in found:
                found.put(application, months[application])
        found._latest, found._expected = self._latest, self._expected
        return found

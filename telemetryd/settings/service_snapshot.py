"""What the window knows of the daemon at one moment, and simple questions about it. Without Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from telemetryd.ctl.control_client import ControlClient

Row = dict[str, Any]
"""One dictionary of Control1."""

AXES = ("system", "usage")
ABSENT = {"gone", "unreadable"}
"""Kinds of applications that declare nothing now."""
INHERIT = 3
"""An application's level that follows the global level."""
DUE = ("active", "reporting", "waiting")
"""States of questions that are accepted and not over, in the order in which they concern the user."""


class ServiceSnapshot(NamedTuple):
    """The properties of Control1, and its lists of applications, questions, reports and budgets."""

    properties: Mapping[str, Any]
    applications: Sequence[Row] = ()
    questions: Sequence[Row] = ()
    reports: Sequence[Row] = ()
    budgets: Sequence[Row] = ()
    is_whole: bool = True
    """False: only the properties and the applications are read yet."""

    @property
    def switches(self) -> Sequence[Sequence[str]]:
        """The kill switches that are on, as (what, file)."""
        return list(self.properties.get("KillSwitches", ()))

    @property
    def is_off(self) -> bool:
        """Whether nothing can be measured or sent, whatever applications ask."""
        return bool(self.switches) or not any(self.level(axis) for axis in AXES)

    @property
    def made(self) -> int:
        """How many reports were ever made, by the ledger."""
        return sum(budget["answers"] for budget in self.budgets if budget["application"])

    def chosen(self, axis: str) -> int:
        """The user's own global level."""
        return int(self.properties.get(axis.capitalize(), 0))

    def level(self, axis: str) -> int:
        """The global level that holds under the administrator's locks."""
        limit, _ = self.lock(axis)
        return min(self.chosen(axis), limit)

    def lock(self, setting: str) -> tuple[int, str]:
        """The strictest lock of a setting: the highest number that is permitted, and the file. Without a lock (2, "")."""
        limits = [(int(number) if number.isdecimal() else 0, file) for name, number, file in self._locks() if name == setting]
        return min(limits, default=(2, ""))

    def application(self, app_id: str) -> Row | None:
        """An application, or None if it is not there any more."""
        return next((row for row in self.applications if row["id"] == app_id), None)

    def questions_of(self, app_id: str) -> list[Row]:
        """The questions of an application."""
        return [row for row in self.questions if row["application"] == app_id]

    def question(self, app_id: str, question: str) -> Row | None:
        """A question, or None if it is not there any more."""
        return next((row for row in self.questions_of(app_id) if row["id"] == question), None)

    def in_state(self, state: str) -> list[Row]:
        """The questions in a state."""
        return [row for row in self.questions if row["state"] == state]

    def pending(self) -> int:
        """How many questions a yes could start now."""
        return sum(row["pending"] for row in self.applications)

    def _locks(self) -> list[tuple[str, str, str]]:
        return [(*text.partition("=")[::2], file) for text, file in self.properties.get("Locks", ())]


async def read_first(control: ControlClient) -> ServiceSnapshot:
    """Read what the first page shows at once: questions take longer. Raises `Failure`."""
    applications = await control.applications()
    return ServiceSnapshot(await control.properties(), applications, is_whole=False)


async def read(control: ControlClient) -> ServiceSnapshot:
    """Read everything that the window shows. Raises `Failure`."""
    applications, questions = await control.applications(), await control.questions("")
    reports, budgets = await control.history(0, 0), await control.ledger()
    # Last, because a broken manifest becomes a problem only after it was read.
    return ServiceSnapshot(await control.properties(), applications, questions, reports, budgets)

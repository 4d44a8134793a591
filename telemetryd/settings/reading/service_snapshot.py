"""What the window knows of the daemon at one moment, and simple questions about it. Without Qt.

Questions are many and long, so only what a page shows is read: a few keys of accepted questions, and everything about the application
whose page is open. The history is read by its page, row by row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.ctl.control_client import ReportFilter
from telemetryd.ctl.failures import Failure
from telemetryd.ctl.render.state_sentences import own_limits
from telemetryd.errors import UnknownApplicationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

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
QUEUED = "queued"
"""Outcome of a report that waits."""
_AT_ONCE = ("System", "Usage", "NewQuestions", "Developer", "KillSwitches", "Locks")
"""Properties that the daemon knows without reading every manifest."""
_OF_DUE = ("state", "cause", "cause_args", "outcome", "reason", "purpose", "translations", "due_from", "due", "due_until", "drawn_period")
OF_REPORT = ("application", "question", "period", "endpoint", "vendor_name", "created", "sent", "due_until", "outcome", "status", "error")
"""Keys of a report without its exact bytes."""


class ShownLock(NamedTuple):
    """One lock, as `setting=limit`. It is an administrator's, or `is_own`: the user's own file says so."""

    setting: str
    file: str
    is_own: bool


class ServiceSnapshot(NamedTuple):
    """The properties of Control1, and its lists of applications and budgets.

    `due` are the questions that are accepted and not over, `waiting` the reports that wait.
    `questions` are those of the application `opened`, with all keys.
    """

    properties: Mapping[str, Any]
    applications: Sequence[Row] = ()
    due: Sequence[Row] = ()
    waiting: Sequence[Row] = ()
    budgets: Sequence[Row] = ()
    opened: str = ""
    questions: Sequence[Row] = ()
    has_applications: bool = True
    """False: only the properties are read yet."""
    is_whole: bool = True
    """False: only the properties, and perhaps the applications, are read yet."""

    @property
    def switches(self) -> Sequence[Sequence[str]]:
        """The kill switches that are on, as (what, file)."""
        return list(self.properties.get("KillSwitches", ()))

    @property
    def locks(self) -> Sequence[ShownLock]:
        """What is locked, and by which file."""
        own = own_limits(self.properties)
        return [ShownLock(setting, file, file in own) for setting, file in self.properties.get("Locks", ())]

    @property
    def is_off(self) -> bool:
        """Whether nothing can be measured or sent, whatever applications ask."""
        return bool(self.switches) or not any(self.level(axis) for axis in AXES)

    @property
    def made(self) -> int:
        """How many reports were ever made, by the ledger."""
        return sum(budget["answers"] for budget in self.budgets if budget["application"])

    @property
    def erased(self) -> int:
        """The beginning of the day on which the user last emptied the history (Unix s); 0: never."""
        return int(self.properties.get("HistoryErased", 0))

    def chosen(self, axis: str) -> int:
        """The user's own global level."""
        return int(self.properties.get(axis.capitalize(), 0))

    def level(self, axis: str) -> int:
        """The global level that holds under the locks."""
        limit, _ = self.lock(axis)
        return min(self.chosen(axis), limit)

    def lock(self, setting: str) -> tuple[int, str]:
        """The strictest lock of a setting: the highest number that is permitted, and the file. Without a lock (2, "")."""
        split = [(*lock.setting.partition("=")[::2], lock.file) for lock in self.locks]
        limits = [(int(number) if number.isdecimal() else 0, file) for name, number, file in split if name == setting]
        return min(limits, default=(2, ""))

    def application(self, app_id: str) -> Row | None:
        """An application, or None if it is not there any more."""
        return next((row for row in self.applications if row["id"] == app_id), None)

    def questions_of(self, app_id: str) -> Sequence[Row] | None:
        """The questions of an application with everything about them. None: they are not read yet."""
        return self.questions if self.opened == app_id else None

    def question(self, app_id: str, question: str) -> Row | None:
        """A question of the application that is open, or None if it is not there any more."""
        return next((row for row in self.questions_of(app_id) or () if row["id"] == question), None)

    def in_state(self, state: str) -> list[Row]:
        """The accepted questions in a state that is not over."""
        return [row for row in self.due if row["state"] == state]

    def pending(self) -> int:
        """How many questions a yes could start now."""
        return sum(row["pending"] for row in self.applications)


async def read_first(control: ControlClient) -> AsyncIterator[ServiceSnapshot]:
    """Read what the first pages show at once: everything takes longer. Raises `Failure`."""
    properties = await control.some_properties(*_AT_ONCE)
    yield ServiceSnapshot(properties, has_applications=False, is_whole=False)
    yield ServiceSnapshot(properties, await control.applications(), is_whole=False)


async def read(control: ControlClient, opened: str) -> ServiceSnapshot:
    """Read everything that the window shows, and the questions of the application that is open ("": none). Raises `Failure`."""
    applications = await control.applications()
    due = await control.selected_questions(keys=_OF_DUE, states=DUE)
    waiting, budgets = await read_waiting(control), await control.ledger()
    questions = await read_opened(control, opened)
    # Last, because a broken manifest becomes a problem only after it was read.
    return ServiceSnapshot(await control.properties(), applications, due, waiting, budgets, opened, questions)


async def read_opened(control: ControlClient, opened: str) -> list[Row]:
    """The questions of an application with all keys; none for "", or if it has gone meanwhile. Raises `Failure`."""
    try:
        return await control.selected_questions(opened) if opened else []
    except Failure as failure:
        if failure.name != UnknownApplicationError.bus_name:
            raise
        return []


async def read_waiting(control: ControlClient) -> list[Row]:
    """The reports that wait, without their bytes. Raises `Failure`."""
    wanted, rows, before = ReportFilter(outcomes=(QUEUED,), keys=OF_REPORT), [], 0
    while True:
        page, before = await control.history_page(before, 0, wanted)
        rows += page
        if not before:
            return rows

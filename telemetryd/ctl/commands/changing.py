"""How commands change the user's choices: they say what follows, ask, and have exactly that done. Policy: C1, C2."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.ctl import control_client
from telemetryd.ctl.control_client import Consequences
from telemetryd.ctl.failures import Failure
from telemetryd.ctl.options import confirm, require_terminal
from telemetryd.ctl.render import printing
from telemetryd.ctl.render.consequences import consequences_page
from telemetryd.errors import BusyError, LimitExceededError, StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from telemetryd.ctl.control_client import Change, ControlClient


class Asking(NamedTuple):
    """How a command asks: the question, and whether the user agreed beforehand (`--yes`) or wants JSON only.

    `always`: it asks whatever follows. Otherwise it asks if something starts, and on a terminal also if something ends or is erased.
    """

    prompt: str
    is_agreed: bool
    is_json: bool
    always: bool = False
    note: str = ""
    """A sentence that is said with what follows, as marked for translation."""


def id_of(app: str) -> str:
    """The id of the application that a user means; "" for "". Raises `Failure`."""
    return control_client.run(lambda control: control.id_of(app))


def carry_out(change: Change, app: str, asking: Asking, then: Callable[[ControlClient], Awaitable[None]]) -> None:
    """Do a change that concerns `app` ("" for all), and afterwards what prints the result. Raises `Failure` if it is declined."""
    if asking.always:
        require_terminal(is_agreed=asking.is_agreed)
    foreseen = _foresee(change, app)
    loses = foreseen.ends or any(row["erases"] for row in foreseen.refused)
    # Withdrawing never fails for want of a terminal.
    is_asked = asking.always or foreseen.resumes or (loses and sys.stdin.isatty())
    if is_asked and not asking.is_agreed:
        if not asking.is_json:
            page = printing.Page()
            consequences_page(page, foreseen)
            if asking.note:
                page.say(page.language.words.gettext(asking.note))
        confirm(asking.prompt, is_agreed=False)

    async def work(control: ControlClient) -> None:
        await control.apply(change, foreseen.digest, app)
        await then(control)

    control_client.run(work)


def _foresee(change: Change, app: str) -> Consequences:
    """What follows. A change that only takes back is done unseen where nothing can be foreseen, as with a file that cannot be read."""
    try:
        return control_client.run(lambda control: control.foresee(change, app))
    except Failure as failure:
        if failure.name in _UNFORESEEABLE and _only_takes_back(change):
            return Consequences([], [], [], "")
        raise


def _only_takes_back(change: Change) -> bool:
    levels = [value for key, value in change.items() if key in {"system", "usage", "new_questions", "app_system", "app_usage"}]
    return not any(levels) and not change.keys() & {"accept", "allow"}


_UNFORESEEABLE = {StorageError.bus_name, BusyError.bus_name, LimitExceededError.bus_name}

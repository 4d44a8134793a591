"""telemetryd-settings --notify: asks the service, tells the user if something is new, and opens the window if the user wants that.

Every run asks the service the same, whatever the user chose, and decides afterwards. So applications, which see the service come and go,
learn nothing. Neither the daemon nor Qt is in this process. Policy: C2, C3.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

from telemetryd.ctl import language as languages
from telemetryd.ctl.control_client import ControlClient
from telemetryd.ctl.failures import Failure
from telemetryd.errors import BusCallError, BusLostError
from telemetryd.settings.reading.service_snapshot import ServiceSnapshot
from telemetryd.settings.session import window_state
from telemetryd.settings.session.due_notice import Notice, due
from telemetryd.settings.session.notification_server import NotificationServer
from telemetryd.settings.session.show_request import ShowRequest

if TYPE_CHECKING:
    from telemetryd.ctl.language import UserLanguage
    from telemetryd.settings.session.window_state import WindowState

_WATCHED_S = 8 * 3600.0
"""How long a click on the notice is waited for: a day at work. Servers show a notice for as long as its sender is there."""
_ANYWHERE = "applications"
"""The page that is opened if several applications ask."""


def run() -> int | ShowRequest:
    """Tell what is new. Returns the exit status, or what to open if the bus has no way to open it."""
    try:
        return asyncio.run(_run(languages.of_environment())) or 0
    except Failure as failure:
        sys.stderr.write(f"telemetryd-settings: {failure.message}\n")
        return failure.exit_code


async def _run(language: UserLanguage) -> ShowRequest | None:
    async with ControlClient() as control:
        applications, questions = await control.applications(), await control.questions("")
        snapshot = ServiceSnapshot(properties=await control.properties(), applications=applications, questions=questions)
    if due(snapshot, window_state.read(window_state.path()), int(time.time()), language) is None:
        return None
    try:
        async with NotificationServer() as server:
            await server.capabilities()  # where nobody shows notices, none counts as shown
            notice = _settle(snapshot, language)
            return await _tell(server, notice, language) if notice else None
    except (BusCallError, BusLostError, TimeoutError):
        return None


def _settle(snapshot: ServiceSnapshot, language: UserLanguage) -> Notice | None:
    """Decide again beside other runs, and keep what is told before it is told: rather never than twice."""
    decided: list[Notice | WindowState | None] = [None]

    def change(state: WindowState) -> WindowState | None:
        decided[0] = due(snapshot, state, int(time.time()), language)
        return decided[0].state if isinstance(decided[0], Notice) else decided[0]

    is_written = window_state.update(window_state.path(), change)
    return decided[0] if is_written and isinstance(decided[0], Notice) else None


async def _tell(server: NotificationServer, notice: Notice, language: UserLanguage) -> ShowRequest | None:
    await server.show(notice.summary, notice.body, language.words.gettext("Open"))
    token = await server.chosen(_WATCHED_S)
    if token is None:
        return None
    tokens = {"XDG_ACTIVATION_TOKEN": token, "DESKTOP_STARTUP_ID": token} if token else {}
    request = ShowRequest(page="" if notice.application else _ANYWHERE, application=notice.application, tokens=tokens)
    return None if await server.open(request.call()) else request

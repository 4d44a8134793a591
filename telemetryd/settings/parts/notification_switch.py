"""The switch to have no notifications: the user's, and the window's own. Policy: C2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.settings.session import window_state
from telemetryd.settings.widgets.wrapping_choices import WrappingCheck

if TYPE_CHECKING:
    from telemetryd.ctl.language import UserLanguage


def notification_switch(language: UserLanguage) -> WrappingCheck:
    """A box that shows what is kept and changes it. It shows what is kept afterwards too, if the file cannot be written."""
    made = WrappingCheck(language.words.gettext("Tell me about new questions, once a week at most"))
    made.setObjectName("notifications")
    made.setChecked(window_state.read(window_state.path()).may_notify)
    made.clicked.connect(lambda checked: _keep(made, wanted=checked))
    return made


def _keep(box: WrappingCheck, *, wanted: bool) -> None:
    file = window_state.path()
    window_state.update(file, lambda state: state._replace(may_notify=wanted))
    box.setChecked(window_state.read(file).may_notify)

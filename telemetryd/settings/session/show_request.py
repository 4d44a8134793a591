"""What somebody wants to see of the window, as arguments of org.freedesktop.Application. Without Qt.

The action `show` has one text: the id of an application, which has a dot, or the name of a page. `first-run` has none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.errors import InvalidArgumentsError
from telemetryd.settings.session.session_bus import Message, Variant, method_call

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

NAME, PATH, INTERFACE = "org.telemetryd.Settings", "/org/telemetryd/Settings", "org.freedesktop.Application"
PAGES = ("overview", "applications", "sent", "revealed", "system")
"""The pages that can be opened by name."""
SHOW, FIRST_RUN = "show", "first-run"
_APPLICATION = re.compile(r"(?=.*\.)[A-Za-z0-9._-]{1,128}")
_TOKENS = {"activation-token": "XDG_ACTIVATION_TOKEN", "desktop-startup-id": "DESKTOP_STARTUP_ID"}
"""Key of platform data → the variable in which a program that is started finds the same."""
_PARENT = "parent-window"
"""Key of platform data for the window of another program that this one belongs to. It is our own: the specification has none."""
_TEXT_MAX = 1024
"""Most characters of a token or a parent. Compositors give some dozens; longer ones are ignored."""


class ShowRequest(NamedTuple):
    """A page or an application to show; without both, the window as it is. `tokens` (variable → value) bring it to the front.

    `parent_window` names a window of another program as the desktop portals do, such as `x11:2a00007`; "" is none.
    """

    page: str = ""
    application: str = ""
    is_first_run: bool = False
    tokens: Mapping[str, str] = {}
    parent_window: str = ""

    def with_tokens_of(self, environ: MutableMapping[str, str]) -> ShowRequest:
        """The same with the tokens of this process, which are good for one window: they are taken out of its environment."""
        return self._replace(tokens={name: environ.pop(name) for name in _TOKENS.values() if name in environ})

    def call(self) -> Message:
        """The call that has the window of another process show it."""
        platform = {key: Variant("s", self.tokens[name]) for key, name in _TOKENS.items() if name in self.tokens}
        if self.parent_window:
            platform[_PARENT] = Variant("s", self.parent_window)
        where = self.application or self.page
        if not where and not self.is_first_run:
            return method_call(NAME, PATH, INTERFACE, "Activate", signature="a{sv}", body=[platform])
        body = [FIRST_RUN, [], platform] if self.is_first_run else [SHOW, [Variant("s", where)], platform]
        return method_call(NAME, PATH, INTERFACE, "ActivateAction", signature="sava{sv}", body=body)


def read_activation(platform: Mapping[str, Variant]) -> ShowRequest:
    """What Activate and Open ask for: the window as it is. The files of Open mean nothing to it."""
    return _asked_with(platform)


def read_action(action: str, parameters: list[Variant], platform: Mapping[str, Variant]) -> ShowRequest:
    """What ActivateAction asks for. Raises InvalidArgumentsError for what this program has not."""
    asked = _asked_with(platform)
    values: list[Any] = [one.value for one in parameters if one.signature == "s"]
    if action == FIRST_RUN and not parameters:
        return asked._replace(is_first_run=True)
    if action != SHOW or len(values) != len(parameters) or len(values) > 1:
        raise InvalidArgumentsError("expected the action 'show' with one text at most, or 'first-run' without any")
    where = values[0] if values else ""
    if not where or where in PAGES:
        return asked._replace(page=where)
    if not _APPLICATION.fullmatch(where):
        raise InvalidArgumentsError(f"expected an application id in reverse-DNS form, or a page: {', '.join(PAGES)}")
    return asked._replace(application=where)


def _asked_with(platform: Mapping[str, Variant]) -> ShowRequest:
    """The window as it is, with the tokens and the parent of these data. What is no text, empty or too long is left out."""
    texts = {key: one.value for key, one in platform.items() if one.signature == "s" and 0 < len(one.value) <= _TEXT_MAX}
    tokens = {name: texts[key] for key, name in _TOKENS.items() if key in texts}
    return ShowRequest(tokens=tokens, parent_window=texts.get(_PARENT, ""))

"""sd_notify(3), spoken by hand: one datagram for each state, silent where nobody listens. No text holds a value."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Notifier:
    """Tells systemd (`NOTIFY_SOCKET`) how the daemon is; each method says whether the word was taken, and never waits."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def ready(self) -> bool:
        """The daemon is up: both names are owned."""
        return self._send("READY=1")

    def stopping(self) -> bool:
        """The daemon is leaving: whoever starts it now gets a new one."""
        return self._send("STOPPING=1")

    def status(self, text: str) -> bool:
        """One line for `systemctl --user status`."""
        return self._send("STATUS=" + text.replace("\n", " "))

    def _send(self, state: str) -> bool:
        if not self._address:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as speaker:
                speaker.sendto(state.encode(), self._address)
        except OSError:
            return False
        return True

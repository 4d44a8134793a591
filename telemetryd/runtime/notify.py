"""sd_notify(3): one datagram for each state, and nothing without a listener. No text contains a value."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Notifier:
    """Tells systemd (`NOTIFY_SOCKET`) the state of the daemon. Each method returns whether it was delivered, and never waits."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def ready(self) -> bool:
        """Report that the daemon is ready: both names are owned."""
        return self._send("READY=1")

    def stopping(self) -> bool:
        """Report that the daemon exits, so that a start now starts a new one."""
        return self._send("STOPPING=1")

    def status(self, text: str) -> bool:
        """Set the line for `systemctl --user status`."""
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

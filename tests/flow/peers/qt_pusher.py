"""What a Qt application does to push, over QtDBus: one variant, then a plain map. Argument: the application's id.

Prints the name and the text of the error that a wrong push is answered with; any other error ends it with status 1.
"""

import sys

from PySide6.QtCore import QCoreApplication
from PySide6.QtDBus import QDBusConnection, QDBusInterface, QDBusMessage, QDBusVariant

NAME, PATH = "org.telemetryd.Telemetry1", "/org/telemetryd/Telemetry1"


def check(reply):
    """End the program if the call failed."""
    if reply.type() != QDBusMessage.MessageType.ReplyMessage:
        sys.exit(f"{reply.errorName()}: {reply.errorMessage()}")


def main():
    """Push what tests/flow/test_peers.py expects."""
    application = sys.argv[1]
    core = QCoreApplication(sys.argv)
    telemetry = QDBusInterface(NAME, PATH, NAME, QDBusConnection.sessionBus(), core)
    check(telemetry.call("Push", application, "saves", QDBusVariant(1)))
    check(telemetry.call("Push", application, "load", QDBusVariant(700.5)))
    check(telemetry.call("PushMany", application, {"saves": 6, "load": 650, "dark": True, "shell": "zsh"}))
    refused = telemetry.call("Push", application, "load", QDBusVariant("1.5"))
    sys.stdout.write(f"{refused.errorName()}\n{refused.errorMessage()}\n")


if __name__ == "__main__":
    main()

"""The error tree: one class for each error that the bus names or that a caller branches on.

    TelemetrydError                     (never raised itself)
    ├── UnknownApplicationError         no such application is declared
    ├── UnknownSourceError              the application declares no such source
    ├── UnknownQuestionError            the application asks no such question
    ├── InvalidManifestError            a declaration that cannot be admitted
    ├── InvalidFileError                a configuration or review file that cannot be read (never on the bus)
    ├── InvalidValueError               a value of a type or range that the source does not take
    ├── InvalidArgumentsError           a call with the wrong signature or an argument out of range
    ├── ChangedError                    the digest is not the one that is asked for now
    ├── NotSupportedError               a member that exists and cannot do its work yet
    ├── NotDeveloperError               needs developer mode
    ├── AccessDeniedError               the caller may not do this
    ├── LimitExceededError              a bound of `core.limits` is reached
    ├── BusyError                       try again: another daemon, or an erasure that waits for a reader
    ├── StorageError                    the state directory does not take what it should
    ├── BusLostError                    no connection to the session bus, or no longer (never on the bus)
    └── BusCallError                    the bus or a peer answered a call of ours with an error (never on the bus)

Texts never hold a collected value: they say what was expected.
"""

from __future__ import annotations

PREFIX = "org.telemetryd.Error."
STANDARD = "org.freedesktop.DBus.Error."
INTERNAL = PREFIX + "Internal"

CALLER_REFUSED = "this program "
"""How the text of an AccessDenied begins that is about who calls: it says why, and what to do instead."""
LOCKED = "is locked to at most"
"""What stands in the text of an AccessDenied that is about an administrator's lock."""


class TelemetrydError(Exception):
    """Anything that telemetryd refuses or cannot do; the text is fit for the caller."""

    bus_name = INTERNAL


class UnknownApplicationError(TelemetrydError):
    """No manifest of this application is installed or registered."""

    bus_name = PREFIX + "UnknownApplication"


class UnknownSourceError(TelemetrydError):
    """The application's manifest declares no such source."""

    bus_name = PREFIX + "UnknownSource"


class UnknownQuestionError(TelemetrydError):
    """The application's manifest asks no such question."""

    bus_name = PREFIX + "UnknownQuestion"


class InvalidManifestError(TelemetrydError):
    """The text is no admissible manifest; the message says where and what was expected."""

    bus_name = PREFIX + "InvalidManifest"


class InvalidFileError(TelemetrydError):
    """A configuration or review file does not say what such a file can say."""


class InvalidValueError(TelemetrydError):
    """The value does not fit the source's type; the message says what was expected, never what came."""

    bus_name = PREFIX + "InvalidValue"


class InvalidArgumentsError(TelemetrydError):
    """The call's arguments have the wrong types or are out of range."""

    bus_name = STANDARD + "InvalidArgs"


class ChangedError(TelemetrydError):
    """The definition changed since it was shown; nothing was accepted."""

    bus_name = PREFIX + "Changed"


class NotSupportedError(TelemetrydError):
    """The member is declared and cannot do its work in this installation."""

    bus_name = PREFIX + "NotSupported"


class NotDeveloperError(TelemetrydError):
    """The member works in developer mode only."""

    bus_name = PREFIX + "NotDeveloper"


class AccessDeniedError(TelemetrydError):
    """The caller, or a lock of the administrator, does not permit this."""

    bus_name = STANDARD + "AccessDenied"


class LimitExceededError(TelemetrydError):
    """A bound is reached; the message says which and how large it is."""

    bus_name = STANDARD + "LimitsExceeded"


class BusyError(TelemetrydError):
    """The work waits for something else: call again."""

    bus_name = PREFIX + "Busy"


class StorageError(TelemetrydError):
    """The state directory cannot be read or written. `place` is where: for the journal and the user, never for applications."""

    bus_name = PREFIX + "Storage"

    def __init__(self, text: str, place: str = "") -> None:
        super().__init__(text)
        self.place = place

    @property
    def placed(self) -> str:
        """The text with the place."""
        return f"{self.place}: {self}" if self.place else str(self)


class BusLostError(TelemetrydError):
    """The session bus cannot be reached, or the connection to it is gone."""


class BusCallError(TelemetrydError):
    """A call of ours was answered with an error: its name, and its text as the bus or the peer wrote it."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text

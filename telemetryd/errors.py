"""All errors: one class for each error that has a name on the bus or that a caller branches on.

    TelemetrydError                     never raised itself
    ├── UnknownApplicationError         no such application is declared
    ├── UnknownSourceError              the application declares no such source
    ├── UnknownQuestionError            the application asks no such question
    ├── InvalidManifestError            a manifest that is refused
    ├── InvalidFileError                a configuration or review file that cannot be read (never on the bus)
    ├── InvalidValueError               a value of a type or range that the source does not take
    ├── InvalidArgumentsError           a call with the wrong signature or an argument out of range
    ├── ChangedError                    the digest is not that of the current definition
    ├── NotSupportedError               a member that this installation cannot perform
    ├── NotDeveloperError               needs developer mode
    ├── AccessDeniedError               the caller may not do this
    ├── LimitExceededError              a bound of `core.limits` is reached
    ├── CallerLeftError                 the caller left the bus before its call was taken (never on the bus: nobody is there)
    ├── BusyError                       try again: another daemon, or an erasure that waits for a reader
    ├── StorageError                    the state directory cannot be read or written
    │   └── UnfitFileError              an installed manifest is not a file of text, or too long; a retry is of no use
    ├── BusLostError                    no connection to the session bus, or no longer (never on the bus)
    ├── UnusableLibraryError            no D-Bus library that telemetryd can use is installed (never on the bus)
    └── BusCallError                    the bus or a peer answered our call with an error (never on the bus)

Texts say what was expected and never hold a collected value.
"""

from __future__ import annotations

PREFIX = "org.telemetryd.Error."
STANDARD = "org.freedesktop.DBus.Error."
INTERNAL = PREFIX + "Internal"
_NAME_SHOWN = 120
"""Most characters of a caller's name in an error text; an application's id has half as many."""

CALLER_REFUSED = "this program "
"""The beginning of an AccessDenied text that is about the caller; the text says why, and what to do instead."""
LOCKED = "is locked to at most"
"""A part of every AccessDenied text that is about an administrator's lock."""
ERASURE_PENDING = "erasure pending: "
"""The beginning of a Busy text: the choice holds, and only what remains on the disk waits."""
TOO_LONG = "the reply would be longer"
"""The beginning of a LimitsExceeded text that is about too many rows: trying again does not help."""
TOO_MANY_OPEN = "questions accepted and not over"
"""A part of the LimitsExceeded text that is about the bound of accepted questions."""


class TelemetrydError(Exception):
    """Anything that telemetryd refuses or cannot do. The text may be shown to the caller."""

    bus_name = INTERNAL
    exit_status = 1
    """How a program ends that cannot go on."""


def named(name: str) -> str:
    """A name that a caller gave, quoted for an error text. A long name is cut, because it may have a megabyte."""
    return repr(name) if len(name) <= _NAME_SHOWN else f"{name[:_NAME_SHOWN]!r}…"


class UnknownApplicationError(TelemetrydError):
    """No manifest of this application is installed or registered."""

    bus_name = PREFIX + "UnknownApplication"


class UnknownSourceError(TelemetrydError):
    """The application's manifest declares no such source. `source` is the caller's name for it, which only its developer is shown."""

    bus_name = PREFIX + "UnknownSource"

    def __init__(self, text: str, source: str = "") -> None:
        super().__init__(text)
        self.source = source


class UnknownQuestionError(TelemetrydError):
    """The application's manifest asks no such question."""

    bus_name = PREFIX + "UnknownQuestion"


class InvalidManifestError(TelemetrydError):
    """The text is not an admissible manifest. The message says where, and what was expected."""

    bus_name = PREFIX + "InvalidManifest"


class InvalidFileError(TelemetrydError):
    """A configuration or review file has contents that such a file cannot have."""


class InvalidValueError(TelemetrydError):
    """The value does not fit the source's type. The message says what was expected, never the value."""

    bus_name = PREFIX + "InvalidValue"


class InvalidArgumentsError(TelemetrydError):
    """The call's arguments have the wrong types or are out of range. `signature` is the expected one if the call has another."""

    bus_name = STANDARD + "InvalidArgs"

    def __init__(self, text: str, signature: str | None = None) -> None:
        super().__init__(text)
        self.signature = signature


class ChangedError(TelemetrydError):
    """The definition changed since it was shown; nothing was accepted."""

    bus_name = PREFIX + "Changed"


class NotSupportedError(TelemetrydError):
    """The member exists, but this installation cannot perform it."""

    bus_name = PREFIX + "NotSupported"


class NotDeveloperError(TelemetrydError):
    """The member works only in developer mode."""

    bus_name = PREFIX + "NotDeveloper"


class AccessDeniedError(TelemetrydError):
    """The caller, or a lock of the administrator, does not permit this."""

    bus_name = STANDARD + "AccessDenied"


class LimitExceededError(TelemetrydError):
    """A bound is reached. The message names it and its size."""

    bus_name = STANDARD + "LimitsExceeded"


class CallerLeftError(TelemetrydError):
    """The caller left the bus before its call was taken, which nobody can be told but its developer."""

    bus_name = STANDARD + "NameHasNoOwner"


class BusyError(TelemetrydError):
    """The work has to wait; the caller should try again."""

    bus_name = PREFIX + "Busy"


class StorageError(TelemetrydError):
    """The state directory cannot be read or written. `path` is for the journal and the user, never for applications."""

    bus_name = PREFIX + "Storage"

    def __init__(self, text: str, path: str = "") -> None:
        super().__init__(text)
        self.path = path

    @property
    def text_with_path(self) -> str:
        """The text, after the path if there is one."""
        return f"{self.path}: {self}" if self.path else str(self)


class UnfitFileError(StorageError):
    """An installed manifest is not a file of text, or too long. Only a change of the file ends that, so no retry is of use."""


class BusLostError(TelemetrydError):
    """The session bus cannot be reached, or the connection is lost."""


class UnusableLibraryError(TelemetrydError):
    """No D-Bus library is installed that telemetryd can use; the text names what is installed, and why it will not do."""

    exit_status = 3


class BusCallError(TelemetrydError):
    """Our call was answered with an error. `name` and `text` are those of the bus or the peer."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text

"""The states of the databases of a running daemon, and which events change them."""

from enum import Enum, auto


class Databases(Enum):
    """The state of the databases."""

    CLOSED = auto()
    """Not usable: every call is answered with the error."""
    DUE = auto()
    """Not open yet: the first call opens them."""
    OPEN = auto()
    STALE = auto()
    """Open, but not usable any more: the next call opens them anew."""


class DatabasesEvent(Enum):
    """The events that change the state."""

    LOCKED = auto()
    """The lock is ours."""
    OPENED = auto()
    CLOSED = auto()
    SPOILED = auto()
    """Damage was found, or another directory has their path."""


NEXT = {
    (Databases.CLOSED, DatabasesEvent.LOCKED): Databases.DUE,
    (Databases.CLOSED, DatabasesEvent.OPENED): Databases.OPEN,
    (Databases.CLOSED, DatabasesEvent.CLOSED): Databases.CLOSED,
    (Databases.DUE, DatabasesEvent.CLOSED): Databases.CLOSED,
    (Databases.OPEN, DatabasesEvent.CLOSED): Databases.CLOSED,
    (Databases.STALE, DatabasesEvent.CLOSED): Databases.CLOSED,
    (Databases.OPEN, DatabasesEvent.SPOILED): Databases.STALE,
    (Databases.STALE, DatabasesEvent.SPOILED): Databases.STALE,
}
TO_OPEN = Databases.DUE, Databases.STALE  # a tuple: each call asks, and members of an Enum are slow to hash

"""The state of a file: how much a power cut would undo, and which events change that."""

from enum import Enum, auto


class FileState(Enum):
    """How much of the file a power cut would undo."""

    ABSENT = auto()
    """There is no file. It reads as empty."""
    NEW = auto()
    """Its creation."""
    NEW_UNSETTLED = auto()
    """Its creation, and the commits to it."""
    UNSETTLED = auto()
    """The commits since the last sync."""
    SETTLED = auto()
    """Nothing."""


class FileEvent(Enum):
    """The events that change the state."""

    MADE = auto()
    COMMITTED = auto()
    SYNC_BEGINS = auto()
    """The sync may not cover commits from now on, so the state changes at its beginning and not at its end."""


NEXT = {
    (FileState.ABSENT, FileEvent.MADE): FileState.NEW,
    (FileState.NEW, FileEvent.COMMITTED): FileState.NEW_UNSETTLED,
    (FileState.SETTLED, FileEvent.COMMITTED): FileState.UNSETTLED,
    (FileState.NEW, FileEvent.SYNC_BEGINS): FileState.SETTLED,
    (FileState.NEW_UNSETTLED, FileEvent.SYNC_BEGINS): FileState.SETTLED,
    (FileState.UNSETTLED, FileEvent.SYNC_BEGINS): FileState.SETTLED,
}
"""All other events leave the state as it is."""
AFTER_FAILED_SYNC = {FileState.NEW: FileState.NEW_UNSETTLED, FileState.NEW_UNSETTLED: FileState.NEW_UNSETTLED}
"""The state after a failed sync, by the state before it. All others become UNSETTLED."""

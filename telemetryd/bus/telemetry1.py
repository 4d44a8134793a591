"""Telemetry1, for applications. No reply, error or property depends on the user's consent. Policy: C3."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from telemetryd.bus.identity import Caller, admit_own_application
from telemetryd.bus.members import Handlers, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from telemetryd.bus.open_settings import SettingsOpener
    from telemetryd.bus.transport.library import Message

VERSION = 1
_MAX_APPLICATIONS = 1000
"""Most applications whose callers are remembered for the user, in memory: more than a desktop has."""
_MAX_NOTED = 4096
"""Most entries of `_noted`. All are dropped together and noted again."""
_MAX_CALLERS = 16
"""Most callers remembered of one application: its program and a few launchers. A program can invent any number of units."""


class SamplingPort(Protocol):
    """The part of the running daemon that applications use."""

    def register(self, application: str, text: str) -> str:
        """Register a manifest. Returns its digest."""

    def push(self, application: str, source: str, type_code: str, value: Any) -> None:
        """Take one sample."""

    def push_many(self, application: str, samples: Mapping[str, tuple[str, Any]]) -> None:
        """Take samples of several sources, all or none."""


class Applications:
    """The object behind Telemetry1.

    `sampling` returns what takes the samples, or raises the error that answers every call but OpenSettings, which needs nothing behind it.
    `snap_of` returns the snap that may act for an application, or "". It never raises, so every caller can open the window.
    """

    def __init__(self, sampling: Callable[[], SamplingPort], settings: SettingsOpener, snap_of: Callable[[str], str]) -> None:
        self._sampling, self._settings, self._snap_of = sampling, settings, snap_of
        self._callers: dict[str, frozenset[str]] = {}
        self._noted: set[tuple[str, str]] = set()
        """(connection, application) of noted calls, so that each sample costs one look-up."""

    @property
    def callers(self) -> Mapping[str, frozenset[str]]:
        """Application id → identities, verified or claimed, that registered or pushed for it since the start."""
        return self._callers

    def handlers(self) -> Handlers:
        """The handlers of all members."""
        return Handlers(
            methods={
                "Register": self._register,
                "Push": self._push,
                "PushMany": self._push_many,
                "OpenSettings": self._open_settings,
            },
            getters={"Version": lambda: VERSION},
            guard=partial(admit_own_application, self._snap_of),
        )

    def _register(self, caller: Caller, call: Message) -> Result:
        application, manifest, _options = call.body
        digest = self._sampling().register(application, manifest)
        self._note(caller, call.sender, application)
        return [digest]

    def _push(self, caller: Caller, call: Message) -> Result:
        application, source, sample = call.body
        self._sampling().push(application, source, sample.signature, sample.value)
        if (call.sender, application) not in self._noted:
            self._note(caller, call.sender, application)
        return None

    def _push_many(self, caller: Caller, call: Message) -> Result:
        application, samples = call.body
        values: dict[str, tuple[str, Any]] = {source: (sample.signature, sample.value) for source, sample in samples.items()}
        self._sampling().push_many(application, values)
        self._note(caller, call.sender, application)
        return None

    async def _open_settings(self, _caller: Caller, call: Message) -> Result:
        application, parent_window, options = call.body
        await self._settings.open(application, parent_window, options)
        return None

    def _note(self, caller: Caller, sender: str, application: str) -> None:
        """Remember a caller of an application, for kept and refused samples alike."""
        if (sender, application) in self._noted:
            return
        if len(self._noted) >= _MAX_NOTED:
            self._noted.clear()
        self._noted.add((sender, application))
        seen = self._callers.get(application, frozenset())
        if len(seen) < _MAX_CALLERS and (seen or len(self._callers) < _MAX_APPLICATIONS):
            self._callers[application] = seen | {caller.shown_for(application)}

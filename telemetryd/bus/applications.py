"""What applications call: Telemetry1. No reply, error or property depends on what the user consented to. Policy: C3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from telemetryd.bus.identity import Caller, admit_own_application
from telemetryd.bus.members import Handlers, Result
from telemetryd.errors import NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from telemetryd.bus.library import Message

VERSION = 1
_MAX_CALLERS = 1000
"""Applications whose callers are remembered for the user, in memory: more than a desktop has."""


class Measuring(Protocol):
    """The running daemon, as far as applications reach it."""

    def register(self, application: str, text: str) -> str:
        """Declare what an application would like to measure; gives the digest."""

    def push(self, application: str, source: str, type_code: str, value: Any) -> None:
        """Take one sample."""

    def push_many(self, application: str, samples: Mapping[str, tuple[str, Any]]) -> None:
        """Take samples of several sources, or none of them."""


class Applications:
    """The object behind Telemetry1. `daemon` gives the running daemon or raises the error that every call is answered with."""

    def __init__(self, daemon: Callable[[], Measuring]) -> None:
        self._daemon = daemon
        self._callers: dict[str, frozenset[str]] = {}

    @property
    def callers(self) -> Mapping[str, frozenset[str]]:
        """Application id → identities, verified or claimed, that registered it since the start."""
        return self._callers

    def handlers(self) -> Handlers:
        """What answers each member."""
        return Handlers(
            methods={
                "Register": self._register,
                "Push": self._push,
                "PushMany": self._push_many,
                "OpenSettings": self._open_settings,
            },
            getters={"Version": lambda: VERSION},
            guard=admit_own_application,
        )

    def _register(self, caller: Caller, call: Message) -> Result:
        application, manifest, _options = call.body
        digest = self._daemon().register(application, manifest)
        seen = self._callers.get(application, frozenset())
        if len(self._callers) < _MAX_CALLERS or seen:
            self._callers[application] = seen | {caller.shown}
        return [digest]

    def _push(self, _caller: Caller, call: Message) -> Result:
        application, source, sample = call.body
        self._daemon().push(application, source, sample.signature, sample.value)
        return None

    def _push_many(self, _caller: Caller, call: Message) -> Result:
        application, samples = call.body
        values: dict[str, tuple[str, Any]] = {source: (sample.signature, sample.value) for source, sample in samples.items()}
        self._daemon().push_many(application, values)
        return None

    def _open_settings(self, _caller: Caller, _call: Message) -> Result:
        raise NotSupportedError("this installation has no settings window; the user can run: telemetryctl status")

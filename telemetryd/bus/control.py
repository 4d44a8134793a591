"""What the user's own programs call: Control1. Every act takes effect with its reply; no signal carries a value. Policy: C1, C2, T2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.bus.identity import Caller, admit_host_only
from telemetryd.bus.library import Message, Variant
from telemetryd.bus.members import Handlers, Result
from telemetryd.errors import NotDeveloperError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from telemetryd.catalogue import Catalogue
    from telemetryd.choices import Choices
    from telemetryd.ports import Consents
    from telemetryd.tick import Ticker
    from telemetryd.views import Shown, Views
    from telemetryd.watch import Watch

VERSION = 1

_SIGNATURES = {
    **dict.fromkeys(("system", "usage", "effective_system", "effective_usage", "pending", "consent", "tries", "status", "year"), "u"),
    **dict.fromkeys(("installed",), "b"),
    **dict.fromkeys(("callers", "fields", "changes", "reviewers", "figures", "warnings"), "as"),
    **dict.fromkeys(("last_sent", "created", "expected_users"), "t"),
    **dict.fromkeys(("epsilon", "spent", "reserved", "cap"), "d"),
    "headers": "a(ss)",
    "translations": "a{sa{ss}}",
    "expected": "a{sad}",
}
"""The type of each key of the dictionaries; all others are texts."""


_SPENT = "the privacy ledger was lost, so all of it counts as spent: no question will be answered any more"
_HELD_UP = "erasure pending: nothing of it is used any more, but another process reads the file, and so it is still on the disk"


class Parts(NamedTuple):
    """What the control object works on."""

    choices: Choices
    consents: Consents
    catalogue: Catalogue
    views: Views
    ticker: Ticker
    watch: Watch


class Control:
    """The object behind Control1. `parts` gives the running daemon's parts or raises the error that every call is answered with."""

    def __init__(self, parts: Callable[[], Parts], callers: Callable[[], Mapping[str, frozenset[str]]]) -> None:
        self._parts = parts
        self._callers = callers
        self.announce: Callable[[], None] = lambda: None

    def handlers(self) -> Handlers:
        """What answers each member."""
        return Handlers(
            methods={
                "ListApplications": self._list_applications,
                "ListQuestions": self._list_questions,
                "SetApplicationConsent": self._set_application,
                "SetQuestionConsent": self._set_question,
                "Accept": self._accept,
                "Preview": self._preview,
                "History": self._history,
                "Ledger": self._ledger,
                "Erase": self._erase,
                "Forget": self._forget,
                "Submit": self._submit,
                "Watch": self._watch,
            },
            getters={
                "System": lambda: self._parts().consents.levels.system,
                "Usage": lambda: self._parts().consents.levels.usage,
                "NewQuestions": lambda: self._parts().consents.levels.new_questions,
                "Version": lambda: VERSION,
                "Developer": lambda: self._parts().catalogue.settings.developer,
                "KillSwitches": lambda: [[one.what, one.file] for one in self._parts().catalogue.settings.kill_switches],
                "Locks": lambda: [[f"{one.what}={one.limit}", one.file] for one in self._parts().catalogue.settings.locks],
                "Problems": self._problems,
            },
            setters={
                "System": lambda _caller, level: self._set_level("system", level),
                "Usage": lambda _caller, level: self._set_level("usage", level),
                "NewQuestions": lambda _caller, level: self._set_level("new_questions", level),
            },
            guard=admit_host_only,
        )

    def _problems(self) -> list[list[str]]:
        parts = self._parts()
        found = [[one.file, one.text] for one in (*parts.catalogue.problems, *sorted(parts.ticker.problems()))]
        if parts.consents.is_spent:
            found.append(["consent.sqlite", _SPENT])
        if parts.choices.is_held_up:
            found.append(["telemetry.sqlite", _HELD_UP])
        return found

    async def _set_level(self, name: str, level: int) -> Result:
        try:
            await self._parts().choices.set_level(name, level)
        finally:
            self.announce()
        return None

    def _list_applications(self, _caller: Caller, _call: Message) -> Result:
        return [[_dictionary(one) for one in self._parts().views.applications(self._callers())]]

    def _list_questions(self, _caller: Caller, call: Message) -> Result:
        return [[_dictionary(one) for one in self._parts().views.questions(*call.body)]]

    async def _set_application(self, _caller: Caller, call: Message) -> Result:
        try:
            await self._parts().choices.set_application(*call.body)
        finally:
            self.announce()
        return None

    async def _set_question(self, _caller: Caller, call: Message) -> Result:
        application, question, is_allowed = call.body
        try:
            await self._parts().choices.set_question(application, question, is_allowed=is_allowed)
        finally:
            self.announce()
        return None

    async def _accept(self, _caller: Caller, call: Message) -> Result:
        try:
            await self._parts().choices.accept(*call.body)
        finally:
            self.announce()
        return None

    def _preview(self, _caller: Caller, call: Message) -> Result:
        return [[list(one) for one in self._parts().views.preview(*call.body)]]

    def _history(self, _caller: Caller, call: Message) -> Result:
        return [[_dictionary(one) for one in self._parts().views.history(*call.body)]]

    def _ledger(self, _caller: Caller, _call: Message) -> Result:
        return [[_dictionary(one) for one in self._parts().views.ledger()]]

    async def _erase(self, _caller: Caller, call: Message) -> Result:
        try:
            await self._parts().choices.erase(*call.body)
        finally:
            self.announce()
        return None

    async def _forget(self, _caller: Caller, call: Message) -> Result:
        try:
            await self._parts().choices.forget(*call.body)
        finally:
            self.announce()
        return None

    async def _submit(self, _caller: Caller, _call: Message) -> Result:
        await self._parts().ticker.submit()
        self.announce()
        return None

    async def _watch(self, _caller: Caller, call: Message) -> Result:
        if not self._parts().watch.is_on:
            raise NotDeveloperError("Watch works in developer mode only: set developer = true in your telemetryd.toml")
        application, after = call.body
        if application:
            self._parts().catalogue.get(application)
        number, events = await self._parts().watch.since(application, after)
        return [number, [[one.source, one.label, one.verdict] for one in events]]


def _dictionary(shown: Shown) -> dict[str, Variant]:
    return {key: Variant(_SIGNATURES.get(key, "s"), value) for key, value in shown.items()}


def changed(properties: list[str]) -> list[Any]:
    """The body of PropertiesChanged: always all of them together, without values, so that a broadcast says only that something changed."""
    return ["org.telemetryd.Control1", {}, properties]

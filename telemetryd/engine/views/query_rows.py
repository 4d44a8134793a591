"""The rows of ListApplications, with the keys of Control1. Policy: T1, T2, T3."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from telemetryd.core.causes import PAUSING
from telemetryd.core.definition import Application, ManifestKind
from telemetryd.core.permission.gate import REFUSE_SILENTLY, ApplicationLevels, effective_level
from telemetryd.core.permission.lifecycle import ANSWERABLE, State
from telemetryd.core.privacy import admissibility

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from telemetryd.core.definition import Declaration
    from telemetryd.core.permission.lifecycle import Step
    from telemetryd.engine.choices.known_questions import KnownQuestions
    from telemetryd.engine.declarations.catalogue import Catalogue
    from telemetryd.engine.ports import ConsentStore
    from telemetryd.engine.question_states import Questions

Shown = dict[str, Any]
"""One dictionary of Control1: key → plain value."""

_ABOUT_APPLICATION = ("name", "summary")
"""The keys of a manifest's translations that are about the application."""


class QueryRows:
    """Makes rows from the state that is enforced now."""

    def __init__(self, catalogue: Catalogue, consents: ConsentStore, questions: Questions, known: KnownQuestions) -> None:
        self._catalogue, self._consents, self._questions, self._known = catalogue, consents, questions, known

    def application(self, declaration: Declaration, callers: list[str], steps: Sequence[Step]) -> Shown:
        """An application that is declared. `steps` are those of its questions."""
        levels, settings = self._consents.levels, self._catalogue.settings
        reasons = [step.reason for step in steps if step.state is State.PENDING]
        is_asked = min(levels.new_questions, settings.ceiling("new_questions")) != REFUSE_SILENTLY
        startable = sum(reason.cause in ANSWERABLE for reason in reasons) if is_asked else 0
        return {
            **self._about(declaration.application, callers),
            "translations": self._translations(declaration),
            "pending": startable,
            "pending_shut": len(reasons) - startable,
            **_numbers(steps),
            "warnings": admissibility.warnings_of(declaration),
        }

    def absent(self, name: str, stored: set[str], callers: list[str], steps: Iterable[Step]) -> Shown:
        """An application without a declaration. Name and vendor come from an accepted definition, if there is one."""
        definitions = (self._questions.definition((name, question)) for question in sorted(stored))
        about = next((definition.application for definition in definitions if definition), None) or Application(name, name, "", "", "")
        kind = "unreadable" if self._catalogue.is_installed(name) else "gone"
        nothing = {"translations": {}, "pending": 0, "pending_shut": 0, "warnings": []}
        return {**self._about(about, callers), **nothing, **_numbers(steps), "kind": kind}

    def _about(self, about: Application, callers: list[str]) -> Shown:
        settings, levels = self._catalogue.settings, self._consents.levels
        own, endpoint = self._consents.applications.get(about.id, ApplicationLevels()), settings.endpoint(about.vendor)
        is_shared = about.kind is ManifestKind.SHARED
        return {
            "id": about.id,
            "name": about.name,
            "summary": about.summary,
            "vendor": about.vendor,
            "vendor_name": endpoint.name if endpoint else "",
            "results": endpoint.results if endpoint else "",
            "endpoint": endpoint.url if endpoint else "",
            "relay": endpoint.ohttp_relay if endpoint else "",
            "contact": about.contact,
            "kind": str(about.kind),
            "system": own.system,
            "usage": own.usage,
            "effective_system": effective_level("system", levels, own, settings),
            "effective_usage": effective_level("usage", levels, own, settings),
            "installed": self._catalogue.is_installed(about.id),
            "callers": callers,
            "pushers": self._known.pushers(about.id) if is_shared else [],
        }

    def _translations(self, declaration: Declaration) -> Mapping[str, Mapping[str, str]]:
        """Name and summary in other languages. No digest covers them, so only those of installed manifests are shown."""
        if not self._catalogue.is_installed(declaration.application.id):
            return {}
        chosen = {
            language: {key: texts[key] for key in _ABOUT_APPLICATION if key in texts} for language, texts in declaration.texts.items()
        }
        return {language: texts for language, texts in chosen.items() if texts}


def _numbers(steps: Iterable[Step]) -> Shown:
    """How many questions are in each state, and how many of the active ones are paused."""
    found = list(steps)
    paused = sum(step.state is State.ACTIVE and step.reason.cause in PAUSING for step in found)
    return {"states": dict(Counter(str(step.state) for step in found)), "paused": paused}

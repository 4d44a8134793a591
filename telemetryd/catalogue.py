"""What is declared and permitted now: manifests (installed or registered), reviews, stops and settings. Policy: T3, R1.

Manifests are parsed when an application is first asked for, so that a start does not pay for applications that do not run.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from telemetryd.core import aggregate, quotas
from telemetryd.core.consent import Presence
from telemetryd.core.definition import Kind
from telemetryd.core.kept import Kept
from telemetryd.core.limits import APPLICATIONS_MAX
from telemetryd.core.settings import Problem
from telemetryd.core.system import SOURCES
from telemetryd.errors import InvalidManifestError, StorageError, TelemetrydError, UnknownApplicationError, UnknownQuestionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.core.aggregate import Slot
    from telemetryd.core.definition import Declaration, Definition, Source
    from telemetryd.core.reviews import Standing
    from telemetryd.core.settings import Settings
    from telemetryd.ports import Clock, Installation, Key, Texts

REGISTERED_DAYS = 90
"""Without an installed manifest, an application that has not registered for so long counts as withdrawn."""


class Catalogue:
    """The declarations in force; `refresh` looks whether any file changed."""

    def __init__(self, installation: Installation, texts: Texts, clock: Clock) -> None:
        self._installation, self._texts, self._clock = installation, texts, clock
        self._declarations: dict[str, Declaration | TelemetrydError] = {}
        self._pushing: dict[str, Declaration | TelemetrydError] = {}
        self._kept, self._kept_pushing = Kept(_parse), Kept(_parse)
        self._load()

    def refresh(self) -> bool:
        """Read everything again if a file changed; True if so."""
        if self._installation.fingerprint() == self._fingerprint:
            return False
        self._load()
        return True

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every file that says something wrong, those of manifests read so far included, and what the environment overrides."""
        broken = [
            Problem(self._installation.place(name), str(error))
            for name, error in self._declarations.items()
            if isinstance(error, TelemetrydError)
        ]
        overrides = [Problem("", f"the environment's {name} is in force") for name in self._installation.overrides()]
        return (*self.settings.problems, *self._reviewed.problems, *broken, *overrides)

    def applications(self) -> list[str]:
        """The ids of all declared applications."""
        return sorted({*self._installed, *self._registered})

    def is_installed(self, application: str) -> bool:
        """Whether a manifest of the application is installed."""
        return application in self._installed

    def find(self, application: str) -> Declaration | None:
        """An application's declaration, or None if there is none that can be read."""
        if application not in self._declarations:
            if application not in self._installed and application not in self._registered:
                return None
            self._declarations[application] = self._read(application, self._kept)
        found = self._declarations[application]
        return None if isinstance(found, TelemetrydError) else found

    def get(self, application: str) -> Declaration:
        """An application's declaration. Raises UnknownApplicationError."""
        found = self.find(application)
        if found is None:
            raise UnknownApplicationError(f"no manifest of {application!r} is installed or registered")
        return found

    def pushing(self, application: str) -> Declaration:
        """An application's declaration for its samples. Raises UnknownApplicationError.

        It is read once for them even where a decision has read it: the first sample takes as long whatever the user accepted. Policy: C3.
        """
        return self._pushed(application) or self.get(application)

    def definition(self, key: Key) -> Definition | None:
        """One question as declared now, or None."""
        declaration = self.find(key[0])
        return next((one for one in declaration.definitions if one.key == key), None) if declaration else None

    def question(self, application: str, question: str) -> Definition:
        """One question as declared now. Raises UnknownApplicationError or UnknownQuestionError."""
        found = next((one for one in self.get(application).definitions if one.question.id == question), None)
        if found is None:
            raise UnknownQuestionError(f"{application} asks no question {question!r}")
        return found

    def snap(self, application: str) -> str:
        """The snap that may act for an application, as its installed manifest says; "" for none. Policy: C3 (looked at as for samples)."""
        declaration = self._pushed(application) if application in self._installed else None
        return declaration.application.snap if declaration else ""

    def slots(self, definition: Definition) -> tuple[Slot, ...]:
        """The layout of a definition's tallies."""
        return aggregate.layout(definition, (*self.get(definition.application.id).sources, *SOURCES.values()))

    def shared_source(self, reference: str) -> Source | None:
        """The shared source that `application/source` names, if it is installed."""
        owner, _, name = reference.partition("/")
        declaration = self._pushed(owner)
        if declaration is None or declaration.application.kind is not Kind.SHARED:
            return None
        return next((source for source in declaration.sources if source.id == name), None)

    def presence(self, application: str) -> Presence:
        """Whether the application's manifest is there; a registration that is too old is not."""
        if application in self._installed:
            return Presence.PRESENT if self.find(application) else Presence.UNREADABLE
        month = self._registered.get(application)
        if month is None:
            return Presence.GONE
        return Presence.UNREGISTERED if self._is_old(month) else Presence.PRESENT

    def standing(self, definition: Definition) -> Standing:
        """What reviews and stops say of a question."""
        return self.standing_of(definition.key)

    def standing_of(self, key: Key) -> Standing:
        """The same of one that may be declared no more."""
        return self._reviewed.reviews.standing(*key)

    def are_reviews_readable(self, application: str) -> bool:
        """Whether no file that cannot be read could hide what reviews and stops say of an application's questions."""
        return self._reviewed.are_readable_for(application)

    def is_news(self, application: str, text: str) -> bool:
        """Whether registering this text changes what is declared; tells without reading what is declared. Policy: C3."""
        return bool(text) and application not in self._installed and not self._texts.is_kept(application, text)

    def register(self, application: str, text: str) -> Declaration:
        """Check a manifest's text and keep it, unless one is installed for the application: that one wins. No text asks for that one.

        The month of the last registration never goes back: a clock that stood in 1970 for a while must not make the application gone.

        Raises:
            InvalidManifestError: the text is not admissible or is another application's.
            LimitExceededError: it declares too much, or too many applications have registered.
            UnknownApplicationError: no text, and none is installed or registered.
        """
        if not text:
            return self.get(application)
        quotas.check_text(text)
        declaration = _parse(text, application, "the application that registers")
        quotas.check_declaration(declaration)
        if declaration.application.kind is Kind.SHARED:
            raise InvalidManifestError('[application] kind: "shared" is for manifests that are installed')
        if declaration.application.snap and application not in self._installed:
            raise InvalidManifestError("[application] snap: expected an installed manifest: any program could register this one")
        if application not in self._installed:
            self._make_room()
            quotas.check_applications(len({*self._registered, application}))
            month = max(datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y-%m"), self._registered.get(application, ""))
            self._texts.keep(application, text, month)
            self._registered[application] = month
            self._declarations[application] = declaration
            self._pushing.pop(application, None)
        return declaration

    def forget(self, application: str) -> None:
        """Drop what an application registered: until it registers again, nothing is declared. Raises StorageError."""
        if application in self._registered:
            self._texts.drop(application)
            del self._registered[application]
            self._declarations.pop(application, None)
            self._pushing.pop(application, None)

    def _make_room(self) -> None:
        """Where as many have registered as can, those go that are gone anyway."""
        if len(self._registered) >= APPLICATIONS_MAX:
            for application in [one for one, month in self._registered.items() if self._is_old(month)]:
                self._texts.drop(application)
                del self._registered[application]
                self._declarations.pop(application, None)

    def text(self, application: str) -> str:
        """The manifest's text as it is in force. Raises StorageError if it is installed and cannot be read."""
        return self._installation.text(application) if application in self._installed else self._texts.get(application) or ""

    def _pushed(self, application: str) -> Declaration | None:
        if application not in self._pushing and (application in self._installed or application in self._registered):
            self._pushing[application] = self._read(application, self._kept_pushing)
            self._declarations.setdefault(application, self._pushing[application])
        found = self._pushing.get(application)
        return None if isinstance(found, TelemetrydError) else found

    def _load(self) -> None:
        self._fingerprint = self._installation.fingerprint()
        self.settings: Settings = self._installation.settings()
        self._reviewed = self._installation.reviews()
        self._installed = frozenset(self._installation.applications())
        self._registered: dict[str, str] = dict(self._months())
        self._declarations.clear()
        self._pushing.clear()
        self._kept.turn()
        self._kept_pushing.turn()

    def _months(self) -> Mapping[str, str]:
        return self._texts.months()

    def _read(self, application: str, kept: Kept[Declaration]) -> Declaration | TelemetrydError:
        try:
            return kept.get(self.text(application), application)
        except (InvalidManifestError, StorageError) as error:
            return error

    def _is_old(self, month: str) -> bool:
        year, number = map(int, month.split("-"))
        end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC).timestamp()
        return self._clock.now() > end + REGISTERED_DAYS * 86400


def _parse(text: str, application: str, whose: str = "as the file is named") -> Declaration:
    from telemetryd.core import manifest  # noqa: PLC0415 - what reads TOML is imported for a text, not at start

    declaration = manifest.parse(text)
    if declaration.application.id != application:
        raise InvalidManifestError(f"[application] id: expected {application!r}, {whose}")
    return declaration

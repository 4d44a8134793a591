"""What is declared and permitted now: manifests (installed or registered), reviews, stops and settings. Policy: T3, R1.

What holds is one `Snapshot` of the files, published whole; if anything fails on the way, what is published is that everything is off.
Manifests are parsed when an application is first asked for, so that a start does not pay for applications that do not run.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core import aggregate, quotas
from telemetryd.core.definition import Kind
from telemetryd.core.gate import Presence
from telemetryd.core.settings import KillSwitch, Problem, Settings
from telemetryd.core.signoffs import InstalledReviews, Reviews
from telemetryd.core.system_facts import SOURCES
from telemetryd.engine.registrations import Registrations
from telemetryd.errors import InvalidManifestError, StorageError, TelemetrydError, UnknownApplicationError, UnknownQuestionError
from telemetryd.redact import place
from telemetryd.toml.cache import Kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from telemetryd.core.aggregate import Slot
    from telemetryd.core.definition import Declaration, Definition, Source
    from telemetryd.core.signoffs import Standing
    from telemetryd.engine.ports import Clock, Installation, Key, Texts

_LOG = logging.getLogger(__name__)

REGISTERED_DAYS = 90
"""Without an installed manifest, an application that has not registered for so long counts as withdrawn."""


_EVERYTHING = "the installed files"
_NOT_LOOKED = "they could not be looked at, which counts as off; the journal says where"
_OTHERWISE = "declared otherwise meanwhile"
"""In the place of a digest: no definition has it, and nobody accepted it."""


class Snapshot(NamedTuple):
    """What the files said at one look."""

    settings: Settings = Settings()
    reviewed: InstalledReviews = InstalledReviews(Reviews())
    installed: frozenset[str] = frozenset()
    changes: int = 0
    """How often a manifest that was read has turned out to be another one since."""

    @property
    def is_doubtful(self) -> bool:
        """Whether any file could not be read."""
        return bool(self.reviewed.doubtful) or any(switch.what == "unreadable" for switch in self.settings.kill_switches)

    @property
    def unreadable(self) -> Snapshot:
        """The same where nobody knows what they say by now: off."""
        off = KillSwitch("unreadable", _EVERYTHING)
        problem = Problem(_EVERYTHING, _NOT_LOOKED)
        settings = self.settings
        shut = settings._replace(kill_switches=(*settings.kill_switches, off), problems=(*settings.problems, problem))
        return self._replace(settings=shut)


class Registered(NamedTuple):
    """What a registration means: `changed` are the definitions, as they were until now, that are declared otherwise or no longer.

    `evicted` is the application whose registration made room, or "".
    """

    declaration: Declaration
    is_news: bool = False
    changed: tuple[Definition, ...] = ()
    evicted: str = ""


class Catalogue:
    """The declarations in force; `refresh` looks whether any file changed.

    A registered text counts for samples at once, and for what is decided from the next decision on: until then that is owed.
    """

    def __init__(self, installation: Installation, texts: Texts, clock: Clock) -> None:
        self._installation, self._texts, self._clock = installation, texts, clock
        self._declarations: dict[str, Declaration | TelemetrydError] = {}
        self._pushing: dict[str, Declaration | TelemetrydError] = {}
        self._kept, self._kept_pushing = Kept(_parse), Kept(_parse)
        self._owed: dict[str, dict[Key, Definition]] = {}
        """Application → the definitions that a registered text changed since the last decision: A, B and A again is a change too."""
        self._registered = Registrations()
        self._snapshot, self._is_shut, self._is_known = Snapshot(), False, False
        self._fingerprint: object = None
        """What the next look has to find if nothing changed; None: it reads everything again, also what could not be read for a moment."""
        self.refresh()

    def refresh(self) -> bool:
        """Read everything again if a file changed; True if so.

        Whatever fails on the way counts as a file that cannot be read, until a look succeeds. Policy: C4.
        """
        try:
            fingerprint = self._installation.fingerprint()
            if fingerprint == self._fingerprint:
                return False
            snapshot = self._taken()
            registered = self._registered.renewed(self._texts.months())
        except Exception as failure:  # noqa: BLE001 - fail closed, whatever it is: a module that is away for a moment, a disk, a fault of ours
            self._shut(failure)
            return True
        is_news = self._is_shut or not self._is_known or snapshot != self._snapshot
        if is_news:
            self._snapshot, self._registered, self._is_shut, self._is_known = snapshot, registered, False, True
            self._forget_declarations()
        self._fingerprint = None if snapshot.is_doubtful else fingerprint
        return is_news

    @property
    def settings(self) -> Settings:
        """What the configuration files say."""
        return self._snapshot.settings

    @property
    def _reviewed(self) -> InstalledReviews:
        return self._snapshot.reviewed

    @property
    def _installed(self) -> frozenset[str]:
        return self._snapshot.installed

    @property
    def is_owed(self) -> bool:
        """Whether a registered text is still to be decided on."""
        return bool(self._owed)

    @contextmanager
    def changed_meanwhile(self) -> Iterator[bool]:
        """What was declared otherwise since the last decision, as if it still were; says whether there is any."""
        for application, changed in self._owed.items():
            self._declarations.pop(application, None)
            declaration = self.find(application)
            if declaration:
                kept = [one for one in declaration.definitions if one.key not in changed]
                others = [one._replace(digest=_OTHERWISE) for one in changed.values()]
                self._declarations[application] = declaration._replace(definitions=(*kept, *others))
        try:
            yield self.is_owed
        finally:
            for application in self._owed:
                self._declarations.pop(application, None)

    def owed_is_done(self) -> None:
        """What was registered is decided on."""
        self._owed.clear()

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

    def slots(self, definition: Definition, declaration: Declaration | None = None) -> tuple[Slot, ...]:
        """The layout of a definition's tallies; the declaration is the one that it stands in, if not the one in force."""
        declaration = declaration or self.get(definition.application.id)
        return aggregate.layout(definition, (*declaration.sources, *SOURCES.values()))

    def shared_source(self, reference: str) -> Source | None:
        """The shared source that `application/source` names, if it is installed."""
        owner, _, name = reference.partition("/")
        declaration = self._pushed(owner)
        if declaration is None or declaration.application.kind is not Kind.SHARED:
            return None
        return next((source for source in declaration.sources if source.id == name), None)

    def presence(self, application: str) -> Presence:
        """Whether the application's manifest is there; a registration that is too old is not. Unreadable before any look succeeded."""
        if not self._is_known:
            return Presence.UNREADABLE
        if application in self._installed:
            return Presence.PRESENT if self.find(application) else Presence.UNREADABLE
        month = self._registered.month(application)
        if not month:
            return Presence.EVICTED if self._registered.is_missed(application) else Presence.GONE
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

    def register(self, application: str, text: str) -> Registered:
        """Check a manifest's text and keep it, unless one is installed for the application: that one wins. No text asks for that one.

        The month of the last registration never goes back: a clock that stood in 1970 for a while must not make the application gone.
        What this does depends on what is declared, never on what was decided. Policy: C3.

        Raises:
            InvalidManifestError: the text is not admissible or is another application's.
            LimitExceededError: it declares too much.
            UnknownApplicationError: no text, and none is installed or registered.
        """
        self._registered.use(application)
        if not text:
            return Registered(self.pushing(application))
        quotas.check_text(text)
        declaration = _parse(text, application, "the application that registers")
        quotas.check_declaration(declaration)
        if declaration.application.kind is Kind.SHARED:
            raise InvalidManifestError('[application] kind: "shared" is for manifests that are installed')
        if application in self._installed:
            return Registered(declaration)
        if declaration.application.snap:
            raise InvalidManifestError("[application] snap: expected an installed manifest: any program could register this one")
        is_news = not self._texts.is_kept(application, text)
        before = self._pushed(application) if is_news else None
        month = max(datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y-%m"), self._registered.month(application))
        evicted = self._registered.in_the_way(application)
        self._texts.keep(application, text, month, instead_of=evicted)
        self._registered.put(application, month)
        self._pushing[application] = declaration
        self._drop(evicted)
        changed = self._owe(application, before, declaration) if is_news else ()
        return Registered(declaration, is_news, changed, evicted)

    def _owe(self, application: str, before: Declaration | None, declaration: Declaration) -> tuple[Definition, ...]:
        """Remember what has to be decided; gives the definitions that changed."""
        digests = {one.digest for one in declaration.definitions}
        changed = tuple(one for one in (before.definitions if before else ()) if one.digest not in digests)
        self._owed.setdefault(application, {}).update({one.key: one for one in changed})
        return changed

    def forget(self, application: str) -> None:
        """Drop what an application registered: until it registers again, nothing is declared. Raises StorageError."""
        if application in self._registered:
            self._texts.drop(application)
            self._drop(application)
        self._registered.forget(application)

    def use(self, application: str) -> None:
        """An application pushes, whatever becomes of it: its registration is not the next to make room."""
        self._registered.use(application)

    def expect(self, applications: Iterable[str]) -> None:
        """Of these something is kept, as of a decision: where their registration makes room they are paused, not gone."""
        self._registered.expect(one for one in applications if one not in self._installed)

    def _drop(self, application: str) -> None:
        self._registered.drop(application)
        self._declarations.pop(application, None)
        self._pushing.pop(application, None)
        self._owed.pop(application, None)

    def text(self, application: str) -> str:
        """The manifest's text as it is in force. Raises StorageError if it is installed and cannot be read."""
        return self._installation.text(application) if application in self._installed else self._texts.get(application) or ""

    def _pushed(self, application: str) -> Declaration | None:
        if application not in self._pushing and (application in self._installed or application in self._registered):
            self._pushing[application] = self._read(application, self._kept_pushing)
            self._declarations.setdefault(application, self._pushing[application])
        found = self._pushing.get(application)
        return None if isinstance(found, TelemetrydError) else found

    def _taken(self) -> Snapshot:
        installation = self._installation
        return Snapshot(installation.settings(), installation.reviews(), frozenset(installation.applications()), installation.changes)

    def _shut(self, failure: Exception) -> None:
        """Publish that everything is off: what changed at the moment of a failure may have been a kill switch."""
        if not self._is_shut:
            _LOG.error("the installed files could not be looked at, which counts as off: %s", place(failure))
            self._snapshot = self._snapshot.unreadable
        self._is_shut = True
        self._fingerprint = None  # no look equals it, so the next one reads everything

    def _forget_declarations(self) -> None:
        self._declarations.clear()
        self._pushing.clear()
        self._kept.turn()
        self._kept_pushing.turn()

    def _read(self, application: str, kept: Kept[Declaration]) -> Declaration | TelemetrydError:
        try:
            return kept.get(self.text(application), application)
        except (InvalidManifestError, StorageError) as error:
            return error
        except Exception as failure:  # noqa: BLE001 - as in `refresh`: nothing final is decided about what nobody could read
            _LOG.error("a manifest could not be read: %s", place(failure))
            self._fingerprint = None
            return StorageError("the manifest could not be read; the journal says where")

    def _is_old(self, month: str) -> bool:
        year, number = map(int, month.split("-"))
        end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC).timestamp()
        return self._clock.now() > end + REGISTERED_DAYS * 86400


def _parse(text: str, application: str, whose: str = "as the file is named") -> Declaration:
    from telemetryd.toml import manifest  # noqa: PLC0415 - what reads TOML is imported for a text, not at start

    declaration = manifest.parse(text)
    if declaration.application.id != application:
        raise InvalidManifestError(f"[application] id: expected {application!r}, {whose}")
    return declaration

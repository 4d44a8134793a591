"""The manifests, installed or registered, with reviews, stops and settings in force. Policy: T3, R1.

One `Snapshot` of the files is in force and is replaced as a whole. If reading fails, a snapshot is published in which everything is off.
A manifest is parsed when its application is first needed, so that a start does not pay for applications that do not run.
"""

from __future__ import annotations

import gc
import logging
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from telemetryd.core import quotas
from telemetryd.core.answers import aggregate
from telemetryd.core.definition import ManifestKind
from telemetryd.core.permission.gate import Presence
from telemetryd.core.problem_words import ProblemCause, problem_of
from telemetryd.core.settings import Problem
from telemetryd.core.system_facts import SOURCES
from telemetryd.engine.declarations.overruled_texts import OverruledTexts
from telemetryd.engine.declarations.parsing import parse, shared_parse
from telemetryd.engine.declarations.registrations import Registrations
from telemetryd.engine.declarations.retries import Retries
from telemetryd.engine.declarations.snapshot import Snapshot
from telemetryd.errors import InvalidManifestError, StorageError, TelemetrydError, UnknownApplicationError, UnknownQuestionError, named
from telemetryd.named_tuple import NamedTuple
from telemetryd.redact import redacted_traceback
from telemetryd.toml.cache import ParseCache

if TYPE_CHECKING:
    from collections.abc import Iterator

    from telemetryd.core.answers.aggregate import Slot
    from telemetryd.core.definition import Declaration, Definition, Key, Source
    from telemetryd.core.permission.signoffs import Standing
    from telemetryd.core.settings import Settings
    from telemetryd.engine.ports import Clock, Installation, TextStore

_LOG = logging.getLogger(__name__)

REGISTERED_DAYS = 90
"""An application without an installed manifest counts as withdrawn if its last registration is older than this."""

_BETWEEN_FREEZES = 50
"""Manifests that are read between two times at which the garbage collector is spared them."""

_CHANGED = "declared otherwise meanwhile"
"""Replaces a digest: no definition has it, and nobody accepted it."""


class RegisterResult(NamedTuple):
    """What follows from a registration.

    `changed` are the former definitions that the new text changes or drops. `evicted` is the application whose registration was removed
    to make room, or "".
    """

    declaration: Declaration
    is_new_text: bool = False
    changed: tuple[Definition, ...] = ()
    evicted: str = ""


class Standpoint(NamedTuple):
    """Everything in the files about one question."""

    settings: Settings
    definition: Definition | None
    presence: Presence
    standing: Standing
    are_reviews_readable: bool
    """Whether every file that could review or stop the application's questions can be read."""


class Catalogue:
    """The declarations in force. `refresh` checks whether a file changed.

    A registered text applies to samples at once, and to decisions from the next decision on. Until then the decision is owed.
    """

    def __init__(self, installation: Installation, texts: TextStore, clock: Clock) -> None:
        self._installation, self._texts, self._clock = installation, texts, clock
        self._declarations: dict[str, Declaration | TelemetrydError] = {}
        self._for_samples: dict[str, Declaration | TelemetrydError] = {}
        self._cache, self._cache_for_samples = ParseCache(shared_parse()), ParseCache(shared_parse())
        self._logged: set[str] = set()
        """Applications whose manifests met an unexpected failure that the journal has."""
        self._owed: dict[str, dict[Key, Definition]] = {}
        """Application → definitions that a registered text changed since the last decision. A, then B, then A counts as a change."""
        self._registered, self.overruled = Registrations(), OverruledTexts()
        self._retries = Retries()
        self._snapshot, self._is_off, self._has_snapshot = Snapshot(), False, False
        self.settings: Settings = self._snapshot.settings
        """The settings of the configuration files, replaced as a whole."""
        self._told_unread: frozenset[str] = frozenset()
        """Applications whose manifests could not be read when someone asked for all of them."""
        self._told_mended = 0
        """How often one of these could be read later, though no file changed."""
        self.in_force: object = self._snapshot.told
        """An object that is equal as long as the files say the same, whichever of them were read."""
        self._overrides = tuple(problem_of("", ProblemCause.OVERRIDE, name=name) for name in installation.overrides())
        self._fingerprint: object = None
        """The expected fingerprint if no file changed. None makes the next check read everything, also what was unreadable before."""
        self.refresh()

    def refresh(self) -> bool:
        """Read everything again if a file changed, else some of what could not be read. True if the contents differ.

        Any failure counts as a file that cannot be read, until a check succeeds. Policy: C4.
        """
        try:
            fingerprint = self._installation.fingerprint()
            if fingerprint == self._fingerprint:
                return self._read_again()
            snapshot = self._read_snapshot()
            registered = self._registered.with_months(self._texts.months())
            is_news = self._is_off or not self._has_snapshot or snapshot != self._snapshot
            is_mended = not is_news and self._read_again()
        except Exception as failure:  # noqa: BLE001 - fail closed, whatever it is: a module that is away for a moment, a disk, a fault of ours
            self._publish_off(failure)
            return True
        if is_news:
            self._publish(snapshot)
            self._registered, self._is_off, self._has_snapshot = registered, False, True
            self._forget_declarations()
        self._fingerprint = None if snapshot.is_doubtful else fingerprint
        return is_news or is_mended

    def _read_again(self) -> bool:
        """Read some of the manifests that met a disk error, because its end changes no file. True if any can be read now."""
        both = (self._for_samples, self._cache_for_samples), (self._declarations, self._cache)
        mended = self._retries.read_again(both, self._read)
        if not self._told_unread.isdisjoint(mended):
            self._told_unread, self._told_mended = self._told_unread - mended, self._told_mended + 1
            self._publish(self._snapshot)
        return bool(mended)

    def _publish(self, snapshot: Snapshot) -> None:
        self._snapshot, self.settings, self.in_force = snapshot, snapshot.settings, (snapshot.told, self._told_mended)

    @property
    def is_all_read(self) -> bool:
        """Whether every manifest was read since the files changed."""
        return self._declarations.keys() >= {*self._installed, *self._registered}

    def note_all_read(self) -> None:
        """Every manifest was read because someone asked for all of them."""
        self._installation.note_all_read()
        self._told_unread = frozenset(name for name, found in self._declarations.items() if isinstance(found, StorageError))

    @property
    def _installed(self) -> frozenset[str]:
        return self._snapshot.installed

    @property
    def is_owed(self) -> bool:
        """Whether a decision about a registered text is owed."""
        return bool(self._owed)

    @contextmanager
    def expose_owed_changes(self) -> Iterator[bool]:
        """Within the block, definitions that changed since the last decision have a digest that nobody accepted.

        So an evaluation ends their periods, even if the present text is the former one again. Yields whether there are any.
        """
        for application, owed in self._owed.items():
            self._declarations.pop(application, None)
            declaration = self.find(application)
            if declaration:
                unchanged = [definition for definition in declaration.definitions if definition.key not in owed]
                changed = [definition._replace(digest=_CHANGED) for definition in owed.values()]
                self._declarations[application] = declaration._replace(definitions=(*unchanged, *changed))
        try:
            yield self.is_owed
        finally:
            for application in self._owed:
                self._declarations.pop(application, None)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every file with a fault, every override in the environment, and every manifest with a fault that was read so far."""
        broken = [
            Problem(self._installation.manifest_file(name), str(error))
            for name, error in self._declarations.items()
            if isinstance(error, TelemetrydError)
        ]
        return (*self.settings.problems, *self._snapshot.reviewed.problems, *self._overrides, *broken)

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
            self._declarations[application] = self._read(application, self._cache)
            self._spare_collector()
        declaration = self._declarations[application]
        return None if isinstance(declaration, TelemetrydError) else declaration

    def get(self, application: str) -> Declaration:
        """An application's declaration. Raises UnknownApplicationError."""
        declaration = self.find(application)
        if declaration is None:
            raise UnknownApplicationError(f"no manifest of {named(application)} is installed or registered")
        return declaration

    def get_for_samples(self, application: str) -> Declaration:
        """An application's declaration, for its samples. Raises UnknownApplicationError.

        Samples have a cache of their own. So the first sample takes equally long whether or not a decision has read the manifest, which
        depends on what the user accepted. Policy: C3.
        """
        return self._find_for_samples(application) or self.get(application)

    def definition(self, key: Key) -> Definition | None:
        """One question as declared now, or None."""
        application, question = key
        declaration = self.find(application)
        definitions = declaration.definitions if declaration else ()
        return next((definition for definition in definitions if definition.question.id == question), None)

    def question(self, application: str, question: str) -> Definition:
        """One question as declared now. Raises UnknownApplicationError or UnknownQuestionError."""
        declared = next((definition for definition in self.get(application).definitions if definition.question.id == question), None)
        if declared is None:
            raise UnknownQuestionError(f"{application} asks no question {named(question)}")
        return declared

    def snap(self, application: str) -> str:
        """The snap that may act for an application, from its installed manifest, or "". It uses the cache of samples. Policy: C3."""
        declaration = self._find_for_samples(application) if application in self._installed else None
        return declaration.application.snap if declaration else ""

    def slots(self, definition: Definition, declaration: Declaration | None = None) -> tuple[Slot, ...]:
        """The layout of a definition's tallies. `declaration` is the one that contains it, if that is not the one in force."""
        declaration = declaration or self.get(definition.application.id)
        return aggregate.layout(definition, (*declaration.sources, *SOURCES.values()))

    def shared_source(self, reference: str) -> Source | None:
        """The shared source that `application/source` names, if it is installed."""
        owner, _, name = reference.partition("/")
        declaration = self._find_for_samples(owner)
        if declaration is None or declaration.application.kind is not ManifestKind.SHARED:
            return None
        return next((source for source in declaration.sources if source.id == name), None)

    def presence(self, application: str) -> Presence:
        """Whether the application's manifest is present. Until the first check succeeds, it counts as unreadable."""
        if not self._has_snapshot:
            return Presence.UNREADABLE
        if application in self._installed:
            return Presence.PRESENT if self.find(application) else Presence.UNREADABLE
        month = self._registered.month(application)
        if not month:
            return Presence.EVICTED if self._registered.was_evicted(application) else Presence.GONE
        return Presence.UNREGISTERED if self._is_old(month) else Presence.PRESENT

    def standing(self, definition: Definition) -> Standing:
        """The review and the stop of a question."""
        return self._snapshot.reviewed.reviews.standing(*definition.key)

    def standpoint(self, key: Key) -> Standpoint:
        """Everything in the files about a question, even if it is no longer declared."""
        return Standpoint(self.settings, self.definition(key), self.presence(key[0]), *self._snapshot.reviewed.standing(*key))

    def register(self, application: str, text: str) -> RegisterResult:
        """Check a manifest's text and store it, unless a manifest is installed for the application, which wins. "" refers to the latter.

        The month of the last registration never goes back: a clock that was wrong for a while must not make the application absent.
        The work depends on declarations, never on decisions of the user. Policy: C3.

        Raises:
            InvalidManifestError: the text is not admissible, or belongs to another application.
            LimitExceededError: the text declares too much.
            UnknownApplicationError: the text is empty, and no manifest is installed or registered.
        """
        self._registered.use(application)
        if not text:
            return RegisterResult(self.get_for_samples(application))
        quotas.check_text(text)
        declaration = parse(text, application, "the application that registers")
        quotas.check_declaration(declaration)
        if declaration.application.kind is ManifestKind.SHARED:
            raise InvalidManifestError('[application] kind: "shared" is for manifests that are installed')
        if application in self._installed:
            self.overruled.note(application, declaration, self._find_for_samples(application))
            return RegisterResult(declaration)
        if declaration.application.snap:
            raise InvalidManifestError("[application] snap: expected an installed manifest: any program could register this one")
        is_news = not self._texts.is_kept(application, text)
        before = self._find_for_samples(application) if is_news else None
        month = max(datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y-%m"), self._registered.month(application))
        evicted = self._registered.next_to_evict(application)
        self._texts.keep(application, text, month, instead_of=evicted)
        self._registered.put(application, month)
        self._for_samples[application] = declaration
        self._forget_registration(evicted)
        changed = self._note_owed(application, before, declaration) if is_news else ()
        return RegisterResult(declaration, is_news, changed, evicted)

    def _note_owed(self, application: str, before: Declaration | None, declaration: Declaration) -> tuple[Definition, ...]:
        """Note the owed decision. Returns the definitions that changed."""
        digests = {definition.digest for definition in declaration.definitions}
        changed = tuple(definition for definition in (before.definitions if before else ()) if definition.digest not in digests)
        self._owed.setdefault(application, {}).update({definition.key: definition for definition in changed})
        return changed

    def forget(self, application: str) -> None:
        """Drop an application's registration. Raises StorageError."""
        if application in self._registered:
            self._texts.drop(application)
            self._forget_registration(application)
        self._registered.forget(application)

    def use(self, application: str) -> None:
        """Note that an application pushes, kept or refused: its registration is not the next one to be evicted."""
        self._registered.use(application)

    def note_decided(self, applications: set[str]) -> None:
        """The owed decisions are made. Something is stored of these applications: if one is evicted, it is paused, not absent."""
        self._owed.clear()
        self._registered.expect(applications - self._installed)

    def _forget_registration(self, application: str) -> None:
        self._registered.drop(application)
        self._declarations.pop(application, None)
        self._for_samples.pop(application, None)
        self._owed.pop(application, None)

    def text(self, application: str) -> str:
        """The text of the manifest in force. Raises StorageError if it is installed and cannot be read."""
        return self._installation.text(application) if application in self._installed else self._texts.get(application) or ""

    def _find_for_samples(self, application: str) -> Declaration | None:
        if application not in self._for_samples and (application in self._installed or application in self._registered):
            self._for_samples[application] = self._read(application, self._cache_for_samples)
            self._declarations.setdefault(application, self._for_samples[application])
        declaration = self._for_samples.get(application)
        return None if isinstance(declaration, TelemetrydError) else declaration

    def _read_snapshot(self) -> Snapshot:
        installation = self._installation
        applications = frozenset(installation.applications())
        return Snapshot(installation.settings(), installation.reviews(), applications, installation.changes, installation.told_changes)

    def _publish_off(self, failure: Exception) -> None:
        """Publish that everything is off: the change that could not be read may be a kill switch."""
        if not self._is_off:
            _LOG.error("the installed files could not be checked, so everything is off: %s", redacted_traceback(failure))
            self._publish(self._snapshot.with_everything_off)
        self._is_off = True
        self._fingerprint = None  # no look equals it, so the next one reads everything

    def _forget_declarations(self) -> None:
        self._declarations.clear()
        self._for_samples.clear()
        self._logged.clear()
        self._cache.next_generation()
        self._cache_for_samples.next_generation()

    def _read(self, application: str, cache: ParseCache[Declaration]) -> Declaration | TelemetrydError:
        try:
            return cache.get(self.text(application), application)
        except (InvalidManifestError, StorageError) as error:
            return error
        except Exception as failure:  # noqa: BLE001 - as in `refresh`: nothing final is decided about what nobody could read
            if application not in self._logged:  # it is read again at each look
                _LOG.error("a manifest could not be read: %s", redacted_traceback(failure))
                self._logged.add(application)
            return StorageError("the manifest could not be read; the journal says where")

    def _spare_collector(self) -> None:
        """Now and then, take what was read out of the garbage collector's sight.

        It stays and has no cycles, and one look through ten thousand questions would hold up the loop for 20 ms.
        """
        if len(self._declarations) % _BETWEEN_FREEZES == 0:
            gc.collect(1)
            gc.freeze()

    def _is_old(self, month: str) -> bool:
        year, number = map(int, month.split("-"))
        end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC).timestamp()
        return self._clock.now() > end + REGISTERED_DAYS * 86400

"""Foresees what a change of the user's choices would do. Nothing is written, and no lot is drawn. Policy: C1, C2, T2.

The change is written to a draft of the choices, by the code that would write it to the file. Then all questions are evaluated over the
draft. What differs from the present state is what would follow. A question that is accepted for the first time has no lot yet: the draw
decides about its period, so nothing is said of that.
"""

from __future__ import annotations

import hashlib
import json
from enum import Enum, auto
from typing import TYPE_CHECKING, NoReturn

from telemetryd.core.causes import Cause, because
from telemetryd.core.definition import ManifestKind
from telemetryd.core.permission import lifecycle
from telemetryd.core.permission.gate import Decision, axes, deciding_obstacle, effective_level, obstacles
from telemetryd.core.permission.lifecycle import Effect, State, Step
from telemetryd.core.permission.record import Outcome
from telemetryd.core.permission.user_change import check
from telemetryd.core.privacy import room
from telemetryd.engine.choices.draft_consents import DraftConsents
from telemetryd.engine.question_states import Outlook, Questions
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from telemetryd.core.causes import Reason
    from telemetryd.core.definition import Definition, Key
    from telemetryd.core.permission.user_change import UserChange
    from telemetryd.engine.choices.changes import Changes
    from telemetryd.engine.declarations.catalogue import Catalogue
    from telemetryd.engine.ports import Clock, ConsentStore, ReportStore
    from telemetryd.engine.samples.tallies import RunningTallies

_PREFIX = "telemetryd-foreseen-1\n"
_OPEN_STATES = {State.WAITING, State.ACTIVE}


class Consequence(NamedTuple):
    """What happens to one question: why, and which of its data is erased (`tally`, `report`).

    `accepted_at` (Unix s) is 0 if it was not accepted before. `room` is the word of `core.privacy.room`. With a `pusher` only that
    application's part of a shared question is meant. `closes`: it could be measured before, and cannot now.
    """

    key: Key
    purpose: str
    reason: Reason
    accepted_at: int = 0
    period_begins: int = 0
    period_ends: int = 0
    erases: tuple[str, ...] = ()
    room: str = ""
    pusher: str = ""
    closes: bool = False


class Foreseen(NamedTuple):
    """What a change does: the questions that end for good, those that can be measured from now on, and those that stay or become shut."""

    change: UserChange
    ends: tuple[Consequence, ...]
    resumes: tuple[Consequence, ...]
    refused: tuple[Consequence, ...]

    @property
    def digest(self) -> str:
        """A name for the change together with all that follows from it."""
        change = self.change
        asked = {
            **change._asdict(),
            "accept": sorted((*key, digest) for key, digest in change.accept.items()),
            "refuse": sorted(change.refuse),
            "allow": sorted(change.allow),
        }
        text = json.dumps([asked, self.ends, self.resumes, self.refused], sort_keys=True)
        return "sha256:" + hashlib.sha256((_PREFIX + text).encode(errors="surrogatepass")).hexdigest()

    @property
    def questions(self) -> set[Key]:
        """Every question that is named by the change, or to which it does something."""
        return self.change.questions.union(item.key for item in (*self.ends, *self.resumes, *self.refused))


class _Kind(Enum):
    """Where a question stands: whether it is over, can be measured and sent, is shut, or has no acceptance that holds."""

    ENDED = auto()
    OPEN = auto()
    SHUT = auto()
    UNDECIDED = auto()


class _Standing(NamedTuple):
    kind: _Kind
    step: Step
    reason: Reason
    obstacles: frozenset[Reason] = frozenset()


class _Side(NamedTuple):
    """The questions before or after the change, with the choices that they follow."""

    consents: ConsentStore
    questions: Questions
    clock: Clock

    def standing(self, key: Key, step: Step) -> _Standing:
        """Where a question stands after this step."""
        outcome = step.record.outcome
        if outcome is not Outcome.OPEN:
            return _Standing(_Kind.OPEN if outcome is Outcome.REPORTING else _Kind.ENDED, step, step.reason)
        definition, accepted = self.questions.definition(key), self.decision(key).accepted
        if not accepted or (definition and definition.digest not in accepted):
            return _Standing(_Kind.UNDECIDED, step, step.reason)
        if definition is None:
            return _Standing(_Kind.SHUT, step, step.reason, frozenset([step.reason]))
        circumstances = self.questions.circumstances(definition)
        if circumstances.lot is None and not lifecycle.has_period_left(definition, circumstances, self.clock.now()):
            return _Standing(_Kind.ENDED, step, because(Cause.TOO_LATE))  # whatever will be drawn
        blocked_by = obstacles(definition, circumstances)
        if not blocked_by and step.state in _OPEN_STATES:
            return _Standing(_Kind.OPEN, step, step.reason)
        # Before its lot is drawn, a step does not say what shuts a question.
        reason = step.reason if step.reason.cause or not blocked_by else deciding_obstacle(blocked_by)[0].reason
        return _Standing(_Kind.SHUT, step, reason, frozenset(obstacle.reason for obstacle in blocked_by))

    def decision(self, key: Key) -> Decision:
        """The user's decision on a question."""
        return self.consents.decisions.get(key, Decision())

    def accepted_at(self, key: Key) -> int:
        """When the question was accepted as it is now, or else as it was (Unix s); 0 if it was not."""
        definition, accepted = self.questions.definition(key), self.decision(key).accepted
        latest = max(accepted.values(), default=0)
        return accepted.get(definition.digest, latest) if definition else latest


class _NoChance:
    """The port `Randomness` where nothing may be drawn."""

    def below(self, _bound: int) -> NoReturn:
        """Fail."""
        raise AssertionError("foreseeing draws nothing")


class Foresight:
    """Compares the present state with that of a draft."""

    def __init__(  # noqa: PLR0913 - by keyword: what the composition root puts in place
        self,
        *,
        catalogue: Catalogue,
        consents: ConsentStore,
        questions: Questions,
        tallies: RunningTallies,
        reports: ReportStore,
        clock: Clock,
        changes: Changes,
    ) -> None:
        self._catalogue, self._tallies, self._reports, self._clock = catalogue, tallies, reports, clock
        self._changes = changes
        self._now = _Side(consents, questions, clock)

    def look(self, change: UserChange) -> Iterator[Foreseen | None]:
        """What would follow, as the last item; a None after each step. Raises what doing it would raise, but for a failing disk."""
        check(change)
        self._changes.check(change)
        draft = DraftConsents(self._now.consents)
        questions = Questions(self._catalogue, draft, self._clock, _NoChance())
        self._changes.write(change, draft, questions)
        after = _Side(draft, questions, self._clock)
        outlook = Outlook({}, {}, {}, {})
        for seen in questions.look(self._clock.moment()):
            outlook = seen or outlook
            yield None
        view = _View(change, self._now, after, tallied=self._tallies.measured(), queued={row.key for row in self._reports.queue()})
        for key in sorted({*self._now.questions.decided(), *outlook.steps}):
            step = outlook.steps.get(key)
            shown = lifecycle.show_room(step, outlook.rooms.get(key)) if step else None
            view.add(key, shown, room.word(outlook.rooms.get(key)))
            yield None
        for pusher in sorted({change.application, change.forget or ""} - {""}):
            view.add_pushed(pusher, self._uses(pusher), self._catalogue)
            yield None
        yield Foreseen(change, tuple(view.ends), tuple(view.resumes), tuple(view.refused))

    def closed(self, keys: Iterable[Key]) -> dict[Key, str]:
        """Which of these questions are accepted and shut now, with the cause."""
        standings = {key: self._now.standing(key, self._now.questions.step_of(key)) for key in keys}
        return {key: str(standing.reason.cause) for key, standing in standings.items() if standing.kind is _Kind.SHUT}

    def _uses(self, application: str) -> frozenset[str]:
        """The shared sources that an application pushes into."""
        declaration = self._catalogue.find(application)
        return frozenset(declaration.application.uses if declaration else ())


class _View:
    """Collects the consequences. `tallied` are (question, pusher) of what was measured, `queued` the questions with a report that waits."""

    def __init__(  # noqa: PLR0913 - the last two are by keyword
        self, change: UserChange, before: _Side, after: _Side, *, tallied: set[tuple[Key, str]], queued: set[Key]
    ) -> None:
        self._change, self._before, self._after = change, before, after
        self._tallied, self._queued = tallied, queued
        self._keys_tallied = {key for key, _ in tallied}
        self._running: list[Key] = []
        """The questions that are neither over nor erased."""
        self.ends: list[Consequence] = []
        self.resumes: list[Consequence] = []
        self.refused: list[Consequence] = []

    def add(self, key: Key, step: Step | None, room_word: str) -> None:
        """Compare one question. `step` is None if no decision is left."""
        before = self._before.standing(key, self._before.questions.step_of(key))
        after = self._after.standing(key, step) if step else _Standing(_Kind.UNDECIDED, before.step, because(Cause.FORGOTTEN))
        is_erased = after.step.effect is Effect.ERASE
        if after.kind in {_Kind.OPEN, _Kind.SHUT} and not is_erased:
            self._running.append(key)
        consequence = self._consequence(key, after, room_word)
        if after.kind is _Kind.ENDED:
            if before.kind is not _Kind.ENDED:
                self.ends.append(consequence._replace(erases=self._collected(key)))
        elif after.kind is _Kind.OPEN:
            if before.kind is not _Kind.OPEN:
                self.resumes.append(consequence)
        elif self._is_concerned(key, before, after):
            erases = self._collected(key) if is_erased or step is None else ()
            self.refused.append(consequence._replace(erases=erases, closes=before.kind is _Kind.OPEN))

    def add_pushed(self, pusher: str, uses: frozenset[str], catalogue: Catalogue) -> None:
        """Compare what one application may push into the shared questions of others."""
        for key in self._running:
            definition = self._after.questions.definition(key)
            if definition is None or definition.application.kind is not ManifestKind.SHARED or key[0] == pusher:
                continue
            is_tallied = (key, pusher) in self._tallied
            is_pushed = is_tallied or any(f"{key[0]}/{source}" in uses for source in definition.question.sources)
            was_covered = self._before.questions.covers(definition, pusher)
            is_covered = pusher != self._change.forget and self._after.questions.covers(definition, pusher)
            if not is_pushed or was_covered is is_covered:
                continue
            consequence = Consequence(key, definition.question.purpose, self._why_not(definition, pusher, catalogue), pusher=pusher)
            if is_covered:
                self.resumes.append(consequence._replace(accepted_at=self._before.accepted_at(key)))
            else:
                self.refused.append(consequence._replace(erases=("tally",) if is_tallied else (), closes=True))

    def _is_concerned(self, key: Key, before: _Standing, after: _Standing) -> bool:
        """Whether a question that is not open has to do with the change: it was shut by it, or could have been opened by it."""
        if after.kind is _Kind.UNDECIDED:
            return before.kind in {_Kind.OPEN, _Kind.SHUT}
        return before.kind is _Kind.OPEN or key in self._change.accept or bool(before.obstacles - after.obstacles)

    def _consequence(self, key: Key, after: _Standing, room_word: str) -> Consequence:
        definition, record = self._before.questions.definition(key), after.step.record
        purpose = definition.question.purpose if definition else ""
        return Consequence(key, purpose, after.reason, self._before.accepted_at(key), record.begins, record.closes, room=room_word)

    def _collected(self, key: Key) -> tuple[str, ...]:
        return (*(("tally",) if key in self._keys_tallied else ()), *(("report",) if key in self._queued else ()))

    def _why_not(self, definition: Definition, pusher: str, catalogue: Catalogue) -> Reason:
        """Which level of an application does not cover a shared question; no cause if all do."""
        if pusher == self._change.forget:
            return because(Cause.FORGOTTEN)
        consents, detail = self._after.consents, definition.question.detail
        own = consents.applications.get(pusher)
        lacking = [axis for axis in axes(definition) if own and effective_level(axis, consents.levels, own, catalogue.settings) < detail]
        level = detail.name.lower()
        return because(Cause.APPLICATION_LEVEL, axis=str(lacking[0]), level=level, application=pusher) if lacking else room.YES

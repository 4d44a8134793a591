"""Routes of samples: for each source of an application its coarsener, and the tally of each question that asks for it. Policy: C1, C3.

A route is made from earlier decisions and is used for many samples: a sample decides nothing. A question that is not open, or for which the
application lacks consent, gets a decoy: the work is the same, and nothing is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetryd.core.answers import aggregate, coarsen
from telemetryd.core.answers.period import period_at
from telemetryd.core.definition import ManifestKind
from telemetryd.core.explanation import Situation, explain
from telemetryd.errors import BusyError, InvalidValueError, UnknownApplicationError, UnknownSourceError
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.core.answers.aggregate import Fold
    from telemetryd.core.answers.coarsen import Coarsener
    from telemetryd.core.definition import Declaration, Definition, Source
    from telemetryd.engine.declarations.catalogue import Catalogue
    from telemetryd.engine.question_states import Questions
    from telemetryd.engine.samples.tallies import Folds, RunningTallies, Tally


class Route(NamedTuple):
    """The route of one application's samples of one source. `verdict` describes it in developer mode.

    `name` is the application's name for the source: of a shared one it begins with its owner.
    """

    source: Source
    coarsen: Coarsener
    folds: Folds
    verdict: str
    name: str

    def reduce(self, type_code: str, value: Any) -> list[int]:
        """Reduce one value, or each of an array of one basic type. Raises InvalidValueError."""
        if not type_code.startswith("a"):
            return self.coarsen(type_code, (value,))
        element = type_code[1:]
        if len(element) != 1 or element not in "ybnqiuxtds":
            raise InvalidValueError(coarsen.expected_type(self.source, many=True))
        return self.coarsen(element, value)


class Routes:
    """The routes of the applications that pushed since the last decision. In developer mode they have verdicts."""

    def __init__(self, catalogue: Catalogue, questions: Questions, tallies: RunningTallies, *, is_developer: bool) -> None:
        self._catalogue, self._questions, self._tallies = catalogue, questions, tallies
        self._is_developer = is_developer
        self._routes: dict[str, dict[str, Route]] = {}

    def clear(self) -> None:
        """Drop all routes: the next sample makes them anew."""
        self._routes.clear()

    def forget(self, application: str) -> None:
        """Drop the routes of an application whose declaration changed."""
        self._routes.pop(application, None)

    def find(self, application: str, source: str, now: int) -> Route:
        """The route of an application's source. `now` (Unix s) lies in the day of the routes.

        Raises UnknownApplicationError, UnknownSourceError, BusyError or StorageError.
        """
        self._catalogue.use(application)
        routes = self._routes.get(application)
        route = routes.get(source) if routes is not None else None
        return route if route is not None else self._make(application, source, now)

    def _make(self, application: str, source: str, now: int) -> Route:
        """The route of a source, after those of its application were made if there are none."""
        routes = self._routes.get(application)
        if routes is None:
            if self._catalogue.settings.developer is not self._is_developer:  # all routes are dropped when the mode changes
                raise BusyError("developer mode was switched on or off: call again")
            routes = self._routes[application] = self._make_routes(self._catalogue.get_for_samples(application), now)
        route = routes.get(source)
        if route is None:
            raise UnknownSourceError(self._why_unknown(application, source, routes), source)
        return route

    def _why_unknown(self, application: str, source: str, routes: Mapping[str, Route]) -> str:
        if source in self._catalogue.get_for_samples(application).application.uses:
            return f"{source} is listed in uses, but {self._why_not_shared(source)}"
        return f"{application} declares no such source; it declares: {', '.join(sorted(routes)) or 'none'}"

    def _why_not_shared(self, reference: str) -> str:
        owner, _, name = reference.partition("/")
        if not self._catalogue.is_installed(owner):
            return f"{owner} is not installed here"
        try:
            declaration = self._catalogue.get_for_samples(owner)
        except UnknownApplicationError:
            return f"the manifest of {owner} cannot be read"
        if declaration.application.kind is not ManifestKind.SHARED:
            return f'the manifest of {owner} is not of the kind "shared"'
        return f"{owner} declares no source {name}"

    def _make_routes(self, declaration: Declaration, now: int) -> dict[str, Route]:
        self._tallies.prepare()
        application = declaration.application.id
        routes = {source.id: self._make_route(declaration, source, application, now) for source in declaration.sources}
        for reference in declaration.application.uses:
            source = self._catalogue.shared_source(reference)
            if source:
                owner = self._catalogue.get_for_samples(reference.partition("/")[0])
                routes[reference] = self._make_route(owner, source, application, now)
        return routes

    def _make_route(self, owner: Declaration, source: Source, pusher: str, now: int) -> Route:
        folds: list[tuple[Fold, Tally]] = []
        verdicts: list[str] = []
        for definition in owner.definitions:
            if source.id not in definition.question.sources:
                continue
            period = self._questions.open_period(definition, pusher, now)
            if self._is_developer:
                verdicts.append(self._verdict(definition, is_open=bool(period)))
            slots = self._catalogue.slots(definition, owner)
            # A decoy is made in any case: it takes longer than a tally.
            decoy_slots = aggregate.decoy_slots(slots)
            tally = self._tallies.decoy(definition.key, pusher, period_at(definition.question.period, now).label, decoy_slots)
            if period:
                tally = self._tallies.get(definition.key, pusher, period, slots)
            else:
                slots = decoy_slots
            folds += [(aggregate.fold(slot), tally) for slot in slots if slot.field.id == source.id]
        name = source.id if owner.application.id == pusher else f"{owner.application.id}/{source.id}"
        return Route(source, coarsen.coarsener(source), tuple(folds), "; ".join(verdicts), name)

    def _verdict(self, definition: Definition, *, is_open: bool) -> str:
        """Whether samples of a question are kept, and why not."""
        step = self._questions.step(definition)
        why = explain(Situation(step.state, step.reason.cause, dict(step.reason.args), step.record.report))
        return f"{definition.question.id}: {'kept' if is_open else f'not kept: {why}'}"

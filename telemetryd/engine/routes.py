"""Where samples go: for each source of an application its coarsener, and the tally of each question that asks for it. Policy: C1, C3.

What may be collected was decided before, and is looked up when a route is made, not for every sample: a sample decides nothing. For a
question that is not open, or for which the application lacks consent, stands a decoy: the same is done, and nothing of it is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.core import aggregate, coarsen
from telemetryd.core.period import period_at
from telemetryd.errors import InvalidValueError, UnknownSourceError

if TYPE_CHECKING:
    from telemetryd.core.aggregate import Fold
    from telemetryd.core.coarsen import Coarsener
    from telemetryd.core.definition import Declaration, Definition, Source
    from telemetryd.engine.catalogue import Catalogue
    from telemetryd.engine.questions import Questions
    from telemetryd.engine.tallies import Folds, RunningTallies, Tally


class Route(NamedTuple):
    """Where one application's samples of one source go; `verdict` says it in words for developer mode."""

    source: Source
    coarsen: Coarsener
    folds: Folds
    verdict: str

    def reduce(self, type_code: str, value: Any) -> list[int]:
        """Reduce one value, or each of an array of one basic type. Raises InvalidValueError."""
        if not type_code.startswith("a"):
            return self.coarsen(type_code, (value,))
        element = type_code[1:]
        if len(element) != 1 or element not in "ybnqiuxtds":
            raise InvalidValueError(coarsen.expected(self.source, many=True))
        return self.coarsen(element, value)


class Routes:
    """The routes of the applications that pushed since the last decision. `is_told`: whether verdicts are wanted, in developer mode."""

    def __init__(self, catalogue: Catalogue, questions: Questions, tallies: RunningTallies, *, is_told: bool) -> None:
        self._catalogue, self._questions, self._tallies = catalogue, questions, tallies
        self._is_told = is_told
        self._routes: dict[str, dict[str, Route]] = {}

    def clear(self) -> None:
        """Something changed: decide anew with the next sample."""
        self._routes.clear()

    def forget(self, application: str) -> None:
        """An application declared something else."""
        self._routes.pop(application, None)

    def find(self, application: str, source: str, now: int) -> Route:
        """The route of an application's source at a time (Unix s) of today.

        Raises UnknownApplicationError, UnknownSourceError or StorageError.
        """
        self._catalogue.use(application)
        routes = self._routes.get(application)
        if routes is None:
            routes = self._routes[application] = self._make_routes(self._catalogue.pushing(application), now)
        route = routes.get(source)
        if route is None:
            raise UnknownSourceError(f"{application} declares no such source; it declares: {', '.join(sorted(routes)) or 'none'}")
        return route

    def _make_routes(self, declaration: Declaration, now: int) -> dict[str, Route]:
        self._tallies.prepare()
        application = declaration.application.id
        routes = {source.id: self._make_route(declaration, source, application, now) for source in declaration.sources}
        for reference in declaration.application.uses:
            source = self._catalogue.shared_source(reference)
            if source:
                owner = self._catalogue.pushing(reference.partition("/")[0])
                routes[reference] = self._make_route(owner, source, application, now)
        return routes

    def _make_route(self, owner: Declaration, source: Source, pusher: str, now: int) -> Route:
        folds: list[tuple[Fold, Tally]] = []
        verdicts: list[str] = []
        for definition in owner.definitions:
            if source.id not in definition.question.sources:
                continue
            period = self._questions.open_period(definition, pusher, now)
            if self._is_told:
                verdicts.append(self._verdict(definition, is_open=bool(period)))
            slots = self._catalogue.slots(definition, owner)
            if period:
                tally = self._tallies.get(definition.key, pusher, period, slots)
            else:
                slots = aggregate.decoy(slots)
                tally = self._tallies.decoy(definition.key, pusher, period_at(definition.question.period, now).label, slots)
            folds += [(aggregate.fold(slot), tally) for slot in slots if slot.field.id == source.id]
        return Route(source, coarsen.coarsener(source), tuple(folds), "; ".join(verdicts))

    def _verdict(self, definition: Definition, *, is_open: bool) -> str:
        """What becomes of a sample, in words."""
        state = self._questions.step(definition)
        return f"{definition.question.id}: {'kept' if is_open else f'not kept ({state.state}: {state.reason})'}"

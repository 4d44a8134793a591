"""Measures system facts in the daemon, so that no application has to. Policy: M2, P2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.answers import aggregate, coarsen
from telemetryd.core.system_facts import SOURCES, SYSTEM

if TYPE_CHECKING:
    from telemetryd.core.definition import Definition
    from telemetryd.engine.declarations.catalogue import Catalogue
    from telemetryd.engine.ports import SystemFacts
    from telemetryd.engine.question_states import Questions
    from telemetryd.engine.samples.tallies import RunningTallies


class SystemMeasuring:
    """Puts system facts into the tallies of the questions that ask for them."""

    def __init__(self, catalogue: Catalogue, questions: Questions, tallies: RunningTallies, facts: SystemFacts) -> None:
        self._catalogue, self._questions, self._tallies, self._facts = catalogue, questions, tallies, facts

    def measure(self, now: int) -> None:
        """Read each fact once for every question that asks for it and whose period runs. It counts once it is committed."""
        for key in self._questions.open_keys(now):
            definition = self._catalogue.definition(key)
            if definition and any(field.id.startswith(SYSTEM + "/") for field in definition.fields):
                period = self._questions.open_period(definition, key[0], now)
                if period:
                    self._measure(definition, period)

    def _measure(self, definition: Definition, period: str) -> None:
        slots = self._catalogue.slots(definition)
        tally = self._tallies.get(definition.key, definition.application.id, period, slots)
        for slot in slots:
            owner, _, name = slot.field.id.partition("/")
            if owner != SYSTEM or tally.cells[slot.offset]:
                continue
            value = self._facts.read(name)
            if value is not None:
                source = SOURCES[name]
                reduced = coarsen.coarsener(source)(_type_code(value), (value,))
                self._tallies.add(((aggregate.fold(slot), tally),), reduced)


def _type_code(value: object) -> str:
    match value:
        case bool():
            return "b"
        case str():
            return "s"
        case int():
            return "t"
        case _:
            return "d"

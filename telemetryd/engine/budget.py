"""The ledger at work: reserve for what may be answered, release what will not be. Charging is part of making a report. Policy: A1, A2."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core import ledger
from telemetryd.core.lifecycle import Outcome, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.core.definition import Definition
    from telemetryd.core.ledger import Caps, Entry
    from telemetryd.core.lifecycle import Step
    from telemetryd.engine.catalogue import Catalogue
    from telemetryd.engine.ports import Consents, Key, Randomness

NO_BUDGET = "no budget"


class Settlement(NamedTuple):
    """Ledger changes (None: released) and, for each question that finds no room, the cap that is in the way."""

    changes: dict[Key, Entry | None]
    refused: dict[Key, str]


def caps_in_force(catalogue: Catalogue, consents: Consents) -> Caps:
    """The caps as the strictest file says; zero if the ledger was lost."""
    return ledger.caps_of(catalogue.settings.budgets, is_spent=consents.is_spent)


class Budget:
    """What the user's answers may still cost."""

    def __init__(self, catalogue: Catalogue, consents: Consents, chance: Randomness) -> None:
        self._catalogue, self._consents, self._chance = catalogue, consents, chance

    def settle(self, looks: Mapping[Key, tuple[Definition | None, Step]]) -> Settlement:
        """What one look at all questions means for the ledger; nothing is remembered."""
        caps = caps_in_force(self._catalogue, self._consents)
        held = {key: entry for key, entry in self._consents.ledger.items() if not entry.is_charged}
        charged = {key: entry for key, entry in self._consents.ledger.items() if entry.is_charged}
        wanted = {key: entry for key, look in looks.items() if key not in charged and (entry := self._wanted(held.get(key), *look))}
        kept = {key: entry for key, entry in wanted.items() if held.get(key) == entry}
        if ledger.is_exceeded((*charged.values(), *kept.values()), caps):
            kept = {}
        new = {key: entry for key, entry in wanted.items() if key not in kept}
        reserved, refused = ledger.reserve({**charged, **kept}, new, caps, self._chance.below)
        released: dict[Key, Entry | None] = dict.fromkeys(held.keys() - kept.keys())
        return Settlement({**released, **reserved}, refused)

    def _wanted(self, held: Entry | None, definition: Definition | None, step: Step) -> Entry | None:
        """What has to be reserved for a question as it stands: nothing while it is shut or over; a pause changes nothing."""
        record = step.record
        if definition is None or record.outcome is not Outcome.OPEN or not record.closes:
            return None
        if step.state is State.ACTIVE and record.closed_cause:
            return held
        if step.state not in {State.WAITING, State.ACTIVE} or record.closed_cause:
            return None
        endpoint = self._catalogue.settings.endpoint(definition.application.vendor)
        if endpoint is None:
            return held if step.state is State.ACTIVE else None
        return ledger.entry_of(definition, endpoint.host, datetime.fromtimestamp(record.closes, UTC).year)

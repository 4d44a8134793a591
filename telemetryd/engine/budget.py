"""Gives the open questions of one evaluation their room in the privacy budget. A report is charged when it is made. Policy: A1, A2."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from telemetryd.core.permission.gate import Decision
from telemetryd.core.permission.record import Outcome
from telemetryd.core.privacy import ledger, room
from telemetryd.core.privacy.room import Candidate
from telemetryd.core.privacy.sampling_lot import takes_part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.core.definition import Definition, Key
    from telemetryd.core.permission.record import Record
    from telemetryd.core.privacy.ledger import Caps, Charge
    from telemetryd.core.settings import Settings
    from telemetryd.engine.ports import ConsentStore


def caps_in_force(settings: Settings, consents: ConsentStore) -> Caps:
    """The caps of the strictest file. They are zero if the ledger was lost."""
    return ledger.caps_of(settings.budgets, is_spent=consents.is_spent)


class Budget:
    """The rest of the privacy budget."""

    def __init__(self, consents: ConsentStore) -> None:
        self._consents = consents

    def look(self, evaluations: Mapping[Key, tuple[Definition | None, Record]], settings: Settings, now: int) -> room.Look:
        """Which questions have room, by the definition and the record of each after its step. Nothing is stored."""
        candidates = {key: candidate for key, pair in evaluations.items() if (candidate := self._candidate(key, *pair, settings))}
        return room.look(self._consents.ledger, candidates, caps_in_force(settings, self._consents), now)

    def _candidate(self, key: Key, definition: Definition | None, record: Record, settings: Settings) -> Candidate | None:
        """An open question with a period, unless something shuts it for good."""
        lot, is_shut = self._consents.lots.get(key), record.cause and not record.is_paused
        if record.outcome is not Outcome.OPEN or not record.closes or is_shut or lot is None:
            return None
        common = Candidate(lot.rank, 0, record.begins, self._held(key), is_paused=bool(record.is_paused))
        # Without the definition or the whole configuration nobody knows the endpoint: what is held stays, and nothing is decided.
        if definition is None or any(switch.what == "unreadable" for switch in settings.kill_switches):
            return common
        endpoint = settings.usable_endpoint(definition.application.vendor)
        if endpoint is None:
            return common._replace(entry=None)
        return common._replace(
            accepted=self._consents.decisions.get(key, Decision()).accepted.get(definition.digest, record.begins),
            entry=ledger.charge_for(definition, endpoint.host, datetime.fromtimestamp(record.closes - 1, UTC).year),
            is_drawn=takes_part(lot, definition.question.share, endpoint.share),
        )

    def _held(self, key: Key) -> Charge | None:
        entry = self._consents.ledger.get(key)
        return entry if entry and not entry.is_charged else None

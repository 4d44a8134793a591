"""The user's choices as they would be after a change. Nothing is written: it stands in for the file while consequences are foreseen."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from telemetryd.core.permission.gate import ApplicationLevels, Decision
from telemetryd.core.permission.record import Outcome
from telemetryd.engine.ports import UnwrittenFacts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from telemetryd.core.definition import Key
    from telemetryd.core.permission.gate import Levels
    from telemetryd.core.permission.record import Record
    from telemetryd.core.privacy.ledger import Charge
    from telemetryd.core.privacy.sampling_lot import Lot
    from telemetryd.engine.ports import ConsentStore


class DraftConsents:
    """The port `ConsentStore` in memory, beginning with what another one has. That one replaces its mappings, so they can be shared."""

    is_owed, owed_facts = False, UnwrittenFacts()

    def __init__(self, consents: ConsentStore) -> None:
        self._consents, self.file = consents, consents.file
        self.levels, self.applications, self.decisions = consents.levels, consents.applications, consents.decisions
        self.records, self.lots, self.ledger, self.is_spent = consents.records, consents.lots, consents.ledger, consents.is_spent
        self.history_erased = consents.history_erased

    def together(self) -> AbstractContextManager[None]:
        """Nothing fails here."""
        return nullcontext()

    def set_levels(self, levels: Levels) -> None:
        """Note the global levels."""
        self.levels = levels

    def set_application(self, application: str, levels: ApplicationLevels) -> None:
        """Note one application's levels."""
        self.applications = {**self.applications, application: levels}

    def accept(self, rows: Sequence[tuple[Key, str, str]], now: int) -> None:
        """Note acceptances. The first time of a digest stays. A refusal of the key ends."""
        before = self.decisions
        accepted = {key: Decision(accepted={digest: now, **before.get(key, Decision()).accepted}) for key, digest, _ in rows}
        self.decisions = {**before, **accepted}

    def accepted_text(self, key: Key, digest: str) -> str:
        """The text that was accepted under a digest. What is accepted now is declared, so its text is not asked for."""
        return self._consents.accepted_text(key, digest)

    def refuse(self, key: Key, *, is_refused: bool) -> None:
        """Note or end a refusal."""
        decision = self.decisions.get(key, Decision())._replace(refused=is_refused)
        self.decisions = _without_empty({**self.decisions, key: decision})

    def forget(self, application: str, ended: Mapping[Key, Record]) -> None:
        """Drop an application's levels, acceptances, open records and what is held for them, and note the `ended` ones."""
        self.applications = {name: levels for name, levels in self.applications.items() if name != application}
        self.decisions = _without_empty(
            {key: decision._replace(accepted={}) if key[0] == application else decision for key, decision in self.decisions.items()}
        )
        records = {**self.records, **ended}
        self.records = {key: one for key, one in records.items() if key[0] != application or one.outcome is not Outcome.OPEN}
        self.ledger = {key: entry for key, entry in self.ledger.items() if key[0] != application or entry.is_charged}

    def set_records(self, records: Mapping[Key, Record]) -> None:
        """Note records of questions."""
        self.records = {**self.records, **records}

    def keep_lots(self, lots: Mapping[Key, Lot]) -> None:
        """Note lots. A lot that is there stays."""
        self.lots = {**lots, **self.lots}

    def settle(self, records: Mapping[Key, Record], ledger: Mapping[Key, Charge | None]) -> None:
        """Note records and changes of the ledger. A charge stays."""
        self.set_records(records)
        open_ = {key: entry for key, entry in ledger.items() if key not in self.ledger or not self.ledger[key].is_charged}
        self.ledger = {key: entry for key, entry in {**self.ledger, **open_}.items() if entry}

    def note_history_erased(self, day: int) -> None:
        """Note the day of an erasure."""
        self.history_erased = day


def _without_empty(decisions: Mapping[Key, Decision]) -> dict[Key, Decision]:
    return {key: decision for key, decision in decisions.items() if decision != Decision()}

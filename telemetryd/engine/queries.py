"""What the user is shown: dictionaries with the keys of Control1, made from what is enforced. Nothing is written. Policy: T1, T2, T3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core import ledger
from telemetryd.core.limits import DAY_S
from telemetryd.engine.budget import caps_in_force
from telemetryd.engine.query_rows import Rows
from telemetryd.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from telemetryd.core.definition import Definition
    from telemetryd.engine.ports import Key
    from telemetryd.engine.query_rows import Shown, Sources


class MovedError(BusyError):
    """What is shown changed while it was being put together."""


class Views:
    """Read-only; nothing is written. Each view gives rows, or None where there is none yet: whoever asks may rest between two of them.

    A view is of one moment: it raises MovedError if the user's choices, what is remembered of questions, the files in force or the day are
    not what they were at its first row. What an application registers meanwhile is shown as it is when its turn comes: it concerns that
    application alone, and would let any program keep the user from ever seeing the list.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._rows = Rows(sources)

    def applications(self, callers: Mapping[str, frozenset[str]]) -> Iterator[Shown | None]:
        """Every application that is declared, or of which something is kept; `callers` are the identities seen calling for each."""
        catalogue, known, is_of_then = self._sources.catalogue, self._sources.known, self._moment()
        kept = known.kept()
        for name in known.applications():
            declaration, its_callers = catalogue.find(name), sorted(callers.get(name, ()))
            if declaration:
                yield self._rows.application(declaration, its_callers)
            elif not catalogue.is_installed(name) or known.keeps(name, kept):
                yield self._rows.absent(name, kept.get(name, set()), its_callers)
            else:
                yield None  # nothing is known but that its manifest cannot be read, which is a problem
            is_of_then()

    def questions(self, application: str) -> Iterator[Shown]:
        """Every question of an application, or of all (""), that is asked or about which something is kept.

        Raises UnknownApplicationError.
        """
        known, is_of_then = self._sources.known, self._moment()
        if application:
            known.check(application)
        kept = known.kept()
        for name in [application] if application else known.applications():
            sent = self._sources.reports.last_sent(name)
            for key, definition in self._of(name, kept.get(name, set())):
                yield self._rows.question(definition, sent.get(key[1], 0)) if definition else self._rows.lost(key, sent.get(key[1], 0))
                is_of_then()

    def preview(self, application: str) -> Iterator[tuple[str, str, str] | None]:
        """(application/question, URL, body) of each report that is being made or waits; the nonce of one being made is blank."""
        is_of_then = self._moment()
        if application:
            self._sources.known.check(application)
        for row in self._sources.reports.queue():
            if application in {"", row.application}:
                yield f"{row.application}/{row.question}", row.url, row.body.decode(errors="replace")
                is_of_then()
        for key in self._sources.questions.accepted():
            if application in {"", key[0]}:
                yield self._collected(key)
                is_of_then()

    def history(self, since: int) -> Iterator[Shown]:
        """The reports created at or after `since` (Unix s), newest first; a few are read at a time."""
        keys = ("application", "question", "revision", "period", "created", "tries", "outcome", "status")
        for row in self._sources.reports.latest(min(since, _LATEST)):
            yield {
                **{key: getattr(row, key) for key in keys},
                "endpoint": row.url,
                "headers": [list(header) for header in row.headers],
                "body": row.body.decode(errors="replace"),
            }

    def ledger(self) -> Iterator[Shown]:
        """Every sum of the privacy budget, and what it means."""
        is_of_then = self._moment()
        caps = caps_in_force(self._sources.catalogue, self._sources.consents)
        entries = self._sources.consents.ledger.values()
        for line in ledger.lines(entries, caps):
            yield {
                "host": line.host,
                "source": line.source,
                "year": line.year,
                "spent": line.spent / 10,
                "reserved": line.reserved / 10,
                "cap": line.cap / 10,
                "text": ledger.words(line, entries),
            }
            is_of_then()

    def _moment(self) -> Callable[[], None]:
        """A check that everything is as it is now. What changes is never changed in place, so that looking at the objects will do."""
        then, day = self._state(), self._sources.clock.now() // DAY_S

        def check() -> None:
            is_same = all(one is before for one, before in zip(self._state(), then, strict=True))
            if not is_same or self._sources.clock.now() // DAY_S != day:
                raise MovedError("what you asked for is changing: call again")

        return check

    def _state(self) -> tuple[object, ...]:
        consents = self._sources.consents
        return (
            self._sources.catalogue.settings,
            consents.levels,
            consents.applications,
            consents.decisions,
            consents.records,
            consents.lots,
            consents.ledger,
        )

    def _of(self, application: str, kept: set[str]) -> Iterator[tuple[Key, Definition | None]]:
        """The questions of an application: those that are asked, in their order; then those that are not and of which something is kept."""
        declaration = self._sources.catalogue.find(application)
        declared = {one.key: one for one in declaration.definitions} if declaration else {}
        yield from declared.items()
        others = {(application, question) for question in kept.union(self._sources.reports.questions(application))}
        for key in sorted(others - declared.keys()):
            yield key, self._sources.questions.definition(key)

    def _collected(self, key: Key) -> tuple[str, str, str] | None:
        definition = self._sources.questions.definition(key)
        step = self._sources.questions.step(definition) if definition else None
        if not definition or not step or not step.is_collecting:
            return None
        body = self._sources.closing.preview(definition, step.record.period).decode()
        return f"{key[0]}/{key[1]}", self._url(definition), body

    def _url(self, definition: Definition) -> str:
        endpoint = self._sources.catalogue.settings.endpoint(definition.application.vendor)
        return endpoint.url if endpoint else ""


_LATEST = (1 << 63) - 1
"""The latest time that the store knows; the bus's `t` goes further."""

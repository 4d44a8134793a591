"""What the answers of one manifest cost a user who accepts everything, against the caps of the privacy ledger. Policy: A1, A2.

Users are simulated as in `core.privacy.share_plan`, here under all caps. Other manifests of the vendor share the caps of its host, so the
sums here are the least that the host is charged.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.authoring.linter.finding import warning
from telemetryd.core.privacy.ledger import caps_of, charge_for
from telemetryd.core.privacy.sampling_lot import BITS, draw_lot
from telemetryd.core.privacy.share_plan import drawable, obstacles_of
from telemetryd.core.settings import Budgets
from telemetryd.core.translation import ENGLISH, decimal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from telemetryd.authoring.linter.finding import Fault
    from telemetryd.core.definition import Declaration
    from telemetryd.core.translation import Words

_USERS = 1_000
"""Users of whom `loss_of` takes the mean: it is within 0.1 answers for forty questions."""
_LOST = 0.01
"""The largest part of the drawn answers that may find no room without a warning."""
_FEW_SOURCES = 4
"""So many sources are all named."""
_CAPS = caps_of(Budgets(), is_spent=False)


class Sum(NamedTuple):
    """One sum in tenths of ε, if all answers are drawn and fall into it, and its cap. `about` is a year, a source, or "" for life."""

    about: str
    most: int
    cap: int

    @property
    def is_of_host(self) -> bool:
        """Whether it is a sum of the host's: by year or for life."""
        return not self.about or self.about.isdecimal()

    @property
    def is_exceeded(self) -> bool:
        """Whether not all answers find room."""
        return self.most > self.cap


class Loss(NamedTuple):
    """The mean numbers of a user's answers that are drawn, and that find no room."""

    drawn: float
    lost: float

    @property
    def is_too_much(self) -> bool:
        """Whether more than one answer in a hundred finds no room."""
        return self.lost > _LOST * self.drawn


def sums_of(declaration: Declaration) -> list[Sum]:
    """The sums of all answers: by year, for life, and by source."""
    charges = [charge_for(definition, "", 0) for definition in declaration.definitions]
    lines: Counter[str] = Counter()
    for charge, definition in zip(charges, declaration.definitions, strict=True):
        years = map(str, drawable(definition, 1.0).entries)
        lines.update(dict.fromkeys((*years, *charge.sources), charge.tenths))
    life = [Sum("", sum(charge.tenths for charge in charges), _CAPS.life)] if charges else []
    sums = [Sum(about, tenths, _CAPS.year if about.isdecimal() else _CAPS.source) for about, tenths in sorted(lines.items())]
    return [*(line for line in sums if line.is_of_host), *life, *(line for line in sums if not line.is_of_host)]


def loss_of(declaration: Declaration) -> Loss:
    """What a user who accepts everything would lose, as a mean over many. The same for every call."""
    questions = [drawable(definition, 1.0) for definition in declaration.definitions]
    rng, drawn, lost = _chance(), 0, 0
    for _ in range(_USERS if any(line.is_exceeded for line in sums_of(declaration)) else 0):
        lots = [(question, draw_lot(rng)) for question in questions]
        obstacles = obstacles_of([question.answer(lot) for question, lot in lots if lot.part < question.bar], _CAPS)
        drawn += len(obstacles)
        lost += sum(map(bool, obstacles.values()))
    expected = sum(question.bar for question in questions) / (1 << BITS)
    return Loss(drawn / _USERS, lost / _USERS) if drawn else Loss(expected, 0.0)


def sentences(declaration: Declaration, words: Words = ENGLISH) -> list[str]:
    """The sums and the loss in words; none for a manifest that asks nothing."""
    sums, loss = sums_of(declaration), loss_of(declaration)
    if not sums:
        return []
    host, sources = ([line for line in sums if line.is_of_host is is_host] for is_host in (True, False))
    _ = words.gettext
    lost = _("a user who accepts everything loses {lost} of {drawn} answers on average")
    told = lost.format(lost=decimal(f"{loss.lost:.2f}", words), drawn=decimal(f"{loss.drawn:.2f}", words))
    by_host = _joined((_sum_text(line, words) for line in host), words)
    return [
        _("all answers of one user to {vendor}: epsilon {sums}").format(vendor=declaration.application.vendor, sums=by_host),
        _("all answers of one user by source: epsilon {sums}").format(sums=_source_sums(sources, words)),
        told if loss.lost else _("a user who accepts everything loses no answer"),
    ]


def faults(declaration: Declaration) -> Iterator[Fault]:
    """The warning about answers that find no room."""
    loss = loss_of(declaration)
    if loss.is_too_much:
        exceeded = ", ".join(_sum_text(line, ENGLISH) for line in sums_of(declaration) if line.is_exceeded)
        message = f"[application]: a user who accepts everything loses {loss.lost:.2f} of {loss.drawn:.2f} answers: epsilon {exceeded}"
        yield warning(("application",), "A1", message, "ask less about one fact and less in a year, or give the questions a smaller share")


def _sum_text(line: Sum, words: Words) -> str:
    """One sum and its cap."""
    _ = words.gettext
    text = _("{sum} of {cap} for life")
    if line.about:
        text = _("{sum} of {cap} in {about}") if line.about.isdecimal() else _("{sum} of {cap} about {about}")
    return text.format(sum=_tenths(line.most, words), cap=decimal(f"{line.cap / 10:g}", words), about=line.about)


def _source_sums(lines: Sequence[Sum], words: Words) -> str:
    """The sources whose cap is exceeded by name, and all if they are few."""
    named = [line for line in lines if line.is_exceeded or len(lines) <= _FEW_SOURCES]
    texts, others = [_sum_text(line, words) for line in named], [line for line in lines if line not in named]
    if others:
        most = max(others, key=lambda line: line.most)
        every = words.ngettext(
            "at most {sum} of {cap} about {number} source", "at most {sum} of {cap} about each of {number} sources", len(others)
        )
        rest = words.ngettext(
            "at most {sum} of {cap} about {number} other", "at most {sum} of {cap} about each of {number} others", len(others)
        )
        values = {"sum": _tenths(most.most, words), "cap": decimal(f"{most.cap / 10:g}", words), "number": len(others)}
        texts.append((rest if named else every).format(**values))
    return _joined(texts, words)


def _tenths(tenths: int, words: Words) -> str:
    return decimal(f"{tenths / 10:.1f}", words)


def _joined(texts: Iterable[str], words: Words) -> str:
    return words.pgettext("between items", ", ").join(texts)


def _chance() -> Callable[[int], int]:
    """Numbers below a bound that look drawn, the same in every run. They have 32 bits.

    It is Knuth's linear congruential generator of 64 bits, its upper half.
    """
    state = 1

    def below(bound: int) -> int:
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (state >> 32) * bound >> 32

    return below

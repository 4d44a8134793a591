"""The calculated figures of the documents: each is what the core and the analysis say now, and stands where a reader looks for it."""

import random
import re
from collections import Counter
from pathlib import Path

import pytest
from benchmarks import claims
from benchmarks.linkage_answers import thresholds, told

from telemetryd.analysis.channel import channel
from telemetryd.analysis.shares import Share, estimate

DOCS = Path(__file__).parents[2] / "docs"
TRIES = 4000
CLOSE = 0.03
"""Four standard errors of a frequency among so many tries."""


def frequency(found):
    """The part of the tries that hold."""
    return sum(found) / TRIES


def test_documents():
    """The words with each figure stand on their page."""
    found = claims.claims()
    pages = {claim.page: re.sub(r"\s+", " ", (DOCS / claim.page).read_text()) for claim in found}
    assert [claim for claim in found if claim.words not in pages[claim.page]] == []


def test_command_is_named():
    """The page says which command prints the figures."""
    assert "python tests/benchmarks/claims.py" in (DOCS / "privacy.md").read_text()


def test_agreement():
    """Answers that the core's noise makes agree as often as calculated, and are then as often true."""
    chance = random.Random(1)
    pairs = [(told(2, 4, chance), told(2, 4, chance)) for _ in range(TRIES)]
    same = [first for first, second in pairs if first == second]
    agree, sure = claims.agreement(4)
    assert len(same) / TRIES == pytest.approx(agree, abs=CLOSE)
    assert same.count(2) / len(same) == pytest.approx(sure, abs=CLOSE)


def test_use_told():
    """The better guess from eight answers of the core's noise is right as often as calculated, and the guess from one less often."""
    chance = random.Random(2)
    for answers in (1, 8):
        hits = []
        for _ in range(TRIES):
            is_used = chance.random() < 0.5
            nones = sum(told(0 if is_used else 3, 4, chance) == 3 for _ in range(answers))
            hits.append((nones / answers <= _FEW) == is_used)
        assert frequency(hits) == pytest.approx(claims.use_told(answers, 4), abs=CLOSE)


_FEW = 0.36
"""At most so large a part of `none` is likelier if an application was used: two of eight, none of one."""


def test_thresholds():
    """The exact calculation agrees with the attack that draws people, and the ledger permits what four years are said to give."""
    assert claims.threshold_told(1) == pytest.approx(thresholds(TRIES, 1, None), abs=CLOSE)
    assert claims.threshold_told(2) > claims.threshold_told(1)
    assert [claims.answers_in_years(years, 16) for years in (1, 4, 8)] == [8, 32, 32]
    assert claims.answers_in_years(4, 16) == 2 * claims.THRESHOLDS


def test_intervals():
    """Of groups that are drawn, as many have all their twelve intervals right as calculated."""
    chance, hits = random.Random(3), []
    for _ in range(TRIES // 10):
        counts = Counter(chance.choices(range(12), k=claims.REPORTS))
        found = [estimate(counts, Share(frozenset({cell}), frozenset(range(12)), 12), channel(12, 2.0)) for cell in range(12)]
        hits.append(all(one.low <= 1 / 12 <= one.high for one in found))
    one, together = claims.intervals_hold(12)
    assert sum(hits) / len(hits) == pytest.approx(together, abs=3 * CLOSE)
    assert one == pytest.approx(0.95, abs=0.01)


def test_information():
    """An answer tells most on average with five cells, and always less than the bound; without noise it would tell all."""
    bits = {cells: claims.information_bits(cells) for cells in range(2, 33)}
    assert max(bits, key=bits.get) == 5
    assert max(bits.values()) < claims.bound_bits() / 4

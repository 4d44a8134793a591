"""blind.py in a short form: with fewer calls chance is larger, so the bounds are wider; without decoys guesses are right far oftener."""

import random

import pytest
from benchmarks import blind

pytestmark = pytest.mark.timeout(600)
CALLS, ABOVE_MAX, NAIVE_MIN, TRIES = 1000, 0.15, 0.25, 20


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """What the attack finds in two ways, with decoys and without: (way, with decoys) → Found."""
    chance, ways = random.Random(1), [way for way in blind.WAYS if way.name in {"Push", "PushMany of two"}]
    figures = {}
    with blind.at_work(tmp_path_factory.mktemp("blind"), "dbus-fast") as machine:
        for program, has_decoys in ((("-m", "telemetryd"), True), ((blind.NAIVE,), False)):
            with machine.daemon(program=program, PYTHONPATH=str(blind.ROOT)):
                for way in ways:
                    figures[way.name, has_decoys] = judged(machine, way, chance, tries=1 if has_decoys else TRIES)
    return figures


def judged(machine, way, chance, *, tries):
    """The judgement of one measurement; of the first one that shows the difference, if there are several tries. Load hides differences."""
    for _ in range(tries):
        judgement = blind.judge(blind.measure(machine, way, CALLS, chance), way.consent)
        if judgement.above > NAIVE_MIN:
            break
    return judgement


@pytest.mark.parametrize("way", ["Push", "PushMany of two"])
def test_time_does_not_tell(findings, way):
    """An application's best guess by time at the user's choice is little better than chance; without decoys it is. Policy: C3."""
    assert findings[way, True].above < ABOVE_MAX
    assert findings[way, False].above > NAIVE_MIN


def test_advantage():
    """The advantage is the greatest difference of two distributions: nothing between equal ones, everything between separate ones."""
    assert blind.advantage([1, 2, 3], [1, 2, 3]) == 0
    assert blind.advantage([1, 2], [3, 4]) == pytest.approx(1)
    assert blind.advantage([1, 3], [2, 4]) == pytest.approx(0.5)
    assert blind.advantage([5, 5, 5], [5]) == pytest.approx(0)

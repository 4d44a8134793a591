"""A failed reload fails closed, and stays so, wherever it fails. Policy: C4."""

import sys

import pytest
from support.campaign import IS_CAMPAIGN, TIMEOUT_S, chance, tell
from support.engine_flow import DURING, KATE_2026, KEY, Running
from support.machine import ROOT

from telemetryd.core.permission.record import Outcome
from telemetryd.errors import TelemetrydError

ROUNDS = 10_000 if IS_CAMPAIGN else 150
PACKAGE = str(ROOT / "telemetryd")
OFF, ON = "enabled = false\n", "enabled = true\n"


class FaultError(Exception):
    """What no code expects."""


class Injected:
    """Raises at the N-th function of ours that is called once a look has begun; `count` tells how many there were."""

    def __init__(self, at, failure):
        self._at, self._failure = at, failure
        self.count, self._has_begun = 0, False

    def __enter__(self):
        sys.setprofile(self._on_event)
        return self

    def __exit__(self, kind, *_):
        sys.setprofile(None)
        return kind is not None and issubclass(kind, (type(self._failure), TelemetrydError))  # the store says it in its own words

    def _on_event(self, frame, event, _argument):
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            self.count += self._has_begun
            self._has_begun |= frame.f_code.co_name == "refresh"
            if self.count == self._at and self.count:
                sys.setprofile(None)
                raise self._failure


def failures():
    """What may be raised; each anew, for an exception remembers where it was."""
    return [
        FaultError("out of nowhere"),
        OSError(5, "Input/output error"),
        ImportError("a module is away"),
        MemoryError(),
        RecursionError(),
    ]


@pytest.fixture
async def running(tmp_path):
    """Kate's week runs; a look has just been made."""
    with Running(tmp_path) as running:
        running.install(KATE_2026)
        running.endpoint()
        await running.consent()
        running.to(DURING)
        yield running


def switch(running, text):
    """Another file that switches everything off, or back on: each time a new one, as package managers write them."""
    path = running.machine.root / "etc/telemetryd/telemetryd.toml.d/50-switch.toml"
    path.parent.mkdir(exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def length(running):
    """How many functions of ours a look calls, with a file that changed."""
    switch(running, ON + "# as it was\n")
    with Injected(0, FaultError()) as counted:
        running.look()
    return counted.count


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # raised where a generator is closed, nobody hears it
@pytest.mark.timeout(TIMEOUT_S)
async def test_a_switch_is_never_unseen(running):
    """A kill switch appears and in that moment the reload fails, at any point: nothing is open from then on, and the next look sees it.

    Then the switch goes, and the reload fails again: what is open is what the files say, or nothing. The next look opens it.
    """
    random, counts = chance(), {"off seen at once": 0, "shut": 0, "back": 0, "still shut": 0}
    calls = length(running)
    for number in range(ROUNDS):
        is_off = not number % 2
        switch(running, (OFF if is_off else ON) + f"# {number}\n")
        with Injected(random.randrange(1, calls + 20), random.choice(failures())):
            running.look()
        switches = {switch.what for switch in running.catalogue.settings.kill_switches}
        is_open = KEY in running.questions.open_keys(DURING)
        if is_off:
            assert not is_open, f"round {number}: open, though the files say off: {switches}"
            counts["off seen at once" if "enabled" in switches else "shut"] += 1
        else:
            assert not (is_open and switches), f"round {number}: open under {switches}"
            counts["back" if is_open else "still shut"] += 1
            if running.record().outcome is not Outcome.OPEN:
                reset(running)  # before the fault was over, the switch that is gone ended it once more
        running.look()
        switches = {switch.what for switch in running.catalogue.settings.kill_switches}
        assert switches == ({"enabled"} if is_off else set()), f"round {number}"
        assert (KEY in running.questions.open_keys(DURING)) is not is_off, f"round {number}"
        if is_off:
            reset(running)
    tell("faults", counts)
    assert counts["shut"] > ROUNDS / 20


def reset(running):
    """The switch ended the question, as it should; take that back, so that the next round has something to lose."""
    assert KEY not in running.questions.open_keys(DURING)
    record = running.record()
    running.questions.remember(KEY, record._replace(outcome=Outcome.OPEN, cause="", args="", is_paused=0, noticed=""))

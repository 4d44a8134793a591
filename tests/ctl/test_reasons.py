"""Why a question stands where it stands is told in the person's language, and so is what an application expects."""

import ast
from datetime import date
from pathlib import Path

import pytest
from harness import ROOT

from telemetryd.core import gate, ledger, lifecycle
from telemetryd.core.signoffs import Stop, StopReason
from telemetryd.core.translation import ENGLISH
from telemetryd.ctl import language
from telemetryd.ctl.reasons import reason
from telemetryd.engine.budget import NO_BUDGET
from telemetryd.engine.period_close import NO_ENDPOINT

LANGUAGES = ("de", "ja")
CAPS = [ledger.Caps(*one) for one in ((0, 9, 9), (9, 0, 9), (9, 9, 0))]


def written(module, *functions):
    """The texts of the closures that a module makes, and those that some of its functions return; `X` for what is filled in."""
    tree = ast.parse(Path(module.__file__).read_text())
    calls = [one.args[1] for one in ast.walk(tree) if isinstance(one, ast.Call) and getattr(one.func, "id", "") == "Closed"]
    named = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one.name in functions]
    calls += [one.value for function in named for one in ast.walk(function) if isinstance(one, ast.Return)]
    for call in calls:
        match call:
            case ast.Constant(value=str(text)):
                yield text
            case ast.JoinedStr(values=parts):
                yield "".join(part.value if isinstance(part, ast.Constant) else "X" for part in parts)


def all_reasons():
    """Every reason that the service gives."""
    absent = [gate.absence("X", one) for one in gate.Presence]
    manifest = [one.text for one in absent if one]
    closures = set(written(gate, "_switch_text")) | set(written(lifecycle))
    stops = [Stop("", "", one, date(2026, 12, 1), "a.toml", text).sentence for one in StopReason for text in ("", "Mehr: 1")]
    wanted = ledger.Entry("https://example.org", 2026, 1, ("org.example.Editor/saves",))
    obstacles = [f"no budget: {ledger.obstacle((), wanted, caps)}" for caps in CAPS]
    ends = [
        lifecycle.NO_PERIOD,
        lifecycle.NOT_DRAWN,
        lifecycle.TOO_LATE,
        *lifecycle._DELIVERED.values(),
        f"{lifecycle._SERVER_SAYS} suspended",
    ]
    shut = [f"{lifecycle.CLOSED_AT_START} ({cause})" for cause in gate.Cause]
    others = [NO_BUDGET, NO_ENDPOINT, "erased", "forgotten", "lost", "damaged", *gate.Cause, *shut]
    return [*manifest, *closures, *stops, *obstacles, *ends, *others, *(f"paused: {text}" for text in closures)]


@pytest.mark.parametrize("name", LANGUAGES)
def test_no_reason_is_left_in_english(name):
    """Every reason of the service has its sentence, with the same names in it."""
    found = all_reasons()
    assert len(found) > 60
    words = language.of((name,)).words
    told = {text: reason(text, words) for text in found}
    assert [text for text, one in told.items() if one == text] == []
    assert [text for text, one in told.items() if text.count("X") != one.count("X")] == []
    assert [one for one in told.values() if "paused" in one] == []


def test_parts_are_told_as_they_are_called():
    """An axis and a level have their own words, files and what a person wrote stay; a reason within another is told too."""
    words = language.of(("de",)).words
    assert reason("Usage is below basic", words) == "„Nutzung“ steht niedriger als „grundlegend“"
    assert reason("paused: /etc/a: b.toml cannot be read, which counts as off", words) == (
        "pausiert: /etc/a: b.toml ist nicht lesbar, was als ausgeschaltet gilt"
    )
    assert reason("the question is suspended (a.toml, 2026-12-01): level", words) == "Die Frage ist ausgesetzt (a.toml, 2026-12-01): level"
    assert reason("{0} marvels", words) == "{0} marvels"
    assert reason("Usage is below basic", ENGLISH) == "Usage is below basic"


def test_the_service_in_german(machine):
    """`telemetryctl show` in German: figures and shares with what the application expects, why the question waits; nothing in English."""
    machine.install((ROOT / "docs/examples/number.toml").read_text())
    with machine.daemon():
        command = (machine.python, "-m", "telemetryd.ctl", "show", "org.example.Editor")
        shown = " ".join(machine.run("env", "LC_ALL=de_DE.UTF-8", *command).stdout.split())
        english = " ".join(machine.run(*command).stdout.split())
    assert "if the shares are as expected" in english
    assert "If 20,000 users accept" in english
    assert "„Nutzung“ steht niedriger als" in shown
    assert "20.000" in shown
    assert "0,9" in shown
    assert [text for text in ("If ", "share", "expected", "below", "0.9") if text in shown.partition('{"schema"')[0]] == []

"""Why a question stands where it stands is told in the person's language, from the cause and its arguments."""

import pytest
from support.machine import ROOT

from telemetryd.core.causes import TABLE, WORDS
from telemetryd.core.explanation import ENDS, EXACT, FRAMES, FRAMES_OF_CAUSES, PLAIN
from telemetryd.ctl import language
from telemetryd.ctl.render.reasons import reason, state_word
from telemetryd.ctl.render.value_words import STATES

LANGUAGES = [name for name in language.available_languages() if name != "en"]


def question(state, cause="", args=None, outcome="", text=""):
    """One question as Control1 gives it."""
    return {"state": state, "cause": cause, "cause_args": args or {}, "outcome": outcome, "reason": text}


@pytest.mark.parametrize("name", LANGUAGES)
def test_no_text_is_left_in_english(name):
    """Every clause and sentence of the tables has one in the language, with the same arguments, and so has each state's word."""
    words = language.of((name,)).words
    texts = [text for found in TABLE for text in (found.now, found.then, found.whole) if text]
    texts += [plain.text for plain in PLAIN] + [
        *FRAMES.values(),
        *FRAMES_OF_CAUSES.values(),
        *ENDS.values(),
        *EXACT.values(),
        *STATES.values(),
    ]
    texts += [text for argument in WORDS.values() for text in argument.values() if text != "System"]
    assert len(texts) > 100
    assert [text for text in texts if words.gettext(text) == text] == []


def test_parts_are_told_as_they_are_called():
    """An axis and a level have their own words; files, names and what a person wrote stay."""
    words = language.of(("de",)).words
    shut = question("waiting", "level", {"axis": "usage", "level": "basic"})
    assert (
        reason(shut, words)
        == "Sie haben zugestimmt, aber so kann es nicht beginnen: Ihre Einstellung „Nutzung“ muss mindestens „Grundlegend“ sein."
    )
    stop = {"file": "a.toml", "date": "2026-12-01", "text": "level"}
    assert reason(question("suspended", "suspended", stop), words).endswith("(„level“, a.toml, 2026-12-01).")
    assert state_word(question("passed")) == "not answered"
    assert state_word(question("dreaming"), words) == "dreaming"


def test_a_newer_service():
    """A cause or an argument that this version does not know is told in the words of the service."""
    for cause, args in (("moon", {}), ("level", {"axis": "usage", "level": "basic", "moon": "full"})):
        assert reason(question("waiting", cause, args, text="The moon is full.")) == "The moon is full."


def test_the_service_in_german(machine):
    """`telemetryctl show` in German: figures and shares with what the application expects, why the question waits; nothing in English."""
    machine.install((ROOT / "docs/examples/number.toml").read_text())
    with machine.daemon():
        command = (machine.python, "-m", "telemetryd.ctl", "show", "org.example.Editor")
        output = " ".join(machine.run("env", "LC_ALL=de_DE.UTF-8", *command).stdout.split())
        english = " ".join(machine.run(*command).stdout.split())
    assert "if the shares are as expected" in english
    assert "If 20,000 users accept" in english
    assert "Ihre Einstellung „Nutzung“ muss mindestens" in output
    assert "20.000" in output
    assert "0,9" in output
    assert [text for text in ("If ", "share", "expected", "needs", "0.9") if text in output.partition('{"schema"')[0]] == []

"""What a dialog says of a change, in the sentences of telemetryctl. Policy: C1, C2."""

import pytest

from telemetryd.ctl import language
from telemetryd.ctl.control_client import Consequences
from telemetryd.ctl.render.consequences import parts
from telemetryd.settings.words.consequence_sentences import needs_question, paragraphs

ROW = {
    "application": "org.kde.kate",
    "question": "startup",
    "purpose": "Is it slow?",
    "cause": "",
    "cause_args": {},
    "accepted_at": 86_400 * 20_000,
    "period_begins": 1_764_547_200,
    "period_ends": 1_765_152_000,
    "erases": [],
    "room": "yes",
    "pusher": "",
    "closes": False,
}
LEVEL = ROW | {"cause": "level", "cause_args": {"axis": "usage", "level": "basic"}, "closes": True, "question": "saves"}
FORESEEN = Consequences([ROW | {"erases": ["tally"]}], [ROW] * 8, [LEVEL], "sha256:0")


@pytest.mark.parametrize("name", ["C", "ar", "de", "ja"])
def test_a_dialog_says_what_telemetryctl_says(name):
    """Each paragraph is a part of telemetryctl's page: its heading, then its questions with the same sentences, in each language."""
    chosen = language.of((name,))
    told = list(paragraphs(FORESEEN, chosen))
    for paragraph, part in zip(told, parts(FORESEEN, chosen.words), strict=True):
        heading, *lines = paragraph.split("\n")
        assert heading == part.heading
        assert [line.endswith(text) for line, (_, text) in zip(lines[:6], part.rows[:6], strict=True)] == [True] * min(6, len(part.rows))
        assert (lines[-1] == "…") is (len(part.rows) > 6)


def test_in_english():
    """The words that the user reads, as a whole."""
    ends, _starts, closes = paragraphs(FORESEEN, language.of(()))
    assert ends == "This ends 1 question for good:\n• Is it slow? What was measured is erased."
    assert closes.startswith("This closes 1 question:\n• Is it slow? You said yes, but it cannot start now: it needs your Usage setting")


def test_who_is_asked():
    """An act asks where something ends, or starts that it does not itself accept."""
    nothing = Consequences([], [], [LEVEL], "")
    own = {"accept": {"org.kde.kate": {"startup": "sha256:1"}}}
    assert needs_question(FORESEEN, own)
    assert not needs_question(nothing, {"usage": 0})
    assert not needs_question(nothing._replace(resumes=[ROW]), own)
    assert needs_question(nothing._replace(resumes=[ROW]), {"usage": 1})

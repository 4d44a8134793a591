"""The page that says what a change would do."""

import pytest

from telemetryd.ctl.control_client import Consequences
from telemetryd.ctl.render.consequences import consequences_page
from telemetryd.ctl.render.printing import Page

WEEK = {"period_begins": 1_764_547_200, "period_ends": 1_765_152_000}
ROW = {
    "application": "org.kde.kate",
    "question": "startup",
    "purpose": "Is it slow?",
    "cause": "",
    "cause_args": {},
    "accepted_at": 0,
    "period_begins": 0,
    "period_ends": 0,
    "erases": [],
    "room": "",
    "pusher": "",
    "closes": False,
}
LEVEL = {"cause": "level", "cause_args": {"axis": "usage", "level": "basic"}}
YEAR = {"cause": "no_room", "cause_args": {"cap": "year", "host": "kde.org", "year": "2026"}, "room": "year"}
ACCEPTED = {"accepted_at": 86400 * 20_000}


def page(capsys, monkeypatch, part, row, language="C"):
    """The words of a page with one row."""
    monkeypatch.setenv("LC_ALL", language)
    consequences_page(Page(), Consequences(**{"ends": [], "resumes": [], "refused": [], "digest": "", part: [ROW | row]}))
    return " ".join(capsys.readouterr().out.split())


ENDS, STARTS, LATER = "This ends 1 question for good:", "This starts 1 question:", "1 question may start later:"
CLOSES, STAYS = "This closes 1 question:", "1 question stays closed:"
MEASURED, WAITS = "What was measured is erased.", "The answer that waits to be sent is erased."
YES, ROOM = "You accepted it on 2024-10-04.", "The privacy budget has room for it so far."
FULL = "there is no room for it in what kde.org may be told in 2026."
NEEDS = "it needs your Usage setting at Basic or higher."
NOT_YET, SHUT = "A yes could not start it now:", "You said yes, but it cannot start now:"
OKULAR = "org.kde.okular"


@pytest.mark.parametrize(
    ("part", "row", "sentences"),
    [
        ("ends", {**LEVEL, "erases": ["tally", "report"]}, [ENDS, MEASURED, WAITS]),
        ("ends", {"cause": "too_late"}, [ENDS, "A yes comes too late: no period is left in which it could be measured for you."]),
        ("resumes", {}, [STARTS, "Chance picks the period in which it is measured when you say yes."]),
        ("resumes", {**WEEK, **ACCEPTED, "room": "yes"}, [STARTS, YES, "It is measured from 2025-12-01 to 2025-12-07.", ROOM]),
        ("resumes", {**WEEK, **ACCEPTED, **YEAR}, [LATER, YES, SHUT, FULL]),
        ("resumes", YEAR, [LATER, NOT_YET, FULL]),
        ("resumes", {"cause": "no_endpoint"}, [STARTS, "This system has no server for its vendor, so nothing could be sent."]),
        ("resumes", {"pusher": OKULAR}, [STARTS, "What org.kde.okular measures counts for it from now on."]),
        ("refused", LEVEL, [STAYS, NOT_YET, NEEDS]),
        ("refused", {**LEVEL, **WEEK, **ACCEPTED}, [STAYS, SHUT, NEEDS]),
        (
            "refused",
            {**LEVEL, **WEEK, **ACCEPTED, "closes": True},
            [CLOSES, SHUT, NEEDS, "It can go on if you undo this before 2025-12-01."],
        ),
        ("refused", {**WEEK, "cause": "refused"}, [STAYS, "You said no to this question."]),
        ("refused", {**WEEK, "cause": "forgotten", "closes": True, "erases": ["tally"]}, [CLOSES, "Your yes is withdrawn.", MEASURED]),
        (
            "refused",
            {"pusher": OKULAR, "erases": ["tally"], "closes": True},
            [
                CLOSES,
                "What org.kde.okular has measured for it is erased.",
                "What org.kde.okular measures does not count for it from now on.",
            ],
        ),
    ],
)
def test_sentences(capsys, monkeypatch, part, row, sentences):
    """Each consequence has its sentences: what is erased, when it was accepted and is measured, what shuts it."""
    heading, *others = sentences
    assert page(capsys, monkeypatch, part, row) == " ".join([heading, "org.kde.kate/startup Is it slow?", *others])


def test_without_a_definition(capsys, monkeypatch):
    """A question whose words nobody knows is named all the same."""
    row = {**WEEK, "cause": "refused", "purpose": ""}
    assert page(capsys, monkeypatch, "refused", row) == f"{STAYS} org.kde.kate/startup You said no to this question."


def test_nothing_follows(capsys):
    """Where nothing follows nothing is said."""
    consequences_page(Page(), Consequences([], [], [], ""))
    assert capsys.readouterr().out == ""


def test_in_the_users_language(capsys, monkeypatch):
    """The page is in the language of the environment."""
    assert page(capsys, monkeypatch, "refused", LEVEL, "de_DE.UTF-8").startswith("1 Frage bleibt geschlossen:")

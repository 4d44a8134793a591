import pytest

from telemetryd.ctl import state_sentences
from telemetryd.ctl.state_sentences import Shown

ETC = "/etc/telemetryd/telemetryd.toml"
FLEET = "/etc/telemetryd/telemetryd.toml.d/fleet.toml"
KATE = "org.kde.kate"


def said(*, applications=(), questions=(), **properties):
    """The sentence for these properties; what is not given is as on a fresh machine."""
    fresh = {"System": 0, "Usage": 0, "NewQuestions": 1, "Developer": False, "KillSwitches": [], "Locks": [], "Problems": []}
    return state_sentences.status(Shown(fresh | properties, applications, questions))


def question(state, reason="", name="startup"):
    """One question in a state."""
    return {"application": KATE, "id": name, "state": state, "reason": reason}


@pytest.mark.parametrize(
    ("switches", "why"),
    [
        ([["enabled", ETC]], f"{ETC} says enabled = false"),
        ([["unreadable", ETC]], f"{ETC} cannot be read, which counts as off"),
        ([["DO_NOT_TRACK", ""]], "DO_NOT_TRACK is set in the environment of telemetryd"),
        ([["kuserfeedback", "/etc/xdg/KDE/UserFeedback.conf"]], "/etc/xdg/KDE/UserFeedback.conf switches KUserFeedback off"),
        ([["unreadable", ETC], ["enabled", FLEET]], f"{FLEET} says enabled = false (and 1 more)"),
        ([["moonphase", ETC]], f"the switch 'moonphase' is on in {ETC}"),
        ([["moonphase", ""]], "the switch 'moonphase' is on"),
    ],
)
def test_kill_switch_is_named_with_its_file(switches, why):
    """Any kill switch, known or not, means off whatever the levels, and the sentence names it and its file."""
    questions = [question("active")]
    assert said(System=2, Usage=2, KillSwitches=switches, questions=questions) == f"Telemetry is off: {why}."


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        ({}, "you have not turned it on (System off, Usage off)"),
        ({"System": 7}, "you have not turned it on (System unknown (7), Usage off)"),
        ({"Locks": [["usage=1", FLEET]]}, "you have not turned it on (System off, Usage off)"),
        (
            {"Locks": [["usage=0", FLEET]]},
            f"you have not turned it on (System off, Usage off), and the administrator limits Usage to off in {FLEET}",
        ),
        (
            {"System": 1, "Usage": 2, "Locks": [["system=0", ETC], ["usage=0", ETC]]},
            f"the administrator limits System and Usage to off in {ETC}",
        ),
        (
            {"System": 1, "Usage": 2, "Locks": [["system=0", ETC], ["usage=0", FLEET]]},
            f"the administrator limits System to off in {ETC} and Usage to off in {FLEET}",
        ),
        (
            {"Usage": 2, "Locks": [["usage=1", ETC], ["usage=0", FLEET]]},
            f"the administrator limits Usage to off in {FLEET}, and you have not turned System on",
        ),
        (
            {"Usage": 2, "Locks": [["usage=low", FLEET]]},
            f"the administrator limits Usage to off in {FLEET}, and you have not turned System on",
        ),
    ],
)
def test_why_it_is_off(properties, why):
    """Without a switch the sentence says who turned it off, the user or a lock in which file; an unknown level or limit is off."""
    assert said(**properties) == f"Telemetry is off: {why}."


@pytest.mark.parametrize(
    ("properties", "levels"),
    [
        ({"System": 1}, "system (basic)"),
        ({"Usage": 2}, "usage (detailed)"),
        ({"System": 1, "Usage": 2}, "system (basic) and usage (detailed)"),
        ({"System": 1, "Usage": 2, "Locks": [["usage=1", ETC]]}, "system (basic) and usage (basic)"),
        ({"System": 1, "Usage": 2, "Locks": [["usage=0", ETC]]}, "system (basic)"),
        ({"Usage": 1, "Developer": True}, "usage (basic), in developer mode"),
    ],
)
def test_levels_that_hold_are_named(properties, levels):
    """On: the levels named are those in force after the locks, and developer mode is said."""
    assert said(**properties) == f"Telemetry is on for {levels}, but nothing is collected: no application asks a question."


@pytest.mark.parametrize(
    ("pending", "questions", "activity"),
    [
        (0, ["active"], ": 1 question is collecting."),
        (1, ["active", "active", "pending"], ": 2 questions are collecting, 1 waits for your decision (`telemetryctl show org.kde.kate`)."),
        (2, ["pending", "pending"], ", but nothing is collected: 2 questions wait for your decision (`telemetryctl show org.kde.kate`)."),
        (0, ["reporting", "answered"], ", but nothing is collected: 1 question waits to be sent."),
        (
            0,
            ["answered", "passed", "expired", "stopped", "refused"],
            ", but nothing is collected: every question is answered, over or refused.",
        ),
        (0, ["unreviewed"], ", but nothing is collected: 1 question lacks a review (org.kde.kate/startup)."),
        (0, ["unreviewed", "unreviewed"], ", but nothing is collected: 2 questions lack a review (org.kde.kate/startup)."),
        (0, ["pending"], ", but nothing is collected: 1 question is not accepted (org.kde.kate/startup)."),
        (0, ["dreaming"], ", but nothing is collected: every question is answered, over or refused."),
    ],
)
def test_what_goes_on(pending, questions, activity):
    """On: what collects comes first, then what waits for the user, then what else is not at its end; an unknown state collects nothing."""
    applications = [{"id": "org.kde.okular", "pending": 0}, {"id": KATE, "pending": pending}]
    sentence = said(Usage=1, applications=applications, questions=[question(state) for state in questions])
    assert sentence == "Telemetry is on for usage (basic)" + activity


@pytest.mark.parametrize(
    ("state", "reason", "text"),
    [
        (
            "waiting",
            "Usage is below basic for org.kde.kate",
            "is accepted and not collecting (org.kde.kate/startup: Usage is below basic for org.kde.kate)",
        ),
        ("active", "paused: the manifest is unreadable", "is paused (org.kde.kate/startup: the manifest is unreadable)"),
        (
            "suspended",
            "the question is suspended (r.toml, 2026-11-20)",
            "is suspended (org.kde.kate/startup: the question is suspended (r.toml, 2026-11-20))",
        ),
    ],
)
def test_reason_of_what_is_shut(state, reason, text):
    """Where a question is held up, the sentence carries the reason; a paused one does not count as collecting."""
    assert (
        said(Usage=1, questions=[question(state, reason)])
        == f"Telemetry is on for usage (basic), but nothing is collected: 1 question {text}."
    )


def test_at_most_three_things_are_told():
    """The sentence stays one sentence, however much there is to tell."""
    states = ["active", "reporting", "waiting", "unreviewed", "suspended"]
    sentence = said(Usage=1, applications=[{"id": KATE, "pending": 3}], questions=[question(state) for state in states])
    assert sentence.endswith(": 1 question is collecting, 3 wait for your decision (`telemetryctl show org.kde.kate`), 1 waits to be sent.")


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("system=0", "system is limited to off in F"),
        ("usage=1", "usage is limited to basic in F"),
        ("new_questions=0", "new_questions is limited to refuse in F"),
        ("usage=9", "usage is limited to unknown (9) in F"),
        ("moon=full", "moon is limited to unknown (full) in F"),
    ],
)
def test_lock(what, text):
    """A lock is told with its word, and one that is not understood as it is."""
    assert state_sentences.lock(what, "F") == text


def test_others_texts_cannot_act_on_the_terminal():
    """An escape sequence in a file name or reason does not reach the terminal."""
    assert "\x1b" not in said(KillSwitches=[["\x1b[2J", "/etc/\x1b[31m"]])
    assert "\x1b" not in said(Usage=1, questions=[question("waiting", "\x1b[2J")])

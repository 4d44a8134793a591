import pytest

from telemetryd.core.explanation import Situation, explain
from telemetryd.ctl.render import state_sentences
from telemetryd.ctl.render.state_sentences import ServiceState

ETC = "/etc/telemetryd/telemetryd.toml"
FLEET = "/etc/telemetryd/telemetryd.toml.d/fleet.toml"
KATE = "org.kde.kate"


def said(*, applications=(), questions=(), **properties):
    """The sentence for these properties; what is not given is as on a fresh machine."""
    fresh = {"System": 0, "Usage": 0, "NewQuestions": 1, "Developer": False, "KillSwitches": [], "Locks": [], "Problems": []}
    return state_sentences.status_sentence(ServiceState(fresh | properties, applications, questions))


def question(state, reason="", name="startup", **others):
    """One question in a state."""
    return {"application": KATE, "id": name, "state": state, "reason": reason, **others}


@pytest.mark.parametrize(
    ("switches", "why"),
    [
        ([["enabled", ETC]], f"{ETC} says enabled = false"),
        ([["unreadable", ETC]], f"{ETC} cannot be read or has a mistake, so everything is off to be safe"),
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
        ({}, "your settings are off (System off, Usage off)"),
        ({"System": 7}, "your settings are off (System unknown (7), Usage off)"),
        ({"Locks": [["usage=1", FLEET]]}, "your settings are off (System off, Usage off)"),
        (
            {"Locks": [["usage=0", FLEET]]},
            f"your settings are off (System off, Usage off), and your administrator does not allow Usage questions ({FLEET})",
        ),
        (
            {"System": 1, "Usage": 2, "Locks": [["system=0", ETC], ["usage=0", ETC]]},
            f"your administrator does not allow System and Usage questions ({ETC})",
        ),
        (
            {"System": 1, "Usage": 2, "Locks": [["system=0", ETC], ["usage=0", FLEET]]},
            f"your administrator does not allow System questions ({ETC}) and Usage questions ({FLEET})",
        ),
        (
            {"Usage": 2, "Locks": [["usage=1", ETC], ["usage=0", FLEET]]},
            f"your administrator does not allow Usage questions ({FLEET}), and you have not turned System on",
        ),
        (
            {"Usage": 2, "Locks": [["usage=low", FLEET]]},
            f"your administrator does not allow Usage questions ({FLEET}), and you have not turned System on",
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
        (
            1,
            ["active", "active", "pending"],
            ": 2 questions are collecting, 1 question waits for your decision (`telemetryctl show org.kde.kate`).",
        ),
        (2, ["pending", "pending"], ", but nothing is collected: 2 questions wait for your decision (`telemetryctl show org.kde.kate`)."),
        (0, ["reporting", "answered"], ", but nothing is collected: the answer to 1 question waits to be sent."),
        (
            0,
            ["answered", "passed", "expired", "stopped", "refused"],
            ", but nothing is collected: every question is answered, over or refused.",
        ),
        (0, ["unreviewed"], ", but nothing is collected: 1 question is not reviewed yet (org.kde.kate/startup)."),
        (0, ["unreviewed", "unreviewed"], ", but nothing is collected: 2 questions are not reviewed yet (org.kde.kate/startup)."),
        (0, ["pending"], ", but nothing is collected: 1 question is not accepted (org.kde.kate/startup)."),
        (0, ["dreaming"], ", but nothing is collected: every question is answered, over or refused."),
    ],
)
def test_what_goes_on(pending, questions, activity):
    """On: what collects comes first, then what waits for the user, then what else is not at its end; an unknown state collects nothing."""
    applications = [{"id": "org.kde.okular", "pending": 0}, {"id": KATE, "pending": pending}]
    sentence = said(Usage=1, applications=applications, questions=[question(state) for state in questions])
    assert sentence == "Telemetry is on for usage (basic)" + activity


STOP = {"file": "r.toml", "date": "2026-11-20"}


@pytest.mark.parametrize(
    ("state", "cause", "args", "text"),
    [
        ("waiting", "level", {"axis": "usage", "level": "basic"}, "1 accepted question has not started (org.kde.kate/startup: {})"),
        ("active", "unreadable", {"what": "manifest", "application": KATE}, "1 question is paused (org.kde.kate/startup: {})"),
        ("suspended", "suspended", STOP, "1 question is suspended (org.kde.kate/startup: {})"),
    ],
)
def test_reason_of_what_is_shut(state, cause, args, text):
    """Where a question is held up, the sentence carries the reason; a paused one does not count as collecting."""
    sentence = said(Usage=1, questions=[question(state, "from the service", cause=cause, cause_args=args)])
    why = explain(Situation(state, cause, args)).rstrip(".")
    assert why
    assert sentence == f"Telemetry is on for usage (basic), but nothing is collected: {text.format(why)}."


def test_a_cause_of_a_newer_service():
    """What this version cannot put into words is told in the service's words; an active question without a server is collecting."""
    assert "startup: the moon is full)" in said(Usage=1, questions=[question("waiting", "the moon is full.", cause="moon", cause_args={})])
    assert "is collecting" in said(Usage=1, questions=[question("active", cause="no_endpoint", cause_args={})])


def test_at_most_three_things_are_told():
    """The sentence stays one sentence, however much there is to tell."""
    states = ["active", "reporting", "waiting", "unreviewed", "suspended"]
    sentence = said(Usage=1, applications=[{"id": KATE, "pending": 3}], questions=[question(state) for state in states])
    told = "3 questions wait for your decision (`telemetryctl show org.kde.kate`), the answer to 1 question waits to be sent."
    assert sentence.endswith(f": 1 question is collecting, {told}")


@pytest.mark.parametrize(
    ("lock", "text"),
    [
        ("system=0", "your administrator does not allow system questions (F)"),
        ("usage=1", "your administrator allows usage questions up to basic (F)"),
        ("new_questions=0", "your administrator limits new questions to refuse (F)"),
        ("usage=9", "your administrator allows usage questions up to unknown (9) (F)"),
        ("moon=full", "your administrator limits moon to unknown (full) (F)"),
    ],
)
def test_lock(lock, text):
    """A lock is told with its word, and one that is not understood as it is."""
    assert state_sentences.lock_sentence(lock, "F") == text


def test_whose_lock():
    """A lock of the user's own file, which the problems name, is not told as the administrator's, alone or beside one of the system."""
    own = "/home/ada/.config/telemetryd/telemetryd.toml"
    details = [{"file": own, "text": "", "cause": "users_limits", "cause_args": {}}]
    assert state_sentences.own_limits({"ProblemDetails": details}) == {own}
    assert state_sentences.lock_sentence("usage=0", own, is_own=True) == f"a file of your own does not allow usage questions ({own})"
    assert (
        state_sentences.lock_sentence("new_questions=0", own, is_own=True) == f"a file of your own limits new questions to refuse ({own})"
    )
    assert state_sentences.lock_sentence("moon=1", own, is_own=True) == f"a file of your own limits moon to basic ({own})"
    assert said(System=1, Usage=2, Locks=[["system=0", ETC], ["usage=0", own]], ProblemDetails=details) == (
        f"Telemetry is off: your administrator does not allow System questions ({ETC}) and "
        f"a file of your own does not allow Usage questions ({own})."
    )
    why = f"your settings are off (System off, Usage off), and a file of your own does not allow Usage questions ({own})"
    assert said(Locks=[["usage=0", own]], ProblemDetails=details) == f"Telemetry is off: {why}."


def test_others_texts_cannot_act_on_the_terminal():
    """An escape sequence in a file name or reason does not reach the terminal."""
    assert "\x1b" not in said(KillSwitches=[["\x1b[2J", "/etc/\x1b[31m"]])
    assert "\x1b" not in said(Usage=1, questions=[question("waiting", "\x1b[2J", cause="moon")])

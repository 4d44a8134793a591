"""What is told, when, and never twice: the rule over what the service says. Policy: C2, T1."""

import pytest

from telemetryd.ctl import language as languages
from telemetryd.settings.reading.service_snapshot import ServiceSnapshot
from telemetryd.settings.session.due_notice import Notice, due
from telemetryd.settings.session.window_state import WindowState

DAY_S = 86_400
NOW = 1_800_000_000
ON = {"System": 1, "Usage": 1, "NewQuestions": 1, "KillSwitches": [], "Locks": []}
ENGLISH = languages.of(())


def question(name="q", state="pending", *, application="org.kde.kate", cause="", accepted_at=0, digest="sha256:1"):
    """One row of ListQuestions, as far as the rule reads it."""
    texts = {"purpose": f"Is {name} <b>slow</b>?", "translations": {}, "outcome": "", "reason": "", "cause_args": {}}
    row = {"application": application, "id": name, "state": state, "cause": cause, "accepted_at": accepted_at, "digest": digest}
    return {**row, **texts}


def application(name="org.kde.kate", pending=1):
    """One row of ListApplications."""
    return {"id": name, "name": name.rpartition(".")[2].title(), "pending": pending, "translations": {}}


ACCEPTED = question("old", "waiting", accepted_at=1)


def snapshot(*questions, properties=ON, applications=None):
    """What the service says; one question was accepted before."""
    return ServiceSnapshot(properties=properties, applications=applications or [application()], questions=[ACCEPTED, *questions])


def told(questions, state=None, now=NOW):
    """What is due."""
    return due(snapshot(*questions), state or WindowState(), now, ENGLISH)


def test_a_new_question_is_told_once():
    """A question that a yes could start is told, remembered with its time, and not told again."""
    notice = told([question()])
    assert (notice.summary, notice.application, notice.state.last) == ("1 question for you", "org.kde.kate", NOW)
    assert notice.body.splitlines() == ["From: Kate", "Nothing is measured or sent unless you say yes."]
    for days in (0, 6, 7, 400):
        assert told([question()], notice.state, NOW + days * DAY_S) is None


def test_once_in_seven_days():
    """What is new waits until seven days after the last notice, and then comes once."""
    first = told([question()])
    both = [question(), question("other")]
    assert told(both, first.state, NOW + 7 * DAY_S - 1) is None
    second = told(both, first.state, NOW + 7 * DAY_S)
    assert (second.summary, len(second.state.notified)) == ("1 question for you", 2)
    assert told(both, second.state, NOW + 30 * DAY_S) is None


def test_a_changed_question_is_another():
    """A question whose definition changed asks for something else, and is told again."""
    first = told([question()])
    changed = question(cause="changed", digest="sha256:2")
    assert isinstance(told([changed], first.state, NOW + 8 * DAY_S), Notice)


@pytest.mark.parametrize(
    ("properties", "applications", "questions"),
    [
        ({**ON, "System": 0, "Usage": 0}, None, [question()]),
        ({**ON, "KillSwitches": [["DO_NOT_TRACK", ""]]}, None, [question()]),
        ({**ON, "Locks": [["system=0", "f"], ["usage=0", "f"]]}, None, [question()]),
        ({**ON, "KillSwitches": [["x", "f"]]}, None, [question("old", "suspended", cause="suspended", accepted_at=1)]),
        (ON, [application(pending=0)], [question()]),
        (ON, None, [question(cause="level")]),
        (ON, None, [question(cause="too_late")]),
        (ON, None, [question(state="unreviewed")]),
        (ON, None, [question(state="refused")]),
        (ON, None, [question(state="suspended", cause="suspended")]),
        (ON, None, [question(application="org.example.Gone")]),
    ],
)
def test_what_is_never_told(properties, applications, questions):
    """Nothing while telemetry is off, nothing that a yes would not start, nothing that was never accepted, nothing refused silently."""
    assert due(snapshot(*questions, properties=properties, applications=applications), WindowState(), NOW, ENGLISH) is None


def test_nothing_before_the_first_yes():
    """Who has never said yes to anything is not told about questions."""
    asked = ServiceSnapshot(properties=ON, applications=[application()], questions=[question()])
    assert due(asked, WindowState(), NOW, ENGLISH) is None


def test_the_switch():
    """Who wants none gets none, and nothing is remembered for later."""
    assert told([question()], WindowState(may_notify=False)) is None


def test_a_suspended_question():
    """A question that was accepted and suspended is told with its sentence, once."""
    suspended = question("old", "suspended", cause="suspended", accepted_at=5)
    notice = told([suspended])
    assert (notice.summary, notice.application) == ("1 question is suspended", "org.kde.kate")
    assert notice.body.startswith("Is old <b>slow</b>? ")
    assert told([suspended], notice.state, NOW + 8 * DAY_S) is None


def test_several_applications():
    """Three are named, and the list of applications is opened. What was suspended comes behind."""
    names = [f"org.example.App{number}" for number in range(5)]
    asked = [question(application=name) for name in names]
    suspended = question("old", "suspended", cause="suspended", accepted_at=5)
    known = [application(), *(application(name) for name in names)]
    notice = due(snapshot(*asked, suspended, applications=known), WindowState(), NOW, ENGLISH)
    first, second, third = notice.body.splitlines()
    assert (notice.summary, notice.application) == ("5 questions for you", "")
    assert (first, second) == ("From: App0, App1, App2 …", "Nothing is measured or sent unless you say yes.")
    assert third.startswith("Is old")


def test_a_clock_that_was_set_back():
    """A last time that lies in the future counts as now, so a wrong clock silences nobody for years, and tells nothing twice."""
    kept = told([question()], WindowState(last=NOW + 1000 * DAY_S))
    assert kept == WindowState(last=NOW)
    assert isinstance(told([question()], kept, NOW + 7 * DAY_S), Notice)

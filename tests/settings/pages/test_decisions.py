"""What the user decides in the window, with the keyboard alone, over a real daemon. Policy: C1, C2."""

import json

import pytest
from support.driven_window import driven_window
from support.machine import CONTROL, KATE

KATE_ID, QUESTION = "org.kde.kate", "org.kde.kate/startup-time"


def prop(machine, name):
    """A property of Control1."""
    return json.loads(machine.busctl("--json=short", "get-property", *CONTROL, name))["data"]


def state(machine):
    """(state, cause) of the question."""
    (row,) = machine.ask(CONTROL, "ListQuestions", "s", KATE_ID)[0]
    return row["state"]["data"], row["cause"]["data"]


@pytest.fixture
def kate(machine):
    """A running daemon, and Kate's reviewed question."""
    machine.configure('[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1"\n')
    machine.install(KATE)
    with machine.daemon():
        yield machine


def test_from_off_to_an_accepted_question(kate):
    """Keys alone turn the level on, open the application and accept its question; the daemon then has exactly that."""
    with driven_window(kate) as window:
        window.until(lambda: window.text("headline").startswith("Telemetry is off."))
        window.use("usage=1")
        window.until(lambda: prop(kate, "Usage") == 1)
        window.until(lambda: window.part("review") is not None)
        assert window.focus == "usage=1", "the focus stays where it was"
        window.press("Alt+2")
        window.tab_to("applications")
        window.press("Return")
        window.until(lambda: window.part(f"yes:{QUESTION}") is not None)
        for told in ("Time from process start", "less than 500\u00a0ms", "71 send that answer", "telemetry.example.org", "ada@example.org"):
            assert told in window.all_text(), "all of it is said beside the Yes"
        window.use(f"yes:{QUESTION}")
        window.until(lambda: "will be measured" in window.text(f"state:{QUESTION}"))
        assert (state(kate), prop(kate, "System")) == (("waiting", ""), 0)
        assert window.focus.endswith(QUESTION), "the focus stays at the question"


def test_no_and_allow_again(kate):
    """No refuses at once, because nothing ends by it; Allow again makes the question wait."""
    kate.busctl("set-property", *CONTROL, "Usage", "u", "1")
    with driven_window(kate, page="application", application=KATE_ID) as window:
        window.until(lambda: window.part(f"no:{QUESTION}") is not None)
        window.use(f"no:{QUESTION}")
        window.until(lambda: window.part(f"allow:{QUESTION}") is not None)
        assert state(kate) == ("refused", "refused")
        window.use(f"allow:{QUESTION}")
        window.until(lambda: window.part(f"yes:{QUESTION}") is not None)
        assert state(kate) == ("pending", "")


def test_arrows_choose_nothing(kate):
    """Arrow keys move between levels and set none of them: a level is set by the space bar."""
    with driven_window(kate) as window:
        window.until(lambda: window.part("usage=0") is not None)
        window.tab_to("usage=0")
        window.press("Right", "Right")
        window.work(0.3)
        assert window.focus == "usage=2"
        assert (prop(kate, "Usage"), window.part("usage=0").isChecked()) == (0, True)


def test_a_low_level_leads_to_its_setting(kate):
    """A question that a level shuts says so, has no Yes, and leads to the level."""
    with driven_window(kate, page="application", application=KATE_ID) as window:
        window.until(lambda: window.part(f"setting:{QUESTION}") is not None)
        assert window.part(f"yes:{QUESTION}") is None
        assert "Usage setting at Basic or higher" in window.text(f"state:{QUESTION}")
        window.use(f"setting:{QUESTION}")
        window.until(lambda: window.focus == "usage=1")


async def test_what_ends_is_said_first(timeline):
    """Lowering a level under which something was measured names the question. Esc changes nothing, and agreeing ends it."""
    await timeline.collect()
    with driven_window(timeline.machine) as window:
        window.until(lambda: window.part("usage=0") is not None)
        window.use("usage=0")
        window.until(lambda: window.part("asked") is not None)
        assert "This ends 1 question for good:\n• Is start-up too slow?" in window.all_text()
        assert "What was measured is erased." in window.all_text()
        assert window.focus == "leave", "leaving is the default"
        window.press("Escape")
        window.until(lambda: window.part("asked") is None)
        assert (await timeline.question(), window.part("usage=2").isChecked()) == (("active", ""), True)
        window.use("usage=0")
        window.until(lambda: window.part("asked") is not None)
        window.use("do")
        window.until(lambda: window.text("headline").startswith(("You allow 0", "Telemetry is")) and window.part("usage=0").isChecked())
        assert await timeline.question() == ("passed", "level")


async def test_withdrawing_asks(timeline):
    """Withdraw on the question's own page ends what was measured, after it was said."""
    await timeline.collect()
    where = {"page": "question", "application": KATE_ID, "question": "startup-time"}
    with driven_window(timeline.machine, **where) as window:
        window.until(lambda: window.part(f"no:{QUESTION}") is not None)
        window.use(f"no:{QUESTION}")
        window.until(lambda: window.part("asked") is not None)
        assert "This ends 1 question for good" in window.all_text()
        window.use("do")
        window.until(lambda: "It ended without an answer: you said no to it." in window.text("state"))


async def test_what_resumes_is_said_first(timeline):
    """Raising a level starts what was accepted under a lower one, so it asks; the question is named with the day of the yes."""
    await timeline.start()
    await timeline.client.accept(KATE_ID)
    with driven_window(timeline.machine) as window:
        window.until(lambda: window.part("usage=1") is not None)
        window.use("usage=1")
        window.until(lambda: window.part("asked") is not None)
        assert "This starts 1 question:\n• Is start-up too slow? You accepted it on 2026-10-07." in window.all_text()
        window.use("do")
        window.until(lambda: window.part("usage=1").isChecked())
        assert (await timeline.question())[0] == "waiting"


async def test_a_look_at_what_would_start(timeline):
    """Look at them leaves the dialogue, changes nothing, and opens the application whose question would start."""
    await timeline.start()
    await timeline.client.accept(KATE_ID)
    with driven_window(timeline.machine) as window:
        window.until(lambda: window.part("usage=1") is not None)
        window.use("usage=1")
        window.until(lambda: window.part("asked") is not None)
        window.use("look")
        window.until(lambda: window.part(f"state:{QUESTION}") is not None)
        assert await timeline.client.get("Usage") == 0
        window.press("Alt+1")
        window.use("usage=1")
        window.until(lambda: window.part("asked") is not None)
        window.press("Escape")


def test_everything_off(kate):
    """Turn everything off always asks, then sets both levels to off and refuses new questions."""
    for name in ("System", "Usage"):
        kate.busctl("set-property", *CONTROL, name, "u", "2")
    with driven_window(kate) as window:
        window.until(lambda: window.part("turn-off") is not None)
        window.use("turn-off")
        window.until(lambda: window.part("asked") is not None)
        assert "What was sent cannot be called back" in window.all_text()
        window.use("do")
        window.until(lambda: window.text("headline").startswith("Telemetry is off."))
        assert [prop(kate, name) for name in ("System", "Usage", "NewQuestions")] == [0, 0, 0]


def test_a_lock_is_shown_and_holds(machine):
    """Levels above a lock cannot be chosen, and the window names the file."""
    machine.configure("[limits]\nusage = 1\n")
    with machine.daemon(), driven_window(machine) as window:
        window.until(lambda: window.part("usage=2") is not None)
        assert [window.part(f"usage={level}").isEnabled() for level in range(3)] == [True, True, False]
        assert "telemetryd.toml" in window.text("lock-usage")


def test_an_application_that_registered_itself_can_be_forgotten(machine):
    """It is said that nobody can verify who declared it, and Forget removes it after a question."""
    with machine.daemon():
        machine.ask(
            ("org.telemetryd.Telemetry1", "/org/telemetryd/Telemetry1", "org.telemetryd.Telemetry1"),
            "Register",
            "ssa{sv}",
            KATE_ID,
            KATE,
            "0",
        )
        with driven_window(machine, page="application", application=KATE_ID) as window:
            window.until(lambda: window.part("not-installed") is not None)
            window.use("forget")
            window.until(lambda: window.part("asked") is not None)
            window.use("do")
            window.until(lambda: window.part("unknown") is not None)
        assert machine.ask(CONTROL, "ListApplications")[0] == []


def test_nothing_is_written_by_looking(kate):
    """Every page, an application and a question are looked at: the state directory stays byte for byte as it was."""
    kate.busctl("set-property", *CONTROL, "Usage", "u", "1")
    before = kate.state()
    with driven_window(kate) as window:
        window.until(lambda: window.part("review") is not None)
        for key, name in (
            ("Alt+2", "applications"),
            ("Alt+3", "nothing-sent"),
            ("Alt+4", "save-page"),
            ("Alt+5", "work"),
            ("Alt+1", "review"),
        ):
            window.press(key)
            window.until(lambda name=name: window.part(name) is not None)
        window.use("review")
        window.use(f"details:{QUESTION}")
        window.until(lambda: window.part("noise") is not None)
        window.use("more")
        window.press("Escape")
        window.press("Escape", "Escape", "Escape")
        window.until(lambda: not window.window.isVisible())
    assert kate.state() == before

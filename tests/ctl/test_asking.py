"""Commands say what follows before they do it, and ask: what starts again, what ends, what is erased."""

import subprocess

import pytest
from support.machine import CONTROL, KATE
from support.terminal import words_on_terminal

APP, QUESTION = "org.kde.kate", "startup-time"
CONFIGURED = '[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1/reports"\n'


@pytest.fixture
def accepted(any_machine):
    """A daemon, with Kate's question accepted and Usage at basic."""
    any_machine.configure(CONFIGURED)
    any_machine.install(KATE)
    with any_machine.daemon():
        any_machine.consent(APP)
        yield any_machine


def state(machine):
    """(state, cause) of Kate's question."""
    ((question,),) = machine.ask(CONTROL, "ListQuestions", "s", APP)
    return question["state"]["data"], question["cause"]["data"]


def test_what_starts_again_is_asked_about(accepted):
    """Raising a level says what it starts and when that was accepted; without an answer nothing is raised, and scripts give --yes."""
    assert accepted.control("consent", "global", "--usage", "off").returncode == 0
    assert state(accepted) == ("waiting", "level")
    for arguments in (["global", "--usage", "basic"], ["global", "--usage", "detailed", "--system", "basic"]):
        unanswered = accepted.run(accepted.python, "-m", "telemetryd.ctl", "consent", *arguments, check=False, stdin=subprocess.DEVNULL)
        assert unanswered.returncode == 2
        assert "This starts 1 question" in unanswered.stdout
        assert state(accepted) == ("waiting", "level")
    done, output = words_on_terminal(accepted, "consent", "global", "--usage", "basic", answer="n\n")
    assert done == 4
    assert "This starts 1 question: org.kde.kate/startup-time Is start-up too slow? You accepted it on " in output
    assert state(accepted) == ("waiting", "level")
    done, output = words_on_terminal(accepted, "consent", "global", "--usage", "basic", answer="y\n")
    assert (done, state(accepted)) == (0, ("waiting", "")), output
    accepted.control("consent", "application", APP, "--usage", "off")
    assert state(accepted) == ("waiting", "application_level")
    accepted.control("consent", "application", APP, "--usage", "inherit", "--yes")
    assert state(accepted) == ("waiting", "")


def test_a_refusal_that_is_undone(accepted):
    """Undoing a refusal of an accepted question starts it again: that is asked about as well; refusing never is without a terminal."""
    accepted.control("consent", "refuse", APP, QUESTION)
    assert state(accepted) == ("refused", "refused")
    done, output = words_on_terminal(accepted, "consent", "allow", APP, QUESTION, answer="n\n")
    assert (done, "This starts 1 question" in output) == (4, True)
    assert state(accepted) == ("refused", "refused")
    accepted.control("consent", "allow", APP, QUESTION, "--yes")
    assert state(accepted) == ("waiting", "")


def test_an_acceptance_that_stays_shut(any_machine):
    """Accepting says under which level the question stays shut, and that it waits for chance where it does not."""
    any_machine.install(KATE)
    with any_machine.daemon():
        done, output = words_on_terminal(any_machine, "consent", "accept", APP, answer="n\n")
        assert done == 4
        assert "1 question stays closed: " in output
        assert "A yes could not start it now: it needs your Usage setting at Basic or higher." in output
        any_machine.control("consent", "global", "--usage", "basic")
        done, output = words_on_terminal(any_machine, "consent", "accept", APP, answer="y\n")
        assert (done, state(any_machine)) == (0, ("waiting", "no_endpoint"))
        assert "This starts 1 question" in output

"""What the window says when something is not done: the service is away, a lock forbids it, a question changed. Policy: T1, C1, C4."""

import pytest
from support.driven_window import driven_window
from support.machine import CONTROL, KATE, until

KATE_ID, QUESTION = "org.kde.kate", "org.kde.kate/startup-time"


def test_start_asks_the_bus_then_systemd(machine, tmp_path, monkeypatch):
    """Start begins a service that the bus can start. If the bus cannot, the user's systemd is asked for the unit, once."""
    asked = tmp_path / "asked"
    command = tmp_path / "systemctl"
    command.write_text(f'#!/bin/sh\necho "$@" >> {asked}\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with driven_window(machine) as window:
        window.until(lambda: window.part("start") is not None)
        window.use("start")
        window.until(asked.exists)
        window.until(lambda: window.part("start") is not None)
        assert asked.read_text() == "--user start telemetryd.service\n"
        window.work(0.5)  # until the bus was asked again
        machine.activate()
        window.use("start")
        window.until(lambda: window.part("usage=0") is not None and window.part("missing") is None)
        assert asked.read_text() == "--user start telemetryd.service\n"


def test_why_no_service(machine):
    """Why says what the bus said, and how to start the service."""
    with driven_window(machine) as window:
        window.until(lambda: window.part("why") is not None)
        window.use("why")
        window.until(lambda: "“systemctl --user start telemetryd”" in window.text("why-text"))
        assert "`" not in window.all_text()
        window.press("Escape")


async def test_a_lock_of_ones_own(machine):
    """A limit in a file of the user's own is not told as the administrator's, beside the level, in the headline or by `status`."""
    with machine.daemon():
        async with machine.client() as client:
            await client.set("Usage", 2)
        machine.configure_user("[limits]\nusage = 0\n")
        machine.busctl("get-property", *CONTROL, "Locks")  # the daemon looks at files when somebody calls, or at its next tick
        printed = " ".join(machine.control("status").stdout.split())
        assert "Telemetry is off: a file of your own does not allow Usage questions" in printed
        assert "administrator" not in printed
        with driven_window(machine) as window:
            window.until(lambda: window.text("lock-usage").startswith("Set by a file of your own ("))
            assert window.text("headline") == "A file of your own has switched telemetry off."


def test_a_lock_that_comes_meanwhile_is_named(machine):
    """A level that a lock forbids by now is not set, and the window says which lock and which file."""
    with machine.daemon(), driven_window(machine) as window:
        window.until(lambda: window.part("usage=2") is not None)
        choose = window.window._acts.set_level
        machine.configure("[limits]\nusage = 0\n")
        machine.busctl("get-property", *CONTROL, "Locks")  # the daemon looks at files when somebody calls, or at its next tick
        window.until(lambda: not window.part("usage=2").isEnabled())
        choose("usage", 2, before=0)
        window.until(lambda: "your administrator does not allow usage questions" in window.text("told"))
        assert "telemetryd.toml" in window.text("told")


def test_a_question_that_changed(machine):
    """A yes to a question that changed while it was read accepts nothing, the window says so, and the card shows the new question."""
    machine.install(KATE)
    with machine.daemon():
        machine.busctl("set-property", *CONTROL, "Usage", "u", "1")
        with driven_window(machine, page="application", application=KATE_ID) as window:
            window.until(lambda: window.part(f"yes:{QUESTION}") is not None)
            shown = window.window._snapshot.question(KATE_ID, "startup-time")
            machine.install(KATE.replace("[500, 2000]", "[400, 2000]"), date="2026-01-02")
            until(lambda: machine.ask(CONTROL, "ListQuestions", "s", KATE_ID)[0][0]["digest"]["data"] != shown["digest"])
            window.window._acts.accept(shown)
            window.until(lambda: window.text("told") == "This question changed while you were reading. Nothing was accepted.")
            window.until(lambda: "less than 400" in window.all_text())
        assert machine.ask(CONTROL, "ListQuestions", "s", KATE_ID)[0][0]["state"]["data"] == "pending"


@pytest.mark.parametrize(("page", "times"), [("application", 1), ("question", 2)])
def test_what_is_not_known(machine, page, times):
    """The page of something that is not there says so, and Esc leads back to the list."""
    with machine.daemon(), driven_window(machine, page=page, application=KATE_ID, question="startup-time") as window:
        window.until(lambda: window.part("unknown") is not None)
        window.press(*["Escape"] * times)
        window.until(lambda: window.text("empty") == "No application asks anything on this system.")

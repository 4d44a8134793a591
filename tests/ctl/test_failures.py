import pytest

from telemetryd import errors
from telemetryd.ctl.failures import failure_for, no_answer, no_bus

STANDARD = "org.freedesktop.DBus.Error."
OWN = "org.telemetryd.Error."


@pytest.mark.parametrize(
    ("name", "text", "status", "message"),
    [
        (STANDARD + "ServiceUnknown", "no such name", 3, "telemetryd is not running and the session bus cannot start it: start it with"),
        (STANDARD + "NameHasNoOwner", "no owner", 3, "telemetryd is not running: start it with"),
        (STANDARD + "NoReply", "gone", 3, "telemetryd ended without an answer"),
        (STANDARD + "Disconnected", "", 3, "the session bus closed the connection"),
        (STANDARD + "TimedOut", "", 3, "journalctl"),
        (STANDARD + "Spawn.ChildExited", "it exited with 1", 3, "could not be started (it exited with 1)"),
        (STANDARD + "UnknownMethod", "no method Foo", 1, "of another version (no method Foo): restart it"),
        (OWN + "NotDeveloper", "no", 1, "`developer = true`"),
        (
            STANDARD + "AccessDenied",
            "usage is locked to at most 0 by /etc/f.toml",
            1,
            "usage is locked to at most 0 by /etc/f.toml; nothing was changed",
        ),
        (
            STANDARD + "AccessDenied",
            "this program is in a container. Run it on the host",
            1,
            "nothing was changed: this program is in a container. Run it on the host",
        ),
        (STANDARD + "AccessDenied", "not allowed", 1, "not allowed; nothing was changed; the session bus, or a proxy"),
        (STANDARD + "AccessDenied", "", 1, "org.freedesktop.DBus.Error.AccessDenied; nothing was changed"),
        (OWN + "Changed", "it changed", 1, "it changed; see what changed with `telemetryctl show org.kde.kate`, then accept again"),
        (OWN + "UnknownApplication", "no manifest", 1, "no manifest; `telemetryctl list`"),
        (OWN + "UnknownQuestion", "no question", 1, "no question; `telemetryctl show org.kde.kate`"),
        (OWN + "Busy", "erasure pending", 1, "erasure pending; try again"),
        (
            OWN + "Storage",
            "/home/a/state/telemetryd: disk full",
            1,
            "/home/a/state/telemetryd: disk full; check the space and the rights of that",
        ),
        (OWN + "Internal", "internal error", 1, "journalctl"),
        (OWN + "FromTheFuture", "a text", 1, "org.telemetryd.Error.FromTheFuture: a text"),
    ],
)
def test_error_says_what_to_do_next(name, text, status, message):
    """Each error of the bus becomes one line with the cause and the next step, and its exit status."""
    failure = failure_for(name, text, "org.kde.kate")
    assert failure.exit_code == status
    assert message in failure.message


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (OWN + "Changed", "it changed", "inzwischen hat sich etwas geändert, und nichts wurde getan (it changed); "),
        (OWN + "Busy", "try again", "telemetryd ist beschäftigt (try again); "),
        (OWN + "Busy", f"{errors.ERASURE_PENDING}wait", "Ihre Entscheidung gilt, aber ein anderes Programm liest die Datei"),
        (OWN + "Storage", "disk full", "telemetryd kann seine Dateien nicht lesen oder schreiben (disk full); "),
        (OWN + "UnknownApplication", "no manifest", "telemetryd kennt keine solche Anwendung (no manifest); "),
        (OWN + "UnknownQuestion", "no question", "die Anwendung stellt keine solche Frage (no question); "),
        (OWN + "NotSupported", "no", "diese Installation kann das nicht (no)"),
        (STANDARD + "InvalidArgs", "it is over", "telemetryd kann das nicht tun (it is over); "),
        (STANDARD + "LimitsExceeded", "at most 9", "eine Grenze von telemetryd ist erreicht (at most 9); "),
        (STANDARD + "LimitsExceeded", f"{errors.TOO_LONG} than 9", "die Antwort wäre zu lang"),
        (STANDARD + "LimitsExceeded", f"at most 500 {errors.TOO_MANY_OPEN}", "lehnen Sie eine angenommene Frage ab"),
        (
            STANDARD + "AccessDenied",
            f"usage {errors.LOCKED} 0 by /f",
            f"eine Sperre erlaubt das nicht (usage {errors.LOCKED} 0 by /f); ",
        ),
        (STANDARD + "AccessDenied", f"{errors.CALLER_REFUSED}is", "nichts wurde geändert: dieses Programm darf nicht für Sie entscheiden"),
        (STANDARD + "AccessDenied", "policy", "der Sitzungsbus erlaubt das nicht (policy); "),
    ],
)
def test_in_the_users_language(monkeypatch, name, text, said):
    """In another language a sentence of telemetryctl's says what went wrong, and the service's English stands behind it."""
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert said in failure_for(name, text, "org.kde.kate").message


def test_too_many_questions_are_not_tried_again():
    """Where the most questions are accepted, another try is of no use, and the hint says what is."""
    message = failure_for(STANDARD + "LimitsExceeded", f"there are at most 500 {errors.TOO_MANY_OPEN}", "org.kde.kate").message
    assert message.endswith("refuse a question that you accepted, or wait until one of them is over")


def test_every_error_of_ours_has_a_next_step():
    """No error that the daemon can answer with is left as a bare name."""
    tree = [error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, errors.TelemetrydError)]
    never_on_control = {"UnknownSource", "InvalidManifest", "InvalidValue", "NotSupported"}
    bare = [error.bus_name for error in tree if failure_for(error.bus_name, "text", "org.kde.kate").message.startswith(error.bus_name)]
    assert {name.removeprefix(OWN) for name in bare} == never_on_control


def test_without_an_application_the_list_is_the_next_step():
    """Where a command is about no application, the hint does not name one."""
    assert "`telemetryctl list`" in failure_for(OWN + "UnknownQuestion", "there is none", "").message
    assert "repeat the command" in failure_for(OWN + "Changed", "it changed", "").message


def test_one_line(capsys):
    """Whatever the text holds, one line comes out, and it cannot act on the terminal."""
    failure_for(OWN + "Busy", "first\nsecond\x1b[2J", "").show()
    no_bus("a\nb").show()
    no_answer(30).show()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("telemetryctl: ") and line.isprintable() for line in lines)


def test_only_a_lock_is_told_with_the_locks():
    """Where the cause is who calls, or what stands between, nobody is sent to look at locks."""
    for text in (f"{errors.CALLER_REFUSED}is in a container", "not allowed", ""):
        assert "locks" not in failure_for(STANDARD + "AccessDenied", text, "").message
    assert "locks" in failure_for(STANDARD + "AccessDenied", f"usage {errors.LOCKED} 0 by /etc/f.toml", "").message

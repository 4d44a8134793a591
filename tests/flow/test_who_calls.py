"""Who may call what, and what the user is told of it: every kind of program, as real as this machine allows, against the real daemon."""

import contextlib
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.bus.recorded_window import RecordedWindow
from support.bus.relayed_bus import Relay
from support.caller_table import BOXED as SNAPPED
from support.caller_table import LABELLED, OK, answers, daemon, labelled, reused, told
from support.confinements import OTHER, OWN, SNAP, USER, ways
from support.machine import CONTROL, TELEMETRY, until
from support.ordinary_user import OrdinaryMachine, ordinary_machine
from support.shifted_time import hastened

from telemetryd.ctl.failures import failure_for

BUS = "org.freedesktop.DBus"
NO = "AccessDenied: this program "
BOXED = (OK, f"{NO}is in the Flatpak sandbox of {OWN}, ", f"{NO}is in a Flatpak sandbox. ")
IN_SNAP = (OK, f"{NO}is in the snap {SNAP}, ", f"{NO}is in the snap {SNAP}. ")
CONTAINED = (OK, OK, f"{NO}is in a container (it has a user namespace of its own). ")
HOST = (OK, OK, OK)
HIDDEN = (f"{NO}cannot be identified (its root directory cannot be inspected, ",) * 3
UNSAID = (f"{NO}cannot be identified (the session bus does not say which process it is",) * 3
"""What newer buses make of a process that has ended before they could hold it."""
ENDED = (f"{NO}cannot be identified (the process that connected to the session bus has ended",) * 3
EXPECTED = {
    "plain": HOST,
    "plain, NoNewPrivs": HOST,
    "file capability": HOST,
    "ambient capability": HOST,
    "not dumpable": HOST,
    "not dumpable, NoNewPrivs": HIDDEN,
    "Flatpak": BOXED,
    "Flatpak, instance not known": BOXED,
    "Flatpak, not dumpable": BOXED,
    "Snap, by control group": IN_SNAP,
    "user namespace (podman, toolbox)": CONTAINED,
    "user namespace, not dumpable": CONTAINED,
    "bwrap over /": CONTAINED,
    "bwrap with its own root": CONTAINED,
    "vanished": ENDED,
}
EXPECTED_BY_LABEL = {
    "Snap, confined, by label": IN_SNAP,
    "Snap, confined, not dumpable": IN_SNAP,
    "Snap, classic, by label": HOST,
}
SHOWN = {
    "plain": "host",
    "Flatpak": f"flatpak:{OWN}",
    "Flatpak, instance not known": f"flatpak?:{OWN}",
    "Snap, by control group": f"snap:{SNAP}",
    "bwrap with its own root": f"container:{OWN}",
}
"""What the user is shown of those that pushed."""


@pytest.fixture(scope="module")
def known(folder):
    """The ways to run a program here."""
    return ways(folder)


@pytest.fixture
def served(ordinary, folder):
    """An ordinary user's machine with the daemon."""
    with daemon(ordinary, folder):
        yield ordinary


def are_as(found, expected):
    """Whether three answers begin as expected."""
    return all(map(str.startswith, found, expected)) and len(found) == len(expected)


def gdbus(interface):
    """The interface's first call for gdbus."""
    name, path, own = interface
    body = [OTHER, "startup", "<1.0>"] if interface is TELEMETRY else []
    return ("--dest", name, "--object-path", path, "--method", f"{own}.{'Push' if body else 'ListApplications'}", *body)


def have(known, name):
    """The way, if this machine has it."""
    if known[name].is_missing:
        pytest.skip(known[name].is_missing)
    return known[name]


def test_the_table_is_complete(known):
    """Each way in which a program can be run here has a row."""
    assert known.keys() == EXPECTED.keys()
    assert LABELLED.keys() == EXPECTED_BY_LABEL.keys()


@pytest.mark.parametrize(("library", "bus"), [("dbus-fast", "dbus-daemon"), ("dbus-next", "dbus-daemon"), ("dbus-fast", "dbus-broker")])
def test_what_each_kind_of_program_gets(folder, places, known, library, bus):
    """Host programs may do all, sandboxes push for their own id, containers push; a refusal tells its cause. Every bus says the same."""
    with ordinary_machine(folder, places, library=library, bus=bus) as machine, daemon(machine, folder):
        found = {name: answers(machine, way) for name, way in known.items() if not way.is_missing}
    assert {name: one for name, one in found.items() if not are_as(one, EXPECTED[name])} == {}


@pytest.mark.parametrize("name", LABELLED)
def test_what_a_snap_gets_by_its_label(known, folder, name):
    """A confined snap acts for the id whose manifest names it, whatever it hides; in a classic one everything is the host's."""
    have(known, LABELLED[name][0])
    assert are_as(labelled(folder, known, name), EXPECTED_BY_LABEL[name])


def test_a_number_that_was_used_again_gets_nothing(known):
    """A process that has the number of the one that connected is not taken for it, where the bus holds that one."""
    assert are_as(reused(known), ENDED)


@contextlib.contextmanager
def no_state_directory(machine, _places):
    """The state directory cannot be made, and nothing can be stored."""
    (machine.root / "state").mkdir(mode=0o555)
    yield "org.telemetryd.Error.Storage: "


@contextlib.contextmanager
def held_elsewhere(machine, places):
    """A daemon on another session bus has the state directory."""
    with OrdinaryMachine(machine.root / "other", places) as other, other.daemon(XDG_STATE_HOME=str(other.root / "kept")):
        (machine.root / "state").symlink_to(other.root / "kept")
        yield "org.telemetryd.Error.Busy: "


@pytest.mark.parametrize("fault", [no_state_directory, held_elsewhere], ids=lambda fault: fault.__name__)
def test_a_snap_opens_the_window_though_nothing_can_be_stored(known, folder, places, ordinary, fault):
    """The window says what is wrong with the store, so a snap opens it for its own application whatever that is, and for no other."""
    way, window = have(known, "Snap, by control group"), RecordedWindow(ordinary)
    with fault(ordinary, places) as refused, daemon(ordinary, folder):
        pushed, opened, other = told(ordinary, way, "push", OWN, "settings", OWN, "settings", OTHER)
        assert pushed.startswith(refused)
        assert opened == OK
        assert other.startswith(IN_SNAP[1])
        until(window.calls)
    assert window.calls() == [["ActivateAction", ["show", [OWN], {}]]]


def test_a_snap_that_is_declared_later_opens_the_window_too(known, folder, places, ordinary):
    """While nothing can be stored, a manifest that comes names its snap within seconds, as it does else."""
    way, window = have(known, "Snap, by control group"), RecordedWindow(ordinary)
    with no_state_directory(ordinary, places), ordinary.daemon(XDG_RUNTIME_DIR=str(folder), **hastened(4)):
        assert told(ordinary, way, "settings", OWN)[0].startswith(IN_SNAP[1])
        ordinary.install(SNAPPED)
        until(lambda: told(ordinary, way, "settings", OWN) == [OK])
        until(window.calls)


LAST_PID = Path("/proc/sys/kernel/ns_last_pid")


@contextlib.contextmanager
def as_number(pid):
    """A program of the same user that has got this number."""
    for _ in range(100):
        LAST_PID.write_text(str(pid - 1))
        with subprocess.Popen([*USER, "sleep", "60"]) as program:
            try:
                if program.pid == pid:
                    yield
                    return
            finally:
                program.kill()
    pytest.fail("the number was never free")


@pytest.mark.root
@pytest.mark.skipif(not os.access(LAST_PID, os.W_OK), reason="the number of the next process cannot be chosen here")
def test_a_number_used_again_by_another_program_is_noticed_where_the_bus_holds_the_first(served, known):
    """Another program that has got the number of the one that connected: refused where the bus gives a ProcessFD, and else taken for it."""
    has_descriptor = "ProcessFD" in served.busctl("call", BUS, "/org/freedesktop/DBus", BUS, "GetConnectionCredentials", "s", BUS)
    command = known["vanished"].command("pause", "push", OWN, "control", bus=str(served.root / "bus"))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "ready\n"
        first.wait()
        with as_number(first.pid):
            print(file=first.stdin, flush=True)
            found = [line.replace("\t", ": ").removeprefix("org.freedesktop.DBus.Error.").rstrip() for line in first.stdout]
    wanted = (ENDED, UNSAID) if has_descriptor else (HOST,)
    assert any(are_as(found, one[:2]) for one in wanted), found


def test_the_user_is_shown_who_pushed(served, known):
    """Of programs that only push, the user is shown which were verified and which are claims; another application's callers are its own."""
    here = {name: shown for name, shown in SHOWN.items() if not known[name].is_missing}
    for name in here:
        answers(served, known[name])
    listed = {one["id"]["data"]: one["callers"]["data"] for one in served.ask(CONTROL, "ListApplications")[0]}
    assert set(here.values()) <= set(listed[OWN])
    assert not any(caller.startswith(("flatpak", "snap")) for caller in listed[OTHER])
    page = re.sub(r"\s+", " ", served.control("show", OWN).stdout)
    assert "host (claimed)" in page
    if "Flatpak" in here:
        assert f"in a Flatpak sandbox, as {OWN}" in page
        assert f"flatpak:{OWN} (verified)" in page


def test_a_terminal_with_capabilities_is_the_users_own(served, known):
    """Under a compositor that hands its capabilities on, as gamescope does, telemetryctl does what the user says."""
    served.prefix = have(known, "ambient capability").prefix
    served.control("consent", "global", "--usage", "basic")
    assert "basic" in served.control("status").stdout


def test_a_container_may_push_and_is_told_where_to_decide(served, known):
    """In a container telemetryctl changes nothing, ends as refused, and says where to run it."""
    served.prefix = have(known, "user namespace (podman, toolbox)").prefix
    refused = served.control("consent", "global", "--usage", "basic", check=False)
    assert refused.returncode == 1
    assert "nothing was changed: this program is in a container" in refused.stderr
    assert "run it on the host" in refused.stderr


def test_a_look_that_takes_too_long_is_busy(any_machine):
    """Where the bus does not say in time who calls, the caller is told to try again, and is not denied access for good."""
    with Relay(any_machine, swallowed=b"GetConnectionCredentials") as relay, contextlib.ExitStack() as stack:
        stack.enter_context(any_machine.daemon(DBUS_SESSION_BUS_ADDRESS=relay.address, **hastened(4)))
        with ThreadPoolExecutor(2) as both:
            calls = [both.submit(any_machine.run, "gdbus", "call", "--session", *gdbus(one), check=False) for one in (CONTROL, TELEMETRY)]
        for refused in (one.result() for one in calls):
            assert refused.returncode == 1
            assert "GDBus.Error:org.telemetryd.Error.Busy: this program could not be identified in time: try again" in refused.stderr


def test_telemetryctl_tells_the_cause_and_what_to_do(served, known):
    """What is refused because of who calls is told as that, and nobody is sent to look at an administrator's locks."""
    refused = {name: way for name, way in known.items() if not EXPECTED[name][2].startswith(OK) and not way.is_missing}
    assert "not dumpable, NoNewPrivs" in refused
    for name, way in refused.items():
        refusal = answers(served, way).control.partition(": ")[2]
        told = failure_for("org.freedesktop.DBus.Error.AccessDenied", refusal, "").message
        assert told == f"nothing was changed: {refusal}", name

"""`telemetryd --record` stands in for the daemon in an application's own tests: the same answers, every sample in a file, nothing else."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest
from support.bus.recorded_window import RecordedWindow
from support.machine import CONTROL, KATE, ROOT, TELEMETRY, CallError, until
from support.manifests.shared_sources import CRASH, KATE_ID, SHARED, USER

from telemetryd.bus.transport.library import Variant
from telemetryd.core import limits
from telemetryd.toml import manifest

CALLS = [
    ("register", KATE_ID, ""),
    ("register", "org.kde.other", ""),
    ("register", "org.kde.kwrite", KATE.replace(KATE_ID, "org.kde.kwrite")),
    ("register", "org.kde.kwrite", KATE),
    ("register", "org.kde.kwrite", "schema = 2"),
    ("push", KATE_ID, "startup", "d", 700.5),
    ("push", KATE_ID, "startup", "u", 2000),
    ("push", KATE_ID, "startup", "s", "700"),
    ("push", KATE_ID, "startup", "d", float("nan")),
    ("push", KATE_ID, "startup", "ad", [1.0]),
    ("push", KATE_ID, "nothing", "d", 1.0),
    ("push", "org.kde.other", "startup", "d", 1.0),
    ("push", KATE_ID, CRASH, "u", 3),
    ("push_many", KATE_ID, {"startup": ("ad", [1.0, 3000.0]), CRASH: ("ay", b"\x01\x02")}),
    ("push_many", KATE_ID, {"startup": ("d", 1.0), CRASH: ("d", 0.5)}),
]
"""Calls whose answers must be the daemon's own: those that are taken, and one of each kind that is refused."""


SHARED_FAULTS = [
    ("", "org.kde.frameworks is not installed here"),
    ("schema = 2", "the manifest of org.kde.frameworks cannot be read"),
    (
        SHARED.replace('kind = "shared"', "").replace('combine = "applications"', ""),
        'the manifest of org.kde.frameworks is not of the kind "shared"',
    ),
    (SHARED.replace('"crash"', '"crashed"'), "org.kde.frameworks declares no source crash"),
]
"""What can be wrong with the manifest of a shared source, and what the application that pushes into it is told."""


@pytest.fixture
def recorder(any_machine):
    """A machine with Kate and a shared source installed, and what starts the recorder on it."""
    any_machine.install(SHARED)
    any_machine.install(USER)
    any_machine.file = any_machine.root / "pushed.jsonl"
    any_machine.program = ("-m", "telemetryd", "--record", str(any_machine.file))
    return any_machine


def recorded(machine):
    """The lines of the file."""
    return [json.loads(line) for line in machine.file.read_text().splitlines()]


async def outcomes(machine):
    """What each call is answered with."""
    found = []
    async with machine.client() as client:
        for member, *arguments in CALLS:
            try:
                found.append(await getattr(client, member)(*arguments))
            except CallError as refusal:
                found.append((refusal.name, refusal.text))
    return found


async def test_it_answers_as_the_daemon_does_and_writes_down_what_came(recorder):
    """Every call gets the daemon's own answer; each sample is in the file with value and bin, each refusal with its error."""
    with recorder.daemon(program=recorder.program):
        answers = await outcomes(recorder)
        lines = recorded(recorder)
    with recorder.daemon():
        assert answers == await outcomes(recorder)
    taken = [(one["call"], one["source"], one["type"], one["value"], one["bin"]) for one in lines if "value" in one]
    assert taken == [
        ("Push", "startup", "d", 700.5, "500..2000"),
        ("Push", "startup", "u", 2000, ">=2000"),
        ("Push", CRASH, "u", 3, "+3"),
        ("PushMany", "startup", "d", 1.0, "<500"),
        ("PushMany", "startup", "d", 3000.0, ">=2000"),
        ("PushMany", CRASH, "y", 1, "+1"),
        ("PushMany", CRASH, "y", 2, "+2"),
    ]
    assert [(one["error"], one["message"]) for one in lines if "error" in one] == [one for one in answers if isinstance(one, tuple)]
    assert [one["digest"] for one in lines if "digest" in one] == [one for one in answers if isinstance(one, str)]


async def refused(client, member, signature, *body):
    """Call a member of Telemetry1, which must refuse."""
    with pytest.raises(CallError) as failure:
        await client.call(TELEMETRY, member, signature, *body)
    return failure.value


async def test_what_never_reached_a_source_is_written_down_too(recorder):
    """Each kind of refusal has its line: a wrong signature beside the right one, the unknown key of a batch, a wrong member."""
    with recorder.daemon(program=recorder.program):
        async with recorder.client() as client:
            await refused(client, "Push", "sss", KATE_ID, "startup", "700")
            await refused(client, "PushMany", "sa{sv}", KATE_ID, {"startup": Variant("d", 1.0), "nothing": Variant("d", 1.0)})
            await refused(client, "Pusch", "ssv", KATE_ID, "startup", Variant("d", 1.0))
            await refused(client, "PushMany", "s", KATE_ID)
            await refused(client, "Register", "ssa{sv}", KATE_ID, "x" * limits.MESSAGE_MAX_BYTES, {})
            await client.push(KATE_ID, "startup", "d", 1.0)
        wrong, unknown, missing, short, long, taken = recorded(recorder)
    told = {"call": "Push", "application": KATE_ID, "expected": "ssv", "received": "sss"}
    error = {"error": "org.freedesktop.DBus.Error.InvalidArgs", "message": "expected arguments of the types 'ssv'"}
    assert wrong == told | error
    assert (unknown["source"], unknown["types"]) == ("nothing", {"startup": "d", "nothing": "d"})
    assert unknown["error"] == "org.telemetryd.Error.UnknownSource"
    assert (missing["call"], missing["error"]) == ("Pusch", "org.freedesktop.DBus.Error.UnknownMethod")
    assert (short["expected"], short["received"]) == ("sa{sv}", "s")
    assert (long["call"], long["error"]) == ("", "org.freedesktop.DBus.Error.LimitsExceeded")
    assert taken["bin"] == "<500"


async def test_a_caller_that_left_is_written_down(recorder):
    """A push whose program left the bus before it was identified is a line with an error, not silence."""
    with recorder.daemon(program=recorder.program) as daemon:
        await recorder.send_and_leave(daemon, TELEMETRY, "Push", "ssv", KATE_ID, "startup", Variant("d", 1.0))
        async with recorder.client() as client:
            await client.push(KATE_ID, "startup", "d", 3000.0)
        lost, taken = recorded(recorder)
    assert (lost["call"], lost["application"], lost["source"], lost["type"]) == ("Push", KATE_ID, "startup", "d")
    assert lost["error"] == "org.freedesktop.DBus.Error.NameHasNoOwner"
    assert "has to wait for its reply" in lost["message"]
    assert taken["value"] == 3000.0


@pytest.mark.parametrize(("text", "why"), SHARED_FAULTS, ids=["missing", "unreadable", "not shared", "without the source"])
async def test_a_shared_manifest_that_is_missing_is_told_as_such(recorder, text, why):
    """A source that the manifest lists in uses is not unknown because its owner is not installed, or does not declare it: that is said."""
    shared = recorder.root / "share/telemetryd/manifests/org.kde.frameworks.toml"
    if text:
        shared.write_text(text)
    else:
        shared.unlink()
    with recorder.daemon(program=recorder.program):
        async with recorder.client() as client:
            failure = await refused(client, "PushMany", "sa{sv}", KATE_ID, {"startup": Variant("d", 1.0), CRASH: Variant("u", 1)})
    assert (failure.name, failure.text) == ("org.telemetryd.Error.UnknownSource", f"{CRASH} is listed in uses, but {why}")
    (line,) = recorded(recorder)
    assert (line["source"], line["message"]) == (CRASH, failure.text)


async def test_an_installed_manifest_that_holds_instead_is_told(recorder):
    """The digest of a registered text is its own, as ever, but the line says that the installed manifest holds, if they differ."""
    other = USER.replace("Is start-up too slow?", "Is the start too slow?")
    with recorder.daemon(program=recorder.program) as daemon:
        async with recorder.client() as client:
            digests = [await client.register(KATE_ID, text) for text in ("", USER, other, other)]
        log = daemon.log
    lines = recorded(recorder)
    assert [line["digest"] for line in lines] == digests
    assert digests == [manifest.parse(text).digest for text in (USER, USER, other, other)]
    told = "the installed manifest holds instead of the registered text"
    assert [line.get("note") for line in lines] == [None, None, told, told]
    assert log.count(told) == 1


async def test_a_button_can_be_tried(recorder):
    """OpenSettings is answered, and a refusal written down, as by a daemon: not supported, until the test's own bus has a window."""
    call = ("OpenSettings", "ssa{sv}", KATE_ID, "", {})
    with recorder.daemon(program=recorder.program):
        async with recorder.client() as client:
            assert (await refused(client, *call)).name == "org.telemetryd.Error.NotSupported"
            window = RecordedWindow(recorder)
            assert await client.call(TELEMETRY, *call) == []
            until(window.calls)
    assert [line["call"] for line in recorded(recorder) if "error" in line] == ["OpenSettings"]


async def test_it_leaves_no_trace_but_the_file(recorder, tmp_path):
    """The user's own files are not touched, the temporary ones go, no socket but a local one is opened, and Control1 refuses everything."""
    trace, temporary = tmp_path / "trace", tmp_path / "temporary"
    temporary.mkdir()
    prefix = ("strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=socket", "-o", str(trace)) if shutil.which("strace") else ()
    with recorder.daemon(prefix=prefix, program=recorder.program, TMPDIR=str(temporary)) as daemon:
        await outcomes(recorder)
        async with recorder.client() as client:
            for call in (client.get("Usage"), client.set("Usage", 2), client.questions(), client.call(CONTROL, "Submit")):
                with pytest.raises(CallError, match="records what a test pushes") as refused:
                    await call
                assert refused.value.name == "org.telemetryd.Error.NotSupported"
        assert "NotSupported" in recorder.control("status", check=False).stderr
        recorder.bus.terminate()
        assert daemon.process.wait(20) == 0
        assert daemon.log == ""
    assert recorder.state() == {}
    assert list(temporary.iterdir()) == []
    assert set(re.findall(r"socket\((\w+)", trace.read_text())) == {"AF_UNIX"} if prefix else True


@pytest.mark.parametrize("name", [TELEMETRY[0], "org.kde.ksmserver"])
async def test_it_takes_no_daemons_place_and_no_logins_bus(recorder, name):
    """Where a daemon runs, or a desktop's session, it ends with status 1 and one sentence; the daemon goes on."""
    command = (sys.executable, *recorder.program)
    async with recorder.client() as client:
        assert await client.bus.own(name)
        refused = recorder.run(*command, check=False)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert re.fullmatch(r"ERROR: .*(running daemon|dbus-run-session).*\n", refused.stderr)
        assert await client.bus.owner_of(name)


def test_a_command_ends_it(recorder):
    """With a command its exit status is the recorder's, and what it pushed is in the file; one that cannot be started is said."""
    push = ["busctl", f"--address={recorder.address}", "call", *TELEMETRY, "Push", "ssv", KATE_ID, "startup", "d", "1"]
    for script, status in ((f"{' '.join(push)}; exit 7", 7), ("kill -9 $$", 137)):
        assert recorder.run(sys.executable, *recorder.program, "sh", "-c", script, check=False).returncode == status
        assert [one["value"] for one in recorded(recorder)] == ([1.0] if status == 7 else [])
    missing = recorder.run(sys.executable, *recorder.program, "/nonexistent", check=False)
    assert (missing.returncode, missing.stderr) == (127, "ERROR: /nonexistent: No such file or directory\n")


@contextlib.contextmanager
def started(machine, *command):
    """The recorder as a process that does not outlive the block."""
    command = [sys.executable, *machine.program, *command]
    with subprocess.Popen(command, env=machine.environ, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_told_to_leave_it_ends_its_command(recorder):
    """SIGTERM ends the command as well; without one, the line `ready` has said that both names are there."""
    with started(recorder) as process:
        assert process.stdout.readline() == "ready\n"
        assert recorder.busctl("call", *TELEMETRY, "Push", "ssv", KATE_ID, "startup", "d", "1") == ""
        process.terminate()
        assert process.wait(20) == 0
    with started(recorder, "sh", "-c", "echo begun; exec sleep 100") as process:
        assert process.stdout.readline() == "begun\n"
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM


async def test_a_file_that_cannot_be_written_is_an_error_to_callers(recorder):
    """A full disk: the push is not acknowledged. A file that cannot be made: status 1."""
    with recorder.daemon(program=("-m", "telemetryd", "--record", "/dev/full")) as daemon:
        async with recorder.client() as client:
            with pytest.raises(CallError, match="recording cannot be written") as refused:
                await client.push(KATE_ID, "startup", "d", 1.0)
        assert refused.value.name == "org.telemetryd.Error.Storage"
        assert daemon.stop() == 1
    failed = recorder.run(sys.executable, "-m", "telemetryd", "--record", "/nonexistent/file", check=False)
    assert (failed.returncode, failed.stderr) == (1, "ERROR: /nonexistent/file: No such file or directory\n")


def test_the_documented_session_works_when_pasted(tmp_path, programs):
    """The example of the documentation runs as it stands and gives the two lines that are printed there."""
    page = (ROOT / "docs/testing-your-application.md").read_text()
    script = re.search(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[1]
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "-e"], input=script, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines == re.search(r"^```json\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[1].splitlines()


@pytest.mark.parametrize(("numbers", "status"), [([0], 0), ([0, 1], 1), ([1], 1), ([], 1)])
def test_the_documented_check(tmp_path, numbers, status):
    """The check passes if something was pushed and nothing refused. It fails for a refused push, and if nothing was pushed at all."""
    page = (ROOT / "docs/testing-your-application.md").read_text()
    lines = re.search(r"^```json\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[1].splitlines()
    (tmp_path / "build").mkdir()
    (tmp_path / "build/pushed.jsonl").write_text("".join(f"{lines[number]}\n" for number in numbers))
    check = re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[1]
    done = subprocess.run(["bash", "-e"], input=f"{check}exit 0\n", cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.splitlines()) == (status, [lines[1]] if 1 in numbers else [])

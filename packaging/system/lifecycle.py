"""The lifecycle of the daemon and the uploader under systemd, in real sessions, with both implementations of the bus. Run as root."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from accounts import APPLICATION, CONTROL, DAEMON, SOURCE, TELEMETRY, TICK, UPLOAD, Account, main_process, until, uploads
from receiver import Receiver
from sessions import do_not_track, linger, logout, logout_while_sending
from table import Table
from upgrade import FIRST, install, upgrade

_TODAY = datetime.now(UTC).date()
_MONDAY = _TODAY - timedelta(days=_TODAY.weekday())
MANIFEST = f"""\
schema = 1
[application]
id = "{APPLICATION}"
name = "Meter"
summary = "What tries telemetryd"
vendor = "example"
contact = "https://example.org/privacy"
[[source]]
id = "{SOURCE}"
type = "count"
description = "How often it pushed"
unit = "times"
bins = [1, 5, 6, 10, 11, 61, 62]
[[question]]
id = "often"
purpose = "Does every push arrive?"
decision = "Whether this is shipped"
category = "usage"
detail = "basic"
sources = ["{SOURCE}"]
period = "week"
starts = {_MONDAY}
ends = {_MONDAY + timedelta(days=300)}
"""
_UNIT_FILES = Path("/usr/lib/systemd/user")


class Lifecycle:
    """The claims, in their order, of one user."""

    def __init__(self, account: Account, bus: str, receiver: Receiver) -> None:
        self._ada, self._bus, self._receiver = account, bus, receiver

    def activation(self) -> str:
        """The first call starts the unit, whose process then owns the names."""
        ada = self._ada
        kind = Path(f"/proc/{ada.state('dbus.service', 'MainPID')}/comm").read_text().strip()
        assert kind in {self._bus, f"{self._bus}-launch"[:15]}, kind
        assert ada.state(DAEMON, "ActiveState") == "inactive"
        reply = ada.run(
            "sh", "-c", f"date +%s%N; busctl --user get-property {CONTROL} /{CONTROL.replace('.', '/')} {CONTROL} Usage; date +%s%N"
        )
        began, answer, ended = reply.stdout.split("\n")[:3]
        assert answer == "u 0", answer
        owner = ada.run("busctl", "--user", "status", TELEMETRY).stdout
        assert f"PID={main_process(ada)}" in owner.split(), owner
        return f"answered {(int(ended) - int(began)) / 1e9:.2f} s after the call"

    def consent(self) -> str:
        """A question is accepted, and pushes are counted: none is in the preview before, one after."""
        ada = self._ada
        ada.push()
        assert json.loads(ada.control("preview", "--json").stdout) == []
        accept(ada)
        ada.push()
        return f"counted: {ada.counted()}"

    def kill(self) -> str:
        """SIGKILL loses no acknowledged push, and the next call is answered, by another process."""
        ada, before = self._ada, main_process(self._ada)
        ada.push(9)
        ada.systemctl("kill", "--signal=KILL", DAEMON)
        ada.call(TELEMETRY, "Push", "ssv", "org.example.Other", "nothing", "u", "1", check=False)
        until(lambda: main_process(ada) not in {0, before})
        assert ada.counted() == "10..11", ada.counted()
        return f"restarted {ada.state(DAEMON, 'NRestarts')} time(s) by systemd; 10 of 10 pushes counted"

    def restarts_under_load(self) -> str:
        """Restarts while pushes come lose none of the acknowledged ones."""
        ada = self._ada
        load = subprocess.Popen([sys.executable, "-B", __file__, "push", ada.name, "51"])
        for _ in range(3):
            time.sleep(1)
            ada.systemctl("reset-failed", DAEMON)  # systemd permits five starts in ten seconds, and a quick machine gets there
            ada.systemctl("restart", DAEMON)
        assert load.wait(120) == 0
        assert ada.counted() == "61..62", ada.counted()
        return "51 pushes over 3 restarts: all acknowledged, all counted"

    def reload(self) -> str:
        """`systemctl reload` makes the daemon read its files."""
        self._ada.systemctl("reset-failed", DAEMON)
        ada, switch = self._ada, Path("/etc/telemetryd/telemetryd.toml.d/50-off.toml")
        before = main_process(ada)
        switch.parent.mkdir(parents=True, exist_ok=True)
        switch.write_text("[limits]\nsystem = 0\n")
        try:
            ada.systemctl("reload", DAEMON)
            until(lambda: str(switch) in ada.property("Locks"))
        finally:
            switch.unlink()
            ada.systemctl("reload", DAEMON)
        assert main_process(ada) == before
        return "a lock is there after it, by the same process"

    def upload(self) -> str:
        """A report leaves by the uploader's own unit, over TLS; the daemon's unit has no network."""
        ada = self._ada
        assert self._receiver.reports.empty()
        ada.control("submit")
        body = self._receiver.reports.get(timeout=10)
        (row,) = json.loads(ada.control("history", "--json").stdout)
        assert (row["outcome"], row["status"]) == ("accepted", 204), row
        refused = ada.run(*as_the_unit(DAEMON, "python3", "-c", "import socket; socket.socket(socket.AF_INET)"), check=False)
        assert "Address family not supported" in refused.stderr, refused.stderr
        return f"{len(body)} bytes arrived; AF_INET in the daemon's unit: EAFNOSUPPORT"

    def stranger(self) -> str:
        """Another program of the user that connects to the uploader's socket gets nothing."""
        ada, began = self._ada, time.time()
        script = (
            "import socket\nwith socket.socket(socket.AF_UNIX) as one:\n"
            f"    one.settimeout(20)\n    one.connect('{ada.runtime}/telemetryd/upload.socket')\n    one.sendall(b'{{}}\\n')\n"
            "    try:\n        print(one.recv(1))\n    except ConnectionResetError:\n        print(b'')"
        )
        assert ada.run("python3", "-c", script).stdout == "b''\n"
        until(lambda: uploads(began))
        (line,) = uploads(began)
        return line

    def uploader_killed(self) -> str:
        """An uploader that is killed once a byte may have left: the outcome is unknown, and nothing is sent again."""
        ada, receiver = self._ada, self._receiver
        ada.push()
        receiver.may_answer.clear()
        with subprocess.Popen([sys.executable, "-B", __file__, "submit", ada.name]) as submitting:
            receiver.reports.get(timeout=20)
            ada.systemctl("kill", "--signal=KILL", "telemetryd-upload@*.service")
            assert submitting.wait(60) == 0
        receiver.may_answer.set()
        row = json.loads(ada.control("history", "--json").stdout)[0]
        assert row["outcome"] == "unknown", row
        assert receiver.reports.empty()
        return "unknown, and one copy only"

    def uploader_masked(self) -> str:
        """Without its socket no report leaves, and it waits; with the socket it is sent."""
        ada, receiver = self._ada, self._receiver
        ada.push()
        ada.systemctl("mask", "--runtime", "--now", UPLOAD)
        ada.control("submit", check=False)
        row = json.loads(ada.control("history", "--json").stdout)[0]
        assert row["outcome"] == "queued", row
        problems = [one for one in ada.control("status").stdout.splitlines() if "telemetryd-upload" in one]
        ada.systemctl("unmask", "--runtime", UPLOAD)
        ada.systemctl("start", UPLOAD)
        ada.control("submit")
        receiver.reports.get(timeout=10)
        receiver.drain()  # one for each period that was closed
        return " ".join(problems[0].split()) + " …"

    def reuse_of_version(self) -> str:
        """A daemon whose files were replaced sends nothing: it ends, and the next call starts the new one."""
        ada, before = self._ada, main_process(self._ada)
        subprocess.run(["touch", "/usr/lib/python3/dist-packages/telemetryd/upload/program.py"], check=True)
        ada.systemctl("reload", DAEMON)
        until(lambda: main_process(ada) != before)
        ada.control("status")
        return "it ended by itself, and the next call started the new one"

    def tick(self) -> str:
        """The timer runs in the session, and a run without work leaves no line in the journal."""
        ada = self._ada
        ada.systemctl("stop", DAEMON)
        before, began = ada.state(TICK, "InvocationID"), time.time()
        ada.systemctl("start", "--no-block", TICK)
        until(lambda: ada.state(TICK, "InvocationID") != before)
        with suppress(AssertionError):  # it may wait for its moment, ten minutes at most
            until(lambda: ada.state(TICK, "ActiveState") == "inactive", within_s=6)
        ended = ada.state(TICK, "ActiveState") == "inactive"
        ada.systemctl("stop", TICK)
        result = ada.state(TICK, "Result")
        assert result == "success", f"{result}: {ada.journal(TICK, since=began)}"
        timer = ada.state("telemetryd-tick.timer", "ActiveState")
        assert timer == "active", timer
        lines = ada.journal(TICK, since=began)
        assert lines == [], lines
        ada.override(TICK, "[Service]\nExecStart=\nExecStart=/bin/sleep 60\n")  # which run has to wait is drawn
        ada.systemctl("start", "--no-block", TICK)
        until(lambda: ada.state(TICK, "ActiveState") == "activating")
        ada.systemctl("stop", TICK)
        result = ada.state(TICK, "Result")
        ada.override(TICK, "")
        assert result == "success", f"stopped while it waited: {result}"
        lines = ada.journal(TICK, since=began)
        assert lines == [], lines
        return f"the timer is active; a run that {'ended at once' if ended else 'waited'}, and one that was stopped: no line"

    def idle_exit(self) -> str:
        """Idle, the daemon exits by itself; the next call starts it; start and exit leave no line in the journal."""
        ada, began = self._ada, time.time()
        ada.systemctl("stop", DAEMON)
        ada.call(CONTROL, "ListApplications")
        until(lambda: ada.state(DAEMON, "ActiveState") == "inactive")
        assert ada.state(DAEMON, "Result") == "success"
        ada.call(CONTROL, "ListApplications")
        lines = ada.journal(DAEMON, TICK, UPLOAD, since=began)
        assert lines == [], lines
        return "exit and return: no line"

    def failed(self) -> str:
        """A daemon that cannot start: telemetryctl says so and what to do; repaired, it is there again."""
        return self._not_started("[Service]\nExecStart=\nExecStart=/bin/false\nRestart=no\n", {"journalctl", "reset-failed"})

    def failed_too_often(self) -> str:
        """A daemon that failed until systemd gave up: the unit keeps its result, and `reset-failed` helps after a repair."""
        starts = f"for number in $(seq 6); do systemctl --user start {DAEMON}; done"
        return self._not_started(
            "[Unit]\nStartLimitIntervalSec=1h\n[Service]\nExecStart=\nExecStart=/bin/false\nRestart=no\n",
            {"right after its start (exit-code)", "reset-failed"},
            first=starts,
        )

    def limited(self) -> str:
        """A working daemon that was started too often: telemetryctl says that systemd refuses, and `reset-failed` helps."""
        starts = f"for number in $(seq 7); do systemctl --user restart {DAEMON}; done"
        return self._not_started("[Unit]\nStartLimitIntervalSec=1h\n", {"too often", "reset-failed"}, first=starts)

    def _not_started(self, text: str, words: set[str], first: str = "") -> str:
        ada = self._ada
        ada.systemctl("stop", DAEMON)
        ada.override(DAEMON, text)
        try:
            ada.run("sh", "-c", first, check=False)
            began = time.monotonic()
            done = ada.control("status", check=False)
            took_s = time.monotonic() - began
        finally:
            ada.override(DAEMON, "")
            ada.systemctl("reset-failed", DAEMON, check=False)
            ada.systemctl("start", DAEMON)  # dbus-daemon lets further calls wait for the start that failed, until a start succeeds
        assert done.returncode == 3, done
        assert all(word in done.stderr for word in words), done.stderr
        ada.control("status")
        return f"after {took_s:.0f} s: {done.stderr.strip()}"

    def masked(self) -> str:
        """A masked unit: telemetryctl says so, and how it is permitted again."""
        ada = self._ada
        ada.systemctl("stop", DAEMON)
        ada.systemctl("mask", "--runtime", DAEMON)
        began = time.monotonic()
        done = ada.control("status", check=False)
        took_s = time.monotonic() - began
        ada.systemctl("unmask", "--runtime", DAEMON)
        assert done.returncode == 3, done
        assert "unmask" in done.stderr, done.stderr
        ada.control("status")
        return f"after {took_s:.0f} s: {done.stderr.strip()}"

    def two_sessions(self) -> str:
        """Two sessions of a user have one daemon; it stays when one of them ends."""
        ada = self._ada
        ada.call(CONTROL, "ListApplications")
        before = main_process(ada)
        with ada.session():
            ada.call(CONTROL, "ListApplications")
            assert main_process(ada) == before
        ada.call(CONTROL, "ListApplications")
        assert main_process(ada) == before
        return "one process, before, beside and after the second"


def accept(account: Account) -> None:
    """The user says yes to the question."""
    account.control("consent", "global", "--usage", "basic")
    (question,) = json.loads(account.control("show", APPLICATION, "--json").stdout)
    account.control("consent", "accept", APPLICATION, f"{question['id']}={question['digest']}", "--yes")


def as_the_unit(unit: str, *command: str) -> list[str]:
    """A command under the directives of a unit of ours; what systemd would put into them is left out."""
    lines = (_UNIT_FILES / unit).read_text().partition("[Service]\n")[2].splitlines()
    kept = [
        line
        for line in lines
        if "=" in line and "%" not in line and not line.startswith(("#", "Type=", "Exec", "NotifyAccess=", "Restart", "SuccessExit"))
    ]
    return ["systemd-run", "--user", "--pipe", "--wait", "--collect", "--quiet", *(f"--property={line}" for line in kept), "--", *command]


def use_bus(account: Account, bus: str) -> None:
    """Let the user's sessions have this bus from the next login on."""
    account.write(".config/systemd/user/.keep", "")
    chosen = account.home / ".config/systemd/user/dbus.service"
    chosen.unlink(missing_ok=True)
    if bus == "dbus-broker":
        chosen.symlink_to(_UNIT_FILES / "dbus-broker.service")


def install_manifest() -> None:
    """The application that pushes here."""
    folder = Path("/usr/share/telemetryd/manifests")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{APPLICATION}.toml").write_text(MANIFEST)


def prepare(account: Account, bus: str, receiver: Receiver) -> None:
    """The user's bus, and developer mode with the receiver as the vendor's server."""
    use_bus(account, bus)
    text = f"developer = true\nidle_exit_minutes = 0.2\n{receiver.endpoint}"
    account.write(".config/telemetryd/telemetryd.toml", text)


def run(account: Account, bus: str, receiver: Receiver) -> int:
    """The table of one bus; how many claims failed."""
    table = Table(f"Lifecycle, {bus}")
    install(FIRST)
    prepare(account, bus, receiver)
    steps = Lifecycle(account, bus, receiver)
    session = account.session()
    with session:
        for claim in (
            *(steps.activation, steps.consent, steps.kill, steps.restarts_under_load, steps.reload, steps.two_sessions),
            *(steps.upload, steps.stranger, steps.uploader_killed, steps.uploader_masked, steps.reuse_of_version),
            *(partial(upgrade, account, receiver), steps.tick, steps.idle_exit),
            *(steps.failed, steps.failed_too_often, steps.limited, steps.masked),
        ):
            table.try_claim(getattr(claim, "func", claim).__name__.replace("_", " "), claim)
        table.try_claim("logout with work pending", partial(logout, account, session))
    table.try_claim("logout while a report is sent", partial(logout_while_sending, account, receiver))
    table.try_claim("DO_NOT_TRACK in environment.d", partial(do_not_track, account))
    table.try_claim("linger", partial(linger, account))
    return table.failures


def main() -> None:
    """Both buses, or, for this program's own use, one part of a step."""
    if sys.argv[1:2] == ["push"]:
        Account(sys.argv[2]).push(int(sys.argv[3]))
        return
    if sys.argv[1:2] == ["submit"]:
        Account(sys.argv[2]).control("submit")
        return
    install_manifest()
    receiver = Receiver()
    failures = run(Account("ada"), "dbus-daemon", receiver) + run(Account("bob"), "dbus-broker", receiver)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()

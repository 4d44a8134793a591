"""Users of the booted system: their sessions, and commands in them. Run as root there."""

from __future__ import annotations

import json
import pwd
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

TELEMETRY, CONTROL = "org.telemetryd.Telemetry1", "org.telemetryd.Control1"
DAEMON, TICK, UPLOAD = "telemetryd.service", "telemetryd-tick.service", "telemetryd-upload.socket"
WAIT_S = 30
"""Longest wait for something that has to happen."""
APPLICATION, SOURCE = "org.example.Meter", "pushes"


class Session:
    """A session of a user by PAM, as a login makes one. It ends with the block, or with `end`."""

    def __init__(self, account: Account) -> None:
        command = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--property=PAMName=login", f"--property=User={account.name}"]
        self._program = subprocess.Popen([*command, "cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self._account = account

    def __enter__(self) -> Self:
        until(lambda: Path(self._account.runtime, "bus").exists())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    def end(self) -> None:
        """Log out."""
        if self._program.stdin:
            self._program.stdin.close()
        self._program.wait(WAIT_S)


class Account:
    """A user. Commands run in the user's own manager, as programs of a desktop do."""

    def __init__(self, name: str) -> None:
        self.name, self.user = name, pwd.getpwnam(name).pw_uid
        self.home, self.runtime = Path("/home", name), Path(f"/run/user/{self.user}")

    def session(self) -> Session:
        """Log in."""
        return Session(self)

    def run(self, *command: str, check: bool = True, properties: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        prefix = [
            "systemd-run",
            f"--machine={self.name}@.host",
            "--user",
            "--pipe",
            "--wait",
            "--collect",
            "--quiet",
            "--service-type=exec",
            "--expand-environment=no",
        ]
        prefix += [f"--property={one}" for one in properties]
        done = subprocess.run([*prefix, "--", *command], capture_output=True, text=True, check=False, timeout=200)
        assert not check or done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done

    def systemctl(self, *arguments: str, check: bool = True) -> str:
        """Control the user's units."""
        return self.run("systemctl", "--user", *arguments, check=check).stdout.strip()

    def state(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.systemctl("show", unit, "-P", name)

    def call(self, interface: str, member: str, *arguments: str, check: bool = True) -> str:
        """Call the daemon, or have it started for that; the reply, or what busctl says of the error."""
        done = self.run(
            "busctl", "--user", "call", interface, "/" + interface.replace(".", "/"), interface, member, *arguments, check=check
        )
        return (done.stdout + done.stderr).strip()

    def property(self, name: str) -> str:
        """A property of Control1, as busctl prints it."""
        return self.run("busctl", "--user", "get-property", CONTROL, f"/{CONTROL.replace('.', '/')}", CONTROL, name).stdout.strip()

    def push(self, number: int = 1) -> None:
        """Push so often, one call after the other; each has to be acknowledged."""
        self.run("sh", "-c", f"for number in $(seq {number}); do {_PUSH} || exit 1; done")

    def push_slowly(self, number: int, go_on: str) -> None:
        """Push so often, the last time once a file in the home is gone, and call in between. What is refused is made again."""
        script = (
            f"for number in $(seq {number - 1}); do until {_PUSH}; do sleep 0.1; done; sleep 1; done; "
            f"while [ -e ~/{go_on} ]; do {_CALL} || true; sleep 1; done; until {_PUSH}; do sleep 0.1; done"
        )
        self.run("sh", "-c", script)

    def control(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run telemetryctl."""
        return self.run("telemetryctl", *arguments, check=check)

    def counted(self) -> str:
        """What the preview says of the pushes: a bin."""
        ((_, _, body),) = json.loads(self.control("preview", "--json").stdout)
        (answer,) = json.loads(body)["answer"]
        return str(answer)

    def write(self, path: str, text: str) -> None:
        """Write a file of the user below the home."""
        folder = self.home
        for part in Path(path).parent.parts:
            folder /= part
            folder.mkdir(exist_ok=True)
            self._own(folder)
        (self.home / path).write_text(text)
        self._own(self.home / path)

    def _own(self, path: Path) -> None:
        subprocess.run(["chown", "--no-dereference", f"{self.name}:", str(path)], check=True)

    def override(self, unit: str, text: str) -> None:
        """Change a unit by a drop-in, or not any more with ""."""
        name = f".config/systemd/user/{unit}.d/test.conf"
        self.write(name, text)
        if not text:
            (self.home / name).unlink()
        self.systemctl("daemon-reload")

    def journal(self, *units: str, since: float) -> list[str]:
        """What the journal has of units since then: their own lines, and those of the manager about them."""
        return [text for _, text in self.written(*units, since=since)]

    def written(self, *units: str, since: float) -> list[tuple[str, str]]:
        """(process, line) of each line of `journal`."""
        subprocess.run(["journalctl", "--sync"], check=True)
        matches = [one for unit in units for one in (f"_SYSTEMD_USER_UNIT={unit}", "+", f"USER_UNIT={unit}", "+")][:-1]
        command = ["journalctl", "--output=json", f"--since=@{since:.6f}", *matches]
        entries = [json.loads(line) for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()]
        return [(str(one.get("_PID")), _text(one)) for one in entries if str(one.get("_UID")) == str(self.user)]


_CALL = f"busctl --user call {CONTROL} /{CONTROL.replace('.', '/')} {CONTROL} ListApplications"
_PUSH = f"busctl --user call {TELEMETRY} /{TELEMETRY.replace('.', '/')} {TELEMETRY} Push ssv {APPLICATION} {SOURCE} u 1"


def _text(entry: dict[str, Any]) -> str:
    return str(entry["MESSAGE"])


def until(claim: Callable[[], object], *, within_s: float = WAIT_S) -> None:
    """Wait until a claim holds."""
    deadline = time.monotonic() + within_s
    while not claim():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def main_process(account: Account) -> int:
    """The number of the daemon's process; 0 if there is none."""
    return int(account.state(DAEMON, "MainPID"))


def uploads(since: float) -> list[str]:
    """What uploaders said in the journal since then. Their units have names of their own, one for each."""
    subprocess.run(["journalctl", "--sync"], check=True)
    command = ["journalctl", "--output=cat", f"--since=@{since:.6f}", "--identifier=telemetryd-upload"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

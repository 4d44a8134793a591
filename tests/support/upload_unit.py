"""The uploader as its socket unit starts it, by systemd-socket-activate in the unit's control group: a process for each connection."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from support.machine import until

UNIT = "background.slice/telemetryd-upload@1-2-3.service"


class UploadUnit:
    """A socket that starts uploaders, listened to by `process`. `served` is what runs the daemon, `in_tick` the timer's run."""

    def __init__(self, path, groups, log, process):
        self.path, self._log, self.process = path, log, process
        named = ("env", f"TELEMETRYD_UPLOAD_SOCKET={path}")
        self.served = (*groups.prefix("background.slice/telemetryd.service"), *named)
        self.in_tick = (*groups.prefix("background.slice/telemetryd-tick.service"), *named)

    @property
    def log(self):
        """What the uploaders wrote to their standard error, with systemd's own lines."""
        return self._log.read_text()

    def running(self):
        """The process ids of the uploaders that run. One that has ended stays a child until it is waited for."""
        children = Path(f"/proc/{self.process}/task/{self.process}/children").read_text()
        return [int(number) for number in children.split() if _runs(number)]

    def kill(self):
        """Kill the one that runs."""
        (number,) = self.running()
        os.kill(number, signal.SIGKILL)


def _runs(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextlib.contextmanager
def upload_unit(folder, groups, environ, *, python=sys.executable, working=None):
    """The unit, for this environment of uploaders."""
    path, log = folder / "upload.socket", folder / "upload.log"
    variables = [part for name, value in environ.items() for part in ("--setenv", f"{name}={value}")]
    command = [
        "systemd-socket-activate",
        "--accept",
        f"--listen={path}",
        *variables,
        python,
        "-P",
        "-m",
        "telemetryd.upload",
        "--activated",
    ]
    with log.open("w") as stderr, subprocess.Popen([*groups.prefix(UNIT), *command], stderr=stderr, cwd=working) as process:
        try:
            until(path.exists)
            yield UploadUnit(path, groups, log, process.pid)
        finally:
            process.terminate()
            process.wait()


def say_from(groups, unit, path, data, **where):
    """What an uploader answers a program of a unit that connects and says this; "" for nothing."""
    script = (
        "import socket, sys\nwith socket.socket(socket.AF_UNIX) as one:\n"
        "    one.settimeout(20)\n    one.connect(sys.argv[1])\n"
        "    try:\n        one.sendall(sys.argv[2].encode())\n        print(one.recv(4096).decode(), end='')\n"
        "    except ConnectionError:\n        pass"
    )
    command = [*groups.prefix(unit, **where), sys.executable, "-c", script, str(path), data]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

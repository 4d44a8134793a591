"""Where the demo plays: a temporary folder, a session bus, a receiver with a certificate, the real daemon; gone afterwards.

Nothing here is a stand-in: `dbus-daemon`, `python -m telemetryd` and `python -m telemetryd.ctl` run as processes, the receiver speaks TLS.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple, Self

import trustme

sys.path.append(str(Path(__file__).parents[2] / "tests"))

from support.bus.dbus_daemon import address, dbus_daemon

HERE = Path(__file__).parent
APPLICATIONS = HERE / "applications"
ROOT = HERE.parents[1]
WAIT_S = 60.0
"""The longest that any one program of the demo may take."""
INSTALLED = ("org.example.shared", "org.example.session")
"""Manifests that a package would have installed; the other applications register theirs themselves."""
_DESKTOP = ("XDG_SESSION_TYPE", "WAYLAND_DISPLAY", "DISPLAY", "LANG", "TERM")
"""What the applications may see of the session in which the demo was started."""

_CONFIGURATION = """\
[endpoint.example]
name = "Example"
url = "{url}"
ca_file = "{authority}"
"""


class Received(NamedTuple):
    """One request as it came in over TLS."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes


class Receiver:
    """An https server on this machine, with a certificate authority made for it alone."""

    def __init__(self, folder: Path) -> None:
        self.authority = folder / "authority.pem"
        self.requests: list[Received] = []
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.authority))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        self._server = ThreadingHTTPServer(("localhost", 0), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://localhost:{self._server.server_port}/v1/reports"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                requests.append(Received(self.requestline, self.headers.items(), body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """The demo shows what matters itself."""

        return Handler

    def stop(self) -> None:
        """Nobody listens any more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


class Stage:
    """`with Stage() as stage:` everything runs; afterwards nothing is left."""

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.folder = Path(tempfile.mkdtemp(prefix="telemetryd-demo-"))
            stack.callback(shutil.rmtree, self.folder)
            self.receiver = Receiver(self.folder)
            stack.callback(self.receiver.stop)
            self._lay_out()
            stack.enter_context(dbus_daemon(self.folder, self.environ))
            self.daemon = self._start_daemon(stack)
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    @property
    def state(self) -> Path:
        """The directory that holds everything which the daemon ever writes."""
        return self.folder / "state" / "telemetryd"

    def files(self) -> dict[str, bytes]:
        """Every file of the state directory, whole."""
        return {path.name: path.read_bytes() for path in sorted(self.state.rglob("*")) if path.is_file()}

    def telemetryctl(self, *arguments: str) -> str:
        """What the user's command prints. Raises CalledProcessError unless it ends with 0."""
        return self._run(sys.executable, "-m", "telemetryd.ctl", *arguments)

    def register(self, application: str) -> str:
        """Start an application that registers its manifest; what it prints."""
        program = APPLICATIONS / f"{application.rpartition('.')[2]}.py"
        return self._run(sys.executable, str(program), "register", str(self.folder / f"{application}.toml"))

    def measure(self) -> str:
        """Start the three applications, each a process of its own, to measure and push; what they print."""
        programs = ([sys.executable, "stopwatch.py", "measure"], [sys.executable, "disks.py", "measure"], ["sh", "session.sh"])
        return "".join(self._run(*command, folder=APPLICATIONS) for command in programs)

    def stop_daemon(self) -> int:
        """Tell the daemon to leave; its exit status."""
        self.daemon.terminate()
        return self.daemon.wait(WAIT_S)

    def _lay_out(self) -> None:
        for name in ("etc/telemetryd", "share/telemetryd/manifests", "home/telemetryd", "state", "cache"):
            (self.folder / name).mkdir(parents=True)
        configuration = _CONFIGURATION.format(url=self.receiver.url, authority=self.receiver.authority)
        (self.folder / "etc/telemetryd/telemetryd.toml").write_text(configuration, encoding="utf-8")
        (self.folder / "home/telemetryd/telemetryd.toml").write_text("developer = true\n", encoding="utf-8")
        today = datetime.now(UTC).date()
        for manifest in APPLICATIONS.glob("*.toml"):
            folder = self.folder / "share/telemetryd/manifests" if manifest.stem in INSTALLED else self.folder
            text = manifest.read_text(encoding="utf-8")
            text = text.replace("@STARTS@", f"{today - timedelta(days=7)}").replace("@ENDS@", f"{today + timedelta(days=180)}")
            (folder / manifest.name).write_text(text, encoding="utf-8")
        self.environ = {
            **{name: os.environ[name] for name in _DESKTOP if name in os.environ},
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "COLUMNS": "96",
            "HOME": str(self.folder / "home"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(ROOT),
            "XDG_CONFIG_HOME": str(self.folder / "home"),
            "XDG_CONFIG_DIRS": str(self.folder / "etc"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "TELEMETRYD_CONFIG_DIRS": str(self.folder / "etc"),
            "TELEMETRYD_DATA_DIRS": str(self.folder / "share"),
            "DBUS_SESSION_BUS_ADDRESS": address(self.folder),
        }

    def _start_daemon(self, stack: contextlib.ExitStack) -> subprocess.Popen[bytes]:
        """The real daemon, ready: it says so as it does to systemd."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
            notified.bind(str(self.folder / "notify"))
            notified.settimeout(WAIT_S)
            environ = {**self.environ, "NOTIFY_SOCKET": str(self.folder / "notify")}
            daemon = subprocess.Popen([sys.executable, "-m", "telemetryd"], env=environ, cwd=self.folder)
            stack.callback(_end, daemon)
            if b"READY=1" not in notified.recv(4096):
                raise RuntimeError("the daemon did not become ready")
        return daemon

    def _run(self, *command: str, folder: Path | None = None) -> str:
        done = subprocess.run(
            command,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environ,
            cwd=folder or self.folder,
            timeout=WAIT_S,
        )
        return done.stdout


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout:
        process.stdout.close()

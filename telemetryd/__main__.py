"""The program `telemetryd`: arguments in, exit status out."""

from __future__ import annotations

import gc
import logging
import os
import resource
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

USAGE = """usage: telemetryd [--leave-when-idle | --tick | --record FILE [COMMAND ...] | --help | --version]

Runs the telemetry daemon on the session bus until it is told to exit.

  --leave-when-idle  exit after five minutes without calls, unless the configuration says otherwise; for systems where a timer starts ticks
  --tick             do due work and exit: close periods, and hand one report to the uploader (run by the timer)
  --record FILE      for an application's own tests: write every pushed sample into FILE, and keep and send nothing;
                     with a COMMAND, run it and exit with its exit status

The user's command is telemetryctl. Configuration: telemetryd/telemetryd.toml, then telemetryd/telemetryd.toml.d/*.toml, in /etc, /usr/share
and your own configuration directory.
"""
IDLE_NEVER = 0.0
IDLE_EXIT_MINUTES = 5.0
"""What --leave-when-idle means where no configuration file says how long."""
_PRIORITIES = {logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 5}
"""Of syslog(3). INFO is for administrators too: the units drop what is less than a notice, to keep systemd's own lines away."""


def main() -> int:
    """Run the daemon. Exit status: 0 it left as asked or is already running, 1 it could not run, 2 wrong usage, 3 no D-Bus library will do.

    With --record the status is that of the command, if there is one.
    """
    match sys.argv[1:]:
        case [] | ["--leave-when-idle"] as given:
            return _run(IDLE_EXIT_MINUTES if given else IDLE_NEVER)
        case ["--tick"]:
            return _tick()
        case ["--record", path, *command]:
            return _record(path, command)
        case ["--help" | "-h"]:
            sys.stdout.write(USAGE)
            return 0
        case ["--version"]:
            from importlib.metadata import version  # noqa: PLC0415 - not needed to run

            sys.stdout.write(f"telemetryd {version('telemetryd')}\n")
            return 0
        case _:
            sys.stderr.write(USAGE)
            return 2


def _run(idle_exit_minutes: float) -> int:
    gc.disable()  # a start makes thousands of objects that stay, and looking through them for garbage takes a tenth of it
    asyncio = _lean_asyncio()
    with _with_libraries():
        from telemetryd.runtime import app  # noqa: PLC0415 - --help is quick

    _prepare()
    gc.freeze()
    gc.enable()
    status: int = asyncio.run(app.run(idle_exit_minutes))
    return status


def _tick() -> int:
    asyncio = _lean_asyncio()
    with _with_libraries():
        from telemetryd.runtime import timer  # noqa: PLC0415 - --help is quick

    _prepare()
    status: int = asyncio.run(timer.run(os.environ))
    return status


def _record(path: str, command: list[str]) -> int:
    _lean_asyncio()
    with _with_libraries():
        from telemetryd.runtime import recorder  # noqa: PLC0415 - --help is quick

    environ = dict(os.environ)
    _log()  # what else `_prepare` does, a command would inherit
    return recorder.run(path, command, environ)


@contextmanager
def _with_libraries() -> Iterator[None]:
    """What is imported in the block may lack a library, or find none that will do: then the program ends with a line that says so."""
    from telemetryd.errors import UnusableLibraryError  # noqa: PLC0415 - not before `_lean_asyncio`

    try:
        yield
    except (ImportError, UnusableLibraryError) as failure:
        sys.stderr.write(f"ERROR: {failure}\n")
        sys.exit(getattr(failure, "exit_status", 1))


def _lean_asyncio() -> Any:
    """Asyncio without OpenSSL (7 ms, 5 MB): this program speaks to nobody over a network, and Python brings SHA-2 of its own.

    Some distributions build Python without it; there OpenSSL's is taken. Nor is there a thread for each child: 3.12 needs none either.
    """
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]  # None: must not be imported
    own = ("_md5", "_sha1", "_sha2" if sys.version_info >= (3, 12) else "_sha256", "_sha3", "_blake2")
    if all(find_spec(name) for name in own):
        sys.modules.setdefault("_hashlib", None)  # type: ignore[arg-type]  # as above
    import asyncio  # noqa: PLC0415 - after the lines above

    import telemetryd.system.own_package  # noqa: F401, PLC0415 - before all others of ours: what it notes is what they are

    if sys.version_info < (3, 12):
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    return asyncio


def _prepare() -> None:
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _log()


def _log() -> None:
    if _is_journal():
        for level, priority in _PRIORITIES.items():
            logging.addLevelName(level, f"<{priority}>{logging.getLevelName(level)}")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s", stream=sys.stderr)


def _is_journal() -> bool:
    """Whether systemd connected standard error to the journal, which reads a priority before each line (sd-daemon(3))."""
    try:
        state = os.fstat(2)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{state.st_dev}:{state.st_ino}"


if __name__ == "__main__":
    sys.exit(main())

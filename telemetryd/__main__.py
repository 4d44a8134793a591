"""The program `telemetryd`: arguments in, exit status out."""

from __future__ import annotations

import gc
import logging
import os
import resource
import sys
from importlib.util import find_spec
from typing import Any

USAGE = """usage: telemetryd [--leave-when-idle | --tick | --record FILE [COMMAND ...] | --help | --version]

Runs the telemetry daemon on the session bus until it is told to leave.

  --leave-when-idle  leave after five minutes without calls, unless the configuration says otherwise: where a timer starts ticks
  --tick             do what is due (close periods, hand one report to the uploader) and leave: what the timer runs
  --record FILE      for an application's own tests: write every sample that is pushed into FILE, keep and send nothing;
                     with a COMMAND, run it and leave with its exit status

The user's command is telemetryctl. Configuration: telemetryd/telemetryd.toml, then telemetryd/telemetryd.toml.d/*.toml, in /etc, /usr/share
and your own configuration directory.
"""
IDLE_NEVER = 0.0
IDLE_EXIT_MINUTES = 5.0
"""What --leave-when-idle means where no configuration file says how long."""


def main() -> int:
    """Run the daemon. Exit status: 0 it left as asked or is already running, 1 it could not run, 2 wrong usage, else a command's own."""
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
    try:
        from telemetryd.runtime import app  # noqa: PLC0415 - --help is quick
    except ImportError as failure:  # a library is missing, or is of a version that cannot be used
        sys.stderr.write(f"ERROR: {failure}\n")
        return 1

    _prepare()
    gc.freeze()
    gc.enable()
    status: int = asyncio.run(app.run(idle_exit_minutes))
    return status


def _tick() -> int:
    asyncio = _lean_asyncio()
    from telemetryd.runtime import timer  # noqa: PLC0415 - --help is quick

    _prepare()
    status: int = asyncio.run(timer.run(os.environ))
    return status


def _record(path: str, command: list[str]) -> int:
    _lean_asyncio()
    from telemetryd.runtime import recorder  # noqa: PLC0415 - --help is quick

    environ = dict(os.environ)
    _quiet_plugins_and_log()  # what else `_prepare` does, a command would inherit
    return recorder.run(path, command, environ)


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
    _quiet_plugins_and_log()


def _quiet_plugins_and_log() -> None:
    # pydantic would look through every installed package for plugins, and run what it finds.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s", stream=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

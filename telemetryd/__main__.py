"""The program `telemetryd`: arguments in, exit status out."""

from __future__ import annotations

import logging
import os
import resource
import sys

USAGE = """usage: telemetryd [--help | --version]

Runs the telemetry daemon on the session bus until it is told to leave.
The user's command is telemetryctl. Configuration: telemetryd.toml (see the README).
"""


def main() -> int:
    """Run the daemon. Exit status: 0 it left as asked or is already running, 1 it could not run, 2 wrong usage."""
    match sys.argv[1:]:
        case []:
            return _run()
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


def _run() -> int:
    # The daemon speaks to nobody over a network; asyncio would load OpenSSL all the same (5 ms, 1.2 MB), but does without.
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]  # None: must not be imported
    import asyncio  # noqa: PLC0415 - after the line above

    from telemetryd import app  # noqa: PLC0415 - --help is quick

    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s", stream=sys.stderr)
    return asyncio.run(app.run())


if __name__ == "__main__":
    sys.exit(main())

"""Arguments in, exit status out: `telemetryctl`. Policy: C1, C2, C5."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NoReturn

import click

from telemetryd.ctl.options import InOrder

_CTL = "telemetryd.ctl"
_COMMANDS = {
    "status": f"{_CTL}.reading:status",
    "list": f"{_CTL}.reading:applications",
    "show": f"{_CTL}.reading:show",
    "consent": f"{_CTL}.consent:consent",
    "preview": f"{_CTL}.reports:preview",
    "history": f"{_CTL}.reports:history",
    "ledger": f"{_CTL}.reports:ledger",
    "erase": f"{_CTL}.reports:erase",
    "forget": f"{_CTL}.reports:forget",
    "submit": f"{_CTL}.developing:submit",
    "monitor": f"{_CTL}.developing:monitor",
    "stop": f"{_CTL}.stopping:stop",
    "suspend": f"{_CTL}.stopping:suspend",
    "review": f"{_CTL}.reviewing:review",
    "diff": f"{_CTL}.publishing:diff",
    "document": f"{_CTL}.publishing:document",
    "estimate": f"{_CTL}.estimate:estimate",
    "new": f"{_CTL}.new:new",
    "lint": f"{_CTL}.lint:lint",
    "schema": f"{_CTL}.new:schema",
}
"""Each command and where it is, in the order of their use."""


@click.group(
    cls=InOrder,
    modules=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Exit status:
  0  done
  1  refused or failed; standard error says why and what to do next
  2  wrong command line, or nobody can be asked and --yes is missing
  3  the service or the session bus is not there, or does not answer
  4  nothing was changed: you declined, or there was nothing to do""",
)
@click.version_option(package_name="telemetryd", prog_name="telemetryctl")
def cli() -> None:
    """See and decide what telemetry your applications may collect.

    Nothing is collected until you turn it on and accept the questions. Start with `telemetryctl status`.
    """


def main() -> None:
    """Run the command. What the system refuses, such as output to a full disk, is told in one line: status 1."""
    try:
        try:
            cli(prog_name="telemetryctl")
        finally:
            if sys.stdout is not None:  # closed by whoever started us
                sys.stdout.flush()
    except OSError as failure:
        _give_up(failure)


def _give_up(failure: OSError) -> NoReturn:
    where = f"{failure.filename}: " if failure.filename else ""
    with contextlib.suppress(OSError):  # standard error may be full as well
        click.echo(f"telemetryctl: {where}{failure.strerror or failure}", err=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what could not be written would fail again at exit
    sys.exit(1)


if __name__ == "__main__":
    main()

"""The entry point of `telemetryctl`. Policy: C1, C2, C5."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NoReturn

import click

from telemetryd.ctl import language
from telemetryd.ctl.help_words import in_language
from telemetryd.ctl.options import OrderedGroup

_PACKAGE = "telemetryd.ctl.commands"
_COMMANDS = {
    "status": f"{_PACKAGE}.status:status",
    "list": f"{_PACKAGE}.status:applications",
    "show": f"{_PACKAGE}.status:show",
    "consent": f"{_PACKAGE}.consent:consent",
    "preview": f"{_PACKAGE}.preview:preview",
    "history": f"{_PACKAGE}.history:history",
    "ledger": f"{_PACKAGE}.history:ledger",
    "erase": f"{_PACKAGE}.erase:erase",
    "forget": f"{_PACKAGE}.forget:forget",
    "submit": f"{_PACKAGE}.submit:submit",
    "monitor": f"{_PACKAGE}.monitoring:monitor",
    "install": f"{_PACKAGE}.install:install",
    "uninstall": f"{_PACKAGE}.install:uninstall",
    "check": f"{_PACKAGE}.check:check",
    "env": f"{_PACKAGE}.env:env",
    "stop": f"{_PACKAGE}.authoring.stop:stop",
    "suspend": f"{_PACKAGE}.authoring.stop:suspend",
    "review": f"{_PACKAGE}.authoring.review:review",
    "diff": f"{_PACKAGE}.authoring.document:diff",
    "document": f"{_PACKAGE}.authoring.document:document",
    "estimate": f"{_PACKAGE}.authoring.estimate:estimate",
    "new": f"{_PACKAGE}.authoring.new:new",
    "lint": f"{_PACKAGE}.authoring.lint:lint",
    "plan": f"{_PACKAGE}.authoring.plan:plan",
    "schema": f"{_PACKAGE}.authoring.new:schema",
}
"""The commands in the order of use: name → `module:function`."""


@click.group(
    cls=OrderedGroup,
    modules=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Exit status:
  0  done
  1  refused or failed; standard error says why and what to do next
  2  wrong command line, or no terminal to ask you and no --yes
  3  the service or the session bus is not there, or does not answer
  4  nothing was changed: you declined, or there was nothing to do""",
)
@click.version_option(package_name="telemetryd", prog_name="telemetryctl")
def cli() -> None:
    """See and decide what telemetry your applications may collect.

    Nothing is collected until you turn it on and accept the questions. Start with `telemetryctl status`.
    """


def main() -> None:
    """Run the command. An OSError, such as output to a full disk, is reported in one line, with status 1."""
    try:
        try:
            in_language(cli, language.of_environment().words)(prog_name="telemetryctl")
        finally:
            if sys.stdout is not None:  # None if the caller closed it
                sys.stdout.flush()
    except OSError as failure:
        _fail(failure)


def _fail(failure: OSError) -> NoReturn:
    where = f"{failure.filename}: " if failure.filename else ""
    with contextlib.suppress(OSError):  # standard error may be full as well
        click.echo(f"telemetryctl: {where}{failure.strerror or failure}", err=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # flushing the unwritten rest would fail again at exit
    sys.exit(1)


if __name__ == "__main__":
    main()

"""Arguments in, exit status out: `telemetryctl`. Policy: C1, C2, C5."""

from __future__ import annotations

import click

from telemetryd.ctl.consent import consent
from telemetryd.ctl.developing import monitor, submit
from telemetryd.ctl.estimate import estimate
from telemetryd.ctl.options import InOrder
from telemetryd.ctl.reading import applications, show, status
from telemetryd.ctl.reports import erase, history, ledger, preview


@click.group(
    cls=InOrder,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Exit status:
  0  done
  1  refused or failed; standard error says why and what to do next
  2  wrong command line
  3  the service or the session bus is not there, or does not answer
  4  nothing was changed: you declined, or there was nothing to do""",
)
@click.version_option(package_name="telemetryd", prog_name="telemetryctl")
def cli() -> None:
    """See and decide what telemetry your applications may collect.

    Nothing is collected until you turn it on and accept the questions. Start with `telemetryctl status`.
    """


for command in (status, applications, show, consent, preview, history, ledger, erase, submit, monitor, estimate):
    cli.add_command(command)


def main() -> None:
    """Run the command."""
    cli(prog_name="telemetryctl")


if __name__ == "__main__":
    main()

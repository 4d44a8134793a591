"""telemetryctl's commands within the test's own process, under every click that they run on."""

from inspect import signature

from click.testing import CliRunner


def runner():
    """A runner whose results have standard output and standard error apart, as click has it by itself since 8.2."""
    return CliRunner(**({"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}))

import gc
import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.invoked_commands import runner

from telemetryd.ctl.__main__ import cli

ROOT = Path(__file__).parents[2]


def generator():
    """The script that writes the page, as a module."""
    spec = importlib.util.spec_from_file_location("generate_telemetryctl", ROOT / "docs" / "generate_telemetryctl.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_is_current():
    """docs/telemetryctl.md holds the help text of every command as it is now."""
    docs = generator()
    assert docs.PAGE.read_text(encoding="utf-8") == docs.page()


def test_page_names_every_command_and_status():
    """The part written by hand says of every command what its JSON is, and of every exit status what it means."""
    docs = generator()
    written = docs.PAGE.read_text(encoding="utf-8").partition(docs.MARK)[0]
    ends = [name.rpartition(" ")[2] for name, text in docs.helps(cli, "telemetryctl") if re.search(r"^  --json +Print", text, re.MULTILINE)]
    table = written.partition("## JSON")[2]
    assert len(ends) >= 14
    assert [name for name in ends if not re.search(rf"^\|.*`(?:consent )?{name}`.*\|", table, re.MULTILINE)] == []
    assert re.findall(r"^\| (\d) \|", written, re.MULTILINE) == list("01234")


def test_page_names_what_takes_json():
    """The table of JSON has the commands that take --json and no other; the sentence above it has the rest of those that use the bus."""
    docs = generator()
    helps = dict(docs.helps(cli, "telemetryctl"))
    taking = {name.rpartition(" ")[2] for name, text in helps.items() if re.search(r"^  --json +Print", text, re.MULTILINE)}
    section = docs.PAGE.read_text(encoding="utf-8").partition(docs.MARK)[0].partition("## JSON")[2]
    rows = " ".join(row.partition(" | ")[0] for row in re.findall(r"^\| `.*", section, re.MULTILINE))
    assert {name.rpartition(" ")[2] for name in re.findall("`([^`]+)`", rows)} == taking
    others = re.search(r"take no `--json`[^:.]*: ([^.]*)\.", " ".join(section.split()))[1]
    using = {name for name in cli.commands if "control_client" in Path(inspect.getfile(callback(name))).read_text()}
    assert set(re.findall("`([^`]+)`", others)) == using - taking - {"consent"}


def callback(name):
    """The function of a command, out of its decorators."""
    return inspect.unwrap(cli.commands[name].callback)


def test_help_describes():
    """Help describes options instead of giving orders to an author, names dates as dates, and every exit status as the page does."""
    helps = dict(generator().helps(cli, "telemetryctl"))
    assert [name for name, text in helps.items() if "%Y" in text] == []
    assert "--starts DATE" in helps["telemetryctl new"]
    assert not re.search(r"(?:Write|Say|Ask|List|Name the) ", helps["telemetryctl new"].partition("--id")[2])
    assert "2  wrong command line, or no terminal to ask you" in helps["telemetryctl"]


@pytest.mark.parametrize("name", ["telemetryctl", "status", "history", "consent", "consent accept", "consent global", "monitor"])
def test_help_needs_no_service(name):
    """Help works without a bus, in both spellings, and fits 80 columns."""
    words = [] if name == "telemetryctl" else name.split()
    long, short = (runner().invoke(cli, [*words, option], env={"DBUS_SESSION_BUS_ADDRESS": "rubbish"}) for option in ("--help", "-h"))
    assert (long.exit_code, short.output) == (0, long.output)
    assert max(map(len, long.output.splitlines())) <= 80


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["show"],
        ["status", "extra"],
        ["consent", "global"],
        ["consent", "global", "--usage", "full"],
        ["consent", "global", "--usage", "inherit"],
        ["consent", "application", "org.kde.kate"],
        ["consent", "application", "org.kde.kate", "--usage", "3"],
        ["consent", "accept"],
        ["consent", "refuse", "org.kde.kate"],
        ["consent", "allow", "org.kde.kate"],
        ["history", "--since", "yesterday"],
        ["history", "--since", "2026-13-01"],
        ["history", "--since", "-1"],
        ["history", "--limit", "-1"],
        ["erase"],
        ["erase", "org.kde.kate", "--all"],
        ["erase", "--all"],
        ["forget"],
        ["forget", "org.kde.kate"],
        ["monitor", "--count", "0"],
    ],
)
def test_wrong_command_line(arguments):
    """What cannot be meant ends with status 2 and says so on standard error before the service is asked anything."""
    done = runner().invoke(cli, arguments, env={"DBUS_SESSION_BUS_ADDRESS": "rubbish"})
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert done.stderr.startswith("Usage: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["list", "--json"],
        ["show", "org.kde.kate"],
        ["consent", "global", "--usage", "off"],
        ["consent", "application", "org.kde.kate", "--usage", "inherit"],
        ["consent", "accept", "org.kde.kate", "--yes"],
        ["consent", "refuse", "org.kde.kate", "startup"],
        ["consent", "allow", "org.kde.kate", "startup"],
        ["preview"],
        ["history", "--since", "7"],
        ["ledger"],
        ["erase", "--all", "--yes"],
        ["forget", "org.kde.kate", "--yes"],
        ["submit"],
        ["monitor"],
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_bus(arguments):
    """Without a session bus every command ends with status 3 and one line that says what to do."""
    done = runner().invoke(cli, arguments, env={"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent/bus"})
    assert (done.exit_code, done.stdout) == (3, "")
    assert re.fullmatch(r"telemetryctl: there is no session bus .*`dbus-run-session`\n", done.stderr)
    # dbus-fast of Debian 13 leaves the socket of a failed connection to the garbage collector, and the command's process ends here.
    del done
    gc.collect()


EXAMPLE = "docs/examples/number.toml"


@pytest.mark.parametrize(
    "arguments", [["lint", "--format", "json", EXAMPLE], ["review", EXAMPLE], ["document", EXAMPLE], ["schema"], ["--help"]]
)
def test_full_disk(arguments):
    """Output that finds no room is a failure in one line, not a traceback and not a success."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "telemetryd.ctl", *arguments],
            check=False, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "telemetryctl: No space left on device\n")


def test_closed_output():
    """Without a standard output nothing fails."""
    done = subprocess.run(["sh", "-c", f"{sys.executable} -m telemetryd.ctl schema >&-"], check=False, capture_output=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, b"")

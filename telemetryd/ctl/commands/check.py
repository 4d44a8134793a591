"""`check`: whether a machine, an image or a fleet is set up as it should be. It reads files and calls no service."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from telemetryd.core import problem_words
from telemetryd.core.sending.schedule import Result
from telemetryd.core.translation import ENGLISH, mark
from telemetryd.ctl.checks import declared, published, servers, units, work
from telemetryd.ctl.checks.machine import Found, machine_at
from telemetryd.ctl.failures import FAILED, Failure
from telemetryd.ctl.language import gettext as _
from telemetryd.ctl.language import ngettext, of_environment
from telemetryd.ctl.render import printing
from telemetryd.ctl.render.state_sentences import switch_sentence
from telemetryd.ctl.safe_text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from telemetryd.core.sending.schedule import Delivery
    from telemetryd.core.settings import Endpoint, Problem
    from telemetryd.core.translation import Words
    from telemetryd.ctl.checks.machine import Machine
    from telemetryd.ctl.checks.published import Publication

_SCHEMA = 1
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_TRACES = ("etc/telemetryd", "usr/share/telemetryd", "usr/local/share/telemetryd", "usr/bin/telemetryd")
_REFUSALS = {
    Result.ANSWERED: mark("the server says that the question is over"),
    Result.SUSPENDED: mark("the server says that the question is suspended"),
    Result.REJECTED: mark("the server did not accept it"),
    Result.UNKNOWN: mark("the server gave no status, and may have the test report"),
}


@click.command(short_help="For administrators: check a machine or an image.")
@click.argument("directories", metavar="[DIR]...", nargs=-1, type=_FOLDER)
@click.option("--json", "is_json", is_flag=True, help="Print JSON for scripts.")
@click.option("--online", "is_online", is_flag=True, help="Also connect to each endpoint, without sending a report.")
@click.option("--register", "register_file", type=_FILE, metavar="FILE", help="Compare with this published register.")
@click.option("--endpoint", "vendor", default="", metavar="VENDOR", help="Connect to this vendor's endpoint only, or send to it.")
@click.option("--send-test", "is_test", is_flag=True, help="Send one test report to the endpoint, and check nothing else.")
def check(  # noqa: PLR0913 - one parameter for each option
    directories: tuple[Path, ...], *, is_json: bool, is_online: bool, register_file: Path | None, vendor: str, is_test: bool
) -> None:
    """For administrators: check a machine, an image or a fleet.

    DIR is the root directory of a machine, an image or a package. Without DIR this machine is checked, with the files of the user who runs
    the command. Each problem is one line with what to do. The exit status is 1 if there are problems. Notes say what somebody has decided,
    or what could not be checked.

    Nothing is written, and the service is not called. Only --online and --send-test use the network. The uploader does it, as for a report.

    --send-test sends a marked test report that holds no answer and that no estimate counts. It is not sent while telemetry is switched off.
    """
    if directories and (is_online or is_test or vendor):
        raise click.UsageError(_("--online, --endpoint and --send-test are for this machine, without DIR."))
    if vendor and not (is_online or is_test):
        raise click.UsageError(_("--endpoint needs --online or --send-test."))
    if is_test:
        _send_test(vendor, is_json=is_json)
        return
    words = ENGLISH if is_json else of_environment().words
    published_here = _Compared(published.read_register(register_file), str(register_file)) if register_file else None
    problems: list[tuple[str, Found]] = []
    notes: list[tuple[str, Found]] = []
    for directory in directories or (None,):
        root = str(directory.resolve()).rstrip("/") if directory else ""
        machine = machine_at(root)
        found_problems = _problems(machine, directory, published_here, words)
        problems += [(root or "/", found.elsewhere(machine.view, root)) for found in found_problems]
        notes += [(root or "/", found.elsewhere(machine.view, root)) for found in _notes(machine, published_here, words)]
        if is_online:
            for listed, found in _online(machine, vendor, words):
                (problems if listed == "problems" else notes).append((root or "/", found))
    if is_json:
        listed_by_name = {"problems": problems, "notes": notes}
        printing.emit({"schema": _SCHEMA} | {name: [_json(*pair) for pair in pairs] for name, pairs in listed_by_name.items()})
    else:
        _print(problems, notes, is_several=len(directories) > 1)
    if problems:
        sys.exit(FAILED)


class _Compared(NamedTuple):
    """A published register that the machine is compared with, and its file."""

    register: Sequence[Publication]
    file: str


def _problems(machine: Machine, directory: Path | None, compared: _Compared | None, words: Words) -> Iterator[Found]:
    today = datetime.now(UTC).date()
    if directory and not any(machine.path(f"/{trace}").exists() for trace in _TRACES):
        advice = words.gettext("name the root directory of a machine, an image or a package")
        yield Found("configuration", str(directory), words.gettext("holds nothing of telemetryd"), advice)
    yield from declared.problems(machine, today, words)
    yield from servers.shares(machine, today, words)
    yield from units.problems(machine, words)
    if not machine.root:
        yield from work.problems(machine.environ, words)
    if compared:
        yield from published.problems(machine, *compared, words)


def _notes(machine: Machine, compared: _Compared | None, words: Words) -> Iterator[Found]:
    yield from declared.notes(machine, words)
    yield from servers.notes(machine, words)
    yield from units.notes(machine, words)
    if not machine.root:
        yield from work.notes(machine.environ, words)
    if compared:
        yield from published.notes(machine, compared.register, words)


def _online(machine: Machine, vendor: str, words: Words) -> Iterator[tuple[str, Found]]:
    """The endpoints that cannot be reached. While telemetry is off nothing connects."""
    if vendor and machine.settings.endpoint(vendor) is None:
        raise Failure(_no_endpoint(vendor))
    if machine.settings.kill_switches:
        yield "notes", Found("endpoints", "", words.gettext("not connected to, because telemetry is switched off"))
        return
    for found in servers.connections(machine, vendor, words):
        yield "problems", found


def _print(problems: Sequence[tuple[str, Found]], notes: Sequence[tuple[str, Found]], *, is_several: bool) -> None:
    page = printing.Page()
    words = page.language.words
    for frame, pairs in (("{text}", problems), (_("note: {text}"), notes)):
        for directory, found in pairs:
            line = frame.format(text=found.line(words))
            page.item(_("{name}: {text}").format(name=directory, text=line) if is_several else line)
    page.item(ngettext("{number} problem.", "{number} problems.", len(problems)) if problems else _("No problems."))


def _json(directory: str, found: Found) -> dict[str, str]:
    return {"directory": directory, **found._asdict()}


def _send_test(vendor: str, *, is_json: bool) -> None:
    """Send one test report and say what became of it. Raises `Failure` if it was not accepted. Policy: C1, C4, C6."""
    from telemetryd.ctl.files import uploads  # noqa: PLC0415 - for this option

    if not vendor:
        raise click.UsageError(_("--send-test needs the endpoint to send to: --endpoint VENDOR."))
    machine = machine_at("")
    endpoint = _usable_endpoint(machine, vendor)
    body = uploads.new_test_report()
    delivery = uploads.send(endpoint, body, is_developer=machine.settings.developer)
    if is_json:
        printing.emit(_json_of_test(endpoint, body, delivery))
    if delivery.result is not Result.ACCEPTED:
        raise Failure(_refusal(delivery))
    if not is_json:
        text = _("The test report was accepted (status {status}). These bytes were sent to {url}:")
        click.echo(text.format(status=delivery.status, url=one_line(endpoint.url)))
        click.echo(body.decode().rstrip())


def _usable_endpoint(machine: Machine, vendor: str) -> Endpoint:
    settings = machine.settings
    for switch in settings.kill_switches:
        why = switch_sentence(switch.what, switch.file, of_environment().words)
        raise Failure(_("nothing was sent, because telemetry is switched off: {why}").format(why=why))
    endpoint = settings.usable_endpoint(vendor)
    if endpoint:
        return endpoint
    problem = next((problem for problem in settings.problems if problem.vendor == vendor), None)
    raise Failure(_("nothing was sent: {why}").format(why=_told(problem)) if problem else _no_endpoint(vendor))


def _told(problem: Problem) -> str:
    text = problem_words.told(problem, of_environment().words)
    return _("{name}: {text}").format(name=problem.file, text=text) if problem.file else text


def _no_endpoint(vendor: str) -> str:
    return _("no endpoint for {vendor} is configured: `telemetryctl env` names the endpoints").format(vendor=vendor)


def _refusal(delivery: Delivery) -> str:
    if delivery.result is Result.HELD:
        words = of_environment().words
        held = _("{text}; {next}").format(text=servers.why(delivery, words), next=servers.advice(delivery, words))
        return _("nothing was sent: {why}").format(why=held)
    why = _(_REFUSALS[delivery.result])
    if delivery.status:
        why = _("{text} (status {status})").format(text=why, status=delivery.status)
    return _("{why}: see docs/for-vendors.md for what a server has to answer").format(why=why)


def _json_of_test(endpoint: Endpoint, body: bytes, delivery: Delivery) -> Mapping[str, Any]:
    return {"schema": _SCHEMA, "endpoint": endpoint.vendor, "url": endpoint.url, **delivery._asdict(), "body": body.decode().rstrip()}

"""`env`: what holds on this machine, and from where. It reads files and calls no service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from telemetryd.ctl.checks import environment
from telemetryd.ctl.checks.machine import machine_at
from telemetryd.ctl.render import printing
from telemetryd.ctl.render.state_sentences import lock_sentence, switch_sentence
from telemetryd.ctl.render.value_words import count_phrase

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from telemetryd.ctl.render.printing import Row

_OWN = ("ca_file", "proxy", "ohttp_relay", "ohttp_keys", "results", "share")
"""Settings of an endpoint that are shown where they are set."""


@click.command(short_help="For administrators: what holds, and from where.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON for scripts.")
def env(*, is_json: bool) -> None:
    """For administrators: what holds on this machine, and from where.

    It names directories, the files in force and those that they replace, limits, switches, budgets, endpoints and versions. The service is
    not called and nothing is written.
    """
    values = environment.values(machine_at(""))
    if is_json:
        printing.emit(values)
        return
    page = printing.Page()
    page.facts(_rows(values))


def _rows(values: Mapping[str, Any]) -> Iterator[Row]:
    versions, library = values["versions"], values["dbus_library"]
    yield "telemetryd", f"{versions['telemetryd'] or 'not installed as a package'}, Python {versions['python']}, {versions['system']}"
    yield "D-Bus library", library["name"] or library["problem"]
    yield "libraries", ", ".join(f"{name} {version}" for name, version in values["libraries"].items())
    for name, value in values["environment"].items():
        yield "environment", f"{name}={value}"
    for name, places in values["directories"].items():
        yield name.replace("_", " "), ", ".join(places)
    yield from _files(values["files"])
    for switch in values["kill_switches"]:
        yield "switched off", switch_sentence(switch["what"], switch["file"])
    for lock in values["limits"]:
        yield "limit", lock_sentence(f"{lock['what']}={lock['limit']}", lock["file"])
    for name, budget in values["budgets"].items():
        yield f"budget, {name}", f"{budget['value']:g}{_from(budget)}"
    yield "developer mode", ("on" if values["developer"]["value"] else "off") + _from(values["developer"])
    idle = values["idle_exit_minutes"]
    yield "idle time", ("the default" if idle["value"] is None else f"{idle['value']:g} min") + _from(idle)
    for endpoint in values["endpoints"]:
        yield from _endpoint(endpoint)


def _files(files: list[dict[str, str]]) -> Iterator[Row]:
    """Each file but manifests in force, of which there may be a thousand."""
    for file in files:
        if file["kind"] != "manifest" or file["state"] != "in force":
            by = f" by {file['by']}" if file["by"] else ""
            yield f"{file['kind']} file", f"{file['file']} ({file['state']}{by})"
    number = sum(file["kind"] == "manifest" and file["state"] == "in force" for file in files)
    yield "manifests", f"{count_phrase(number, 'manifest')} in force"


def _endpoint(endpoint: Mapping[str, Any]) -> Iterator[Row]:
    unusable = "" if endpoint["usable"] else "; it cannot work: `telemetryctl check` says why"
    yield f"endpoint {endpoint['vendor']}", f"{endpoint['url']} ({endpoint['name']}, from {endpoint['file']}{unusable})"
    for key in _OWN:
        if endpoint[key] not in {"", 1.0}:
            yield "", f"{key} = {endpoint[key]}"


def _from(value: Mapping[str, Any]) -> str:
    return f" (from {value['file']})" if value["file"] else ""

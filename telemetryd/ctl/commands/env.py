"""`env`: what holds on this machine, and from where. It reads files and calls no service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from telemetryd.core.settings import Origin
from telemetryd.core.translation import mark
from telemetryd.ctl.checks import environment
from telemetryd.ctl.checks.machine import machine_at
from telemetryd.ctl.language import gettext as _
from telemetryd.ctl.language import ngettext, of_environment
from telemetryd.ctl.render import printing
from telemetryd.ctl.render.pages import labelled_rows
from telemetryd.ctl.render.state_sentences import lock_sentence, switch_sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from telemetryd.ctl.render.printing import Row

_OWN = ("ca_file", "proxy", "ohttp_relay", "ohttp_keys", "results", "share")
"""Settings of an endpoint that are shown where they are set."""
_PLACES = {
    "configuration": mark("configuration"),
    "data": mark("data"),
    "user_configuration": mark("user configuration"),
    "state": mark("state directory"),
}
_KINDS = {
    "configuration": mark("configuration file"),
    "kuserfeedback": mark("kuserfeedback file"),
    "manifest": mark("manifest file"),
    "reviews": mark("reviews file"),
}
_STATES = {"in force": mark("in force"), "mask": mark("mask")}


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
    own = versions["telemetryd"] or _("not installed as a package")
    yield "telemetryd", f"{own}, Python {versions['python']}, {versions['system']}"
    yield _("D-Bus library"), library["name"] or library["problem"]
    yield _("libraries"), ", ".join(f"{name} {version}" for name, version in values["libraries"].items())
    yield from labelled_rows(_("environment"), [f"{name}={value}" for name, value in values["environment"].items()])
    for name, places in values["directories"].items():
        yield _(_PLACES[name]) if name in _PLACES else name, ", ".join(places)
    yield from _files(values["files"])
    yield from _limits(values)
    for endpoint in values["endpoints"]:
        yield from _endpoint(endpoint)


def _limits(values: Mapping[str, Any]) -> Iterator[Row]:
    """What is switched off or limited, and the modes."""
    words, developer, idle = of_environment().words, values["developer"], values["idle_exit_minutes"]
    for switch in values["kill_switches"]:
        yield _("switched off"), switch_sentence(switch["what"], switch["file"], words)
    for lock in values["limits"]:
        yield _("limit"), lock_sentence(f"{lock['what']}={lock['limit']}", lock["file"], words, is_own=lock["origin"] == Origin.USER)
    for name, budget in values["budgets"].items():
        yield _("budget, {name}").format(name=name), _with_file(f"{budget['value']:g}", budget)
    yield _("developer mode"), _with_file(_("on") if developer["value"] else _("off"), developer)
    minutes = _("the default") if idle["value"] is None else _("{number} min").format(number=f"{idle['value']:g}")
    yield _("idle time"), _with_file(minutes, idle)


def _files(files: list[dict[str, str]]) -> Iterator[Row]:
    """Each file but manifests in force, of which there may be a thousand."""
    for file in files:
        if file["kind"] != "manifest" or file["state"] != "in force":
            by = file["by"]
            state = _("replaced by {file}").format(file=by) if by else _(_STATES[file["state"]])
            yield _(_KINDS[file["kind"]]), _("{file} ({state})").format(file=file["file"], state=state)
    number = sum(file["kind"] == "manifest" and file["state"] == "in force" for file in files)
    yield _("manifests"), ngettext("{number} manifest in force", "{number} manifests in force", number)


def _endpoint(endpoint: Mapping[str, Any]) -> Iterator[Row]:
    text = _("{url} ({name}, from {file})")
    if not endpoint["usable"]:
        text = _("{url} ({name}, from {file}; it cannot work: `telemetryctl check` says why)")
    yield _("endpoint {vendor}").format(vendor=endpoint["vendor"]), text.format(**{key: endpoint[key] for key in ("url", "name", "file")})
    for key in _OWN:
        if endpoint[key] not in {"", 1.0}:
            yield "", f"{key} = {endpoint[key]}"


def _with_file(text: str, value: Mapping[str, Any]) -> str:
    """The text of a value, and the file that it is from."""
    return _("{text} (from {file})").format(text=text, file=value["file"]) if value["file"] else text

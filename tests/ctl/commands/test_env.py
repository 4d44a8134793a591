"""`telemetryctl env`: what holds on a machine, and which of its files says so."""

import json
import re
import sys
from pathlib import Path

import pytest
from support.machine import KATE, ROOT, Machine

URL = "https://telemetry.example.org/v1"


@pytest.fixture
def layered(tmp_path):
    """A machine with two system directories, whose files say different things."""
    machine = Machine(tmp_path / "machine")
    vendor = machine.root / "vendor/telemetryd"
    vendor.mkdir(parents=True)
    (vendor / "telemetryd.toml").write_text("idle_exit_minutes = 7\n")
    (vendor / "telemetryd.toml.d").mkdir()
    (vendor / "telemetryd.toml.d/20-kde.toml").write_text(f'budget_year = 9.0\n[endpoint.kde]\nname = "KDE"\nurl = "{URL}"\nshare = 0.5\n')
    (vendor / "telemetryd.toml.d/30-site.toml").write_text("enabled = true\n")
    machine.configure("budget_year = 8.0\nidle_exit_minutes = 3\n[limits]\nusage = 1\n")
    machine.configure("", name="telemetryd.toml.d/30-site.toml")
    machine.configure_user("idle_exit_minutes = 1\n")
    machine.install(KATE)
    return machine


def env(machine, *arguments, **environ):
    """What the command prints, without a bus."""
    places = {"TELEMETRYD_CONFIG_DIRS": f"{machine.root}/etc:{machine.root}/vendor", "DBUS_SESSION_BUS_ADDRESS": "rubbish", **environ}
    prefix = ["env", *(f"{name}={value}" for name, value in places.items())]
    return machine.run(*prefix, sys.executable, "-m", "telemetryd.ctl", "env", *arguments).stdout


def test_what_holds_and_from_where(layered):
    """Each value has the file that it comes from: the strictest for budgets, the user's for the idle time, the first for an endpoint."""
    values, etc, vendor = json.loads(env(layered, "--json")), f"{layered.root}/etc/telemetryd", f"{layered.root}/vendor/telemetryd"
    user = f"{layered.root}/home/telemetryd"
    assert values["schema"] == 1
    assert values["budgets"] == {
        "source": {"value": 4.0, "file": ""},
        "year": {"value": 8.0, "file": f"{etc}/telemetryd.toml"},
        "life": {"value": 64.0, "file": ""},
    }
    assert values["idle_exit_minutes"] == {"value": 1, "file": f"{user}/telemetryd.toml"}
    assert values["developer"] == {"value": False, "file": ""}
    assert values["limits"] == [{"what": "usage", "limit": 1, "file": f"{etc}/telemetryd.toml", "origin": "system"}]
    (endpoint,) = values["endpoints"]
    assert (endpoint["vendor"], endpoint["url"], endpoint["share"], endpoint["usable"]) == ("kde", URL, 0.5, True)
    assert endpoint["file"] == f"{vendor}/telemetryd.toml.d/20-kde.toml"
    assert values["directories"]["configuration"] == [etc, vendor]
    assert values["directories"]["state"] == [f"{layered.root}/state/telemetryd"]
    assert values["dbus_library"] == {"name": "dbus-fast", "problem": ""}
    assert values["environment"]["TELEMETRYD_DBUS_LIBRARY"] == "dbus-fast"
    files = {file["file"]: (file["kind"], file["state"], file["by"]) for file in values["files"]}
    assert files[f"{vendor}/telemetryd.toml"] == ("configuration", "replaced", f"{etc}/telemetryd.toml")
    assert files[f"{vendor}/telemetryd.toml.d/30-site.toml"] == ("configuration", "replaced", f"{etc}/telemetryd.toml.d/30-site.toml")
    assert files[f"{etc}/telemetryd.toml.d/30-site.toml"] == ("configuration", "mask", "")
    assert files[f"{layered.root}/share/telemetryd/manifests/org.kde.kate.toml"] == ("manifest", "in force", "")
    assert layered.state() == {}


def test_for_people(layered):
    """The page says the same: the values, their files, and what switches off."""
    named = f"{layered.root}/vendor/telemetryd/telemetryd.toml.d/20-kde.toml"
    with Path(named).open("a") as file:
        file.write('ca_file = "/nonexistent.pem"\n')
    page = " ".join(env(layered, DO_NOT_TRACK="1", COLUMNS="300").split())
    for text in (
        f"endpoint kde {URL} (KDE, from {named}; it cannot work: `telemetryctl check` says why)",
        "ca_file = /nonexistent.pem",
        "switched off DO_NOT_TRACK is set",
        f"budget, year 8 (from {layered.root}/etc/telemetryd/telemetryd.toml)",
        "1 manifest in force",
        f"idle time 1 min (from {layered.root}/home/telemetryd/telemetryd.toml)",
    ):
        assert text in page, text


def test_without_a_library(layered):
    """Without a usable D-Bus library the command works, and says which library is needed."""
    values = json.loads(env(layered, "--json", TELEMETRYD_DBUS_LIBRARY="another"))
    assert values["dbus_library"]["name"] == ""
    assert "expected dbus-fast or dbus-next" in values["dbus_library"]["problem"]


def test_page(layered):
    """docs/checking.md names every key of the JSON, and no other."""
    table = (ROOT / "docs/checking.md").read_text().partition("## What holds, and from where")[2]
    names = [name for cell in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(names) == sorted(json.loads(env(layered, "--json")).keys() - {"schema"})

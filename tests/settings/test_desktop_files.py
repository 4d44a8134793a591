"""The files by which a desktop finds the window."""

import configparser
import shutil
import subprocess
import tomllib
import xml.etree.ElementTree as ET

import pytest
from support.machine import ROOT

FOLDER = ROOT / "packaging/desktop"
ENTRY, METAINFO = FOLDER / "org.telemetryd.Settings.desktop", FOLDER / "org.telemetryd.Settings.metainfo.xml"


def test_the_entry_starts_the_window():
    """The desktop entry runs a command of this project, under the name that the window gives itself, with an icon that is there."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read(ENTRY)
    entry = parser["Desktop Entry"]
    assert entry["Exec"] in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert f'setDesktopFileName("{ENTRY.stem}")' in (ROOT / "telemetryd/settings/application.py").read_text()
    assert ET.parse(FOLDER / f"{entry['Icon']}.svg").getroot().tag.endswith("}svg")
    component = ET.parse(METAINFO).getroot()
    assert (component.findtext("id"), component.findtext("launchable")) == (ENTRY.stem, ENTRY.name)


@pytest.mark.parametrize(
    "command",
    [
        ("desktop-file-validate", str(ENTRY), str(FOLDER / "systemsettings/plasma6/telemetryd-settings.desktop")),
        ("appstreamcli", "validate", "--no-net", str(METAINFO)),
    ],
)
def test_validators_agree(command):
    """The tools of freedesktop.org find nothing wrong."""
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "error" in done.stdout) == (0, False), done.stdout


def entry_of(path):
    """The keys of a desktop or activation file."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read(path)
    return dict(parser[parser.sections()[0]])


SYSTEM_SETTINGS = {version: FOLDER / f"systemsettings/plasma{version}/telemetryd-settings.desktop" for version in (5, 6)}


def test_the_bus_starts_the_window_of_the_entry():
    """The desktop entry is activated over the bus; the activation file has its name and waits for the call."""
    service = entry_of(ROOT / f"dbus/{ENTRY.stem}.service.in")
    assert entry_of(ENTRY)["DBusActivatable"] == "true"
    assert service == {"Name": ENTRY.stem, "Exec": "@bindir@/telemetryd-settings --service"}


@pytest.mark.parametrize("version", SYSTEM_SETTINGS)
def test_the_entries_of_system_settings(version):
    """Each opens the same window with the same texts, in a category that its version of System Settings has and reads."""
    entry, ours = entry_of(SYSTEM_SETTINGS[version]), entry_of(ENTRY)
    texts = {key: text for key, text in ours.items() if key.startswith(("Name", "Comment")) or key in {"Exec", "Icon"}}
    assert {key: entry.get(key) for key in texts} == texts
    kinds = {5: ("Service", "personalization", "SystemSettingsExternalApp"), 6: ("Application", "security-privacy", None)}
    assert (entry["Type"], entry["X-KDE-System-Settings-Parent-Category"], entry.get("X-KDE-ServiceTypes")) == kinds[version]


def test_the_texts_are_in_every_language():
    """Name, comment and keywords are in each language of the catalogues."""
    languages = [path.name for path in (ROOT / "telemetryd/locale").iterdir() if path.is_dir()]
    assert [
        f"{key}[{name}]" for key in ("Name", "Comment", "Keywords") for name in languages if f"{key}[{name}]" not in entry_of(ENTRY)
    ] == []

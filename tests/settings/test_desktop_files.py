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


@pytest.mark.parametrize("command", [("desktop-file-validate", str(ENTRY)), ("appstreamcli", "validate", "--no-net", str(METAINFO))])
def test_validators_agree(command):
    """The tools of freedesktop.org find nothing wrong."""
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "error" in done.stdout) == (0, False), done.stdout

"""README.md and the documents do what they say. Policy: C5, T3."""

import os
import re
import subprocess
import sys
from pathlib import Path

from telemetryd.__main__ import USAGE
from telemetryd.core.settings import Origin
from telemetryd.system.directories import data_directories
from telemetryd.toml import config, manifest
from telemetryd.toml.settings_in_force import ConfigFile, merge

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_session_works_when_pasted():
    """The session by hand runs as it stands, to its end, and shows what its remarks say."""
    (script,) = re.findall(r"^```sh\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    script = script.replace("$PWD/.venv/bin", str(Path(sys.executable).parent))
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["bash", "-e"], input=script, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "Is start-up too slow?" in done.stdout
    assert '"answer":["500..2000"]' in done.stdout
    assert "Traceback" not in done.stderr


def test_help_of_the_daemon_needs_no_checkout():
    """Its help names the places of its configuration and no file of this repository, which a package does not have."""
    assert "docs/" not in USAGE
    assert all(place in USAGE for place in ("telemetryd/telemetryd.toml", "/etc", "/usr/share"))


def _blocks(name):
    return re.findall(r"^```toml\n(.*?)^```", (ROOT / "docs" / name).read_text(), re.DOTALL | re.MULTILINE)


def test_examples_are_taken():
    """The examples of a manifest, a configuration, a developer's own and a review are what the parsers take."""
    (example,) = _blocks("manifest.md")
    configuration, reviews = _blocks("administration.md")
    (own,) = _blocks("testing-your-application.md")
    users = merge([ConfigFile("own", Origin.USER, config.parse_configuration(own))], do_not_track="", kuserfeedback=[])
    assert (users.problems, [one.vendor for one in users.endpoints]) == ((), ["example"])
    assert manifest.parse(example).definitions[0].cells == 3 * 2 + 1
    assert config.parse_configuration(configuration).enabled is True
    found, stops = config.parse_reviews(reviews.replace("9f2c…", "9" * 64), "example.toml")
    assert (len(found), len(stops)) == (1, 1)


def test_pushing_shows_the_examples():
    """Every block of code in docs/pushing.md stands in an example that a test runs, and the directories of manifests are the daemon's."""
    page = (ROOT / "docs/pushing.md").read_text()
    files = {path.name: path.read_text() for path in (ROOT / "docs/examples/clients").iterdir()}
    sections = re.findall(r"^From \[(\S+)\]\(examples/clients/\1\)(.*?)(?=^#)", page, re.DOTALL | re.MULTILINE)
    assert {name for name, _ in sections} == files.keys() - {"telemetryd_types.h"}
    for name, section in sections:
        blocks = re.findall(r"^```\w+\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
        assert blocks, name
        assert [block for block in blocks if block not in files[name]] == []
    assert [folder for folder in data_directories({}) if f"`{folder}/manifests`" not in page] == []

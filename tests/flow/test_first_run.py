"""docs/first-run.md: an installer can only restrict, and a program at the first login sets a level with the command of the page."""

import re

from support.machine import CONTROL, KATE, PROPERTIES, ROOT

PAGE = (ROOT / "docs/first-run.md").read_text()
ENDPOINT = '[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1/reports"\n'


def block(language):
    """The page's only block of code in a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return found


def write_installers_file(machine):
    """Put the file where the installer's module puts it."""
    (target,) = re.findall(r" /(etc/\S+\.toml)\"", block("yaml"))
    assert f"# /{target}\n" in block("toml")
    path = machine.root / target
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block("toml"))
    return path


def test_an_installer_restricts(machine):
    """Its file locks every level, with its name, and the command of a first-run program is refused."""
    machine.configure(ENDPOINT)
    machine.install(KATE)
    path = write_installers_file(machine)
    with machine.daemon():
        locks = machine.ask((*CONTROL[:2], PROPERTIES), "Get", "ss", CONTROL[2], "Locks")[0]["data"]
        refused = machine.run("bash", "-c", block("sh"), check=False)
    assert sorted(locks) == [[f"{name}=0", str(path)] for name in ("new_questions", "system", "usage")]
    assert refused.returncode != 0
    assert "Access denied" in refused.stderr


def test_a_program_at_the_first_login_sets_a_level(machine):
    """Before its command nothing is stored; after it the level is set and nothing is collected."""
    machine.configure(ENDPOINT)
    machine.install(KATE)
    with machine.daemon():
        before = machine.state()
        machine.control("status")
        assert machine.state() == before
        machine.run("bash", "-c", block("sh"))
        output = machine.control("status").stdout
    assert "Usage           basic" in output
    assert "nothing is collected" in output

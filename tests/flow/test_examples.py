"""The documentation's examples: lint has nothing to say, telemetryd takes them, and keeps what they say of what they push. Policy: T2."""

import json
import re
import shlex

import pytest
from support.machine import ROOT
from support.machine_at import daemon_at

EXAMPLES = {path.stem: path.read_text() for path in sorted((ROOT / "docs/examples").glob("*.toml"))}
IN_THEIR_PERIOD = "2026-12-09 10:00"
SHARED = "org.example.frameworks"


def application(name):
    """The id that an example is about."""
    return re.search(r'^id = "(.*?)"', EXAMPLES[name], re.MULTILINE)[1]


def test_each_kind_has_an_example():
    """Every type of source, shared sources and system facts have an example, in the page on manifests too."""
    assert EXAMPLES.keys() == {"flag", "choice", "number", "count", "shared", "shared-user", "system-fact"}
    page = (ROOT / "docs/manifest.md").read_text()
    assert [name for name in EXAMPLES if f"examples/{name}.toml" not in page] == []


def test_lint(machine):
    """About none of them there is anything to say."""
    files = [f"docs/examples/{name}.toml" for name in EXAMPLES]
    done = machine.control("lint", "--strict", "--format", "json", "--on", "2026-12-09", *files)
    assert (done.returncode, done.stdout) == (0, "[]\n")


@pytest.fixture
async def collecting(machine):
    """All examples are registered with a daemon in their period, in developer mode, and everything is accepted."""
    machine.develop(vendor="example")
    machine.install(EXAMPLES["shared"], reviewed=False)
    with daemon_at(machine, IN_THEIR_PERIOD):
        async with machine.client() as client:
            for name, text in EXAMPLES.items():
                if name != "shared":
                    await client.register(application(name), text)
            for name in EXAMPLES:
                await client.consent(application(name))
            yield machine, client


async def test_register_and_push(collecting):
    """Each is registered and accepted; the command in its head pushes a sample, which is kept as the head says."""
    machine, client = collecting
    for name, text in EXAMPLES.items():
        found = re.search(r"^#   busctl --user (.*) \\\n#       (.*)\n# is kept as: (.*)$", text, re.MULTILINE)
        assert found or name in {"shared", "system-fact"}, f"{name}: its head names no push"
        if found:
            machine.busctl(*shlex.split(f"{found[1]} {found[2]}"))
        owner = SHARED if name.startswith("shared") else application(name)
        ((_, body),) = (await client.preview(owner)).values()
        answer = json.loads(body)["answer"]
        if found:
            assert answer[0] == found[3], name
        elif name == "system-fact":
            assert answer[0] in {"<8", ">=8"}


async def test_states(collecting):
    """All their questions are being answered."""
    _, client = collecting
    questions = {one: row for name in EXAMPLES for one, row in (await client.questions(application(name))).items()}
    assert {row["state"] for row in questions.values()} == {"active"}
    assert len(questions) == 6

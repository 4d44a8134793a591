"""What KDE's applications collect through KUserFeedback can be asked: docs/kuserfeedback is admitted, registered and pushed to."""

import json
import re

import pytest
from support.machine import CONTROL, ROOT, CallError
from support.machine_at import daemon_at

from telemetryd.core.privacy.admissibility import FEWEST_REPORTS, figures, most_cells, objections
from telemetryd.toml.manifest import parse

APP = "org.kde.example"
PATH = ROOT / f"docs/kuserfeedback/{APP}.toml"
TEXT = PATH.read_text()
IN_THEIR_PERIOD = "2026-12-09 10:00"
PAGE = (ROOT / "docs/migrating-from-kuserfeedback.md").read_text()
STANDARD = (
    *("applicationVersion", "compiler", "qtVersion", "qpa", "platform", "cpu", "opengl", "screens", "locale", "style"),
    *("startCount", "usageTime", "PropertyRatioSource", "SelectionRatioSource"),
)
"""The ids of KUserFeedback's standard sources, and its two classes for a source's own id."""
PUSHED = {
    "version": ("i", 2608),
    "compiler": ("s", "gcc"),
    "compiler-version": ("i", 14),
    "qt-version": ("i", 610),
    "platform-plugin": ("s", "xcb"),
    "starts": ("i", 1),
    "usage-time": ("u", 42),
    "opengl-vendor": ("s", "intel"),
    "opengl-version": ("i", 46),
    "scale": ("d", 1.5),
    "style": ("s", "breeze"),
    "dark": ("b", True),
}
"""One sample of each source, as a Qt program sends it."""


def test_every_question_is_admissible():
    """Each question is admitted, has at most half of the cells that could be, and enough reports come for what it wants to know."""
    declaration = parse(TEXT)
    assert len(declaration.definitions) == 15
    for one in declaration.definitions:
        assert objections(one) == []
        assert one.cells <= most_cells(one.question.epsilon) // 2, one.question.id
        assert figures(one).reports >= FEWEST_REPORTS, one.question.id


def test_what_lint_says(machine):
    """`telemetryctl lint` warns of the questions with more than eight answers, which the page counts, and of nothing else."""
    done = machine.control("lint", "--format", "json", "--on", "2026-11-24", str(PATH))
    many = [one.question.id for one in parse(TEXT).definitions if one.cells > 8]
    assert (done.returncode, len(many)) == (0, 7)
    assert [re.search(r'"(.*)": sources: (\d+) possible answers', finding["message"])[1] for finding in json.loads(done.stdout)] == many


def test_the_page_names_every_source():
    """docs/migrating-from-kuserfeedback.md says what becomes of each standard source, and names each source of the manifest."""
    rows = "\n".join(line for line in PAGE.splitlines() if line.startswith("| `"))
    assert [one for one in STANDARD if f"`{one}`" not in rows] == []
    declaration = parse(TEXT)
    facts = {field.rpartition("/")[2] for one in declaration.definitions for field in one.question.sources if "/" in field}
    assert [one for one in [*(source.id for source in declaration.sources), *facts] if f"`{one}`" not in rows] == []
    pushed = re.findall(r'\{QStringLiteral\("([a-z-]+)"\), ', PAGE.partition("After,")[2])
    assert len(pushed) == 5
    assert set(pushed) <= PUSHED.keys()


@pytest.mark.parametrize("is_installed", [True, False])
async def test_it_registers_and_is_pushed_to(any_machine, is_installed):
    """A real daemon takes it, installed or registered, and a sample of each source; every question then has an answer of its own bins."""
    any_machine.develop()
    if is_installed:
        any_machine.install(TEXT, reviewed=False)
    with daemon_at(any_machine, IN_THEIR_PERIOD):
        async with any_machine.client() as client:
            assert await client.register(APP, TEXT) == parse(TEXT).digest
            await client.consent(APP)
            assert {one["state"] for one in (await client.questions()).values()} == {"active"}
            await client.push_many(APP, PUSHED)
            with pytest.raises(CallError, match="InvalidValue"):
                await client.push(APP, "version", "s", "26.08.1")
            answers = {name.rpartition("/")[2]: json.loads(body)["answer"] for name, (_, body) in (await client.preview()).items()}
            assert answers.keys() == {one.question.id for one in parse(TEXT).definitions}
            assert answers["opengl"] == ["intel", ">=33"]
            assert answers["starts-a-week"] == ["<2"]
            assert answers["styles"] == ["breeze", "true"]
            assert answers["compilers"] == ["gcc", ">=14"]
            assert [one["id"].value for one in (await client.call(CONTROL, "ListApplications"))[0]] == [APP]

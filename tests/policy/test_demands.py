"""What is demanded of those who ask: a vendor's part of the policy that a program can insist on. Policy: M1, P2, C8."""

from pathlib import Path

import pytest
from support.machine import CONTROL, KATE
from support.machine_at import accept_last_week, rows
from support.manifests.manifest_texts import this_week

from telemetryd.errors import InvalidFileError, InvalidManifestError
from telemetryd.toml import config, manifest

ROOT = Path(__file__).parents[2]
KATE_ID = "org.kde.kate"
REVIEW = f"""\
[[review]]
application = "org.kde.kate"
question = "startup-time"
definition = "sha256:{"0" * 64}"
reviewers = ["Ada <ada@example.org>", "Bo <bo@example.org>"]
record = "https://example.org/review/1"
date = 2026-01-01
"""


@pytest.mark.parametrize(
    "key",
    [
        "contact",
        "vendor",
        "name",
        "description",
        "purpose",
        "decision",
        "category",
        "detail",
        "sources",
        "period",
        "starts",
        "ends",
        "bins",
    ],
)
def test_what_is_mandatory(key):
    """Without contact (C8), purpose and decision (M1), category (P2), end (M4) or bins (M2), and so on, nothing can be declared."""
    assert manifest.parse(KATE)
    without = "".join(line for line in KATE.splitlines(keepends=True) if not line.startswith(f"{key} ="))
    with pytest.raises(InvalidManifestError, match=f"{key}: is missing"):
        manifest.parse(without)


@pytest.mark.parametrize("type_", ["string", "text", "url", "list", "object", "histogram", "event"])
def test_no_text_can_be_declared(type_):
    """There is no type for text, events or records of any kind. Policy: P1."""
    with pytest.raises(InvalidManifestError, match="type"):
        manifest.parse(KATE.replace('type = "number"', f'type = "{type_}"'))


@pytest.mark.parametrize("key", ["record", "reviewers", "date", "definition"])
def test_a_review_is_public(key):
    """A review without its public record, its reviewers, its date or the exact definition is none. Policy: R1, R3."""
    assert config.parse_reviews(REVIEW, "kde.toml")
    without = "".join(line for line in REVIEW.splitlines(keepends=True) if not line.startswith(f"{key} ="))
    with pytest.raises(InvalidFileError, match=f"{key}: is missing"):
        config.parse_reviews(without, "kde.toml")


async def test_without_a_review_nothing_is_collected(machine):
    """An installed manifest that nobody reviewed: its question cannot be accepted, and nothing pushed is kept. Policy: R1."""
    machine.install(KATE, reviewed=False)
    with machine.daemon():
        async with machine.client() as client:
            await client.set("Usage", 2)
            assert (await client.questions())["startup-time"]["state"] == "unreviewed"
            await client.push(KATE_ID, "startup", "d", 700.0)
            assert rows(machine, "SELECT * FROM tally") == []


async def test_a_review_that_is_withdrawn_ends_collecting(machine):
    """A review that is gone pauses a running question at once. Policy: R1, R4."""
    machine.install(this_week(KATE))
    await accept_last_week(machine, KATE_ID)
    with machine.daemon():
        async with machine.client() as client:
            await client.push(KATE_ID, "startup", "d", 700.0)
            before = rows(machine, "SELECT cells FROM tally")
            for file in (machine.root / "share/telemetryd/reviews.d").iterdir():
                file.unlink()
            assert (await client.questions())["startup-time"]["cause"] == "unreviewed"
            await client.push(KATE_ID, "startup", "d", 700.0)
            assert rows(machine, "SELECT cells FROM tally") == before


async def test_the_contact_is_shown(machine):
    """Whom to write to stands beside every application, on the bus and in telemetryctl. Policy: C8."""
    machine.install(KATE)
    with machine.daemon():
        async with machine.client() as client:
            (about,) = (await client.call(CONTROL, "ListApplications"))[0]
            assert about["contact"].value == "https://kde.org/privacypolicy-apps"
        assert "https://kde.org/privacypolicy-apps" in machine.control("show", KATE_ID).stdout


async def test_a_question_explains_itself(machine):
    """Purpose, decision, fields, reviewers, record, endpoint and a whole example are shown, without any network. Policy: T1, T2, T3, R3."""
    machine.configure('[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1"\n')
    machine.install(KATE)
    with machine.daemon():
        async with machine.client() as client:
            question = (await client.questions())["startup-time"]
            assert question["purpose"] == "Is start-up too slow?"
            assert question["decision"] == "Whether the session restore is loaded lazily"
            assert len(question["fields"]) == 1
            assert question["reviewers"] == ["Ada <ada@example.org>", "Bo <bo@example.org>"]
            assert question["record"] == "https://example.org/review/1"
            assert question["endpoint"] == "https://telemetry.example.org/v1"
            assert '"answer":["<500"]' in question["example"]


def test_the_changelog_puts_data_first():
    """What changed in the data that can be collected, kept or sent stands first in each release's notes. Policy: T4."""
    releases = (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1:]
    assert releases
    for release in releases:
        headings = [line for line in release.splitlines() if line.startswith("### ")]
        assert "### Data" not in headings[1:]

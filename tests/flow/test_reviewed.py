"""From a manifest to two sign-offs, to the user, to collecting; and what a change of the manifest does to it. Policy: R1, R2, T1."""

import json

from support.machine import KATE as NEXT_WEEK
from support.machine_at import daemon_at
from support.manifests.manifest_texts import this_week

KATE = this_week(NEXT_WEEK)
APP, QUESTION, RECORD = "org.kde.kate", "startup-time", "https://example.org/review/42"
REVIEWERS = ["Ada <ada@example.org>", "Bo <bo@example.org>"]
CHANGE = "`startup` is now kept in 4 bins instead of 3: the edge 1000\u00a0ms is new (finer)."
GERMAN = KATE.replace("decision =", '"purpose[de]" = "Ist der Start zu langsam?"\ndecision =').replace(
    "summary", '"name[de]" = "Käte"\nsummary'
)
FINER = GERMAN.replace("[500, 2000]", "[500, 1000, 2000]")


def sign(machine, who, *more):
    """Sign Kate's installed manifest off, with the rights to write the system's reviews."""
    manifest = machine.root / "share/telemetryd/manifests" / f"{APP}.toml"
    machine.control("review", manifest, "--sign-off", f"{who} <{who.lower()}@example.org>", *more, "--yes")


async def row(client):
    """The question as it is shown."""
    return (await client.questions(APP))[QUESTION]


async def test_round_trip(machine):
    """One signature admits nothing, two do; accepted, it collects. A German text changes nothing; one bin edge needs reviewers again."""
    machine.install(KATE, reviewed=False)
    with daemon_at(machine, "-7d"):
        async with machine.client() as client:
            await client.set("Usage", 1)
            assert (await row(client))["state"] == "unreviewed"
            sign(machine, "Ada", "--record", RECORD)
            assert (await row(client))["state"] == "unreviewed"
            sign(machine, "Bo")
            found = await row(client)
            assert (found["state"], found["record"], found["reviewers"]) == ("pending", RECORD, REVIEWERS)
            await client.accept(APP)
            machine.install(GERMAN, reviewed=False)
            assert (await row(client))["state"] == "waiting"
    with machine.daemon():
        async with machine.client() as client:
            await client.push(APP, "startup", "d", 700.0)
            machine.install(KATE, reviewed=False)
            assert (await row(client))["state"] == "active"
            ((_, body),) = (await client.preview()).values()
            assert json.loads(body)["answer"] == ["500..2000"]


async def test_changed_again(machine):
    """One bin edge more: unreviewed until two sign the new definition; then the user is asked, with what changed, and it collects."""
    machine.install(KATE)
    with daemon_at(machine, "-7d"):
        async with machine.client() as client:
            await client.consent(APP)
            assert (await row(client))["state"] == "waiting"
            machine.install(FINER, reviewed=False)
            assert (await row(client))["state"] == "unreviewed"
            sign(machine, "Ada", "--record", RECORD)
            assert (await row(client))["state"] == "unreviewed"
            sign(machine, "Bo")
            found = await row(client)
            assert (found["state"], found["changes"]) == ("pending", [CHANGE])
            await client.accept(APP)
    with machine.daemon():
        async with machine.client() as client:
            await client.push(APP, "startup", "d", 700.0)
            assert (await row(client))["state"] == "active"
            ((_, body),) = (await client.preview()).values()
            assert json.loads(body)["answer"] == ["500..1000"]


def test_show_in_the_persons_language(any_machine):
    """`telemetryctl show` speaks the person's language, with the installed manifest's own text above the original that was reviewed."""
    machine = any_machine
    machine.install(GERMAN)
    with machine.daemon():
        shown = machine.run("env", "LC_ALL=de_DE.UTF-8", machine.python, "-m", "telemetryd.ctl", "show", APP).stdout
        english = machine.control("show", APP).stdout
    for text in (
        "Ist der Start zu langsam?",
        "das geprüfte Original: Is start-up too slow?",
        "Käte (org.kde.kate) fragt",
        "Von der Anwendung gemessen.",
    ):
        assert "".join(text.split()) in "".join(shown.split()), text
    assert "Ist der Start" not in english

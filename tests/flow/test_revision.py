"""What a report says of the definition that it answers, on the wire. Policy: A2."""

import json

import pytest
from support.machine import KATE_2026, Machine
from support.timeline import APPLICATION, Timeline, at

TEXTS = {
    "plain": KATE_2026,
    "reworded": KATE_2026.replace("to the first window", "until a window is shown").replace("Is start-up too slow?", "Is start-up slow?"),
    "renamed": KATE_2026.replace('name = "Kate"', 'name = "Kate Editor"').replace("policy-apps", "policy-editors"),
    "finer": KATE_2026.replace("[500, 2000]", "[501, 2000]"),
}
"""Manifests of one application on four machines: three differ in texts alone, the last in one bin edge."""


async def sent(root, text, receiver, ca_file):
    """(digest that the user accepted, revision in the history, bytes that reached the server) of an installation with this manifest."""
    with Machine(root) as machine:
        machine.install(text)
        timeline = Timeline(machine, receiver, ca_file)
        timeline.set_clock(at("2026-10-07 10:00"))
        async with machine.client() as timeline.client:
            try:
                row = await timeline.queue()
                digest = (await timeline.client.questions(APPLICATION))["startup-time"]["digest"]
                await timeline.go_to_slot()
                await timeline.run_until_sent()
                return digest, row["revision"], timeline.bodies()[-1]
            finally:
                timeline.close()


@pytest.mark.timeout(300)
async def test_no_text_reaches_the_wire(tmp_path, receiver, certificate):
    """Installations whose texts differ send one revision, and one bin edge makes another, though each user accepted another digest.

    Apart from revision, answer and nonce, which noise and chance draw, their reports are the same bytes.
    """
    found = {name: await sent(tmp_path / name, text, receiver, certificate[0]) for name, text in TEXTS.items()}
    digests, revisions, bodies = ({name: one[part] for name, one in found.items()} for part in range(3))
    reports = {name: json.loads(body) for name, body in bodies.items()}
    assert {name: report["revision"] for name, report in reports.items()} == revisions
    assert revisions["plain"] == revisions["reworded"] == revisions["renamed"] != revisions["finer"]
    assert len(set(digests.values())) == len(TEXTS)
    assert len({report["nonce"] for report in reports.values()}) == len(TEXTS)
    drawn = {"revision", "answer", "nonce"}
    assert len({json.dumps({key: value for key, value in report.items() if key not in drawn}) for report in reports.values()}) == 1
    assert {len(body) for body in bodies.values()} == {1024}

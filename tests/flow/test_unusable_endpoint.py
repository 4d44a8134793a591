"""An endpoint that cannot work on this machine promises and charges nothing, and the user's programs are told why."""

from pathlib import Path

import pytest
from support.timeline import HOUR_S, at

RELAY = 'ohttp_relay = "https://relay.example.net/kde"\nohttp_keys = "{}"\n'


async def told(timeline):
    """What Problems says of the endpoint."""
    return [(file, text) for file, text in await timeline.client.get("Problems") if "[endpoint.kde]" in text]


async def spent(timeline):
    """What of the host's budget is spent or reserved."""
    return (await timeline.ledger()).get("", (0.0, 0.0))


async def test_authority_missing_from_the_beginning(timeline):
    """Without its `ca_file` an endpoint reserves nothing when the period begins, charges nothing when it ends, and gets no report."""
    file = Path(timeline.ca_file)
    text = file.read_text()
    file.unlink()
    try:
        await timeline.collect()
        problem = "[endpoint.kde] ca_file: this file cannot be read (No such file or directory); the endpoint is not used before that"
        assert await told(timeline) == [(timeline.ca_file, problem)]
        assert await timeline.question() == ("active", "unusable_endpoint")
        assert await spent(timeline) == (0.0, 0.0)
        await timeline.move(at("2026-10-19 00:01"))
        assert await timeline.question() == ("passed", "unusable_endpoint")
        assert await spent(timeline) == (0.0, 0.0)
    finally:
        file.write_text(text)
    assert await told(timeline) == []
    await timeline.move(at("2026-11-24"))
    await timeline.run(2 * HOUR_S)
    assert timeline.bodies() == []


async def test_authority_that_comes_back(timeline):
    """If the file is back before the period ends, the answer is charged and queued as any other."""
    file = Path(timeline.ca_file)
    text = file.read_text()
    file.write_text("no certificate")
    await timeline.collect()
    ((name, problem),) = await told(timeline)
    assert (name, problem.partition(";")[0]) == (timeline.ca_file, "[endpoint.kde] ca_file: expected certificates (PEM)")
    file.write_text(text)
    assert await timeline.question() == ("active", "")
    assert await told(timeline) == []
    await timeline.move(at("2026-10-19 00:01"))
    assert (await timeline.question())[0] == "reporting"
    assert await spent(timeline) == (2.0, 0.0)


@pytest.mark.parametrize("content", [None, b"", b"\0" * 20_000])
async def test_keys_missing(timeline, content):
    """Without the gateway's keys an endpoint with a relay is no endpoint; the problem names their file."""
    keys = timeline.machine.root / "kde.keys"
    if content is not None:
        keys.write_bytes(content)
    timeline.name_endpoint(timeline.receiver.url())
    path = timeline.machine.root / "etc/telemetryd/telemetryd.toml"
    path.write_text(path.read_text() + RELAY.format(keys))
    await timeline.start()
    await timeline.accept()
    assert await timeline.question() == ("waiting", "unusable_endpoint")
    (row,) = (await timeline.client.questions("org.kde.kate")).values()
    assert (
        row["reason"] == f"You said yes, but nothing could be sent: the file with the keys for its vendor's server cannot be used ({keys})."
    )
    ((name, problem),) = await told(timeline)
    assert name == str(keys)
    assert problem.startswith("[endpoint.kde] ohttp_keys: ")

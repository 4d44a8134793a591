"""Nothing is kept before the user's yes, and nothing shows it."""

import asyncio

from support.machine import KATE, TELEMETRY, Machine, Variant, no_reply

PUSHES = 10_000


async def _push_all(client, count):
    replies = [client.push("org.kde.kate", "startup", "d", 700.0 + number) for number in range(count)]
    await asyncio.gather(*replies)


async def _state_after(machine, count):
    """The state directory and the log after so many pushes without consent and an orderly exit."""
    machine.install(KATE)
    with machine.daemon() as daemon:
        async with machine.client() as client:
            await _push_all(client, count)
            client.bus.send(no_reply(TELEMETRY, "Push", "ssv", "org.kde.kate", "startup", Variant("d", 1.0)))
            await client.call(TELEMETRY, "Push", "ssv", "org.kde.kate", "startup", Variant("d", 1.0))
        assert daemon.stop() == 0
        return machine.state(), daemon.log


async def test_pushes_without_consent_leave_no_trace(tmp_path):
    """With no consent given, 10,000 pushes leave no file, row, counter or log line that differs from none."""
    with Machine(tmp_path / "none") as none, Machine(tmp_path / "many") as many:
        assert await _state_after(none, 0) == await _state_after(many, PUSHES)

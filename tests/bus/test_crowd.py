"""A connection on which one caller's calls take long: others have their turn, and nothing is lost or reordered."""

import asyncio
import time

from support.bus.served_object import connected

from telemetryd.bus.transport.library import MessageType, Variant
from telemetryd.core.limits import TURN_S

CALLS, LONG_CALLS, TRIES = 150, 60, 20
PUSH = ["a", "b", Variant("u", 1)]


def slow(_caller, _call, turns=1.2):
    """Take more processor time than a turn, as a long text does."""
    end = time.thread_time() + turns * TURN_S
    while time.thread_time() < end:
        pass


def half_slow(_caller, _call):
    """Take less than a turn, as thousands of samples do."""
    slow(_caller, _call, turns=0.6)


async def answered(telemetry, count, value, *, others):
    """The order of the replies to so many calls of one caller, by number, and to calls of another one, which come when they are waiting."""
    other = await connected(telemetry.address)
    await telemetry.ask("Push", "ssv", PUSH)
    await other.ask(telemetry.call("Push", "ssv", PUSH))
    order = []

    async def note(edge, who, *body):
        await edge.ask(telemetry.call("Push", "ssv", ["a", "b", *body]))
        order.append(who)

    flood = [asyncio.ensure_future(note(telemetry.client, number, value)) for number in range(count)]
    while not order:
        await asyncio.sleep(0)
    await asyncio.gather(*flood, *(note(other, name, Variant("u", 1)) for name in others))
    await other.disconnect()
    return order


async def test_another_caller_does_not_wait_for_all(telemetry):
    """While 150 slow calls of one caller wait, another caller's are answered after a few of them; each one's replies keep their order."""
    telemetry.answers.does["Push"] = slow
    names = [f"other {number}" for number in range(3)]
    order = await answered(telemetry, CALLS, Variant("u", 1), others=names)
    assert [entry for entry in order if isinstance(entry, int)] == list(range(CALLS))
    assert [entry for entry in order if isinstance(entry, str)] == names
    assert order.index("other 2") < CALLS * 2 // 3


async def test_long_messages_that_take_less_than_a_turn(telemetry):
    """A batch may be one long message, and no longer than a turn. While many of one caller wait, another caller does not wait for all."""
    telemetry.answers.does["Push"] = half_slow
    order = await answered(telemetry, LONG_CALLS, Variant("ad", [0.0] * 5_000), others=["other"])
    assert [entry for entry in order if isinstance(entry, int)] == list(range(LONG_CALLS))
    assert order.index("other") < LONG_CALLS * 5 // 6


async def test_what_was_received_is_handled_before_the_name_is_released(telemetry):
    """Every call that came by a name is handed over when its release is done, also those that wait for their turn."""
    telemetry.answers.does["Push"] = slow
    await telemetry.ask("Push", "ssv", PUSH)
    flood = [asyncio.ensure_future(telemetry.ask("Push", "ssv", PUSH)) for _ in range(CALLS)]
    while len(telemetry.answers.called) < 3:
        await asyncio.sleep(0)
    await telemetry.edge.release(telemetry.interface.name)
    assert len(telemetry.answers.called) == CALLS + 1
    assert {reply.message_type for reply in await asyncio.gather(*flood)} == {MessageType.METHOD_RETURN}
    await telemetry.edge.own(telemetry.interface.name)


async def test_what_waits_of_a_caller_that_left_is_dropped(telemetry):
    """A caller that leaves takes what waits of its calls with it: the time is for others."""
    telemetry.answers.does["Push"] = slow
    leaver = await connected(telemetry.address)
    await leaver.ask(telemetry.call("Push", "ssv", PUSH))
    before = len(telemetry.answers.called)
    for _ in range(CALLS):
        leaver.send(telemetry.call("Push", "ssv", PUSH))
    while len(telemetry.answers.called) < before + 3:
        await asyncio.sleep(0)
    await leaver.disconnect()
    await telemetry.ask("Push", "ssv", PUSH)
    await telemetry.edge._pump.wait_handed_over()
    assert len(telemetry.answers.called) < before + CALLS


async def test_a_hold_holds_a_crowd(telemetry):
    """Nothing is handed over while reading is held; it goes on after that."""
    telemetry.answers.does["Push"] = slow
    await telemetry.ask("Push", "ssv", PUSH)
    flood = [asyncio.ensure_future(telemetry.ask("Push", "ssv", PUSH)) for _ in range(CALLS)]
    while len(telemetry.answers.called) < 3:
        await asyncio.sleep(0)
    telemetry.edge.hold()
    called = len(telemetry.answers.called)
    await asyncio.sleep(10 * TURN_S)
    assert len(telemetry.answers.called) == called < CALLS
    telemetry.edge.resume()
    await asyncio.gather(*flood)


async def test_more_values_than_make_sense_are_refused(telemetry):
    """A call with too many values is refused, in a crowd and before; the caller's next call is answered."""
    await telemetry.ask("Push", "ssv", PUSH)
    for _ in range(2):
        refused = await telemetry.refusal("Push", "ssv", ["a", "b", Variant("ad", [0.0] * 30_000)])
        assert refused.name == "org.freedesktop.DBus.Error.LimitsExceeded"
        assert "values" in refused.text
        telemetry.answers.does["Push"] = slow
        for _ in range(TRIES):  # a first long batch makes it wary, a second one soon after it sorts
            await asyncio.gather(*(telemetry.ask("Push", "ssv", PUSH) for _ in range(3)))
            if telemetry.edge._pump._queues is not None:
                break
        assert telemetry.edge._pump._queues is not None

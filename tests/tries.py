"""The tries of a timeline's only report: the first, the next a day later, and that there is no other."""

from timeline import DAY_S, HOUR_S

NO_NONCE = '"nonce":"' + "0" * 32
"""What stands in the history for the nonce of a report that is over."""


def status(line, *headers):
    """A server's whole answer."""
    return "\r\n".join([f"HTTP/1.1 {line}", "Content-Length: 0", *headers, "", ""]).encode()


async def send_first(timeline, answer):
    """Collect, close and send; the history's row before it was sent, and the moment of the first try."""
    timeline.receiver.answer = answer
    before = await timeline.queue()
    await timeline.go_to_slot()
    return before, await timeline.run_until_tried(1, within_s=3 * HOUR_S)


async def try_again(timeline, tries, after_s):
    """The next try comes no earlier than so long after the last; the moment of it."""
    earliest = int(timeline.now) - 600 + after_s
    await timeline.move(earliest - 2 * HOUR_S)
    await timeline.run(2 * HOUR_S - 1200)
    assert timeline.tries() == tries - 1
    return await timeline.run_until_tried(tries, within_s=4 * HOUR_S)


async def never_again(timeline):
    """Running on through the rest of both windows sends nothing."""
    count = len(timeline.bodies())
    for _ in range(10):
        await timeline.move(int(timeline.now) + DAY_S)
        await timeline.run(2 * HOUR_S)
    assert len(timeline.bodies()) == count


async def waiting(timeline):
    """Why reports wait, as the user's programs are told."""
    return [(file, text) for file, text in await timeline.client.get("Problems") if "reports wait" in text]


async def wait_for_the_next(timeline):
    """Jump to where the report may be tried again, if that is to come."""
    ((moment,),) = timeline.rows("SELECT not_before FROM report")
    await timeline.move(max(moment, int(timeline.now)))


async def held(timeline, word):
    """The report is held for this reason, which was no try, and the next one is a day away."""
    ((moment,),) = timeline.rows("SELECT not_before FROM report")
    await wait_for_the_next(timeline)
    for _ in range(24):
        ((following, tries, told),) = timeline.rows("SELECT not_before, tries, held FROM report")
        if following != moment:
            break
        await timeline.run(600)
    assert (tries, told) == (0, word)
    assert following >= int(timeline.now) + DAY_S - 600 - HOUR_S

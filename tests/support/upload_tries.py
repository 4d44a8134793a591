"""The sending of a timeline's only report, and that nothing more is sent."""

from support.timeline import DAY_S, HOUR_S, STEP_S

NO_NONCE = '"nonce":"' + "0" * 32
"""What stands in the history for the nonce of a report that is over."""
_BEFORE_S = 900


def status(line, *headers):
    """A server's whole answer."""
    return "\r\n".join([f"HTTP/1.1 {line}", "Content-Length: 0", *headers, "", ""]).encode()


async def send(timeline, answer):
    """Collect, close and send; the history's row before it was sent."""
    timeline.receiver.answer = answer
    before = await timeline.queue()
    await timeline.go_to_slot()
    await timeline.run_until_sent()
    return before


async def never_again(timeline):
    """Running on through the rest of both windows sends nothing, at six ticks or more: each hour of running time has one."""
    count = len(timeline.bodies())
    for _ in range(7):  # two windows are 56 days
        await timeline.move(int(timeline.now) + 9 * DAY_S)
        await timeline.run(HOUR_S)
    assert len(timeline.bodies()) == count


async def waiting(timeline):
    """Why reports wait, as the user's programs are told."""
    return [(file, text) for file, text in await timeline.client.get("Problems") if "reports wait" in text]


async def held(timeline, word):
    """The report's slot comes, nobody is reached for this reason, and the report waits for another slot."""
    moment = timeline.slot()
    await timeline.move(max(moment - _BEFORE_S, int(timeline.now)))  # a slot within a session is not late, on whatever day
    await timeline.finish()  # a jump may be a tick: while one is under way no running time is counted, and a session would end
    for _ in range(24):
        ((following, started, cause),) = timeline.rows("SELECT slot, started, held FROM report")
        if following != moment:
            break
        await timeline.run(STEP_S)
    assert (started, cause) == (0, word)
    assert following > moment

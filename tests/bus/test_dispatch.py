import asyncio
import logging
import subprocess
from contextlib import AsyncExitStack, suppress
from time import thread_time

import pytest
from support.bus.served_object import PATIENCE_S, connected

from telemetryd import errors
from telemetryd.bus import dispatch
from telemetryd.bus.dispatch import PENDING_STEP_CALLS, RUNNING_MAX_CALLS, RUNNING_MAX_EACH
from telemetryd.bus.identity import Confinement
from telemetryd.bus.interfaces import PEER, PROPERTIES, TELEMETRY
from telemetryd.bus.pending_calls import PENDING_EACH_BYTES, PENDING_EACH_CALLS, PENDING_MAX_BYTES, PENDING_MAX_CALLS
from telemetryd.bus.transport import array_body, connection
from telemetryd.bus.transport.library import MessageFlag, MessageType, Variant
from telemetryd.bus.transport.output import marshalled
from telemetryd.core.limits import LONG_CALL_S, TURN_S
from telemetryd.redact import INTERNAL_TEXT

STANDARD = "org.freedesktop.DBus.Error."
PUSH = ["a", "b", Variant("u", 1)]


async def test_own_errors_keep_name_and_text(control):
    """An error of ours reaches the caller by its bus name with its text."""

    def change(_caller, _call):
        raise errors.ChangedError("the digest is not the one that is asked for now")

    control.answers.does["Accept"] = change
    refused = await control.refusal("Accept", "sa{ss}", ["", {}])
    assert (refused.name, refused.text) == ("org.telemetryd.Error.Changed", "the digest is not the one that is asked for now")


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_fault_says_nothing(control, caplog, is_async):
    """Any other exception is one fixed error to the caller; the journal gets type and place, and no value, not even a cause's."""

    def fail(_caller, _call):
        try:
            int("secret-1")
        except ValueError as cause:
            raise KeyError("secret-2") from cause

    async def fail_later(caller, call):
        fail(caller, call)

    control.answers.does["Erase"] = fail_later if is_async else fail
    with caplog.at_level(logging.DEBUG):
        refused = await control.refusal("Erase", "s", ["secret-3"])
    assert (refused.name, refused.text) == (errors.INTERNAL, INTERNAL_TEXT)
    assert "KeyError at " in caplog.text
    assert "after ValueError at " in caplog.text
    assert "test_dispatch.py:" in caplog.text
    assert "secret" not in caplog.text


async def test_a_long_list_is_marshalled_in_pieces(control, monkeypatch):
    """A list of half a megabyte arrives whole, but the library never marshals more than a fraction of it at once."""
    rows = [{"number": Variant("u", number), "text": Variant("s", "x" * 500)} for number in range(1000)]
    lengths = []

    def measured(message, **options):
        data = marshalled(message, **options)
        lengths.append(len(data))
        return data

    async def answer(_caller, _call):
        return [rows]

    for module in (array_body, connection):
        monkeypatch.setattr(module, "marshalled", measured)
    control.answers.does["Ledger"] = answer
    assert (await control.ask("Ledger")).body == [rows]
    assert len(lengths) > 60
    assert max(lengths) < 10_000


@pytest.mark.parametrize("number", [1, 1000])
async def test_a_list_with_an_unfit_row_is_a_fault(control, number):
    """However long the list is, a row without the declared types makes it a fault, and the connection lives on."""

    async def answer(_caller, _call):
        return [[{}] * number + [{"key": "not a variant"}]]

    control.answers.does["Ledger"] = answer
    assert (await control.refusal("Ledger")).name == errors.INTERNAL
    assert (await control.ask("Get", "ss", [control.interface.name, "Version"], interface=PROPERTIES)).body[0].value == 1


async def test_a_reply_that_does_not_fit_is_a_fault(control):
    """A handler whose result does not have the declared types is answered as a fault, and the connection lives on."""
    control.answers.does["Ledger"] = lambda _caller, _call: ["not a list of dictionaries"]
    assert (await control.refusal("Ledger")).name == errors.INTERNAL
    assert (await control.ask("Submit")).message_type is MessageType.METHOD_RETURN


async def test_a_slow_call_keeps_nobody_waiting(control):
    """While an async handler waits, other calls are answered; its reply comes when it is done, with its result."""
    gate = asyncio.Event()

    async def wait(_caller, _call):
        await gate.wait()
        return [7, [["memory", "4..16", "kept"]]]

    control.answers.does["Watch"] = wait
    watching = asyncio.ensure_future(control.ask("Watch", "st", ["", 0]))
    await asyncio.sleep(0)
    assert (await control.ask("Submit")).message_type is MessageType.METHOD_RETURN
    assert not watching.done()
    gate.set()
    reply = await watching
    upto, events = reply.body
    assert (reply.signature, upto, [list(event) for event in events]) == ("ta(sss)", 7, [["memory", "4..16", "kept"]])


async def test_slow_calls_are_bounded(control):
    """Beyond its bound a caller's call that would wait is refused at once; others still find a place, until all places are taken."""
    gate = asyncio.Event()

    async def wait(_caller, _call):
        await gate.wait()

    control.answers.does["Erase"] = wait
    clients, waiting = [control.client], []
    for _ in range(RUNNING_MAX_CALLS // RUNNING_MAX_EACH):
        waiting += [asyncio.ensure_future(control.ask("Erase", "s", [""])) for _ in range(RUNNING_MAX_EACH)]
        await asyncio.sleep(0)
        assert (await control.refusal("Erase", "s", [""])).name == STANDARD + "LimitsExceeded"
        control.client = await connected(control.address)
        clients.append(control.client)
    assert (await control.refusal("Erase", "s", [""])).name == STANDARD + "LimitsExceeded"
    gate.set()
    assert {reply.message_type for reply in await asyncio.gather(*waiting)} == {MessageType.METHOD_RETURN}
    await control.ask("Erase", "s", [""])
    control.client, *others = clients
    for other in others:
        await other.disconnect()


async def test_no_reply_expected_means_none(telemetry):
    """A call that wants no reply gets none: not an empty one, not a result, not an error, not a late one."""

    async def later(_caller, _call):
        return None

    telemetry.answers.does["PushMany"] = later
    telemetry.answers.does["Register"] = lambda _caller, _call: ["sha256:0"]
    quiet = {"flags": MessageFlag.NO_REPLY_EXPECTED}
    for call in (
        telemetry.call("Push", "ssv", PUSH, **quiet),
        telemetry.call("PushMany", "sa{sv}", ["a", {}], **quiet),
        telemetry.call("Register", "ssa{sv}", ["a", "", {}], **quiet),
        telemetry.call("Push", "s", ["a"], **quiet),
        telemetry.call("Nothing", **quiet),
        telemetry.call("Ping", interface=PEER, **quiet),
    ):
        telemetry.client.send(call)
    await telemetry.ask("Push", "ssv", PUSH)
    await telemetry.dispatcher.wait_until_quiet()
    assert telemetry.recorder.record.count("reply") == 1
    assert [name for name, _ in telemetry.answers.called] == ["Push", "PushMany", "Register", "Push"]


async def test_replies_follow_the_calls(telemetry):
    """Acknowledgements, results and errors of one caller arrive in the order of its calls, parked or not."""
    telemetry.answers.does["Register"] = lambda _caller, _call: ["sha256:0"]
    order = []

    async def note(number, *call):
        with suppress(errors.BusCallError):
            await telemetry.ask(*call)
        order.append(number)

    calls = [("Push", "ssv", PUSH), ("Register", "ssa{sv}", ["a", "", {}]), ("Push", "s", ["a"]), ("Ping", "s", [""])]
    for _ in range(2):
        order.clear()
        await asyncio.gather(*(note(number, *calls[number % 4]) for number in range(40)))
        assert order == list(range(40))


async def test_a_failed_commit_answers_what_needed_it(telemetry):
    """When the commit fails, its error answers every call whose success needed it; a refused call keeps its own error, a read its value."""
    telemetry.answers.does["Register"] = lambda _caller, _call: ["sha256:0"]
    telemetry.failure = errors.StorageError("the state directory cannot be written")
    replies = await asyncio.gather(
        telemetry.ask("Push", "ssv", PUSH),
        telemetry.ask("Register", "ssa{sv}", ["a", "", {}]),
        telemetry.ask("Push", "s", ["a"]),
        telemetry.ask("Get", "ss", [TELEMETRY, "Version"], interface=PROPERTIES),
        return_exceptions=True,
    )
    storage = "org.telemetryd.Error.Storage"
    assert [refused.name for refused in replies[:3]] == [storage, storage, STANDARD + "InvalidArgs"]
    assert replies[0].text == "the state directory cannot be written"
    assert replies[3].body[0].value == 1


async def test_no_reply_leaves_before_the_commit(telemetry):
    """The replies of a batch are sent after its commit, not before."""
    await telemetry.ask("Push", "ssv", PUSH)
    telemetry.recorder.record.clear()
    await asyncio.gather(*(telemetry.ask("Push", "ssv", PUSH) for _ in range(9)))
    assert telemetry.recorder.record[0] == "commit"
    assert telemetry.recorder.record.count("reply") == 9


async def test_while_nothing_can_be_committed(telemetry, monkeypatch):
    """What needs no commit is answered at once. The others wait; from a number of them on reading stops, once, until they are answered."""
    monkeypatch.setattr(dispatch, "POSTPONED_MAX_CALLS", 3)
    await telemetry.ask("Push", "ssv", PUSH)
    telemetry.is_postponed = True
    waiting = [asyncio.ensure_future(telemetry.ask("Push", "ssv", PUSH)) for _ in range(2)]
    assert (await telemetry.ask("Get", "ss", [TELEMETRY, "Version"], interface=PROPERTIES)).body[0].value == 1
    assert "hold" not in telemetry.recorder.record
    for serial in (901, 902):
        telemetry.dispatcher.on_call(telemetry.call("Push", "ssv", PUSH, sender=telemetry.client.unique_name, serial=serial))
    for _ in range(2):
        telemetry.dispatcher.postpone()
    assert telemetry.recorder.record.count("hold") == 1
    assert not any(one.done() for one in waiting)
    telemetry.is_postponed = False
    telemetry.dispatcher.finish()
    assert {reply.message_type for reply in await asyncio.gather(*waiting)} == {MessageType.METHOD_RETURN}
    assert telemetry.recorder.record.count("resume") == 1


async def test_calls_are_parked_until_their_caller_is_known(telemetry):
    """A caller is asked about once; what it calls meanwhile waits and is answered in order; it is forgotten when it leaves."""
    await asyncio.gather(*(telemetry.ask("Push", "ssv", PUSH) for _ in range(20)))
    name = telemetry.client.unique_name
    assert telemetry.recorder.record.count("reply") == 20
    assert telemetry.callers.known[name].kind is Confinement.HOST
    await telemetry.client.disconnect()
    async with asyncio.timeout(PATIENCE_S):
        while name in telemetry.callers.known:
            await asyncio.sleep(0)
    telemetry.client = await connected(telemetry.address)


async def test_a_caller_that_another_object_knows_keeps_its_order(telemetry):
    """Calls that come after the caller became known elsewhere still wait behind those that are parked."""
    telemetry.door.is_open.clear()
    order = []

    async def note(number):
        await telemetry.ask("Push", "ssv", ["a", str(number), Variant("u", 1)])
        order.append(number)

    async def send(numbers):
        calls = [asyncio.ensure_future(note(number)) for number in numbers]
        for _ in calls:
            await asyncio.wait_for(telemetry.received.get(), PATIENCE_S)
        return calls

    parked = await send(range(3))
    await telemetry.callers.identify(telemetry.client.unique_name)
    parked += await send(range(3, 6))
    telemetry.door.is_open.set()
    await asyncio.gather(*parked)
    assert order == list(range(6))


@pytest.mark.parametrize(
    ("callers", "each", "length"),
    [(1 + PENDING_MAX_CALLS // PENDING_EACH_CALLS, PENDING_EACH_CALLS, 10), (9, 1, PENDING_MAX_BYTES // 8)],
    ids=["many", "long"],
)
async def test_parked_calls_are_bounded(telemetry, callers, each, length):
    """At a bound of number or size the connection is not read any more; once the callers are known it is, and every call is answered."""
    telemetry.door.is_open.clear()
    async with AsyncExitStack() as stack:
        clients = [await connected(telemetry.address) for _ in range(callers)]
        for client in clients:
            stack.push_async_callback(client.disconnect)
        calls = [
            asyncio.ensure_future(client.ask(telemetry.call("Register", "ssa{sv}", ["a", "x" * length, {}])))
            for client in clients
            for _ in range(each)
        ]
        await asyncio.wait_for(telemetry.recorder.is_held.wait(), PATIENCE_S)
        assert telemetry.answers.called == []
        telemetry.door.is_open.set()
        assert {reply.message_type for reply in await asyncio.gather(*calls)} == {MessageType.METHOD_RETURN}
        held = [step for step in telemetry.recorder.record if step in {"hold", "resume"}]
        assert held == ["hold", "resume"] * (len(held) // 2)


@pytest.mark.parametrize(("count", "length"), [(4 * PENDING_MAX_CALLS, 10), (6, PENDING_EACH_BYTES * 3 // 4)], ids=["many", "long"])
async def test_parked_calls_of_one_caller_hold_up_nobody(telemetry, count, length):
    """However many calls one caller sends until it is identified, or how long ones, another caller's are answered meanwhile.

    Its own are all answered afterwards, in their order.
    """
    other, order = await connected(telemetry.address), []
    await other.ask(telemetry.call("Push", "ssv", PUSH))
    telemetry.door.is_open.clear()

    async def note(number):
        await telemetry.ask("Register", "ssa{sv}", ["a", "x" * length, {}])
        order.append(number)

    calls = [asyncio.ensure_future(note(number)) for number in range(count)]
    for _ in range(50):
        await other.ask(telemetry.call("Push", "ssv", PUSH))
    assert "block" in telemetry.recorder.record
    assert "hold" not in telemetry.recorder.record
    assert {name for name, _ in telemetry.answers.called} == {"Push"}
    telemetry.door.is_open.set()
    await asyncio.gather(*calls)
    assert order == list(range(count))
    await other.disconnect()


async def test_large_replies_to_parked_calls_wait_for_each_other(control):
    """The replies to parked calls are written as they come, not heaped up: at no time do more than a few wait."""
    control.answers.does["Preview"] = lambda _caller, _call: [[["a/b", "", "x" * 1_000_000]]]
    control.door.is_open.clear()
    calls = [asyncio.ensure_future(control.ask("Preview", "s", [""])) for _ in range(3 * PENDING_STEP_CALLS)]
    for _ in calls:
        await control.received.get()
    control.door.is_open.set()
    await asyncio.gather(*calls)
    steps = "".join(step[0] for step in control.recorder.record if step in {"reply", "drain"}).split("d")
    assert sum(map(len, steps)) == 3 * PENDING_STEP_CALLS
    assert max(map(len, steps)) <= PENDING_STEP_CALLS


async def test_parked_calls_are_answered_while_others_wait_for_a_commit(telemetry):
    """Behind many replies that wait for a commit, the replies to parked calls that need none leave as they come, not heaped up."""
    await telemetry.ask("Ping", interface=PEER)
    telemetry.is_postponed = True
    waiting = [asyncio.ensure_future(telemetry.ask("Push", "ssv", PUSH)) for _ in range(PENDING_STEP_CALLS + 1)]
    other = await connected(telemetry.address)
    telemetry.door.is_open.clear()
    asked = [telemetry.call("Get", "ss", [TELEMETRY, "Version"], interface=PROPERTIES) for _ in range(8)]
    calls = [asyncio.ensure_future(other.ask(call)) for call in asked]
    for _ in range(1 + len(waiting) + len(calls)):
        await asyncio.wait_for(telemetry.received.get(), PATIENCE_S)
    telemetry.recorder.record.clear()
    telemetry.door.is_open.set()
    assert [reply.body[0].value for reply in await asyncio.gather(*calls)] == [1] * len(calls)
    assert telemetry.recorder.record.count("commit") >= len(calls)
    assert not any(one.done() for one in waiting)
    telemetry.is_postponed = False
    telemetry.dispatcher.finish()
    assert {reply.message_type for reply in await asyncio.gather(*waiting)} == {MessageType.METHOD_RETURN}
    await other.disconnect()


@pytest.mark.parametrize(("turns", "least", "most"), [(0, 1, 4), (1.2, 6, 9)], ids=["short ones", "long ones"])
async def test_parked_calls_share_a_turn(control, turns, least, most):
    """Of six parked calls the short ones are answered together, and each that takes more than a turn before the next one runs.

    Others get their turn in between, but nothing waits: all are answered within a few turns.
    """

    def work(_caller, _call):
        before = thread_time()
        while thread_time() - before < turns * TURN_S:
            pass
        return [[]]

    control.answers.does["Preview"] = work
    control.door.is_open.clear()
    calls = [asyncio.ensure_future(control.ask("Preview", "s", [""])) for _ in range(6)]
    for _ in calls:
        await asyncio.wait_for(control.received.get(), PATIENCE_S)
    control.recorder.record.clear()
    control.door.is_open.set()
    await asyncio.wait_for(asyncio.gather(*calls), PATIENCE_S)
    assert least <= control.recorder.record.count("commit") <= most  # two more than needed: a short call may take long once


@pytest.mark.parametrize(
    ("members", "least", "most"),
    [(["Preview"], 0, 0), (["Preview", "Submit"], 1, 1), (["Preview"] * 5, 4, 4), (["Submit"] * 40, 0, 9)],
    ids=["alone", "one behind it", "several", "short ones"],
)
async def test_a_caller_with_long_calls_is_blocked(control, members, least, most):
    """Only a long call with others behind it stops its caller's calls. One long first call does not, and short ones need not."""

    def work(_caller, _call):
        before = thread_time()
        while thread_time() - before <= 2 * LONG_CALL_S:
            pass
        return [[]]

    control.answers.does["Preview"] = work
    control.door.is_open.clear()
    arguments = {"Preview": ("s", [""]), "Submit": ()}
    calls = [asyncio.ensure_future(control.ask(member, *arguments[member])) for member in members]
    for _ in calls:
        await asyncio.wait_for(control.received.get(), PATIENCE_S)
    control.door.is_open.set()
    await asyncio.gather(*calls)
    assert least <= control.recorder.record.count("block") <= most  # a rare short call takes long: memory is cleaned up


async def test_a_caller_that_left_is_not_heard(telemetry):
    """A caller that has left the bus before it could be identified reaches no handler and is not remembered."""
    before = set(telemetry.callers.known)
    for _ in range(5):
        command = [
            "dbus-send",
            f"--bus={telemetry.address}",
            f"--dest={TELEMETRY}",
            telemetry.interface.path,
            f"{TELEMETRY}.Push",
            "string:a",
            "string:b",
        ]
        subprocess.run([*command, "variant:uint32:1"], check=True)
        while "dbus-send" in subprocess.check_output(["busctl", f"--address={telemetry.address}", "list"], text=True):
            pass
    await telemetry.ask("Ping", interface=PEER)
    await telemetry.dispatcher.wait_until_quiet()
    assert telemetry.answers.called == []
    assert set(telemetry.callers.known) - before == {telemetry.client.unique_name}


async def test_calls_of_a_caller_that_left_are_dropped(telemetry, caplog):
    """Parked calls whose caller leaves before it is known are dropped without a fault, and nothing is answered."""
    telemetry.door.is_open.clear()
    leaver = await connected(telemetry.address)
    leaver.send(telemetry.call("Push", "ssv", PUSH))
    await telemetry.received.get()
    await leaver.disconnect()
    while leaver.unique_name in subprocess.check_output(["busctl", f"--address={telemetry.address}", "list"], text=True):
        pass
    telemetry.door.is_open.set()
    await telemetry.dispatcher.wait_until_quiet()
    assert telemetry.answers.called == []
    assert "reply" not in telemetry.recorder.record
    assert caplog.text == ""


@pytest.mark.parametrize("count", [1, 2 * PENDING_MAX_CALLS], ids=["one", "as many as stop the reading"])
async def test_a_fault_in_the_look_at_one_caller_is_its_own(telemetry, caplog, count):
    """What escapes while one caller is identified answers its calls with the fixed error; others are served, and the reading goes on."""
    unlucky = await connected(telemetry.address)
    telemetry.door.faults[unlucky.unique_name] = OSError("secret-1")
    calls = [asyncio.ensure_future(unlucky.ask(telemetry.call("Push", "ssv", PUSH))) for _ in range(count)]
    refused = await asyncio.gather(*calls, return_exceptions=True)
    assert {(error.name, error.text) for error in refused} == {(errors.INTERNAL, INTERNAL_TEXT)}
    assert (await telemetry.ask("Push", "ssv", PUSH)).message_type is MessageType.METHOD_RETURN
    assert [name for name, _ in telemetry.answers.called] == ["Push"]
    assert "OSError at " in caplog.text
    assert "secret" not in caplog.text
    del telemetry.door.faults[unlucky.unique_name]
    assert (await unlucky.ask(telemetry.call("Push", "ssv", PUSH))).message_type is MessageType.METHOD_RETURN
    await unlucky.disconnect()

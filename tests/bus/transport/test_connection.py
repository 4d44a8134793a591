import errno
import os
import resource
import socket
import struct
import sys
from contextlib import ExitStack, closing, suppress

import pytest
from support.bus.private_bus import start_bus
from support.bus.raw_bus import (
    DESTINATION,
    ERROR,
    ERROR_NAME,
    INTERFACE,
    MEMBER,
    NO_REPLY,
    PATH,
    REPLY_SERIAL,
    RETURN,
    SIGNAL,
    SIGNATURE,
    UNIX_FDS,
    RawBus,
    string,
    strings,
)

from telemetryd.bus.transport.connection import Connection
from telemetryd.core import limits
from telemetryd.errors import INTERNAL, BusLostError
from telemetryd.redact import INTERNAL_TEXT

PEER, INTROSPECTABLE, PROPERTIES = (f"org.freedesktop.DBus.{name}" for name in ("Peer", "Introspectable", "Properties"))


@pytest.fixture
def raw():
    """Makes clients, which leave with the test."""
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(closing(RawBus(*arguments, **options)))


@pytest.fixture
def client(raw, shared_bus):
    """A client on the shared bus."""
    return raw(shared_bus.address)


def reply_serials(client, count):
    """The serials to which the next so many replies belong."""
    return [client.read_until(RETURN, ERROR).fields[REPLY_SERIAL] for _ in range(count)]


def pipelined(client, service, count, **other):
    """Many calls as one piece of bytes, and the serial of the first."""
    first = client.call(service.name, "Accept", **other)
    return struct.unpack_from("<I", first, 8)[0], first + b"".join(client.call(service.name, "Accept", **other) for _ in range(count - 1))


def test_20000_pipelined_calls_are_all_answered(service, client):
    """Calls sent without waiting are all answered, in their order; the connection lives on."""
    first, calls = pipelined(client, service, 20_000)
    client.send(calls)
    assert reply_serials(client, 20_000) == list(range(first, first + 20_000))
    assert service.do("usage")["calls"] == 20_000
    assert client.ask(service.name, "Accept").kind == RETURN


def test_a_burst_is_a_few_bounded_batches(service, client):
    """What has arrived together is handled together, but no batch holds much more than the receive budget: replies are not late.

    A batch that takes long ends before its bytes are spent, as it may on a busy machine: one burst of three has to be undisturbed.
    """
    batches = []
    for _ in range(3):
        service.do("hold")
        first, calls = pipelined(client, service, 500, signature="ay", body=struct.pack("<I", 1024) + bytes(1024))
        client.send(calls)
        client.ask("org.freedesktop.DBus", "GetId", interface="org.freedesktop.DBus")  # the bus has routed them
        before = service.do("usage")["batches"]
        service.do("resume")
        assert reply_serials(client, 500) == list(range(first, first + 500))
        usage = service.do("usage")
        batches.append(usage["batches"] - before)
        assert usage["largest_batch"] * 1024 < limits.RECEIVE_BUDGET_BYTES + 16 * 1024
    assert min(batches) < 250


def test_nothing_of_a_message_waits_for_the_collector(service, client):
    """What a call brought is freed when it is answered: its values do not stay in memory until garbage is looked for."""
    service.do("garbage")
    _, calls = pipelined(client, service, 100, signature="s", body=strings("value"))
    client.send(calls)
    assert len(reply_serials(client, 100)) == 100
    assert service.do("garbage") < 50


def test_a_caller_that_reads_nothing_costs_nothing(service, client, record_property):
    """45,000 calls of a caller that reads no reply until all are handled: every reply arrives then, and the memory stays flat."""
    client.ask(service.name, "Accept")
    before = service.do("usage")
    first, calls = pipelined(client, service, 45_000)
    client.send(calls)
    service.do("handled", calls=before["calls"] + 45_000)
    after = service.do("usage")
    assert reply_serials(client, 45_000) == list(range(first, first + 45_000))
    growth = after["rss_kb"] - before["rss_kb"]
    record_property("growth_kb", growth)
    sys.stdout.write(f"{service.hello['library']}: 45,000 unread replies, growth {growth} kB\n")
    assert growth < 6_000


def test_output_is_bounded_while_the_bus_reads_nothing(frail_service, own_bus, raw):
    """While the bus takes nothing, large replies stop the reading: what is unsent stays near its bound, and nothing is lost."""
    client = raw(own_bus.address)
    calls = [client.call(frail_service.name, "Big") for _ in range(2_000)]
    frail_service.do("hold")
    client.send(b"".join(calls))
    client.ask("org.freedesktop.DBus", "GetId", interface="org.freedesktop.DBus")  # the bus has taken all of them
    own_bus.pause()
    frail_service.do("resume")
    usage = frail_service.usage_when(lambda usage: usage["backlog"] > limits.UNSENT_HIGH_BYTES)
    assert frail_service.do("usage")["calls"] == usage["calls"]
    own_bus.go_on()
    for _ in calls:
        assert client.read_until(RETURN, ERROR).kind == RETURN
    assert frail_service.usage_when(lambda usage: usage["backlog"] == 0)["calls"] == 2_000
    assert frail_service.do("usage")["largest_backlog"] < limits.UNSENT_HIGH_BYTES + 2 * 1024 * 1024


def test_a_stopped_bus_loses_no_message_and_no_descriptor(frail_service, own_bus, raw):
    """400 messages of 2 kB while the bus is stopped: all arrive in order once it goes on, with their descriptors; none is leaked."""
    receiver = raw(own_bus.address, descriptors=True)
    before = frail_service.do("usage")["descriptors"]
    own_bus.pause()
    backlog = frail_service.do("spray", destination=receiver.unique_name, count=400, with_descriptors=frail_service.has_descriptors)
    assert backlog > limits.UNSENT_HIGH_BYTES  # the socket was full
    own_bus.go_on()
    for number in range(400):
        message = receiver.read_until(SIGNAL)
        while message.fields[MEMBER] != "Sprayed":
            message = receiver.read_until(SIGNAL)
        assert struct.unpack_from("<I", message.body)[0] == number
        assert [os.pread(descriptor, 10, 0) for descriptor in message.descriptors] == [b"%d" % number] * frail_service.has_descriptors
        for descriptor in message.descriptors:
            os.close(descriptor)
    frail_service.do("drained", timeout_s=10)
    assert frail_service.do("usage")["descriptors"] == before


def test_a_bus_that_is_stopped_for_long_times_out(frail_service, own_bus, raw):
    """`drained` gives up after its time, and takes nothing with it."""
    own_bus.pause()
    frail_service.do("spray", destination=":1.99", count=400, with_descriptors=frail_service.has_descriptors)
    assert frail_service.outcome(frail_service.start("drained", timeout_s=0.05))["error"] == "TimeoutError"
    own_bus.go_on()
    frail_service.do("drained", timeout_s=10)


@pytest.mark.parametrize("has_backlog", [False, True], ids=["idle", "backlog"])
def test_the_loss_of_the_bus_is_told_to_everyone(frail_service, own_bus, raw, has_backlog):
    """When the bus is killed, `wait_closed` returns, `ask` and `drained` raise at once, then and later, and sending is harmless."""
    silent = raw(own_bus.address)
    before = frail_service.do("usage")["descriptors"]
    if has_backlog:
        own_bus.pause()
        frail_service.do("spray", destination=silent.unique_name, count=400, with_descriptors=frail_service.has_descriptors)
        waiting = frail_service.start("drained", timeout_s=60)
    else:
        waiting = frail_service.start("ask", destination=silent.unique_name, member="Never")
    closed = frail_service.start("wait_closed")
    assert frail_service.do("usage")
    own_bus.kill()
    assert frail_service.outcome(waiting)["error"] == "BusLostError"
    assert frail_service.outcome(closed)["result"] is None
    assert frail_service.outcome(frail_service.start("ask", destination=":1.0", member="Late"))["error"] == "BusLostError"
    assert frail_service.do("spray", destination=":1.0", count=1, with_descriptors=frail_service.has_descriptors) == 0
    frail_service.do("disconnect")
    assert frail_service.do("usage")["descriptors"] == before - 1
    frail_service.do("forget")
    assert frail_service.log == ""


def test_the_connection_can_be_closed(service, client):
    """`disconnect` writes what was sent before, ends everything, and may be repeated."""
    watching = service.start("wait_closed")
    waiting = service.start("ask", destination=client.unique_name, member="Never")
    client.read_until(1)
    service.start("spray", destination=client.unique_name, count=1, with_descriptors=False)
    service.do("disconnect")
    service.do("disconnect")
    assert service.outcome(waiting)["error"] == "BusLostError"
    assert service.outcome(watching)["result"] is None
    message = client.read_until(SIGNAL)
    while message.fields[MEMBER] != "Sprayed":
        message = client.read_until(SIGNAL)
    assert client.ask(service.name, "Accept").fields[ERROR_NAME] == "org.freedesktop.DBus.Error.ServiceUnknown"
    assert service.log == ""


def test_a_fault_of_a_handler_tells_nobody_anything(service, client):
    """The caller gets one fixed error, the log the place; neither gets the exception's text, nor a value of the call."""
    reply = client.ask(service.name, "Fail", signature="s", body=string("secret-2"))
    assert (reply.fields[ERROR_NAME], reply.text) == (INTERNAL, INTERNAL_TEXT)
    client.send(client.call(service.name, "Fail", signature="s", body=string("secret-2"), flags=NO_REPLY))
    assert client.ask(service.name, "Accept").kind == RETURN  # nothing came in between
    assert service.log.count("ValueError at connection.py:") == 2
    assert "edge_process.py:" in service.log
    assert "secret" not in service.log


def test_no_reply_means_none(service, client):
    """Calls that expect no reply get none, whatever other flags they carry."""
    for flags in (1, 3, 5, 7):
        client.send(client.call(service.name, "Accept", flags=flags))
    client.send(client.call(service.name, "Fail", signature="s", body=string(""), flags=5))
    expecting = [client.call(service.name, "Accept", flags=flags) for flags in (0, 2, 4, 6)]
    client.send(b"".join(expecting))
    assert reply_serials(client, 4) == [struct.unpack_from("<I", call, 8)[0] for call in expecting]
    assert service.do("usage")["calls"] == 9


@pytest.mark.parametrize(
    "call",
    [
        (PEER, "Ping"),
        (PEER, "GetMachineId"),
        (INTROSPECTABLE, "Introspect"),
        (PROPERTIES, "GetAll", ""),
        (PROPERTIES, "Get", "", ""),
        ("org.freedesktop.DBus.ObjectManager", "GetManagedObjects"),
        (None, "Anything"),
    ],
)
def test_nothing_falls_through_to_the_library(service, client, call):
    """Calls of the standard interfaces reach our handler like all others, on every path: the library answers nothing itself."""
    interface, member, *arguments = call
    for path in ("/", "/org/example/Edge", "/elsewhere"):
        reply = client.ask(service.name, member, interface=interface, path=path, signature="s" * len(arguments), body=strings(*arguments))
        assert (reply.kind, reply.body) == (RETURN, b"")
    assert service.do("usage")["calls"] == 3


def test_without_a_handler_calls_are_refused(shared_bus, launch, raw):
    """An edge that exports nothing says so to every call, and keeps no descriptor that came along."""
    client = raw(shared_bus.address, descriptors=True)
    with launch(shared_bus.address, "descriptors", "nothing") as process:
        before = process.do("usage")["descriptors"]
        client.send_with_descriptors(client.call(process.name, "Take", signature="h", body=bytes(4), descriptors=1), [0])
        assert client.read_until(RETURN, ERROR).fields[ERROR_NAME] == "org.freedesktop.DBus.Error.UnknownObject"
        client.send_with_descriptors(client.call(process.name, "Take", signature="h", body=bytes(4), descriptors=1, flags=NO_REPLY), [0])
        ping = client.call(process.name, "Ping", interface=PEER)
        client.send(ping)
        assert reply_serials(client, 1) == [struct.unpack_from("<I", ping, 8)[0]]  # nothing came in between
        assert process.do("usage")["descriptors"] == before


def test_descriptors_of_calls_and_signals_are_closed(shared_bus, launch, raw):
    """A handler that does not care for descriptors leaks none, whether it answers, fails or was sent a signal."""
    client = raw(shared_bus.address, descriptors=True)
    with launch(shared_bus.address, "descriptors") as process:
        before = process.do("usage")["descriptors"]
        hint = {"signature": "h", "body": bytes(4), "descriptors": 1}
        client.send_with_descriptors(client.call(process.name, "Accept", **hint), [0])
        client.send_with_descriptors(client.call(process.name, "Fail", **hint), [0])
        fields = {PATH: "/x", INTERFACE: "org.example.X", MEMBER: "X", DESTINATION: process.name, SIGNATURE: "h", UNIX_FDS: 1}
        client.send_with_descriptors(client.message(SIGNAL, fields, bytes(4)), [0])
        assert sorted(client.read_until(RETURN, ERROR).kind for _ in range(2)) == [RETURN, ERROR]
        usage = process.usage_when(lambda usage: usage["signals"] > 0)
        assert usage["descriptors"] == before


def test_without_negotiation_no_descriptor_arrives(service, shared_bus, raw):
    """The bus itself refuses descriptors for a connection that did not ask for them."""
    client = raw(shared_bus.address, descriptors=True)
    client.send_with_descriptors(client.call(service.name, "Take", signature="h", body=bytes(4), descriptors=1), [0])
    assert client.read_until(RETURN, ERROR).kind == ERROR
    assert service.do("usage")["calls"] == 0


def test_held_reading_goes_on_when_every_hold_is_resumed(service, client):
    """Holds are counted; while one is in force no call is taken, and afterwards none is missing."""
    service.do("hold")
    service.do("hold")
    client.send(client.call(service.name, "Accept"))
    client.ask("org.freedesktop.DBus", "GetId", interface="org.freedesktop.DBus")  # the bus has routed the call
    service.do("resume")
    assert service.do("usage")["calls"] == 0
    service.do("resume")
    assert client.read_until(RETURN, ERROR).kind == RETURN
    service.do("resume")
    assert client.ask(service.name, "Accept").kind == RETURN


def test_names_are_owned_released_and_asked_for(service, client, shared_bus):
    """`own` says whether we have the name; taken ones are not queued for; after `release` nobody has it."""
    name = "org.example.Owned"
    assert service.do("owner_of", name=name) is None
    assert service.do("own", name=name) is True
    assert service.do("own", name=name) is True
    assert service.do("owner_of", name=name) == service.name
    service.do("release", name=name)
    assert service.do("owner_of", name=name) is None
    bus = {"interface": "org.freedesktop.DBus", "path": "/org/freedesktop/DBus"}
    request = {"signature": "su", "body": string(name) + bytes(-len(string(name)) % 4) + struct.pack("<I", 4)}
    client.ask("org.freedesktop.DBus", "RequestName", **bus, **request)
    assert service.do("own", name=name) is False
    client.ask("org.freedesktop.DBus", "ReleaseName", **bus, signature="s", body=string(name))
    assert service.do("owner_of", name=name) is None
    failure = service.outcome(service.start("own", name="not a name"))
    assert failure["error"] == "BusCallError"
    assert failure["text"].startswith("org.freedesktop.DBus.Error.InvalidArgs: ")


ANY_REPLY = '<policy context="mandatory"><allow send_requested_reply="false"/><allow receive_requested_reply="false"/></policy>'


def test_only_the_bus_answers_what_the_bus_was_asked(launch, raw, tmp_path):
    """On a bus that lets everyone send replies, one with a guessed serial is not taken for the bus's own."""
    (tmp_path / "slow.service").write_text("[D-BUS Service]\nName=org.example.Slow\nExec=/bin/sleep 60\n")
    with start_bus(tmp_path, tmp_path, more=ANY_REPLY) as bus, launch(bus.address) as process:
        client = raw(bus.address)
        question = process.start("start_service", name="org.example.Slow")
        process.do("owner_of", name="org.example.Slow")  # the bus has the question
        for serial in range(1, 50):
            fields = {REPLY_SERIAL: serial, DESTINATION: process.name, SIGNATURE: "s"}
            client.send(client.message(RETURN, fields, string("believe me")))
        assert client.ask(process.name, "Accept").kind == RETURN
        bus.kill()
        assert process.outcome(question)["error"] == "BusLostError"


def hostile(client, name):
    """Messages that no well-meaning client sends."""
    fields = {PATH: "/x", INTERFACE: "org.example.X", MEMBER: "X", DESTINATION: name}
    yield client.message(9, fields)
    yield client.message(1, fields | {77: "unknown"})
    yield client.message(1, fields, flags=0xF8)
    yield client.message(1, fields, order=">")
    yield client.message(1, fields | {SIGNATURE: "s"}, string("x", ">"), order=">")
    yield client.message(1, {PATH: "/x", MEMBER: "X", DESTINATION: name})
    yield client.message(RETURN, {DESTINATION: name, REPLY_SERIAL: 1})
    yield client.message(ERROR, {DESTINATION: name, REPLY_SERIAL: 1, ERROR_NAME: "org.example.X"})
    yield client.message(SIGNAL, fields)
    yield client.message(SIGNAL, fields | {INTERFACE: "org.freedesktop.DBus", PATH: "/org/freedesktop/DBus", MEMBER: "NameOwnerChanged"})
    deep = b"".join(b"\1v\0" for _ in range(60)) + b"\1y\0\7"
    yield client.message(1, fields | {SIGNATURE: "v"}, deep)
    nested = "a" * 32 + "y"
    yield client.message(1, fields | {SIGNATURE: nested}, bytes(4))
    yield client.message(1, fields | {SIGNATURE: "(" * 32 + "y" + ")" * 32}, b"\7")
    yield client.message(1, fields | {SIGNATURE: "y" * 255}, bytes(255))
    yield client.message(1, fields | {SIGNATURE: "d"}, struct.pack("<d", float("nan")))
    yield client.message(1, fields | {SIGNATURE: "a{yy}"}, struct.pack("<II", 10, 0) + b"\1\2" + bytes(6) + b"\1\3")
    yield client.message(1, fields | {SIGNATURE: "vv"}, b"\1o\0\0" + string("/") + b"\0\0" + b"\1g\0\1y\0")
    yield client.message(1, fields | {MEMBER: "x" * 255, INTERFACE: "a." + "b" * 253})


def test_no_message_knocks_it_over(service, shared_bus, raw):
    """Whatever the bus lets through, the connection lives on and the next caller is answered."""
    probe = raw(shared_bus.address)
    for index in range(len(list(hostile(probe, service.name)))):
        client = raw(shared_bus.address)
        client.send(list(hostile(client, service.name))[index])
        with suppress(EOFError, OSError):  # the bus may cut off the sender
            client.ask("org.freedesktop.DBus", "GetId", interface="org.freedesktop.DBus")
        assert probe.ask(service.name, "Accept").kind == RETURN, f"message {index}"
    assert service.log == ""


@pytest.mark.parametrize("strange", [{12: "x"}, {77: "unknown", 255: 7}, {12: 1, 13: "x" * 3000}], ids=("one", "two", "long"))
@pytest.mark.parametrize("order", "<>")
def test_header_fields_of_later_times_are_ignored(service, client, strange, order):
    """A call with header fields that the specification does not name yet is answered like any other, on a bus that passes them on too."""
    fields = {**strange, PATH: "/x", INTERFACE: "org.example.X", MEMBER: "X", DESTINATION: service.name, SIGNATURE: "s"}
    for _ in range(3):
        client.send(client.message(1, fields, string("value", order), order=order))
        reply = client.read_until(RETURN, ERROR)
        assert reply.kind == RETURN
    assert client.ask(service.name, "Echo", signature="s", body=string("value")).text == "value"
    assert service.log == ""


def bytes_body(size):
    """The body of a call that takes so many bytes (`ay`)."""
    return struct.pack("<I", size) + bytes(size)


def test_a_large_message_is_taken(service, client):
    """A call of nearly the bound arrives whole, over many batches."""
    size = limits.MESSAGE_MAX_BYTES - 1024
    assert client.ask(service.name, "Accept", signature="ay", body=bytes_body(size)).kind == RETURN
    assert service.do("usage")["calls"] == 1


def test_messages_of_64_mib_cost_nothing(service, client, raw, shared_bus):
    """The longest messages that D-Bus knows, from several callers at once: each is told the bound, others are served, memory stays flat."""
    client.ask(service.name, "Accept")
    before = service.do("usage")["peak_kb"]
    senders = [raw(shared_bus.address) for _ in range(3)]
    for sender in senders:
        sender.send(sender.call(service.name, "Accept", signature="ay", body=bytes_body(64 * 1024 * 1024)))
        assert client.ask(service.name, "Accept").kind == RETURN
    for sender in senders:
        reply = sender.read_until(RETURN, ERROR)
        assert reply.fields[ERROR_NAME] == "org.freedesktop.DBus.Error.LimitsExceeded"
        assert str(limits.MESSAGE_MAX_BYTES) in reply.text
        assert sender.ask(service.name, "Accept").kind == RETURN
    assert service.do("usage")["calls"] == 7
    growth = service.do("usage")["peak_kb"] - before
    sys.stdout.write(f"{service.hello['library']}: three messages of 64 MiB, growth {growth} kB\n")
    assert growth < 4_000


def test_a_long_message_with_a_long_header(service, client):
    """A call that is too long is told the bound, also if its path alone is longer than 64 KiB."""
    path = "/" + "a" * 100_000
    reply = client.ask(service.name, "Accept", path=path, signature="ay", body=bytes_body(2 * limits.MESSAGE_MAX_BYTES))
    assert reply.fields[ERROR_NAME] == "org.freedesktop.DBus.Error.LimitsExceeded"
    assert client.ask(service.name, "Accept").kind == RETURN


def test_long_messages_that_nobody_waits_for(service, client):
    """A signal or a call without a reply that is too long is passed over in silence."""
    long = bytes_body(2 * limits.MESSAGE_MAX_BYTES)
    fields = {PATH: "/x", INTERFACE: "org.example.X", MEMBER: "X", DESTINATION: service.name, SIGNATURE: "ay"}
    client.send(client.message(SIGNAL, fields, long) + client.call(service.name, "Accept", signature="ay", body=long, flags=NO_REPLY))
    call = client.call(service.name, "Accept")
    client.send(call)
    assert reply_serials(client, 1) == [struct.unpack_from("<I", call, 8)[0]]
    assert service.do("usage")["calls"] == 1


def test_descriptors_of_long_messages_are_closed(shared_bus, launch, raw):
    """On the connection that takes descriptors, those of a message that is too long are closed, and the next call's are its own."""
    client = raw(shared_bus.address, descriptors=True)
    with launch(shared_bus.address, "descriptors") as process:
        before = process.do("usage")["descriptors"]
        call = client.call(process.name, "Accept", signature="hay", body=bytes(4) + bytes_body(2 * limits.MESSAGE_MAX_BYTES), descriptors=1)
        client.send_with_descriptors(call[:1], [0])
        client.send(call[1:])
        assert client.read_until(RETURN, ERROR).fields[ERROR_NAME] == "org.freedesktop.DBus.Error.LimitsExceeded"
        client.send_with_descriptors(client.call(process.name, "Accept", signature="h", body=bytes(4), descriptors=1), [0])
        assert client.read_until(RETURN, ERROR).kind == RETURN
        assert process.do("usage")["descriptors"] == before


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("unix:path=/nonexistent/bus", "No such file"),
        ("tcp:host=127.0.0.1,port=1", "expected unix:path"),
        ("unix:path=/nonexistent/bus;tcp:host=127.0.0.1", ""),
        ("nonsense", ""),
        ("", "DBUS_SESSION_BUS_ADDRESS"),
    ],
)
def test_an_unreachable_bus_is_a_clear_error(launch, monkeypatch, address, reason):
    """Without a bus, or with an address that is none, connecting fails with one error of ours that says why."""
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    with launch(address) as process:
        assert process.hello["error"] == "BusLostError"
        assert process.hello["text"].startswith("cannot connect to the session bus: ")
        assert reason in process.hello["text"]
        process.process.wait()
        assert process.log == ""


def test_a_bus_that_hangs_up_while_greeting_is_a_clear_error(launch, tmp_path):
    """The end of the file in the handshake ends it: dbus-next by itself would wait for ever, and the whole loop with it."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        with launch(f"unix:path={tmp_path / 'socket'}", "unheard") as process:
            connection, _ = listener.accept()
            connection.recv(1)
            connection.close()
            process.read_hello()
            assert process.hello["error"] == "BusLostError"
            process.process.wait()
            assert process.log == ""


@pytest.fixture
def _many_files():
    """As many open files as this user may have: the queue of a listener is longer than the usual thousand."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("_many_files")
def test_a_full_queue_of_connections_is_waited_for(own_bus, launch):
    """While the bus has too many new connections waiting, connecting neither blocks nor fails: it tries again."""
    own_bus.pause()
    path = own_bus.address.partition("path=")[2].partition(",")[0]
    waiting = []
    while not waiting or waiting[-1].connect_ex(path) != errno.EAGAIN:
        waiting.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
    with launch(own_bus.address, "slowly") as process:
        assert process.hello == {"waiting": True}
        own_bus.go_on()
        process.read_hello()
        assert process.do("owner_of", name="org.freedesktop.DBus") == "org.freedesktop.DBus"
    for connection in waiting:
        connection.close()


async def test_it_can_be_tried_in_this_process_too(shared_bus):
    """Connecting to nowhere leaves nothing open behind (warnings are errors)."""
    with pytest.raises(BusLostError):
        await Connection(address="unix:path=/nonexistent").connect()
    edge = Connection(address=shared_bus.address)
    await edge.connect()
    assert edge.unique_name.startswith(":1.")
    await edge.disconnect()

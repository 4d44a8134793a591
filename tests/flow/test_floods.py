"""What one caller's flood does to others, under generous bounds: the figures are those of benchmarks/load_floods.py."""

import contextlib
import os
import random
import re
import struct
import time
from pathlib import Path

import pytest
from benchmarks.load_floods import FLOODER, asked, push_of
from support.bus.flood import flood, floods
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
    RawBus,
    strings,
)
from support.machine import CONTROL, KATE, TELEMETRY

LONGEST_S = 6.0
"""For one push and one withdrawal on a busy machine. Before work was bounded, 64 such texts made them wait for 8 to 160 s."""
KINDS = ("hostile texts", "arrays of a megabyte", "GetAll of Control1")


@pytest.mark.parametrize("kind", KINDS)
def test_a_flood_holds_nobody_up(any_machine, kind):
    """While one caller keeps 128 calls unanswered that take the daemon longest, another one's pushes and a withdrawal are answered soon."""
    any_machine.install(KATE)
    messages = floods(FLOODER, KATE.replace("org.kde.kate", FLOODER), "org.kde.kate")[kind]
    with any_machine.daemon(), contextlib.ExitStack() as stack:
        victim, user = (stack.enter_context(contextlib.closing(RawBus(any_machine.address))) for _ in range(2))
        for bus in (victim, user):
            bus.socket.settimeout(LONGEST_S * (3 if kind == "arrays of a megabyte" else 1))  # dbus-next takes a while to read one
        asked(user, 2)
        stack.enter_context(flood(any_machine, messages, window=128))
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            assert push_of(victim, "org.kde.kate").kind == RETURN
        assert asked(user, 0) < 1000 * LONGEST_S
        assert push_of(victim, "org.kde.kate").kind == RETURN


def test_a_flood_that_wants_no_reply_is_bounded(any_machine):
    """A caller that sends without end and wants no reply keeps neither memory nor another caller's push."""
    any_machine.install(KATE)
    call = floods(FLOODER, KATE.replace("org.kde.kate", FLOODER), "org.kde.kate")["hostile texts"][1]
    silent = bytearray(call)
    silent[2] = 1
    with any_machine.daemon() as daemon, contextlib.ExitStack() as stack:
        victim = stack.enter_context(contextlib.closing(RawBus(any_machine.address)))
        victim.socket.settimeout(4 * LONGEST_S)  # how fast the bus brings what is dropped depends on the machine
        assert push_of(victim, "org.kde.kate").kind == RETURN
        before = resident_mb(daemon.process)
        stack.enter_context(flood(any_machine, [bytes(silent)]))
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            assert push_of(victim, "org.kde.kate").kind == RETURN
        assert resident_mb(daemon.process) - before < 50  # 8 MB wait at most


def _unlike(chance):
    """The value of a sample: an empty array of a struct of 251 types, as no caller had before."""
    signature = b"a(" + bytes(chance.choice(b"ynqiuxtdb") for _ in range(251)) + b")"
    return bytes([len(signature)]) + signature + b"\0"


def test_signatures_that_nobody_had_before_are_not_kept(any_machine):
    """A caller's variants of ever new types leave nothing: a library would keep 47 kB for each, with dbus-next for ever."""
    any_machine.install(KATE)
    chance, names = random.Random(1), strings("org.kde.kate", "startup")
    with any_machine.daemon() as daemon, contextlib.closing(RawBus(any_machine.address)) as bus:
        assert push_of(bus, "org.kde.kate").kind == RETURN

        def push_many():
            for _ in range(700):
                body = names + _unlike(chance)
                body += bytes(-len(body) % 4) + bytes(4)
                body += bytes(-len(body) % 8)
                name, path, interface = TELEMETRY
                bus.send(bus.call(name, "Push", path=path, interface=interface, signature="ssv", body=body))
                assert bus.read_until(RETURN, ERROR).kind == ERROR

        push_many()
        before = resident_mb(daemon.process)
        push_many()
        assert resident_mb(daemon.process) - before < 15  # 33 MB if they are kept


@pytest.mark.parametrize("kind", [RETURN, ERROR, SIGNAL])
def test_what_nobody_waits_for_is_not_read(any_machine, kind):
    """A megabyte of values in a reply to no call, or in a signal, is dropped before a library reads it: dbus-next takes half a second."""
    any_machine.install(KATE)
    many = struct.pack("<I", 240_000) + b"\1y\0\1" * 60_000
    of_kind = {
        RETURN: {REPLY_SERIAL: 2},
        ERROR: {REPLY_SERIAL: 2, ERROR_NAME: "org.example.Error"},
        SIGNAL: {PATH: "/", INTERFACE: "a.b", MEMBER: "C"},
    }
    with any_machine.daemon() as daemon, contextlib.closing(RawBus(any_machine.address)) as bus:
        assert push_of(bus, "org.kde.kate").kind == RETURN
        before = spent_s(daemon.process)
        for _ in range(4):
            bus.send(bus.message(kind, {**of_kind[kind], DESTINATION: TELEMETRY[0], SIGNATURE: "av"}, many))
        assert push_of(bus, "org.kde.kate").kind == RETURN
        assert spent_s(daemon.process) - before < 0.2  # of processor time; 0.5 s if dbus-next reads one


@pytest.mark.parametrize("kind", ["pings", "ids of 200 kB", "replies", "signals"])
def test_a_flood_at_the_nameless_connection(any_machine, kind):
    """The daemon asks the bus about callers over a connection without a name. Whatever is sent there, new callers are known soon."""
    any_machine.install(KATE)
    with any_machine.daemon() as daemon, contextlib.ExitStack() as stack:
        user = stack.enter_context(contextlib.closing(RawBus(any_machine.address)))
        asked(user, 2)
        names = names_of(user, daemon.process.pid)
        assert names
        sent = {RETURN: {REPLY_SERIAL: 2}, SIGNAL: {PATH: "/", INTERFACE: "a.b", MEMBER: "C"}}
        messages = {
            "pings": [user.call(name, "Ping", interface="org.freedesktop.DBus.Peer", path="/") for name in names],
            "ids of 200 kB": [user.call(name, "A" * 200, path="/", signature="s", body=strings("a" * 200_000)) for name in names],
            "replies": [user.message(RETURN, {**sent[RETURN], DESTINATION: name}) for name in names],
            "signals": [user.message(SIGNAL, {**sent[SIGNAL], DESTINATION: name}) for name in names],
        }[kind]
        silent = [bytes((*message[:2], message[2] | NO_REPLY, *message[3:])) for message in messages]
        stack.enter_context(flood(any_machine, silent))
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            with contextlib.closing(RawBus(any_machine.address)) as caller:
                caller.socket.settimeout(LONGEST_S)
                assert push_of(caller, "org.kde.kate").kind == RETURN


def names_of(bus, pid):
    """The unique names of a process that own no name of ours."""
    driver, path = "org.freedesktop.DBus", "/org/freedesktop/DBus"

    def ask(member, *texts):
        return bus.ask(driver, member, path=path, interface=driver, signature="s" * len(texts), body=strings(*texts))

    listed = ask("ListNames").body
    unique = {name.decode() for name in re.findall(rb":1\.[0-9]+", listed)}
    owners = {ask("GetNameOwner", name).text for name in (TELEMETRY[0], CONTROL[0])}
    pids = {name: ask("GetConnectionUnixProcessID", name) for name in unique - owners}
    return sorted(name for name, reply in pids.items() if reply.kind == RETURN and struct.unpack("<I", reply.body)[0] == pid)


def spent_s(process):
    """The processor time of a process, in seconds."""
    user, system = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def resident_mb(process):
    """Resident memory of a process."""
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * 4096 / 1e6


def test_the_flood_is_what_it_says(any_machine):
    """Every message of every flood is a message: the bus takes it, and the daemon answers it."""
    any_machine.install(KATE)
    with any_machine.daemon(), contextlib.closing(RawBus(any_machine.address)) as bus:
        for name, messages in floods(FLOODER, KATE.replace("org.kde.kate", FLOODER), "org.kde.kate").items():
            for number, message in enumerate(messages):
                sent = bytearray(message)
                struct.pack_into("<I", sent, 8, 1000 + number)
                bus.send(bytes(sent))
                assert bus.read_until(2, 3).kind in {2, 3}, name

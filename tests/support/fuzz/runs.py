"""Hostile callers of a running daemon, and one who behaves."""

import contextlib
import socket
import tempfile
import threading
import time
from collections import Counter

from support.bus.raw_bus import ERROR, ERROR_NAME, REPLY_SERIAL, RETURN, SENDER, RawBus
from support.campaign import SEED
from support.fuzz.calls import CHANGING, NUMBER_MARK, VALUE_MARK, Draw, members_of
from support.fuzz.decided import Decided
from support.fuzz.marshalling import marshal
from support.fuzz.names import WITNESS
from support.machine import CONTROL, PROPERTIES, TELEMETRY

BATCH = 40
"""Calls that are under way at once on a connection: more than one caller may have of those that take long."""
LATEST_S = 10.0
"""Longest wait of the caller who behaves, on a machine that does other things."""
REPLY_S = 60
NAMED = "org.telemetryd.Error."
_WORDS = "AccessDenied InvalidArgs LimitsExceeded UnknownMethod UnknownInterface UnknownObject UnknownProperty PropertyReadOnly"
STANDARD = {f"org.freedesktop.DBus.Error.{word}" for word in _WORDS.split()}
"""Errors of the specification that the daemon gives."""
OF_THE_BUS = {"org.freedesktop.DBus.Error.NotSupported", "org.freedesktop.DBus.Error.Failed"}
"""What either bus itself answers to descriptors. What it says of a daemon that died is not among it."""
MARKS = (VALUE_MARK.encode(), str(NUMBER_MARK).encode())
BUS = "org.freedesktop.DBus"
OFTEN = 0.05
MEMBERS = {member for _, member, _ in (*members_of(TELEMETRY[2]), *members_of(CONTROL[2]))}


class Witness(threading.Thread):
    """The caller who behaves: it pushes and reads one call after the other, and knows how long it waited and what was acknowledged."""

    def __init__(self, address):
        super().__init__()
        self.acknowledged, self.longest_s, self.failure = 0, 0.0, None
        self._bus = RawBus(address)
        self._bus.socket.settimeout(LATEST_S)
        self._is_over = threading.Event()

    def run(self):
        """Call until told to stop."""
        body = marshal("ssv", (WITNESS, "startup", ("d", 100.0)))
        try:
            while not self._is_over.wait(0.01):
                reply = self._timed(TELEMETRY[0], "Push", interface=TELEMETRY[2], path=TELEMETRY[1], signature="ssv", body=body)
                assert reply.kind == RETURN, reply.text
                self.acknowledged += 1
                reply = self._timed(
                    CONTROL[0], "GetAll", interface=PROPERTIES, path=CONTROL[1], signature="s", body=marshal("s", (CONTROL[2],))
                )
                assert reply.kind == RETURN, reply.text
        except (AssertionError, OSError, EOFError) as failure:
            self.failure = failure
        finally:
            self._bus.close()

    def end(self):
        """Stop; raises what went wrong."""
        self._is_over.set()
        self.join()
        if self.failure:
            raise self.failure

    def _timed(self, *arguments, **other):
        begin = time.monotonic()
        reply = self._bus.ask(*arguments, **other)
        self.longest_s = max(self.longest_s, time.monotonic() - begin)
        return reply


class Fuzz:
    """So many calls, drawn by chance: the daemon answers each once, by name, and neither dies nor grows nor keeps anything of them."""

    def __init__(self, machine, daemon, chance):
        self.machine, self.daemon, self.chance = machine, daemon, chance
        self.draw = Draw(chance)
        self.decided = Decided(machine)
        self.number, self.seen = 0, Counter()
        self._batches = {self._steady: 60, self._leaving: 8, self._malformed: 12, self._unasked: 8, self._descriptors: 4}
        self._peer = RawBus(machine.address)
        self._peer.socket.settimeout(REPLY_S)

    def close(self):
        """Leave the bus."""
        self._peer.close()

    def run(self, until):
        """Go on until so many calls are made. Whatever fails says the seed and the number of the call."""
        try:
            while self.number < until:
                (batch,) = self.chance.choices([*self._batches], [*self._batches.values()])
                batch()
                self.seen[f"batches {batch.__name__}"] += 1
        except (AssertionError, OSError, EOFError) as failure:
            raise AssertionError(
                f"TELEMETRYD_SEED={SEED}, calls {self.number - BATCH}..{self.number}: {failure!r}\n{self.daemon.log}"
            ) from failure

    def _steady(self):
        """Calls of one who stays, many at once, and every reply to them."""
        calls = [self.draw.call(self._peer) for _ in range(BATCH)]
        pending = {call.serial: call for call in calls if call.is_answered}
        self._send(self._peer, *calls)
        is_changed = False
        while pending:
            reply = self._peer.read()
            if REPLY_SERIAL in reply.fields:
                call = pending.pop(reply.fields[REPLY_SERIAL], None)
                assert call, "expected one reply to each call that wants it"
                is_changed |= self._answered(call, reply)
        if is_changed or self.chance.random() < OFTEN:
            self.decided.check()

    def _leaving(self):
        """Calls of one who is gone at once."""
        with self._other() as peer:
            self._send(peer, *(self.draw.call(peer, may_change=False) for _ in range(self.chance.randrange(1, BATCH))))

    def _malformed(self):
        """A few right calls, and one that the bus may throw its sender out for; every reply that still comes is checked."""
        with self._other() as peer, contextlib.suppress(ConnectionError, EOFError):
            self.number += 1
            calls = [self.draw.call(peer, may_change=False) for _ in range(self.chance.randrange(4))]
            data = self.draw.malformed(peer)
            self._send(peer, *calls)
            peer.send(data)
            peer.socket.shutdown(socket.SHUT_WR)
            while reply := peer.read():
                # The bus has its own words for what it refuses. It names the sender of all that it passes on, but not always itself.
                if reply.kind == ERROR and reply.fields.get(SENDER, BUS) != BUS:
                    self._check_error(reply, "malformed")

    def _unasked(self):
        """Replies and signals that the daemon did not ask for; then it answers as ever."""
        with self._other() as peer:
            owner = peer.ask(BUS, "GetNameOwner", interface=BUS, path="/", signature="s", body=marshal("s", (CONTROL[0],))).text
            for _ in range(self.chance.randrange(1, 10)):
                self.number += 1
                peer.send(self.draw.unasked(peer, self.chance.choice((TELEMETRY[0], CONTROL[0], owner, ""))))
            for to in (TELEMETRY, CONTROL):
                assert peer.ask(to[0], "Ping", interface="org.freedesktop.DBus.Peer", path=to[1]).kind == RETURN

    def _descriptors(self):
        """Calls with descriptors, which no member takes."""
        with self._other(descriptors=True) as peer, contextlib.suppress(ConnectionError, EOFError):
            count, more = self.chance.randrange(1, 4), self.chance.choice((0, 0, 1))
            call = self.draw.with_descriptors(peer, count + more)
            self.number += 1
            with tempfile.TemporaryFile() as file:
                peer.send_with_descriptors(call.data, [file.fileno()] * count)
            if more:
                peer.socket.shutdown(socket.SHUT_WR)  # the bus waits for the descriptors that do not come
            if more or call.is_answered:
                self._check_error(peer.read_until(ERROR), call.member)

    @contextlib.contextmanager
    def _other(self, **options):
        peer = RawBus(self.machine.address, **options)
        with contextlib.closing(peer):
            yield peer

    def _send(self, peer, *calls):
        self.number += len(calls)
        for call in calls:
            self.seen[f"sent {call.member if call.member in MEMBERS else 'others'}"] += 1
        peer.send(b"".join(call.data for call in calls))

    def _answered(self, call, reply):
        """Check one reply; whether the call may have changed a decision."""
        assert not any(mark in reply.body for mark in MARKS), f"{call.member}: a sample in the reply: {reply.body[:300]}"
        if reply.kind == ERROR:
            self._check_error(reply, call.member)
        elif call.member in CHANGING:
            self.seen[f"done {call.member}"] += 1
            self.decided.done(call.member, call.arguments[1])
        return call.member in CHANGING

    def _check_error(self, reply, member):
        name = reply.fields[ERROR_NAME]
        self.seen[name.rpartition(".")[2]] += 1
        own = OF_THE_BUS if reply.fields[SENDER] == BUS else STANDARD
        is_named = name in own or (name.startswith(NAMED) and not name.endswith(".Internal"))
        assert is_named, f"{member}: {name}: {reply.text}"
        assert not any(mark in reply.body for mark in MARKS), f"{member}: a sample in the error"

"""How rows of the blind benchmarks are judged and shown, and the calls that are timed; see README.md here.

A threshold is chosen on one half of the trials and judged on the other half: its advantage says how much oftener than by tossing a coin it
tells two things apart. The floor is the mean of the same figure over 200 random relabellings of the same trials. A row fails above
floor + bound if that is above the 99.9 % quantile of these too.
"""
# ruff: noqa: T201 - printing is what it is for

import time
from bisect import bisect_right
from statistics import mean, median, quantiles
from typing import NamedTuple

from support.bus.raw_bus import ERROR, RETURN, RawBus
from support.machine import CONTROL, TELEMETRY

from telemetryd.bus.transport.library import Message
from telemetryd.bus.transport.output import marshalled

RELABELLINGS = 200
_MARKS = 400
"""Thresholds that are tried, at most."""


class Found(NamedTuple):
    """The advantage on the second half, and what chance alone gives."""

    advantage: float
    floor: float
    highest: float

    def is_met(self, bound: float | None) -> bool:
        """Whether it is at most the bound above the floor, or within what chance gives."""
        return bound is None or self.advantage <= max(self.floor + bound, self.highest)


class Compared(NamedTuple):
    """Two lists of times (ns) in the order of the trials; `bound` is None where nothing is promised."""

    name: str
    some: list[int]
    others: list[int]
    bound: float | None


def judged(some, others):
    """The advantage of the best threshold of the first half of both, on their second halves."""
    half, other_half = len(some) // 2, len(others) // 2
    first, other_first = sorted(some[:half]), sorted(others[:other_half])
    best, sign, threshold = -1.0, 1, 0
    marks = sorted({*first, *other_first})
    for mark in marks[:: max(1, len(marks) // _MARKS)]:
        difference = above(first, mark) - above(other_first, mark)
        if abs(difference) > best:
            best, sign, threshold = abs(difference), 1 if difference > 0 else -1, mark
    return sign * (above(sorted(some[half:]), threshold) - above(sorted(others[other_half:]), threshold))


def above(times, threshold):
    """The part of sorted times above a threshold."""
    return 1 - bisect_right(times, threshold) / len(times)


def compare(some, others, chance):
    """The advantage between two lists of times, and over random relabellings of them."""
    both, by_chance = [*some, *others], []
    for _ in range(RELABELLINGS):
        chance.shuffle(both)
        by_chance.append(abs(judged(both[: len(some)], both[len(some) :])))
    return Found(judged(some, others), mean(by_chance), quantiles(by_chance, n=1000)[-1])


def show_head(library, width=42):
    """Print the head of a table."""
    print(f"\n{library:{width}} {'median (ms)':>17} {'floor':>7} {'advantage':>10} {'99.9 %':>7}", flush=True)


def show(row, chance, width=40):
    """Print one row; whether the goal is met."""
    found = compare(row.some, row.others, chance)
    is_met = found.is_met(row.bound)
    verdict = "named in SECURITY.md" if row.bound is None else f"≤ {row.bound}  {'ok' if is_met else 'MISSED'}"
    medians = f"{median(row.some) / 1e6:.2f} / {median(row.others) / 1e6:.2f}"
    print(f"  {row.name:{width}} {medians:>17} {found.floor:7.3f} {found.advantage:10.3f} {found.highest:7.3f}   {verdict}", flush=True)
    return is_met


def call(member, signature, *body):
    """The bytes of a call of Telemetry1."""
    return _call(TELEMETRY, member, signature, *body)


def control(member, signature, *body):
    """The bytes of a call of Control1."""
    return _call(CONTROL, member, signature, *body)


def ping():
    """The bytes of a ping of Telemetry1."""
    name, path, _ = TELEMETRY
    return _call((name, path, "org.freedesktop.DBus.Peer"), "Ping", "")


def _call(address, member, signature, *body):
    name, path, interface = address
    message = Message(destination=name, path=path, interface=interface, member=member, signature=signature, body=list(body), serial=1)
    return bytearray(marshalled(message))


class Connection:
    """A connection whose calls are timed."""

    def __init__(self, machine):
        self._bus = RawBus(machine.address)
        self._serial = 16

    def ask(self, message):
        """A call and its reply; the time (ns) between. Raises AssertionError if that is an error."""
        start = time.perf_counter_ns()
        self.send(message)
        self.wait()
        return time.perf_counter_ns() - start

    def send(self, message):
        """A call; its reply is still to come."""
        self._serial += 1
        message[8:12] = self._serial.to_bytes(4, "little")
        self._bus.send(message)

    def wait(self):
        """The reply."""
        reply = self._bus.read_until(RETURN, ERROR)
        if reply.kind == ERROR:
            raise AssertionError(f"an error came back: {reply.text}")

    def close(self):
        """Leave."""
        self._bus.close()

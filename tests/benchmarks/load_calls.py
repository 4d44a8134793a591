"""Calls: how many a second, held against the C service's on the same bus, and what one sample costs the daemon."""

from statistics import median
from typing import NamedTuple

from benchmarks.load_peers import KEPT, REFUSED
from support.bus.raw_bus import NO_REPLY

ARRAY = 100
"""Samples of one PushMany."""
_ALL_AT_ONCE = 1 << 30


class Shape(NamedTuple):
    """A way of calling: how many calls may be unanswered, and how many samples one has."""

    name: str
    window: int
    samples: int = 1
    flags: int = 0

    def messages(self, bench, peer, application):
        """What is sent, over and over."""
        return bench.arrays(peer, application, self.samples) if self.samples > 1 else bench.pushes(peer, application, flags=self.flags)


SHAPES = (
    Shape("one waiting", 1),
    Shape("64 in flight", 64),
    Shape("no reply", _ALL_AT_ONCE, flags=NO_REPLY),
    Shape(f"PushMany of {ARRAY}", 64, samples=ARRAY),
)


class Cost(NamedTuple):
    """What one run came to."""

    calls_s: float
    cpu_us: float
    """Processor time of whoever served, for one sample."""


def measure(benches, *, rounds, seconds):
    """Library → figure → value. In each round everyone is called once in each way, so that what slows the machine slows all of them."""
    runs = {}
    for number in range(rounds + 1):
        for shape in SHAPES:
            for library, bench in benches.items():
                for who, peer, application in parties(bench)[:: 1 if number % 2 else -1]:
                    costs = runs.setdefault((shape, library, who), [])
                    count = max(int(costs[-1].calls_s * seconds), 100) if costs else 1000
                    costs.append(cost(bench, peer, shape, application, count))
                    if number == 1:
                        del costs[0]  # the first was to warm up, and to know how many calls take so long
    for bench in benches.values():
        bench.check_consent()
    return {library: figures_of(runs, library) for library in benches}


def parties(bench):
    """Who is called for whom: the C service, and the daemon for an application whose samples are kept and for one whose are refused."""
    return ("C", bench.service, KEPT), ("kept", bench.daemon, KEPT), ("refused", bench.daemon, REFUSED)


def cost(bench, peer, shape, application, count):
    """The cost of calling one peer in one way."""
    run = bench.run(peer, shape.messages(bench, peer, application), count, window=shape.window)
    return Cost(count / run.seconds, run.cpu_s / count / shape.samples * 1e6)


def figures_of(runs, library):
    """The figures of one library."""
    each = {shape: [runs[shape, library, who] for who in ("C", "kept", "refused")] for shape in SHAPES}
    return {f"{shape.name}, {name}": value for shape, costs in each.items() for name, value in compared(shape, *costs).items()}


def compared(shape, service, kept, refused):
    """Figures of one way of calling; ratios are taken within each round."""
    return {
        "samples/s": median(one.calls_s for one in kept) * shape.samples,
        "of C's calls/s": median(ours.calls_s / its.calls_s for ours, its in zip(kept, service, strict=True)),
        "CPU per call of the C service (µs)": median(one.cpu_us * shape.samples for one in service),
        "CPU per sample kept (µs)": median(one.cpu_us for one in kept),
        "CPU refused, of kept": median(no.cpu_us / yes.cpu_us for no, yes in zip(refused, kept, strict=True)),
    }

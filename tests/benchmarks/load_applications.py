"""What a sample costs on a machine with a thousand applications of ten sources, held against one with two applications."""

import random
from statistics import median

from benchmarks import load_process as process
from benchmarks.load_peers import KEPT, REFUSED
from support.machine import KATE

APPLICATIONS, SOURCES = 1000, 10
TURNS = 20
"""Turns of one round."""
SAME = "1,000 applications, same source: cost"


def names(applications):
    """The ids of the applications."""
    return [f"org.example.app{number:04}" for number in range(applications)]


def manifests(applications=APPLICATIONS):
    """A manifest of each, with a question about each of its sources."""
    head, rest = KATE.split("[[source]]")
    source, question = rest.split("[[question]]")
    tables = [f"[[source]]{source}".replace('"startup"', f'"startup{number}"') for number in range(SOURCES)]
    for number in range(SOURCES):
        one = f"[[question]]{question}".replace('"startup-time"', f'"time{number}"')
        tables.append(one.replace('["startup"]', f'["startup{number}"]'))
    return [(head + "".join(tables)).replace(KEPT, name) for name in names(applications)]


def measure(few, many, *, applications=APPLICATIONS, rounds, calls):
    """Cost of a sample (processor time) on the bench with many applications, of that on the one with few.

    Spread: applications in any order, each with a sample of each of its sources. Scattered: the sources of all in any order, so that every
    sample has a page of the database of its own.
    """
    for one in (few, many):
        one.part()
    everything = spread(many, applications)
    begin = process.memory(many.daemon.process)
    many.run(many.daemon, everything, len(everything))  # each manifest is parsed
    after = process.memory(many.daemon.process)
    scattered = random.Random(0).sample(everything, len(everything))
    costs = [compare(few, many, everything, scattered, calls) for _ in range(rounds)]
    same, other, worst = (median(one) for one in zip(*costs, strict=True))
    return {
        SAME: same,
        "1,000 applications, 10,000 sources: cost": other,
        "1,000 applications, 10,000 sources scattered: cost": worst,
        "1,000 applications, at start, resident (MB)": begin.resident,
        "1,000 applications, all used, resident (MB)": after.resident,
        "1,000 applications, all used, private (MB)": after.private,
        "1,000 applications, all used: growth (MB)": after.resident - begin.resident,
    }


def compare(few, many, everything, scattered, calls):
    """One round: the same source (kept and refused), and all sources, which are refused, of the cost with few applications.

    The benches take turns every few milliseconds, so that what slows the machine for a moment slows all of them.
    """
    same = {(bench, application): bench.pushes(bench.daemon, application) for application in (KEPT, REFUSED) for bench in (few, many)}
    costs = dict.fromkeys([*same, "spread", "scattered"], 0.0)
    for number in range(TURNS):
        for (bench, application), messages in list(same.items())[:: 1 if number % 2 else -1]:
            costs[bench, application] += bench.run(bench.daemon, messages, calls // TURNS).cpu_s
        for name, messages in (("spread", everything), ("scattered", scattered)):
            turn = messages[number * len(messages) // TURNS : (number + 1) * len(messages) // TURNS]
            costs[name] += many.run(many.daemon, turn, calls // TURNS).cpu_s
    ratio = (costs[many, KEPT] + costs[many, REFUSED]) / (costs[few, KEPT] + costs[few, REFUSED])
    return ratio, costs["spread"] / costs[few, REFUSED], costs["scattered"] / costs[few, REFUSED]


def spread(bench, applications):
    """A call for each source of each application, in an order of the applications that is drawn once."""
    shuffled = random.Random(0).sample(names(applications), applications)
    pairs = [(name, f"startup{number}") for name in shuffled for number in range(SOURCES)]
    return [bench.pushes(bench.daemon, application, source=source)[2] for application, source in pairs]

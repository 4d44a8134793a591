"""What the figures should be, and the table in which they are held against it."""

from typing import NamedTuple

from benchmarks.load_floods import NAMES, P99_MS, WITHDRAWAL_MS

LIBRARIES = ("dbus-fast", "dbus-next")


class Goal(NamedTuple):
    """The bounds of a figure, both permitted."""

    least: float | None
    most: float | None

    def __str__(self):
        if self.least is None:
            return f"≤ {self.most:,g}"
        return f"≥ {self.least:,g}" if self.most is None else f"{self.least:g} … {self.most:g}"

    def is_met(self, value):
        """Whether a figure is within the bounds."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


def least(fast, following):
    """A goal for each library: no less than that."""
    return {"dbus-fast": Goal(fast, None), "dbus-next": Goal(following, None)}


def most(fast, following):
    """A goal for each library: no more than that."""
    return {"dbus-fast": Goal(None, fast), "dbus-next": Goal(None, following)}


SAME = dict.fromkeys(LIBRARIES, Goal(0.9, 1.1))
GOALS = {
    "one waiting, of C's calls/s": least(0.65, 0.28),
    "one waiting, CPU per sample kept (µs)": most(30, 130),
    "64 in flight, of C's calls/s": least(0.70, 0.17),
    "64 in flight, CPU per sample kept (µs)": most(14, 65),
    "64 in flight, CPU refused, of kept": SAME,
    "PushMany of 100, samples/s": least(1e6, 3e5),
    "PushMany of 100, of C's calls/s": {"dbus-fast": Goal(0.15, None)},
    "45,000 calls, unread for 2 s: growth (MB)": most(10, 10),
    "2,000 introspections, unread for 2 s: growth (MB)": most(6, 8),
    "1,000 applications, same source: cost": most(1.05, 1.05),
    "1,000 applications, 10,000 sources: cost": most(1.6, 1.6),
    "1,000 applications, all used: growth (MB)": most(36, 36),
    "1 M samples: growth of memory (MB)": most(1, 1),
    "1 M samples: growth of the database after exit (kB)": most(0, 0),
    "idle, resident (MB)": most(24, 24),
    "idle, private (MB)": {"dbus-fast": Goal(None, 16)},
}
GOALS |= {
    f"flood of {name}: {what}": most(bound, bound)
    for name in NAMES
    for what, bound in (("p99 (ms)", P99_MS), ("withdrawal (ms)", WITHDRAWAL_MS))
}
"""Figures with a goal. The others are there to be known."""


def rows(figures, library):
    """One line for each figure (name → value) of a library: name, value, goal, verdict."""
    for name, value in figures.items():
        goal, verdict = judged(name, value, library)
        yield f"  {name:<52} {shown(value):>12}   {goal:<14} {verdict}".rstrip()


def markdown(figures):
    """The lines of one table for documents, of all libraries (library → name → value); without what differs in name from run to run."""
    yield "| | " + " | ".join(f"{library} | goal" for library in figures) + " |"
    yield "|---|" + "--:|---|" * len(figures)
    for name in next(iter(figures.values())):
        if all(name in its for its in figures.values()):
            cells = [(shown(its[name]), *judged(name, its[name], library)) for library, its in figures.items()]
            yield f"| {name} | " + " | ".join(f"{value} | {f'{goal} {verdict}'.strip()}" for value, goal, verdict in cells) + " |"


def judged(name, value, library):
    """The goal of a figure and the verdict, both empty if it has none."""
    goal = GOALS.get(name, {}).get(library)
    return ("", "") if goal is None else (str(goal), "ok" if goal.is_met(value) else "MISSED")


def shown(value):
    """A figure with three digits that say something."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"

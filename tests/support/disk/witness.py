"""What a daemon promised, and when: to hold against what a power cut at any moment leaves."""

import math
import time
from collections import Counter

from support.bus.call_books import PRESSES
from support.machine import CONTROL

from telemetryd.core.limits import SETTLE_S

BOUND_NS = int((SETTLE_S + 2) * 1e9)
"""What a power cut may take of the acknowledged samples: the time to the sync, and two seconds for a busy disk."""


class Witness:
    """Calls the daemon, and writes down what was said and when."""

    def __init__(self, client):
        self.client = client
        self.promises = {}
        """What holds: name → [since (monotonic ns), until, claim about what is left]."""
        self.sent, self.acknowledged = [], []
        self._low, self._acknowledged, self._high = Sum(self.acknowledged), Sum(self.acknowledged), Sum(self.sent)
        self.erased, self.begin = math.inf, time.monotonic_ns()

    async def consent(self, application):
        """Accept everything of an application; what is promised is what is there in the end."""
        await self.client.consent(application)
        self.promise(f"consent to {application}", lambda left: consented(left, application) == self.expected[application])

    def expect(self, left, applications):
        """What was kept of the consent, as a later look shows it."""
        self.expected = {application: consented(left, application) for application in applications}
        assert all(len(rows) >= 4 for rows in self.expected.values())

    async def push(self, caller):
        """One call of a caller."""
        call, counts = caller.draw()
        self.sent.append((time.monotonic_ns(), counts))
        await call
        self.acknowledged.append((time.monotonic_ns(), counts))

    async def set(self, user):
        """One setting of a user's."""
        name, value, call = user.draw()
        self.break_off(name)
        await call
        later_ns = BOUND_NS if name == "text" else 0  # what an application registers is as durable as its samples
        self.promise(name, lambda left: left.settings()[name] == value, later_ns)

    async def look(self):
        """The reports that are shown stay as they are: a second draw of the noise would be a second answer."""
        bodies = {row["body"].encode() for row in await self.client.history()}
        assert len(bodies) == 2
        self.promise("queue", lambda left: {body for (body,) in left.rows("SELECT body FROM report")} == bodies)
        charged = "SELECT count(*) FROM ledger WHERE is_charged"
        self.promise("charges", lambda left: left.rows(charged, "consent.sqlite") == [(2,)])

    async def erase(self, application):
        """Erase an application's samples."""
        self.erased = time.monotonic_ns()
        await self.client.call(CONTROL, "Erase", "s", application)
        sql = f"SELECT 1 FROM tally WHERE application = '{application}'"
        life = f"SELECT outcome FROM life WHERE application = '{application}' AND question = '{PRESSES}'"
        self.promise("erasure", lambda left: left.rows(sql) == [] and left.rows(life, "consent.sqlite") == [("passed",)])

    def promise(self, name, claim, later_ns=0):
        """From now on, or some time later, this holds."""
        self.promises.setdefault(name, []).append([time.monotonic_ns() + later_ns, math.inf, claim])

    def break_off(self, name):
        """From now on it need not hold."""
        for one in self.promises.get(name, [])[-1:]:
            one[1] = time.monotonic_ns()

    def check(self, left, moment, erased):
        """Hold what a power cut left against everything that was promised by its moment (no earlier than the last one's).

        Gives how many samples it took.
        """
        assert left.is_whole()
        self.check_promises(left, moment)
        found = left.samples()
        low, high, acknowledged = self._low.until(moment - BOUND_NS), self._high.until(moment), self._acknowledged.until(moment)
        names = {name for name in {*found, *high} if name[0] != erased or moment < self.erased}
        wrong = {name: (low[name], found[name], high[name]) for name in names if not low[name] <= found[name] <= high[name]}
        assert wrong == {}, "at least, found, at most"
        return sum(max(acknowledged[name] - found[name], 0) for name in names)

    def check_promises(self, left, moment):
        """Hold it against everything but the samples."""
        broken = [
            name
            for name, promises in self.promises.items()
            for since, until, claim in promises
            if since < moment < until and not claim(left)
        ]
        assert not broken, f"broken {(moment - self.begin) / 1e9:.3f} s after the start: {broken}"


class Sum:
    """What entries, in order, sum up to until a moment; the moments come in order too."""

    def __init__(self, entries):
        self._entries, self._next, self._total = entries, 0, Counter()

    def until(self, moment):
        """So much before that moment."""
        while self._next < len(self._entries) and self._entries[self._next][0] < moment:
            self._total.update(self._entries[self._next][1])
            self._next += 1
        return self._total


def consented(left, application):
    """Everything that lasts of the consent to an application's questions: levels, acceptances, lots."""
    where = f"WHERE application = '{application}' ORDER BY question"
    columns = {"acceptance": "question, digest, at, shown", "lot": "*"}
    rows = [row for table, names in columns.items() for row in left.rows(f"SELECT {names} FROM {table} {where}", "consent.sqlite")]
    return rows + left.rows("SELECT * FROM level WHERE name IN ('system', 'usage') ORDER BY name", "consent.sqlite")

"""Packages of a year: applications whose manifests come, change with each version, and go."""

from datetime import date, timedelta
from typing import NamedTuple

from support.manifests.manifest_texts import application, question

from telemetryd.toml import manifest

KINDS = ("day", "week", "month")
LIVES_DAYS = {"day": 40, "week": 60, "month": 100}
"""From a question's first day to its last."""
EPSILON = 0.5
"""So small that a year has more than the eight answers of the usual ε."""
LEAST_SUM = 10**9
"""Counts are at least so large: eight bytes of a sum are found on a disk if they are there."""
_SOURCES = {
    "day": 'type = "number"\ndescription = "Time until the first window"\nunit = "ms"\ncombine = "median"\nbins = [500, 2000]\n',
    "week": f'type = "count"\ndescription = "Bytes that were saved"\ncombine = "sum"\nbins = [{LEAST_SUM}, {LEAST_SUM * 20}]\n',
    "month": 'type = "choice"\ndescription = "The theme"\ncombine = "last"\nvalues = ["dark", "light"]\n',
}


class Asked(NamedTuple):
    """One question of a package: its number in the package's life, its period, its first day, and how often its words changed."""

    number: int
    kind: str
    starts: date
    wording: int = 0

    @property
    def id(self):
        """The question's id, and its source's."""
        return f"q{self.number}"

    @property
    def ends(self):
        """The last day."""
        return self.starts + timedelta(days=LIVES_DAYS[self.kind])


class Package:
    """An application; `text` is its manifest now, "" while it is not installed."""

    def __init__(self, name, vendor, chance):
        self.id, self.vendor, self._chance = name, vendor, chance
        self._asked, self._number = [], 0
        self.text, self.digests, self.revisions = "", {}, {}

    @property
    def sources(self):
        """(source, kind) of everything that it measures."""
        return [(one.id, one.kind) for one in self._asked]

    def remove(self):
        """It is uninstalled."""
        self.text, self.digests, self.revisions = "", {}, {}

    def upgrade(self, today):
        """A new version: some questions stay, some have other words, some are gone, and some are new."""
        kept = [one for one in self._asked if one.ends > today and self._chance.random() < 0.8]
        self._asked = [one._replace(wording=one.wording + 1) if self._chance.random() < 0.15 else one for one in kept]
        for _ in range(self._chance.randrange(2, 5)):
            self._number += 1
            self._asked.append(Asked(self._number, self._chance.choice(KINDS), today + timedelta(days=self._chance.randrange(10))))
        self.install()

    def install(self):
        """The same version once more."""
        self.text = self._write()
        definitions = manifest.parse(self.text).definitions
        self.digests = {one.question.id: one.digest for one in definitions}
        self.revisions = {one.question.id: one.revision for one in definitions}

    def _write(self):
        head = application(self.id, self.id.rpartition(".")[2], "An application", vendor=self.vendor)
        sources = "".join(f'[[source]]\nid = "{one.id}"\n{_SOURCES[one.kind]}' for one in self._asked)
        return head + sources + "".join(self._question(one) for one in self._asked)

    @staticmethod
    def _question(one):
        why = {"purpose": f"Does {one.id} matter{'?' * (one.wording + 1)}", "decision": f"Whether {one.id} is improved"}
        return question(one.id, one.id, **why, period=one.kind, starts=one.starts, ends=one.ends, more=f"epsilon = {EPSILON}")


def sample(kind, chance):
    """(type code, value) of a sample of a source."""
    return {
        "day": ("d", chance.uniform(0, 5000)),
        "week": ("t", chance.randrange(LEAST_SUM, LEAST_SUM * 9)),
        "month": ("s", chance.choice(("dark", "light", "blue"))),
    }[kind]

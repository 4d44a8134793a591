"""The words of calls drawn by chance: ids, digests, texts and dictionaries, some of which a daemon knows."""

from support.bus.flood import worst_texts
from support.machine import CONTROL, PROPERTIES, TELEMETRY
from support.manifests.manifest_texts import EVERY_TYPE, this_week

from telemetryd.toml import manifest

WITNESS, KEPT, NEVER = "org.example.Witness", "org.example.Kept", "org.example.Never"
"""Accepted, and in no call that is drawn; accepted; never accepted by a call that is drawn, because its digests are not."""
OWN = tuple(f"org.example.Own{number}" for number in range(8))
"""Applications that register themselves, in calls that are drawn."""
SOURCES, QUESTIONS = ("saves", "load", "dark", "shell"), ("saves", "rest")
NAME_MARK = "zq7x-name"
LEVELS = (0, 1, 2)
DICTIONARIES = {
    "options": {"activation_token": "s"},
    "query": {"application": "s", "states": "as", "keys": "as", "languages": "as", "after": "s", "limit": "u"},
    "filter": {"application": "s", "question": "s", "outcomes": "as", "since": "t", "keys": "as"},
    "change": {
        **dict.fromkeys(("system", "usage", "new_questions", "app_system", "app_usage"), "u"),
        **dict.fromkeys(("application", "erase", "forget"), "s"),
        **dict.fromkeys(("refuse", "allow"), "a(ss)"),
        "accept": "a{sa{ss}}",
    },
}
"""The keys of each dictionary that a member takes, by the argument's name."""
_WORDS = (
    *("pending", "active", "refused", "id", "text", "sentences", "state", "purpose", "figures"),
    *("de", "ja", "xx_YY.UTF-8@z", "sent", "body"),
)
_HOSTILE = (
    *("", "a", ".", "..", "../../etc/passwd", "org..x", ".org", "org.example.\u0435ditor", "%s%n%x", "'; DROP TABLE consent; --"),
    *("\n", "\x1b[2J", "\u202e\u2066", "\U0001f4a9" * 40, "a." * 60 + "a", "A" * 129, "-", "\ufeff", "sha256:" + "0" * 64),
)
"""The first one means all applications in some members."""


def text_of(application):
    """The manifest of an application of these tests, asked for in this week."""
    return this_week(EVERY_TYPE.replace("org.example.app", application))


class Names:
    """Draws words; while it `is_calm` nothing that concerns all applications is decided."""

    def __init__(self, chance):
        self._chance = chance
        self.is_calm = True
        self._texts = {own: text_of(own) for own in OWN}
        self._worst = worst_texts(OWN[0])
        declared = [manifest.parse(text) for text in (text_of(KEPT), *self._texts.values())]
        self._digests = {one.application.id: {each.question.id: each.digest for each in one.definitions} for one in declared}

    def drawn(self, name):
        """A word for an argument or key of this name; None if it is not known here."""
        known = {
            **dict.fromkeys(("app_id", "application", "forget"), self.application),
            "erase": self.application,
            "source": self.source,
            "manifest": self.manifest,
            "digests": lambda: list(self.digests(self.application()).items()),
            **dict.fromkeys(("question", "after_question"), self.question),
            **dict.fromkeys(("system", "usage", "new_questions"), self.level),
            **dict.fromkeys(("app_system", "app_usage"), lambda: self._chance.randrange(5)),
            "interface": lambda: self._chance.choice((TELEMETRY[2], CONTROL[2], CONTROL[2], CONTROL[2], PROPERTIES, "", self.hostile())),
            "property": self.property,
            "allowed": lambda: self._chance.randrange(2),
            "foreseen": lambda: self._chance.choice(("", "", "sha256:" + "0" * 64)),
            "refuse": self._questions,
            "allow": self._questions,
            "accept": lambda: [(app, list(self.digests(app).items())) for app in {self.application()}],
        }
        return known[name]() if name in known else None

    def dictionary(self, keys, others):
        """A dictionary of variants with some of these keys, a few wrong values and a few unknown keys."""
        chance, entries = self._chance, []
        for key in chance.sample(sorted(keys), k=min(len(keys), chance.randrange(4))):
            is_known = chance.random() < 0.9 or (self.is_calm and key in {"system", "usage"})
            drawn = self.drawn(key) if is_known else None
            if drawn is None:
                kind = keys[key] if chance.random() < 0.7 else "as"
                drawn = [chance.choice(_WORDS) for _ in range(chance.randrange(4))] if kind == "as" else others.draw(kind)
            else:
                kind = keys[key]
            entries.append((key, (kind, drawn)))
        if chance.random() < 0.1:
            entries.append((self.hostile(), ("s", self.hostile())))
        return entries

    def application(self):
        """An id; "" means all in some members."""
        which = self._chance.choices((KEPT, NEVER, "own", "", "hostile"), (25, 20, 30, 0 if self.is_calm else 5, 20))[0]
        words = {"own": lambda: self._chance.choice(OWN), "hostile": self.hostile}
        found = words[which]() if which in words else which
        return found or (KEPT if self.is_calm else "")

    def source(self):
        """The id of a source."""
        return self._chance.choice((*SOURCES, *SOURCES, "org.telemetryd.system/memory", "no/such", self.hostile()))

    def question(self):
        """The id of a question."""
        return self._chance.choice((*QUESTIONS, *QUESTIONS, self.hostile()))

    def digests(self, application):
        """Question → digest, right or not."""
        right = self._digests.get(application, dict.fromkeys(QUESTIONS, "sha256:" + "1" * 64))
        chosen = {name: digest for name, digest in right.items() if self._chance.random() < 0.7}
        return chosen if self._chance.random() < 0.7 else {**chosen, self.question(): "sha256:" + "0" * 64}

    def level(self):
        """A level; in calm one that there is not."""
        edges = (3, 4, 255, 100)
        return self._chance.choice(edges if self.is_calm else (*LEVELS, *LEVELS, *edges))

    def property(self):
        """The name of a property."""
        names = ("System", "Usage", "NewQuestions", "Version", "Developer", "KillSwitches", "Locks", "Problems", "LastWork", self.hostile())
        return self._chance.choice(names)

    def manifest(self):
        """A text: valid, changed in its words, spoilt, made to be slow, or nothing like it."""
        chance, text = self._chance, self._texts[self._chance.choice(OWN)]
        which = chance.choices(("valid", "changed", "spoilt", "worst", "hostile"), (6, 3, 6, 1, 3))[0]
        if which == "changed":
            return text.replace("Is autosave missed?", f"Is autosave missed {chance.randrange(3)} times?")
        if which == "spoilt":
            lines = text.splitlines()
            lines[chance.randrange(len(lines))] = chance.choice(
                (self.hostile(), "= broken", '[["', "a" * 3000, lines[chance.randrange(len(lines))])
            )
            return "\n".join(lines)
        return {"valid": text, "worst": chance.choice(self._worst), "hostile": self.hostile()}[which]

    def hostile(self):
        """A text that no name is."""
        if self._chance.random() < 0.01:
            return NAME_MARK * self._chance.choice((100, 7_000))
        return self._chance.choice((*_HOSTILE[self.is_calm :], NAME_MARK, f"{NAME_MARK}.{self._chance.randrange(1000)}"))

    def _questions(self):
        return [[self.application(), self.question()] for _ in range(self._chance.randrange(1, 3))]

"""What a user decided by the calls that were answered without an error, beside what the daemon has on its disk."""

from support.fuzz.names import KEPT, WITNESS
from support.machine_at import rows

_LEVELS = {"System": "system", "Usage": "usage", "NewQuestions": "new_questions"}
_INHERIT = 3
CONSENT = "consent.sqlite"


class Decided:
    """Levels, own levels of applications, refusals and acceptances."""

    def __init__(self, machine):
        self._machine = machine
        self.levels, self.own, self.refused, self.accepted = self.on_disk()
        self._is_grown_by_itself = False
        self._acts = {
            "Set": self._set,
            "SetApplicationConsent": self._set_own,
            "SetQuestionConsent": self._set_question,
            "Accept": self._accept,
            "Forget": self._forget,
            "Apply": self._apply,
        }

    def on_disk(self):
        """(levels, own levels, refusals, acceptances) as the file has them."""
        levels = dict(rows(self._machine, "SELECT name, value FROM level", file=CONSENT))
        own = {name: (system, usage) for name, system, usage in rows(self._machine, "SELECT * FROM application", file=CONSENT)}
        refused = set(rows(self._machine, "SELECT * FROM refusal", file=CONSENT))
        accepted = set(rows(self._machine, "SELECT application, question, digest FROM acceptance", file=CONSENT))
        return levels, {name: pair for name, pair in own.items() if pair != (_INHERIT, _INHERIT)}, refused, accepted

    def done(self, member, values):
        """A call that changes something was answered without an error."""
        self._acts.get(member, lambda *_: None)(*values)
        self._is_grown_by_itself |= self.levels.get("new_questions") == len(_LEVELS) - 1
        self.own = {name: pair for name, pair in self.own.items() if pair != (_INHERIT, _INHERIT)}

    def check(self):
        """The disk has exactly this; an acceptance may have gone, and none has come without a call."""
        levels, own, refused, accepted = self.on_disk()
        assert (levels, own, refused) == (self.levels, self.own, self.refused), "levels, own levels, refusals: on disk, as answered"
        more = {row for row in accepted - self.accepted if not (self._is_grown_by_itself and row[0] in {KEPT, WITNESS})}
        assert not more, "accepted without a call"

    def _set(self, _, name, level):
        self.levels[_LEVELS[name]] = int(level[1])

    def _set_own(self, application, system, usage):
        self.own[application] = system, usage

    def _set_question(self, application, question, is_allowed):
        (self.refused.discard if is_allowed else self.refused.add)((application, question))

    def _accept(self, application, digests):
        for question, digest in dict(digests).items():
            self.accepted.add((application, question, digest))
            self.refused.discard((application, question))

    def _forget(self, application):
        self.own.pop(application, None)

    def _apply(self, change, _):
        parts = {key: value for key, (_, value) in dict(change).items()}
        self.levels |= {name: parts[name] for name in _LEVELS.values() if name in parts}
        if "app_system" in parts or "app_usage" in parts:
            system, usage = self.own.get(parts["application"], (_INHERIT, _INHERIT))
            self.own[parts["application"]] = parts.get("app_system", system), parts.get("app_usage", usage)
        for application, digests in dict(parts.get("accept", ())).items():
            self._accept(application, digests)
        for key in parts.get("refuse", ()):
            self.refused.add(tuple(key))
        for key in parts.get("allow", ()):
            self.refused.discard(tuple(key))
        if "forget" in parts:
            self._forget(parts["forget"])

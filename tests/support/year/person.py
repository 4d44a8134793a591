"""The user of a year: what they decide, and a model of it that shares nothing with the daemon's."""

from collections import Counter

from support.machine import CONTROL, CallError

INHERIT = 3
RAISED, CHANGED = (1, 2, 2), (0, 1, 2, 2)
"""Levels that are chosen when telemetry is off, and when it is on. Most are high: too little arrives in a year that is mostly off."""
BEGUN = {"active", "reporting"}
LATE = ("UnknownApplication", "UnknownQuestion", "Changed")
"""Errors of an act that names what is not asked any more."""


class Person:
    """One user at one desktop. `may_be_sent` is the model: whether an answer could leave now, as far as the user has to do with it."""

    def __init__(self, desktop, chance):
        self._desktop, self._chance = desktop, chance
        self.usage, self.own, self.refused, self.accepted = 0, {}, set(), {}
        self.ended = set()
        """Questions that were withdrawn after their period had begun, or erased: they are never answered any more."""
        self.is_accepting_new = False
        self.done = Counter()

    @property
    def is_off(self):
        """Whether nothing may be collected."""
        return self.usage == 0

    def may_be_sent(self, key, digest):
        """Whether this definition of a question is accepted, open by its levels, and was never withdrawn."""
        is_open = self.usage and self.own.get(key[0], INHERIT) and key not in self.refused
        return bool(is_open) and digest in self.accepted.get(key, ()) and key not in self.ended

    async def begin(self):
        """Turn telemetry on, and accept what each application asks so far."""
        await self._level()
        for _ in self._desktop.known():
            await self._accept()
        self.done["begun"] += 1

    async def decide(self):
        """One act, drawn by chance."""
        acts = {self._accept: 40, self._level: 4, self._own_level: 5, self._refuse: 6, self._erase: 2, self._new_questions: 2}
        if self.is_off:
            acts = {self._level: 1}
        (act,) = self._chance.choices([*acts], [*acts.values()])
        await act()
        self.done[act.__name__.strip("_")] += 1

    async def notice(self):
        """What the daemon accepted by the user's own wish: only what is new, of an application with an accepted question."""
        known = {application for application, _ in self.accepted}
        for key, row in (await self.questions()).items():
            if row["consent"] == 1 and row["accepted_digest"] not in self.accepted.get(key, ()):
                assert self.is_accepting_new, f"accepted by nobody: {key}"
                assert key not in self.accepted, f"a changed question accepted by itself: {key}"
                assert key[0] in known, f"accepted for an application of which nothing was accepted: {key}"
                self.accepted[key] = {row["accepted_digest"]}

    async def questions(self):
        """(application, question) → everything that is listed about it."""
        rows = (await self._desktop.client.call(CONTROL, "ListQuestions", "s", ""))[0]
        plain = [{key: variant.value for key, variant in row.items()} for row in rows]
        return {(row["application"], row["id"]): row for row in plain}

    # What the user does.

    async def _accept(self):
        rows = await self.questions()
        applications = sorted({key[0] for key, row in rows.items() if row["state"] == "pending"})
        if not applications:
            return
        application = self._chance.choice(applications)
        digests = {key[1]: row["digest"] for key, row in rows.items() if key[0] == application and row["state"] == "pending"}
        if not await self._is_done(self._desktop.client.call(CONTROL, "Accept", "sa{ss}", application, digests)):
            return
        for question, digest in digests.items():
            self.accepted.setdefault((application, question), set()).add(digest)
            self.done["questions accepted"] += 1

    async def _level(self):
        level = self._chance.choice(RAISED if self.is_off else CHANGED)
        await self._withdraw(lambda _: level == 0, self._desktop.client.set("Usage", level))
        self.usage = level

    async def _own_level(self):
        application = self._chance.choice(self._desktop.known())
        level = self._chance.choice((0, INHERIT, INHERIT))
        call = self._desktop.client.call(CONTROL, "SetApplicationConsent", "suu", application, INHERIT, level)
        if await self._withdraw(lambda key: level == 0 and key[0] == application, call):
            self.own[application] = level

    async def _refuse(self):
        rows = await self.questions()
        if not rows:
            return
        key = self._chance.choice(sorted(rows))
        is_allowed = key in self.refused
        call = self._desktop.client.call(CONTROL, "SetQuestionConsent", "ssb", *key, is_allowed)
        if await self._withdraw(lambda other: not is_allowed and other == key, call):
            (self.refused.discard if is_allowed else self.refused.add)(key)

    async def _erase(self):
        application = self._chance.choice((*self._desktop.known(), ""))
        if await self._withdraw(lambda key: application in {"", key[0]}, self._desktop.client.call(CONTROL, "Erase", "s", application)):
            self._desktop.checks.history_is_erased(application)

    async def _new_questions(self):
        level = self._chance.choice((0, 1, 2))
        await self._desktop.client.set("NewQuestions", level)
        self.is_accepting_new |= level == 2

    async def _withdraw(self, concerns, call):
        """Do an act: what had begun of what it takes back is over, and nothing of it is on the disk. False if nothing is known of it."""
        gone = {key for key, row in (await self.questions()).items() if row["state"] in BEGUN and concerns(key)}
        needles = self._desktop.checks.needles(gone)
        if not await self._is_done(call):
            return False
        self.ended |= gone
        self.done["questions withdrawn"] += len(gone)
        self._desktop.checks.nothing_left(gone, needles)
        return True

    async def _is_done(self, call):
        """Whether an act was done. It is refused whole if a package changed since the user looked."""
        try:
            await call
        except CallError as failure:
            if failure.name.endswith(LATE):
                self.done["acts that came too late"] += 1
                return False
            raise
        return True

"""What a change of the user's choices would do, as the daemon foresaw it, in sentences. Without Qt. Policy: C1, C2."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from telemetryd.settings.window_words import day, foreign

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from telemetryd.ctl.language import UserLanguage
    from telemetryd.settings.service_snapshot import Row

_NAMED_MAX = 6
"""Most questions that a sentence names."""


class ForeseenChange(NamedTuple):
    """The rows of Foresee: what ends for good, what resumes, what stays or becomes shut; and the digest that Apply takes."""

    ends: Sequence[Row]
    resumes: Sequence[Row]
    refused: Sequence[Row]
    digest: str

    def needs_question(self, change: Mapping[str, object]) -> bool:
        """Whether the user has to hear of them first: something ends, or something starts that is not accepted by this very change."""
        return bool(self.ends or self._resumed(change))

    def sentences(self, change: Mapping[str, object], language: UserLanguage) -> Iterator[str]:
        """What the user has to hear, a paragraph each."""
        words, closed = language.words, [row for row in self.refused if row["closes"]]
        if self.ends:
            text = words.ngettext("This ends {number} question for good:", "This ends {number} questions for good:", len(self.ends))
            yield _named(text, self.ends, language)
        if any("tally" in row["erases"] or "report" in row["erases"] for row in (*self.ends, *self.refused)):
            yield words.gettext("What was measured and not sent is erased.")
        if self._lowers(change) and closed:
            text = words.ngettext(
                "{number} question can continue if you turn it on again:",
                "{number} questions can continue if you turn it on again:",
                len(closed),
            )
            yield _named(text, closed, language)
        resumed = self._resumed(change)
        if resumed:
            text = words.ngettext("This starts {number} question:", "This starts {number} questions:", len(resumed))
            yield _named(text, resumed, language)

    def _resumed(self, change: Mapping[str, object]) -> list[Row]:
        accepted = change.get("accept", {})
        named = {(app, question) for app, digests in accepted.items() for question in digests} if isinstance(accepted, dict) else set()
        return [row for row in self.resumes if (row["application"], row["question"]) not in named]

    @staticmethod
    def _lowers(change: Mapping[str, object]) -> bool:
        return bool({"system", "usage", "app_system", "app_usage"} & set(change))


def _named(head: str, rows: Sequence[Row], language: UserLanguage) -> str:
    """A head with its number, then the questions, a line each."""
    lines = [head.format(number=len(rows)), *("• " + _row(row, language) for row in rows[:_NAMED_MAX])]
    return "\n".join([*lines, "…"] if len(rows) > _NAMED_MAX else lines)


def _row(row: Row, language: UserLanguage) -> str:
    purpose = foreign(row["purpose"] or f"{row['application']}/{row['question']}", language)
    if not row["accepted_at"]:
        return purpose
    text = language.words.gettext("{question} (accepted on {date})")
    return text.format(question=purpose, date=day(row["accepted_at"], language))

"""Reviews and stops: which definition of a question may be asked, and which questions are over. Policy: R1, R2, R4, M4."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from telemetryd.core.causes import Cause, because, whose
from telemetryd.core.settings import Origin
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from telemetryd.core.causes import Reason
    from telemetryd.core.settings import Problem


class Review(NamedTuple):
    """A public review by two or more people: it admits exactly one definition of one question."""

    application: str
    question: str
    definition: str
    reviewers: tuple[str, ...]
    record: str
    date: date
    file: str = ""


class StopReason(StrEnum):
    """Why a question is over."""

    ANSWERED = "answered"
    SUSPENDED = "suspended"


class Stop(NamedTuple):
    """The end of a question: for everyone, or for the user whose own file says so. `text` is the reason, or ""."""

    application: str
    question: str
    reason: StopReason
    date: date
    file: str = ""
    text: str = ""
    origin: Origin = Origin.SYSTEM

    @property
    def why(self) -> Reason:
        """Why the question is blocked by it, for the user."""
        cause = Cause.STOPPED if self.reason is StopReason.ANSWERED else Cause.SUSPENDED
        text = {"text": self.text} if self.text else {}
        return because(cause, file=self.file, date=self.date.isoformat(), **text, **whose(self.origin))


EVERYONE = ""
"""Stands for an application's id: any application."""


class Standing(NamedTuple):
    """The review in force and the stop of one question. A question with neither is unreviewed."""

    review: Review | None = None
    stop: Stop | None = None


class Reviews:
    """All reviews and stops that are installed."""

    def __init__(self, reviews: Iterable[Review] = (), stops: Iterable[Stop] = ()) -> None:
        self._reviews: dict[tuple[str, str], list[Review]] = {}
        self._stops: dict[tuple[str, str], list[Stop]] = {}
        for review in reviews:
            self._reviews.setdefault((review.application, review.question), []).append(review)
        for stop in stops:
            self._stops.setdefault((stop.application, stop.question), []).append(stop)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reviews) and (self._reviews, self._stops) == (other._reviews, other._stops)

    __hash__ = None  # type: ignore[assignment]  # nobody looks one up

    def standing(self, application: str, question: str) -> Standing:
        """The review and stop in force for one question.

        The latest review by date counts. If two of that date have different digests, none counts. A stop takes precedence over reviews up
        to its date. A later review lifts a suspension, but never an answered question: asking again takes a new id. Of several stops in
        force an end for good comes first, then a stop for everyone, then the latest.
        """
        key = application, question
        review = _latest(self._reviews.get(key, ()))
        stops = [
            stop for stop in self._stops.get(key, ()) if review is None or stop.reason is StopReason.ANSWERED or stop.date >= review.date
        ]
        return Standing(review, max(stops, key=_rank, default=None))

    def reviews_of(self, application: str, question: str) -> Sequence[Review]:
        """Every review of one question, whatever its date."""
        return self._reviews.get((application, question), ())

    def admits_report(self, application: str, question: str, digest: str) -> bool:
        """Whether a report of a definition with this digest may leave: it was reviewed, and no stop is in force.

        Earlier reviews count too, because a report is sent under the accepted definition.
        """
        reviews = self._reviews.get((application, question), ())
        in_force = [_latest(other for other in reviews if other.date == review.date) for review in reviews]
        is_reviewed = any(review and review.definition == digest for review in in_force)
        return is_reviewed and self.standing(application, question).stop is None


class InstalledReviews(NamedTuple):
    """The contents of all readable files, the problems of the others, and the applications that those may concern."""

    reviews: Reviews
    problems: tuple[Problem, ...] = ()
    doubtful: frozenset[str] = frozenset()

    def standing(self, application: str, question: str) -> tuple[Standing, bool]:
        """The standing of a question, and whether no unreadable file could change it."""
        return self.reviews.standing(application, question), self.are_readable_for(application)

    def are_readable_for(self, application: str) -> bool:
        """Whether no unreadable file could hide a stop or a newer review of the application's questions."""
        return self.doubtful.isdisjoint({EVERYONE, application})


def _rank(stop: Stop) -> tuple[bool, bool, date]:
    return stop.reason is StopReason.ANSWERED, stop.origin is Origin.SYSTEM, stop.date


def _latest(reviews: Iterable[Review]) -> Review | None:
    latest = sorted(reviews, key=lambda review: review.date)
    if not latest:
        return None
    rivals = {review.definition for review in latest if review.date == latest[-1].date}
    return latest[-1] if len(rivals) == 1 else None

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.core.causes import Cause, because
from telemetryd.core.permission.signoffs import Review, Reviews, Stop, StopReason
from telemetryd.core.settings import Origin

KEY = ("org.kde.kate", "startup-by-memory")
DIGEST = "sha256:" + "a" * 64
OTHER_DIGEST = "sha256:" + "b" * 64


def review(day, digest=DIGEST, key=KEY):
    """A review of that day of November 2026."""
    return Review(*key, digest, ("Ada", "Bo"), "https://example.org/42", date(2026, 11, day))


def stop(day, reason="suspended", key=KEY):
    """A stop of that day of November 2026."""
    return Stop(*key, StopReason(reason), date(2026, 11, day))


def own(day, reason="suspended"):
    """The same in a file of the user's own."""
    return stop(day, reason)._replace(origin=Origin.USER)


@pytest.mark.parametrize(
    ("reviews", "stops", "expected"),
    [
        ([], [], (None, None)),
        ([review(1)], [], (review(1), None)),
        ([review(1), review(3, OTHER_DIGEST), review(2)], [], (review(3, OTHER_DIGEST), None)),
        ([review(1), review(1)], [], (review(1), None)),
        ([review(1), review(1, OTHER_DIGEST)], [], (None, None)),
        ([review(1), review(1, OTHER_DIGEST), review(2)], [], (review(2), None)),
        ([review(1, key=("org.kde.kate", "other"))], [stop(2, key=("org.kde.other", KEY[1]))], (None, None)),
        ([review(1)], [stop(2)], (review(1), stop(2))),
        ([review(2)], [stop(2)], (review(2), stop(2))),
        ([review(3)], [stop(2)], (review(3), None)),
        ([review(3)], [stop(2), stop(4)], (review(3), stop(4))),
        ([], [stop(2)], (None, stop(2))),
        ([review(3)], [stop(2, "answered")], (review(3), stop(2, "answered"))),
        ([review(3)], [stop(2, "answered"), stop(9)], (review(3), stop(2, "answered"))),
        ([review(3)], [stop(4), own(5)], (review(3), stop(4))),
        ([review(3)], [stop(2), own(5)], (review(3), own(5))),
        ([review(3)], [stop(2, "answered"), own(5, "answered")], (review(3), stop(2, "answered"))),
        ([review(3)], [stop(4), own(1, "answered")], (review(3), own(1, "answered"))),
    ],
)
def test_standing(reviews, stops, expected):
    """The latest review counts, rivals of one date admit none, a stop wins on its date, and only a suspension can be lifted.

    What holds for everyone is told before what holds for this user alone, and an end for good before both.
    """
    assert Reviews(reviews, stops).standing(*KEY) == expected


def test_whose_stop_it_is():
    """The reason says so if the stop is the user's own; without that it is the system's."""
    args = {"file": "f", "date": "2026-11-02"}
    for made, cause in (("answered", Cause.STOPPED), ("suspended", Cause.SUSPENDED)):
        assert stop(2, made)._replace(file="f").why == because(cause, **args)
        assert own(2, made)._replace(file="f").why == because(cause, **args, whose="user")


@given(st.permutations([review(1), review(4), review(2, OTHER_DIGEST), stop(3), stop(1, "answered"), stop(5)]))
def test_order_of_files_does_not_matter(records):
    """The order in which files are read does not matter."""
    reviews = [record for record in records if isinstance(record, Review)]
    stops = [record for record in records if isinstance(record, Stop)]
    assert Reviews(reviews, stops).standing(*KEY) == (review(4), stop(1, "answered"))


@pytest.mark.parametrize(
    ("reviews", "stops", "is_admitted"),
    [
        ([], [], False),
        ([review(1)], [], True),
        ([review(1), review(2, OTHER_DIGEST)], [], True),
        ([review(1, OTHER_DIGEST)], [], False),
        ([review(1), review(1, OTHER_DIGEST)], [], False),
        ([review(1)], [stop(1)], False),
        ([review(2)], [stop(1)], True),
        ([review(2)], [stop(1, "answered")], False),
    ],
)
def test_reports_that_may_leave(reviews, stops, is_admitted):
    """A report may leave if its definition was ever reviewed without a rival and nothing stops the question now."""
    assert Reviews(reviews, stops).admits_report(*KEY, DIGEST) is is_admitted


def test_equality():
    """Reviews are equal to those with the same reviews and stops, and to nothing else."""
    assert Reviews([review(1)], [stop(2)]) == Reviews([review(1)], [stop(2)])
    for other in (Reviews([review(2)], [stop(2)]), Reviews([review(1)], [stop(3)]), Reviews(), None, ([review(1)], [stop(2)])):
        assert Reviews([review(1)], [stop(2)]) != other

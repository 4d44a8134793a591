"""The texts of configuration files and of reviews and stops, checked; raises InvalidFileError, upon which the caller fails closed.

A text in which nothing is in doubt costs no pydantic (`plain`); every other one goes to the models (`written`), which tell what is wrong.
Policy: C4, C6, R1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core import plain
from telemetryd.core.reviews import Review, Stop
from telemetryd.errors import InvalidFileError

if TYPE_CHECKING:
    from telemetryd.core.written import ConfigurationFile, ReviewsFile


def parse_configuration(text: str) -> ConfigurationFile:
    """One configuration file's text."""
    found: ConfigurationFile | None = plain.read(plain.CONFIGURATION, text)
    if found is None:
        from telemetryd.core import strict, written  # noqa: PLC0415 - pydantic

        found = strict.read(written.ConfigurationFile, text, InvalidFileError)
    return found


def parse_reviews(text: str, file: str) -> tuple[list[Review], list[Stop]]:
    """The reviews and stops of one file's text, marked with the file's name; one that is wrong makes the whole file an InvalidFileError."""
    found: ReviewsFile | None = plain.read(plain.REVIEWS, text)
    if found is None:
        from telemetryd.core import strict, written  # noqa: PLC0415 - pydantic

        found = strict.read(written.ReviewsFile, text, InvalidFileError)
    reviews = [
        Review(one.application, one.question, one.definition, tuple(one.reviewers), one.record, one.date, file) for one in found.review
    ]
    return reviews, [Stop(one.application, one.question, one.reason, one.date, file) for one in found.stop]

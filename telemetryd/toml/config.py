"""The texts of configuration files and of reviews and stops, checked; raises InvalidFileError, upon which the caller fails closed.

A text in which nothing is in doubt costs no pydantic (`reader`); every other one goes to `models`, which tell what is wrong.
Reviews laid out as the documentation lays them out do not even need a TOML parser: all of them are read at every start, so that no question
is open that one of them stops, and a thousand applications have ten thousand. Policy: C4, C6, R1.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from telemetryd.core.signoffs import EVERYONE, Review, Stop, StopReason
from telemetryd.errors import InvalidFileError
from telemetryd.toml import fields, parser, reader

if TYPE_CHECKING:
    from telemetryd.toml.models.config_tables import ConfigurationFile, ReviewsFile
_CHARACTERS = r"[ !#-\[\]-~]+"
"""What stands for itself between double quotes: neither quotes, nor escapes, nor anything but ASCII."""
_ABOUT = rf'application = "({fields.APPLICATION_ID})"\nquestion = "({fields.ID})"\n'
_DATE = r"date = (\d{4}-\d\d-\d\d)\n"
_REVIEW = (
    rf'\[\[review\]\]\n{_ABOUT}definition = "({fields.DIGEST})"\nreviewers = \["({_CHARACTERS}(?:", "{_CHARACTERS})*)"\]\n'
    rf'record = "(https://{_CHARACTERS})"\n{_DATE}'
)
_STOP = rf'\[\[stop\]\]\n{_ABOUT}reason = "(answered|suspended)"\n{_DATE}(?:text = "({_CHARACTERS})"\n)?'
_PIECE = rf"{_REVIEW}|{_STOP}|#[ -~]*\n|\n"
"""A review, a stop, a comment or an empty line. Nothing possessive: Python before 3.11.5 may take what does not match (gh-106052)."""
_OF_REVIEW = 6
"""So many of the groups are a review's."""


def parse_configuration(text: str) -> ConfigurationFile:
    """One configuration file's text."""
    document = parser.read(text, InvalidFileError)
    found: ConfigurationFile | None = reader.read(reader.CONFIGURATION, document)
    if found is None:
        from telemetryd.toml.models import base, config_tables  # noqa: PLC0415 - pydantic

        found = base.read(config_tables.ConfigurationFile, document, InvalidFileError)
    return found


def parse_reviews(text: str, file: str) -> tuple[list[Review], list[Stop]]:
    """The reviews and stops of one file's text, marked with the file's name; one that is wrong makes the whole file an InvalidFileError."""
    try:
        return _laid_out(text, file)
    except (reader.DoubtError, ValueError):
        document = parser.read(text, InvalidFileError)
    found: ReviewsFile | None = reader.read(reader.REVIEWS, document)
    if found is None:
        from telemetryd.toml.models import base, config_tables  # noqa: PLC0415 - pydantic

        found = base.read(config_tables.ReviewsFile, document, InvalidFileError)
    reviews = [
        Review(one.application, one.question, one.definition, tuple(one.reviewers), one.record, one.date, file) for one in found.review
    ]
    return reviews, [Stop(one.application, one.question, one.reason, one.date, file, one.text) for one in found.stop]


def concerned(text: str) -> frozenset[str]:
    """The applications that a text of reviews and stops which is wrong may be about: those that it names, or EVERYONE.

    Where it is no TOML its end may be missing, and what is no table with an application could be about any.
    """
    try:
        document = parser.loads(text)
    except ValueError:
        document = {}
    entries = [one for value in document.values() for one in (value if isinstance(value, list) else [value])]
    names = [one.get("application") if isinstance(one, dict) else None for one in entries]
    known = [one for one in names if isinstance(one, str) and re.fullmatch(fields.APPLICATION_ID, one, re.ASCII)]
    return frozenset(known if known and len(known) == len(names) else [EVERYONE])


def _laid_out(text: str, file: str) -> tuple[list[Review], list[Stop]]:
    """The reviews and stops of a text in the usual layout, piece by piece. Raises DoubtError or ValueError for any other."""
    people: dict[str, tuple[str, ...]] = {}
    reviews: list[Review] = []
    stops: list[Stop] = []
    piece_of, at = re.compile(_PIECE, re.ASCII).match, 0
    while at < len(text):
        piece = piece_of(text, at)
        if piece is None:
            raise reader.DoubtError
        at = piece.end()
        found = piece.groups()
        if found[0]:
            application, question, definition, written, record, day = found[:_OF_REVIEW]
            if written not in people:
                people[written] = tuple(reader.reviewers(written.split('", "')))
            day_of_review = date.fromisoformat(day)
            reviews.append(Review(application, question, definition, people[written], reader.page_url(record), day_of_review, file))
        elif found[_OF_REVIEW]:
            application, question, reason, day, told = found[_OF_REVIEW:]
            stops.append(Stop(application, question, StopReason(reason), date.fromisoformat(day), file, reader.line(told) if told else ""))
    return reviews, stops

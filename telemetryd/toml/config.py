"""The parsers of configuration files and of files of reviews and stops. Policy: C4, C6, R1.

They raise InvalidFileError, upon which the caller fails closed. Files of reviews in the documented layout do without a TOML parser. Every
start reads all of them before a question opens, and a thousand applications have ten thousand reviews.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, TypeVar

from telemetryd.core.permission.signoffs import EVERYONE, Review, Stop, StopReason
from telemetryd.errors import InvalidFileError
from telemetryd.toml import config_keys, fields, parser, reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetryd.toml.tables import Row

T = TypeVar("T")

_CHARACTERS = r"[ !#-\[\]-~]+"
"""Text between double quotes without escapes: ASCII, but no quote and no backslash."""
_ABOUT = rf'application = "({fields.APPLICATION_ID})"\nquestion = "({fields.ID})"\n'
_DATE = r"date = (\d{4}-\d\d-\d\d)\n"
_REVIEW = (
    rf'\[\[review\]\]\n{_ABOUT}definition = "({fields.DIGEST})"\nreviewers = \["({_CHARACTERS}(?:", "{_CHARACTERS})*)"\]\n'
    rf'record = "(https://{_CHARACTERS})"\n{_DATE}'
)
_STOP = rf'\[\[stop\]\]\n{_ABOUT}reason = "(answered|suspended)"\n{_DATE}(?:text = "({_CHARACTERS})"\n)?'
_PIECE = rf"{_REVIEW}|{_STOP}|#[ -~]*\n|\n"
"""A review, a stop, a comment or an empty line. Not possessive, because Python before 3.11.5 may match wrongly (gh-106052)."""
_REVIEW_GROUPS = 6
"""The number of groups of a review; those of a stop follow."""


def parse_configuration(text: str) -> Row:
    """The row of a configuration file, with the keys of `config_keys.CONFIGURATION`. Raises InvalidFileError."""
    return reader.read(config_keys.CONFIGURATION, parser.read(text, InvalidFileError), InvalidFileError)


def parse_reviews(text: str, file: str) -> tuple[list[Review], list[Stop]]:
    """The reviews and stops of one file, with its name. One mistake makes the whole file invalid. Raises InvalidFileError."""
    try:
        return _parse_usual_layout(text, file)
    except ValueError:
        row = reader.read(config_keys.REVIEWS, parser.read(text, InvalidFileError), InvalidFileError)
    reviews = [
        Review(review.application, review.question, review.definition, tuple(review.reviewers), review.record, review.date, file)
        for review in row.review
    ]
    return reviews, [Stop(stop.application, stop.question, stop.reason, stop.date, file, stop.text) for stop in row.stop]


def concerned_applications(text: str) -> frozenset[str]:
    """The applications that an invalid file of reviews and stops may concern: those that it names, or EVERYONE.

    Text that is not valid TOML may have lost its end, and an entry without an application could concern any.
    """
    try:
        document = parser.loads(text)
    except ValueError:
        document = {}
    entries = [entry for value in document.values() for entry in (value if isinstance(value, list) else [value])]
    names = [entry.get("application") if isinstance(entry, dict) else None for entry in entries]
    known = [name for name in names if isinstance(name, str) and re.fullmatch(fields.APPLICATION_ID, name, re.ASCII)]
    return frozenset(known if known and len(known) == len(names) else [EVERYONE])


class _Once(dict[str, T]):
    """Text → what is made of it, once: the reviews of a file share what they repeat."""

    def __init__(self, make: Callable[[str], T]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, text: str) -> T:
        self[text] = made = self._make(text)
        return made


def _parse_usual_layout(text: str, file: str) -> tuple[list[Review], list[Stop]]:
    """The reviews and stops of a text in the documented layout. Raises ValueError for any other text."""
    reviewers = _Once(lambda names: tuple(config_keys.reviewers.read(names.split('", "'))))
    applications, records, days = _Once(str), _Once(config_keys.page_url.read), _Once(date.fromisoformat)
    reviews: list[Review] = []
    stops: list[Stop] = []
    piece_of, at = re.compile(_PIECE, re.ASCII).match, 0
    while at < len(text):
        piece = piece_of(text, at)
        if piece is None:
            raise fields.rejection("the usual layout")
        at = piece.end()
        groups = piece.groups()
        if groups[0]:
            application, question, definition, names, record, day = groups[:_REVIEW_GROUPS]
            reviews.append(Review(applications[application], question, definition, reviewers[names], records[record], days[day], file))
        elif groups[_REVIEW_GROUPS]:
            application, question, reason, day, explanation = groups[_REVIEW_GROUPS:]
            stops.append(
                Stop(
                    applications[application],
                    question,
                    StopReason(reason),
                    days[day],
                    file,
                    config_keys.line.read(explanation) if explanation else "",
                )
            )
    return reviews, stops

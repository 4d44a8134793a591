"""Sign-offs: two different people make a `[[review]]` entry, one after the other. Policy: R1, R2, R3.

A file of reviews must never hold an entry with one reviewer: the daemon refuses such a file, and then collects nothing at all. So the
first sign-off waits in a draft beside it (`FILE.draft`), and the second one moves the entry into the file. A third one is added to the
entry, whose date stays: a later date would lift a suspension, and that takes two people again. What else the file holds is kept as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.ctl.failures import NOTHING, Failure
from telemetryd.ctl.given import text_of
from telemetryd.errors import InvalidFileError
from telemetryd.toml import fields, parser
from telemetryd.toml.config import parse_reviews

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    from telemetryd.core.definition import Definition

_REVIEWER = re.compile(r"[^<>]+ <[^<>@\s]+@[^<>@\s]+>")
_DRAFT = ".draft"


class SignOff(NamedTuple):
    """Who signs, where the review is kept in public ("": where the first reviewer said), and when."""

    reviewer: str
    record: str
    date: date


class Entry(NamedTuple):
    """One review as it is written down."""

    application: str
    question: str
    definition: str
    reviewers: tuple[str, ...]
    record: str
    date: date

    @property
    def is_complete(self) -> bool:
        """Whether two different people signed."""
        return len(self.reviewers) > 1

    @property
    def text(self) -> str:
        """The entry in the layout that the daemon reads fastest."""
        people = ", ".join(map(_quoted, self.reviewers))
        return (
            f'[[review]]\napplication = "{self.application}"\nquestion = "{self.question}"\ndefinition = "{self.definition}"\n'
            f'reviewers = [{people}]\nrecord = "{self.record}"\ndate = {self.date.isoformat()}\n'
        )


def checked(reviewer: str, record: str, day: date) -> SignOff:
    """A sign-off with a name, a mail address and a URL. Raises `Failure`."""
    try:
        fields.line(reviewer)
        if record:
            fields.page_url(record)
    except fields.RefusedError as error:
        raise Failure(str(error)) from error
    if not _REVIEWER.fullmatch(reviewer) or any(one in reviewer for one in '"\\'):
        raise Failure('expected a reviewer as "Name <mail>"')
    if '"' in record or "\\" in record:
        raise Failure('expected a record without " and \\')
    return SignOff(reviewer, record, day)


def signed(definitions: Sequence[Definition], sign_off: SignOff, file: Path, *, is_new: bool = False) -> list[Entry]:
    """The entries after a sign-off, with the first reviewer's from the draft or the file. Raises `Failure`; nothing is written.

    `is_new` begins another review of what has one: complete entries stay as they are.
    """
    complete = _entries(file)
    waiting = _entries(draft_of(file))
    return [_signed(one, sign_off, waiting if is_new else [*waiting, *complete], complete) for one in definitions]


def draft_of(file: Path) -> Path:
    """Where entries wait for the second reviewer."""
    return file.with_name(file.name + _DRAFT)


def write(entries: Sequence[Entry], file: Path) -> None:
    """Put complete entries into the file and the others into its draft. Raises OSError, or `Failure` for what would not be read again."""
    complete = [one for one in entries if one.is_complete]
    if complete:
        _put(complete, file)
    waiting = [one for one in _entries(draft_of(file)) if not any(one[:3] == other[:3] for other in entries)]
    waiting += [one for one in entries if not one.is_complete]
    if waiting:
        _replace(draft_of(file), _HEAD + "\n".join(one.text for one in waiting))
    else:
        draft_of(file).unlink(missing_ok=True)


_HEAD = "# Waits for a second reviewer: `telemetryctl review MANIFEST --sign-off … -o FILE` moves it into FILE.\n"


def _put(entries: Sequence[Entry], file: Path) -> None:
    """Add entries to the file, in place of those that they complete."""
    text = text_of(file) if file.exists() else ""
    for entry in entries:
        text = _replaced(text, entry) if any(_is_same(entry, one) for one in _read(text, file)) else _appended(text, entry)
    try:
        parse_reviews(text, str(file))
    except InvalidFileError as error:
        raise Failure(f"{file} would not be read any more, so nothing was written: {error}") from error
    if not set(entries) <= set(_read(text, file)):
        raise Failure(f"{file} is laid out otherwise than expected, so nothing was written: add the reviewer by hand")
    _replace(file, text)


def _replace(file: Path, text: str) -> None:
    """Never half a file: the daemon would find a fault in it, and stop."""
    new = file.with_name(f"{file.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(file)


def _appended(text: str, entry: Entry) -> str:
    return f"{text.rstrip()}\n\n{entry.text}" if text.strip() else entry.text


def _replaced(text: str, entry: Entry) -> str:
    """The text with the reviewers of one entry changed; comments and all else stay."""
    return "".join(_with_reviewers(part, entry) for part in re.split(r"(?m)^(?=[ \t]*\[)", text))


def _with_reviewers(part: str, entry: Entry) -> str:
    known = (f'"{entry.application}"', f'"{entry.question}"', f'"{entry.definition}"', entry.date.isoformat())
    if not all(one in part for one in known):
        return part
    people = f"[{', '.join(map(_quoted, entry.reviewers))}]"
    return re.sub(r"(?ms)^(\s*reviewers\s*=\s*)\[.*?\]", lambda found: found[1] + people, part, count=1)


def _signed(definition: Definition, sign_off: SignOff, open_ones: Sequence[Entry], complete: Sequence[Entry]) -> Entry:
    question = definition.question.id
    found = next((one for one in reversed(open_ones) if one[:3] == (*definition.key, definition.digest)), None)
    record = sign_off.record or (found.record if found else "")
    if not record:
        raise Failure("say where the review is kept in public: --record URL")
    if found and found.record != record:
        raise Failure(f"the first reviewer of {question} names another record, {found.record}: both sign for one review")
    reviewers = found.reviewers if found else ()
    for other in reviewers:
        if is_same_person(other, sign_off.reviewer):
            raise Failure(f"{other} has signed {question} already, and a review needs two different people", NOTHING)
    day = found.date if found and found.is_complete else sign_off.date
    for one in complete:
        if one[:2] == definition.key and one.definition != definition.digest and one.date >= day:
            raise Failure(f"another definition of {question} has a review of {one.date}, which would hold: sign with a later --date")
    return Entry(*definition.key, definition.digest, (*reviewers, sign_off.reviewer), record, day)


def is_same_person(one: str, other: str) -> bool:
    """Whether two reviewers share a name or an address."""
    try:
        fields.two_people([one, other])
    except fields.RefusedError:
        return True
    return False


def _entries(file: Path) -> list[Entry]:
    return _read(text_of(file), file) if file.exists() else []


def _read(text: str, file: Path) -> list[Entry]:
    """The reviews of a text; also those that wait, which `parse_reviews` refuses."""
    try:
        found: list[dict[str, Any]] = parser.loads(text).get("review", [])
        return [
            Entry(one["application"], one["question"], one["definition"], tuple(one["reviewers"]), one["record"], one["date"])
            for one in found
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(f"{file} holds no reviews that can be read; mend or remove it") from error


def _is_same(one: Entry, other: Entry) -> bool:
    return (*one[:3], one.date) == (*other[:3], other.date)


def _quoted(text: str) -> str:
    return f'"{text}"'

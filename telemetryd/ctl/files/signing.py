"""Sign-offs: two different people sign a `[[review]]` entry, one after the other. Policy: R1, R2, R3.

The daemon refuses a file with an entry of one reviewer, and then collects nothing. So the first sign-off waits in a draft, `FILE.draft`.
The second sign-off moves the entry into the file. A third sign-off only adds its reviewer. The date stays, because a later date would lift
a suspension, and that again takes two people. The rest of the file stays as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.ctl.failures import NOTHING, Failure
from telemetryd.ctl.files.inputs import read_text
from telemetryd.ctl.language import gettext as _
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
    """The reviewer, the public record of the review, and the date. A `record` of "" means the first reviewer's."""

    reviewer: str
    record: str
    date: date


class ReviewEntry(NamedTuple):
    """One `[[review]]` entry."""

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
        """The entry as TOML, in the layout that the daemon parses fastest."""
        people = ", ".join(map(_quote, self.reviewers))
        return (
            f'[[review]]\napplication = "{self.application}"\nquestion = "{self.question}"\ndefinition = "{self.definition}"\n'
            f'reviewers = [{people}]\nrecord = "{self.record}"\ndate = {self.date.isoformat()}\n'
        )


def check_sign_off(reviewer: str, record: str, day: date) -> SignOff:
    """A sign-off after checks of name, mail address and URL. Raises `Failure`."""
    try:
        fields.line(reviewer)
        if record:
            fields.page_url(record)
    except fields.RefusedError as error:
        raise Failure(str(error)) from error
    if not _REVIEWER.fullmatch(reviewer) or any(character in reviewer for character in '"\\'):
        raise Failure(_('expected a reviewer as "Name <mail>"'))
    if '"' in record or "\\" in record:
        raise Failure(_('expected a record without " and \\'))
    return SignOff(reviewer, record, day)


def sign(definitions: Sequence[Definition], sign_off: SignOff, file: Path, *, is_new: bool = False) -> list[ReviewEntry]:
    """The entries after this sign-off, with earlier reviewers from the draft or the file. Writes nothing. Raises `Failure`.

    `is_new` begins another review: complete entries stay as they are.
    """
    complete = _entries(file)
    waiting = _entries(draft_of(file))
    return [_sign_definition(definition, sign_off, waiting if is_new else [*waiting, *complete], complete) for definition in definitions]


def draft_of(file: Path) -> Path:
    """The draft in which entries wait for the second reviewer."""
    return file.with_name(file.name + _DRAFT)


def write(entries: Sequence[ReviewEntry], file: Path) -> None:
    """Put complete entries into the file and the others into its draft. Raises OSError, or `Failure` if the result would be unreadable."""
    complete = [entry for entry in entries if entry.is_complete]
    if complete:
        _merge(complete, file)
    waiting = [waiting_entry for waiting_entry in _entries(draft_of(file)) if not any(waiting_entry[:3] == entry[:3] for entry in entries)]
    waiting += [entry for entry in entries if not entry.is_complete]
    if waiting:
        _write_whole(draft_of(file), _HEAD + "\n".join(entry.text for entry in waiting))
    else:
        draft_of(file).unlink(missing_ok=True)


_HEAD = "# Waits for a second reviewer: `telemetryctl review MANIFEST --sign-off … -o FILE` moves it into FILE.\n"


def _merge(entries: Sequence[ReviewEntry], file: Path) -> None:
    """Add entries to the file. An entry that is there gets the new reviewers."""
    text = read_text(file) if file.exists() else ""
    for entry in entries:
        text = _replace_reviewers(text, entry) if any(_is_same_entry(entry, known) for known in _read(text, file)) else _append(text, entry)
    try:
        parse_reviews(text, str(file))
    except InvalidFileError as error:
        text = _("with this entry {path} could not be read, so nothing was written: {why}")
        raise Failure(text.format(path=file, why=error)) from error
    if not set(entries) <= set(_read(text, file)):
        text = _("{path} does not have the expected layout, so nothing was written: add the reviewer by hand")
        raise Failure(text.format(path=file))
    _write_whole(file, text)


def _write_whole(file: Path, text: str) -> None:
    """Write the file atomically: half a file would be faulty, and the daemon would stop collecting."""
    new = file.with_name(f"{file.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(file)


def _append(text: str, entry: ReviewEntry) -> str:
    return f"{text.rstrip()}\n\n{entry.text}" if text.strip() else entry.text


def _replace_reviewers(text: str, entry: ReviewEntry) -> str:
    """The text with new reviewers for one entry; comments and everything else stay."""
    return "".join(_set_reviewers(part, entry) for part in re.split(r"(?m)^(?=[ \t]*\[)", text))


def _set_reviewers(part: str, entry: ReviewEntry) -> str:
    values = (f'"{entry.application}"', f'"{entry.question}"', f'"{entry.definition}"', entry.date.isoformat())
    if not all(value in part for value in values):
        return part
    people = f"[{', '.join(map(_quote, entry.reviewers))}]"
    return re.sub(r"(?ms)^(\s*reviewers\s*=\s*)\[.*?\]", lambda match: match[1] + people, part, count=1)


def _sign_definition(
    definition: Definition, sign_off: SignOff, open_ones: Sequence[ReviewEntry], complete: Sequence[ReviewEntry]
) -> ReviewEntry:
    question = definition.question.id
    earlier = next((entry for entry in reversed(open_ones) if entry[:3] == (*definition.key, definition.digest)), None)
    record = sign_off.record or (earlier.record if earlier else "")
    if not record:
        raise Failure(_("say where the review is kept in public: --record URL"))
    if earlier and earlier.record != record:
        text = _("the first reviewer of {question} names another record, {record}: both sign for one review")
        raise Failure(text.format(question=question, record=earlier.record))
    reviewers = earlier.reviewers if earlier else ()
    for reviewer in reviewers:
        if is_same_person(reviewer, sign_off.reviewer):
            text = _("{reviewer} has signed {question} already, and a review needs two different people")
            raise Failure(text.format(reviewer=reviewer, question=question), NOTHING)
    day = earlier.date if earlier and earlier.is_complete else sign_off.date
    for entry in complete:
        if entry[:2] == definition.key and entry.definition != definition.digest and entry.date >= day:
            text = _("another definition of {question} has a review of {date}, which would still apply: sign with a later --date")
            raise Failure(text.format(question=question, date=entry.date))
    return ReviewEntry(*definition.key, definition.digest, (*reviewers, sign_off.reviewer), record, day)


def is_same_person(first: str, second: str) -> bool:
    """Whether two reviewers share a name or an address."""
    try:
        fields.two_people([first, second])
    except fields.RefusedError:
        return True
    return False


def _entries(file: Path) -> list[ReviewEntry]:
    return _read(read_text(file), file) if file.exists() else []


def _read(text: str, file: Path) -> list[ReviewEntry]:
    """The review entries of a text, also those with one reviewer, which `parse_reviews` refuses. Raises `Failure`."""
    try:
        tables: list[dict[str, Any]] = parser.loads(text).get("review", [])
        return [
            ReviewEntry(
                table["application"], table["question"], table["definition"], tuple(table["reviewers"]), table["record"], table["date"]
            )
            for table in tables
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(_("{path} has no readable reviews; fix or remove it").format(path=file)) from error


def _is_same_entry(first: ReviewEntry, second: ReviewEntry) -> bool:
    return (*first[:3], first.date) == (*second[:3], second.date)


def _quote(text: str) -> str:
    return f'"{text}"'

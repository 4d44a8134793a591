"""The public register: of each question the data tracked, the reason, the decision, who reviewed it and where that is kept. Policy: R3, T2.

Everything is made from the definition as it is enforced, so the register cannot differ from what the daemon does. It names no day but
those of declarations, reviews and stops: made again from the same files it is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core import admissibility, report
from telemetryd.core.period import whole_periods
from telemetryd.core.signoffs import Standing, StopReason
from telemetryd.ctl.sheet import Code, Index, Link, Row, Section, Sheet, fact
from telemetryd.describe.sentences import tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from telemetryd.core.definition import Definition
    from telemetryd.core.translation import Words
    from telemetryd.ctl.given import Given, Receiver
    from telemetryd.ctl.language import Language
    from telemetryd.ctl.sheet import Fact
    from telemetryd.describe.sentences import Telling

_ANY_URL = "https://endpoint.invalid/"


class Entry(NamedTuple):
    """One question, where it stands, and who receives the answers; `name` and `told` are in the register's language."""

    definition: Definition
    name: str
    told: Telling
    original: Telling
    standing: Standing
    receiver: Receiver | None

    @property
    def anchor(self) -> str:
        """What leads to its page."""
        return "/".join(self.definition.key)

    @property
    def is_admitted(self) -> bool:
        """Whether a review of exactly this definition is in force."""
        found = self.standing.review
        return found is not None and found.definition == self.definition.digest


def entries(given: Given, language: Language) -> list[Entry]:
    """Every question of every manifest, in the order of the files."""
    reviews = given.standing()
    found = []
    for declaration in given.declarations.values():
        texts: Mapping[str, str] = language.texts(declaration.texts)
        for one in declaration.definitions:
            told, original = tell(one, language.words, texts), tell(one, language.words)
            name = texts.get("name", one.application.name)
            found.append(Entry(one, name, told, original, reviews.standing(*one.key), given.receivers.get(one.application.vendor)))
    return found


def index(found: Iterable[Entry], words: Words) -> Index:
    """One line for each question."""
    _ = words.gettext
    heads = _("Purpose"), _("Application"), _("Data tracked"), _("From … to"), _("State"), _("Record")
    rows = [Row(one.anchor, _columns(one, words)) for one in found]
    summary = _(
        "What applications ask, made from the definitions that telemetryd enforces. Nothing of it is collected before a user has "
        "turned telemetry on and accepted the question."
    )
    return Index(_("Telemetry use"), summary, heads, tuple(rows))


def sheet(one: Entry, words: Words) -> Sheet:
    """The page of one question."""
    _ = words.gettext
    sections = [
        Section(_("Why"), tuple(_why(one, words))),
        Section(_("What is kept"), tuple(_kept(one, words))),
        Section(_("When and from whom"), tuple(_course(one, words))),
        Section(_("What is sent"), tuple(_sent(one, words))),
        Section(_("Review"), tuple(_review(one, words))),
        Section(_("In numbers"), (fact(_("Figures"), *admissibility.sentences(admissibility.figures(one.definition), words)),)),
    ]
    return Sheet(one.anchor, one.told.why, one.told.who, tuple(sections))


def state(one: Entry, words: Words) -> str:
    """Where a question stands for everybody."""
    _ = words.gettext
    stop = one.standing.stop
    if stop:
        answered, suspended = _("answered, ended on {date}"), _("suspended since {date}")
        return (answered if stop.reason is StopReason.ANSWERED else suspended).format(date=stop.date)
    if one.is_admitted:
        return words.pgettext("where a question stands", "reviewed")
    if one.standing.review:
        return _("not reviewed in this form: nothing is collected")
    return _("not reviewed: nothing is collected")


def _columns(one: Entry, words: Words) -> tuple[str, ...]:
    asked = one.definition.question
    what = "; ".join(source.what for source in one.told.sources)
    record = Link(one.standing.review.record) if one.standing.review and one.is_admitted else ""
    return one.told.why, one.name, what, f"{asked.starts} … {asked.ends}", state(one, words), record


def _why(one: Entry, words: Words) -> Iterator[Fact]:
    _ = words.gettext
    yield _beside(_("Purpose"), one.told.why, one.original.why, words)
    yield _beside(_("What it will change"), one.told.outcome, one.original.outcome, words)
    receiver = one.receiver
    if receiver and receiver.results:
        yield fact(_("Results"), Link(receiver.results))


def _kept(one: Entry, words: Words) -> Iterator[Fact]:
    _ = words.gettext
    for told, original in zip(one.told.sources, one.original.sources, strict=True):
        yield _beside(_("Data"), told.what, original.what, words)
        yield fact(_("How"), " ".join(filter(None, (told.whence, told.how, told.coarse))))
        yield fact(_("Possible values"), *(f"{each.text} [{each.label}]" if each.text != each.label else each.text for each in told.bins))
    yield fact(_("Answers"), one.told.together)


def _course(one: Entry, words: Words) -> Iterator[Fact]:
    _ = words.gettext
    yield fact(_("When"), one.told.when)
    yield fact(_("How often"), one.told.often)
    yield fact(_("Until when"), one.told.until)
    yield fact(_("Who takes part"), one.told.part)
    yield fact(_("Consent"), one.told.needs)


def _sent(one: Entry, words: Words) -> Iterator[Fact]:
    _ = words.gettext
    asked = one.definition.question
    first = whole_periods(asked.period, asked.starts, asked.ends)[0]
    headers = ", ".join(name for name, _value in report.request_headers(_ANY_URL))
    yield fact(_("To whom"), one.told.whom, *([one.receiver.name, Code(one.receiver.url)] if one.receiver else []))
    yield fact(_("Contact"), Link(one.told.contact))
    yield fact(_("Protection"), one.told.protection)
    size = _("filled up with blanks to {size} bytes, in a connection of its own; with it go the headers {headers} and nothing else")
    yield fact(_("A report"), Code(report.example(one.definition, first.label)), size.format(size=report.REPORT_BYTES, headers=headers))


def _review(one: Entry, words: Words) -> Iterator[Fact]:
    _ = words.gettext
    stop = one.standing.stop
    yield fact(_("State"), state(one, words), *([stop.text] if stop and stop.text else []))
    found = one.standing.review
    if found and one.is_admitted:
        yield fact(_("Reviewers"), *found.reviewers)
        yield fact(_("Date"), str(found.date))
        yield fact(_("Record"), Link(found.record))
    yield fact(_("Definition"), Code(one.definition.digest))


def _beside(label: str, text: str, original: str, words: Words) -> Fact:
    if text == original:
        return fact(label, text)
    return fact(label, text, words.gettext("the original, which was reviewed: {text}").format(text=original))

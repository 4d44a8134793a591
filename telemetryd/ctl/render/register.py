"""The public register: for each question its data, reason, decision, reviewers and the record of the review. Policy: R3, T2.

It is made from the enforced definitions, so it agrees with the daemon. Its only dates are those of declarations, reviews and stops, so
the same files always give the same register.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.core.answers import report
from telemetryd.core.answers.period import whole_periods
from telemetryd.core.permission.signoffs import Standing, StopReason
from telemetryd.core.privacy import admissibility
from telemetryd.core.translation import joined
from telemetryd.ctl.render.sheet import Code, Index, IndexRow, Link, Section, Sheet, fact
from telemetryd.describe.sentences import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from telemetryd.core.definition import Definition
    from telemetryd.core.translation import Words
    from telemetryd.ctl.files.inputs import Inputs, Receiver
    from telemetryd.ctl.language import UserLanguage
    from telemetryd.ctl.render.sheet import Fact
    from telemetryd.describe.sentences import Description

SCHEMA = 1
"""The version of the register's JSON."""
_ANY_URL = "https://endpoint.invalid/"


class RegisterEntry(NamedTuple):
    """One question, its state, and the receiver of its answers; `name` and `description` are in the register's language."""

    definition: Definition
    name: str
    description: Description
    original: Description
    standing: Standing
    receiver: Receiver | None

    @property
    def anchor(self) -> str:
        """The anchor of its page: `application/question`."""
        return "/".join(self.definition.key)

    @property
    def is_admitted(self) -> bool:
        """Whether the review in force is for exactly this definition."""
        review = self.standing.review
        return review is not None and review.definition == self.definition.digest


def entries(inputs: Inputs, language: UserLanguage) -> list[RegisterEntry]:
    """Every question of every manifest, in the order of the files."""
    reviews = inputs.standing()
    questions = []
    for declaration in inputs.declarations.values():
        texts: Mapping[str, str] = language.texts(declaration.texts)
        for definition in declaration.definitions:
            description, original = describe(definition, language.words, texts), describe(definition, language.words)
            name = texts.get("name", definition.application.name)
            questions.append(
                RegisterEntry(
                    definition,
                    name,
                    description,
                    original,
                    reviews.standing(*definition.key),
                    inputs.receivers.get(definition.application.vendor),
                )
            )
    return questions


def index(questions: Iterable[RegisterEntry], words: Words) -> Index:
    """One line for each question."""
    _ = words.gettext
    heads = _("Purpose"), _("Application"), _("Data tracked"), _("From … to"), _("State"), _("Record")
    rows = [IndexRow(entry.anchor, _columns(entry, words)) for entry in questions]
    summary = _(
        "What applications ask, made from the definitions that telemetryd enforces. Nothing is collected before a user has "
        "turned telemetry on and accepted the question."
    )
    return Index(_("Telemetry use"), summary, heads, tuple(rows))


def sheet(entry: RegisterEntry, words: Words) -> Sheet:
    """The page of one question."""
    _ = words.gettext
    sections = [
        Section(_("Why"), tuple(_purpose_facts(entry, words))),
        Section(_("What is kept"), tuple(_data_facts(entry, words))),
        Section(_("When and from whom"), tuple(_course_facts(entry, words))),
        Section(_("What is sent"), tuple(_report_facts(entry, words))),
        Section(_("Review"), tuple(_review_facts(entry, words))),
        Section(_("In numbers"), (fact(_("Figures"), *admissibility.sentences(admissibility.figures(entry.definition), words)),)),
    ]
    return Sheet(entry.anchor, entry.description.why, entry.description.who, tuple(sections))


def json_value(questions: Iterable[RegisterEntry]) -> dict[str, Any]:
    """The register as JSON values, with the original texts. `telemetryctl check --register` reads it."""
    return {"schema": SCHEMA, "questions": [_json_entry(entry) for entry in questions]}


def state_name(standing: Standing, digest: str) -> str:
    """The state of a question with this digest in a word for programs: reviewed, changed, unreviewed, answered or suspended."""
    if standing.stop:
        return str(standing.stop.reason)
    if standing.review is None:
        return "unreviewed"
    return "reviewed" if standing.review.definition == digest else "changed"


def _json_entry(entry: RegisterEntry) -> dict[str, Any]:
    application, question, fields, digest = entry.definition
    review = entry.standing.review if entry.is_admitted else None
    stop, receiver = entry.standing.stop, entry.receiver
    texts = {key: getattr(question, key) for key in ("purpose", "decision", "category", "period", "share", "epsilon")}
    return {
        "application": application.id,
        "question": question.id,
        "definition": digest,
        "revision": entry.definition.revision,
        "state": state_name(entry.standing, digest),
        "stop": {"date": str(stop.date), "text": stop.text} if stop else None,
        "review": {"reviewers": review.reviewers, "record": review.record, "date": str(review.date)} if review else None,
        "endpoint": receiver._asdict() if receiver else None,
        "name": application.name,
        "vendor": application.vendor,
        "contact": application.contact,
        **texts,
        "detail": question.detail.name.lower(),
        "starts": str(question.starts),
        "ends": str(question.ends),
        "sources": [{key: getattr(field, key) for key in ("id", "type", "description", "unit", "combine", "labels")} for field in fields],
    }


def state(entry: RegisterEntry, words: Words) -> str:
    """The state of a question, the same for all users."""
    _ = words.gettext
    stop = entry.standing.stop
    if stop:
        answered, suspended = _("answered, ended on {date}"), _("suspended since {date}")
        return (answered if stop.reason is StopReason.ANSWERED else suspended).format(date=stop.date)
    if entry.is_admitted:
        return words.pgettext("where a question stands", "reviewed")
    if entry.standing.review:
        return _("not reviewed in this form: nothing is collected")
    return _("not reviewed: nothing is collected")


def _columns(entry: RegisterEntry, words: Words) -> tuple[str, ...]:
    question = entry.definition.question
    data = "; ".join(source.what for source in entry.description.sources)
    record = Link(entry.standing.review.record) if entry.standing.review and entry.is_admitted else ""
    return entry.description.why, entry.name, data, f"{question.starts} … {question.ends}", state(entry, words), record


def _purpose_facts(entry: RegisterEntry, words: Words) -> Iterator[Fact]:
    _ = words.gettext
    yield _with_original(_("Purpose"), entry.description.why, entry.original.why, words)
    yield _with_original(_("What it will change"), entry.description.outcome, entry.original.outcome, words)
    receiver = entry.receiver
    if receiver and receiver.results:
        yield fact(_("Results"), Link(receiver.results))


def _data_facts(entry: RegisterEntry, words: Words) -> Iterator[Fact]:
    _ = words.gettext
    for source, original in zip(entry.description.sources, entry.original.sources, strict=True):
        yield _with_original(_("Data"), source.what, original.what, words)
        yield fact(_("How"), joined((source.whence, source.how, source.coarse), words))
        yield fact(
            _("Possible values"),
            *(f"{answer.text} [{answer.label}]" if answer.text != answer.label else answer.text for answer in source.bins),
        )
    yield fact(_("Answers"), entry.description.together)


def _course_facts(entry: RegisterEntry, words: Words) -> Iterator[Fact]:
    _ = words.gettext
    yield fact(_("When"), entry.description.when)
    yield fact(_("How often"), entry.description.often)
    yield fact(_("Until when"), entry.description.until)
    yield fact(_("Who takes part"), entry.description.part)
    yield fact(_("Consent"), entry.description.needs)


def _report_facts(entry: RegisterEntry, words: Words) -> Iterator[Fact]:
    _ = words.gettext
    question = entry.definition.question
    first = whole_periods(question.period, question.starts, question.ends)[0]
    headers = ", ".join(name for name, _value in report.request_headers(_ANY_URL))
    yield fact(_("To whom"), entry.description.whom, *([entry.receiver.name, Code(entry.receiver.url)] if entry.receiver else []))
    yield fact(_("Contact"), Link(entry.description.contact))
    yield fact(_("Protection"), entry.description.protection)
    size = _("filled up with blanks to {size} bytes, in a connection of its own; the headers {headers} are sent with it, and nothing else")
    yield fact(_("A report"), Code(report.example(entry.definition, first.label)), size.format(size=report.REPORT_BYTES, headers=headers))


def _review_facts(entry: RegisterEntry, words: Words) -> Iterator[Fact]:
    _ = words.gettext
    stop = entry.standing.stop
    yield fact(_("State"), state(entry, words), *([stop.text] if stop and stop.text else []))
    review = entry.standing.review
    if review and entry.is_admitted:
        yield fact(_("Reviewers"), *review.reviewers)
        yield fact(_("Date"), str(review.date))
        yield fact(_("Record"), Link(review.record))
    yield fact(_("Definition"), Code(entry.definition.digest))


def _with_original(label: str, text: str, original: str, words: Words) -> Fact:
    if text == original:
        return fact(label, text)
    return fact(label, text, words.gettext("the original, which was reviewed: {text}").format(text=original))

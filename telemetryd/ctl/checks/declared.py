"""Configuration, manifests, reviews, stops and locks: what keeps a question from being asked, and who limits what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core import problem_words
from telemetryd.core.definition import ManifestKind
from telemetryd.core.permission.gate import axes
from telemetryd.core.permission.signoffs import StopReason
from telemetryd.core.problem_words import ProblemCause
from telemetryd.core.settings import Origin
from telemetryd.ctl.checks.machine import Found
from telemetryd.ctl.render.state_sentences import lock_sentence, switch_sentence
from telemetryd.ctl.render.value_words import join_with_and

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from telemetryd.core.definition import Definition
    from telemetryd.core.permission.signoffs import Review, Stop
    from telemetryd.core.settings import Lock, Problem
    from telemetryd.core.translation import Words
    from telemetryd.ctl.checks.machine import Machine


def problems(machine: Machine, today: date, words: Words) -> Iterator[Found]:
    """Everything in these files that somebody has to correct."""
    _ = words.gettext
    for problem in machine.settings.problems:
        yield _configuration(machine, problem, words)
    for file, text in machine.faulty.items():
        advice = _("correct it (`telemetryctl lint` says more): until then this application asks nothing")
        yield Found("manifests", file, problem_words.mistake(text, words), advice)
    for file in machine.stray:
        yield Found("manifests", file, _("its name is not an application's id"), _("name it as the application's id with .toml"))
    for declaration in machine.declarations.values():
        for reference in declaration.application.uses:
            yield from _shared(machine, declaration.application.id, reference, words)
    for problem in machine.reviewed.problems:
        advice = _("correct it: until then nothing is collected for the applications that it may be about")
        if problem.cause == ProblemCause.USERS_REVIEW:
            advice = _("move or remove it")
        yield Found("reviews", problem.file, problem_words.told(problem, words), advice)
    for definition in machine.definitions():
        yield from _review(machine, definition, today, words)


def notes(machine: Machine, words: Words) -> Iterator[Found]:
    """What somebody decided: switches, locks and stops."""
    for switch in machine.settings.kill_switches:
        if switch.what != "unreadable":
            yield Found("configuration", "", switch_sentence(switch.what, switch.file, words))
    for lock in machine.settings.locks:
        yield _lock(machine, lock, words)
    for definition in machine.definitions():
        stop = machine.reviewed.reviews.standing(*definition.key).stop
        if stop:
            yield Found("stops", stop.file, _stop(definition, stop, words))


def _stop(definition: Definition, stop: Stop, words: Words) -> str:
    _ = words.gettext
    answered, suspended = _("{name} is answered since {date}"), _("{name} is suspended since {date}")
    text = (answered if stop.reason is StopReason.ANSWERED else suspended).format(name=_name(definition), date=stop.date)
    return _("{sentence} ({detail})").format(sentence=text, detail=stop.text) if stop.text else text


def _configuration(machine: Machine, problem: Problem, words: Words) -> Found:
    _, text = words.gettext, problem_words.told(problem, words)
    switches = machine.settings.kill_switches
    if any(switch.what == "unreadable" and switch.file == problem.file for switch in switches):
        return Found("configuration", problem.file, text, _("correct this file: until then telemetry is off here"))
    if problem.vendor:
        return Found("endpoints", problem.file, text, _endpoint_advice(problem, words))
    is_cap = problem.cause == ProblemCause.CAP
    return Found("configuration", problem.file, text, _("lower it, or remove it") if is_cap else _("move or remove it"))


def _endpoint_advice(problem: Problem, words: Words) -> str:
    match problem.cause:
        case ProblemCause.NO_EXTRA:
            return words.gettext("install pyhpke and cryptography")
        case ProblemCause.CA_FILE | ProblemCause.OHTTP_KEYS:
            return words.gettext("install this file, readable by every user")
        case _:
            return words.gettext("correct this table, or remove it")


def _shared(machine: Machine, application: str, reference: str, words: Words) -> Iterator[Found]:
    """The fault of an entry of `uses`, if any."""
    _, (owner, _slash, name) = words.gettext, reference.partition("/")
    declaration, file = machine.declarations.get(owner), str(machine.manifests[application])
    if owner not in machine.manifests:
        text = _("uses {source}, but {application} is not installed").format(source=reference, application=owner)
        yield Found("manifests", file, text, _("install its manifest, or remove the entry"))
    elif declaration and (
        declaration.application.kind is not ManifestKind.SHARED or name not in {source.id for source in declaration.sources}
    ):
        text = _("uses {source}, but {application} shares no such source").format(source=reference, application=owner)
        yield Found("manifests", file, text, _("install manifests that belong together"))


def _review(machine: Machine, definition: Definition, today: date, words: Words) -> Iterator[Found]:
    """The faults of the reviews of one question. A question that is over or stopped needs none."""
    _, reviews = words.gettext, machine.reviewed.reviews
    every, standing, name = reviews.reviews_of(*definition.key), reviews.standing(*definition.key), _name(definition)
    for review in every:
        if review.date > today:
            text = _("the review of {name} is dated {date}, which is yet to come").format(name=name, date=review.date)
            yield Found("reviews", review.file, text, _("give it its true date"))
    if standing.stop or definition.question.ends < today or not machine.reviewed.are_readable_for(definition.application.id):
        return
    manifest = str(machine.manifests[definition.application.id])
    advice = _("install the review, or a manifest without the question: until then it is not asked")
    if not every:
        yield Found("reviews", manifest, _("{name} is not reviewed").format(name=name), advice)
    elif standing.review is None:
        yield _rivals(name, every, words)
    elif standing.review.definition != definition.digest:
        text = _("the review of {name} is for another definition than {file} has").format(name=name, file=manifest)
        yield Found("reviews", standing.review.file, text, advice)


def _rivals(name: str, every: Sequence[Review], words: Words) -> Found:
    last = max(review.date for review in every)
    files = join_with_and(dict.fromkeys(review.file for review in every if review.date == last), words)
    text = words.gettext("two reviews of {name} of {date} are for different definitions").format(name=name, date=last)
    return Found("reviews", files, text, words.gettext("remove the wrong review"))


def _lock(machine: Machine, lock: Lock, words: Words) -> Found:
    closed = sum(lock.what in axes(definition) and definition.question.detail > lock.limit for definition in machine.definitions())
    text = lock_sentence(f"{lock.what}={lock.limit}", lock.file, words, is_own=lock.origin is Origin.USER)
    if closed:
        number = words.ngettext("{number} installed question cannot be asked", "{number} installed questions cannot be asked", closed)
        text = words.gettext("{text}; {next}").format(text=text, next=number.format(number=closed))
    return Found("locks", "", text)


def _name(definition: Definition) -> str:
    return "/".join(definition.key)

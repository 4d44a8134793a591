"""Configuration, manifests, reviews, stops and locks: what keeps a question from being asked, and who limits what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.definition import ManifestKind
from telemetryd.core.permission.gate import axes
from telemetryd.ctl.checks.machine import Found
from telemetryd.ctl.render.state_sentences import lock_sentence, switch_sentence
from telemetryd.ctl.render.value_words import count_phrase

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from telemetryd.core.definition import Definition
    from telemetryd.core.permission.signoffs import Review
    from telemetryd.core.settings import Lock, Problem
    from telemetryd.ctl.checks.machine import Machine

_UNREADABLE = "correct this file: until then telemetry is off here"
_MISPLACED = "move or remove it"
_MANIFEST_WRONG = "correct it (`telemetryctl lint` says more): until then this application asks nothing"
_REVIEWS_WRONG = "correct it: until then nothing is collected for the applications that it may be about"
_UNREVIEWED = "install the review, or a manifest without the question: until then it is not asked"


def problems(machine: Machine, today: date) -> Iterator[Found]:
    """Everything in these files that somebody has to correct."""
    for problem in machine.settings.problems:
        yield _configuration(machine, problem)
    for file, text in machine.faulty.items():
        yield Found("manifests", file, text, _MANIFEST_WRONG)
    for file in machine.stray:
        yield Found("manifests", file, "its name is not an application's id", "name it as the application's id with .toml")
    for declaration in machine.declarations.values():
        for reference in declaration.application.uses:
            yield from _shared(machine, declaration.application.id, reference)
    for problem in machine.reviewed.problems:
        is_misplaced = problem.text.startswith("[[review]]: belongs")
        yield Found("reviews", problem.file, problem.text, _MISPLACED if is_misplaced else _REVIEWS_WRONG)
    for definition in machine.definitions():
        yield from _review(machine, definition, today)


def notes(machine: Machine) -> Iterator[Found]:
    """What somebody decided: switches, locks and stops."""
    for switch in machine.settings.kill_switches:
        if switch.what != "unreadable":
            yield Found("configuration", "", switch_sentence(switch.what, switch.file))
    for lock in machine.settings.locks:
        yield _lock(machine, lock)
    for definition in machine.definitions():
        stop = machine.reviewed.reviews.standing(*definition.key).stop
        if stop:
            text = f" ({stop.text})" if stop.text else ""
            yield Found("stops", stop.file, f"{_name(definition)} is {stop.reason} since {stop.date}{text}")


def _configuration(machine: Machine, problem: Problem) -> Found:
    switches = machine.settings.kill_switches
    if any(switch.what == "unreadable" and switch.file == problem.file for switch in switches):
        return Found("configuration", problem.file, problem.text, _UNREADABLE)
    if problem.text.startswith("[endpoint."):
        return Found("endpoints", problem.file, problem.text, _endpoint_advice(problem.text))
    return Found("configuration", problem.file, problem.text, "lower it, or remove it" if "cap" in problem.text else _MISPLACED)


def _endpoint_advice(text: str) -> str:
    if "the extra for relays" in text:
        return "install pyhpke and cryptography"
    if "] ca_file: " in text or "] ohttp_keys: " in text:
        return "install this file, readable by every user"
    return "correct this table, or remove it"


def _shared(machine: Machine, application: str, reference: str) -> Iterator[Found]:
    """The fault of an entry of `uses`, if any."""
    owner, _, name = reference.partition("/")
    declaration, file = machine.declarations.get(owner), str(machine.manifests[application])
    if owner not in machine.manifests:
        yield Found("manifests", file, f"uses {reference}, but {owner} is not installed", "install its manifest, or remove the entry")
    elif declaration and (
        declaration.application.kind is not ManifestKind.SHARED or name not in {source.id for source in declaration.sources}
    ):
        yield Found("manifests", file, f"uses {reference}, but {owner} shares no such source", "install manifests that belong together")


def _review(machine: Machine, definition: Definition, today: date) -> Iterator[Found]:
    """The faults of the reviews of one question. A question that is over or stopped needs none."""
    reviews = machine.reviewed.reviews
    every, standing, name = reviews.reviews_of(*definition.key), reviews.standing(*definition.key), _name(definition)
    for review in every:
        if review.date > today:
            text = f"the review of {name} is dated {review.date}, which is yet to come"
            yield Found("reviews", review.file, text, "give it its true date")
    if standing.stop or definition.question.ends < today or not machine.reviewed.are_readable_for(definition.application.id):
        return
    manifest = str(machine.manifests[definition.application.id])
    if not every:
        yield Found("reviews", manifest, f"{name} is not reviewed", _UNREVIEWED)
    elif standing.review is None:
        yield _rivals(name, every)
    elif standing.review.definition != definition.digest:
        text = f"the review of {name} is for another definition than {manifest} has"
        yield Found("reviews", standing.review.file, text, _UNREVIEWED)


def _rivals(name: str, every: Sequence[Review]) -> Found:
    last = max(review.date for review in every)
    files = " and ".join(dict.fromkeys(review.file for review in every if review.date == last))
    return Found("reviews", files, f"two reviews of {name} of {last} are for different definitions", "remove the wrong one")


def _lock(machine: Machine, lock: Lock) -> Found:
    closed = [
        definition for definition in machine.definitions() if lock.what in axes(definition) and definition.question.detail > lock.limit
    ]
    text = lock_sentence(f"{lock.what}={lock.limit}", lock.file)
    return Found("locks", "", f"{text}: {count_phrase(len(closed), 'installed question')} cannot be asked" if closed else text)


def _name(definition: Definition) -> str:
    return "/".join(definition.key)

"""What is installed, compared with a published register (`telemetryctl document --format json`). Policy: R3, T2."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.core.translation import mark
from telemetryd.ctl.checks.machine import Found
from telemetryd.ctl.failures import Failure
from telemetryd.ctl.language import gettext
from telemetryd.ctl.render.register import SCHEMA, state_name
from telemetryd.errors import InvalidFileError
from telemetryd.system.files import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from telemetryd.core.definition import Definition, Key
    from telemetryd.core.translation import Words
    from telemetryd.ctl.checks.machine import Machine

_MAX_BYTES = 32 * 1024 * 1024
"""Longest register: a thousand applications with ten questions have 15 MB."""
_OVER = {
    "answered": (mark("{name} is answered by the register, and not here"), mark("{name} is answered here, and not by the register")),
    "suspended": (mark("{name} is suspended by the register, and not here"), mark("{name} is suspended here, and not by the register")),
}
"""States that end a question → what is said if only the register has it, and if only this machine does."""


class Publication(NamedTuple):
    """What a register says of one question."""

    application: str
    question: str
    vendor: str
    definition: str
    state: str


def read_register(path: Path) -> list[Publication]:
    """What a register says of each question. Raises `Failure`."""
    try:
        register = json.loads(read(path, _MAX_BYTES))
        if register["schema"] != SCHEMA:
            raise Failure(gettext("{path} has another schema: expected a register of schema {number}").format(path=path, number=SCHEMA))
        return [_entry(question) for question in register["questions"]]
    except OSError as error:
        raise Failure(gettext("{path} cannot be read: {why}").format(path=path, why=error.strerror)) from error
    except InvalidFileError as error:
        raise Failure(f"{path}: {error}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        text = gettext("{path} is not a register: expected the output of `telemetryctl document --format json`")
        raise Failure(text.format(path=path)) from error


def problems(machine: Machine, register: Sequence[Publication], source: str, words: Words) -> Iterator[Found]:
    """Where the machine and the register differ. Only vendors that the register names are compared."""
    entries: dict[Key, Publication] = {(entry.application, entry.question): entry for entry in register}
    vendors = {entry.vendor for entry in register}
    for definition in machine.definitions():
        if definition.application.vendor in vendors:
            for text, advice in _differences(machine, definition, entries, words):
                yield Found("register", source, text.format(name="/".join(definition.key)), advice)


def notes(machine: Machine, register: Sequence[Publication], words: Words) -> Iterator[Found]:
    """What was not compared, and what the installed manifests do not ask."""
    vendors = {entry.vendor for entry in register}
    others = sum(definition.application.vendor not in vendors for definition in machine.definitions())
    if others:
        text = words.ngettext("{number} question of other vendors not compared", "{number} questions of other vendors not compared", others)
        yield Found("register", "", text.format(number=others))
    asked = {definition.key for definition in machine.definitions()}
    for entry in register:
        is_over = entry.state in _OVER
        if entry.application in machine.declarations and (entry.application, entry.question) not in asked and not is_over:
            text = words.gettext("{name} is published, and the installed manifest does not ask it")
            yield Found("register", "", text.format(name=f"{entry.application}/{entry.question}"))


def _differences(machine: Machine, definition: Definition, entries: Mapping[Key, Publication], words: Words) -> Iterator[tuple[str, str]]:
    """(message, advice) of each difference."""
    _, entry = words.gettext, entries.get(definition.key)
    if entry is None:
        yield _("{name} is asked here and is not published"), _("publish it, or install another manifest")
        return
    if entry.definition != definition.digest:
        yield _("{name} is published in another form"), _("install the published manifest, or publish again")
    state = state_name(machine.reviewed.reviews.standing(*definition.key), definition.digest)
    if entry.state in _OVER and state != entry.state:
        yield _(_OVER[entry.state][0]), _("install the stop of its vendor")
    elif state in _OVER and entry.state not in _OVER:
        yield _(_OVER[state][1]), _("publish the register again")
    elif entry.state == "reviewed" and entry.definition == definition.digest and state != "reviewed":
        yield _("{name} is reviewed by the register, and not here"), _("install its review")


def _entry(question: Any) -> Publication:
    entry = Publication(*(question[key] for key in Publication._fields))
    if not all(isinstance(value, str) for value in entry):
        raise TypeError
    return entry

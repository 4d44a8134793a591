"""What is installed, compared with a published register (`telemetryctl document --format json`). Policy: R3, T2."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.ctl.checks.machine import Found
from telemetryd.ctl.failures import Failure
from telemetryd.ctl.render.register import SCHEMA, state_name
from telemetryd.ctl.render.value_words import count_phrase
from telemetryd.errors import InvalidFileError
from telemetryd.system.files import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from telemetryd.core.definition import Definition, Key
    from telemetryd.ctl.checks.machine import Machine

_MAX_BYTES = 32 * 1024 * 1024
"""Longest register: a thousand applications with ten questions have 15 MB."""
_OVER = {"answered", "suspended"}


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
            raise Failure(f"{path} has another schema: expected a register of schema {SCHEMA}")
        return [_entry(question) for question in register["questions"]]
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}") from error
    except InvalidFileError as error:
        raise Failure(f"{path}: {error}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Failure(f"{path} is not a register: expected the output of `telemetryctl document --format json`") from error


def problems(machine: Machine, register: Sequence[Publication], source: str) -> Iterator[Found]:
    """Where the machine and the register differ. Only vendors that the register names are compared."""
    entries: dict[Key, Publication] = {(entry.application, entry.question): entry for entry in register}
    vendors = {entry.vendor for entry in register}
    for definition in machine.definitions():
        if definition.application.vendor in vendors:
            yield from _differences(machine, definition, entries, source)


def notes(machine: Machine, register: Sequence[Publication]) -> Iterator[Found]:
    """What was not compared, and what the installed manifests do not ask."""
    vendors = {entry.vendor for entry in register}
    others = [definition for definition in machine.definitions() if definition.application.vendor not in vendors]
    if others:
        yield Found("register", "", f"{count_phrase(len(others), 'question')} of other vendors not compared")
    asked = {definition.key for definition in machine.definitions()}
    for entry in register:
        is_over = entry.state in _OVER
        if entry.application in machine.declarations and (entry.application, entry.question) not in asked and not is_over:
            yield Found("register", "", f"{entry.application}/{entry.question} is published, and the installed manifest does not ask it")


def _differences(machine: Machine, definition: Definition, entries: Mapping[Key, Publication], source: str) -> Iterator[Found]:
    name, entry = "/".join(definition.key), entries.get(definition.key)
    if entry is None:
        yield Found("register", source, f"{name} is asked here and is not published", "publish it, or install another manifest")
        return
    if entry.definition != definition.digest:
        yield Found("register", source, f"{name} is published in another form", "install the published manifest, or publish again")
    state = state_name(machine.reviewed.reviews.standing(*definition.key), definition.digest)
    if entry.state in _OVER and state != entry.state:
        yield Found("register", source, f"{name} is {entry.state} by the register, and not here", "install the stop of its vendor")
    elif state in _OVER and entry.state not in _OVER:
        yield Found("register", source, f"{name} is {state} here, and not by the register", "publish the register again")
    elif entry.state == "reviewed" and entry.definition == definition.digest and state != "reviewed":
        yield Found("register", source, f"{name} is reviewed by the register, and not here", "install its review")


def _entry(question: Any) -> Publication:
    entry = Publication(*(question[key] for key in Publication._fields))
    if not all(isinstance(value, str) for value in entry):
        raise TypeError
    return entry

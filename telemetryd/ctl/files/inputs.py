"""The input files of a command: manifests, reviews and stops, configuration; each is recognised by its contents.

The daemon's own readers parse them, so a document about them agrees with the daemon.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.limits import CONFIG_BYTES
from telemetryd.ctl.failures import Failure
from telemetryd.ctl.language import gettext as _
from telemetryd.errors import InvalidFileError, InvalidManifestError
from telemetryd.system.files import read_start

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from telemetryd.core.definition import Declaration, Definition
    from telemetryd.core.permission.signoffs import Review, Reviews, Stop

_MANIFEST = re.compile(r"^\s*(?:schema\s*=|\[\s*application\s*\])", re.MULTILINE)
_REVIEWS = re.compile(r"^\s*\[\[\s*(?:review|stop)\s*\]\]", re.MULTILINE)


class Receiver(NamedTuple):
    """A vendor's configured endpoint: its name, the URL for reports, and the URL of the published results or ""."""

    name: str
    url: str
    results: str


class Inputs(NamedTuple):
    """The contents of the files: declarations by application in the order of the files, reviews, stops, and receivers by vendor."""

    declarations: Mapping[str, Declaration]
    reviews: tuple[Review, ...]
    stops: tuple[Stop, ...]
    receivers: Mapping[str, Receiver]

    def standing(self) -> Reviews:
        """The reviews and stops in force for each question."""
        from telemetryd.core.permission.signoffs import Reviews  # noqa: PLC0415 - for those who ask

        return Reviews(self.reviews, self.stops)


def read_text(path: Path) -> str:
    """A file's text. Raises `Failure`."""
    try:
        data = read_start(path, CONFIG_BYTES + 1)
    except OSError as error:
        raise Failure(_("{path} cannot be read: {why}").format(path=path, why=error.strerror)) from error
    except InvalidFileError as error:
        raise Failure(_("{path}: expected a file").format(path=path)) from error
    if len(data) > CONFIG_BYTES:
        raise Failure(_("{path} is longer than the {size} bytes that telemetryd reads").format(path=path, size=CONFIG_BYTES))
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Failure(_("{path} is not UTF-8 text").format(path=path)) from error


def read_manifest(path: Path) -> Declaration:
    """The declaration of a manifest. Raises `Failure`."""
    return _parse_manifest(path, read_text(path))


def read_inputs(paths: Sequence[Path]) -> Inputs:
    """The contents of all files. Raises `Failure` for an unknown kind of file, and for two manifests of one application."""
    declarations: dict[str, Declaration] = {}
    reviews: list[Review] = []
    stops: list[Stop] = []
    receivers: dict[str, Receiver] = {}
    for path in expand_folders(paths):
        text = read_text(path)
        if _REVIEWS.search(text):
            more_reviews, more_stops = _parse_reviews(path, text)
            reviews += more_reviews
            stops += more_stops
        elif _MANIFEST.search(text):
            declared = _parse_manifest(path, text)
            if declared.application.id in declarations:
                text = _("{path} is a second manifest of {application}")
                raise Failure(text.format(path=path, application=declared.application.id))
            declarations[declared.application.id] = declared
        elif text.strip():
            receivers |= _parse_receivers(path, text)
    return Inputs(declarations, tuple(reviews), tuple(stops), receivers)


def expand_folders(paths: Sequence[Path]) -> list[Path]:
    """The files; a folder stands for its TOML files, sorted by name."""
    return [file for path in paths for file in (sorted(path.glob("*.toml")) if path.is_dir() else [path])]


def choose_definitions(declaration: Declaration, question: str) -> Sequence[Definition]:
    """The definition of one question, or all definitions for "". Raises `Failure` if there is none."""
    definitions = [definition for definition in declaration.definitions if question in {"", definition.question.id}]
    if not definitions:
        application = declaration.application.id
        text = (
            _("{application} asks no question {question}") if question else _("{application} asks no question: there is nothing to review")
        )
        raise Failure(text.format(application=application, question=repr(question)))
    return definitions


def _parse_manifest(path: Path, text: str) -> Declaration:
    from telemetryd.toml.manifest import parse  # noqa: PLC0415 - reads TOML

    try:
        return parse(text)
    except InvalidManifestError as error:
        raise Failure(_("{path}: {why} (`telemetryctl lint` says more)").format(path=path, why=error)) from error


def _parse_reviews(path: Path, text: str) -> tuple[Sequence[Review], Sequence[Stop]]:
    from telemetryd.toml.config import parse_reviews  # noqa: PLC0415 - reads TOML

    try:
        return parse_reviews(text, str(path))
    except InvalidFileError as error:
        raise Failure(f"{path}: {error}") from error


def _parse_receivers(path: Path, text: str) -> dict[str, Receiver]:
    from telemetryd.toml.config import parse_configuration  # noqa: PLC0415 - reads TOML

    try:
        configuration = parse_configuration(text)
    except InvalidFileError as error:
        text = _("{path} is not a manifest, a file of reviews or stops, or a configuration file: {why}")
        raise Failure(text.format(path=path, why=error)) from error
    return {vendor: Receiver(endpoint.name, endpoint.url, endpoint.results) for vendor, endpoint in configuration.endpoint.items()}

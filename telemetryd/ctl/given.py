"""The files that a command is given: manifests, reviews and stops, configuration; each is told by what stands in it.

They are read as the daemon reads them, so what is written about them cannot differ from what it does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.limits import CONFIG_BYTES
from telemetryd.ctl.failures import Failure
from telemetryd.errors import InvalidFileError, InvalidManifestError
from telemetryd.system.files import read_start

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from telemetryd.core.definition import Declaration, Definition
    from telemetryd.core.signoffs import Review, Reviews, Stop

_MANIFEST = re.compile(r"^\s*(?:schema\s*=|\[\s*application\s*\])", re.MULTILINE)
_REVIEWS = re.compile(r"^\s*\[\[\s*(?:review|stop)\s*\]\]", re.MULTILINE)


class Receiver(NamedTuple):
    """A vendor's endpoint as it is configured: its name, where reports go, where the vendor publishes what was learnt ("": nowhere)."""

    name: str
    url: str
    results: str


class Given(NamedTuple):
    """What the files hold: declarations by application in the order of the files, reviews, stops, and what is configured of vendors."""

    declarations: Mapping[str, Declaration]
    reviews: tuple[Review, ...]
    stops: tuple[Stop, ...]
    receivers: Mapping[str, Receiver]

    def standing(self) -> Reviews:
        """What holds for each question."""
        from telemetryd.core.signoffs import Reviews  # noqa: PLC0415 - for those who ask

        return Reviews(self.reviews, self.stops)


def text_of(path: Path) -> str:
    """A file's text. Raises `Failure`."""
    try:
        data = read_start(path, CONFIG_BYTES + 1)
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}") from error
    except InvalidFileError as error:
        raise Failure(f"{path}: {error}, not a pipe or a device") from error
    if len(data) > CONFIG_BYTES:
        raise Failure(f"{path} is longer than the {CONFIG_BYTES} bytes that telemetryd reads")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Failure(f"{path} is no text in UTF-8") from error


def declaration(path: Path) -> Declaration:
    """What a manifest declares. Raises `Failure`."""
    return _declared(path, text_of(path))


def given(paths: Sequence[Path]) -> Given:
    """What all files hold. Raises `Failure` for one that is none of them, and for two manifests of one application."""
    declarations: dict[str, Declaration] = {}
    reviews: list[Review] = []
    stops: list[Stop] = []
    receivers: dict[str, Receiver] = {}
    for path in files(paths):
        text = text_of(path)
        if _REVIEWS.search(text):
            more_reviews, more_stops = _reviewed(path, text)
            reviews += more_reviews
            stops += more_stops
        elif _MANIFEST.search(text):
            found = _declared(path, text)
            if found.application.id in declarations:
                raise Failure(f"{path}: a second manifest of {found.application.id}")
            declarations[found.application.id] = found
        elif text.strip():
            receivers |= _receivers(path, text)
    return Given(declarations, tuple(reviews), tuple(stops), receivers)


def files(paths: Sequence[Path]) -> list[Path]:
    """The files, and of a folder every TOML file right in it, sorted by name."""
    return [file for path in paths for file in (sorted(path.glob("*.toml")) if path.is_dir() else [path])]


def chosen(found: Declaration, question: str) -> Sequence[Definition]:
    """The definitions that a command is about: all, or one. Raises `Failure` if there is none."""
    definitions = [one for one in found.definitions if question in {"", one.question.id}]
    if not definitions:
        about = found.application.id
        raise Failure(f"{about} asks no question {question!r}" if question else f"{about} asks no question: there is nothing to review")
    return definitions


def _declared(path: Path, text: str) -> Declaration:
    from telemetryd.toml.manifest import parse  # noqa: PLC0415 - reads TOML

    try:
        return parse(text)
    except InvalidManifestError as error:
        raise Failure(f"{path}: {error} (`telemetryctl lint` says more)") from error


def _reviewed(path: Path, text: str) -> tuple[Sequence[Review], Sequence[Stop]]:
    from telemetryd.toml.config import parse_reviews  # noqa: PLC0415 - reads TOML

    try:
        return parse_reviews(text, str(path))
    except InvalidFileError as error:
        raise Failure(f"{path}: {error}") from error


def _receivers(path: Path, text: str) -> dict[str, Receiver]:
    from telemetryd.toml.config import parse_configuration  # noqa: PLC0415 - reads TOML

    try:
        configuration = parse_configuration(text)
    except InvalidFileError as error:
        raise Failure(f"{path} is no manifest, holds no reviews or stops, and is no configuration: {error}") from error
    return {vendor: Receiver(one.name, one.url, one.results) for vendor, one in configuration.endpoint.items()}

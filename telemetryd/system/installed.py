"""The files that distributions, administrators and the user put in place: found, read within bounds, and handed to the core.

What is there and cannot be read shuts. What reads TOML is imported for a file that is there, not at start. Policy: C4, C6, R1.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.limits import CONFIG_BYTES, KCONFIG_BYTES, MANIFEST_BYTES
from telemetryd.core.settings import Problem
from telemetryd.core.signoffs import EVERYONE, InstalledReviews, Review, Reviews, Stop
from telemetryd.errors import InvalidFileError, InvalidManifestError, StorageError
from telemetryd.system.directories import config_directories, data_directories, overrides, user_config_directory, xdg_config_directories
from telemetryd.system.files import entries, is_mask, listing, look, read, settled, shown
from telemetryd.toml.cache import Kept
from telemetryd.toml.precedence import ConfigFile, ForeignFile, Origin, merge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from telemetryd.core.definition import Declaration
    from telemetryd.core.settings import Settings
    from telemetryd.system.files import Found
    from telemetryd.toml.models.config_tables import ConfigurationFile

    _Parsed = tuple[Sequence[Review], Sequence[Stop]]

_CONFIG, _DROP_INS = "telemetryd.toml", "telemetryd.toml.d"
_MANIFESTS, _REVIEWS = "manifests", "reviews.d"
_KUSERFEEDBACK = "KDE/UserFeedback.conf"
_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
"""File names that can be an application's id: whatever else there is declares nothing."""


class InstalledFiles:
    """The port `Installation` over real files. What `applications` found is where manifests are read until it is asked again."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ, self._watched = environ, watched(environ)
        self._manifests: dict[str, Path] | None = None
        self._read: dict[str, object] = {}
        self.changes = 0
        self._reviews = Kept(_parse_reviews)

    def fingerprint(self) -> object:
        """See the function; it differs too when a manifest that was read is not what it was then."""
        changed = {path: now for path, before in self._read.items() if (now := settled(path)) != before}
        self._read |= changed
        self.changes += len(changed)
        return fingerprint(self._watched), self.changes

    def settings(self) -> Settings:
        """See `load_settings`."""
        return load_settings(self._environ)

    def reviews(self) -> InstalledReviews:
        """See `load_reviews`; what did not change is not parsed again."""
        self._reviews.turn()
        return load_reviews(self._environ, self._reviews)

    def overrides(self) -> Sequence[str]:
        """The variables of the environment that put other files in place of the system's."""
        return overrides(self._environ)

    def applications(self) -> Sequence[str]:
        """The ids of the applications whose manifests are installed. Those that were read are watched on: they may still be in use."""
        self._manifests = manifest_files(self._environ)
        return sorted(self._manifests)

    def declaration(self, application: str) -> Declaration:
        """One installed manifest. Raises InvalidManifestError or StorageError."""
        return load_manifest(self._manifest(application))

    def place(self, application: str) -> str:
        """The file of one installed manifest."""
        return shown(self._manifests[application]) if self._manifests and application in self._manifests else f"{application}.toml"

    def text(self, application: str) -> str:
        """The text of one installed manifest. Raises StorageError."""
        path = self._manifest(application)
        self._read[str(path)] = settled(str(path))
        try:
            return _read_manifest(path)
        except InvalidManifestError as error:
            raise StorageError(f"{shown(path)}: {error}") from None

    def _manifest(self, application: str) -> Path:
        if self._manifests is None:
            self._manifests = manifest_files(self._environ)
        path = self._manifests.get(application)
        if path is None or not os.path.lexists(path):
            raise StorageError(f"no manifest of {application!r} is installed any more")
        return path


def load_settings(environ: Mapping[str, str]) -> Settings:
    """What all configuration files, KUserFeedback's and DO_NOT_TRACK say together; never fails."""
    files = [
        *_config_files(config_directories(environ), Origin.SYSTEM),
        *_config_files((user_config_directory(environ),), Origin.USER),
    ]
    # A directory that cannot be listed may hide what masks another directory's manifest.
    hidden = listing(data_directories(environ), _MANIFESTS).hidden
    files += [ConfigFile(shown(one.path), Origin.SYSTEM, None, one.problem) for one in hidden]
    foreign = [found for directory in xdg_config_directories(environ) if (found := look(directory / _KUSERFEEDBACK, KCONFIG_BYTES))]
    return merge(
        files,
        do_not_track=environ.get("DO_NOT_TRACK", ""),
        kuserfeedback=[ForeignFile(shown(one.path), one.text, one.problem) for one in foreign],
    )


def load_reviews(environ: Mapping[str, str], kept: Kept[_Parsed] | None = None) -> InstalledReviews:
    """All reviews and stops. A file that cannot be read or parsed counts for nothing, and the result says whom that concerns.

    What shuts cannot be masked: of a file that another one replaces the stops hold. The user's own files can hold stops only.
    """
    kept = kept or Kept(_parse_reviews)
    system, users = listing(data_directories(environ), _REVIEWS), listing((user_config_directory(environ),), _REVIEWS)
    parsed = [_parsed(path, kept) for path in (*system.names.values(), *users.names.values())]
    hidden = [*system.hidden, *users.hidden]
    stops = [stop for one in parsed for stop in one.stops]
    stops += [stop for paths in system.replaced.values() for path in paths for stop in _parsed(path, kept).stops]
    in_force = parsed[: len(system.names)]
    misplaced = [
        Problem(one.file, "[[review]]: is for system files; it admits nothing here") for one in parsed[len(in_force) :] if one.reviews
    ]
    return InstalledReviews(
        Reviews([review for one in in_force for review in one.reviews], stops),
        (*(Problem(shown(one.path), one.problem) for one in hidden), *(one.problem for one in parsed if one.problem), *misplaced),
        frozenset([EVERYONE] if hidden else ()).union(*(one.concerned for one in parsed)),
    )


def manifest_files(environ: Mapping[str, str]) -> dict[str, Path]:
    """Application id → the manifest in force, read or not."""
    return {
        path.stem: path
        for path in listing(data_directories(environ), _MANIFESTS).names.values()
        if _ID.fullmatch(path.stem) and not is_mask(path)
    }


def load_manifest(path: Path) -> Declaration:
    """The declaration of an installed manifest, whose file is named after its id. Raises InvalidManifestError or StorageError."""
    text = _read_manifest(path)
    from telemetryd.toml import manifest  # noqa: PLC0415 - see the module's docstring

    declaration = manifest.parse(text)
    if declaration.application.id != path.stem:
        raise InvalidManifestError(f"[application] id: expected {path.stem!r}, as the file is named")
    return declaration


class Watched(NamedTuple):
    """The paths at which a look at the files looks; of folders that are `listed` only at names."""

    files: tuple[str, ...]
    folders: tuple[str, ...]
    listed: tuple[str, ...]


def watched(environ: Mapping[str, str]) -> Watched:
    """Everything that can be in force. Of manifests those that come and go: the others of a thousand are looked at where they are read."""
    config, data = [*config_directories(environ), user_config_directory(environ)], data_directories(environ)
    files = [*(one / _CONFIG for one in config), *(one / _KUSERFEEDBACK for one in xdg_config_directories(environ))]
    folders = [*(one / _DROP_INS for one in config), *(one / _REVIEWS for one in (*data, user_config_directory(environ)))]
    return Watched(tuple(map(str, files)), tuple(map(str, folders)), tuple(str(one / _MANIFESTS) for one in data))


def fingerprint(places: Watched) -> object:
    """Differs when any of the files is added, removed, replaced, written or becomes (un)readable; reads none of them."""
    files, names = [*places.files, *places.folders, *places.listed], []
    for folder in places.folders:
        with suppress(OSError):
            files += [f"{folder}/{name}" for name in entries(folder)]
    for folder in places.listed:
        with suppress(OSError):
            names += entries(folder)
    return (*map(settled, files), *names)


def _config_files(directories: Sequence[Path], origin: Origin) -> Iterator[ConfigFile]:
    """The files in force, in the order of precedence: drop-ins from the last name to the first, then the main file."""
    drop_ins = listing(directories, _DROP_INS)
    for name in reversed(drop_ins.names):
        yield from _layered((drop_ins.names[name], *drop_ins.replaced.get(name, ())), origin)
    yield from _layered([one / _CONFIG for one in directories], origin)
    for one in drop_ins.hidden:
        yield _parse_config(one, origin)


def _layered(paths: Sequence[Path], origin: Origin) -> Iterator[ConfigFile]:
    """The first of these files that is there, and those below it that switch off. Policy: C4.

    What shuts cannot be masked by saying nothing: an `enabled = false` holds unless the file in its place says `enabled = true`.
    """
    found = [_parse_config(one, origin) for path in paths if (one := look(path, CONFIG_BYTES))]
    yield from found[:1]
    if found and (found[0].content is None or found[0].content.enabled is None):
        for below in found[1:]:
            if below.content and below.content.enabled is False:
                yield ConfigFile(below.path, origin, _off())


def _parse_config(found: Found, origin: Origin) -> ConfigFile:
    path = shown(found.path)
    if found.problem or not found.text.strip():
        return ConfigFile(path, origin, None, found.problem)
    from telemetryd.toml.config import parse_configuration  # noqa: PLC0415 - see the module's docstring

    try:
        return ConfigFile(path, origin, parse_configuration(found.text))
    except InvalidFileError as error:
        return ConfigFile(path, origin, None, str(error))


def _off() -> ConfigurationFile:
    from telemetryd.toml.config import parse_configuration  # noqa: PLC0415 - see the module's docstring

    return parse_configuration("enabled = false")


class _Reviewed(NamedTuple):
    """What one file of reviews says, or the problem for which nobody knows, and the applications that it may be about."""

    file: str
    reviews: Sequence[Review] = ()
    stops: Sequence[Stop] = ()
    problem: Problem | None = None
    concerned: frozenset[str] = frozenset()


def _parsed(path: Path, kept: Kept[_Parsed]) -> _Reviewed:
    file = shown(path)
    found = look(path, CONFIG_BYTES)
    if found is None:
        return _Reviewed(file)
    if found.problem:
        return _Reviewed(file, problem=Problem(file, found.problem), concerned=frozenset([EVERYONE]))
    try:
        return _Reviewed(file, *kept.get(found.text, file))
    except InvalidFileError as error:
        from telemetryd.toml.config import concerned  # noqa: PLC0415 - see the module's docstring

        return _Reviewed(file, problem=Problem(file, str(error)), concerned=concerned(found.text))


def _parse_reviews(text: str, file: str) -> _Parsed:
    if not text.strip():
        return (), ()
    from telemetryd.toml.config import parse_reviews  # noqa: PLC0415 - see the module's docstring

    return parse_reviews(text, file)


def _read_manifest(path: Path) -> str:
    try:
        return read(path, MANIFEST_BYTES)
    except InvalidFileError as error:
        raise InvalidManifestError(str(error)) from None
    except OSError as error:
        raise StorageError(f"{shown(path)}: {error.strerror}") from None

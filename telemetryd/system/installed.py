"""The files of distributions, administrators and the user: found, read within bounds, and given to the core.

A file that exists and cannot be read blocks collecting. TOML readers are imported only if there is a file. Policy: C4, C6, R1.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from telemetryd.core.limits import CONFIG_BYTES, KCONFIG_BYTES, MANIFEST_BYTES
from telemetryd.core.permission.signoffs import EVERYONE, InstalledReviews, Review, Reviews, Stop
from telemetryd.core.problem_words import ProblemCause, problem_of
from telemetryd.core.settings import Origin, Problem, Settings
from telemetryd.errors import InvalidFileError, InvalidManifestError, StorageError, UnfitFileError
from telemetryd.named_tuple import NamedTuple
from telemetryd.system.directories import config_directories, data_directories, overrides, user_config_directory, xdg_config_directories
from telemetryd.system.files import (
    WatchedPaths,
    fingerprint,
    is_mask,
    listing,
    read,
    read_if_there,
    settled_signature,
    text_of_path,
)
from telemetryd.toml.cache import ParseCache
from telemetryd.toml.settings_in_force import ConfigFile, ForeignFile, merge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from telemetryd.core.definition import Declaration
    from telemetryd.core.settings import Endpoint
    from telemetryd.system.files import InstalledFile
    from telemetryd.toml.tables import Row

    _Parsed = tuple[Sequence[Review], Sequence[Stop]]

CONFIG, DROP_INS = "telemetryd.toml", "telemetryd.toml.d"
"""The main file and the folder of drop-ins in the configuration directories."""
MANIFESTS, REVIEWS = "manifests", "reviews.d"
"""The folders in the data directories."""
KUSERFEEDBACK = "KDE/UserFeedback.conf"
_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
"""File names that can be an application's id; other files declare nothing."""


class InstalledFiles:
    """The port `Installation` over real files. `applications` finds the paths of manifests, which hold until its next call."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ, self._watched, self._overrides = environ, watched_paths(environ), overrides(environ)
        self._manifests: dict[str, Path] | None = None
        self._read: dict[str, object] = {}
        self._all_read: frozenset[str] = frozenset()
        self.changes = self.told_changes = self._fault_changes = 0
        self._faulty: tuple[Endpoint, ...] = ()
        """The endpoints that cannot work."""
        self._faults: Sequence[Problem] = ()
        """Their faults as they were last found."""
        self._reviews = ParseCache(_parse_reviews)

    def fingerprint(self) -> object:
        """See the function. It also changes if a manifest that was read has changed, or the fault of an endpoint.

        Endpoints that cannot work are checked anew each time, because the end of a disk error and an installed extra change no file here.
        """
        present, changed = fingerprint(self._watched, self._read)
        self._read |= changed
        self.changes += len(changed)
        self.told_changes += not self._all_read.isdisjoint(changed)
        if self._faulty:
            faults = self._usable(Settings(endpoints=self._faulty)).problems
            self._fault_changes += faults != self._faults
            self._faults = faults
        return present, self.changes, self._fault_changes

    def note_all_read(self) -> None:
        """From now on a change of any of the present manifests is one to tell, whichever of them are in use."""
        self._all_read = frozenset(map(str, (self._manifests or {}).values()))

    def settings(self) -> Settings:
        """See `load_settings`; endpoints that cannot work are named. Their files are in the fingerprint from then on."""
        loaded = load_settings(self._environ)
        settings = self._usable(loaded) if loaded.endpoints else loaded
        self._faults = settings.problems[len(loaded.problems) :]
        self._faulty = tuple(endpoint for endpoint in settings.endpoints if endpoint.vendor in settings.unusable)
        return settings

    def _usable(self, settings: Settings) -> Settings:
        """The settings with endpoints that cannot work named. The signatures of the endpoints' files are noted before they are read."""
        from telemetryd.system import endpoint_files  # noqa: PLC0415 - many starts have no endpoint

        self._read |= {path: settled_signature(path) for path in endpoint_files.paths(settings.endpoints)}
        return endpoint_files.with_usable_endpoints(settings)

    def reviews(self) -> InstalledReviews:
        """See `load_reviews`; unchanged files are not parsed again."""
        self._reviews.next_generation()
        return load_reviews(self._environ, self._reviews)

    def overrides(self) -> Sequence[str]:
        """The environment variables that are set and replace the system's directories."""
        return self._overrides

    def applications(self) -> Sequence[str]:
        """The ids of installed manifests. Manifests that were read stay in the fingerprint, because they may still be in use."""
        self._manifests = manifest_files(self._environ)
        return sorted(self._manifests)

    def declaration(self, application: str) -> Declaration:
        """One installed manifest. Raises InvalidManifestError or StorageError."""
        return load_manifest(self._manifest(application))

    def manifest_file(self, application: str) -> str:
        """The file of one installed manifest."""
        return text_of_path(self._manifests[application]) if self._manifests and application in self._manifests else f"{application}.toml"

    def text(self, application: str) -> str:
        """The text of one installed manifest. Raises StorageError, UnfitFileError if only a change of the file ends it."""
        path = self._manifest(application)
        self._read[str(path)] = settled_signature(str(path))
        try:
            return _read_manifest(path)
        except InvalidManifestError as error:
            raise UnfitFileError(f"{text_of_path(path)}: {error}") from None

    def _manifest(self, application: str) -> Path:
        if self._manifests is None:
            self._manifests = manifest_files(self._environ)
        path = self._manifests.get(application)
        if path is None or not os.path.lexists(path):
            raise StorageError(f"no manifest of {application!r} is installed any more")
        return path


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings from all configuration files, KUserFeedback's file and DO_NOT_TRACK; never fails."""
    files = config_files(environ)
    # A directory that cannot be listed may hold the mask of another directory's manifest.
    hidden = listing(data_directories(environ), MANIFESTS).hidden
    files += [ConfigFile(text_of_path(folder.path), Origin.SYSTEM, None, folder.problem) for folder in hidden]
    foreign = [file for directory in xdg_config_directories(environ) if (file := read_if_there(directory / KUSERFEEDBACK, KCONFIG_BYTES))]
    return merge(
        files,
        do_not_track=environ.get("DO_NOT_TRACK", ""),
        kuserfeedback=[ForeignFile(text_of_path(file.path), file.text, file.problem) for file in foreign],
    )


def config_files(environ: Mapping[str, str]) -> list[ConfigFile]:
    """Every configuration file in force, in the order of precedence: the system's, then the user's."""
    system = _config_files(config_directories(environ), Origin.SYSTEM)
    return [*system, *_config_files((user_config_directory(environ),), Origin.USER)]


def load_reviews(environ: Mapping[str, str], kept: ParseCache[_Parsed] | None = None) -> InstalledReviews:
    """All reviews and stops. A file that cannot be read or parsed has no effect, and the result names the applications concerned.

    A stop cannot be masked: the stops of a replaced file stay in force. The user's own files can hold only stops.
    """
    kept = kept or ParseCache(_parse_reviews)
    system, users = listing(data_directories(environ), REVIEWS), listing((user_config_directory(environ),), REVIEWS)
    parsed = [_read_reviews(path, kept) for path in (*system.names.values(), *users.names.values())]
    hidden = [*system.hidden, *users.hidden]
    in_force, users_own = parsed[: len(system.names)], parsed[len(system.names) :]
    stops = [stop for file in in_force for stop in file.stops]
    stops += [stop._replace(origin=Origin.USER) for file in users_own for stop in file.stops]
    stops += [stop for paths in system.replaced.values() for path in paths for stop in _read_reviews(path, kept).stops]
    misplaced = [problem_of(file.file, ProblemCause.USERS_REVIEW) for file in users_own if file.reviews]
    return InstalledReviews(
        Reviews([review for file in in_force for review in file.reviews], stops),
        (
            *(Problem(text_of_path(folder.path), folder.problem) for folder in hidden),
            *(file.problem for file in parsed if file.problem),
            *misplaced,
        ),
        frozenset([EVERYONE] if hidden else ()).union(*(file.concerned for file in parsed)),
    )


def manifest_files(environ: Mapping[str, str]) -> dict[str, Path]:
    """Application id → path of the manifest in force, without reading it."""
    return {
        path.stem: path for path in listing(data_directories(environ), MANIFESTS).names.values() if can_declare(path) and not is_mask(path)
    }


def can_declare(path: Path) -> bool:
    """Whether the name of a file can be an application's id; other files declare nothing."""
    return _ID.fullmatch(path.stem) is not None


def load_manifest(path: Path) -> Declaration:
    """The declaration of an installed manifest; its file has the name of its id. Raises InvalidManifestError or StorageError."""
    text = _read_manifest(path)
    from telemetryd.toml import manifest  # noqa: PLC0415 - see the module's docstring

    declaration = manifest.parse(text)
    if declaration.application.id != path.stem:
        raise InvalidManifestError(f"[application] id: expected {path.stem!r}, as the file is named")
    return declaration


def watched_paths(environ: Mapping[str, str]) -> WatchedPaths:
    """All paths that can be in force. Folders of manifests are only listed: `fingerprint` checks each manifest that was read."""
    config, data = [*config_directories(environ), user_config_directory(environ)], data_directories(environ)
    files = [*(folder / CONFIG for folder in config), *(folder / KUSERFEEDBACK for folder in xdg_config_directories(environ))]
    folders = [*(folder / DROP_INS for folder in config), *(folder / REVIEWS for folder in (*data, user_config_directory(environ)))]
    return WatchedPaths(tuple(map(str, files)), tuple(map(str, folders)), tuple(str(folder / MANIFESTS) for folder in data))


def _config_files(directories: Sequence[Path], origin: Origin) -> Iterator[ConfigFile]:
    """The files in force in the order of precedence: drop-ins from the last name to the first, then the main file."""
    drop_ins = listing(directories, DROP_INS)
    for name in reversed(drop_ins.names):
        yield from _files_in_force((drop_ins.names[name], *drop_ins.replaced.get(name, ())), origin)
    yield from _files_in_force([directory / CONFIG for directory in directories], origin)
    for folder in drop_ins.hidden:
        yield _parse_config(folder, origin)


def _files_in_force(paths: Sequence[Path], origin: Origin) -> Iterator[ConfigFile]:
    """The first of these files that exists, and the files below it that switch off. Policy: C4.

    An `enabled = false` cannot be masked by a file without that key: the replacement must say `enabled = true`.
    """
    configurations = [_parse_config(file, origin) for path in paths if (file := read_if_there(path, CONFIG_BYTES))]
    yield from configurations[:1]
    if configurations and (configurations[0].content is None or configurations[0].content.enabled is None):
        for below in configurations[1:]:
            if below.content and below.content.enabled is False:
                yield ConfigFile(below.path, origin, _off())


def _parse_config(file: InstalledFile, origin: Origin) -> ConfigFile:
    path = text_of_path(file.path)
    if file.problem or not file.text.strip():
        return ConfigFile(path, origin, None, file.problem)
    from telemetryd.toml.config import parse_configuration  # noqa: PLC0415 - see the module's docstring

    try:
        return ConfigFile(path, origin, parse_configuration(file.text))
    except InvalidFileError as error:
        return ConfigFile(path, origin, None, str(error))


def _off() -> Row:
    from telemetryd.toml.config import parse_configuration  # noqa: PLC0415 - see the module's docstring

    return parse_configuration("enabled = false")


class _ReviewFile(NamedTuple):
    """The contents of one file of reviews, or its problem and the applications that it may be about."""

    file: str
    reviews: Sequence[Review] = ()
    stops: Sequence[Stop] = ()
    problem: Problem | None = None
    concerned: frozenset[str] = frozenset()


def _read_reviews(path: Path, kept: ParseCache[_Parsed]) -> _ReviewFile:
    file = text_of_path(path)
    source = read_if_there(path, CONFIG_BYTES)
    if source is None:
        return _ReviewFile(file)
    if source.problem:
        return _ReviewFile(file, problem=Problem(file, source.problem), concerned=frozenset([EVERYONE]))
    try:
        return _ReviewFile(file, *kept.get(source.text, file))
    except InvalidFileError as error:
        from telemetryd.toml.config import concerned_applications  # noqa: PLC0415 - see the module's docstring

        return _ReviewFile(file, problem=Problem(file, str(error)), concerned=concerned_applications(source.text))


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
        failure = UnfitFileError if isinstance(error, IsADirectoryError) else StorageError
        raise failure(f"{text_of_path(path)}: {error.strerror}") from None

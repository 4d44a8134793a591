"""One machine or image, as far as files tell: its settings, reviews and manifests, read as the daemon there would read them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.translation import mark
from telemetryd.ctl.checks.image import seen_from_inside
from telemetryd.errors import InvalidManifestError, StorageError
from telemetryd.system import directories, endpoint_files, installed
from telemetryd.system.files import listing, text_of_path, within

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.core.definition import Declaration, Definition
    from telemetryd.core.permission.signoffs import InstalledReviews
    from telemetryd.core.settings import Settings
    from telemetryd.core.translation import Words


_SUBJECTS = {
    "configuration": mark("configuration"),
    "manifests": mark("manifests"),
    "reviews": mark("reviews"),
    "stops": mark("stops"),
    "locks": mark("locks"),
    "endpoints": mark("endpoints"),
    "shares": mark("shares"),
    "units": mark("units"),
    "work": mark("work"),
    "register": mark("register"),
}


class Found(NamedTuple):
    """A problem or a note. `check` is the subject, such as `endpoints`. `advice` says what to do; it is "" for a note."""

    check: str
    file: str
    text: str
    advice: str = ""

    def line(self, words: Words) -> str:
        """Everything in one line, in the language of `text` and `advice`."""
        named, said = words.gettext("{name}: {text}"), self.text
        if self.file:
            said = named.format(name=self.file, text=said)
        said = named.format(name=words.gettext(_SUBJECTS[self.check]), text=said)
        return words.gettext("{text}; {next}").format(text=said, next=self.advice) if self.advice else said

    def elsewhere(self, view: str, root: str) -> Found:
        """The same, with paths of a view as paths of the root that it shows."""
        return Found(*(part.replace(view, root) for part in self)) if view != root else self


class Machine(NamedTuple):
    """What is installed below `root`; "" is this machine, with the files of its user and its environment.

    `view` is the directory through which the files were read: see `image`. Their paths begin with it.
    `faulty` has the files of manifests that cannot be read, with the reason. `stray` are files that declare nothing because of their names.
    """

    root: str
    environ: Mapping[str, str]
    settings: Settings
    reviewed: InstalledReviews
    manifests: Mapping[str, Path]
    declarations: Mapping[str, Declaration]
    faulty: Mapping[str, str]
    stray: tuple[str, ...]
    view: str = ""

    def definitions(self) -> list[Definition]:
        """Every question of every manifest."""
        return [definition for declaration in self.declarations.values() for definition in declaration.definitions]

    def path(self, path: str) -> Path:
        """Where a file of this machine really is, links followed as its own programs follow them."""
        return Path(within(self.root, path))

    def real(self, path: Path) -> Path:
        """The same for a path that begins with the root."""
        return Path(within(self.root, str(path).removeprefix(self.root)))


def machine_at(root: str) -> Machine:
    """The machine below a root directory, or this machine for ""."""
    if not root:
        return _read("", "", os.environ)
    with seen_from_inside(root) as view:
        return _read(root, view, environ_of(view))


def _read(root: str, view: str, environ: Mapping[str, str]) -> Machine:
    settings = endpoint_files.with_usable_endpoints(installed.load_settings(environ), root)
    manifests = installed.manifest_files(environ)
    declarations: dict[str, Declaration] = {}
    faulty: dict[str, str] = {}
    for application, path in manifests.items():
        try:
            declarations[application] = installed.load_manifest(path)
        except InvalidManifestError as error:
            faulty[text_of_path(path)] = str(error)
        except StorageError as error:
            faulty[text_of_path(path)] = str(error).removeprefix(f"{text_of_path(path)}: ")
    return Machine(root, environ, settings, installed.load_reviews(environ), manifests, declarations, faulty, _stray(environ), view)


def environ_of(root: str) -> dict[str, str]:
    """An environment that leads to the files below a root directory. Its user is a new user, whose files come from /etc/skel."""
    return {
        "TELEMETRYD_CONFIG_DIRS": f"{root}/etc:{root}/usr/share",
        "TELEMETRYD_DATA_DIRS": f"{root}/etc:{root}/usr/local/share:{root}/usr/share",
        "XDG_CONFIG_HOME": f"{root}/etc/skel/.config",
        "XDG_CONFIG_DIRS": f"{root}/etc/xdg",
    }


def _stray(environ: Mapping[str, str]) -> tuple[str, ...]:
    files = listing(directories.data_directories(environ), installed.MANIFESTS).names
    return tuple(text_of_path(path) for path in files.values() if not installed.can_declare(path))

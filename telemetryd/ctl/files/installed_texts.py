"""The installed definitions, reviews and stops, read as the daemon reads them. Unreadable files are noted and left out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from telemetryd.core import problem_words
from telemetryd.ctl.language import gettext, of_environment
from telemetryd.errors import InvalidManifestError, StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from telemetryd.core.definition import Definition
    from telemetryd.core.permission.signoffs import Reviews


def definitions(application: str) -> Sequence[Definition]:
    """The definitions of the installed manifest, usually those reviewed last; empty if there is none or it is masked."""
    from telemetryd.system.installed import load_manifest, manifest_files  # noqa: PLC0415 - for those who look

    path = manifest_files(os.environ).get(application)
    if path is None:
        return ()
    try:
        return load_manifest(path).definitions
    except (InvalidManifestError, StorageError) as error:
        _note(gettext("the installed manifest {path} cannot be compared: {why}").format(path=path, why=error))
        return ()


def applications() -> list[Mapping[str, Any]]:
    """The installed applications, as `selection.select` takes them. Of a manifest that cannot be read only the id is known."""
    from telemetryd.system.installed import manifest_files  # noqa: PLC0415 - as above

    return [_application(name, path) for name, path in sorted(manifest_files(os.environ).items())]


def _application(name: str, path: Path) -> Mapping[str, Any]:
    from telemetryd.system.installed import load_manifest  # noqa: PLC0415 - as above

    try:
        declaration = load_manifest(path)
    except (InvalidManifestError, StorageError):
        return {"id": name, "name": name}
    return {"id": name, "name": declaration.application.name, "translations": declaration.texts}


def reviews() -> Reviews:
    """All reviews and stops in force, including the user's own stops."""
    from telemetryd.system.installed import load_reviews  # noqa: PLC0415 - for those who look, sign or stop

    installed = load_reviews(os.environ)
    for problem in installed.problems:
        text = problem_words.told(problem, of_environment().words)
        _note(gettext("{path} is left out: {why}").format(path=problem.file, why=text))
    return installed.reviews


def _note(text: str) -> None:
    click.echo(gettext("note: {text}").format(text=text), err=True)

"""What is installed on this machine, read as the daemon reads it: order, masks and stops. What cannot be read is told and left out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from telemetryd.errors import InvalidManifestError, StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.core.definition import Definition
    from telemetryd.core.signoffs import Reviews


def definitions(application: str) -> Sequence[Definition]:
    """What the application's installed manifest asks: what was reviewed last, more often than not. None if it is masked."""
    from telemetryd.system.installed import load_manifest, manifest_files  # noqa: PLC0415 - for those who look

    path = manifest_files(os.environ).get(application)
    if path is None:
        return ()
    try:
        return load_manifest(path).definitions
    except (InvalidManifestError, StorageError) as error:
        _note(f"the installed manifest {path} is not compared with: {error}")
        return ()


def reviews() -> Reviews:
    """All reviews and stops that hold here, the user's own stops included."""
    from telemetryd.system.installed import load_reviews  # noqa: PLC0415 - for those who look, sign or stop

    found = load_reviews(os.environ)
    for one in found.problems:
        _note(f"{one.file} is left out: {one.text}")
    return found.reviews


def _note(text: str) -> None:
    click.echo(f"note: {text}", err=True)

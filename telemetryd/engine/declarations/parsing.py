"""Parses the text of an application's manifest, for decisions and for samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.engine.declarations.sharing import Shared
from telemetryd.errors import InvalidManifestError, named

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetryd.core.definition import Declaration


def parse(text: str, application: str, whose: str = "as the file is named") -> Declaration:
    """The declaration in a text, which has to be that of the application. Raises InvalidManifestError."""
    from telemetryd.toml import manifest  # noqa: PLC0415 - what reads TOML is imported for a text, not at start

    declaration = manifest.parse(text)
    if declaration.application.id != application:
        raise InvalidManifestError(f"[application] id: expected {named(application)}, {whose}")
    return declaration


def shared_parse() -> Callable[[str, str], Declaration]:
    """`parse`, whose results share what is equal in them."""
    shared = Shared()
    return lambda text, application: shared.share_declaration(parse(text, application))

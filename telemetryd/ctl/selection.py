"""Which application a user means: the id, an unambiguous end of the id, or the name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetryd.ctl.failures import Failure, own_failure
from telemetryd.ctl.language import gettext as _
from telemetryd.errors import UnknownApplicationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def select(applications: Sequence[Mapping[str, Any]], text: str) -> Mapping[str, Any]:
    """The application with this id, or the only one with this last part or name, in any language and case.

    Raises `Failure` if there is none or several. Which is meant is never guessed.
    """
    exact = [application for application in applications if application["id"] == text]
    found = exact or [application for application in applications if text.casefold() in _calls(application)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(sorted(str(application["id"]) for application in found))
        raise Failure(_("{text} can mean several applications: {ids}; give the whole id").format(text=text, ids=ids))
    why = _("no manifest of {text} is installed or registered").format(text=repr(text))
    raise own_failure(UnknownApplicationError.bus_name, why, text)


def _calls(application: Mapping[str, Any]) -> Iterator[str]:
    """Everything that the application may be called: the ends of its id, and its names."""
    parts = str(application["id"]).casefold().split(".")
    yield from (".".join(parts[start:]) for start in range(len(parts)))
    yield str(application["name"]).casefold()
    yield from (str(texts["name"]).casefold() for texts in application.get("translations", {}).values() if "name" in texts)

"""Which applications registered a text that their installed manifest overrules. Their developers have to be told."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetryd.core.definition import Declaration

_LOG = logging.getLogger(__name__)

OVERRULED = "the installed manifest holds instead of the registered text"


class OverruledTexts:
    """The applications whose last registered text says something else than their installed manifest. Each is logged once.

    There are no more of them than installed manifests.
    """

    def __init__(self) -> None:
        self._applications: set[str] = set()

    def __contains__(self, application: str) -> bool:
        return application in self._applications

    def note(self, application: str, registered: Declaration, installed: Declaration | None) -> None:
        """Note a registered text of an installed application. `installed` is None if the manifest cannot be read: it holds all the same."""
        if installed and _declared(installed) == _declared(registered):
            self._applications.discard(application)
        elif application not in self._applications:
            self._applications.add(application)
            _LOG.info("%s registered another manifest than its installed one; %s", application, OVERRULED)


def _declared(declaration: Declaration) -> tuple[object, ...]:
    """What both can have: only an installed manifest has translations and names a snap."""
    return declaration.application._replace(snap=""), declaration.sources, [definition[1:] for definition in declaration.definitions]

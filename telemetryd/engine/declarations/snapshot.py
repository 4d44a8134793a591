"""The contents of the installed files at one moment. Policy: C4."""

from __future__ import annotations

from telemetryd.core.permission.signoffs import InstalledReviews, Reviews
from telemetryd.core.problem_words import ProblemCause, problem_of
from telemetryd.core.settings import KillSwitch, Settings
from telemetryd.named_tuple import NamedTuple

_EVERYTHING = "the installed files"


class Snapshot(NamedTuple):
    """The contents of the files at one moment."""

    settings: Settings = Settings()
    reviewed: InstalledReviews = InstalledReviews(Reviews())
    installed: frozenset[str] = frozenset()
    changes: int = 0
    """How often a manifest changed after it was read."""
    told_changes: int = 0
    """How often one did after all of them were read on request. What was read otherwise depends on what was accepted."""

    @property
    def told(self) -> tuple[object, ...]:
        """What everybody may notice a change of."""
        return self.settings, self.reviewed, self.installed, self.told_changes

    @property
    def is_doubtful(self) -> bool:
        """Whether any file could not be read."""
        return bool(self.reviewed.doubtful) or any(switch.what == "unreadable" for switch in self.settings.kill_switches)

    @property
    def with_everything_off(self) -> Snapshot:
        """This snapshot with a kill switch: the present contents of the files are not known."""
        off = KillSwitch("unreadable", _EVERYTHING)
        problem = problem_of(_EVERYTHING, ProblemCause.NOT_CHECKED)
        settings = self.settings
        settings_off = settings._replace(kill_switches=(*settings.kill_switches, off), problems=(*settings.problems, problem))
        return self._replace(settings=settings_off)

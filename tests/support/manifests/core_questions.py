"""A question and its circumstances, for tests of the core."""

from datetime import date

from telemetryd.core.definition import (
    Application,
    Category,
    Combine,
    Definition,
    Detail,
    PeriodKind,
    Question,
    Source,
    SourceType,
    digest_of,
)
from telemetryd.core.permission.gate import ApplicationLevels, Circumstances, Decision, Levels
from telemetryd.core.permission.signoffs import Review, Standing, Stop, StopReason
from telemetryd.core.privacy.sampling_lot import Lot
from telemetryd.core.settings import Endpoint, KillSwitch, Lock, Settings

APPLICATION = Application("org.kde.kate", "Kate", "Editor", "kde", "https://kde.org/privacy")
STARTUP = Source("startup", SourceType.NUMBER, "Start", Combine.MEDIAN, "ms", edges=(500, 2000))
PLATFORM = Source("platform", SourceType.CHOICE, "Window system", Combine.LAST, values=("wayland", "x11"))
CRASHED = Source("crashed", SourceType.FLAG, "Crash", Combine.ANY)
MEMORY = Source("org.telemetryd.system/memory", SourceType.NUMBER, "Memory", Combine.LAST, "GiB", edges=(4, 16))
QUESTION = Question(
    id="startup",
    purpose="Is it slow?",
    decision="Whether it is mended",
    category=Category.USAGE,
    detail=Detail.BASIC,
    sources=("startup",),
    coarser=(),
    period=PeriodKind.WEEK,
    starts=date(2026, 11, 2),
    ends=date(2027, 6, 27),
    share=1.0,
    epsilon=2.0,
)
ENDPOINT = Endpoint("kde", "KDE", "https://telemetry.kde.org/v1")


def asking(*fields, application=APPLICATION, **change):
    """A question over these fields, by default a start-up time; other keys are changed as in `_replace`."""
    fields = fields or (STARTUP,)
    question = QUESTION._replace(sources=tuple(field.id for field in fields), **change)
    return Definition(application, question, fields, digest_of(application, question, fields))


def define(*fields, category="usage", detail=1, purpose="Why?", starts=date(2026, 11, 23), ends=date(2026, 12, 6), period="week"):
    """A question for two weeks, of which `permitted` draws the first; other arguments make another definition of it."""
    words = {"id": "startup-time", "purpose": purpose, "category": Category(category), "detail": Detail(detail)}
    return asking(*fields, **words, period=PeriodKind(period), starts=starts, ends=ends)


def review_of(definition, day=date(2026, 11, 1)):
    """A review that admits exactly this definition."""
    return Review(*definition.key, definition.digest, ("Ada", "Bo"), "https://example.org/42", day)


def stop_of(definition, reason="suspended"):
    """A stop of the question."""
    return Stop(*definition.key, StopReason(reason), date(2026, 11, 20), "stops.toml")


def permitted(definition, *, at=0, **others):
    """Circumstances without obstacles for the definition, accepted at `at`; `others` replace some of them."""
    opened = Circumstances(
        Settings(endpoints=(ENDPOINT,)),
        Levels(2, 2),
        ApplicationLevels(),
        Decision(accepted={definition.digest: at}),
        Standing(review_of(definition)),
        lot=Lot(0, 0, 0),
    )
    return opened._replace(**others)


def switched(*whats):
    """Settings with these kill switches on."""
    return Settings(kill_switches=tuple(KillSwitch(kind, f"{kind}.toml") for kind in whats), endpoints=(ENDPOINT,))


def locked(setting, limit):
    """Settings with a lock."""
    return Settings(locks=(Lock(setting, limit, "fleet.toml"),), endpoints=(ENDPOINT,))

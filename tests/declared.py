"""A question as the core knows it, and everything around it that can shut it: for tests of the core, the gate and a question's life."""

from datetime import date

from telemetryd.core.definition import (
    Application,
    Category,
    Combine,
    Definition,
    Detail,
    Draw,
    PeriodKind,
    Question,
    Source,
    SourceType,
    digest_of,
)
from telemetryd.core.gate import ApplicationLevels, Circumstances, Decision, Levels
from telemetryd.core.sampling_lot import Lot
from telemetryd.core.settings import Endpoint, KillSwitch, Lock, Settings
from telemetryd.core.signoffs import Review, Standing, Stop, StopReason

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
    draw=Draw.UNIFORM,
    share=1.0,
    epsilon=2.0,
)
ENDPOINT = Endpoint("kde", "KDE", "https://telemetry.kde.org/v1")


def asking(*fields, application=APPLICATION, **change):
    """The question above over these fields (a start-up time by default), with other keys changed as in its `_replace`."""
    fields = fields or (STARTUP,)
    question = QUESTION._replace(sources=tuple(field.id for field in fields), **change)
    return Definition(application, question, fields, digest_of(application, question, fields))


def define(*fields, category="usage", detail=1, purpose="Why?", starts=date(2026, 11, 2), ends=date(2026, 12, 6), period="week"):
    """A question that is asked in the first period, for five weeks; other arguments make another definition of it."""
    words = {"id": "startup-time", "purpose": purpose, "category": Category(category), "detail": Detail(detail)}
    return asking(*fields, **words, period=PeriodKind(period), starts=starts, ends=ends, draw=Draw.FIRST)


def review_of(definition, day=date(2026, 11, 1)):
    """A review that admits exactly this definition."""
    return Review(*definition.key, definition.digest, ("Ada", "Bo"), "https://example.org/42", day)


def stop_of(definition, reason="suspended"):
    """A stop of the question."""
    return Stop(*definition.key, StopReason(reason), date(2026, 11, 20), "stops.toml")


def permitted(definition, *, at=0, **others):
    """Circumstances in which nothing shuts the definition, accepted at `at`; `others` replace some of them."""
    opened = Circumstances(
        Settings(endpoints=(ENDPOINT,)),
        Levels(2, 2),
        ApplicationLevels(),
        Decision(accepted={definition.digest: at}),
        Standing(review_of(definition)),
        lot=Lot(0, 0),
    )
    return opened._replace(**others)


def switched(*whats):
    """Settings with these kill switches on."""
    return Settings(kill_switches=tuple(KillSwitch(what, f"{what}.toml") for what in whats), endpoints=(ENDPOINT,))


def locked(what, limit):
    """Settings with a lock."""
    return Settings(locks=(Lock(what, limit, "fleet.toml"),), endpoints=(ENDPOINT,))

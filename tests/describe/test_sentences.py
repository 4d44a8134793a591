from datetime import date

import pytest
from declared import APPLICATION, CRASHED, MEMORY, PLATFORM, STARTUP, asking

from telemetryd.core.definition import Category, Combine, Detail, Draw, Kind, PeriodKind, Source, SourceType
from telemetryd.describe.sentences import tell

DAY = date(2026, 11, 2)
SAVES = Source("saves", SourceType.COUNT, "Files saved", Combine.SUM, edges=(1, 10))


def test_every_question_that_a_user_has_is_answered():
    """What, why, what for, when, how often, how coarse, until when, to whom, under which consent and how protected: each in sentences."""
    told = tell(asking(STARTUP, PLATFORM))
    assert told._asdict() | {"sources": ()} == {
        "who": "Kate (org.kde.kate) asks.",
        "question": "startup",
        "why": "Is it slow?",
        "outcome": "Whether it is mended",
        "sources": (),
        "together": "These 2 values go together, as one answer. There are 10 possible answers, “none” included.",
        "when": "In one week (UTC), drawn by chance from 34 weeks.",
        "often": "Once: whoever has answered is never asked this again. Without a value in the period the answer is “none”.",
        "part": "Everybody who accepts takes part.",
        "until": "Nothing is collected before 2026-11-02 or after 2027-06-27.",
        "whom": "To the vendor “kde” and nobody else, at the address that the system's configuration has for it.",
        "contact": "https://kde.org/privacy",
        "needs": "Only where “Usage” is turned on, at least at basic.",
        "protection": (
            "Chance may change the answer before it leaves: the true one is sent with 45 %, each other one with 6 %, so that "
            "anybody can deny what was sent. A guess about the user becomes at most 8 times as likely by it (ε = 2)."
        ),
    }
    startup, platform = told.sources
    assert startup[:5] == (
        *("startup", "Start", "Measured by the application."),
        "Of all values in the period, the middle one (the median) counts.",
        "Of it only one of 3 ranges is kept, never the value itself.",
    )
    assert startup.bins == (("less than 500 ms", "<500"), ("500 to less than 2000 ms", "500..2000"), ("2000 ms or more", ">=2000"))
    assert platform.coarse == "Of it only one of 3 choices is kept."
    assert platform.bins == (("wayland", "wayland"), ("x11", "x11"), ("anything else", "other"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"draw": Draw.FIRST, "period": PeriodKind.DAY}, "On one day (UTC): the first whole one after the question is accepted."),
        ({"draw": Draw.FIRST}, "In one week (UTC): the first whole one after the question is accepted."),
        ({"draw": Draw.FIRST, "period": PeriodKind.MONTH}, "In one month (UTC): the first whole one after the question is accepted."),
        ({"period": PeriodKind.DAY}, "On one day (UTC), drawn by chance from 238 days."),
        ({"period": PeriodKind.MONTH}, "In one month (UTC), drawn by chance from 6 months."),
        ({"period": PeriodKind.DAY, "ends": DAY}, "On the one day (UTC) of its time."),
        ({"ends": date(2026, 11, 8)}, "In the one week (UTC) of its time."),
        ({"period": PeriodKind.MONTH, "ends": date(2026, 12, 31)}, "In the one month (UTC) of its time."),
    ],
)
def test_when(change, said):
    """The period is told with its length, how it is found, and from how many it is drawn."""
    assert tell(asking(**change)).when == said


@pytest.mark.parametrize(
    ("fields", "change", "said"),
    [
        ((CRASHED,), {}, "Only where “Usage” is turned on, at least at basic."),
        ((MEMORY,), {"category": Category.SYSTEM}, "Only where “System” is turned on, at least at basic."),
        ((CRASHED, MEMORY), {"detail": Detail.DETAILED}, "Only where “Usage” and “System” are turned on, both at least at detailed."),
    ],
)
def test_needs(fields, change, said):
    """The levels that are needed are told, System too where telemetryd itself reads something."""
    assert tell(asking(*fields, **change)).needs == said


def test_sources_of_each_kind():
    """A flag is yes or no, a count has no unit, a system fact is read by telemetryd, and what is asked coarser is said to be."""
    told = tell(asking(CRASHED, SAVES, MEMORY, coarser=((MEMORY.id, (4, 16)),)))
    crashed, saves, memory = told.sources
    assert [one.text for one in crashed.bins] == ["no", "yes"]
    assert (crashed.how, crashed.coarse) == ("It counts as yes if it was ever so in the period.", "Only yes or no is kept.")
    assert [one.text for one in saves.bins] == ["less than 1", "1 to less than 10", "10 or more"]
    assert (memory.whence, memory.how) == ("Read by telemetryd itself, once in the period.", "")
    assert memory.coarse.endswith("That is coarser than it is declared for other questions.")
    assert memory.bins[-1] == ("16 GiB or more", ">=16")


def test_shared_manifests_and_shares():
    """That many applications push into a question is told, and that only some of those who accept take part."""
    told = tell(asking(application=APPLICATION._replace(kind=Kind.SHARED), share=0.25))
    assert told.who == "Kate (org.kde.kate) asks, on behalf of many applications; nothing tells which of them a value came from."
    assert told.part.startswith("A share of 0.25 of those who accept takes part")


def test_texts_of_the_manifest():
    """What the manifest has in the language is taken, for the name, the purpose, the decision and the descriptions of its own sources."""
    texts = {
        "name": "Käte",
        "question/startup/purpose": "Langsam?",
        "question/startup/decision": "Was wird",
        "source/startup/description": "Startzeit",
        f"source/{MEMORY.id}/description": "never",
    }
    told = tell(asking(STARTUP, MEMORY), texts=texts)
    assert told.who == "Käte (org.kde.kate) asks."
    assert (told.why, told.outcome) == ("Langsam?", "Was wird")
    assert [one.what for one in told.sources] == ["Startzeit", "Memory"]

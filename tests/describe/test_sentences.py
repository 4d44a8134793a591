from datetime import date

import pytest
from support.manifests.core_questions import APPLICATION, CRASHED, MEMORY, PLATFORM, STARTUP, asking

from telemetryd.core.definition import Category, Combine, Detail, ManifestKind, PeriodKind, Source, SourceType
from telemetryd.describe.sentences import describe

DAY = date(2026, 11, 2)
SAVES = Source("saves", SourceType.COUNT, "Files saved", Combine.SUM, edges=(1, 10))


def test_every_question_that_a_user_has_is_answered():
    """What, why, what for, when, how often, how coarse, until when, to whom, under which consent and how protected: each in sentences."""
    description = describe(asking(STARTUP, PLATFORM))
    assert description._asdict() | {"sources": ()} == {
        "who": "Kate (org.kde.kate) asks.",
        "question": "startup",
        "why": "Is it slow?",
        "outcome": "Whether it is mended",
        "sources": (),
        "together": "These 2 values go together, as one answer. There are 10 possible answers, “none” included.",
        "when": "Measured during one of 34 weeks (UTC), drawn by chance; you see which one as soon as you accept.",
        "often": "Once: a question that was answered is never asked again. If nothing was measured, the answer is “none”.",
        "part": "Everybody who accepts takes part.",
        "until": "Nothing is collected before 2026-11-02 or after 2027-06-27.",
        "whom": "To the vendor “kde” and nobody else, at the address that the system's configuration has for it.",
        "contact": "https://kde.org/privacy",
        "needs": "Needs your “Usage” setting at “basic” or higher.",
        "protection": (
            "Chance may replace the answer before it is sent. Of 100 people who answer as you do, 45 send that answer and "
            "55 a different answer. Seeing your report can change anyone's odds about you by a factor of 7.4 at most (ε = 2)."
        ),
    }
    assert describe(asking(STARTUP)).together.startswith("There are ")
    startup, platform = description.sources
    assert startup[:5] == (
        *("startup", "Start", "Measured by the application."),
        "Of all values in the period, the middle one (the median) counts.",
        "Only which of these 3 ranges it falls into is kept, never the value.",
    )
    assert startup.bins == (
        ("less than 500\u00a0ms", "<500"),
        ("500 to less than 2000\u00a0ms", "500..2000"),
        ("2000\u00a0ms or more", ">=2000"),
    )
    assert platform.coarse == "Only which of these 3 choices applies is kept."
    assert platform.bins == (("wayland", "wayland"), ("x11", "x11"), ("anything else", "other"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"period": PeriodKind.DAY}, "Measured during one of 238 days (UTC), drawn by chance; you see which one as soon as you accept."),
        ({"period": PeriodKind.MONTH}, "Measured during one of 6 months (UTC), drawn by chance; you see which one as soon as you accept."),
        ({"period": PeriodKind.DAY, "ends": DAY}, "Measured during the only day (UTC) of this question."),
        ({"ends": date(2026, 11, 8)}, "Measured during the only full week (UTC) of this question."),
        ({"period": PeriodKind.MONTH, "ends": date(2026, 12, 31)}, "Measured during the only full month (UTC) of this question."),
    ],
)
def test_when(change, sentence):
    """The period is told with its length, how it is found, and from how many it is drawn."""
    assert describe(asking(**change)).when == sentence


@pytest.mark.parametrize(
    ("fields", "change", "sentence"),
    [
        ((CRASHED,), {}, "Needs your “Usage” setting at “basic” or higher."),
        ((MEMORY,), {"category": Category.SYSTEM}, "Needs your “System” setting at “basic” or higher."),
        ((CRASHED, MEMORY), {"detail": Detail.DETAILED}, "Needs your “Usage” and “System” settings, both at “detailed” or higher."),
    ],
)
def test_needs(fields, change, sentence):
    """The levels that are needed are told, System too where telemetryd itself reads something."""
    assert describe(asking(*fields, **change)).needs == sentence


def test_sources_of_each_kind():
    """A flag is yes or no, a count has no unit, a system fact is read by telemetryd, and what is asked coarser is said to be."""
    description = describe(asking(CRASHED, SAVES, MEMORY, coarser=((MEMORY.id, (4, 16)),)))
    crashed, saves, memory = description.sources
    assert [answer.text for answer in crashed.bins] == ["no", "yes"]
    assert (crashed.how, crashed.coarse) == ("It counts as yes if it was ever so in the period.", "Only yes or no is kept.")
    assert [answer.text for answer in saves.bins] == ["0", "1 to 9", "10 or more"]
    assert (memory.whence, memory.how) == ("Read by telemetryd itself, once in the period.", "")
    assert memory.coarse.endswith("That is coarser than it is declared for other questions.")
    assert memory.bins[-1] == ("16\u00a0GiB or more", ">=16")


@pytest.mark.parametrize(
    ("edges", "texts"),
    [
        ((1, 10), ["0\u00a0times", "1 to 9\u00a0times", "10\u00a0times or more"]),
        ((1,), ["0\u00a0times", "more than 0\u00a0times"]),
        ((1, 2, 3), ["0\u00a0times", "1", "2\u00a0times", "3\u00a0times or more"]),
        ((5, 6), ["less than 5\u00a0times", "5\u00a0times", "6\u00a0times or more"]),
    ],
)
def test_counts(edges, texts):
    """A count is told in whole numbers, and no unit in the plural stands beside 1."""
    (source,) = describe(asking(SAVES._replace(edges=edges, unit="times"))).sources
    assert [answer.text for answer in source.bins] == texts


@pytest.mark.parametrize(
    ("edges", "unit", "texts"),
    [
        ((1, 4), "hours", ["less than an hour", "1 to less than 4\u00a0hours", "4\u00a0hours or more"]),
        ((0.5, 1), "days", ["less than 0.5\u00a0days", "0.5 to less than 1\u00a0days", "a day or more"]),
        ((1, 5), "documents", ["less than 1", "1 to less than 5\u00a0documents", "5\u00a0documents or more"]),
        ((1,), "ms", ["less than 1\u00a0ms", "1\u00a0ms or more"]),
        ((1,), "", ["less than 1", "1 or more"]),
    ],
)
def test_ranges_beside_one(edges, unit, texts):
    """A unit that is a word stands in the plural, so it does not stand beside 1; units of time have words of their own."""
    (source,) = describe(asking(STARTUP._replace(edges=edges, unit=unit))).sources
    assert [answer.text for answer in source.bins] == texts


def test_shared_manifests_and_shares():
    """That many applications push into a question is told, and that only some of those who accept take part."""
    description = describe(asking(application=APPLICATION._replace(kind=ManifestKind.SHARED), share=0.25))
    assert description.who == "Kate (org.kde.kate) asks, on behalf of many applications; nothing tells which of them a value came from."
    assert description.part.startswith("A share of 0.25 of those who accept takes part")


def test_texts_of_the_manifest():
    """What the manifest has in the language is taken, for the name, the purpose, the decision and the descriptions of its own sources."""
    texts = {
        "name": "Käte",
        "question/startup/purpose": "Langsam?",
        "question/startup/decision": "Was wird",
        "source/startup/description": "Startzeit",
        f"source/{MEMORY.id}/description": "never",
    }
    description = describe(asking(STARTUP, MEMORY), texts=texts)
    assert description.who == "Käte (org.kde.kate) asks."
    assert (description.why, description.outcome) == ("Langsam?", "Was wird")
    assert [source.what for source in description.sources] == ["Startzeit", "Memory"]

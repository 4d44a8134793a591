from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.manifests.core_questions import APPLICATION, CRASHED, PLATFORM, QUESTION
from support.manifests.core_questions import STARTUP as BARE
from support.manifests.manifest_texts import KATE_2026

from telemetryd.core.definition import (
    Application,
    Category,
    Combine,
    Definition,
    Detail,
    ManifestKind,
    PeriodKind,
    Source,
    SourceType,
    digest_of,
)
from telemetryd.core.system_facts import SOURCES
from telemetryd.describe.difference import changes, compare, fields, moved_dates
from telemetryd.toml.manifest import parse

STARTUP = BARE._replace(description="Time to the first window")
FALLBACK = "The definition changed in a way that no sentence here can tell: please read it as a new definition."


def definition(application=APPLICATION, question=QUESTION, sources=(STARTUP, PLATFORM)):
    """A definition with its digest; the question's sources are the given ones."""
    question = question._replace(sources=tuple(source.id for source in sources))
    return Definition(application, question, sources, digest_of(application, question, sources))


OLD = definition()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"id": "org.kde.kwrite"}, "Another application asks: org.kde.kwrite instead of org.kde.kate."),
        ({"name": "Käte"}, "The application is now called “Käte” instead of “Kate”."),
        ({"vendor": "gnome"}, "The answer now goes to the vendor gnome instead of kde."),
        ({"contact": "mailto:a@b.org"}, "The contact for concerns is now mailto:a@b.org instead of https://kde.org/privacy."),
        ({"kind": ManifestKind.SHARED}, "The declaration is now of the kind shared instead of application."),
    ],
)
def test_application(change, sentence):
    """Each change of who asks has its sentence."""
    assert changes(OLD, definition(APPLICATION._replace(**change))) == [sentence]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"id": "start"}, "Another question is asked: start instead of startup."),
        ({"id": "zoom"}, "Another question is asked: zoom instead of startup."),
        ({"purpose": "Is it fast?"}, "The purpose is now “Is it fast?” instead of “Is it slow?”."),
        ({"decision": "Whether to wait"}, "What the answer decides is now “Whether to wait” instead of “Whether it is mended”."),
        ({"category": Category.SYSTEM}, "It now falls under the consent for system data instead of usage data."),
        ({"detail": Detail.DETAILED}, "It now needs the level detailed instead of basic."),
        ({"period": PeriodKind.MONTH}, "One answer now covers a month instead of a week."),
        ({"starts": date(2026, 11, 1)}, "It now starts earlier: on 2026-11-01 instead of 2026-11-02."),
        ({"starts": date(2026, 11, 9)}, "It now starts later: on 2026-11-09 instead of 2026-11-02."),
        ({"ends": date(2027, 7, 4)}, "It now ends later: on 2027-07-04 instead of 2027-06-27."),
        ({"ends": date(2027, 6, 20)}, "It now ends earlier: on 2027-06-20 instead of 2027-06-27."),
        ({"share": 0.5}, "The share of users who take part is now 0.5 instead of 1 (fewer users)."),
        ({"epsilon": 2.1}, "The answer's protection is now weaker: epsilon 2.1 instead of 2."),
        ({"epsilon": 1.0}, "The answer's protection is now stronger: epsilon 1 instead of 2."),
        ({"coarser": (("startup", (500, 2000)),)}, "`startup` is now declared with only some of its source's bins."),
    ],
)
def test_question(change, sentence):
    """Each change of what is asked, for how long and how protected has its sentence."""
    assert changes(OLD, definition(question=QUESTION._replace(**change))) == [sentence]


@pytest.mark.parametrize(
    ("change", "direction", "part"),
    [
        ({"purpose": "Is it fast?"}, "other", "purpose"),
        ({"detail": Detail.DETAILED}, "narrower", "detail"),
        ({"starts": date(2026, 11, 1)}, "wider", "starts"),
        ({"starts": date(2026, 11, 9)}, "narrower", "starts"),
        ({"ends": date(2027, 7, 4)}, "wider", "ends"),
        ({"share": 0.5}, "narrower", "share"),
        ({"epsilon": 2.1}, "wider", "epsilon"),
    ],
)
def test_direction(change, direction, part):
    """A change says which way it goes for the user: wider (more is learnt), narrower or other. The change back goes the other way."""
    new = definition(question=QUESTION._replace(**change))
    ((there, *_),), ((back, *_),) = ([each[:2] for each in compare(*pair)] for pair in ((OLD, new), (new, OLD)))
    assert (there, back) == (direction, {"wider": "narrower", "narrower": "wider", "other": "other"}[direction])
    assert {each.part for each in (*compare(OLD, new), *compare(new, OLD))} == {part}


@pytest.mark.parametrize(
    ("sources", "directions"),
    [
        ((STARTUP._replace(edges=(500, 1000, 2000)), PLATFORM), ["wider"]),
        ((STARTUP._replace(edges=(500,)), PLATFORM), ["narrower"]),
        ((STARTUP._replace(edges=(500, 2001)), PLATFORM), ["other"]),
        ((STARTUP,), ["narrower"]),
        ((STARTUP, PLATFORM, CRASHED), ["wider"]),
        ((PLATFORM, STARTUP), ["other"]),
    ],
)
def test_direction_of_sources(sources, directions):
    """Finer bins and more sources are wider; coarser bins and fewer sources narrower; what is neither, is something else."""
    assert [change.direction for change in compare(OLD, definition(sources=sources))] == directions


@pytest.mark.parametrize("key", ["name", "vendor", "contact", "purpose", "decision"])
@pytest.mark.parametrize("text", ["A", "zzz"])
def test_texts_change_in_both_directions(key, text):
    """A text that changes has one sentence, whether the new one sorts before the old one or behind it."""
    is_asked = key in QUESTION._fields
    new = definition(question=QUESTION._replace(**{key: text})) if is_asked else definition(APPLICATION._replace(**{key: text}))
    assert [[change.part for change in compare(*pair)] for pair in ((OLD, new), (new, OLD))] == [[key], [key]]


@pytest.mark.parametrize(
    ("part", "new"),
    [
        ("category", definition(question=QUESTION._replace(category=Category.SYSTEM))),
        ("period", definition(question=QUESTION._replace(period=PeriodKind.MONTH))),
        ("kind", definition(APPLICATION._replace(kind=ManifestKind.SHARED))),
        *[("combine", definition(sources=(STARTUP._replace(combine=combine), PLATFORM))) for combine in (Combine.MAX, Combine.LAST)],
        ("unit", definition(sources=(STARTUP._replace(unit="zm"), PLATFORM))),
        *[("description", definition(sources=(STARTUP._replace(description=text), PLATFORM))) for text in ("A", "zzz")],
    ],
)
def test_words_change_in_both_directions(part, new):
    """A word out of a few that changes has one sentence, whichever of the two is the new one."""
    assert [[change.part for change in compare(*pair)] for pair in ((OLD, new), (new, OLD))] == [[part], [part]]


def test_two_texts_that_are_read_separately():
    """Equal values of two texts are no change, although nothing of one text is an object of the other."""
    texts = KATE_2026, KATE_2026.replace("too slow", "slower")
    assert changes(*(parse(text).definitions[0] for text in texts)) == [
        "The purpose is now “Is start-up slower?” instead of “Is start-up too slow?”."
    ]


def test_the_other_direction():
    """More users, and bins that are no longer coarsened, are told too."""
    few = definition(question=QUESTION._replace(share=0.5))
    assert changes(few, OLD) == ["The share of users who take part is now 1 instead of 0.5 (more users)."]
    coarser = definition(question=QUESTION._replace(coarser=(("startup", (500, 2000)),)))
    assert changes(coarser, OLD) == ["`startup` is now declared with all of its source's bins."]


@pytest.mark.parametrize(
    ("sources", "sentences"),
    [
        (
            (STARTUP._replace(edges=(500, 1000, 2000)), PLATFORM),
            ["`startup` is now kept in 4 bins instead of 3: the edge 1000\u00a0ms is new (finer)."],
        ),
        (
            (STARTUP._replace(edges=(500, 1000, 2000, 4000.5)), PLATFORM),
            ["`startup` is now kept in 5 bins instead of 3: the edges 1000, 4000.5\u00a0ms are new (finer)."],
        ),
        (
            (STARTUP._replace(edges=(500,)), PLATFORM),
            ["`startup` is now kept in 2 bins instead of 3: the edge 2000\u00a0ms is gone (coarser)."],
        ),
        (
            (STARTUP._replace(edges=(500, 2001)), PLATFORM),
            [
                (
                    "`startup` is now kept in 3 bins as before, but others: "
                    "the edge 2001\u00a0ms is new and the edge 2000\u00a0ms is gone (other bins)."
                )
            ],
        ),
        (
            (STARTUP, PLATFORM._replace(values=("mir", "wayland", "x11"))),
            ["`platform` is now kept in 4 values (other included) instead of 3: the value mir is new (finer)."],
        ),
        (
            (STARTUP, PLATFORM._replace(values=("mir", "x11"))),
            [
                (
                    "`platform` is now kept in 3 values (other included) as before, but others: "
                    "the value mir is new and the value wayland is gone (other bins)."
                )
            ],
        ),
        ((STARTUP._replace(unit=""), PLATFORM), ["`startup` is now in no unit instead of ms."]),
        ((STARTUP, PLATFORM._replace(unit="px")), ["`platform` is now in px instead of no unit."]),
        (
            (STARTUP._replace(unit="", edges=(500,)), PLATFORM),
            [
                "`startup` is now in no unit instead of ms.",
                "`startup` is now kept in 2 bins instead of 3: the edge 2000 is gone (coarser).",
            ],
        ),
        (
            (STARTUP._replace(combine=Combine.MAX), PLATFORM),
            ["What is kept of `startup` is now the highest value of the period instead of the median of the period."],
        ),
        (
            (STARTUP._replace(description="Start-up"), PLATFORM),
            ["`startup` is now described as “Start-up” instead of “Time to the first window”."],
        ),
        (
            (STARTUP._replace(type=SourceType.FLAG, edges=()), PLATFORM),
            [
                (
                    "`startup` is now a flag instead of a number: Time to the first window, "
                    "as one of: false, true\u00a0ms (the median of the period)."
                )
            ],
        ),
        ((STARTUP,), ["`platform` is no longer asked for."]),
        (
            (STARTUP, PLATFORM, CRASHED),
            ["`crashed` is new: Crash, as one of: false, true (whether it was ever true in the period)."],
        ),
        ((PLATFORM, STARTUP), ["The sources are now asked for in another order: `platform`, `startup`."]),
    ],
)
def test_sources(sources, sentences):
    """Each change of what is kept has its sentence, which says whether it is finer or coarser."""
    assert changes(OLD, definition(sources=sources)) == sentences


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ({}, {}),
        ({"starts": date(2026, 11, 9)}, {"starts": "2026-11-02"}),
        ({"ends": date(2027, 6, 20), "period": PeriodKind.MONTH}, {"ends": "2027-06-27", "period": "week"}),
        ({"purpose": "Is it fast?"}, {}),
        ({"id": "start", "starts": date(2026, 11, 9)}, {}),
    ],
)
def test_moved_dates(change, moved):
    """Of two definitions of one question the dates that differ are told, with those from before; of two questions none. Policy: M4."""
    told = moved_dates(OLD, definition(question=QUESTION._replace(**change)))
    assert {key: text.partition(", ")[0] for key, text in told.items()} == {key: f"expected {before}" for key, before in moved.items()}


def test_equal_and_unknown():
    """Equal digests have no sentence; different ones always have one, even where nothing that is known here differs."""
    assert changes(OLD, OLD) == []
    assert changes(OLD, definition(APPLICATION._replace(summary="Other"), QUESTION._replace(expected_users=3))) == []
    assert changes(OLD._replace(digest="sha256:" + "0" * 64), OLD) == [FALLBACK]


TEXTS = st.sampled_from(["a", "b", "c"])
EDGES = st.lists(st.sampled_from([1, 2.5, 3, 7]), min_size=1, unique=True).map(lambda edges: tuple(sorted(edges)))
VALUES = st.lists(TEXTS, min_size=1, unique=True).map(tuple)
KINDS = st.sampled_from(SourceType).flatmap(
    lambda kind: st.tuples(
        st.just(kind),
        EDGES if kind in {SourceType.NUMBER, SourceType.COUNT} else st.just(()),
        VALUES if kind is SourceType.CHOICE else st.just(()),
    )
)
SOURCES_DRAWN = st.builds(
    lambda name, kind, description, combine, unit: Source(name, kind[0], description, combine, unit, kind[1], kind[2]),
    TEXTS,
    KINDS,
    TEXTS,
    st.sampled_from(Combine),
    TEXTS,
)
APPLICATIONS = st.builds(Application, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, st.sampled_from(ManifestKind))
DATES = st.dates(date(2026, 11, 1), date(2026, 11, 4))


@st.composite
def definitions(draw):
    """Definitions whose parts are drawn from a few, so that two of them often have some in common."""
    sources = tuple(draw(st.lists(SOURCES_DRAWN, min_size=1, max_size=3, unique_by=lambda source: source.id)))
    coarse = draw(st.sets(st.sampled_from(sources)))
    coarser = tuple((source.id, source.edges or source.values) for source in sources if source in coarse and source.type != SourceType.FLAG)
    question = QUESTION._replace(
        id=draw(TEXTS),
        purpose=draw(TEXTS),
        decision=draw(TEXTS),
        category=draw(st.sampled_from(Category)),
        detail=draw(st.sampled_from(Detail)),
        coarser=coarser,
        period=draw(st.sampled_from(PeriodKind)),
        starts=draw(DATES),
        ends=draw(DATES),
        share=draw(st.sampled_from([0.5, 1.0])),
        epsilon=draw(st.sampled_from([1.0, 2.0])),
    )
    return definition(draw(APPLICATIONS), question, sources)


@st.composite
def neighbours(draw):
    """Two definitions that differ in one of application, question or sources, or in all."""
    old, new = draw(definitions()), draw(definitions())
    which = draw(st.sampled_from(["application", "question", "fields", "all"]))
    if which == "all":
        return old, new
    parts = old._replace(**{which: getattr(new, which)})
    question = parts.question
    if which == "question":
        question = question._replace(coarser=old.question.coarser)
    if which == "fields":
        question = question._replace(coarser=new.question.coarser)
    return old, definition(parts.application, question, parts.fields)


@given(neighbours())
def test_complete(pair):
    """No difference that consent depends on is without its own sentence, whatever differs, and equal definitions have none."""
    old, new = pair
    sentences = changes(old, new)
    assert bool(sentences) == (old.digest != new.digest)
    assert FALLBACK not in sentences
    assert len(set(sentences)) == len(sentences)


def test_fields():
    """A field in plain words says what is measured, the bins that are all that is kept, and how a period becomes one."""
    count = Source("saves", SourceType.COUNT, "Files saved", Combine.SUM, edges=(1, 10))
    assert fields(definition(sources=(STARTUP, PLATFORM, count, SOURCES["memory"]))) == [
        "Time to the first window, as one of: <500, 500..2000, >=2000\u00a0ms (the median of the period)",
        "Window system, as one of: wayland, x11, other (the last value of the period)",
        "Files saved, as one of: <1, 1..10, >=10 (the sum over the period)",
        "Memory that is installed in this machine, as one of: <2, 2..4, 4..8, 8..16, 16..32, >=32\u00a0GiB (read by telemetryd itself)",
    ]

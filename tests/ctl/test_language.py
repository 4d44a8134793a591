"""The program's words in other languages."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from support.manifests.core_questions import APPLICATION, CRASHED, MEMORY, PLATFORM, STARTUP, asking

from telemetryd.core.definition import Category, Combine, Detail, ManifestKind, PeriodKind, SourceType
from telemetryd.core.privacy.admissibility import figures, sentences
from telemetryd.core.system_facts import SOURCES
from telemetryd.ctl import language
from telemetryd.describe.difference import changes
from telemetryd.describe.sentences import describe

ROOT = Path(__file__).parents[2]
NUMBERS = [0, 1, 2, 5, 11, 21, 100]


LANGUAGES = ["ar", "de", "ja"]


def test_languages():
    """The options of the commands offer Arabic, German and Japanese beside English."""
    assert language.available_languages() == ["ar", "de", "en", "ja"]


@pytest.mark.parametrize(
    ("name", "one", "several"),
    [("de", "{number} Woche", "{number} Wochen"), ("ja", "{number}\u00a0週", "{number}\u00a0週")],
)
def test_plural_forms(name, one, several):
    """Each number gets the form of its language: two in German, one in Japanese."""
    words = language.of((name,)).words
    for number in NUMBERS:
        assert words.ngettext("{number} week", "{number} weeks", number) == (one if number == 1 else several)


def test_an_only_period_is_not_drawn():
    """Where a question has one week only, no language says that it is drawn from one week, one without a plural neither."""
    texts = {name: describe(asking(ends=date(2026, 11, 8)), language.of((name,)).words).when for name in LANGUAGES}
    assert "唯一の一週間" in texts["ja"]
    assert texts["de"] == "Gemessen wird in der einzigen vollen Woche (UTC) dieser Frage."
    assert not [name for name, text in texts.items() if "1" in text]


@pytest.mark.parametrize(
    ("environ", "codes"),
    [
        ({}, ()),
        ({"LANG": "C.UTF-8"}, ()),
        ({"LANG": "en_GB.UTF-8"}, ()),
        ({"LANG": "de_AT.UTF-8"}, ("de_AT", "de")),
        ({"LANG": "de_AT.UTF-8@euro"}, ("de_AT@euro", "de_AT", "de@euro", "de")),
        ({"LANG": "de_DE", "LC_MESSAGES": "ja_JP.UTF-8"}, ("ja_JP", "ja")),
        ({"LANG": "de_DE", "LC_MESSAGES": "ja_JP", "LC_ALL": "C"}, ()),
        ({"LANG": "de_DE", "LC_ALL": ""}, ("de_DE", "de")),
        ({"LANG": "de_DE", "LANGUAGE": "fr:ja"}, ("fr", "ja", "de_DE", "de")),
        ({"LANG": "de_DE", "LANGUAGE": "en:ja"}, ()),
        ({"LANG": "C", "LANGUAGE": "ja"}, ()),
        ({"LANGUAGE": "ja"}, ()),
        ({"LANG": "POSIX", "LANGUAGE": "ja"}, ()),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "de:en_US"}, ("de",)),
        ({"LANG": "C.UTF-8", "LANGUAGE": ":de"}, ("de",)),
        ({"LANG": "../../etc"}, ()),
    ],
)
def test_environment(environ, codes):
    """The language of messages, as gettext finds it: LANGUAGE, which Plasma writes, before LC_ALL, LC_MESSAGES, LANG; none for C."""
    assert language.of_environment(environ).codes == codes


def test_texts_in_the_preferred_language():
    """Of a manifest's texts each is taken in the most preferred language that has it."""
    texts = language.of(("de_AT", "ja")).texts({"ja": {"name": "J", "purpose": "J"}, "de": {"name": "D"}, "fr": {"name": "F"}})
    assert dict(texts) == {"name": "D", "purpose": "J"}
    assert dict(language.of(()).texts({"de": {"name": "D"}})) == {}


@pytest.mark.parametrize(
    ("name", "tag", "direction"), [("de_AT.UTF-8", "de-AT", "ltr"), ("ar_EG", "ar-EG", "rtl"), ("he", "he", "rtl"), ("C", "en", "ltr")]
)
def test_pages_know_their_direction(name, tag, direction):
    """What a page is marked with."""
    found = language.of((name,))
    assert (found.tag, found.direction) == (tag, direction)


@pytest.mark.parametrize("name", LANGUAGES)
@pytest.mark.parametrize(
    "definition",
    [
        asking(STARTUP, PLATFORM, share=0.5),
        *(asking(CRASHED, period=period) for period in PeriodKind),
        *(asking(STARTUP._replace(combine=combine), SOURCES["screen_height"], detail=Detail.DETAILED) for combine in Combine),
        asking(*SOURCES.values(), category=Category.SYSTEM, application=APPLICATION._replace(kind=ManifestKind.SHARED)),
    ],
)
def test_nothing_is_left_in_english(name, definition):
    """Every sentence about a definition is in the language; only what the manifest says stands as it is there."""
    told, english = describe(definition, language.of((name,)).words), describe(definition)
    assert {field for field in told._fields if getattr(told, field) == getattr(english, field)} == {"question", "why", "outcome", "contact"}
    for source, reviewed in zip(told.sources, english.sources, strict=True):
        is_fact = source.id in {fact.id for fact in SOURCES.values()}
        same = {field for field in source._fields if getattr(source, field) == getattr(reviewed, field)}
        assert same == ({"id", "how"} if is_fact else {"id", "what"})


@pytest.mark.parametrize("name", LANGUAGES)
def test_no_change_is_left_in_english(name):
    """Every change is told in the language, and so are the figures."""
    one, words = asking(STARTUP, PLATFORM), language.of((name,)).words
    others = [
        asking(STARTUP._replace(edges=(1,), description="x", unit="", combine=Combine.MAX), MEMORY, purpose="5", share=0.5, epsilon=1.0),
        asking(PLATFORM._replace(values=("x",)), STARTUP, period=PeriodKind.DAY, detail=Detail.DETAILED, decision="?"),
        asking(STARTUP._replace(type=SourceType.FLAG, edges=()), category=Category.SYSTEM, starts=date(2026, 12, 1), id="other"),
        asking(
            application=APPLICATION._replace(name="x", vendor="y", contact="z", kind=ManifestKind.SHARED), coarser=((STARTUP.id, (500,)),)
        ),
    ]
    for other in others:
        texts, english = changes(one, other, words), changes(one, other)
        assert len(english) > 3
        assert not set(texts) & set(english)
    for users in (0, 1000, 1_000_000):
        expected = {"expected_users": users, "expected": (("startup", (0.5, 0.25, 0.25)),)}
        figured = figures(one._replace(question=one.question._replace(**expected)))
        assert not set(sentences(figured, words)) & set(sentences(figured))


def test_start_in_english_opens_no_catalogue():
    """In English no translation is looked for, and whoever asks for none does not pay."""
    code = "import telemetryd.ctl.language as l, sys; l.of_environment({}); print('gettext' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False\n"

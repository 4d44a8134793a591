"""The program's words in other languages."""

import gettext
import importlib.util
import io
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from declared import APPLICATION, CRASHED, MEMORY, PLATFORM, STARTUP, asking

from telemetryd.core.admissibility import figures, sentences
from telemetryd.core.definition import Category, Combine, Detail, Draw, Kind, PeriodKind, SourceType
from telemetryd.core.system_facts import SOURCES
from telemetryd.ctl import language
from telemetryd.describe.difference import changes
from telemetryd.describe.sentences import tell

ROOT = Path(__file__).parents[2]
NUMBERS = [0, 1, 2, 5, 11, 21, 100]


def _program():
    """`packaging/catalogues.py` as a module."""
    spec = importlib.util.spec_from_file_location("catalogues", ROOT / "packaging/catalogues.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["catalogues"] = module
    spec.loader.exec_module(module)
    return module


catalogues = _program()
LANGUAGES = [path.parents[1].name for path in catalogues.languages()]


def catalogue(name):
    """The translations of a language, as its translators wrote them."""
    return catalogues.read((catalogues.LOCALE / name / "LC_MESSAGES/telemetryd.po").read_text(encoding="utf-8"))


def placeholders(text):
    """What is put into a text."""
    return set(re.findall(r"\{(\w+)\}", text))


def test_languages():
    """German and Japanese are complete; the options of the commands offer them beside English."""
    assert LANGUAGES == ["de", "ja"]
    assert language.available() == ["de", "en", "ja"]


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_message_is_translated(name):
    """Each message of the code, with its plural, is in the catalogue and has a text in every form; nothing else is in it."""
    code, known = catalogues.messages(), catalogue(name).entries
    assert len(code) > 200
    assert {(one.key, one.plural) for one in code} == {(one.key, one.plural) for one in known}
    assert [one.key.message for one in known if not one.is_translated] == []


@pytest.mark.parametrize("name", LANGUAGES)
def test_placeholders(name):
    """A translation has the placeholders of its message, and a form without a number none that the plural lacks."""
    for entry in catalogue(name).entries:
        wanted = placeholders(entry.plural or entry.key.message)
        for text in entry.translated:
            missing = wanted - placeholders(text)
            assert placeholders(text) <= wanted, text
            assert not missing or (entry.plural and text == entry.translated[0] and missing <= {"number"}), text


@pytest.mark.parametrize("name", LANGUAGES)
def test_compiled_files_are_current(name):
    """What is installed is made from the catalogue as it stands, and the catalogue from the code: `packaging/catalogues.py` was run."""
    path = catalogues.LOCALE / name / "LC_MESSAGES/telemetryd.po"
    merged = catalogues.merged(catalogues.messages(), catalogue(name))
    assert path.read_text(encoding="utf-8") == catalogues.write(merged)
    assert path.with_suffix(".mo").read_bytes() == catalogues.compiled(merged)


@pytest.mark.parametrize(
    ("name", "one", "several"), [("de", "In der einen Woche", "aus {number} Wochen gelost"), ("ja", "{number} 週の中", "{number} 週の中")]
)
def test_plural_forms(name, one, several):
    """Each number gets the form of its language: two in German, one in Japanese."""
    words = language.of((name,)).words
    for number in NUMBERS:
        text = words.ngettext("In the one week (UTC) of its time.", "In one week (UTC), drawn by chance from {number} weeks.", number)
        assert (one if number == 1 else several) in text


def test_many_forms_are_compiled():
    """A language with six forms, as Arabic, gets each of them from a compiled file, contexts and other letters included."""
    rule = "nplurals=6; plural=n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5;"
    key, plural = catalogues.Key("time", "{number} week"), "{number} weeks"
    header = catalogues._HEADER.format(language="ar", forms=rule)
    entry = catalogues.Entry(
        key, plural, ("telemetryd/a.py",), ("لا أسابيع", "أسبوع", "أسبوعان", "{number} أسابيع", "{number} أسبوعًا", "{number} أسبوع")
    )
    written = catalogues.write(catalogues.Catalogue(header, (entry, catalogues.Entry(catalogues.Key("", 'a "b"\n\\'), "", (), ("ب",)))))
    again = catalogues.read(written)
    compiled = gettext.GNUTranslations(io.BytesIO(catalogues.compiled(again)))
    assert [compiled.npgettext("time", key.message, plural, number) for number in NUMBERS] == [
        *("لا أسابيع", "أسبوع", "أسبوعان", "{number} أسابيع", "{number} أسبوعًا", "{number} أسبوعًا"),
        "{number} أسبوع",
    ]
    assert compiled.gettext('a "b"\n\\') == "ب"


def test_begun_languages_say_what_they_have():
    """A message without a translation is told in English, and is in no compiled file; a changed message loses its translation."""
    header = catalogues._HEADER.format(language="xx", forms=catalogues._FORMS)
    begun = catalogues.merged(catalogues.messages(), catalogues.Catalogue(header, ()))
    assert not any(one.is_translated for one in begun.entries)
    words = gettext.GNUTranslations(io.BytesIO(catalogues.compiled(begun)))
    assert words.gettext("anything else") == "anything else"


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
        *(asking(CRASHED, draw=Draw.FIRST, period=period) for period in PeriodKind),
        *(asking(STARTUP._replace(combine=combine), SOURCES["screen_height"], detail=Detail.DETAILED) for combine in Combine),
        asking(*SOURCES.values(), category=Category.SYSTEM, application=APPLICATION._replace(kind=Kind.SHARED)),
    ],
)
def test_nothing_is_left_in_english(name, definition):
    """Every sentence about a definition is in the language; only what the manifest says stands as it is there."""
    told, english = tell(definition, language.of((name,)).words), tell(definition)
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
        asking(PLATFORM._replace(values=("x",)), STARTUP, draw=Draw.FIRST, period=PeriodKind.DAY, detail=Detail.DETAILED, decision="?"),
        asking(STARTUP._replace(type=SourceType.FLAG, edges=()), category=Category.SYSTEM, starts=date(2026, 12, 1), id="other"),
        asking(application=APPLICATION._replace(name="x", vendor="y", contact="z", kind=Kind.SHARED), coarser=((STARTUP.id, (500,)),)),
    ]
    for other in others:
        texts, english = changes(one, other, words), changes(one, other)
        assert len(english) > 3
        assert not set(texts) & set(english)
    for users in (0, 1000, 1_000_000):
        for draw in Draw:
            figured = figures(
                one._replace(question=one.question._replace(expected_users=users, draw=draw, expected=(("startup", (0.5, 0.25, 0.25)),)))
            )
            assert not set(sentences(figured, words)) & set(sentences(figured))


def test_start_in_english_opens_no_catalogue():
    """In English no translation is looked for, and whoever asks for none does not pay."""
    code = "import telemetryd.ctl.language as l, sys; l.of_environment({}); print('gettext' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False\n"

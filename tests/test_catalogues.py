"""`packaging/catalogues.py`, and that it was run."""

import ast
import gettext
import importlib.util
import io
import re
import shutil
import subprocess
import sys
from collections import Counter
from gettext import c2py
from itertools import combinations
from pathlib import Path

import pytest

pytest.importorskip("babel", reason="Babel is not installed: catalogues can be read, not made")

ROOT = Path(__file__).parents[1]
NUMBERS = [0, 1, 2, 5, 11, 21, 100]


def _program():
    """`packaging/catalogues.py` as a module."""
    spec = importlib.util.spec_from_file_location("catalogues", ROOT / "packaging/catalogues.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["catalogues"] = module
    spec.loader.exec_module(module)
    return module


catalogues = _program()
LANGUAGES = catalogues.languages()


def texts(catalogue):
    """What a catalogue holds: (context, message, plural) and the text in each form."""
    entries = ((one.context, one.id, one.string) for one in catalogue if one.id)
    return {(context or "", *each(message)): each(string) for context, message, string in entries}


def each(text):
    """One text or several, as several; None, which a message of the code has for a translation, as an empty one."""
    return tuple(text) if isinstance(text, list | tuple) else (text or "",)


def placeholders(text):
    """What is put into a text."""
    return set(re.findall(r"\{(\w+)\}", text))


def marked(node):
    """Whether a node of a syntax tree is a call that marks a message, with the message in it."""
    if not isinstance(node, ast.Call) or not any(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in node.args):
        return False
    return (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")) in catalogues.CALLS


def test_every_marked_message_is_found():
    """Babel finds what the syntax tree has. No marked message stands in an f-string, where Babel finds it from Python 3.12 on only."""
    found = {message for _, message, *_ in texts(catalogues.template())}
    for path in catalogues.PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        calls = [node for node in ast.walk(tree) if marked(node)]
        assert not [node for text in ast.walk(tree) if isinstance(text, ast.JoinedStr) for node in ast.walk(text) if marked(node)], path
        for call in calls:
            assert {one.value for one in call.args if isinstance(one, ast.Constant)} & found, (path, call.lineno)


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.parents[1].name)
def test_every_message_is_translated(path):
    """Each message of the code, with its plural, is in the catalogue and has a text in every form; nothing else is in it."""
    code, known = texts(catalogues.template()), catalogues.read(path)
    assert len(code) > 200
    assert code.keys() == texts(known).keys()
    assert not catalogues.untranslated(known)


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.parents[1].name)
def test_placeholders(path):
    """A translation has the placeholders of its message. Only a form that stands for one number may leave out that number."""
    catalogue = catalogues.read(path)
    forms = Counter(map(c2py(catalogue.plural_expr), range(200)))
    for (_, *message), translated in texts(catalogue).items():
        wanted = placeholders(message[-1])
        for form, text in enumerate(translated):
            missing = wanted - placeholders(text)
            assert placeholders(text) <= wanted, text
            assert not missing or (len(message) > 1 and forms[form] == 1 and missing <= {"number"}), text


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.parents[1].name)
def test_compiled_files_are_current(path):
    """What is installed is made from the catalogue as it stands, and the catalogue from the code: `packaging/catalogues.py` was run."""
    known = catalogues.read(path)
    merged = catalogues.merged(catalogues.template(), catalogues.read(path))
    assert texts(merged) == texts(known)
    assert [{file for file, _ in one.locations} for one in merged] == [{file for file, _ in one.locations} for one in known]
    with path.with_suffix(".mo").open("rb") as file:
        installed = gettext.GNUTranslations(file)
    made = gettext.GNUTranslations(io.BytesIO(catalogues.compiled(known)))
    assert {key: text for key, text in installed._catalog.items() if key} == {key: text for key, text in made._catalog.items() if key}


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.parents[1].name)
def test_gettext_agrees(path):
    """`msgfmt --check` finds nothing wrong: no message is taken for one whose parts % puts in, and headers and plurals are complete."""
    if not shutil.which("msgfmt"):
        pytest.skip("msgfmt is not installed")
    done = subprocess.run(["msgfmt", "--check", "--output-file=-", path], capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")


def test_many_forms_are_compiled():
    """A language with six forms, as Arabic, gets each of them from a compiled file, contexts and other letters included."""
    forms = ("لا أسابيع", "أسبوع", "أسبوعان", "{number} أسابيع", "{number} أسبوعًا", "{number} أسبوع")
    catalogue = catalogues.begun("ar")
    catalogue.add(("{number} week", "{number} weeks"), forms, context="time")
    catalogue.add('a "b"\n\\', "ب")
    again = catalogues.read_po(io.BytesIO(catalogues.text(catalogue)), locale="ar")
    compiled = gettext.GNUTranslations(io.BytesIO(catalogues.compiled(again)))
    told = [compiled.npgettext("time", "{number} week", "{number} weeks", number) for number in NUMBERS]
    assert told == [*forms[:4], forms[4], forms[4], forms[5]]
    assert compiled.gettext('a "b"\n\\') == "ب"


def test_begun_languages_say_what_they_have():
    """A message without a translation is told in English, and is in no compiled file; a changed message loses its translation."""
    begun = catalogues.merged(catalogues.template(), catalogues.begun("fr"))
    assert len(catalogues.untranslated(begun)) == len(begun) > 200
    words = gettext.GNUTranslations(io.BytesIO(catalogues.compiled(begun)))
    assert not [key for key in words._catalog if key]
    changed = catalogues.begun("fr")
    changed.add("A message that is the same.", "Le même.")
    changed.add("A message that changes.", "Il change.")
    code = catalogues.Catalog()
    code.add("A message that is the same.")
    code.add("A message that changed.")
    assert texts(catalogues.merged(code, changed)) == {
        ("", "A message that is the same."): ("Le même.",),
        ("", "A message that changed."): ("",),
    }


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.parents[1].name)
def test_no_break_before_a_unit(path):
    """Between a number and its unit stands a space that forbids a break."""
    units = "%|Bit|Bytes?|Punkte?|بت|بايت|ث|نقطة|[件人個通週日秒倍]"
    for translated in texts(catalogues.read(path)).values():
        for text in translated:
            assert not re.search(rf"(?:[0-9]|\{{(?:number|bits|percent|size|seconds|cells)\}}) (?:{units})(?![^\W\d_])", text), text


def test_arabic_isolates_what_runs_from_left_to_right():
    """Commands and options in Arabic messages stand between isolates, each of which ends. Only the page writes marks of direction."""
    for translated in texts(catalogues.read(catalogues.LOCALE / "ar/LC_MESSAGES/telemetryd.po")).values():
        for text in translated:
            assert text.count("\u2066") == text.count("\u2069")
            assert "\u200f" not in text
            assert not re.search("`|--[a-z]", re.sub("\u2066[^\u2069]*\u2069", "", text)), text


def test_no_language_has_the_texts_of_another():
    """No text is the same in two languages, unless it is the message itself: one was pasted into the other's catalogue."""
    read = {path.parents[1].name: texts(catalogues.read(path)) for path in LANGUAGES}
    for one, other in combinations(sorted(read), 2):
        both = [(key, text) for key, text in read[one].items() if text == read[other].get(key) and set(text) != set(key[1:])]
        assert [text for _, text in both if any(re.search(r"[^\W\d_]{2}", re.sub(r"\{\w+\}", "", form)) for form in text)] == [], (
            one,
            other,
        )

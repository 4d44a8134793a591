"""Help, prompts and errors in every language."""

import ast
import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

pytest.importorskip("babel", reason="Babel is not installed: messages are collected by it")
from babel.messages.extract import extract_from_dir
from support.invoked_commands import runner

from telemetryd.ctl import help_words, language
from telemetryd.ctl.__main__ import cli

ROOT = Path(__file__).parents[2]
COMMANDS = ROOT / "telemetryd" / "ctl"
LANGUAGES = [name for name in language.available_languages() if name != "en"]
IN_ENGLISH = {
    *("checklist", "estimate_pages", "installed_texts", "lint", "lint_formats", "review_page", "sheet", "web"),
    *("declared", "environment", "published", "servers", "install", "own_services", "units", "uploads", "work"),
}
"""What is published or compared, so that it is in one language: findings of `lint` and `check`, tables of estimates, a reviewer's page."""
ASKING = {"confirm", "prompt"}
TELLING = {*ASKING, "say", "table", "facts", "echo", "fail", "Failure", "UsageError", "BadParameter"}
"""Calls that ask the user, or tell the user something."""


def commands(group=cli, context=None):
    """Every command, with those below groups."""
    context = context or click.Context(group)
    for name in group.list_commands(context):
        command = group.commands[name]
        yield name, command
        if isinstance(command, click.Group):
            yield from commands(command, click.Context(command, context))


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_help_text_is_translated(name):
    """No line, paragraph or option in the help of any command is in English."""
    words = language.of((name,)).words
    assert len([*commands()]) > 25
    for command_name, command in [("telemetryctl", cli), *commands()]:
        assert [text for text in help_words.messages(command) if words.gettext(text) == text] == [], command_name


def _spoken(node):
    """The literal words in an expression that no translation goes through: texts with letters, at any depth of operators and f-strings."""
    match node:
        case ast.Constant(value=str(text)):
            return [text] if any(word.isalpha() and len(word) > 1 for word in text.split()) else []
        case ast.JoinedStr(values=parts) | ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [text for part in parts for text in _spoken(part)]
        case ast.BinOp(left=left, right=right):
            return [*_spoken(left), *_spoken(right)]
        case ast.IfExp(body=one, orelse=other):
            return [*_spoken(one), *_spoken(other)]
        case _:
            return []


def _untranslatable(path, calls):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in calls:
                yield from (f"{path.name}:{node.lineno}: {text}" for argument in node.args[:1] for text in _spoken(argument))


def test_every_prompt_and_message_can_be_translated():
    """No command asks with a literal text that no catalogue sees, and none prints one or fails with one but what is in one language."""
    files = {path: ASKING if path.stem in IN_ENGLISH else TELLING for path in COMMANDS.rglob("*.py")}
    assert {path.stem for path in files} > IN_ENGLISH
    assert [found for path, calls in files.items() for found in _untranslatable(path, calls)] == []


@pytest.mark.parametrize(
    "line",
    ["page.say('Two words')", "confirm(f'Erase {x} now?')", "raise Failure('it is bad' if x else _('bad'))", "echo(_('fine') + ' not so')"],
)
def test_a_literal_text_is_found(tmp_path, line):
    """What `test_every_prompt_and_message_can_be_translated` looks for is found."""
    path = tmp_path / "module.py"
    path.write_text(line)
    assert len(list(_untranslatable(path, TELLING))) == 1
    path.write_text("page.say(_('Two words'))\nconfirm(gettext('Now?'))\npage.say('')\npage.say(f'{x}: {y}')\n")
    assert not list(_untranslatable(path, TELLING))


def test_click_says_what_is_translated():
    """Each of click's own words that has a translation is said by this click, as far as it is the version that they are from."""
    folder = Path(click.__file__).parent
    said = {message for _, _, message, *_ in extract_from_dir(folder, [("**.py", "python")], keywords={"_": None})}
    if importlib.metadata.version("click") >= "8.5":
        assert [word for word in help_words.CLICK_WORDS if word not in said] == []


@pytest.mark.parametrize("name", LANGUAGES)
@pytest.mark.parametrize("arguments", [[], *([name] for name in cli._modules), ["consent", "global"]])
def test_help_fits(name, arguments):
    """Translated help fits 80 columns, has every option and command, and none of click's English."""
    done = runner().invoke(help_words.in_language(cli, language.of((name,)).words), [*arguments, "--help"], env={"LC_ALL": name})
    english = runner().invoke(cli, [*arguments, "--help"], env={"LC_ALL": "C"})
    assert (done.exit_code, english.exit_code) == (0, 0)
    terms = {word for word in english.output.split() if word.startswith("--")}
    assert [term for term in terms if term.strip(",:.;") not in done.output] == []
    from telemetryd.ctl.render.line_breaks import width  # noqa: PLC0415 - for this test

    assert max(map(width, done.output.splitlines())) <= 80


@pytest.mark.parametrize(
    ("name", "usage", "missing"), [("de_DE", "Aufruf:", "Es fehlt"), ("ja_JP", "使い方:", "引数が"), ("ar", "الاستخدام:", "المعطى")]
)
def test_click_speaks_the_language(name, usage, missing):
    """A wrong command line is told in the user's language, click's own words included."""
    environ = {**os.environ, "LC_ALL": name, "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "telemetryd.ctl", "show"]
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert usage in done.stderr
    assert missing in done.stderr

"""Documents, help texts and docstrings are plain technical English, as far as a program can tell: short, flat, the field's terms."""

import ast
import importlib.util
import inspect
import re
from pathlib import Path

import click
import pytest
from support.cause_sentences import sentences

from telemetryd import errors
from telemetryd.__main__ import USAGE
from telemetryd.ctl.__main__ import cli

ROOT = Path(__file__).parents[1]
GENERATED = {"register.md"}
"""Pages whose words come from elsewhere: from the declarations of examples."""
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name not in GENERATED),
    ROOT / "tests/benchmarks/README.md",
]
MOST_WORDS = 25
NOT_PROSE = re.compile(
    r"^```.*?^```|<!-- Written by [^>]*: \w+ -->.*?<!-- end -->|<!--.*?-->|(?<=\n\n)(?: {4}[^\n]*\n)+", re.DOTALL | re.MULTILINE
)
NEW_BLOCK = re.compile(r"^\s*(?:[-*]|\d+\.)\s")
AVOIDED = {
    r"(?<!there )\b(?:is|are|was|were|be) no (?!longer\b|more\b|less\b)": "'is not a …'",
    r"\bno (?:TOML|JSON|UTF-8)\b": "'not valid TOML'",
    r"\bwhosever\b|\bwhence\b|\bthereof\b": "another sentence",
    r"\bmend(?:s|ed|ing)?\b": "'fix'",
    r"\bg[ai]ves? (?:\w+ )?names? back\b": "'release'",
    r"\blots?\b": "'sample' or 'chance'",
    r"\b(?:is|are|was|were|be|been) passed\b(?! (?:over|to|on|by)\b)": "'not answered'",
    r"\blacks? a review\b": "'not reviewed yet'",
    r"\b(?:daemon|recorder|run|process|program) (?:\w+ )?leaves (?:with|after|at|for|in|when)\b": "'exits'",
    r"\bof it\b": "the noun instead of 'it'",
    r"\bones\b|\b(?:another|other|true|noisy|second|refused|kept|wrong|whole|latter|own) one\b": "the noun instead of 'one'",
    r"\b(?:thus|hereby|wherefore|so long as)\b": "what follows, in a sentence of its own",
}
"""What a sentence must not have, and what it says instead."""
TERMS_OF_CODE = ("lots?", "ones", "passed")
"""Parts of the patterns that docstrings may have: a `Lot` and a question that is passed are names in the code."""
AVOIDED_IN_CODE = {pattern: better for pattern, better in AVOIDED.items() if not any(term in pattern for term in TERMS_OF_CODE)}


def prose(text):
    """The (line, words) of every paragraph, list item and table cell; code is one word, several names in a row too."""
    text = NOT_PROSE.sub(lambda hit: "\n" * hit[0].count("\n"), text)
    text = re.sub(r"(`+)(?!`).+?\1", lambda hit: "CODE" + "\n" * hit[0].count("\n"), text, flags=re.DOTALL)
    block, start = "", 0
    for number, line in enumerate([*text.split("\n"), ""], 1):
        is_alone = not line.strip() or line.startswith(("#", "|"))
        if block and (is_alone or NEW_BLOCK.match(line)):
            yield start, block
            block = ""
        if line.startswith("|"):
            yield from ((number, cell.strip()) for cell in line.strip("|").split("|"))
        elif not is_alone:
            block, start = (f"{block} {line.strip()}", start) if block else (NEW_BLOCK.sub("", line, count=1).strip(), number)


def plain(block):
    """A block without its marks: links by their text, no D-Bus types, no emphasis, names in a row as one."""
    block = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", block).replace("*", "")
    block = re.sub(r"CODE \([a-z(){}]+\):", "CODE:", block)
    return re.sub(r"CODE(?:(?:,| and| or|, and) CODE)+", "CODE", block)


def split(block):
    """The sentences of a block."""
    return re.split(r"(?<=[.!?])[\")”]*\s+", block)


def length(sentence):
    """How many words it has."""
    return len([word for word in sentence.split() if re.search(r"\w", word)])


SAMPLE = """\
# Head

One `a b c`, two.
Three? **Four.** [Five](six.md)

- seven
  eight `a`, `b` and `c`
1. nine (a(sss)): ten

```
code
```

| eleven | twelve |
|---|---|

    code
"""


def test_every_sentence_is_found():
    """Paragraphs, items and cells are read apart and over line ends, without code blocks and headings; names in a row are one word."""
    found = [plain(block) for _, block in prose(SAMPLE)]
    assert found[:3] == ["One CODE, two. Three? Four. Five", "seven eight CODE", "nine (a(sss)): ten"]
    assert found[3:5] == ["eleven", "twelve"]
    assert not {"Head", "code"} & set(" ".join(found).split())
    assert [length(one) for one in split(found[0])] == [3, 1, 1, 1]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_words(path):
    """No sentence is longer than 25 words, no bracket stands inside another, and no word is used that has a plainer one."""
    blocks = [(line, plain(block)) for line, block in prose(path.read_text())]
    assert blocks
    found = [fault for line, block in blocks for fault in faults(line, block)]
    assert found == [], "\n".join([path.name, *found])


def faults(place, block):
    """What is wrong with a block, in words."""
    yield from too_long(place, block)
    yield from (f"{place}: bracket inside a bracket: {hit[0]}" for hit in re.finditer(r"\([^()]*\([^()]*\)", block))
    yield from avoided(place, block, AVOIDED)


def too_long(place, block):
    """The sentences of a block that have too many words."""
    yield from (f"{place}: {length(one)} words: {one}" for one in split(block) if length(one) > MOST_WORDS)


def avoided(place, block, patterns):
    """The words of a block that have a plainer one."""
    for pattern, better in patterns.items():
        yield from (f"{place}: {hit[0]!r}: say {better}" for hit in re.finditer(pattern, block, re.IGNORECASE))


def commands(command, name):
    """A command and all below it, with their full names."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for one in command.list_commands(context):
            yield from commands(command.get_command(context, one), f"{name} {one}")


def help_texts(command):
    """Every text in the help of a command: what it does, in full and in short, and its options."""
    yield from (command.help or "", command.short_help or "", (command.epilog or "").replace("\n  ", "\n\n"))
    yield from (option.help or "" for option in command.params if isinstance(option, click.Option))


def test_words_of_help():
    """Help texts of `telemetryctl`, of all its commands and options, and of `telemetryd` obey the same rules as the documents."""
    every = [(name, inspect.cleandoc(text)) for name, command in commands(cli, "telemetryctl") for text in help_texts(command) if text]
    assert len(every) > 100
    every += [("telemetryd", re.sub(r"\n {2,}(--\S+| (?=with a))", r"\n\n\1", USAGE.partition("\n\n")[2]))]
    found = [fault for name, text in every for _, block in prose(text) for fault in faults(name, plain(block))]
    assert found == [], "\n".join(found)


def test_words_of_messages():
    """What is translated obeys the same rules: every message, in English, with a placeholder as one word."""
    messages = [
        (message.locations[0][0], text.replace("\n  ", "\n\n").replace("\b", ""))  # the rows of a table in a help text
        for message in catalogues().template()
        for text in texts_of(message)
    ]
    assert len(messages) > 1000
    found = [fault for place, text in messages for _, block in prose(text) for fault in faults(place, plain(block))]
    assert found == [], "\n".join(found)


def catalogues():
    """`packaging/catalogues.py` as a module."""
    spec = importlib.util.spec_from_file_location("catalogues", ROOT / "packaging/catalogues.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def texts_of(message):
    """A message in each of its numbers; not the head of the catalogue, whose message is empty."""
    return [text for text in (message.id if isinstance(message.id, tuple) else (message.id,)) if text]


def test_words_of_states():
    """What a user reads of a question is made of two messages, and still obeys the same rules."""
    found = [
        fault
        for situation, text in sentences()
        for fault in faults(f"{situation.state}, {situation.cause}", re.sub(r"<\w+>", "CODE", text))
    ]
    assert found == [], "\n".join(found)


def test_words_of_errors():
    """No sentence in an error or the log has more than 25 words, with a value that is filled in as one word."""
    sources = {path: ast.parse(path.read_text()) for path in sorted((ROOT / "telemetryd").rglob("*.py"))}
    names, shared = error_names(sources.values()), {}
    for source in sources.values():
        shared |= constants(source)
    texts = [
        (f"{path.relative_to(ROOT)}:{call.lineno}", text)
        for path, source in sources.items()
        for call in ast.walk(source)
        if isinstance(call, ast.Call) and (is_log(call.func) or getattr(call.func, "id", "") in names)
        for argument in call.args
        if (text := literal(argument, shared | constants(source)))
    ]
    assert len(texts) > 190
    found = [fault for place, text in texts for _, block in prose(text) for fault in too_long(place, plain(block))]
    assert found == [], "\n".join(found)


def is_log(function):
    """Whether a node is a method of the log."""
    return isinstance(function, ast.Attribute) and getattr(function.value, "id", "").lower() == "_log"


def error_names(sources):
    """The names of the exceptions of telemetryd.errors, and of those made from them."""
    classes = {one.name: one for source in sources for one in ast.walk(source) if isinstance(one, ast.ClassDef)}
    names = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, Exception)}
    while more := {name for name, one in classes.items() if name not in names and any(ast.unparse(base) in names for base in one.bases)}:
        names |= more
    return names


def constants(source):
    """Name → value of what a module assigns to one name at its top."""
    assigned = [(one.targets[0], one.value) for one in source.body if isinstance(one, ast.Assign)]
    return {target.id: value for target, value in assigned if isinstance(target, ast.Name)}


def literal(node, named):
    """The text of literals and of constants in `named`, with CODE for each value that is filled in; "" if no text is there."""
    match node:
        case ast.JoinedStr(values):
            return "".join(part.value if isinstance(part, ast.Constant) else "CODE" for part in values)
        case ast.Constant(str(text)):
            return text
        case ast.Name(name) | ast.Attribute(attr=name) if name in named:
            return literal(named[name], {other: value for other, value in named.items() if other != name})
        case ast.BinOp(left, ast.Add(), right) if (texts := (literal(left, named), literal(right, named))) != ("", ""):
            return "".join(text or "CODE" for text in texts)
        case ast.Call(ast.Attribute(text, "format")):
            return literal(text, named)
    return ""


def test_first_sentences_of_docstrings():
    """The first sentence of a docstring has at most 25 words."""
    found = [
        fault for place, text in docstrings() for _, block in list(prose(text))[:1] for fault in too_long(place, split(plain(block))[0])
    ]
    assert found == [], "\n".join(found)


def docstrings():
    """(place, text) of the docstring of each module, public class and public function."""
    for path in sorted((ROOT / "telemetryd").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and (text := public_docstring(node)):
                yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}", text


def test_words_of_docstrings():
    """No docstring of a module, a public class or a public function has a word with a plainer one."""
    found = [fault for place, text in docstrings() for _, block in prose(text) for fault in avoided(place, plain(block), AVOIDED_IN_CODE)]
    assert found == [], "\n".join(found)


def public_docstring(node):
    """The docstring of a module, class or function, unless its name is private."""
    return "" if getattr(node, "name", "").startswith("_") else ast.get_docstring(node)

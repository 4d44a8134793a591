"""The checks of a text before a TOML parser reads it."""

import ast
import time
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.machine import KATE

from telemetryd.core.limits import MANIFEST_BYTES, TABLES_MAX, TOML_DEPTH, TOML_PIECES
from telemetryd.errors import InvalidFileError, InvalidManifestError
from telemetryd.toml import manifest, parser

PACKAGE = Path(__file__).parents[2] / "telemetryd"
LONGEST_S = 0.3
"""Processor time (s) for one text. The worst known one takes 0.03 to 0.08; without bounds it took 0.6, and with longer keys minutes."""
DEEP = "a." * 30 + "a = 1\n"


def fault(text):
    """What was expected of a text, without the line."""
    with pytest.raises(parser.UnboundedError) as caught:
        parser.check(text)
    return caught.value.line, str(caught.value).partition(": expected ")[2]


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("number = 1\na.b.c.d.e = 1", 2, "a key of at most 4 parts"),
        ('a.b.c.d . "e" = 1', 1, "a key of at most 4 parts"),
        ("[a.b]\n[a.'b'.c.d.e]", 2, "a key of at most 4 parts"),
        ("[[a.b.c.d.e]]", 1, "a key of at most 4 parts"),
        ('x = \'\'\'\n\n\'\'\'\ny = """\n"\\"""""\nz = { a.b.c.d.e = 1 }', 6, "a key of at most 4 parts"),
        ("a = 1\nb = [[[[[", 2, "lists and tables nested at most 4 deep"),
        ("a = {b = {c = {d = [{", 1, "lists and tables nested at most 4 deep"),
        ("a = [" + "1," * TOML_PIECES + "]", 1, "at most 5000 of the characters = , . [ { outside of quotes and comments"),
    ],
)
def test_bounds(text, line, expected):
    """A text that is too deep or has too many pieces is refused with the line and what was expected."""
    assert fault(text) == (line, expected)
    with pytest.raises(InvalidFileError, match=r"^line "):
        parser.read(text, InvalidFileError)


@pytest.mark.parametrize(
    "text",
    [
        "a.b.c.d = 1",
        "[a.b.c.d]\na.b.c.d = 1.5",
        "a = [[[[1]]]]\n[[b]]\nc = { d = { e = { f = 1 } } }",
        "a = 'b.c.d.e.f' # g.h.i.j.k [[[[[",
        'a = "\\"b.c.d.e.f" # "',
        "a = '''\nb.c.d.e.f = [[[[[\n'''''\nb = '#'",
        'a = """\n\\""" b.c.d.e.f = [[[[["""""',
        '"a.b.c.d.e" = \'"\'',
        "a = [" + "1," * (TOML_PIECES - 2) + "]",
        "# = , . [ {\n" * 5000,
        "a = [" + "1," * (TOML_PIECES + 10) + "]" + "\n" * MANIFEST_BYTES,
    ],
)
def test_within_bounds(text):
    """Valid texts are read, whatever their strings and comments contain; longer texts may have more pieces."""
    assert parser.read(text, InvalidFileError) == tomllib.loads(text)


CONTENT = st.lists(
    st.sampled_from(["'", '"', "''", '""', "#", "\\", "\\\\", '\\"', "\n", " ", "=", "x", "[", DEEP, "\n" + DEEP]), max_size=6
)
PART = st.one_of(
    st.tuples(st.sampled_from(["'", '"', "'''", '"""']), CONTENT).map(lambda it: it[0] + "".join(it[1]) + it[0]),
    CONTENT.map(lambda it: "0 #" + "".join(it)),
    st.just("0"),
)


@given(st.lists(PART, max_size=4), st.booleans())
def test_strings_hide_nothing(parts, is_deep):
    """Strings and comments neither hide a deep key from the check nor imitate one: it sees what the parser reads."""
    text = "".join(f"k{number} = {part}\n" for number, part in enumerate(parts)) + (DEEP if is_deep else "")
    try:
        document = tomllib.loads(text)
    except ValueError:
        return
    try:
        parser.check(text)
    except parser.UnboundedError as refusal:
        assert depth(document) > TOML_DEPTH
        assert text.splitlines()[refusal.line - 1].startswith("a.a.a.")  # noqa: PT017 - the same
    else:
        assert depth(document) <= TOML_DEPTH


def depth(value):
    """The depth of the tables of a document."""
    return 1 + max(map(depth, value.values()), default=0) if isinstance(value, dict) else 0


def base36(number):
    """Three characters for each number, from `aaa` on."""
    digits = "abcdefghijklmnopqrstuvwxyz0123456789"
    return digits[number // 1296 % 36] + digits[number // 36 % 36] + digits[number % 36]


MARKS = "\u0301\u0323" * 140
SOURCE = '[[source]]\nid = "s{}"\ndescription = "d d d"\ntype = "number"\nbins = [1]\n'
QUESTION = KATE[KATE.index("[[question]]") :].replace('"startup-time"', '"q{}"')
HOSTILE = {
    "deep headers and keys": lambda n: "[" + "a." * 49 + "a]\n" + "".join("a." * 49 + f"{base36(i)}=1\n" for i in range(n)),
    "one key": lambda n: "a." * n + "a=1",
    "nested lists": lambda n: "a=" + "[" * n,
    "nested tables": lambda n: "a={" * n,
    "keys": lambda n: "".join(f"{base36(i)}=1\n" for i in range(n)),
    "keys of four parts": lambda n: "[a.b.c.d]\n" + "".join(f"{base36(i)}.b.c.d=1\n" for i in range(n)),
    "headers of four parts": lambda n: "".join(f"[{base36(i)}.b.c.d]\n" for i in range(n)),
    "lists of tables": lambda n: "[[a.b.c.d]]\n" * n,
    "list": lambda n: "a=[" + "1," * n + "]",
    "list of tables": lambda n: "a=[" + "{a.b.c.d=1}," * n + "]",
    "comments": lambda n: "#\n" * n,
    "comments in a list": lambda n: "a=[" + "#\n" * n + "]",
    "escapes": lambda n: 'a="' + "\\n" * n + '"',
    "quotes that end nothing": lambda n: "a='" + "'''" * n,
    "digits": lambda n: "a=0x" + "f" * n,
    "decimals": lambda n: "a=0." + "1" * n + "e-300",
    "numbers": lambda n: "a=[" + ("1" * 4300 + ",") * n + "]",
    "no schema, many texts": lambda n: KATE + "".join(f'"name[{base36(i)}]"=1\n' for i in range(n)),
    "questions": lambda n: KATE.partition("[[question]]")[0] + "".join(QUESTION.format(i) for i in range(n)),
    "empty questions": lambda n: KATE + "[[question]]\n" * n,
    "sources": lambda n: KATE + "".join(SOURCE.format(i) for i in range(n)),
    "one id": lambda n: KATE + SOURCE.format(1) * n,
    "values": lambda n: KATE.replace("[500, 2000]", "[" + ",".join(map(str, range(n))) + "]"),
    "wrong values": lambda n: KATE.replace("[500, 2000]", "[" + "''," * n + "]"),
    "values of many questions": lambda n: (
        KATE.replace("[500, 2000]", "[" + ",".join(map(str, range(20 * n))) + "]")
        + "".join(QUESTION.format(i) + 'expected = { startup = { "<0" = 1 } }\n' for i in range(n))
    ),
    "marks": lambda n: KATE + "".join(f'"name[{base36(i)}]"="a{MARKS}"\n' for i in range(n)),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_work_is_bounded(kind):
    """No text of at most 64 KiB takes long to be read or refused as a manifest."""
    parse("x = 1")  # what is imported once
    for text in {longest(HOSTILE[kind], is_long), longest(HOSTILE[kind], is_refused)}:
        assert min(spent(text) for _ in range(3)) < LONGEST_S


def spent(text):
    """The processor time (s) of reading a text as a manifest."""
    begin = time.process_time()
    parse(text)
    return time.process_time() - begin


def parse(text):
    """Read a text as a manifest, with any outcome."""
    with suppress(InvalidManifestError):
        manifest.parse(text)


def is_long(text):
    """Whether a text is longer than a manifest may be."""
    return len(text.encode()) > MANIFEST_BYTES


def is_refused(text):
    """Whether a text is too long, or refused before the parser."""
    try:
        parser.check(text)
    except parser.UnboundedError:
        return True
    return is_long(text)


def longest(make, is_too_much):
    """The longest text of a kind that is accepted by the parser's checks."""
    low, high = 0, 1
    while not is_too_much(make(high)):
        low, high = high, 2 * high
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (low, middle - 1) if is_too_much(make(middle)) else (middle, high)
    return make(low)


def test_tables_are_bounded():
    """More tables of a kind than may be registered are refused before each is checked."""
    with pytest.raises(InvalidManifestError, match=f"^expected at most {TABLES_MAX} tables of a kind$"):
        manifest.parse(KATE + "[[question]]\n" * TABLES_MAX)


def test_numbers_that_no_double_holds():
    """A whole number too large for a double is refused like any other that is too large."""
    with pytest.raises(InvalidManifestError, match="expected a finite number of at most"):
        manifest.parse(KATE.replace("[500, 2000]", "[0x" + "f" * 1000 + "]"))


def test_it_is_the_only_way():
    """No other module of the package reads TOML."""
    importing = [
        path.relative_to(PACKAGE)
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom) and "tomllib" in ast.dump(node)
    ]
    assert importing == [Path("toml/parser.py")]

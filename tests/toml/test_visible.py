"""Texts show what they hold: FORMATS, "Characters"."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from texts import KATE

from telemetryd.errors import InvalidManifestError
from telemetryd.toml import fields, reader
from telemetryd.toml.config import parse_configuration
from telemetryd.toml.fields import RefusedError
from telemetryd.toml.manifest import parse
from telemetryd.toml.visible import hides

SEEN = [
    *(
        "Kate",
        "R",
        "7-Zip",
        "微信",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "क्\u200dष",
        "Ελληνικά",
        "¿Qué?",
        "§",
        "« Où ? »",
        "50\u00a0%",
        "שָׁלוֹם",
    ),
    *("❤\ufe0f", "葛\U000e0100飾", "1\ufe0f\u20e3", "ᠠ\u180bᠡ", "ཧཱུྃ", "Việt Nam"),
]
HIDDEN = {
    "a filler of Hangul": "Ka\u3164te",
    "fillers alone": "\u3164\uffa0",
    "halves of one": "\u115f\u1160",
    "Braille without dots": "\u2800\u2800",
    "a grapheme joiner": "a\u034fb",
    "a lone selector": "\ufe0f",
    "a selector on a space": "a \ufe0fb",
    "two selectors": "a\ufe0f\ufe0f",
    "a supplementary selector at the beginning": "\U000e0100a",
    "five marks": "a" + "\u0316" * 5,
    "five marks with selectors between": "a" + "\u0316\ufe0f" * 5,
    "a joiner between Latin letters": "Ka\u200dte",
    "a joiner between two of them": "ka\u200c\u200dka",
    "a joiner before a space": "می\u200c خواهم",
    "a joiner at the end": "क्\u200d",
    "a joiner behind a digit of ours": "1\u200cخ",
}


@pytest.mark.parametrize("text", SEEN)
def test_seen(text):
    """What people write is a text: all scripts, French spaces, joiners and selectors where they are needed."""
    assert not hides(text)
    assert fields.line(text)


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN)
def test_hidden(text):
    """A character that is there without being seen is refused, whatever stands around it, and the error says what was expected."""
    with pytest.raises(RefusedError, match=r"^expected (one line of text that is not empty|text that shows all it holds)"):
        fields.line(text)
    with pytest.raises(RefusedError):
        fields.line(f"Name {text} it")


@pytest.mark.parametrize("text", ["", " ", "\u00a0", "\u200c", "\u0301", "\u0301\u0302"])
def test_nothing_to_see(text):
    """Spaces, joiners and marks alone are no text."""
    with pytest.raises(RefusedError):
        fields.line(text)


@given(st.text(max_size=8))
def test_total(text):
    """Every text is judged, and one of plain ASCII never hides anything."""
    assert hides(text) in {True, False}
    assert not (text.isascii() and hides(text))


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("name", ["R", "微信", "7"], ["…", "—?", "\u0301"]),
        ("purpose", ["Why?", "なぜか", "a 1 b"], ["?", "ok", "1 + 1 = ?"]),
        ("decision", ["Yes"], ["no", "!!!"]),
    ],
)
@pytest.mark.parametrize("language", ["", "[de]"])
def test_letters(key, good, bad, language):
    """A name has a letter or digit, a purpose and a decision have three, in every language; both readers agree."""

    def manifest(text):
        key_in_text = f"{key} = " if not language else f'"{key}{language}" = '
        lines = [one for one in KATE.splitlines() if language or not one.startswith(f"{key} =")]
        at = lines.index("[application]" if key == "name" else "[[question]]")
        return "\n".join([*lines[: at + 1], f'{key_in_text}"{text}"', *lines[at + 1 :]])

    for text in good:
        assert reader.read(reader.MANIFEST, tomllib.loads(manifest(text))) is not None
        assert parse(manifest(text))
    for text in bad:
        assert reader.read(reader.MANIFEST, tomllib.loads(manifest(text))) is None
        with pytest.raises(InvalidManifestError, match=rf"{key}.*: expected"):
            parse(manifest(text))


def test_a_host_of_other_letters_is_read_by_both_readers():
    """The light reader takes such an endpoint as the models do, so that the file stays in force."""
    text = '[endpoint.kde]\nname = "KDE"\nurl = "https://bücher.example/v1"\nresults = "https://bücher.example"\n'
    assert reader.read(reader.CONFIGURATION, tomllib.loads(text)).endpoint["kde"].url == parse_configuration(text).endpoint["kde"].url

"""Texts show every character that they hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from idna.core import valid_contextj
from support.manifests.manifest_texts import KATE

from telemetryd.errors import InvalidManifestError
from telemetryd.toml import fields
from telemetryd.toml.config import parse_configuration
from telemetryd.toml.fields import RefusedError
from telemetryd.toml.manifest import parse
from telemetryd.toml.visible import has_hidden_characters

SEEN = [
    *(
        "Kate",
        "R",
        "7-Zip",
        "微信",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "کتاب\u200c\u0647\u0627",
        "क्\u200dष",
        "क्\u200cष",
        "\u09b0\u200d\u09cd\u09afাম",
        "ශ්\u200dරී",
        "ܫܒ\u200cܒ",
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
    "a joiner between Arabic letters that join anyway": "ب\u200dب",
    "a joiner behind an Arabic letter that never joins": "\u0627\u200cب",
    "a joiner before an Arabic digit": "ب\u200c\u0661",
    "a joiner behind Arabic punctuation": "،\u200cب",
    "a joiner of Indic letters without a virama": "क\u200dष",
    "a joiner that parts nothing": "क\u200cष",
    "a joiner before a virama": "क\u200d्ष",
    "a virama and a joiner at the end of a word": "क्\u200d ष",
    "a joiner before a space": "می\u200c خواهم",
    "a joiner at the end": "क्\u200d",
    "a joiner behind a digit of ours": "1\u200cخ",
    "a joiner behind a Ra that no virama follows": "\u09b0\u200d\u0995\u0995",
}


@pytest.mark.parametrize("text", SEEN)
def test_seen(text):
    """Real texts are accepted: all scripts, French spaces, joiners and selectors where they are needed."""
    assert not has_hidden_characters(text)
    assert fields.line(text)


@pytest.mark.parametrize("number", range(8))
def test_stacked_marks(number):
    """Up to four marks on a letter are seen, as Hebrew needs them; more hide the lines above."""
    assert has_hidden_characters("a" + "\u0316" * number + "b") is (number > 4)


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN)
def test_hidden(text):
    """An invisible character is refused in any context, and the error says what was expected."""
    with pytest.raises(RefusedError, match=r"^expected (one line of text that is not empty|text that shows all it holds)"):
        fields.line(text)
    with pytest.raises(RefusedError):
        fields.line(f"Name {text} it")


@given(st.tuples(*[st.text("aب\u0627\u0631\u0647ی\u0661\u064eक\u094dষ\u09cdܐܒ\u07caᠠ ", max_size=4)] * 2), st.sampled_from("\u200c\u200d"))
def test_joiners_of_domain_names(sides, joiner):
    """No joiner is accepted that the rules for domain names refuse (RFC 5892, CONTEXTJ)."""
    before, after = sides
    text = before + joiner + after
    assert valid_contextj(text, len(before)) or has_hidden_characters(text)


@pytest.mark.parametrize("text", ["", " ", "\u00a0", "\u200c", "\u0301", "\u0301\u0302"])
def test_nothing_to_see(text):
    """Spaces, joiners and marks alone are not a text."""
    with pytest.raises(RefusedError):
        fields.line(text)


@given(st.text(max_size=8))
def test_total(text):
    """Every text gets a verdict, and plain ASCII never hides anything."""
    assert has_hidden_characters(text) in {True, False}
    assert not (text.isascii() and has_hidden_characters(text))


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
    """A name needs a letter or digit, a purpose and a decision need three, in every language."""

    def manifest(text):
        key_in_text = f"{key} = " if not language else f'"{key}{language}" = '
        lines = [line for line in KATE.splitlines() if language or not line.startswith(f"{key} =")]
        at = lines.index("[application]" if key == "name" else "[[question]]")
        return "\n".join([*lines[: at + 1], f'{key_in_text}"{text}"', *lines[at + 1 :]])

    for text in good:
        assert parse(manifest(text))
    for text in bad:
        least = "one letter or digit at least" if key == "name" else "3 letters or digits at least"
        with pytest.raises(InvalidManifestError, match=rf"{key}.*: expected {'' if text == bad[-1] and key == 'name' else least}"):
            parse(manifest(text))


def test_a_host_of_other_letters_is_read():
    """Such an endpoint is taken, so that the file stays in force."""
    text = '[endpoint.kde]\nname = "KDE"\nurl = "https://bücher.example/v1"\nresults = "https://bücher.example"\n'
    assert parse_configuration(text).endpoint["kde"].url == "https://bücher.example/v1"

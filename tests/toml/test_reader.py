"""The reader and the pydantic models of the same tables accept the same texts, with the same results."""

import unicodedata
from contextlib import suppress
from copy import deepcopy
from enum import Enum
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from support.manifests.manifest_variations import MANIFEST, VALUES, altered, at, places, text_of
from support.manifests.recorded_documents import CONFIGURATION, REVIEWS

from telemetryd.authoring.models import model_of
from telemetryd.core.permission.signoffs import Review, Stop
from telemetryd.errors import InvalidFileError
from telemetryd.toml import config, parser, reader
from telemetryd.toml.config_keys import CONFIGURATION as CONFIGURATION_KEYS
from telemetryd.toml.config_keys import LIMITS
from telemetryd.toml.config_keys import REVIEWS as REVIEWS_KEYS
from telemetryd.toml.manifest_keys import MANIFEST as MANIFEST_KEYS
from telemetryd.toml.tables import Row

KINDS = [
    (MANIFEST, MANIFEST_KEYS),
    (CONFIGURATION, CONFIGURATION_KEYS),
    (REVIEWS, REVIEWS_KEYS),
]


def plainly(value):
    """A row or model as plain data in which 1, 1.0 and True differ."""
    if isinstance(value, Row):
        texts = {f"{key}[{language}]": plainly(text) for language, known in value.texts.items() for key, text in known.items()}
        return {key: plainly(item) for key, item in vars(value).items() if key != "texts"} | texts
    if isinstance(value, BaseModel):
        fields = {key.rstrip("_"): plainly(getattr(value, key)) for key in type(value).model_fields}
        return fields | {key: plainly(unicodedata.normalize("NFC", text)) for key, text in (value.model_extra or {}).items()}
    if isinstance(value, dict):
        return {key: plainly(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plainly(item) for item in value]
    return (type(value).__name__ if not isinstance(value, Enum) else "", value)


def by_reader(document, table):
    """The reader's result for a parsed document; None if it is refused."""
    try:
        return plainly(reader.read(table, document, InvalidFileError))
    except InvalidFileError:
        return None


def by_model(document, table):
    """The model's result for it."""
    try:
        return plainly(model_of(table).model_validate(document))
    except ValidationError:
        return None


@pytest.mark.parametrize(("document", "table"), KINDS)
def test_whole_texts(document, table):
    """Texts with all keys, and empty ones where allowed, have the same result as with the models."""
    assert by_reader(document, table) == by_model(document, table) is not None
    assert by_reader({}, table) == by_model({}, table)


def test_tables_that_are_absent():
    """An absent table is a model like one that is there, so that its defaults are checked and described in the same way."""
    absent, empty = (model_of(CONFIGURATION_KEYS).model_validate(document) for document in ({}, {"limits": {}}))
    assert type(absent.limits) is type(empty.limits) is model_of(LIMITS)
    assert type(absent.endpoint) is dict


@pytest.mark.parametrize(("document", "table"), KINDS)
def test_one_change(document, table):
    """After any one change (value, extra key, missing key) both give the same result, or both refuse."""
    for changed in altered(document):
        assert by_reader(changed, table) == by_model(changed, table), changed


@given(st.data())
def test_any_change(data):
    """The same after several changes of the document or of its bytes."""
    document, table = data.draw(st.sampled_from(KINDS))
    document = deepcopy(document)
    for _ in range(data.draw(st.integers(0, 3))):
        path = data.draw(st.sampled_from(list(places(document))))
        at(document, path)[path[-1]] = deepcopy(data.draw(st.sampled_from(VALUES)))
    text = text_of(document)
    for _ in range(data.draw(st.integers(0, 2))):
        place = data.draw(st.integers(0, len(text)))
        text = text[:place] + data.draw(st.text(max_size=2)) + text[place + data.draw(st.integers(0, 2)) :]
    with suppress(InvalidFileError):
        document = parser.read(text, InvalidFileError)
        assert by_reader(document, table) == by_model(document, table)


LAID_OUT = """\
# Reviews of Kate

[[review]]
application = "org.kde.kate"
question = "startup"
definition = "sha256:9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c"
reviewers = ["Ada <ada@example.org>", "Bo <bo@example.org>"]
record = "https://mail.example.org/review/42"
date = 2026-11-20

[[stop]]
application = "org.kde.kate"
question = "startup"
reason = "answered"
date = 2027-02-01
text = "It was too fine."
[[review]]
application = "org.kde.ark"
question = "size"
definition = "sha256:9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c"
reviewers = ["Ada <ada@example.org>", "Bo <bo@example.org>", "Cy"]
record = "https://mail.example.org/review/43"
date = 2026-11-21
"""


def laid_out(text):
    """The result without a TOML parser; None if it needs one."""
    try:
        return config._parse_usual_layout(text, "a.toml")
    except ValueError:
        return None


def by_models(text):
    """The models' result; None if they refuse."""
    try:
        row = model_of(REVIEWS_KEYS).model_validate(parser.read(text, InvalidFileError))
    except (InvalidFileError, ValidationError):
        return None
    reviews = [Review(*review.__dict__.values(), "a.toml") for review in row.review]
    return (
        [review._replace(reviewers=tuple(review.reviewers)) for review in reviews],
        [Stop(stop.application, stop.question, stop.reason, stop.date, "a.toml", stop.text) for stop in row.stop],
    )


def test_laid_out():
    """Reviews and stops in the documented layout need no parser, even with comments and empty lines between them."""
    reviews, stops = laid_out(LAID_OUT)
    assert len(reviews) == 2
    assert len(stops) == 1
    assert (reviews, stops) == by_models(LAID_OUT) == config.parse_reviews(LAID_OUT, "a.toml")
    assert laid_out("") == by_models("") == ([], [])


TURN = 100
"""So many characters of the text are changed in one test, each by itself."""
OTHERS = ("", "\n", '"', "\\", "#", " ", "\t", "0", "9", "x", "]", ",", "=", "é", "\u2028", "\r", "\x00", "\x7f")


@pytest.mark.parametrize("first", range(0, len(LAID_OUT), TURN))
def test_laid_out_and_changed(first):
    """If a character is removed or replaced, a result without a parser is that of the models."""
    for place, character in product(range(first, min(first + TURN, len(LAID_OUT))), OTHERS):
        text = LAID_OUT[:place] + character + LAID_OUT[place + 1 :]
        result = laid_out(text)
        assert result is None or result == by_models(text), (place, text)


@pytest.mark.parametrize("begin", [0, LAID_OUT.index("[[stop]]")])
def test_laid_out_and_cut_short(begin):
    """A file cut anywhere has the models' result: Python before 3.11.5 ignored the beginning of a stop (gh-106052)."""
    for end in range(begin, len(LAID_OUT)):
        text = LAID_OUT[begin:end]
        result = laid_out(text)
        assert result is None or result == by_models(text), text[-40:]


@given(st.lists(st.tuples(st.integers(0, len(LAID_OUT)), st.integers(0, 40), st.text(max_size=3)), max_size=3))
def test_laid_out_and_mangled(cuts):
    """The same after any cuts and insertions."""
    text = LAID_OUT
    for place, length, more in cuts:
        text = text[:place] + more + text[place + length :]
    result = laid_out(text)
    assert result is None or result == by_models(text)

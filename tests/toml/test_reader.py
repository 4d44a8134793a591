"""The reader without pydantic against the models: whatever it reads, the models read, to the same."""

import subprocess
import sys
from copy import deepcopy
from datetime import date
from enum import Enum

import pytest
from altered import MANIFEST, VALUES, altered, at, places, text_of
from harness import KATE
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from telemetryd.core.signoffs import Review, Stop
from telemetryd.errors import InvalidFileError
from telemetryd.toml import config, parser, reader
from telemetryd.toml.models import base, config_tables, manifest_tables

CONFIGURATION = {
    "enabled": True,
    "developer": False,
    "idle_exit_minutes": 5,
    "budget_source": 4.0,
    "budget_year": 16.0,
    "budget_epsilon": 0,
    "limits": {"system": 0, "usage": 2, "new_questions": "ask"},
    "endpoint": {
        "kde": {
            "name": "KDE",
            "url": "HTTPS://Telemetry.example.org:443/v1",
            "format": "report",
            "ca_file": "/etc/ssl/certs/kde.pem",
            "results": "https://example.org/results",
            "ohttp_relay": "https://relay.example.net",
            "ohttp_keys": "/etc/keys",
        }
    },
}
REVIEWS = {
    "review": [
        {
            "application": "org.kde.kate",
            "question": "startup",
            "definition": "sha256:" + "9f2c" * 16,
            "reviewers": ["Ada <ada@example.org>", "Bo <bo@example.org>"],
            "record": "https://mail.example.org/review/42",
            "date": date(2026, 11, 20),
        }
    ],
    "stop": [{"application": "org.kde.kate", "question": "startup", "reason": "answered", "date": date(2027, 2, 1), "text": "why"}],
}
KINDS = [
    (MANIFEST, reader.MANIFEST, manifest_tables.ManifestText),
    (CONFIGURATION, reader.CONFIGURATION, config_tables.ConfigurationFile),
    (REVIEWS, reader.REVIEWS, config_tables.ReviewsFile),
]


def plainly(value):
    """A row or model as plain data in which 1, 1.0 and True differ."""
    if isinstance(value, reader.Row | BaseModel):
        names = type(value).model_fields if isinstance(value, BaseModel) else vars(value).keys() - {"texts"}
        found = {name.rstrip("_"): plainly(getattr(value, name)) for name in names}
        translate = getattr(value, "translations", dict)
        return found | ({"texts": translate()} if translate() else {})
    if isinstance(value, dict):
        return {key: plainly(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plainly(one) for one in value]
    return (type(value).__name__ if not isinstance(value, Enum) else "", value)


def both_of(document, shape, model):
    """What each of both readers says of what TOML's parser gave; None for what it does not read."""
    try:
        quick = shape(document)
    except (reader.DoubtError, ValueError):
        quick = None
    try:
        slow = model.model_validate(document)
    except ValidationError:
        slow = None
    return quick, slow


def both(text, shape, model):
    """The same of a text; None for what the parser does not read."""
    try:
        document = parser.read(text, InvalidFileError)
    except InvalidFileError:
        return None, None
    quick = reader.read(shape, document)
    try:
        slow = base.read(model, document, InvalidFileError)
    except InvalidFileError:
        slow = None
    return quick, slow


@pytest.mark.parametrize(("document", "shape", "model"), KINDS)
def test_whole_texts(document, shape, model):
    """Texts with every key are read without pydantic's models, to the same; so are empty ones where they may be."""
    quick, slow = both(text_of(document), shape, model)
    assert plainly(quick) == plainly(slow) is not None
    quick, slow = both("", shape, model)
    assert (quick is None) is (slow is None)
    assert quick is None or plainly(quick) == plainly(slow)


@pytest.mark.parametrize(("document", "shape", "model"), KINDS)
def test_one_change(document, shape, model):
    """After any one change (value, key more, key less) both read the same or neither reads; only huge numbers are left to the models."""
    for changed in altered(document):
        quick, slow = both_of(changed, shape, model)
        if quick is None:
            assert slow is None or any(huge in text_of(changed) for huge in ("1e+308", str(2**53 + 1), str(10**30))), changed
        else:
            assert plainly(quick) == plainly(slow), changed


@given(st.data())
def test_any_change(data):
    """What is read after several changes of the document, or of the text's bytes, is what the models read."""
    document, shape, model = data.draw(st.sampled_from(KINDS))
    document = deepcopy(document)
    for _ in range(data.draw(st.integers(0, 3))):
        path = data.draw(st.sampled_from(list(places(document))))
        at(document, path)[path[-1]] = deepcopy(data.draw(st.sampled_from(VALUES)))
    text = text_of(document)
    for _ in range(data.draw(st.integers(0, 2))):
        place = data.draw(st.integers(0, len(text)))
        text = text[:place] + data.draw(st.text(max_size=2)) + text[place + data.draw(st.integers(0, 2)) :]
    quick, slow = both(text, shape, model)
    assert quick is None or plainly(quick) == plainly(slow)


def test_no_pydantic():
    """A manifest, a configuration and reviews that are right import no pydantic; a manifest that is wrong does, and is explained."""
    code = f"""
import sys
from telemetryd.toml import config, manifest
manifest.parse({KATE!r})
config.parse_configuration({text_of(CONFIGURATION)!r})
config.parse_reviews({text_of(REVIEWS)!r}, "a.toml")
print("pydantic" in sys.modules)
try:
    manifest.parse("schema = 2")
except manifest.InvalidManifestError as error:
    print(error, "pydantic" in sys.modules)
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed == "False\nexpected schema = 1, the only one that this version knows True\n"


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
    """What is read without a TOML parser; None for what is not."""
    try:
        return config._laid_out(text, "a.toml")
    except (reader.DoubtError, ValueError):
        return None


def by_models(text):
    """What the models read; None for what they refuse."""
    try:
        found = base.read(config_tables.ReviewsFile, parser.read(text, InvalidFileError), InvalidFileError)
    except InvalidFileError:
        return None
    reviews = [Review(*one.__dict__.values(), "a.toml") for one in found.review]
    return (
        [one._replace(reviewers=tuple(one.reviewers)) for one in reviews],
        [Stop(one.application, one.question, one.reason, one.date, "a.toml", one.text) for one in found.stop],
    )


def test_laid_out():
    """Reviews and stops in the documentation's layout are read without a parser, comments and empty lines between them included."""
    reviews, stops = laid_out(LAID_OUT)
    assert len(reviews) == 2
    assert len(stops) == 1
    assert (reviews, stops) == by_models(LAID_OUT) == config.parse_reviews(LAID_OUT, "a.toml")
    assert laid_out("") == by_models("") == ([], [])


@pytest.mark.parametrize("place", range(len(LAID_OUT)))
def test_laid_out_and_changed(place):
    """With any character taken away or replaced, what is still read without a parser is what the models read."""
    for one in ("", "\n", '"', "\\", "#", " ", "\t", "0", "9", "x", "]", ",", "=", "é", "\u2028", "\r", "\x00", "\x7f"):
        text = LAID_OUT[:place] + one + LAID_OUT[place + 1 :]
        found = laid_out(text)
        assert found is None or found == by_models(text), text


@pytest.mark.parametrize("begin", [0, LAID_OUT.index("[[stop]]")])
def test_laid_out_and_cut_short(begin):
    """A file that ends anywhere is what the models take it for: Python before 3.11.5 took a beginning of a stop for nothing (gh-106052)."""
    for end in range(begin, len(LAID_OUT)):
        text = LAID_OUT[begin:end]
        found = laid_out(text)
        assert found is None or found == by_models(text), text[-40:]


@given(st.lists(st.tuples(st.integers(0, len(LAID_OUT)), st.integers(0, 40), st.text(max_size=3)), max_size=3))
def test_laid_out_and_mangled(cuts):
    """The same after any cuts and insertions."""
    text = LAID_OUT
    for place, length, more in cuts:
        text = text[:place] + more + text[place + length :]
    found = laid_out(text)
    assert found is None or found == by_models(text)

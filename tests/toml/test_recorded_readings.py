"""A few thousand texts have the same readings as in November 2026, when pydantic read them too.

`recorded_readings.json` lists the accepted changes at every place of three documents, with a hash over their readings. The reading of a
manifest is its digests. The file must not follow the code, because a changed digest asks every user again.
"""

import hashlib
import json
from copy import deepcopy
from enum import Enum
from pathlib import Path

import pytest
from support.manifests.manifest_variations import KEYS, VALUES, at, places, text_of
from support.manifests.recorded_documents import CONFIGURATION, MANIFEST, REVIEWS

from telemetryd.core.settings import Origin
from telemetryd.errors import TelemetrydError
from telemetryd.toml import config, manifest

FILE = Path(__file__).with_name("recorded_readings.json")
RECORDED = json.loads(FILE.read_text()) if FILE.exists() else {}
TRIED_VALUES, TRIED_KEYS = slice(0, 103, 2), slice(11)
"""The values and keys of `manifest_variations` in November 2026."""


def made_of_manifest(text):
    """The digests of a declaration."""
    declaration = manifest.parse(text)
    return [declaration.digest, *(definition.digest for definition in declaration.definitions)]


def made_of_configuration(text):
    """The values of the keys of the document."""
    row = config.parse_configuration(text)
    made = {key: plainly(getattr(row, key)) for key in CONFIGURATION}
    for endpoint in made["endpoint"].values():
        assert endpoint.pop("proxy") == ["str", ""]  # a later key
    return made


def made_of_reviews(text):
    """The reviews and stops."""
    reviews, stops = config.parse_reviews(text, "file")
    assert all(stop.origin is Origin.SYSTEM for stop in stops)  # a later field
    return [plainly(reviews), [plainly(stop)[:-1] for stop in stops]]


DOCUMENTS = {
    "manifest": (MANIFEST, made_of_manifest),
    "configuration": (CONFIGURATION, made_of_configuration),
    "reviews": (REVIEWS, made_of_reviews),
}
PLACES = [f"{kind}/{'/'.join(map(str, path))}" for kind, (document, _) in DOCUMENTS.items() for path in places(document)]


def plainly(value):
    """Plain data in which 1, 1.0 and True differ."""
    if isinstance(value, dict):
        return {key: plainly(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plainly(item) for item in value]
    if hasattr(value, "__dict__") and not isinstance(value, Enum):
        return {key: plainly(item) for key, item in vars(value).items() if key != "texts"}
    return ["" if isinstance(value, Enum) else type(value).__name__, str(value)]


def changes(document, path):
    """Each change at one place, with its name."""
    for number, value in enumerate(VALUES[TRIED_VALUES]):
        changed = deepcopy(document)
        at(changed, path)[path[-1]] = value
        yield f"value {number}", changed
    without = deepcopy(document)
    del at(without, path)[path[-1]]
    yield "gone", without
    for key in KEYS[TRIED_KEYS] if isinstance(at(document, path), dict) else ():
        more = deepcopy(document)
        at(more, path)[key] = "b"
        yield f"and {key}", more


def readings(place):
    """The accepted changes of a place, and a hash over their readings."""
    kind, _, wanted = place.partition("/")
    document, made_of = DOCUMENTS[kind]
    (path,) = (place for place in places(document) if "/".join(map(str, place)) == wanted)
    accepted, made = [], []
    for name, changed in changes(document, path):
        try:
            reading = made_of(text_of(changed))
        except TelemetrydError:
            continue
        accepted.append(name)
        made.append(reading)
    return [", ".join(accepted), hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:32]]


def test_all_were_recorded():
    """The record has every place of the three documents."""
    assert sorted(RECORDED) == sorted(PLACES)


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_as_recorded(kind):
    """The same changes are accepted as then, with the same readings."""
    for place in PLACES:
        if place.startswith(f"{kind}/"):
            assert readings(place) == RECORDED[place], place

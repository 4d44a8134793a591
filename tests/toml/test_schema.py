"""The JSON Schema for editors agrees with the parser."""

import importlib.util
import itertools
import json
import tomllib
from copy import deepcopy
from datetime import date, time
from pathlib import Path

import pytest
from support.manifests.manifest_variations import MANIFEST, altered, text_of

from telemetryd.errors import InvalidManifestError
from telemetryd.toml.manifest import parse

fastjsonschema = pytest.importorskip("fastjsonschema")

ROOT = Path(__file__).parents[2]
GOOD = sorted([*(ROOT / "tests/manifests/good").glob("*.toml"), *(ROOT / "docs/examples").glob("*.toml")])
FAULTY = sorted((ROOT / "tests/manifests/faulty").glob("*.toml"))
ACCEPTED = deepcopy(MANIFEST)
ACCEPTED["question"][0]["coarser"] = {"startup": [500]}
ACCEPTED["question"].append(
    MANIFEST["question"][0] | {"id": "r", "sources": ["dark", "platform", "files"], "coarser": {}, "expected": {}, "epsilon": 2}
)


def generator():
    """The script that writes the schema, as a module."""
    spec = importlib.util.spec_from_file_location("generate_schema", ROOT / "docs/generate_schema.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def as_json(value):
    """TOML as editors pass it to a schema: a date is a text."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, date | time) else value


@pytest.fixture(scope="module")
def is_valid():
    """Whether the schema accepts a text."""
    validate = fastjsonschema.compile(json.loads(generator().FILE.read_text()))

    def check(text):
        try:
            validate(as_json(tomllib.loads(text)))
        except fastjsonschema.JsonSchemaException:
            return False
        return True

    return check


def test_schema_is_current():
    """The shipped schema is that of the current models."""
    docs = generator()
    assert docs.FILE.read_text() == docs.schema()


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good(path, is_valid):
    """Good manifests are valid."""
    assert is_valid(path.read_text())


def test_it_refuses_nothing_that_is_accepted(is_valid):
    """After any one change of a manifest with all keys, whatever the parser accepts is valid."""
    accepted = 0
    for changed in itertools.islice(altered(ACCEPTED), 0, None, 3):
        text = text_of(changed)
        try:
            parse(text)
        except InvalidManifestError:
            continue
        accepted += 1
        assert is_valid(text), text
    assert accepted > 200


def test_it_refuses_what_it_can(is_valid):
    """It refuses most faults of the corpus that a schema can find, such as unknown keys, missing ones and wrong values."""
    valid = []
    for path in FAULTY:
        try:
            tomllib.loads(path.read_text())
        except (ValueError, RecursionError):
            continue
        if not path.stem.startswith("warn-") and path.stem != "dots" and is_valid(path.read_text()):
            valid.append(path.stem)
    beyond = "application-id-ours uses-own id-twice not-asked combine-applications falling value- name-two-lines empty question-missing "
    beyond += "id-reserved category-of-facts unknown foreign in-full too- coarser- ends- epsilon-steps expected- starts-text"
    assert [name for name in valid if not any(part in name for part in beyond.split())] == []


@pytest.mark.parametrize(
    "name",
    [
        "unknown-key",
        "unknown-table",
        "purpose-missing",
        "ends-missing",
        "type-text",
        "value-path",
        "contact-http",
        "epsilon-high",
        "schema-other",
    ],
)
def test_it_refuses(name, is_valid):
    """Faults that an editor should mark."""
    assert not is_valid((ROOT / f"tests/manifests/faulty/{name}.toml").read_text())


def test_every_key_is_explained():
    """Every key has a description for editors."""
    definitions = json.loads(generator().FILE.read_text())["definitions"]
    fields = [field for schema in definitions.values() for field in schema.get("properties", {}).values()]
    assert len(fields) > 30
    assert [field for field in fields if not field.get("description")] == []

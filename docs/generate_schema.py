# noqa: INP001 - a script beside the documents, as the others
"""Writes the JSON Schema of the manifest, for editors, from the models that telemetryd reads manifests with.

Run it after changing a model or a guide: `python docs/generate_schema.py`. A test holds the file against the models. What a schema cannot
say (that edges rise, that a question is admissible) it leaves out: it refuses nothing that telemetryd accepts.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telemetryd.authoring.guidance import GUIDES
from telemetryd.core.definition import NONE, OTHER
from telemetryd.toml import fields
from telemetryd.toml.models.manifest_tables import ApplicationTable, FlagSource, ManifestText, QuestionTable

if TYPE_CHECKING:
    from telemetryd.toml.models.base import Localised

FILE = Path(__file__).parents[1] / "telemetryd/ctl/manifest.schema.json"
_SOURCES = ("FlagSource", "ChoiceSource", "NumberSource", "CountSource")
_TABLES = {"ApplicationTable": "application", "QuestionTable": "question", **dict.fromkeys(_SOURCES, "source")}
_LANGUAGE = r"\[[a-z]{2,3}(_([A-Z]{2}|[0-9]{3}))?(@[a-z]{2,16})?\]"
_TRANSLATABLE: dict[str, type[Localised]] = {
    "ApplicationTable": ApplicationTable,
    "QuestionTable": QuestionTable,
    **dict.fromkeys(_SOURCES, FlagSource),
}


def _whole(pattern: str) -> str:
    return f"^(?:{pattern})$"


_ID = {"pattern": _whole(fields.ID)}
_NUMBER = {"type": "number", "minimum": -fields.EXACT, "maximum": fields.EXACT}
_COUNT = {"type": "integer", "minimum": 0, "maximum": fields.EXACT}
_VALUE = {"type": "string", "pattern": r"^[A-Za-z0-9._+-]{1,32}$", "not": {"enum": [OTHER, NONE]}}
_SET = {"type": "array", "minItems": 1, "uniqueItems": True}
_SAID = {
    "application": {
        "id": {"pattern": _whole(fields.APPLICATION_ID)},
        "vendor": _ID,
        "contact": {"pattern": r"^(https://|mailto:)[!-~]+$"},
        "snap": {"pattern": _whole(fields.SNAP)},
        "uses": _SET | {"items": {"type": "string", "pattern": _whole(f"{fields.APPLICATION_ID}/{fields.ID}")}},
    },
    "source": {"id": _ID, "bins": _SET | {"items": _NUMBER}, "values": _SET | {"items": _VALUE}},
    "question": {
        "id": _ID,
        "sources": _SET | {"items": {"type": "string", "pattern": _whole(f"({fields.APPLICATION_ID}/)?{fields.ID}")}},
        "coarser": {"additionalProperties": _SET | {"items": {"type": ["number", "string"]}}},
        "epsilon": {"minimum": 0.1, "maximum": 4},
    },
}
"""What the rules of the fields say, as far as a schema can."""


def schema() -> str:
    """The text of the file as it should be."""
    found = ManifestText.model_json_schema(ref_template="#/definitions/{model}")
    definitions = found.pop("$defs")
    for model, table in _TABLES.items():
        _complete(definitions[model], model, table)
    definitions["CountSource"]["properties"]["bins"]["items"] = _COUNT
    sources = found["properties"]["source"]
    sources["items"] = {"oneOf": sources["items"]["oneOf"]}
    for name in ("schema", "application", "source", "question"):
        found["properties"][name]["description"] = GUIDES[name][""].help
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "telemetryd manifest"}
    return json.dumps(_plain(head | found | {"definitions": definitions}), indent=2) + "\n"


def _complete(definition: dict[str, Any], model: str, table: str) -> None:
    for key, field in definition["properties"].items():
        if "anyOf" in field:  # what may be absent
            field.update(field.pop("anyOf")[0])
        if field.get("default", "") in ("", None):
            field.pop("default", None)
        if "$ref" in field:  # beside it, nothing would count
            field["allOf"] = [{"$ref": field.pop("$ref")}]
        field.update(_SAID[table].get(key, {}), description=GUIDES[table][key].help)
    texts = "|".join(_TRANSLATABLE[model].translatable)
    definition["patternProperties"] = {f"^({texts}){_LANGUAGE}$": definition["additionalProperties"]}
    definition["additionalProperties"] = False


def _plain(node: Any) -> Any:
    """Without titles, which would only repeat the keys."""
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {key: _plain(one) for key, one in node.items() if not (key == "title" and one != "telemetryd manifest" and isinstance(one, str))}


if __name__ == "__main__":
    FILE.write_text(schema(), encoding="utf-8")

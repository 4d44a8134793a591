# noqa: INP001 - a script beside the documents, as the others
"""Writes the JSON Schema of the manifest, for editors, from the tables of keys that telemetryd reads manifests with.

Run it after changing a key: `python docs/generate_schema.py`. A test holds the file against the tables. What a schema cannot
say (that edges rise, that a question is admissible) it leaves out: it refuses nothing that telemetryd accepts.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from telemetryd.authoring.models import model_of
from telemetryd.toml.manifest_keys import MANIFEST

FILE = Path(__file__).parents[1] / "telemetryd/ctl/manifest.schema.json"


def schema() -> str:
    """The text of the file as it should be."""
    found = model_of(MANIFEST).model_json_schema(ref_template="#/definitions/{model}")
    definitions = found.pop("$defs")
    for definition in definitions.values():
        for field in definition.get("properties", {}).values():
            _complete(field)
    sources = found["properties"]["source"]
    sources["items"] = {"oneOf": sources["items"]["oneOf"]}
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "telemetryd manifest"}
    return json.dumps(_plain(head | found | {"definitions": definitions}), indent=2) + "\n"


def _complete(field: dict[str, Any]) -> None:
    if field.get("default", "") in ("", None):
        field.pop("default", None)
    if "$ref" in field:  # beside it, nothing would count
        field["allOf"] = [{"$ref": field.pop("$ref")}]


def _plain(node: Any) -> Any:
    """Without titles, which would only repeat the keys."""
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {key: _plain(one) for key, one in node.items() if not (key == "title" and one != "telemetryd manifest" and isinstance(one, str))}


if __name__ == "__main__":
    FILE.write_text(schema(), encoding="utf-8")

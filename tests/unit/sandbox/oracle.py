"""The vendor's contracts as oracle of answers: valid, and no field that the contract does not name."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

FOLDER = Path(os.environ.get("CONTRACTS_DIR") or Path(__file__).resolve().parents[4] / "shared" / "specs") / "amazon"


def model(name: str) -> Any:
    """A contract file; the test is skipped where there is none."""
    path = FOLDER / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the vendor's contracts are not there: {FOLDER}")
    return json.loads(path.read_text("utf-8"))


def valid(name: str, definition: str, value: Any) -> None:
    """Fail unless `value` is the definition of that model. An empty name of a definition means the whole file."""
    told = model(name)
    schema = {"$ref": f"#/definitions/{definition}", "definitions": told["definitions"]} if definition else told
    jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker()).validate(value)
    if definition:
        _only_known(value, told["definitions"][definition], told["definitions"])


def _only_known(value: Any, schema: Any, definitions: Any) -> None:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[1]]
    if schema.get("additionalProperties") or ("properties" not in schema and schema.get("type") != "array"):
        return
    if isinstance(value, dict):
        assert set(value) <= set(schema["properties"]), f"unknown fields: {set(value) - set(schema['properties'])}"
        for name, inner in value.items():
            _only_known(inner, schema["properties"][name], definitions)
    elif isinstance(value, list):
        for inner in value:
            _only_known(inner, schema["items"], definitions)

"""Writes ``docs/stack.schema.json``: the JSON schema of a stack file, made from the models that check it.

Editors with the YAML language server complete and check ``Pulumi.<stack>.yaml`` with it. The schema covers keys, types
and the forms that a pattern can express; the program checks the rest when it loads the settings.
``python -m tools.stack_schema`` (or ``make docs``) writes the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from settings.errors import PROJECT, SECRET_KEYS
from settings.model import Settings
from tools.descriptions import describe

FILE = Path(__file__).parents[1] / "docs" / "stack.schema.json"
_SECURE = {
    "description": "An encrypted value: pulumi config set --secret KEY",
    "type": "object",
    "properties": {"secure": {"type": "string"}},
    "required": ["secure"],
    "additionalProperties": False,
}


def schema() -> dict[str, Any]:
    """Return the schema of a whole stack file: the settings below ``config``, with the project's name before each."""
    describe()
    settings = Settings.model_json_schema(by_alias=True)
    properties = {f"{PROJECT}:{name}": _at_the_top(value) for name, value in settings["properties"].items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stack file of WSO2 Enterprise Integrator on Kubernetes",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": properties | {f"{PROJECT}:{name}": _SECURE for name in SECRET_KEYS},
                "required": [f"{PROJECT}:{name}" for name in settings["required"]],
                # Config of other projects and providers, such as aws:region.
                "patternProperties": {f"^(?!{PROJECT}:)[^:]+:": {}},
                "additionalProperties": False,
            },
            "encryptionsalt": {"type": "string"},
            "secretsprovider": {"type": "string"},
            "encryptedkey": {"type": "string"},
            "environment": {},
        },
        "required": ["config"],
        "additionalProperties": False,
        "$defs": {name: _with_optional_volumes(model) for name, model in settings["$defs"].items()},
    }


def _at_the_top(value: dict[str, Any]) -> dict[str, Any]:
    """Accept a boolean as text too: the CLI writes every value at the top in quotes."""
    if value.get("type") != "boolean":
        return value
    return {name: found for name, found in value.items() if name != "type"} | {"enum": [True, False, "true", "false"]}


def _with_optional_volumes(model: dict[str, Any]) -> dict[str, Any]:
    """Require no claim and no class: there is none for a volume that the stack does not have."""
    volumes = {"mysqlClaim", "mysqlClass", "carbonappsClaim", "carbonappsClass"}
    required = [name for name in model.get("required", []) if name not in volumes]
    return model | {"required": required} if "required" in model else model


def text() -> str:
    """Return the file's content."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")

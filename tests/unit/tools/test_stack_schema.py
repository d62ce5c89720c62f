"""The JSON schema of the stack file accepts what the program accepts, and flags misspelt keys and invalid values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from settings.errors import SECRET_KEYS
from tests.unit.support.mistake_pairs import MISSPELT, WRONG_TYPE, Pair, base, pairs
from tests.unit.support.valid_stacks import STACKS
from tools.stack_schema import FILE, schema, text

ROOT = Path(__file__).parents[3]
VALIDATOR = jsonschema.Draft202012Validator(schema())
PAIRS = list(pairs())


def stack_file(config: dict[str, Any]) -> dict[str, Any]:
    return {"config": {f"wso2ei:{key}": value for key, value in config.items()}}


def errors(content: Any) -> list[str]:
    """Messages of every error, those inside a union of sections included."""

    def flat(error: jsonschema.ValidationError) -> list[str]:
        return [error.message, *(text for inner in error.context or [] for text in flat(inner))]

    return [text for error in VALIDATOR.iter_errors(content) for text in flat(error)]


def test_the_file_has_not_drifted_from_the_models() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run: make docs"


def test_the_schema_is_a_valid_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_stack_files_name_the_schema_and_are_valid(stack: str) -> None:
    content = (ROOT / f"Pulumi.{stack}.yaml").read_text()
    line = content.splitlines()[0]
    assert line.startswith("# yaml-language-server: $schema=")
    assert (ROOT / line.partition("=")[2]) == FILE
    assert errors(yaml.safe_load(content)) == []


@pytest.mark.parametrize("shape", STACKS)
def test_every_valid_stack_shape_is_valid(shape: str) -> None:
    config = {key: value for key, value in STACKS[shape].items() if key not in SECRET_KEYS}
    assert errors(yaml.safe_load(yaml.safe_dump(stack_file(json.loads(json.dumps(config)))))) == []


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair.kind == MISSPELT], ids=str)
def test_every_misspelt_key_is_flagged(pair: Pair) -> None:
    name = pair.path.rpartition(".")[2]
    assert any(name in message for message in errors(stack_file(pair.config)))


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair.kind == WRONG_TYPE], ids=str)
def test_every_wrong_type_is_flagged(pair: Pair) -> None:
    assert errors(stack_file(pair.config)) != []


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_a_secret_must_be_encrypted(key: str) -> None:
    assert errors(stack_file(base() | {key: {"secure": "v1:abc"}})) == []
    assert errors(stack_file(base() | {key: "hunter2"})) != []


def test_keys_of_the_cli_and_of_other_projects_are_valid() -> None:
    content = stack_file(base()) | {"encryptionsalt": "v1:abc", "secretsprovider": "awskms://alias/x"}
    content["config"]["aws:region"] = "eu-central-1"
    assert errors(content) == []
    content["config"]["wso2ei:ingres"] = {}
    assert any("wso2ei:ingres" in message for message in errors(content))

"""What this program relies on of the random plugin, with the real CLI and whatever plugin is installed. No cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.kit.plugins.pulumi_program import Program

BODY = """
import pulumi_random as random
keepers = {"rotation": pulumi.Output.secret("hush")} if %(rotate)r else None
password = random.RandomPassword("p", length=%(length)d, special=False, keepers=keepers)
data = random.RandomBytes("b", length=32)
random.RandomPassword("after", length=8, keepers={"first": password.result})
pulumi.export("length", password.result.apply(len))
"""


def secret(entry: dict[str, Any], name: str) -> str:
    """An output that is encrypted in the state, from an export that shows secrets."""
    return str(json.loads(entry["outputs"][name]["plaintext"]))


def test_random_values_stay_are_encrypted_and_change_with_their_inputs_alone(tmp_path: Path, pulumi_home: Path) -> None:
    program = Program(tmp_path, pulumi_home)
    first = BODY % {"rotate": False, "length": 32}
    program.write(first).run("stack", "init", "test").ok()
    assert program.steps(first)["p"] == "create"
    program.up().ok()
    made = program.resources()
    password, data = secret(made["p"], "result"), secret(made["b"], "hex")
    assert len(password) == 32
    assert password.isalnum()
    assert len(bytes.fromhex(data)) == 32
    exported = program.run("stack", "export", "--stack", "test").ok().output
    assert password not in exported
    assert data not in exported
    assert program.steps(first) == {}

    rotated = BODY % {"rotate": True, "length": 32}
    steps = program.steps(rotated)
    assert "replace" in steps["p"]
    assert "replace" in steps["after"]
    assert "b" not in steps
    program.up(rotated).ok()
    assert secret(program.resources()["p"], "result") != password
    assert secret(program.resources()["b"], "hex") == data
    assert "hush" not in program.run("stack", "export", "--stack", "test").ok().output

    refused = program.up(BODY % {"rotate": False, "length": 0}).failed()
    assert "length" in refused.output

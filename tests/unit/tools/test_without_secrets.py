"""A stack file with encrypted values becomes one that anybody can preview."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tools.without_secrets import main

CONTENT = {
    "encryptionsalt": "v1:abc",
    "config": {
        "wso2ei:registryUsername": "me@example.com",
        "wso2ei:registryPassword": {"secure": "v1:def"},
        "wso2ei:nested": {"a": [{"b": {"secure": "v1:ghi"}}]},
        "wso2ei:ei": {"version": "6.5.0"},
    },
}


def test_encrypted_values_and_their_key_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "Pulumi.prod.yaml", tmp_path / "copy.yaml"
    source.write_text(yaml.safe_dump(CONTENT))
    assert main([str(source), str(target)]) == 0
    assert yaml.safe_load(target.read_text()) == {
        "config": {"wso2ei:registryUsername": "me@example.com", "wso2ei:ei": {"version": "6.5.0"}}
    }
    said = capsys.readouterr().err
    assert "wso2ei:nested" in said
    assert "wso2ei:registryPassword" in said
    assert main([str(source), str(source)]) == 0
    assert "secure" not in source.read_text()


def test_a_stack_that_does_not_exist_is_told_with_those_that_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Pulumi.local.yaml").write_text("config: {}\n")
    assert main([str(tmp_path / "Pulumi.pord.yaml"), str(tmp_path / "x")]) == 2
    assert "Pulumi.local.yaml" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()

"""The copy of a stack file that Pulumi works on: what commands set in it outlives the next copying."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from embedded.pulumi_env import copy_stack_file

SECURE = {"secure": "v1:abc"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "checkout").mkdir()
    return tmp_path / "checkout" / "Pulumi.local.yaml"


def write(path: Path, config: dict[str, Any], **more: str) -> None:
    path.write_text(yaml.safe_dump({"config": config} | more))


def copied(source: Path) -> tuple[Path, dict[str, Any]]:
    copy = copy_stack_file(source, source.parent.parent / "stacks")
    assert copy
    return copy, yaml.safe_load(copy.read_text())


def test_salt_secrets_and_values_set_by_a_command_stay(source: Path) -> None:
    write(source, {"p:ei": {"replicas": 2}, "p:user": "example"})
    copy, _ = copied(source)
    write(copy, {"p:ei": {"replicas": 2}, "p:user": "me", "p:password": SECURE}, encryptionsalt="v1:salt")
    assert copied(source)[1] == {
        "config": {"p:ei": {"replicas": 2}, "p:user": "me", "p:password": SECURE},
        "encryptionsalt": "v1:salt",
    }


def test_an_edit_of_the_stack_file_wins_for_the_edited_key_alone(source: Path) -> None:
    write(source, {"p:ei": {"replicas": 2}, "p:user": "example", "p:gone": True})
    copy, _ = copied(source)
    write(copy, {"p:ei": {"replicas": 4}, "p:user": "me", "p:gone": True, "p:password": SECURE})
    write(source, {"p:ei": {"replicas": 3}, "p:user": "example", "p:new": 1})
    for _ in range(2):
        assert copied(source)[1]["config"] == {
            "p:ei": {"replicas": 3}, "p:user": "me", "p:new": 1, "p:password": SECURE,
        }  # fmt: skip


def test_what_a_command_removed_stays_away(source: Path) -> None:
    write(source, {"p:user": "example", "p:ei": {}})
    copy, _ = copied(source)
    write(copy, {"p:ei": {}})
    assert copied(source)[1]["config"] == {"p:ei": {}}


def test_a_copy_from_before_origins_were_kept_keeps_its_secrets(source: Path) -> None:
    write(source, {"p:ei": {"replicas": 3}})
    folder = source.parent.parent / "stacks"
    folder.mkdir()
    write(folder / source.name, {"p:ei": {"replicas": 2}, "p:password": SECURE}, encryptionsalt="v1:salt")
    assert copied(source)[1] == {
        "config": {"p:ei": {"replicas": 3}, "p:password": SECURE},
        "encryptionsalt": "v1:salt",
    }


def test_a_stack_file_with_a_salt_of_its_own_is_not_copied(source: Path) -> None:
    write(source, {}, encryptionsalt="v1:salt")
    assert copy_stack_file(source, source.parent / "stacks") is None

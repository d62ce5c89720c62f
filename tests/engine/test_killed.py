"""A state whose writing was killed, in the file backend of the real CLI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from embedded.errors import KitError
from embedded.pulumi_env import PulumiEnv, ensure_stack
from tests.engine.conftest import ROOT

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


def test_a_state_with_unfinished_attributes_is_read_again_and_not_made_anew(
    new_stack: Callable[[str, Path], dict[str, str]], tmp_path: Path
) -> None:
    file = tmp_path / "copy/Pulumi.local.yaml"
    env = PulumiEnv(ROOT, "local", new_stack("local", tmp_path), file)
    before = env.read(["stack", "export"]).stdout
    folder = env.backend_folder()
    assert folder
    (attributes,) = folder.rglob("local.json.attrs")
    attributes.write_text("")
    assert "failed to load checkpoint: EOF" in env.read(["stack", "export"]).stderr

    salted = file.read_text()
    ensure_stack(env)
    assert env.read(["stack", "export"]).stdout == before
    assert file.read_text() == salted


def test_another_damage_of_the_state_is_reported_and_left_alone(
    new_stack: Callable[[str, Path], dict[str, str]], tmp_path: Path
) -> None:
    env = PulumiEnv(ROOT, "local", new_stack("local", tmp_path), tmp_path / "copy/Pulumi.local.yaml")
    folder = env.backend_folder()
    assert folder
    (state,) = folder.rglob("local.json")
    state.write_text('{"version": 3, "checkp')
    with pytest.raises(KitError, match="local"):
        ensure_stack(env)
    assert state.read_text() == '{"version": 3, "checkp'

"""The kubeconfig and the cluster's refusals, as messages."""

from __future__ import annotations

from pathlib import Path

import pytest
from kubernetes.client import ApiException

from preflight.context import choose_context, query_or_warn
from settings import errors
from settings.model import Settings
from tests.unit.support.mistake_pairs import base

SEVERAL = Settings.model_validate(base() | {"kubernetes": {"contexts": ["kind-*", "docker-desktop"]}})


@pytest.mark.parametrize("content", [b"users:\n- user: {token: hunter2\n\t:", b"\xff\xfe\x00"])
def test_a_damaged_kubeconfig_is_a_mistake_and_no_traceback_and_shows_nothing_of_it(
    content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "config"
    file.write_bytes(content)
    with pytest.raises(errors.ConfigurationError, match="cannot be read: it is not YAML") as caught:
        choose_context(SEVERAL, [file], dry_run=False)
    assert str(file) in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_preview_works_without_a_kubeconfig_that_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("a: [")
    assert choose_context(SEVERAL, [file], dry_run=True) == "docker-desktop"


def test_a_refusal_of_the_api_server_is_reported_by_status_and_name(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", warnings.append)

    def refuse() -> None:
        raise ApiException(status=401, reason="Unauthorized")

    assert query_or_warn(refuse, "not checked") is None
    assert warnings == ["not checked: 401 Unauthorized"]

"""A cluster that answers the preflight checks, and what an update shows of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.support.api_server import ApiServer, api_server


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """The API server of the context ``here`` of the kubeconfig."""
    with api_server() as server:
        (tmp_path / "config").write_text(server.kubeconfig("here"))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        yield server


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Warnings of an update."""
    found: list[str] = []
    monkeypatch.setattr("pulumi.runtime.is_dry_run", lambda: False)
    monkeypatch.setattr("pulumi.log.warn", found.append)
    return found

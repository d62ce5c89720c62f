"""`make clean` when it is interrupted, which leaves no state that the next `make up` would take for its own."""

from __future__ import annotations

import shutil
from argparse import Namespace
from pathlib import Path

import pytest

from embedded import clean
from embedded.progress import Reporter


def test_an_interrupted_removal_leaves_no_backend_without_its_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("WSO2EI_EMBEDDED_STATE", str(state))
    monkeypatch.setattr("embedded.cluster.lifecycle.stop", lambda _: None)
    monkeypatch.setattr("embedded.clean.leftovers", list)
    (state / "pulumi/backend").mkdir(parents=True)
    (state / "pulumi/passphrase").write_text("example")

    def interrupted(folder: Path, **_: bool) -> None:
        for file in folder.rglob("passphrase"):
            file.unlink()
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(shutil, "rmtree", interrupted)
        clean.run(Namespace(), Reporter())
    assert not state.exists()

    clean.run(Namespace(), Reporter())
    assert list(tmp_path.iterdir()) == []

"""``make clean``: the last test of a run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.machine import Machine, running_processes

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def test_clean_leaves_no_process_namespace_mount_cgroup_interface_or_state_and_keeps_the_cache(
    machine: Machine,
) -> None:
    from embedded.cluster.leftovers import leftovers
    from embedded.paths import cache_dir

    machine.make("clean").ok()
    state = os.environ["WSO2EI_EMBEDDED_STATE"]
    assert leftovers() == []
    assert not Path(state).exists()
    assert running_processes(state) == []
    assert state not in Path("/proc/self/mounts").read_text()
    assert any((cache_dir() / "toolchain").iterdir())

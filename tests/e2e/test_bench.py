"""Rows of the benchmark on a running stack: that they measure, not what."""

from __future__ import annotations

import pytest

from tests.bench.common import Bench
from tests.bench.findings import secrets_around
from tests.bench.stack import memory
from tests.e2e.machine import Machine

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.usefixtures("first_up")]


def test_memory_and_secrets_of_a_running_stack_are_measured(machine: Machine) -> None:
    machine.bring_up(changes_may_wait=True)
    with Bench(machine) as bench:
        found = {sample.case: sample.value for sample in [*memory(bench, 1), *secrets_around(machine)]}
    assert found["wso2ei: memory"] > found["nginx-ingress: memory"] > 0
    assert found["running stack: state"] == 0

"""When the acceptance Job runs again, and what it checks."""

from __future__ import annotations

import functools
import json
import runpy
from typing import Any

import pytest

from tests.unit.support.recording import record
from tests.unit.support.stacks import ROOT
from tests.unit.support.valid_stacks import EXISTING, with_

TRIGGER = "wso2ei/runs-again-with"


@functools.cache
def pod(config: str) -> dict[str, Any]:
    """The pod template of the Job of a stack."""
    recorder = record(
        lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
        config=json.loads(config), stack="shape",
    )  # fmt: skip
    job = next(item for item in recorder.registered if item.name == "wso2ei-acceptance-job")
    return dict(job.body()["spec"]["template"])


def job(**sections: Any) -> dict[str, Any]:
    return pod(json.dumps(with_(**sections), sort_keys=True))


def trigger(**sections: Any) -> str:
    return str(job(**sections)["metadata"]["annotations"][TRIGGER])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"ingress": {"className": "other"}}),
        ({}, {"ei": {"hostAliases": [{"ip": "10.0.0.9", "hostnames": ["backend"]}]}}),
        ({}, {"ei": {"podLabels": {"team": "a"}}}),
        ({}, {"ei": {"patches": [{"file": "conf/carbon.xml", "path": "Server/ServerKey", "set": "x"}]}}),
        ({}, {"ei": {"replicas": 3}}),
        ({}, {"scheduling": {"nodeSelector": {"pool": "a"}}}),
        ({"ingress": EXISTING}, {"ingress": EXISTING | {"controllerLabels": {"app": "nginx"}}}),
        ({"ingress": {"expose": "NodePort", "address": "a"}}, {"ingress": {"expose": "NodePort", "address": "b"}}),
        ({}, {"ingress": {"readTimeout": 200}}),
    ],
)  # fmt: skip
def test_the_job_runs_again_when_an_object_changes_that_it_judges(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert trigger(**before) != trigger(**after)


def test_the_job_does_not_run_again_for_the_number_of_nodes_of_an_autoscaler() -> None:
    scaled = {"autoscaler": {"maxReplicas": 3}}
    assert trigger(ei=scaled | {"replicas": 2}) == trigger(ei=scaled | {"replicas": 3})


def test_affinity_is_checked_with_several_nodes_only() -> None:
    def arguments(**ei: Any) -> list[str]:
        return list(job(ei=ei)["spec"]["containers"][0]["args"])

    assert "--affinity-cookie route" in " ".join(arguments())
    assert "--affinity-cookie" not in arguments(replicas=1)
    assert "--affinity-cookie" in arguments(replicas=1, autoscaler={"maxReplicas": 3})

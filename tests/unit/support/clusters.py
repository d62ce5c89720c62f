"""An ``EiCluster`` with the least arguments, what it registers, and parts of its pods."""

from __future__ import annotations

from typing import Any

import pulumi

from components.ei.args import EiClusterArgs
from components.ei.cluster import EiCluster
from components.mysql import objects as mysql_objects
from tests.unit.support.recording import Recorder, record

STORAGE = {"kind": "claim", "namespace": "team", "claim_name": "apps", "access_mode": "ReadWriteMany", "keep": False}
MYSQL = {
    "host": "db",
    "port": 3306,
    "tls": "preferred",
    "user": mysql_objects.USERS,
    "registry": mysql_objects.REGISTRY,
    "secret": "db-passwords",
}


def args(**changes: Any) -> EiClusterArgs:
    found: Any = {
        "namespace": "team",
        "version": "6.5.0",
        "image": "docker.io/wso2/wso2ei-integrator:6.5.0",
        "python_image": "python:3.13",
        "mysql_image": "mysql:8.4",
        "replicas": 2,
        "console_host": "console.example.com",
        "gateway_host": "gw.example.com",
        "mysql": MYSQL,
        "admin_username": "admin",
        "admin_password": pulumi.Output.secret("a-pw"),
        "storage": STORAGE,
        "heap": "512Mi",
        "cpu": "200m",
        "memory": "1Gi",
        "controller_labels": {},
    } | changes  # fmt: skip
    return found  # type: ignore[no-any-return]


def made(*clusters: tuple[str, dict[str, Any]]) -> Recorder:
    def program() -> None:
        for name, changes in clusters:
            EiCluster(name, args(**changes))

    return record(program)


def named(recorder: Recorder, kind: str, name: str) -> dict[str, Any]:
    found = [item for item in recorder.registered if item.type.endswith(f":{kind}") and item.name == name]
    assert len(found) == 1, name
    return dict(found[0].body())


def pod(recorder: Recorder, cluster: str = "ei") -> dict[str, Any]:
    return dict(named(recorder, "Deployment", f"{cluster}-nodes")["spec"]["template"]["spec"])


def container(spec: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in [*spec["initContainers"], *spec["containers"]] if item["name"] == name)

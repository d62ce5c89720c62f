"""A team's own repository of artifacts, in a namespace of its own: files by URL, without credentials."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.e2e.machine import Machine

NAMESPACE = "artifacts"
_PYTHON = "docker.io/library/python:3.13.11-slim-trixie"


def kubectl(machine: Machine, *words: str, stdin: bytes = b"") -> bytes:
    """kubectl with bytes in and out; the test fails when it does."""
    return subprocess.run(
        ["kubectl", *words], env=machine.environment, input=stdin, check=True, capture_output=True, timeout=120
    ).stdout


@contextmanager
def repository(machine: Machine, files: Mapping[str, bytes]) -> Iterator[str]:
    """The URL below which the files lie, while the block runs."""
    meta = {"name": "repository", "namespace": NAMESPACE, "labels": {"app": "repository"}}
    server = {
        "name": "server", "image": _PYTHON, "command": ["python", "-m", "http.server", "8000", "--directory", "/srv"],
        "volumeMounts": [{"name": "files", "mountPath": "/srv"}],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }  # fmt: skip
    spec = {"containers": [server], "volumes": [{"name": "files", "emptyDir": {}}], "terminationGracePeriodSeconds": 0}
    service = {"selector": {"app": "repository"}, "ports": [{"port": 80, "targetPort": 8000}]}
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": service},
    ]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}).encode()
    kubectl(machine, "apply", "-f", "-", stdin=listed)
    try:
        kubectl(machine, "-n", NAMESPACE, "wait", "--for=condition=Ready", "pod/repository", "--timeout=100s")
        for name, data in files.items():
            store = ["exec", "-i", "repository", "--", "sh", "-c", f"cat >/srv/{name}"]
            kubectl(machine, "-n", NAMESPACE, *store, stdin=data)
        yield f"http://repository.{NAMESPACE}"
    finally:
        kubectl(machine, "delete", "namespace", NAMESPACE)

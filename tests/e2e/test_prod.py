"""The production stack on a shared cluster of three nodes: the committed file, copied and given this cluster's values.

Claims stand in for NFS (a kernel without an NFS client cannot mount it); the NFS objects themselves are put before the
API server. Everything else is what the file says: a given namespace, an existing controller, the private image.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.tls import self_signed
from embedded import images
from embedded.cluster import components, lifecycle, names
from embedded.progress import Reporter
from tests.e2e import platform
from tests.e2e.machine import ROOT, Done, Machine, eventually
from tests.unit.stacks import objects

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500), pytest.mark.usefixtures("first_up")]
CONSOLE, GATEWAY = "ei-console.example.com", "ei.example.com"
FOLDER = "/var/lib/platform"
OWNERS = {"mysql-data": 999, "carbonapps": 802}


def trial_stack(user: str) -> dict[str, Any]:
    """Pulumi.prod.yaml with the values of this cluster; its sizes are those of a small machine."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())
    config = content["config"]
    config["wso2ei:kubernetes"]["contexts"] = ["embedded"]
    config["wso2ei:storage"] = {"kind": "claim", "mysqlClaim": "mysql-data", "carbonappsClaim": "carbonapps"}
    config["wso2ei:mysql"] |= {"cpu": "150m", "memory": "512Mi"}
    config["wso2ei:ingress"]["controllerAddress"] = f"{platform.CONTROLLER}.{platform.CONTROLLER}:443"
    image = "registry.wso2.com/wso2-integrator/ei:6.5.0.7"
    config["wso2ei:ei"] |= {"version": "6.5.0", "image": image, "heap": "512Mi", "cpu": "200m", "memory": "1Gi"}
    config["wso2ei:registryUsername"] = user
    return content


class Trial:
    """A copy of the checkout with one more stack file, on the cluster that the other tests have."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine, self.folder = machine, folder
        files = machine.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]).ok().split("\0")
        for file in filter(None, files):
            if (ROOT / file).exists():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / file, folder / file)
        self.registry = json.loads(names.current().credentials.read_text())
        (folder / "Pulumi.trial.yaml").write_text(yaml.safe_dump(trial_stack(self.registry["username"])))

    def make(self, target: str, password: str = "") -> Done:
        user = {"WSO2_REGISTRY_USERNAME": self.registry["username"], "WSO2_REGISTRY_PASSWORD": password}
        answer = subprocess.run(
            ["make", "-s", target, "STACK=trial"], cwd=self.folder, env={**os.environ, **user}, text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900,
        )  # fmt: skip
        return Done(answer.returncode, answer.stdout)

    def kubectl(self, *words: str, stdin: str = "") -> Done:
        return self.machine.run(
            ["kubectl", "-n", platform.NAMESPACE, *words], env=self.machine.environment, stdin=stdin
        )

    def apply(self, items: list[dict[str, Any]]) -> None:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        # Objects of several namespaces, so none is given.
        command = ["kubectl", "apply", "--server-side", "-f", "-"]
        self.machine.run(command, env=self.machine.environment, stdin=text).ok()


@pytest.fixture(scope="module")
def trial(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """Three nodes, and on them what a platform team provides."""
    machine.make("destroy").ok()
    store = images.ensure(Reporter())
    lifecycle.start(store.public_root, store.private_root, 3, Reporter())
    for node in (1, 2, 3):
        for name, owner in OWNERS.items():
            path = components.host_path(names.current(), node, f"{FOLDER}/{name}")
            path.mkdir(parents=True, exist_ok=True)
            os.chown(path, owner, owner)
    found = Trial(machine, tmp_path_factory.mktemp("trial"))
    default = self_signed(b"0" * 32, ["localhost"])
    own = self_signed(b"1" * 32, [CONSOLE, GATEWAY])
    controller, claims = platform.controller(), platform.claims(FOLDER)
    secrets = [
        platform.certificate(platform.CONTROLLER, platform.CONTROLLER, default.key, default.certificate),
        platform.certificate("ei-example-com-tls", platform.NAMESPACE, own.key, own.certificate),
    ]
    found.apply([*controller, *claims, *secrets])
    yield found
    found.make("destroy")
    for kind, name in (("ns", platform.NAMESPACE), ("ns", platform.CONTROLLER)):
        found.kubectl("delete", kind, name, "--wait=true", "--timeout=120s")
    cluster_scoped = ("clusterrole", "clusterrolebinding", "ingressclass", "pv")
    found.kubectl("delete", ",".join(cluster_scoped), "-l", f"app={platform.CONTROLLER}")


@pytest.fixture(scope="module")
def deployed(trial: Trial) -> Trial:
    """The stack, brought up with the registry's own token."""
    said = trial.make("credentials", trial.registry["password"]).ok()
    assert trial.registry["password"] not in said
    said = trial.make("up").ok()
    assert trial.registry["password"] not in said
    return trial


def test_three_nodes_on_three_machines_serve_behind_the_existing_controller(deployed: Trial) -> None:
    console = deployed.machine.curl("/carbon", CONSOLE).ok()
    assert console.startswith("HTTP/2 302")
    assert f"location: https://{CONSOLE}/carbon/admin/index.jsp" in console
    assert deployed.machine.curl("/services", GATEWAY).ok().startswith("HTTP/2 200")
    pods = json.loads(deployed.kubectl("get", "pods", "-l", "app.kubernetes.io/name=wso2ei", "-o", "json").ok())
    assert {pod["spec"]["nodeName"] for pod in pods["items"]} == {"node-1", "node-2", "node-3"}
    for pod in pods["items"]:
        assert "Members [3]" in deployed.kubectl("logs", pod["metadata"]["name"], "-c", "ei").ok()


def test_the_given_namespace_is_restricted_and_nothing_of_the_stack_lies_outside_of_it(deployed: Trial) -> None:
    namespace = deployed.kubectl("get", "ns", platform.NAMESPACE, "-o", "yaml").ok()
    assert "pod-security.kubernetes.io/enforce: restricted" in namespace
    everything = deployed.kubectl("get", "pv,clusterrole,clusterrolebinding,ingressclass,ns", "-o", "name").ok()
    assert "wso2ei" not in everything


def pull_says(trial: Trial, pod: str, expected: str) -> bool:
    events = trial.kubectl("get", "events", f"--field-selector=involvedObject.name={pod}").text
    return re.search(expected, events) is not None


def test_the_private_image_was_pulled_with_the_stack_s_own_secret(deployed: Trial) -> None:
    # What is on a node already is not asked for, so a pod that always pulls shows whose password counts.
    for name, secrets, expected in (("with", ["wso2ei-pull"], "Pulled"), ("without", [], "unauthorized|401")):
        pod = {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"pull-{name}"},
            "spec": {
                "restartPolicy": "Never", "imagePullSecrets": [{"name": secret} for secret in secrets],
                "securityContext": {
                    "runAsNonRoot": True, "runAsUser": 802, "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [{
                    "name": "main", "image": "registry.wso2.com/wso2-integrator/ei:6.5.0.7", "command": ["true"],
                    "imagePullPolicy": "Always",
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }],
            },
        }  # fmt: skip
        deployed.kubectl("apply", "-f", "-", stdin=json.dumps(pod)).ok()
        try:
            eventually(f"{expected} {name} the secret", partial(pull_says, deployed, f"pull-{name}", expected))
        finally:
            deployed.kubectl("delete", "pod", f"pull-{name}", "--wait=false")


def test_a_drained_node_takes_no_more_than_one_ei_node_away(deployed: Trial) -> None:
    budget = json.loads(deployed.kubectl("get", "pdb", "-o", "json").ok())["items"][0]
    assert budget["status"]["disruptionsAllowed"] == 1
    assert budget["status"]["currentHealthy"] == 3


def test_new_credentials_restart_nothing(deployed: Trial) -> None:
    def started() -> list[str]:
        text = deployed.kubectl("get", "pods", "-l", "app.kubernetes.io/name=wso2ei", "-o", "name").ok()
        return sorted(text.split())

    before = started()
    deployed.make("credentials", "another-token").ok()
    deployed.make("up").ok()
    assert started() == before
    secret = json.loads(deployed.kubectl("get", "secret", "wso2ei-pull", "-o", "json").ok())
    assert "another-token" in base64.b64decode(secret["data"][".dockerconfigjson"]).decode()
    deployed.make("credentials", deployed.registry["password"]).ok()
    deployed.make("up").ok()


def test_the_api_server_takes_the_nfs_volumes_of_the_committed_file(trial: Trial) -> None:
    items = [item.body() for item in objects("prod", "PersistentVolume")]
    volumes = {"apiVersion": "v1", "kind": "List", "items": items}
    assert len(items) == 2
    assert all("nfs" in item["spec"] for item in items)
    said = trial.kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(volumes)).ok()
    assert said.count("(server dry run)") == 2


def test_destroy_leaves_what_the_platform_team_provided(deployed: Trial) -> None:
    said = deployed.make("destroy").ok()
    assert f"kept: claim {platform.NAMESPACE}/mysql-data" in said
    claims = deployed.kubectl("get", "pvc", "-o", "name").ok().split()
    assert claims == ["persistentvolumeclaim/carbonapps", "persistentvolumeclaim/mysql-data"]
    assert deployed.kubectl("get", "deploy,sts,svc,ingress,job", "-o", "name").ok().strip() == ""

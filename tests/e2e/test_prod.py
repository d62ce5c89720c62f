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

from components.nginx.tls import self_signed
from embedded import images
from embedded.cluster import components, lifecycle, names
from embedded.images.wso2ei_orders.image import REFERENCE as ORDERS
from embedded.progress import Reporter
from tests.e2e import platform
from tests.e2e import way_out as corporate
from tests.e2e.machine import ROOT, Done, Machine, eventually
from tests.unit.support.stacks import objects

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500), pytest.mark.usefixtures("first_up")]
CONSOLE, GATEWAY = "ei-console.example.com", "ei.example.com"
FOLDER = "/var/lib/platform"
OWNERS = {"mysql-data": 999, "carbonapps": 802}
COPIES = {"mysql": "mysql:8.4.10", "python": "python:3.13.11-slim-trixie"}
"""Images of the stack of which the registry with the login has copies."""


def trial_stack(user: str, image: str) -> dict[str, Any]:
    """Pulumi.prod.yaml with the values of this cluster; its sizes are those of a small machine.

    The image is one of a team's own, with its CAR files; the nodes are the platform team's for integration; the number
    of EI nodes is an autoscaler's.
    """
    content: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())
    config = content["config"]
    config["wso2ei:kubernetes"]["contexts"] = ["embedded"]
    config["wso2ei:storage"] = {"kind": "claim", "mysqlClaim": "mysql-data", "carbonappsClaim": "carbonapps"}
    # Connections for the autoscaler's four nodes and one more during an update.
    config["wso2ei:mysql"] |= {"cpu": "150m", "memory": "512Mi", "maxConnections": 650}
    config["wso2ei:ingress"]["controllerAddress"] = f"{platform.CONTROLLER}.{platform.CONTROLLER}:443"
    config["wso2ei:ei"] |= {"version": "6.5.0", "image": image, "heap": "512Mi", "cpu": "200m", "memory": "1Gi"}
    config["wso2ei:ei"] |= {"carbonAppsFolder": "atStart", "autoscaler": {"maxReplicas": 4}}
    config["wso2ei:scheduling"] = {
        "nodeSelector": {"pool": "integration"},
        "tolerations": [{"key": "dedicated", "value": "integration", "effect": "NoSchedule"}],
        "priorityClass": platform.PRIORITY,
    }
    config["wso2ei:images"] = {name: f"registry.wso2.com/library/{image}" for name, image in COPIES.items()}
    config["wso2ei:registryUsername"] = user
    return content


def orders_by_digest(registry: Path) -> str:
    """The reference that a team's pipeline would print after its push."""
    name, _, tag = ORDERS.partition(":")
    folder = registry / "docker/registry/v2/repositories" / name.partition("/")[2]
    return f"{name}@{(folder / '_manifests/tags' / tag / 'current/link').read_text()}"


class Trial:
    """A copy of the checkout with one more stack file, on the cluster that the other tests have."""

    def __init__(self, machine: Machine, folder: Path, image: str) -> None:
        self.machine, self.folder, self.image = machine, folder, image
        files = machine.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]).ok().split("\0")
        for file in filter(None, files):
            if (ROOT / file).exists():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / file, folder / file)
        self.registry = json.loads(names.current().credentials.read_text())
        (folder / "Pulumi.trial.yaml").write_text(yaml.safe_dump(trial_stack(self.registry["username"], image)))

    def make(self, target: str, password: str = "", way_out: dict[str, str] | None = None) -> Done:
        user = {"WSO2_REGISTRY_USERNAME": self.registry["username"], "WSO2_REGISTRY_PASSWORD": password}
        return self.run(["make", "-s", target, "STACK=trial"], user | (way_out or {}))

    def run(self, command: list[str], variables: dict[str, str], stdin: str = "") -> Done:
        answer = subprocess.run(
            command, cwd=self.folder, env={**os.environ, **variables}, text=True, check=False, input=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900,
        )  # fmt: skip
        return Done(answer.returncode, answer.stdout)

    def kubectl(self, *words: str, stdin: str = "") -> Done:
        return self.machine.run(
            ["kubectl", "-n", platform.NAMESPACE, *words], env=self.machine.environment, stdin=stdin
        )


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
    found = Trial(machine, tmp_path_factory.mktemp("trial"), orders_by_digest(store.private_root))
    # Every node is the team's, and one of them nobody else's.
    command = ["kubectl", "label", "node", "--all", "pool=integration"]
    machine.run(command, env=machine.environment).ok()
    command = ["kubectl", "taint", "node", "node-3", "dedicated=integration:NoSchedule"]
    machine.run(command, env=machine.environment).ok()
    default = self_signed(b"0" * 32, ["localhost"])
    own = self_signed(b"1" * 32, [CONSOLE, GATEWAY])
    controller, claims = platform.controller(), platform.claims(FOLDER)
    secrets = [
        platform.certificate(platform.CONTROLLER, platform.CONTROLLER, default.key, default.certificate),
        platform.certificate("ei-example-com-tls", platform.NAMESPACE, own.key, own.certificate),
    ]
    machine.apply([*controller, *claims, *secrets, platform.priority_class()])
    yield found
    found.make("destroy")
    for kind, name in (("ns", platform.NAMESPACE), ("ns", platform.CONTROLLER)):
        found.kubectl("delete", kind, name, "--wait=true", "--timeout=120s")
    cluster_scoped = ("clusterrole", "clusterrolebinding", "ingressclass", "pv", "priorityclass")
    found.kubectl("delete", ",".join(cluster_scoped), "-l", f"app={platform.CONTROLLER}")


@pytest.fixture(scope="module")
def way_out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The registry answers by its name: what is asked is the password-protected registry of the cluster."""
    node = names.node_address(1)
    routes = {"registry.wso2.com": (node, names.PRIVATE_REGISTRY_PORT)}
    with corporate.way_out(tmp_path_factory.mktemp("way-out"), routes, node) as found:
        yield found


@pytest.fixture(scope="module")
def deployed(trial: Trial, way_out: dict[str, str]) -> Trial:
    """The stack, brought up with the registry's own token."""
    said = trial.make("credentials", trial.registry["password"], way_out).ok()
    assert f"The registry allows {trial.registry['username']} to pull {trial.image}; stored" in said
    assert trial.registry["password"] not in said
    said = trial.make("up", way_out=way_out).ok()
    assert trial.registry["password"] not in said
    assert "were not checked" not in said
    return trial


def test_wrong_credentials_are_found_by_asking_the_registry_before_anything_is_made(
    trial: Trial, way_out: dict[str, str]
) -> None:
    refusal = [
        "401 to the login",
        f"user '{trial.registry['username']}', image {trial.image}",
        "make credentials STACK=trial",
    ]
    said = trial.make("credentials", "expired-token", way_out)
    assert said.code != 0
    assert all(words in said.text for words in [*refusal, "Nothing was stored"])
    stored = ["bash", "-c", 'eval "$(make -s env STACK=trial)" && pulumi config get -s trial registryPassword']
    assert trial.run(stored, {}).ok().strip() == ""

    # The same, past the check: `make credentials` without a way to the registry stores what it is given.
    assert "The registry gave no answer" in trial.make("credentials", "expired-token").ok()
    assert trial.run(stored, {}).ok().strip() == "expired-token"
    done = trial.make("up", way_out=way_out)
    assert done.code != 0
    assert all(words in done.text for words in [*refusal, "Nothing was changed"])
    assert "expired-token" not in said.text + done.text
    assert trial.kubectl(
        "get", "all,secret,configmap,ingress", "-l", "app.kubernetes.io/part-of=wso2ei"
    ).text.startswith("No resources found")


def test_three_nodes_on_three_machines_serve_behind_the_existing_controller(deployed: Trial) -> None:
    console = deployed.machine.curl("/carbon", CONSOLE).ok()
    assert console.startswith("HTTP/2 302")
    assert f"location: https://{CONSOLE}/carbon/admin/index.jsp" in console
    assert deployed.machine.curl("/services", GATEWAY).ok().startswith("HTTP/2 200")
    pods = json.loads(deployed.kubectl("get", "pods", "-l", "app.kubernetes.io/name=wso2ei", "-o", "json").ok())
    assert {pod["spec"]["nodeName"] for pod in pods["items"]} == {"node-1", "node-2", "node-3"}
    for pod in pods["items"]:
        name = pod["metadata"]["name"]
        assert "Members [3]" in deployed.kubectl("logs", name, "-c", "ei").ok()
        # The CAR that was baked into the image.
        url = "http://localhost:8280/services/OrderService"
        assert '"node"' in deployed.kubectl("exec", name, "-c", "ei", "--", "curl", "-s", "-m", "5", url).ok()


def test_every_pod_is_where_and_what_the_platform_team_wants(deployed: Trial) -> None:
    everybody = json.loads(deployed.kubectl("get", "pods", "-o", "json").ok())["items"]
    assert {pod["metadata"]["labels"]["app.kubernetes.io/name"] for pod in everybody} >= {"wso2ei", "mysql"}
    for pod in everybody:
        assert pod["spec"]["nodeSelector"] == {"pool": "integration"}
        assert (pod["spec"]["priorityClassName"], pod["spec"]["priority"]) == (platform.PRIORITY, 1000)


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
                    "name": "main", "image": deployed.image, "command": ["true"],
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


def test_every_pod_with_an_image_of_the_registry_with_a_login_was_pulled_with_the_secret(deployed: Trial) -> None:
    pods = json.loads(deployed.kubectl("get", "pods", "-l", "app.kubernetes.io/part-of=wso2ei", "-o", "json").ok())
    images = dict.fromkeys(COPIES.values(), "")
    for pod in pods["items"]:
        spec = pod["spec"]
        assert spec["imagePullSecrets"] == [{"name": "wso2ei-pull"}], pod["metadata"]["name"]
        for container in (*spec.get("initContainers", []), *spec["containers"]):
            assert container["image"].startswith("registry.wso2.com/")
            images[container["image"].rpartition("/")[2]] = pod["status"]["phase"]
    assert all(images[name] in {"Running", "Succeeded"} for name in COPIES.values())


def test_a_drained_node_takes_no_more_than_one_ei_node_away(deployed: Trial) -> None:
    budget = json.loads(deployed.kubectl("get", "pdb", "-o", "json").ok())["items"][0]
    assert budget["status"]["disruptionsAllowed"] == 1
    assert budget["status"]["currentHealthy"] == 3


def test_new_credentials_restart_nothing_and_the_number_of_nodes_stays_the_autoscaler_s(deployed: Trial) -> None:
    def started() -> list[str]:
        text = deployed.kubectl("get", "pods", "-l", "app.kubernetes.io/name=wso2ei", "-o", "name").ok()
        return sorted(text.split())

    # As a HorizontalPodAutoscaler does it; the stack file says three.
    deployed.kubectl("scale", "deployment", "wso2ei", "--replicas=2").ok()
    before = eventually("two nodes", lambda: started() if len(started()) == 2 else [])
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

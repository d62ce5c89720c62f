"""The running embedded cluster behaves as Docker Desktop's with stricter neighbours. Run by `make e2e`."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from embedded import toolchain
from embedded.cluster import components
from embedded.cluster import names as n
from embedded.cluster.waiting import status
from embedded.progress import Reporter

pytestmark = pytest.mark.cluster
IMAGE = "docker.io/library/python:3.13.11-slim-trixie"
PRIVATE_IMAGE = "docker.wso2.com/wso2ei-integrator:6.5.0.7"
PORT = 18099
PATIENCE_SECONDS = 90.0


class Kubectl:
    """kubectl in a namespace that the test owns."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.binary = toolchain.ensure("kubernetes", Reporter()) / "kubectl"

    def __call__(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        command = [str(self.binary), "--kubeconfig", str(n.current().kubeconfig), "-n", self.namespace, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=60)
        if check:
            assert done.returncode == 0, done.stderr
        return done.stdout + ("" if check else done.stderr)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        return dict(json.loads(self("get", kind, name, "-o", "json")))

    def apply(self, *objects: dict[str, Any]) -> None:
        self("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))


def eventually(what: str, question: Callable[[], object]) -> None:
    """Query until the answer is true."""
    end = time.monotonic() + PATIENCE_SECONDS
    answer: object = None
    while time.monotonic() < end:
        answer = question()
        if answer:
            return
        time.sleep(0.5)
    raise AssertionError(f"in vain: {what}; last answer {answer!r}")


def pod(name: str, *command: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": spec.pop("image", IMAGE), "command": list(command)}
    container |= spec.pop("container", {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container], **spec},
    }


def balanced(name: str, selector: str) -> dict[str, Any]:
    port = {"port": PORT, "targetPort": 8080}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"type": "LoadBalancer", "selector": {"app": selector}, "ports": [port]},
    }


@pytest.fixture(scope="module")
def kubectl() -> Iterator[Kubectl]:
    client = Kubectl("embedded-test")
    client("delete", "namespace", client.namespace, "--ignore-not-found", "--timeout=60s")
    client("create", "namespace", client.namespace)
    yield client
    client("delete", "namespace", client.namespace, "--wait=false")


@pytest.fixture(scope="module")
def web(kubectl: Kubectl) -> str:
    """A pod that serves HTTP on 8080 with a Service of type LoadBalancer."""
    kubectl.apply(
        pod("web", "python3", "-m", "http.server", "8080"),
        pod("client", "sleep", "100000"),
        balanced("web", "web"),
    )
    kubectl("wait", "--for=condition=Ready", "pod/web", "pod/client", "--timeout=90s")
    return "web"


def reaches(kubectl: Kubectl, address: str, port: int) -> bool:
    """Whether the client pod gets an HTTP answer."""
    program = f"import urllib.request as u; print(u.urlopen('http://{address}:{port}/', timeout=3).status)"
    return kubectl("exec", "client", "--", "python3", "-c", program, check=False).strip() == "200"


def host_reaches(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}:{PORT}/", timeout=3) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def waiting_message(kubectl: Kubectl, name: str) -> str:
    text = ""
    for container in kubectl.get("pod", name).get("status", {}).get("containerStatuses", []):
        waiting = container["state"].get("waiting", {})
        text += f"{waiting.get('reason', '')} {waiting.get('message', '')}"
    return text


def test_everything_runs_and_answers() -> None:
    assert status(n.current()) == []


def test_the_node_offers_a_docker_desktop_of_two_cpus_and_6_gb(kubectl: Kubectl) -> None:
    allocatable = kubectl.get("node", "node-1")["status"]["allocatable"]
    assert allocatable["cpu"] == f"{n.USER_CPU_MILLIS + n.COREDNS_CPU_MILLIS}m"
    expected = n.USER_MEMORY_BYTES + n.COREDNS_MEMORY_BYTES
    assert abs(int(allocatable["memory"].removesuffix("Ki")) * 1024 - expected) < 1024**2


def test_what_does_not_fit_is_not_scheduled(kubectl: Kubectl) -> None:
    requests = {"resources": {"requests": {"cpu": "1060m"}}}
    kubectl.apply(pod("large", "sleep", "1", container=requests))
    eventually("Insufficient cpu", lambda: "Insufficient cpu" in kubectl("describe", "pod", "large"))
    kubectl("delete", "pod", "large")


def test_services_are_reached_by_name_and_the_host_reaches_them_at_localhost(kubectl: Kubectl, web: str) -> None:
    eventually("an address", lambda: "ingress" in kubectl.get("service", web)["status"]["loadBalancer"])
    assert kubectl.get("service", web)["status"]["loadBalancer"]["ingress"] == [{"hostname": "localhost"}]
    eventually("pod to Service", lambda: reaches(kubectl, f"{web}.embedded-test.svc.cluster.local", PORT))
    assert host_reaches("127.0.0.1")
    assert host_reaches("localhost")


def test_a_second_service_on_the_same_port_stays_pending_and_says_why(kubectl: Kubectl, web: str) -> None:
    kubectl.apply(balanced("late", web))
    eventually("an Event", lambda: "is taken by Service embedded-test/web" in kubectl("get", "events"))
    assert kubectl.get("service", "late")["status"]["loadBalancer"] == {}
    kubectl("delete", "service", "late")


@pytest.mark.parametrize("name", ["example.com", "no-such-host.invalid"])
def test_hosts_outside_are_reached_as_this_machine_reaches_them(kubectl: Kubectl, web: str, name: str) -> None:
    """On a machine without a network none is."""
    program = f"""
import socket
try:
    socket.create_connection(("{name}", 443), 5).close()
    print("connected")
except OSError as error:
    print(type(error).__name__)
"""
    here = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert kubectl("exec", "client", "--", "python3", "-c", program, check=False) == here


def test_network_policies_are_enforced(kubectl: Kubectl, web: str) -> None:
    address = kubectl.get("pod", web)["status"]["podIP"]
    eventually("open at first", lambda: reaches(kubectl, address, 8080))
    source = {"from": [{"podSelector": {"matchLabels": {"app": "friend"}}}]}
    policy = {"podSelector": {"matchLabels": {"app": web}}, "policyTypes": ["Ingress"], "ingress": [source]}
    kubectl.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "friends"},
            "spec": policy,
        }
    )
    eventually("closed to strangers", lambda: not reaches(kubectl, address, 8080))
    kubectl("label", "pod", "client", "app=friend", "--overwrite")
    eventually("open to friends", lambda: reaches(kubectl, address, 8080))
    kubectl("delete", "networkpolicy", "friends")


def test_logs_and_exec_work(kubectl: Kubectl, web: str) -> None:
    assert kubectl("exec", web, "--", "echo", "hello").strip() == "hello"
    eventually("a log line", lambda: "GET /" in kubectl("logs", web))


def test_data_of_pods_lands_in_the_state_folder(kubectl: Kubectl) -> None:
    volume = {"name": "data", "hostPath": {"path": "/var/lib/wso2ei/test", "type": "DirectoryOrCreate"}}
    mounts = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    kubectl.apply(pod("writer", "sh", "-c", "echo kept >/data/file", container=mounts, volumes=[volume]))
    node = str(eventually_node(kubectl, "writer"))
    file = components.host_path(n.current(), int(node.rpartition("-")[2]), "/var/lib/wso2ei/test/file")
    eventually(f"{file} on the host", file.exists)
    assert file.read_text() == "kept\n"
    assert not Path("/var/lib/wso2ei").exists()


def eventually_node(kubectl: Kubectl, name: str) -> object:
    eventually("a node", lambda: kubectl.get("pod", name)["spec"].get("nodeName"))
    return kubectl.get("pod", name)["spec"]["nodeName"]


def test_a_claim_that_forgot_its_class_stays_pending_at_the_decoy(kubectl: Kubectl) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "forgot"},
            "spec": spec,
        }
    )
    assert kubectl.get("pvc", "forgot")["spec"]["storageClassName"] == "decoy"
    eventually("ExternalProvisioning", lambda: "embedded.invalid/decoy" in kubectl("describe", "pvc", "forgot"))
    assert kubectl.get("pvc", "forgot")["status"]["phase"] == "Pending"


def pull_secret(name: str, password: str) -> dict[str, Any]:
    user = json.loads(n.current().credentials.read_text())["username"]
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    entry = {"auths": {"docker.wso2.com": {"username": user, "password": password, "auth": token}}}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": json.dumps(entry)},
    }


def refused(kubectl: Kubectl, name: str) -> bool:
    return "401 Unauthorized" in waiting_message(kubectl, name)


def test_private_images_need_the_right_password(kubectl: Kubectl) -> None:
    password = json.loads(n.current().credentials.read_text())["password"]
    always = {"imagePullPolicy": "Always"}
    kubectl.apply(
        pull_secret("right", password),
        pull_secret("wrong", "no"),
        *(
            pod(f"with-{name}", "sleep", "1000", image=PRIVATE_IMAGE, container=always, **secret)
            for name, secret in {
                "right": {"imagePullSecrets": [{"name": "right"}]},
                "wrong": {"imagePullSecrets": [{"name": "wrong"}]},
                "none": {},
            }.items()
        ),
    )
    for name in ("with-wrong", "with-none"):
        eventually(f"{name} refused", partial(refused, kubectl, name))
    kubectl("wait", "--for=condition=Ready", "pod/with-right", "--timeout=90s")


def test_an_unknown_image_is_not_found_and_other_registries_do_not_exist(kubectl: Kubectl) -> None:
    kubectl.apply(
        pod("unknown", image="docker.io/library/no-such-image:1"), pod("elsewhere", image="quay.io/no/such:1")
    )
    eventually("not found", lambda: "not found" in waiting_message(kubectl, "unknown"))
    eventually("no such host", lambda: "quay.io" in waiting_message(kubectl, "elsewhere"))


def test_nobody_is_let_in_without_a_certificate(kubectl: Kubectl) -> None:
    answer = kubectl("--certificate-authority=", "--insecure-skip-tls-verify", "auth", "whoami", "-o", "json")
    assert json.loads(answer)["status"]["userInfo"]["username"] == "embedded-admin"
    for address, port in ((n.node_address(1), n.API_PORT), (n.node_address(1), 10250)):
        done = subprocess.run(
            ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", f"https://{address}:{port}/pods"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stdout == "401"

"""What stands in the way is found before anything is built, and said in one sentence with the way out."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
import yaml

from embedded.cluster import preconditions
from embedded.environment import pulumi_environment
from embedded.errors import KitError
from embedded.machine import make_plan, user_kubeconfigs

LOCAL: dict[str, Any] = {
    "wso2ei:kubernetes": {"contexts": ["docker-desktop", "kind-*", "k3d-*", "minikube", "embedded"]}
}
PROD: dict[str, Any] = {"wso2ei:kubernetes": {"contexts": ["production"]}}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with two stacks on a bare Linux machine with root, free ports, and nothing of Kubernetes on it."""
    for variable, name in (("XDG_CACHE_HOME", "cache"), ("WSO2EI_EMBEDDED_STATE", "state"), ("HOME", "home")):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / name))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(preconditions, "_features", dict)
    monkeypatch.setattr(preconditions, "_file_system", lambda _: "ext4")
    folder = tmp_path / "checkout"
    folder.mkdir()
    stack(folder, "local", ingress(httpsPort=free_port(), httpPort=free_port()))
    (folder / "Pulumi.prod.yaml").write_text(yaml.safe_dump({"config": PROD}))
    return folder


def ingress(**values: Any) -> dict[str, Any]:
    return {"wso2ei:ingress": values}


def stack(checkout: Path, name: str, config: dict[str, Any]) -> None:
    (checkout / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": LOCAL | config}))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def context(checkout: Path, name: str, *, answers: bool = True) -> None:
    """A kubeconfig whose current context is ``name``, and a kubectl that reaches its cluster or not."""
    kubeconfig = Path(os.environ["HOME"]) / ".kube" / "config"
    kubeconfig.parent.mkdir()
    kubeconfig.write_text(f"current-context: {name}\n")
    kubectl = Path(os.environ["PATH"]) / "kubectl"
    kubectl.write_text("#!/bin/sh\n" + ("echo ok\n" if answers else "echo 'connection refused' >&2\nexit 1\n"))
    kubectl.chmod(0o755)


def refusal(checkout: Path, name: str = "local") -> str:
    with pytest.raises(KitError) as caught:
        make_plan(checkout, name)
    assert "\n" not in caught.value.message
    return str(caught.value)


def test_a_bare_machine_gets_an_embedded_cluster_and_a_cli(checkout: Path) -> None:
    plan = make_plan(checkout, "local")
    assert plan.embedded_cluster
    assert plan.pulumi is None


def test_a_running_local_cluster_that_the_stack_allows_is_used(checkout: Path) -> None:
    context(checkout, "docker-desktop")
    plan = make_plan(checkout, "local")
    assert plan.cluster == "docker-desktop"
    assert not plan.embedded_cluster


def test_of_several_kubeconfigs_all_count_and_the_first_that_names_a_context_decides(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context(checkout, "production")
    files = [tmp_path / name for name in ("missing", "clusters", "contexts", "others")]
    texts = ("kind: Config\n", "current-context: docker-desktop\n", "current-context: x\n")
    for file, text in zip(files[1:], texts, strict=True):
        file.write_text(text)
    monkeypatch.setenv("KUBECONFIG", ":".join(map(str, files)))
    plan = make_plan(checkout, "local")
    assert plan.cluster == "docker-desktop"
    variables = pulumi_environment(plan, [], user_kubeconfigs()).variables
    assert variables["KUBECONFIG"] == ":".join(map(str, files[1:]))


def test_a_damaged_kubeconfig_is_named(checkout: Path) -> None:
    context(checkout, "x: [")
    assert f"the kubeconfig {os.environ['HOME']}/.kube/config cannot be read" in refusal(checkout)


def test_a_context_that_the_stack_does_not_name_is_never_touched(checkout: Path) -> None:
    context(checkout, "production")
    assert make_plan(checkout, "local").embedded_cluster


def test_a_stack_of_a_shared_cluster_is_not_put_on_an_embedded_one(checkout: Path) -> None:
    assert "may touch only the contexts production" in refusal(checkout, "prod")


def test_an_unknown_stack_names_the_known_ones(checkout: Path) -> None:
    assert "local, prod" in refusal(checkout, "staging")


def test_a_cluster_that_does_not_answer_is_said_with_its_own_reason(checkout: Path) -> None:
    context(checkout, "docker-desktop", answers=False)
    text = refusal(checkout)
    assert "connection refused" in text
    assert "kubectl config unset current-context" in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("kind-dev", ["no address", "ingress.expose: hostPort", "cloud-provider-kind"]),
        ("minikube", ["no address", "ingress.expose: hostPort", "minikube tunnel"]),
        ("k3d-dev", ["Traefik holds port 443", "ingress.httpsPort: 8443"]),
    ],
)
def test_a_cluster_that_needs_a_setting_says_which(checkout: Path, name: str, words: list[str]) -> None:
    stack(checkout, "local", {})
    context(checkout, name)
    text = refusal(checkout)
    for word in words:
        assert word in text


@pytest.mark.parametrize(
    ("name", "setting"),
    [("kind-dev", {"expose": "hostPort", "address": "localhost"}), ("k3d-dev", {"httpsPort": 8443, "httpPort": 8080})],
)
def test_with_that_setting_it_is_used(checkout: Path, name: str, setting: dict[str, Any]) -> None:
    stack(checkout, "local", ingress(**setting))
    context(checkout, name)
    assert make_plan(checkout, "local").cluster == name


def test_without_root_the_way_out_is_named(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "sudo -E make up" in refusal(checkout)


def test_on_a_mac_without_a_cluster_the_way_out_is_named(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "Docker Desktop" in refusal(checkout)


@pytest.mark.parametrize("setting", ["httpsPort", "httpPort"])
def test_a_taken_port_is_named_with_the_command_that_finds_who_holds_it(checkout: Path, setting: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        stack(checkout, "local", ingress(**{"httpsPort": free_port(), "httpPort": free_port(), setting: port}))
        text = refusal(checkout)
    assert f"port {port} of this machine is taken" in text
    assert f"ss -ltnp 'sport = :{port}'" in text


def test_too_little_disk_is_said_with_the_folder(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 98, 2 * 1024**3))
    text = refusal(checkout)
    assert "2.0 GiB are free" in text
    assert "XDG_CACHE_HOME" in text


def test_too_little_memory_is_said(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preconditions, "LEAST_MEMORY_BYTES", 2**60)
    assert "GiB of memory are free" in refusal(checkout)

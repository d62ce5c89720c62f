"""What this machine has, and what has to be made: the plan of ``make up``.

Everything that could stop the work is found here, before anything is built.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from embedded.cluster import names as n
from embedded.cluster import preconditions, units
from embedded.errors import KitError
from embedded.paths import cache_dir, state_dir
from embedded.process import capture

EMBEDDED_CONTEXT = "embedded"


@dataclass(frozen=True)
class Plan:
    """What is used and what is made."""

    stack: str
    stack_file: Path
    cluster: str
    """Name of a kubeconfig context of the user's, or ``embedded``; empty: none that the stack may touch."""
    pulumi: Path | None
    """The user's own CLI, or ``None``: one is built."""

    @property
    def embedded_cluster(self) -> bool:
        return self.cluster == EMBEDDED_CONTEXT


def make_plan(checkout: Path, stack: str) -> Plan:
    """Look at the machine. Raises ``KitError`` with the fix when the stack cannot run here."""
    plan = choose(checkout, stack)
    settings = stack_settings(plan.stack_file)
    if not plan.cluster:
        allowed = ", ".join(_allowed_contexts(settings)) or "(none)"
        raise KitError(
            f"stack {stack} may touch only the contexts {allowed}, and none of them is current",
            "run `kubectl config use-context NAME`, or use `make up STACK=local`",
        )
    if plan.embedded_cluster:
        _check_can_embed(settings)
    else:
        _check_answer(plan.cluster)
        _check_exposure(plan.cluster, settings)
    return plan


def choose(checkout: Path, stack: str) -> Plan:
    """Choose what the stack would use here, whether or not it can; ``cluster`` is empty where it may touch none.

    :raises KitError: when there is no such stack file.
    """
    stack_file = checkout / f"Pulumi.{stack}.yaml"
    if not stack_file.is_file():
        names = ", ".join(sorted(path.name.split(".")[1] for path in checkout.glob("Pulumi.*.yaml")))
        raise KitError(
            f"there is no stack file {stack_file.name}", f"copy one of the existing ones ({names}) and edit it"
        )
    allowed = _allowed_contexts(stack_settings(stack_file))
    cluster = _usable_context(allowed)
    if cluster is None and any(fnmatch.fnmatchcase(EMBEDDED_CONTEXT, pattern) for pattern in allowed):
        cluster = EMBEDDED_CONTEXT
    return Plan(stack, stack_file, cluster or "", user_program("pulumi"))


def _allowed_contexts(settings: dict[str, Any]) -> list[str]:
    return [str(name) for name in (settings.get("kubernetes") or {}).get("contexts", [])]


def stack_settings(stack_file: Path) -> dict[str, Any]:
    """Return the stack file's plain config without the project's prefix."""
    content = yaml.safe_load(stack_file.read_text()) or {}
    config = content.get("config") or {}
    return {str(key).split(":", 1)[-1]: value for key, value in config.items()}


def user_kubeconfigs() -> list[Path]:
    """Return the user's own kubeconfig files, in kubectl's order: those of ``KUBECONFIG``, else ``~/.kube/config``."""
    text = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    own = state_dir() / "cluster" / "kubeconfig"
    return [Path(part) for part in text.split(os.pathsep) if part and Path(part).is_file() and Path(part) != own]


def _kubeconfig(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not YAML"
        fix = "correct it, or set KUBECONFIG to another file"
        raise KitError(f"the kubeconfig {file} cannot be read: {reason}", fix) from error


def _usable_context(allowed: list[str]) -> str | None:
    """Return the current context of the user's own, when the stack allows it."""
    contents = map(_kubeconfig, user_kubeconfigs())
    named = (content.get("current-context") for content in contents if isinstance(content, dict))
    # Of several files, the first that names one decides, as in kubectl.
    current = next(filter(None, named), None)
    if not current or current == EMBEDDED_CONTEXT:
        return None
    return str(current) if any(fnmatch.fnmatchcase(current, pattern) for pattern in allowed) else None


def _check_answer(context: str) -> None:
    kubectl = user_program("kubectl")
    if kubectl is None:
        raise KitError(f"the context {context} is current, but there is no kubectl on PATH", "install kubectl")
    answer = capture(
        [kubectl, "--context", context, "get", "--raw", "/readyz", "--request-timeout=5s"],
        env={**os.environ, "KUBECONFIG": os.pathsep.join(map(str, user_kubeconfigs()))},
    )
    if answer.returncode != 0:
        reason = (answer.stderr.strip().splitlines() or ["no answer"])[-1]
        raise KitError(
            f"the cluster of the current context {context} does not answer: {reason}",
            "start it, or unset the context (`kubectl config unset current-context`) to get an embedded cluster",
        )


def _check_exposure(context: str, settings: dict[str, Any]) -> None:
    """Reject LoadBalancers without an address and ports in use, by the kind of cluster."""
    ingress = settings.get("ingress") or {}
    if ingress.get("controller", "install") != "install" or ingress.get("expose", "LoadBalancer") != "LoadBalancer":
        return
    if fnmatch.fnmatchcase(context, "kind-*") or context == "minikube":
        helper = "cloud-provider-kind" if context.startswith("kind") else "minikube tunnel"
        if os.environ.get("WSO2EI_LOADBALANCER") != "yes":
            raise KitError(
                f"{context} gives a LoadBalancer no address, so the Ingress would stay pending",
                f"set ingress.expose: hostPort and ingress.address: localhost in the stack file, or run `{helper}` "
                "and set WSO2EI_LOADBALANCER=yes",
            )
    if (fnmatch.fnmatchcase(context, "k3d-*") or context == "rancher-desktop") and ingress.get("httpsPort", 443) == 443:
        raise KitError(
            f"Traefik holds port 443 in {context}",
            "set ingress.httpsPort: 8443 and ingress.httpPort: 8080 in the stack file, or switch Traefik off",
        )


def _check_can_embed(settings: dict[str, Any]) -> None:
    preconditions.check(preconditions.observe(), running=units.alive(n.current(), n.node_name(1)) != 0)
    if not (state_dir() / "cluster").exists():
        _check_ports(settings)


def _check_ports(settings: dict[str, Any]) -> None:
    ingress = settings.get("ingress") or {}
    if ingress.get("controller", "install") != "install" or ingress.get("expose", "LoadBalancer") != "LoadBalancer":
        return
    for port in (int(ingress.get("httpsPort", 443)), int(ingress.get("httpPort", 80))):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise KitError(
                    f"port {port} of this machine is taken ({error.strerror}), and the console is to answer there",
                    f"stop what listens (`ss -ltnp 'sport = :{port}'` names it), or set other ports in the stack file: "
                    "ingress.httpsPort, ingress.httpPort",
                ) from error


def user_program(program: str) -> Path | None:
    """Return a program of the user's own on PATH, not one that the kit built and ``make env`` put there."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    own = [folder for folder in folders if not folder.startswith(str(cache_dir()))]
    found = shutil.which(program, path=os.pathsep.join(own))
    return Path(found) if found else None

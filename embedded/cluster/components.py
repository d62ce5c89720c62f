"""What runs in each unit, as specifications for its PID 1 (see unit.py)."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded.cluster import config, egress, network
from embedded.cluster import names as n

Spec = dict[str, Any]
ETCD = "127.0.0.1:2379"
HOST_UNIT = "host"
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Programs:
    """Where the programs are that do not come from Debian, and the storage of the two registries."""

    kubernetes: Path
    kube_router: Path
    public_root: Path
    private_root: Path


def node_unit(names: n.Names, node: int, nodes: int, programs: Programs) -> Spec:
    """Return the specification of a node; node 1 also carries the control plane and the registries."""
    name = n.node_name(node)
    folder = names.unit(name)
    parts = _worker(names, node, programs)
    if node == 1:
        parts = {**_control_plane(names, programs), **_registries(names), **parts}
    spec = _unit(names, name, parts)
    spec |= {
        "own_network": True,
        "binds": [[str(folder / "var-lib"), "/var/lib"], [str(folder / "var-log"), "/var/log"]],
        "tmpfs": ["/run"],
        "keep": [
            str(names.root), str(programs.kubernetes), str(programs.kube_router),
            str(programs.public_root), str(programs.private_root),
        ],
        "files": {"/etc/resolv.conf": egress.NODE_RESOLV_CONF},
        "read_only": True,
        "sysctls": network.NODE_SYSCTLS,
        # Configuration is linked below /run, where the programs find the same path on every node.
        "setup": [["ln", "-sfn", str(folder / "config"), "/run/wso2ei"], *network.node_setup(node, nodes)],
    }  # fmt: skip
    return spec


def host_unit(names: n.Names) -> Spec:
    """Return the specification of the host's unit: the load balancer, in the machine's own network."""
    repository = Path(__file__).resolve().parents[2]
    part = _component(
        names, HOST_UNIT, "load-balancer",
        [_python(names), "-m", "embedded.cluster.loadbalancer", str(names.pki)],
        requires=[f"tcp:{n.node_address(1)}:{n.API_PORT}"],
        reads=[Path(__file__).with_name(f"{name}.py") for name in ("loadbalancer", "forwarder", "api")],
    )  # fmt: skip
    part["env"] = {"PYTHONPATH": str(repository), "PYTHONDONTWRITEBYTECODE": "1"}
    return _unit(names, HOST_UNIT, {"load-balancer": part})


def _python(names: n.Names) -> str:
    """Return the interpreter of the running load balancer as long as it exists, else this one.

    Callers from several virtual environments would otherwise restart it every time.
    """
    try:
        spec = json.loads((names.unit(HOST_UNIT) / "spec.json").read_text())
        running = str(spec["components"]["load-balancer"]["argv"][0])
    except (OSError, ValueError, LookupError):
        return sys.executable
    return running if Path(running).exists() else sys.executable


def _unit(names: n.Names, name: str, components: dict[str, Spec]) -> Spec:
    folder = names.unit(name)
    return {
        "name": name,
        "folder": str(folder),
        "record": str(folder / "record.json"),
        "state": str(folder / "state.json"),
        "log": str(names.logs / name / "unit.log"),
        "cgroups": [],
        "own_network": False,
        "binds": [],
        "tmpfs": [],
        "keep": [],
        "files": {},
        "read_only": False,
        "sysctls": {},
        "setup": [],
        "components": components,
    }


def _component(
    names: n.Names,
    unit: str,
    name: str,
    argv: list[str],
    requires: list[str] | None = None,
    reads: list[Path] | None = None,
) -> Spec:
    """Return a component's specification; it restarts when a file of ``reads`` changes."""
    digest = hashlib.sha256()
    for path in sorted(reads or []):
        digest.update(path.read_bytes())
    return {
        "argv": argv,
        "env": {
            "PATH": _SYSTEM_PATH,
            "HOME": str(names.unit(unit)),
            "TMPDIR": str(names.unit(unit) / "tmp"),
        },
        "requires": requires or [],
        "log": str(names.logs / unit / f"{name}.log"),
        "digest": digest.hexdigest()[:16],
    }


def _control_plane(names: n.Names, programs: Programs) -> dict[str, Spec]:
    unit, pki, binaries = n.node_name(1), names.pki, programs.kubernetes
    configuration = names.unit(unit) / "config"
    api = f"tcp:{n.node_address(1)}:{n.API_PORT}"
    etcd = [
        "etcd", "--name=node-1", "--data-dir=/var/lib/etcd",
        f"--listen-client-urls=http://{ETCD}", f"--advertise-client-urls=http://{ETCD}",
        "--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380",
        "--initial-cluster=node-1=http://127.0.0.1:2380",
        "--auto-compaction-mode=periodic", "--auto-compaction-retention=10m", "--log-level=warn",
    ]  # fmt: skip
    apiserver = [
        str(binaries / "kube-apiserver"), f"--etcd-servers=http://{ETCD}",
        f"--service-cluster-ip-range={n.SERVICE_RANGE}", f"--advertise-address={n.node_address(1)}",
        "--bind-address=0.0.0.0", f"--secure-port={n.API_PORT}",
        f"--tls-cert-file={pki}/apiserver.crt", f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt", "--anonymous-auth=false",
        "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        # It sends etcd a request that etcd 3.4 does not support, and logs an error each second.
        "--feature-gates=SizeBasedListCostEstimate=false",
        f"--service-account-issuer=https://kubernetes.default.svc.{n.CLUSTER_DOMAIN}",
        f"--service-account-signing-key-file={pki}/service-account.key",
        f"--service-account-key-file={pki}/service-account.pub",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        # Else logs and exec look up the node's name, which no name server resolves.
        "--kubelet-preferred-address-types=InternalIP",
    ]  # fmt: skip
    manager = [
        str(binaries / "kube-controller-manager"), f"--kubeconfig={configuration}/controller-manager.kubeconfig",
        "--leader-elect=false", "--bind-address=127.0.0.1", "--use-service-account-credentials=true",
        f"--service-account-private-key-file={pki}/service-account.key", f"--root-ca-file={pki}/ca-bundle.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt", f"--cluster-signing-key-file={pki}/ca.key",
        "--allocate-node-cidrs=false", f"--service-cluster-ip-range={n.SERVICE_RANGE}",
    ]  # fmt: skip
    scheduler = [
        str(binaries / "kube-scheduler"), f"--kubeconfig={configuration}/scheduler.kubeconfig",
        "--leader-elect=false", "--bind-address=127.0.0.1",
    ]  # fmt: skip
    return {
        "etcd": _component(names, unit, "etcd", etcd),
        "kube-apiserver": _component(names, unit, "kube-apiserver", apiserver, [f"tcp:{ETCD}"]),
        "kube-controller-manager": _component(names, unit, "kube-controller-manager", manager, [api]),
        "kube-scheduler": _component(names, unit, "kube-scheduler", scheduler, [api]),
    }


def _registries(names: n.Names) -> dict[str, Spec]:
    """Return the registries of node 1; not on the host, whose firewall must not decide whether a node can pull."""
    unit = n.node_name(1)
    found = {}
    for kind in ("public", "private"):
        path = names.unit(unit) / "config" / f"registry-{kind}.yml"
        htpasswd = [names.unit(unit) / "config" / "htpasswd"] if kind == "private" else []
        found[f"registry-{kind}"] = _component(
            names, unit, f"registry-{kind}", ["docker-registry", "serve", str(path)], reads=[path, *htpasswd]
        )
    return found


def _worker(names: n.Names, node: int, programs: Programs) -> dict[str, Spec]:
    unit, binaries = n.node_name(node), programs.kubernetes
    configuration = names.unit(unit) / "config"
    api = f"tcp:{n.node_address(1)}:{n.API_PORT}"
    kubelet = [
        str(binaries / "kubelet"), f"--config={configuration}/kubelet.yaml",
        f"--kubeconfig={configuration}/kubelet.kubeconfig", f"--node-ip={n.node_address(node)}",
        f"--hostname-override={unit}",
    ]  # fmt: skip
    proxy = [
        str(binaries / "kube-proxy"), f"--kubeconfig={configuration}/kube-proxy.kubeconfig",
        f"--cluster-cidr={n.POD_RANGE}", f"--hostname-override={unit}",
        # Not iptables: kube-router saves and restores the whole iptables filter table, and would delete what
        # an iptables kube-proxy wrote meanwhile (seen: no Service answered any more).
        "--proxy-mode=nftables",
        # The limits belong to the whole machine, not to a node.
        "--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
    ]  # fmt: skip
    router = [
        str(programs.kube_router / "kube-router"), f"--kubeconfig={configuration}/kube-router.kubeconfig",
        "--run-router=false", "--run-service-proxy=false", "--run-loadbalancer=false", "--run-firewall=true",
        f"--service-cluster-ip-range={n.SERVICE_RANGE}", f"--hostname-override={unit}",
        "--health-port=0", "--metrics-port=0",
    ]  # fmt: skip
    containerd_config = configuration / "containerd.toml"
    parts = {
        "containerd": _component(
            names, unit, "containerd", ["containerd", "--config", str(containerd_config)],
            ["path:/run/wso2ei/cni"], [containerd_config],
        ),
        "kubelet": _component(
            names, unit, "kubelet", kubelet, [f"path:{config.CONTAINERD_SOCKET}", api],
            [configuration / "kubelet.yaml"],
        ),
        "kube-proxy": _component(names, unit, "kube-proxy", proxy, [api]),
        "kube-router": _component(names, unit, "kube-router", router, [api]),
    }  # fmt: skip
    parts["kube-router"]["env"]["NODE_NAME"] = unit
    parts["containerd"]["env"] |= egress.variables(os.environ)
    return parts


def host_path(names: n.Names, node: int, path: str) -> Path:
    """Return the folder of this machine that a node's pods see as ``path`` (below /var/lib)."""
    relative = os.path.relpath(path, "/var/lib")
    if relative.startswith(".."):
        raise ValueError(f"{path} is not below /var/lib: the rest of a node is read-only")
    return names.unit(n.node_name(node)) / "var-lib" / relative

"""Numbers and names of the embedded cluster: addresses, ranges, ports, folders, and what a node offers.

Everything that the cluster makes on the machine carries a name with a short hash of the state folder, so that
leftovers, and the state folder that they belong to, are recognised.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from embedded.paths import state_dir

NODE_RANGE = "10.123.0.0/24"
HOST_ADDRESS = "10.123.0.254"
POD_RANGE = "10.244.0.0/16"
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
DNS_ADDRESS = "10.96.0.10"
API_PORT = 6443
CLUSTER_DOMAIN = "cluster.local"
CONTEXT = "embedded"
MAX_NODES = 9

PUBLIC_REGISTRY_PORT = 5000
PRIVATE_REGISTRY_PORT = 5001
OWN_REGISTRY = "embedded.invalid"
"""Name of the registry of the cluster's own two images; no real registry can have it (RFC 2606)."""
PRIVATE_NAMES = ("docker.wso2.com", "registry.wso2.com")
"""Registries of WSO2's subscription: what imitates them answers with a password only."""
IMITATED = ("docker.io", "registry.k8s.io", *PRIVATE_NAMES)
"""Registries that stand-ins exist for."""
PAUSE_IMAGE = f"{OWN_REGISTRY}/pause:3.10"
COREDNS_IMAGE = f"{OWN_REGISTRY}/coredns:v1.14.1"

# What a node offers to the pods of its user: a Docker Desktop virtual machine of 2 CPUs and 6 GB whose own parts take
# 0.95 CPU and 1.5 GB. CoreDNS runs as a pod here, so its request comes on top. Larger machines reserve the rest.
USER_CPU_MILLIS = 1050
USER_MEMORY_BYTES = 4_500_000_000
COREDNS_CPU_MILLIS = 10
COREDNS_MEMORY_BYTES = 32 * 1024**2
EVICTION_MEMORY_BYTES = 50 * 1024**2

DEBIAN_PACKAGES = (
    "containerd",
    "runc",
    "containernetworking-plugins",
    "etcd-server",
    "docker-registry",
    "iptables",
    "nftables",
    "ipset",
    "iproute2",
    "kmod",
)


@dataclass(frozen=True)
class Names:
    """Folders and machine-wide names of the cluster whose state is in ``state``."""

    state: Path

    @property
    def key(self) -> str:
        """Eight hex digits that stand for the state folder."""
        return hashlib.sha256(str(self.state).encode()).hexdigest()[:8]

    @property
    def root(self) -> Path:
        """Everything that one life of the cluster keeps; `stop` removes it."""
        return self.state / "cluster"

    @property
    def credentials(self) -> Path:
        """User and password of the private registry names; survives `stop`."""
        return self.state / "registry" / "credentials.json"

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def image_sources(self) -> Path:
        """Registry name to ``real`` or ``stand-in``, as this life of the cluster began."""
        return self.root / "image-sources.json"

    @property
    def bridge(self) -> str:
        """The host's bridge (an interface name has at most 15 characters)."""
        return f"ei-{self.key}"

    @property
    def alias(self) -> str:
        """Return the alias of the bridge, which names the state folder that owns it."""
        return f"wso2ei-embedded {self.state}"[:250]

    @property
    def cgroup(self) -> str:
        """Path of the cluster's cgroup below every hierarchy's root; also the name of its nftables table."""
        return f"wso2ei-{self.key}"

    def veth(self, node: int) -> str:
        """Return the host's end of a node's cable."""
        return f"ei{node}-{self.key}"

    def unit(self, name: str) -> Path:
        """Return the folder of one unit (``node-1`` or ``host``): its specification, record and data."""
        return self.root / name


def current() -> Names:
    """Return the names for today's state folder."""
    return Names(state_dir().resolve())


def node_name(node: int) -> str:
    """Return the name of a node and of its unit."""
    return f"node-{node}"


def node_address(node: int) -> str:
    """Return the address of a node on the bridge."""
    return f"10.123.0.{node}"


def pod_range(node: int) -> str:
    """Return the addresses of a node's pods."""
    return f"10.244.{node}.0/24"

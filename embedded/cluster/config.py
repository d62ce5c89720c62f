"""Configuration files of the components, as pure functions from names and numbers to text."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from embedded.cluster import names as n

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"


@dataclass(frozen=True)
class Machine:
    """What the host has: ``cpus`` in cores, ``memory`` in bytes."""

    cpus: int
    memory: int


def reserved(machine: Machine) -> dict[str, str]:
    """Return the kubelet's ``systemReserved``: all that a Docker Desktop of 2 CPUs and 6 GB would not offer.

    A machine that has less than that reserves nothing, and then offers less.
    """
    cpu = machine.cpus * 1000 - n.USER_CPU_MILLIS - n.COREDNS_CPU_MILLIS
    memory = machine.memory - n.USER_MEMORY_BYTES - n.COREDNS_MEMORY_BYTES - n.EVICTION_MEMORY_BYTES
    return {"cpu": f"{max(cpu, 0)}m", "memory": f"{max(memory, 0) // 1024}Ki"}


def kubelet(names: n.Names, node: int, machine: Machine) -> str:
    """Return the KubeletConfiguration of a node.

    ``failCgroupV1: false`` because version 1 is rejected by default since 1.35. Images are never collected: they are
    few, and a full disk of the developer's is not the cluster's business until 1 % is left.
    """
    return yaml.safe_dump(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{names.cgroup}/{n.node_name(node)}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(names.pki / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(names.pki / f"kubelet-server-{node}.crt"),
            "tlsPrivateKeyFile": str(names.pki / f"kubelet-server-{node}.key"),
            "healthzBindAddress": "127.0.0.1",
            "clusterDNS": [n.DNS_ADDRESS],
            "clusterDomain": n.CLUSTER_DOMAIN,
            "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
            "resolvConf": "/etc/resolv.conf",
            "systemReserved": reserved(machine),
            "enforceNodeAllocatable": ["pods"],
            "evictionHard": {
                "memory.available": f"{n.EVICTION_MEMORY_BYTES // 1024**2}Mi",
                "nodefs.available": "1%",
                "imagefs.available": "1%",
                "nodefs.inodesFree": "1%",
            },
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "serializeImagePulls": False,
            # Only an iptables kube-proxy wants them; see its command line.
            "makeIPTablesUtilChains": False,
        },
        sort_keys=False,
    )


def containerd() -> str:
    """Return containerd 1.6's configuration, the same on every node; each node has its own /run and /var/lib.

    ``restrict_oom_score_adj``: without CAP_SYS_RESOURCE (containers, small virtual machines) lowering the score is
    rejected and every pod fails with "can't get final child's PID from pipe: EOF".
    """
    return f"""version = 2
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
address = "{CONTAINERD_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{n.PAUSE_IMAGE}"
restrict_oom_score_adj = true
stream_server_address = "127.0.0.1"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "/run/wso2ei/cni"
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "/run/wso2ei/certs.d"
[plugins."io.containerd.grpc.v1.cri".containerd]
discard_unpacked_layers = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
"""


def cni(node: int) -> str:
    """Return the bridge plugin with addresses from the node's range.

    Leases are under /run: they must not outlive the sandboxes that hold them.
    """
    ipam = {
        "type": "host-local",
        "dataDir": "/run/cni-leases",
        "ranges": [[{"subnet": n.pod_range(node)}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": ipam,
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return json.dumps({"cniVersion": "1.0.0", "name": "pod", "plugins": [bridge, ports]}, indent=1)


def stand_ins(sources: Mapping[str, str]) -> list[str]:
    """Return the registries that are imitated: those that ``sources`` names, and undecided ones where Docker Hub is."""
    default = sources.get("docker.io", "stand-in")
    return [name for name in n.IMITATED if sources.get(name, default) == "stand-in"]


def hosts_toml(stand_ins: Collection[str]) -> dict[str, str]:
    """Return registry name to hosts.toml, for those that the cluster's registries serve.

    :param stand_ins: registries of `names.IMITATED`.
    """
    found = {}
    for name in (n.OWN_REGISTRY, *stand_ins):
        port = n.PRIVATE_REGISTRY_PORT if name in n.PRIVATE_NAMES else n.PUBLIC_REGISTRY_PORT
        url = f"http://{n.node_address(1)}:{port}"
        found[name] = f'server = "{url}"\n[host."{url}"]\ncapabilities = ["pull", "resolve"]\n'
    return found


def registry(port: int, root: Path, htpasswd: Path | None) -> str:
    """Return docker-registry's configuration, with a storage folder that it only reads."""
    config: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(root)},
            "maintenance": {"readonly": {"enabled": True}, "uploadpurging": {"enabled": False}},
        },
        "http": {"addr": f"{n.node_address(1)}:{port}"},
    }
    if htpasswd is not None:
        config["auth"] = {"htpasswd": {"realm": "wso2", "path": str(htpasswd)}}
    return yaml.safe_dump(config, sort_keys=False)


def kubeconfig(names: n.Names, identity: str) -> str:
    """Return a kubeconfig with everything inside, so that it may be copied; its context is called ``embedded``."""

    def embedded(path: Path) -> str:
        return base64.b64encode(path.read_bytes()).decode()

    user = {
        "client-certificate-data": embedded(names.pki / f"{identity}.crt"),
        "client-key-data": embedded(names.pki / f"{identity}.key"),
    }
    cluster = {
        "server": f"https://{n.node_address(1)}:{n.API_PORT}",
        "certificate-authority-data": embedded(names.pki / "ca.crt"),
    }
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": n.CONTEXT, "cluster": cluster}],
            "users": [{"name": f"embedded-{identity}", "user": user}],
            "contexts": [{"name": n.CONTEXT, "context": {"cluster": n.CONTEXT, "user": f"embedded-{identity}"}}],
            "current-context": n.CONTEXT,
        },
        sort_keys=False,
    )

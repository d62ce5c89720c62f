"""What our builders promise about pods, as rules: Pod Security *restricted* in full, resources, tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from policies.objects import Finding, Manifest, Path, PodTemplate, is_unknown, items, mapping, namespace, pod_template
from policies.pods import OWN_FOLDER, is_own_folder

NGINX_LABEL = ("app.kubernetes.io/name", "nginx-ingress")
"""Pods of the ingress controller, the only ones that the outside reaches."""
WRITABLE = {("wso2ei", "ei"), ("wso2ei", "copy-conf")}
"""(app name, container) that may write into their root file system: EI writes into its own home."""
VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
"""Volume types of the restricted profile; OCI ``image`` volumes are read-only and allowed since 1.33."""
_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
    }
)
_SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
_QUANTITY = re.compile(r"^([0-9]+(?:\.[0-9]+)?)(m|Ki|Mi|Gi|Ti|k|M|G|T)?$")
_FACTORS = {"": 1.0, "m": 0.001, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12} | {
    unit: 1024.0**power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti"), start=1)
}


def pod_security(manifest: Manifest) -> Iterator[Finding]:
    """The Pod Security Standard *restricted*, rule by rule (kubernetes.io, "Pod Security Standards")."""
    pod = pod_template(manifest)
    if pod is None:
        return
    yield from _of_the_pod(pod)
    for path, container in pod.containers():
        yield from _of_a_container(pod, path, container)


def _of_the_pod(pod: PodTemplate) -> Iterator[Finding]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.spec.get(field):
            yield Finding((*pod.spec_path, field), "must not share the node's namespaces")
    for index, volume in enumerate(items(pod.spec.get("volumes"))):
        kinds = set(mapping(volume)) - {"name"}
        if not kinds <= VOLUMES:
            where = (*pod.spec_path, "volumes", index)
            yield Finding(where, f"volume type {', '.join(sorted(kinds - VOLUMES))} is not allowed in a pod")
    context = mapping(pod.spec.get("securityContext"))
    where = (*pod.spec_path, "securityContext")
    if context.get("runAsUser") == 0:
        yield Finding((*where, "runAsUser"), "must not be root (0)")
    for index, sysctl in enumerate(items(context.get("sysctls"))):
        if mapping(sysctl).get("name") not in _SYSCTLS:
            yield Finding((*where, "sysctls", index, "name"), "is not one of the safe sysctls")
    yield from _confinement(where, context)


def _of_a_container(pod: PodTemplate, path: Path, container: Mapping[str, Any]) -> Iterator[Finding]:
    own = mapping(container.get("securityContext"))
    shared = mapping(pod.spec.get("securityContext"))
    where = (*path, "securityContext")
    may_be_root = is_own_folder(path, container)
    # What is not known yet may turn out to be the promised shape.
    shape = (path,) if container.get("name") in OWN_FOLDER or is_unknown(container.get("name")) else ()
    pod_context = (*pod.spec_path, "securityContext")
    yield from _confinement(where, own)
    if own.get("privileged"):
        yield Finding((*where, "privileged"), "must not be privileged")
    if own.get("allowPrivilegeEscalation") is not False:
        yield Finding((*where, "allowPrivilegeEscalation"), "must be false")
    if own.get("procMount", "Default") != "Default":
        yield Finding((*where, "procMount"), "must be Default")
    if own.get("runAsUser") == 0 and not may_be_root:
        yield Finding((*where, "runAsUser"), "must not be root (0)", shape)
    if own.get("runAsNonRoot", shared.get("runAsNonRoot")) is not True and not may_be_root:
        message = "must be true, here or for the pod"
        yield Finding((*where, "runAsNonRoot"), message, (*shape, (*pod_context, "runAsNonRoot")))
    seccomp = mapping(own.get("seccompProfile", shared.get("seccompProfile"))).get("type")
    if seccomp not in {"RuntimeDefault", "Localhost"}:
        message = "must be RuntimeDefault or Localhost, here or for the pod"
        yield Finding((*where, "seccompProfile"), message, ((*pod_context, "seccompProfile"),))
    capabilities = mapping(own.get("capabilities"))
    if "ALL" not in items(capabilities.get("drop")):
        yield Finding((*where, "capabilities", "drop"), "must drop ALL")
    extra = set(items(capabilities.get("add"))) - ({"CHOWN"} if may_be_root else {"NET_BIND_SERVICE"})
    if extra:
        message = f"must not add {', '.join(sorted(map(str, extra)))}"
        yield Finding((*where, "capabilities", "add"), message, shape)
    for index, port in enumerate(items(container.get("ports"))):
        if mapping(port).get("hostPort") and pod.labels.get(NGINX_LABEL[0]) != NGINX_LABEL[1]:
            message = "only the ingress controller may take a node's port"
            yield Finding((*path, "ports", index, "hostPort"), message, (pod.labels_path,))
    yield from _host_of_probes(path, container)


def _confinement(where: Path, context: Mapping[str, Any]) -> Iterator[Finding]:
    """What a pod's and a container's context have in common."""
    linux = mapping(context.get("seLinuxOptions"))
    if linux.get("type", "") not in _SELINUX_TYPES or linux.get("user") or linux.get("role"):
        yield Finding((*where, "seLinuxOptions"), "must be a container type, without user and role")
    if mapping(context.get("appArmorProfile")).get("type", "RuntimeDefault") not in {"RuntimeDefault", "Localhost"}:
        yield Finding((*where, "appArmorProfile", "type"), "must not be Unconfined")
    if mapping(context.get("seccompProfile")).get("type", "RuntimeDefault") not in {"RuntimeDefault", "Localhost"}:
        yield Finding((*where, "seccompProfile", "type"), "must not be Unconfined")
    if mapping(context.get("windowsOptions")).get("hostProcess"):
        yield Finding((*where, "windowsOptions", "hostProcess"), "must not be a host process")


def _host_of_probes(path: Path, container: Mapping[str, Any]) -> Iterator[Finding]:
    """A probe or hook that names a host asks that host from the node (restricted since 1.34)."""
    lifecycle = mapping(container.get("lifecycle"))
    probes = ("startupProbe", "readinessProbe", "livenessProbe")
    handlers: dict[Path, Any] = {(kind,): container.get(kind) for kind in probes}
    handlers |= {("lifecycle", kind): lifecycle.get(kind) for kind in ("postStart", "preStop")}
    for where, handler in handlers.items():
        for action in ("httpGet", "tcpSocket"):
            if mapping(mapping(handler).get(action)).get("host"):
                yield Finding((*path, *where, action, "host"), "must ask the pod, not a host of its choice")


def read_only_root(manifest: Manifest) -> Iterator[Finding]:
    """A container cannot change its own programs."""
    pod = pod_template(manifest)
    if pod is None:
        return
    application = pod.labels.get("app.kubernetes.io/name")
    for path, container in pod.containers():
        read_only = mapping(container.get("securityContext")).get("readOnlyRootFilesystem")
        if read_only is not True and (application, container.get("name")) not in WRITABLE:
            where = (*path, "securityContext", "readOnlyRootFilesystem")
            yield Finding(where, "must be true", (pod.labels_path, (*path, "name")))


def quantity(text: Any) -> float | None:
    """A Kubernetes quantity as a number, ``None`` for anything else."""
    match = _QUANTITY.match(str(text))
    return float(match[1]) * _FACTORS[match[2] or ""] if match else None


def requests_and_limits(manifest: Manifest) -> Iterator[Finding]:
    """The scheduler knows what a pod needs, a node is not eaten up, and a namespace with a quota accepts the pod."""
    pod = pod_template(manifest)
    if pod is None:
        return
    for path, container in pod.containers():
        resources = mapping(container.get("resources"))
        for name in ("cpu", "memory"):
            given = {kind: mapping(resources.get(kind)).get(name) for kind in ("requests", "limits")}
            numbers = {kind: quantity(value) for kind, value in given.items()}
            for kind, number in numbers.items():
                if not number:
                    yield Finding((*path, "resources", kind, name), "must be a quantity above 0")
            if numbers["requests"] and numbers["limits"] and numbers["limits"] < numbers["requests"]:
                yield Finding((*path, "resources", "limits", name), "must not be below the request")


def bounded_disk(manifest: Manifest) -> Iterator[Finding]:
    """A server cannot fill its node's disk: its writable files have a limit, and so has every ``emptyDir``."""
    pod = pod_template(manifest)
    if pod is None:
        return
    for index, volume in enumerate(items(pod.spec.get("volumes"))):
        folder = mapping(volume).get("emptyDir")
        if isinstance(folder, Mapping) and not quantity(folder.get("sizeLimit")):
            yield Finding((*pod.spec_path, "volumes", index, "emptyDir", "sizeLimit"), "must be a quantity above 0")
    if manifest.get("kind") in {"Deployment", "StatefulSet", "DaemonSet"}:
        for path, container in pod.containers():
            if "containers" in path:
                for kind in ("requests", "limits"):
                    resources = mapping(mapping(container.get("resources")).get(kind))
                    if not quantity(resources.get("ephemeral-storage")):
                        where = (*path, "resources", kind, "ephemeral-storage")
                        yield Finding(where, "must be a quantity above 0")


def own_service_account(manifest: Manifest) -> Iterator[Finding]:
    """No pod gets a token by default; one that calls the API mounts a token of its own account, where it is used."""
    if manifest.get("kind") == "ServiceAccount":
        if manifest.get("automountServiceAccountToken") is not False:
            yield Finding(("automountServiceAccountToken",), "must be false")
        return
    pod = pod_template(manifest)
    if pod is None:
        return
    account = pod.spec.get("serviceAccountName", pod.spec.get("serviceAccount"))
    if pod.spec.get("automountServiceAccountToken") is not False:
        yield Finding((*pod.spec_path, "automountServiceAccountToken"), "must be false: it reaches every container")
    for index, volume in enumerate(items(pod.spec.get("volumes"))):
        for number, source in enumerate(items(mapping(mapping(volume).get("projected")).get("sources"))):
            token = mapping(source).get("serviceAccountToken")
            where = (*pod.spec_path, "volumes", index, "projected", "sources", number, "serviceAccountToken")
            if token is not None and account in {None, "default"}:
                yield Finding(where, f"is a token of the default account of namespace {namespace(manifest)}")
    if account == "default":
        yield Finding((*pod.spec_path, "serviceAccountName"), "must not be default")

"""Start and stop of the embedded cluster.

`start` makes what is missing and leaves alone what is there, so the same call starts, mends after a crash or a reboot,
and does nothing on a healthy cluster. `stop` removes all of it, also after a start that failed half-way.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bcrypt

from embedded import toolchain
from embedded.cluster import api, cgroups, components, config, manifests, network, pki, preconditions, units
from embedded.cluster import names as n
from embedded.cluster.leftovers import mounts_below
from embedded.errors import KitError
from embedded.progress import Reporter, Step

Spec = dict[str, Any]
API_PATIENCE_SECONDS = 90.0
NODE_PATIENCE_SECONDS = 90.0
DNS_PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.2


def start(
    store_public_root: Path, store_private_root: Path, nodes: int | None = None, reporter: Reporter | None = None
) -> None:
    """Have a healthy cluster: start it, mend it, or find that nothing is to be done.

    :param store_public_root: docker-registry storage served without a password (docker.io, registry.k8s.io).
    :param store_private_root: the same for the names that want a password (docker.wso2.com, registry.wso2.com).
    :param nodes: number of nodes; None means as many as there are, or one. A cluster can grow, not shrink.
    :raises KitError: when the machine cannot run it, or when a part does not come up (with its last log lines).
    """
    reporter = reporter or Reporter()
    names = n.current()
    count = _node_count(names, nodes)
    if not units.alive(names, n.node_name(1)):
        preconditions.check(preconditions.observe(names))
    preconditions.check_network(names)
    toolchain.ensure_debian(n.DEBIAN_PACKAGES, reporter)
    programs = components.Programs(
        kubernetes=toolchain.ensure("kubernetes", reporter),
        kube_router=toolchain.ensure("kube-router", reporter),
        public_root=store_public_root.resolve(),
        private_root=store_private_root.resolve(),
    )
    began = time.monotonic()
    specs = _prepare(names, count, programs)
    changed = _converge(names, specs, reporter)
    connection = api.Api(names.pki)
    if changed or _problems(names, connection, count):
        changed = True
        _bring_up(names, connection, count, programs, reporter)
    elapsed = time.monotonic() - began
    if changed:
        reporter.note(f"embedded cluster: {count} node(s) Ready after {elapsed:.0f} s; kubeconfig {names.kubeconfig}")
    else:
        reporter.note(f"embedded cluster: already running with {count} node(s), nothing to do ({elapsed:.1f} s)")


def stop(reporter: Reporter | None = None) -> None:
    """Remove every process, namespace, mount, cgroup, interface and file of the cluster; nothing there is fine.

    The password of the private registry names stays, as it belongs to the state folder and not to one cluster.
    """
    reporter = reporter or Reporter()
    names = n.current()
    with reporter.step("stop the embedded cluster", "2 s") as step:
        step.detail("ending its processes")
        units.end_processes(names.cgroup)
        step.detail("removing its network")
        network.remove(names)
        step.detail("removing its cgroups")
        left = cgroups.remove(names.cgroup)
        if left:
            raise KitError(f"cgroups cannot be removed: {', '.join(map(str, left))}")
        for point in sorted(mounts_below(names.root), reverse=True):
            subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
        step.detail("removing its files")
        if names.root.exists():
            shutil.rmtree(names.root)


def _node_count(names: n.Names, wanted: int | None) -> int:
    present = len([entry for entry in names.root.glob("node-*") if (entry / "spec.json").exists()])
    count = wanted or present or 1
    if not 1 <= count <= n.MAX_NODES:
        raise KitError(f"the embedded cluster has 1 to {n.MAX_NODES} nodes, not {count}")
    if count < present:
        raise KitError(
            f"the running cluster has {present} nodes and cannot shrink to {count}",
            "stop it first: python -m embedded cluster stop",
        )
    return count


# --- files --------------------------------------------------------------------------------------------------------


def _prepare(names: n.Names, nodes: int, programs: components.Programs) -> list[Spec]:
    """Write certificates and configuration where missing or changed; returns the units' specifications."""
    names.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    pki.ensure(names.pki, nodes)
    machine = preconditions.machine()
    htpasswd = _htpasswd(names)
    specs = []
    for node in range(1, nodes + 1):
        folder = _folders(names, n.node_name(node))
        for name, text in _node_files(names, node, machine).items():
            _write_changed(folder / "config" / name, text)
        if node == 1:
            _write_changed(folder / "config" / "htpasswd", htpasswd)
            for kind, port, root, passwords in (
                ("public", n.PUBLIC_REGISTRY_PORT, programs.public_root, None),
                ("private", n.PRIVATE_REGISTRY_PORT, programs.private_root, folder / "config" / "htpasswd"),
            ):
                text = config.registry(port, root, passwords)
                _write_changed(folder / "config" / f"registry-{kind}.yml", text)
        specs.append(components.node_unit(names, node, nodes, programs))
    folder = _folders(names, components.HOST_UNIT)
    _write_changed(folder / "config" / "load-balancer.kubeconfig", config.kubeconfig(names, "load-balancer"))
    _write_changed(names.kubeconfig, config.kubeconfig(names, "admin"))
    specs.append(components.host_unit(names))
    return specs


def _node_files(names: n.Names, node: int, machine: config.Machine) -> dict[str, str]:
    files = {
        "kubelet.yaml": config.kubelet(names, node, machine),
        "containerd.toml": config.containerd(),
        "cni/10-pod.conflist": config.cni(node),
        "kubelet.kubeconfig": config.kubeconfig(names, f"kubelet-{node}"),
        **{f"certs.d/{name}/hosts.toml": text for name, text in config.hosts_toml().items()},
    }
    identities = ["kube-proxy", "kube-router"]
    if node == 1:
        identities += ["controller-manager", "scheduler"]
    for identity in identities:
        files[f"{identity}.kubeconfig"] = config.kubeconfig(names, identity)
    return files


def _folders(names: n.Names, unit: str) -> Path:
    folder = names.unit(unit)
    for name in ("config", "var-lib", "var-log", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (names.logs / unit).mkdir(parents=True, exist_ok=True)
    return folder


def _write_changed(path: Path, text: str) -> None:
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(path)


def credentials(names: n.Names) -> dict[str, str]:
    """User and password of the private registry names, made on first use."""
    known = units.read_json(names.credentials)
    if known.get("username") and known.get("password"):
        return {"username": str(known["username"]), "password": str(known["password"])}
    made = {"username": "embedded", "password": secrets.token_urlsafe(18)}
    _write_changed(names.credentials, json.dumps(made))
    return made


def _htpasswd(names: n.Names) -> str:
    """The line for docker-registry, kept as long as it fits the password: bcrypt gives another one every time."""
    known = credentials(names)
    path = names.unit(n.node_name(1)) / "config" / "htpasswd"
    password = known["password"].encode()
    if path.exists():
        user, _, stored = path.read_text().strip().partition(":")
        if user == known["username"] and bcrypt.checkpw(password, stored.encode()):
            return path.read_text()
    return f"{known['username']}:{bcrypt.hashpw(password, bcrypt.gensalt(8)).decode()}\n"


# --- processes ----------------------------------------------------------------------------------------------------


def _converge(names: n.Names, specs: list[Spec], reporter: Reporter) -> bool:
    """Start units that are not alive, tell living ones what is new; returns whether anything was done."""
    nodes = len(specs) - 1
    missing = [spec for spec in specs if not units.alive(names, spec["name"])]
    stale = [spec for spec in specs if spec not in missing and _differs(names, spec)]
    network.ensure_bridge(names)
    if not missing and not stale:
        network.ensure_routes(names, nodes)
        return False
    known = (names.unit(n.node_name(1)) / "var-lib" / "etcd").exists()
    title = "mend the embedded cluster" if known else "start the processes of the embedded cluster"
    with reporter.step(title, "1 s") as step:
        for spec in missing:
            step.detail(f"namespaces of {spec['name']}")
            pid = units.spawn(names, spec)
            if spec["own_network"]:
                network.connect(names, int(spec["name"].rpartition("-")[2]), pid)
        for spec in stale:
            step.detail(f"new specification of {spec['name']}")
            units.reload(names, spec)
        network.ensure_routes(names, nodes)
        step.detail(", ".join(spec["name"] for spec in missing + stale))
    return True


def _differs(names: n.Names, spec: Spec) -> bool:
    return {**units.specification(names, spec["name"]), "cgroups": []} != {**spec, "cgroups": []}


# --- waiting ------------------------------------------------------------------------------------------------------


def _problems(names: n.Names, connection: api.Api, nodes: int) -> list[str]:
    """What is not as it should be, in words; empty for a healthy cluster."""
    found = []
    for name in [*(n.node_name(node) for node in range(1, nodes + 1)), components.HOST_UNIT]:
        for part, state in units.component_states(names, name).items():
            if not state["running"]:
                found.append(f"{part} of {name} is not running ({state['last_exit'] or 'not started yet'})")
    if not connection.ready():
        return [*found, "the API server does not answer"]
    conditions = connection.node_conditions()
    for node in range(1, nodes + 1):
        text = conditions.get(n.node_name(node), "has not registered yet")
        if text:
            found.append(f"{n.node_name(node)}: {text}")
    if not found and (text := connection.dns_problem()):
        found.append(f"CoreDNS: {text}")
    if _applied(names) != _fingerprint():
        found.append("its objects are of an older kit")
    return found


def _bring_up(
    names: n.Names, connection: api.Api, nodes: int, programs: components.Programs, reporter: Reporter
) -> None:
    first = n.node_name(1)
    with reporter.step("wait for the API server", "7 s") as step:

        def api_answers() -> str:
            answer = connection.get("/readyz")
            return "" if answer.ok else _first_line(answer.body)

        culprits = [(first, "etcd"), (first, "kube-apiserver")]
        _wait(names, step, API_PATIENCE_SECONDS, api_answers, culprits)
    with reporter.step("apply CoreDNS, rights and the decoy StorageClass", "2 s") as step:
        _apply(names, programs, step)
    with reporter.step("wait for the nodes", "5 s") as step:

        def nodes_ready() -> str:
            conditions = connection.node_conditions()
            waiting = (n.node_name(node) for node in range(1, nodes + 1))
            texts = {name: conditions.get(name, "has not registered yet") for name in waiting}
            return "; ".join(f"{name}: {text}" for name, text in texts.items() if text)

        culprits = [(n.node_name(node), "kubelet") for node in range(1, nodes + 1)]
        _wait(names, step, NODE_PATIENCE_SECONDS, nodes_ready, [*culprits, (first, "containerd")])
    with reporter.step("wait for CoreDNS and the load balancer", "4 s") as step:

        def dns_serves() -> str:
            state = units.component_states(names, components.HOST_UNIT).get("load-balancer", {})
            if not state.get("running"):
                return f"load balancer: {state.get('last_exit') or 'starting'}"
            return connection.dns_problem()

        culprits = [(first, "kubelet"), (components.HOST_UNIT, "load-balancer")]
        _wait(names, step, DNS_PATIENCE_SECONDS, dns_serves, culprits)


def _wait(
    names: n.Names, step: Step, patience: float, problem: Callable[[], str], culprits: list[tuple[str, str]]
) -> None:
    """Poll until ``problem`` says nothing.

    :raises KitError: after ``patience`` seconds, or at once when a unit has died; with the culprits' last log lines.
    """
    end = time.monotonic() + patience
    while text := problem():
        step.detail(text)
        dead = next((unit for unit, _ in culprits if not units.alive(names, unit)), "")
        if dead or time.monotonic() > end:
            what = f"{dead} died" if dead else f"waited {patience:.0f} s in vain: {text}"
            tails = [(dead, "unit")] if dead else culprits
            raise KitError(
                "\n".join([what, *(_tail_text(names, unit, part) for unit, part in tails)]),
                f"all logs are in {names.logs}; the same command again goes on from here",
            )
        time.sleep(_POLL_SECONDS)
    step.detail("")


def _tail_text(names: n.Names, unit: str, part: str) -> str:
    lines = "\n".join(f"    {line[:300]}" for line in units.log_tail(names, unit, part))
    state = units.component_states(names, unit).get(part, {})
    ended = f", last ended with {state['last_exit']}" if state.get("last_exit") else ""
    return f"  last lines of {part} on {unit}{ended}:\n{lines or '    (nothing)'}"


def _first_line(body: object) -> str:
    return str(body.get("message", body) if isinstance(body, dict) else body).strip().split("\n")[0]


def _fingerprint() -> str:
    return hashlib.sha256(manifests.as_yaml().encode()).hexdigest()


def _applied(names: n.Names) -> str:
    path = names.root / "applied"
    return path.read_text() if path.exists() else ""


def _apply(names: n.Names, programs: components.Programs, step: Step) -> None:
    """Server-side apply; tried again for a moment, as system namespaces appear shortly after the API server."""
    command = [
        str(programs.kubernetes / "kubectl"), "--kubeconfig", str(names.kubeconfig),
        "apply", "--server-side", "--force-conflicts", "--field-manager=embedded", "-f", "-",
    ]  # fmt: skip
    environment = {**os.environ, "KUBECONFIG": ""}
    end = time.monotonic() + 30
    while True:
        done = subprocess.run(
            command, input=manifests.as_yaml(), capture_output=True, text=True, check=False, env=environment
        )
        if done.returncode == 0:
            _write_changed(names.root / "applied", _fingerprint())
            return
        step.detail(done.stderr)
        if time.monotonic() > end:
            raise KitError(f"the cluster's own objects cannot be applied: {done.stderr.strip()}")
        time.sleep(0.5)

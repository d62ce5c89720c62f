"""The cluster's files: written where missing or changed, and the units' specifications that follow from them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bcrypt

from embedded.cluster import components, config, pki, preconditions, units
from embedded.cluster import names as n

Spec = dict[str, Any]


def prepare(
    names: n.Names, nodes: int, programs: components.Programs, sources: Mapping[str, str] | None = None
) -> list[Spec]:
    """Write certificates and configuration where missing or changed; returns the units' specifications.

    :param sources: registry name to ``real`` or ``stand-in``, added to what is recorded.
    """
    names.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    pki.ensure(names.pki, nodes)
    machine = preconditions.machine()
    write_changed(names.image_sources, json.dumps(image_sources(names) | dict(sources or {})))
    hosts = config.hosts_toml(config.stand_ins(image_sources(names)))
    htpasswd = _htpasswd(names)
    specs = []
    for node in range(1, nodes + 1):
        folder = _folders(names, n.node_name(node))
        for name, text in _node_files(names, node, machine).items():
            write_changed(folder / "config" / name, text)
        for name in (n.OWN_REGISTRY, *n.IMITATED):
            # Read at every pull. Without the file containerd queries the registry of that name.
            path = folder / "config" / "certs.d" / name / "hosts.toml"
            if name in hosts:
                write_changed(path, hosts[name])
            else:
                path.unlink(missing_ok=True)
        if node == 1:
            write_changed(folder / "config" / "htpasswd", htpasswd)
            for kind, port, root, passwords in (
                ("public", n.PUBLIC_REGISTRY_PORT, programs.public_root, None),
                ("private", n.PRIVATE_REGISTRY_PORT, programs.private_root, folder / "config" / "htpasswd"),
            ):
                text = config.registry(port, root, passwords)
                write_changed(folder / "config" / f"registry-{kind}.yml", text)
        specs.append(components.node_unit(names, node, nodes, programs))
    _folders(names, components.HOST_UNIT)
    write_changed(names.kubeconfig, config.kubeconfig(names, "admin"))
    specs.append(components.host_unit(names))
    return specs


def _node_files(names: n.Names, node: int, machine: config.Machine) -> dict[str, str]:
    files = {
        "kubelet.yaml": config.kubelet(names, node, machine),
        "containerd.toml": config.containerd(),
        "cni/10-pod.conflist": config.cni(node),
        "kubelet.kubeconfig": config.kubeconfig(names, f"kubelet-{node}"),
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


def write_changed(path: Path, text: str) -> bool:
    """Write as a whole, for its owner alone, and only when the content differs; returns whether it did."""
    if path.exists() and path.read_text() == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(path)
    return True


def image_sources(names: n.Names) -> dict[str, str]:
    """Return where the nodes pull from, as far as it was decided: registry name to ``real`` or ``stand-in``."""
    if units.specification(names, n.node_name(1)) and not names.image_sources.exists():
        # A cluster of an older kit, which knew nothing but stand-ins.
        return dict.fromkeys(n.IMITATED, "stand-in")
    return {name: str(source) for name, source in units.read_json(names.image_sources).items()}


def credentials(names: n.Names) -> dict[str, str]:
    """Return user and password of the private registry names, created on first use."""
    stored = units.read_json(names.credentials)
    if stored.get("username") and stored.get("password"):
        return {"username": str(stored["username"]), "password": str(stored["password"])}
    made = {"username": "embedded", "password": secrets.token_urlsafe(18)}
    write_changed(names.credentials, json.dumps(made))
    return made


def _htpasswd(names: n.Names) -> str:
    """Return docker-registry's line, kept while it fits the password: bcrypt gives another one every time."""
    account = credentials(names)
    path = names.unit(n.node_name(1)) / "config" / "htpasswd"
    password = account["password"].encode()
    if path.exists():
        user, _, stored = path.read_text().strip().partition(":")
        if user == account["username"] and bcrypt.checkpw(password, stored.encode()):
            return path.read_text()
    return f"{account['username']}:{bcrypt.hashpw(password, bcrypt.gensalt(8)).decode()}\n"

"""Kubeconfigs: a path or the contents in the provider's option, else the ambient files; and who the cluster is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import yaml

Config = dict[str, Any]

_NOTHING = (
    "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable"
)


class KubeconfigError(Exception):
    """A kubeconfig that cannot be used; the words are those of client-go."""


class Loaded(NamedTuple):
    """A kubeconfig as data, and the folder that relative paths in it mean (None: no file)."""

    config: Config
    folder: str | None


def parse(path_or_contents: str) -> Loaded:
    """From the option: a path (``~`` allowed) if such a file exists, else YAML or JSON contents."""
    path = Path(path_or_contents).expanduser() if len(path_or_contents) < 4096 else None
    try:
        if path is not None and path.is_file():
            return Loaded(_load(path.read_text()), str(path.parent))
    except OSError as error:
        raise KubeconfigError(str(error)) from error
    return Loaded(_load(path_or_contents), None)


def _load(text: str) -> Config:
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise KubeconfigError(f"couldn't get version/kind; json parse error: {error}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise KubeconfigError(
            "couldn't get version/kind; json parse error: json: cannot unmarshal "
            f"{type(data).__name__} into Go value of type struct"
        )
    return data


def ambient() -> Loaded:
    """From ``$KUBECONFIG`` (files divided by ``:``, the first one that defines a name wins) or ``~/.kube/config``."""
    given = os.environ.get("KUBECONFIG")
    paths = [Path(part) for part in given.split(os.pathsep) if part] if given else [Path.home() / ".kube" / "config"]
    found = [parse(str(path)) for path in paths if path.is_file()]
    if not found:
        return Loaded({}, None)
    if len(found) == 1:
        return found[0]
    return Loaded(_merge(found), None)


def _merge(parts: list[Loaded]) -> Config:
    merged: Config = {"clusters": [], "contexts": [], "users": [], "current-context": ""}
    for config, folder in parts:
        merged["current-context"] = merged["current-context"] or config.get("current-context") or ""
        for kind in ("clusters", "contexts", "users"):
            names = {entry.get("name") for entry in merged[kind]}
            merged[kind] += [_absolute(entry, folder) for entry in config.get(kind) or [] if entry["name"] not in names]
    return merged


def _absolute(entry: Config, folder: str | None) -> Config:
    inner_key = next((key for key in ("cluster", "user") if isinstance(entry.get(key), dict)), None)
    if inner_key is None or folder is None:
        return entry
    inner = {
        key: str(Path(folder) / value)
        if key in ("certificate-authority", "client-certificate", "client-key", "tokenFile")
        else value
        for key, value in entry[inner_key].items()
    }
    return {**entry, inner_key: inner}


def chosen(config: Config, context: str | None) -> Config:
    """The context that is used, as ``{name, cluster, user, namespace?}``. KubeconfigError if there is none."""
    if not config.get("clusters") and not config.get("contexts"):
        raise KubeconfigError(_NOTHING)
    name = context or config.get("current-context") or ""
    entry = _named(config, "contexts", name)
    if entry is None:
        if context:
            raise KubeconfigError(f'context "{name}" does not exist')
        raise KubeconfigError(_NOTHING)
    inner = entry.get("context") or {}
    if _named(config, "clusters", str(inner.get("cluster"))) is None:
        raise KubeconfigError(f'invalid configuration: cluster "{inner.get("cluster")}" was not found')
    return {"name": name, **inner}


def namespace(config: Config, context: str | None, override: str) -> str:
    """The namespace of objects that name none: the provider's option, else the context's, else ``default``."""
    if override:
        return override
    entry = _named(config, "contexts", context or config.get("current-context") or "")
    return str(((entry or {}).get("context") or {}).get("namespace") or "default")


def active_cluster(kubeconfig: Any, context: Any) -> Config | None:
    """What identifies the cluster for `DiffConfig`: the active context's cluster entry, None if there is none.

    :param kubeconfig: the option's value: path, contents, or the contents as a map.
    :raises KubeconfigError: it cannot be parsed; a path to nowhere is taken for contents.
    """
    if isinstance(kubeconfig, dict):
        kubeconfig = json.dumps(kubeconfig)
    try:
        config = parse(kubeconfig).config if kubeconfig else {}
    except KubeconfigError as error:
        raise KubeconfigError(f"failed to parse kubeconfig: {error}") from error
    entry = _named(config, "contexts", context or config.get("current-context") or "")
    cluster = _named(config, "clusters", str(((entry or {}).get("context") or {}).get("cluster")))
    return cluster.get("cluster") if cluster else None


def _named(config: Config, kind: str, name: str) -> Config | None:
    return next((entry for entry in config.get(kind) or [] if entry.get("name") == name), None)

"""The provider's own options: which are imitated, what they mean, and when a change replaces everything."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from embedded.plugins.kubernetes import kubeconfig
from embedded.plugins.kubernetes.diff import DiffSettings
from embedded.plugins.kubernetes.values import UNKNOWN, plain

IMITATED = {
    "clusterIdentifier",
    "context",
    "deleteUnreachable",
    "enableConfigMapMutable",
    "enablePatchForce",
    "enableSecretMutable",
    "enableServerSideApply",
    "kubeClientSettings",
    "kubeconfig",
    "namespace",
    "skipUpdateUnreachable",
    "strictMode",
    "suppressDeprecationWarnings",
    "suppressHelmHookWarnings",
    "version",
    "pluginDownloadURL",
}
_ENVIRONMENT = {
    "deleteUnreachable": "PULUMI_K8S_DELETE_UNREACHABLE",
    "skipUpdateUnreachable": "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE",
    "enableServerSideApply": "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
}


class Failure(NamedTuple):
    """One refused property, as the engine shows it."""

    property: str
    reason: str


@dataclass(frozen=True)
class Options:
    """The options in force, from the provider's configuration, else the environment, else the default."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""
    delete_unreachable: bool = False
    skip_update_unreachable: bool = False
    patch_force: bool = False
    diff: DiffSettings = field(default_factory=DiffSettings)

    @classmethod
    def of(cls, variables: dict[str, str]) -> Options:
        """:param variables: as Configure gets them, ``kubernetes:config:<option>``."""

        def given(name: str) -> str:
            return variables.get(f"kubernetes:config:{name}", "")

        def flag(name: str, default: bool = False) -> bool:
            key = f"kubernetes:config:{name}"
            value = variables[key] if key in variables else os.environ.get(_ENVIRONMENT[name])
            return default if value is None else value == "true"

        return cls(
            kubeconfig=given("kubeconfig"),
            context=given("context"),
            namespace=given("namespace"),
            delete_unreachable=flag("deleteUnreachable"),
            skip_update_unreachable=flag("skipUpdateUnreachable"),
            patch_force=flag("enablePatchForce"),
            diff=DiffSettings(
                config_map_mutable=flag("enableConfigMapMutable"),
                secret_mutable=flag("enableSecretMutable"),
                server_side_apply=flag("enableServerSideApply", True),
            ),
        )


def check(urn: str, news: dict[str, Any]) -> list[Failure]:
    """CheckConfig: strict mode as the real plugin has it; what is not imitated is refused by name."""
    values = plain(news)
    failures = [
        Failure(name, f"not imitated: provider option {name}")
        for name, value in sorted(values.items())
        if name not in IMITATED and value not in (None, "", "false", False)
    ]
    if values.get("enableServerSideApply") in ("false", False):
        name = "enableServerSideApply"
        failures.append(Failure(name, f"not imitated: provider option {name}=false"))
    if values.get("strictMode") == "true":
        if "::default_" in urn:
            failures.append(Failure("", "strict mode prohibits default provider"))
        failures += [
            Failure(name, f'strict mode requires Provider "{name}" argument')
            for name in ("kubeconfig", "context")
            if not values.get(name)
        ]
    return failures


def diff(old: dict[str, Any], new: dict[str, Any]) -> tuple[list[str], list[str]]:
    """DiffConfig: (changed options, options whose change replaces the provider and so every object).

    Replacement follows ``clusterIdentifier`` where both sides have one, else the active cluster's entry in the
    kubeconfig. Adding or removing the identifier replaces nothing by itself.
    :raises KubeconfigError: a kubeconfig that cannot be parsed.
    """
    old, new = plain(old), plain(new)
    changed = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
    if not changed:
        return [], []
    identifier = "clusterIdentifier"
    before, after = old.get(identifier), new.get(identifier)
    pinned = bool(after) and after is not UNKNOWN and before == after
    replaces = [identifier] if before and after and before != after else []
    for key in ("kubeconfig", "context", "cluster"):
        if new.get(key) is UNKNOWN:
            return [key], [] if pinned else [*replaces, key]
    # Both are parsed even if the identifier decides, as in the real plugin: a path in the state that does not exist on
    # this machine fails the diff.
    one = kubeconfig.active_cluster(old.get("kubeconfig"), old.get("context"))
    other = kubeconfig.active_cluster(new.get("kubeconfig"), new.get("context"))
    if pinned:
        return changed, []
    if one is not None and other is not None and one != other:
        replaces += [key for key in ("kubeconfig", "context", "cluster") if key in changed]
    return changed, replaces

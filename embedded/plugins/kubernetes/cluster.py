"""The cluster that a provider's options mean: reachable with an `Api`, or not with the reason why."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from embedded.plugins.kubernetes import kubeconfig
from embedded.plugins.kubernetes.api import Api, ApiError, connect
from embedded.plugins.kubernetes.options import Options

_BAD_CONTENTS = "failed to parse kubeconfig data in `kubernetes:config:kubeconfig`- {error}"
_BAD_CONFIG = (
    "unable to load Kubernetes client configuration from kubeconfig file. Make sure you have: \n\n"
    " \t • set up the provider as per https://www.pulumi.com/registry/packages/kubernetes/installation-configuration/ "
    "\n\n {error}"
)
_NO_ANSWER = "unable to load schema information from the API server: {error}"


@dataclass(frozen=True)
class Cluster:
    """``api`` is None if the cluster cannot be reached; ``reason`` then says why."""

    api: Api | None
    reason: str
    namespace: str

    @classmethod
    async def of(cls, options: Options) -> Cluster:
        """Load the kubeconfig and ask the cluster for its version. Never fails: previews work without a cluster."""
        try:
            loaded = kubeconfig.parse(options.kubeconfig) if options.kubeconfig else kubeconfig.ambient()
        except kubeconfig.KubeconfigError as error:
            return cls(None, _BAD_CONTENTS.format(error=error), options.namespace)
        context = options.context or None
        namespace = kubeconfig.namespace(loaded.config, context, options.namespace)
        try:
            used = kubeconfig.chosen(loaded.config, context)
            api = await asyncio.to_thread(connect, loaded.config, str(used["name"]), loaded.folder)
        except kubeconfig.KubeconfigError as error:
            return cls(None, _BAD_CONFIG.format(error=error), namespace)
        except Exception as error:  # noqa: BLE001 - the client raises what it likes for a bad certificate or exec plugin
            return cls(None, _BAD_CONFIG.format(error=error), namespace)
        try:
            await api.version()
        except (ApiError, json.JSONDecodeError) as error:
            return cls(None, _NO_ANSWER.format(error=error), namespace)
        return cls(api, "", namespace)

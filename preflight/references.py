"""Asks the cluster, before an update, whether it knows ServiceMonitors (``ei.metrics.discovery`` serviceMonitor).

Without their definition the provider would find out after everything else was made, and only after tries for half a
minute. Checked in an update only. Where the cluster cannot be asked the update goes on with a warning. Not checked:
whether the stack may make one, and whether a Prometheus chooses it.
"""

from __future__ import annotations

import pulumi

from components.ei.metrics import MONITORING
from preflight.context import TIMEOUT, connected, query_or_warn
from settings.errors import ConfigurationError, Mistake, commands
from settings.model import Settings

_KIND = "ServiceMonitor"


def check(settings: Settings, context: str) -> None:
    """Refuse a ServiceMonitor that the cluster does not know.

    :raises ConfigurationError: in an update of such a stack, when the cluster says that it has no such kind.
    """
    metrics = settings.ei.metrics
    if pulumi.runtime.is_dry_run() or metrics is None or metrics.discovery != "serviceMonitor":
        return
    otherwise = f"ei.metrics.discovery is not checked, '{context}' does not say what it knows"
    kinds = query_or_warn(lambda: _kinds(context), otherwise)
    if kinds is not None and _KIND not in kinds:
        raise ConfigurationError(pulumi.get_stack(), [mistake(context, both=metrics.service_monitor is not None)])


def mistake(context: str, *, both: bool) -> Mistake:
    """What is wrong; ``both``: a section for ServiceMonitors has to go, too. Pure."""
    expected = (
        f"needs the definition of {_KIND}s ({MONITORING}), which the cluster of '{context}' lacks; install the "
        "Prometheus Operator (kube-prometheus-stack) first, or use annotations"
    )
    changes = {"ei.metrics.discovery": "annotations"} | ({"ei.metrics.serviceMonitor": None} if both else {})
    return Mistake("wso2ei:ei.metrics.discovery", '"serviceMonitor"', expected, commands(changes))


def _kinds(context: str) -> set[str]:
    """Kinds of the operator's group that the cluster knows."""
    from kubernetes import client  # noqa: PLC0415 - see preflight.context

    group, version = MONITORING.split("/")
    with connected(context) as api:
        try:
            found = client.CustomObjectsApi(api).get_api_resources(group, version, _request_timeout=TIMEOUT)
        except client.ApiException as error:
            if error.status == 404:
                return set()
            raise
    return {str(item.kind) for item in found.resources}

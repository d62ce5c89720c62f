"""A small definition of ServiceMonitors, for clusters of tests that have no Prometheus Operator.

Field names and types are those of the operator's own; what the stack does not use is left out, so a cluster refuses it.
"""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

_TEXT = {"type": "string"}
_LABELS = {"type": "object", "additionalProperties": _TEXT}
_ENDPOINT = {"port": _TEXT, "path": _TEXT, "interval": {"type": "string", "pattern": "^(0|[0-9]+(ms|s|m|h))$"}}
_SPEC = {
    "type": "object",
    "required": ["endpoints", "selector"],
    "properties": {
        "selector": {"type": "object", "properties": {"matchLabels": _LABELS}},
        "endpoints": {"type": "array", "items": {"type": "object", "properties": _ENDPOINT}},
    },
}
GROUP_VERSION = "monitoring.coreos.com/v1"
NAME = "servicemonitors.monitoring.coreos.com"
DEFINITION: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": NAME},
    "spec": {
        "group": "monitoring.coreos.com",
        "scope": "Namespaced",
        "names": {"kind": "ServiceMonitor", "listKind": "ServiceMonitorList", "plural": "servicemonitors",
                  "singular": "servicemonitor"},
        "versions": [
            {
                "name": "v1", "served": True, "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": {"spec": _SPEC}}},
            }
        ],
    },
}  # fmt: skip


def misfits(manifest: dict[str, Any]) -> list[str]:
    """What of a ServiceMonitor's spec does not fit, fields that it does not know among it."""
    return [error.message for error in Draft202012Validator(_strict(_SPEC)).iter_errors(manifest["spec"])]


def _strict(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema else {}
    return {key: _strict(value) for key, value in schema.items()} | closed

"""A small schema of cert-manager's Certificates: the fields that the stack writes, with the types of the real one.

Read from cert-manager's deploy/crds (cert-manager.io/v1). tests/e2e/test_certmanager.py runs the real one.
"""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

GROUP_VERSION = "cert-manager.io/v1"
_TEXT = {"type": "string"}
_USAGES = ["digital signature", "key encipherment", "server auth", "client auth"]
_SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["secretName", "issuerRef"],
    "additionalProperties": False,
    "properties": {
        "secretName": _TEXT,
        "dnsNames": {"type": "array", "items": _TEXT},
        "issuerRef": {
            "type": "object",
            "required": ["name"],
            "additionalProperties": False,
            "properties": {"name": _TEXT, "kind": _TEXT, "group": _TEXT},
        },
        "usages": {"type": "array", "items": {"enum": _USAGES}},
        "privateKey": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"rotationPolicy": {"enum": ["Never", "Always"]}},
        },
    },
}


def misfits(manifest: dict[str, Any]) -> list[str]:
    """What of a Certificate's spec does not fit."""
    return [error.message for error in Draft202012Validator(_SPEC).iter_errors(manifest["spec"])]

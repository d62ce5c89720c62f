"""Kubernetes' schemas of one version, strict: unknown fields are errors, as with ``kubectl --validate=strict``.

The schemas are those that kubernetes-validate bundles. Its function reads them again for every object and stops at
the first error, so only its files are used.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry, Resource

from policies.objects import Finding, Manifest, is_unknown


class NoSchemaError(Exception):
    """No schema can be had for the object's kind: it belongs to a custom resource."""


def errors(manifest: Manifest, version: str) -> Iterator[Finding]:
    """Everything in which ``manifest`` does not fit Kubernetes ``version`` (``1.35``).

    A placeholder (of a secret, or of a value that is not known before the update) fits any type: errors about
    the placeholder itself are left out, errors about the object around it are not.

    :raises NoSchemaError: for custom resources.
    """
    api_version, kind = str(manifest.get("apiVersion")), str(manifest.get("kind"))
    validator = _validator(version, api_version, kind)
    if validator is None:
        group = api_version.rpartition("/")[0]
        if "." in group and not group.endswith(".k8s.io"):
            raise NoSchemaError(f"{kind} ({api_version}) is a custom resource")
        yield Finding(("apiVersion",), f"Kubernetes {version} has no {kind} in {api_version}")
        return
    for error in validator.iter_errors(manifest):
        if not is_unknown(error.instance):
            yield Finding(tuple(error.absolute_path), _message(error))


def _message(error: ValidationError) -> str:
    """The validator's words without the value: it may be long, and a finding shows no data."""
    expected = json.dumps(error.validator_value)
    match error.validator:
        case "type":
            return f"must be of type {expected}, is {type(error.instance).__name__}"
        case "additionalProperties":
            return re.sub(r"^Additional properties are not allowed \((.*)\)$", r"unknown field: \1", str(error.message))
        case "required":
            return str(error.message)
        case _:
            return f"must fit {error.validator} {expected[:80]}"


@functools.cache
def _validator(version: str, api_version: str, kind: str) -> Draft202012Validator | None:
    group, _, name = api_version.rpartition("/")
    prefix = f"{group.split('.')[0]}-{name}" if group else name
    try:
        schema = _json(version, f"{kind.lower()}-{prefix}.json")
    except FileNotFoundError:
        return None
    return Draft202012Validator(
        schema, registry=_definitions(version).with_resource("", Resource.from_contents(schema))
    )


@functools.cache
def _definitions(version: str) -> Registry[Any]:
    definitions: Registry[Any] = Registry().with_resource(
        "_definitions.json", Resource.from_contents(_json(version, "_definitions.json"))
    )
    return definitions


def _json(version: str, name: str) -> Any:
    schemas = importlib.resources.files("kubernetes_validate") / "kubernetes-json-schema"
    content = json.loads((schemas / f"v{version}.0-local-strict" / name).read_text(encoding="utf-8"))
    content.setdefault("$schema", "https://json-schema.org/draft/2020-12/schema")
    return content

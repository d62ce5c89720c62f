"""A stack's state without its secrets: each secret value becomes a placeholder, and can be filled with a new one.

A template is safe to commit. It keeps what an upgrade is decided by: URNs, inputs, outputs, parents, providers. What
was derived from a secret (an SQL file, a certificate, the base64 of a Secret's data) is kept as text around the
placeholders, so that after filling the derived values fit the secrets again and a preview has nothing to change.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_SIGNATURE, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
_BASE64 = "@@base64@@"
_PLACEHOLDER = re.compile(r"@@([^@\s]+)@@")
_OF_A_MACHINE_OR_A_MOMENT = {"sourcePosition", "stackTrace", "created", "modified"}


def template_of(export: Mapping[str, Any]) -> dict[str, Any]:
    """The template of ``pulumi stack export --show-secrets``.

    :raises ValueError: where a secret is still encrypted, operations are pending, or a secret value is left over.
    """
    deployment = export["deployment"]
    if deployment.get("pending_operations"):
        raise ValueError("the state has pending operations: finish the update first")
    resources = [_cleaned(resource) for resource in deployment["resources"]]
    known = _known(resources)
    templated = [_templated(resource, known) for resource in resources]
    text = json.dumps(templated)
    for value, placeholder in known.items():
        if value in text or base64.b64encode(value.encode()).decode().rstrip("=") in text:
            raise ValueError(f"the value of {placeholder} is still in the state: it is used where no secret should be")
    # The magic fits time and version; import rejects another one.
    manifest = {key: deployment["manifest"][key] for key in ("time", "magic", "version")}
    return {"version": export["version"], "deployment": {"manifest": manifest, "resources": templated}}


def written(template: Mapping[str, Any]) -> str:
    """As text, one resource a line."""
    deployment = dict(template["deployment"])
    lines = ",\n".join(json.dumps(resource, sort_keys=True) for resource in deployment.pop("resources"))
    head = json.dumps(template["version"]), json.dumps(deployment["manifest"])
    return f'{{"version": {head[0]}, "deployment": {{"manifest": {head[1]}, "resources": [\n{lines}\n]}}}}\n'


def filled(template: Mapping[str, Any], value_of: Callable[[str], str]) -> dict[str, Any]:
    """The state again, with ``value_of(name)`` for each placeholder; ``pulumi stack import`` encrypts it."""

    def fill(text: str) -> str:
        if text.startswith(_BASE64):
            return base64.b64encode(fill(text.removeprefix(_BASE64)).encode()).decode()
        return _PLACEHOLDER.sub(lambda found: value_of(found[1]), text)

    def change(value: Any) -> Any:
        if _is_secret(value):
            return _secret(_mapped(_plain(value), change))
        return fill(value) if isinstance(value, str) else value

    return {key: _mapped(value, change) for key, value in template.items()}


def placeholders(template: Mapping[str, Any]) -> set[str]:
    """The names of all placeholders."""
    return set(_PLACEHOLDER.findall(json.dumps(template))) - {"base64"}


def _is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.get(_SIGNATURE) == _SECRET


def _cleaned(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Without the fields about the machine and the time."""
    kept = {key: value for key, value in resource.items() if key not in _OF_A_MACHINE_OR_A_MOMENT}
    metadata = (kept.get("outputs") or {}).get("metadata")
    if isinstance(metadata, dict):
        metadata.pop("managedFields", None)
    return kept


def _known(resources: list[dict[str, Any]]) -> dict[str, str]:
    """Secret value to placeholder: first what is random, then what is secret and not made of it."""
    known: dict[str, str] = {}
    for resource in resources:
        if str(resource["type"]).startswith("random:"):
            for key, value in _secrets(resource.get("outputs")):
                known[value] = f"@@{_name(resource)}{'' if key == 'result' else f':{key}'}@@"
    for resource in resources:
        for key, value in [*_secrets(resource.get("inputs")), *_secrets(resource.get("outputs"))]:
            for text in (value, _decoded(value) or ""):
                if text and text not in known and _replaced(text, known) == text and not _decoded(text):
                    known[text] = f"@@{_name(resource)}:{key}@@"
    return known


def _templated(resource: dict[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    def text(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        decoded = _decoded(value)
        if decoded is not None and _replaced(decoded, known) != decoded:
            return f"{_BASE64}{_replaced(decoded, known)}"
        return _replaced(value, known)

    def change(value: Any) -> Any:
        return _secret(_mapped(_plain(value), text)) if _is_secret(value) else value

    return {key: _mapped(value, change) for key, value in resource.items()}


def _replaced(text: str, known: Mapping[str, str]) -> str:
    # The longest first: one value may be a part of another.
    for value in sorted(known, key=len, reverse=True):
        text = text.replace(value, known[value])
    return text


def _secrets(value: Any) -> Iterator[tuple[str, str]]:
    """(last key, text) of every secret text below ``value``."""
    for key, leaf in _leaves(value):
        if _is_secret(leaf):
            yield from ((name, text) for name, text in _leaves(_plain(leaf), key) if isinstance(text, str) and text)


def _plain(secret: Mapping[str, Any]) -> Any:
    if "plaintext" not in secret:
        raise ValueError("a secret is still encrypted: export with --show-secrets")
    return json.loads(secret["plaintext"])


def _secret(plain: Any) -> dict[str, str]:
    return {_SIGNATURE: _SECRET, "plaintext": json.dumps(plain)}


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """(last key, value) of what is no map and no list; a secret is one leaf."""
    if isinstance(value, dict) and not _is_secret(value):
        for name, item in value.items():
            yield from _leaves(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, key)
    else:
        yield key, value


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """``value`` with every leaf changed."""
    if isinstance(value, dict) and not _is_secret(value):
        return {key: _mapped(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    return change(value)


def _decoded(text: str) -> str | None:
    """The text of a base64 text, as a Secret's ``data`` holds it."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _name(resource: Mapping[str, Any]) -> str:
    return str(resource["urn"]).rpartition("::")[2]

"""Rule about secrets: they are in Kubernetes Secrets and nowhere else.

One elsewhere is found in two ways: by its value, where the caller has the values; and by its form, which is all that
a preview leaves (the CLI hides values).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from components.shared.plain_secrets import (
    WORD,
    forms_in,
    is_plain,
    masked,
    names_secret,
    path_names_secret,
    settings_in,
)
from policies.objects import Finding, Manifest, Path, is_unknown, items, mapping, pod_template, texts

_OPTION = re.compile(rf"(?i)^-{{1,2}}[\w.-]*{WORD}(?:=(.*))?$")
_SHELL_OPTION = re.compile(rf"(?i)(?:^|\s)-{{1,2}}[\w.-]*{WORD}[ =]+[\"']?(?P<value>[^\s\"']+)")
# keytool reads a password from a file or a variable that the option names.
_FROM_FILE = re.compile(r"(?i)(?<=pass):(?:file|env)\s+\S+")
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_CODE = (".py", ".java")


def plain_secrets(manifest: Manifest, known: Collection[str] = ()) -> Iterator[Finding]:
    """Whatever looks like a secret, or is one of the ``known`` values, outside of a Secret's data."""
    if manifest.get("kind") == "Secret":
        body: dict[str, Any] = {key: value for key, value in manifest.items() if key not in {"data", "stringData"}}
    else:
        body = dict(manifest)
    yield from _by_value(body, known)
    metadata = mapping(body.get("metadata"))
    yield from _named(("metadata", "annotations"), mapping(metadata.get("annotations")))
    if body.get("kind") == "ConfigMap":
        yield from _named(("data",), mapping(body.get("data")))
        yield from _named(("binaryData",), mapping(body.get("binaryData")))
    pod = pod_template(body)
    if pod is None:
        return
    annotations: Any = body
    for part in (*pod.path, "metadata", "annotations"):
        annotations = mapping(annotations).get(str(part))
    if pod.path:
        yield from _named((*pod.path, "metadata", "annotations"), mapping(annotations))
    for path, container in pod.containers():
        yield from _of_a_container(path, container)


def _by_value(body: Manifest, known: Collection[str]) -> Iterator[Finding]:
    forms = {form for value in known if value for form in (value, base64.b64encode(value.encode()).decode())}
    for path, text in texts(body):
        if any(form in text for form in forms):
            yield Finding(path, "holds the value of a secret")
        for what in forms_in(text):
            yield Finding(path, f"holds {what}")


def _named(path: Path, values: Mapping[str, Any]) -> Iterator[Finding]:
    """Keys whose names mark the value as a secret, and texts with such keys inside."""
    for key, value in values.items():
        if not isinstance(value, str) or is_unknown(value):
            continue
        if names_secret(key) and _is_secret(value):
            yield Finding((*path, key), "is named like a secret and has a plain value")
        elif not key.endswith(_CODE):
            yield from _in_text((*path, key), value)


def _in_text(path: Path, text: str) -> Iterator[Finding]:
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if isinstance(content, dict | list):
        yield from _in_json(path, content)
        return
    for place in settings_in(text):
        yield Finding(path, f"sets a secret in plain text: {place}")


def _in_json(path: Path, content: Any) -> Iterator[Finding]:
    """Keys as above, and the project's patches: ``{"path": ".../Password", "set": value}``."""
    if isinstance(content, list):
        for item in content:
            yield from _in_json(path, item)
        return
    if not isinstance(content, dict):
        return
    where = str(content.get("path", content.get("property", "")))
    if path_names_secret(where) and _is_secret(str(content.get("set", content.get("value", "")))):
        yield Finding(path, f"patches {where} with a plain value")
    for key, value in content.items():
        if isinstance(value, str):
            if names_secret(key) and _is_secret(value):
                yield Finding(path, f"sets {key} in plain text")
            elif key != "path":
                yield from _in_text(path, value)
        else:
            yield from _in_json(path, value)


def _of_a_container(path: Path, container: Mapping[str, Any]) -> Iterator[Finding]:
    for index, variable in enumerate(items(container.get("env"))):
        name, value = str(mapping(variable).get("name", "")), mapping(variable).get("value")
        where = (*path, "env", index, "value")
        if isinstance(value, str) and not is_unknown(value):
            if names_secret(name) and _is_secret(value):
                yield Finding(where, f"{name} is named like a secret; use valueFrom.secretKeyRef")
            else:
                yield from _in_text(where, value)
    for field in ("command", "args"):
        yield from _in_words((*path, field), items(container.get(field)))
    lifecycle = mapping(container.get("lifecycle"))
    handlers: dict[Path, Any] = {(kind,): container.get(kind) for kind in _PROBES}
    handlers |= {("lifecycle", kind): lifecycle.get(kind) for kind in ("postStart", "preStop")}
    for where, handler in handlers.items():
        command = items(mapping(mapping(handler).get("exec")).get("command"))
        yield from _in_words((*path, *where, "exec", "command"), command)


def _in_words(path: Path, command: Sequence[Any]) -> Iterator[Finding]:
    """The words of a command: options by name, and the text for a shell."""
    words = [str(word) for word in command]
    for index, word in enumerate(words):
        option = _OPTION.match(word)
        if option:
            following = words[index + 1] if index + 1 < len(words) else ""
            value = option[1] if option[1] is not None else following
            if _is_secret(value) and not value.startswith("-"):
                message = "is an option with a secret; every user of the node can read arguments"
                yield Finding((*path, index), message)
            continue
        text = _FROM_FILE.sub("=$elsewhere", word)
        for found in _SHELL_OPTION.finditer(text):
            if _is_secret(found["value"]):
                yield Finding((*path, index), f"holds a secret: {masked(found[0].strip(), found['value'])}")
        for place in settings_in(text):
            yield Finding((*path, index), f"holds a secret: {place}")


def _is_secret(value: str) -> bool:
    return not is_unknown(value) and is_plain(value)

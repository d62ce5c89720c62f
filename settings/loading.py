"""From Pulumi's config to ``Settings``: reads every key, and reports all mistakes at once (``mistakes``).

Nothing is registered before all of it is right, so a mistake never leaves half a stack.
"""

from __future__ import annotations

import difflib
import fnmatch
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pydantic.alias_generators import to_camel

from settings.errors import SECRET_KEYS, ConfigurationError, Mistake, check, set_command
from settings.model import Settings
from settings.schema import TOP
from stack import passwords as stack_secrets
from stack.passwords import Secrets

__all__ = ["SECRET_KEYS", "ConfigurationError", "Mistake", "Secrets", "choose_context", "from_pulumi", "load"]


def load(project: str, stack: str, values: Mapping[str, str], secret_keys: frozenset[str]) -> Settings:
    """Check the raw config ``values`` (``project:key`` to text or JSON text, as Pulumi hands them over).

    :raises ConfigurationError: with every mistake that can be found in one go.
    """
    found: list[Mistake] = []
    known = {to_camel(name) for name in Settings.model_fields} | set(SECRET_KEYS)
    raw: dict[str, Any] = {}
    for full_key, text in values.items():
        namespace, _, key = full_key.partition(":")
        if namespace != project:
            found += _strange_namespace(project, namespace, key, known)
        # The CLI fills declared keys: an empty text says that nothing is set.
        elif text != "" and key not in SECRET_KEYS:
            raw[key] = _decode(key, text)
        elif text != "" and full_key not in secret_keys:
            expected = "must be stored encrypted; change it, since it was readable"
            found.append(Mistake(full_key, "(plain text)", expected, f"pulumi config set --secret {key}"))
    concealed = frozenset(key.partition(":")[2] for key in secret_keys)
    settings, others = check(raw, concealed)
    found += others
    if settings:
        given = {key: values.get(f"{project}:{key}", "") for key in SECRET_KEYS}
        found += stack_secrets.contradictions(settings, given)
    if found or settings is None:
        raise ConfigurationError(stack, found)
    return settings


def from_pulumi() -> tuple[Settings, Secrets]:
    """The running program's settings and secrets. Raises ``ConfigurationError``."""
    config = pulumi.Config()
    values = pulumi.runtime.get_config_env()
    secret_keys = frozenset(key for key in values if pulumi.runtime.is_config_secret(key))
    settings = load(pulumi.get_project(), pulumi.get_stack(), values, secret_keys)
    secrets = stack_secrets.read(config)
    missing = stack_secrets.missing(settings, secrets)
    if missing and not pulumi.runtime.is_dry_run():
        raise ConfigurationError(pulumi.get_stack(), missing)
    for mistake in missing:
        pulumi.log.warn(f"an update will need one more value: {mistake}")
    stack_secrets.check_registry(settings, config.get("registryPassword"))
    return settings, secrets


def choose_context(settings: Settings, kubeconfig: Path | None, dry_run: bool) -> str:
    """The kubeconfig context to use: the current one if the stack allows it, else the stack's only one.

    An ambient context is never trusted. A preview without an allowed context names the first allowed one, which
    the provider then finds unreachable and works from inputs alone.

    :raises ConfigurationError: in an update, when the current context is not one of the stack's; and when the context
        looks like OpenShift and the stack does not say whether it is.
    """
    context = _allowed_context(settings.kubernetes.contexts, kubeconfig, dry_run)
    if settings.kubernetes.openshift is None and looks_like_openshift(context):
        expected = (
            f"must be true or false: the context '{context}' looks like OpenShift, whose default security context "
            "constraint refuses this stack's pods for their user ids (docs/openshift.md)"
        )
        mistake = Mistake("wso2ei:kubernetes.openshift", "", expected, set_command("kubernetes.openshift", True))
        raise ConfigurationError(pulumi.get_stack(), [mistake])
    return context


def looks_like_openshift(context: str) -> bool:
    """``oc login`` names a context PROJECT/HOST:PORT/USER, OpenShift Local ``crc-admin`` or ``crc-developer``."""
    return bool(re.search(r"^[^/]*/[^/]+:[0-9]+/|^crc-(admin|developer)$|openshift|microshift", context))


def _allowed_context(allowed: list[str], kubeconfig: Path | None, dry_run: bool) -> str:
    if len(allowed) == 1 and "*" not in allowed[0]:
        return allowed[0]
    current = _current_context(kubeconfig)
    if current and any(fnmatch.fnmatchcase(current, pattern) for pattern in allowed):
        return current
    if dry_run:
        return next((name for name in allowed if "*" not in name), allowed[0])
    found = f"the current context is '{current}'" if current else "no kubeconfig with a current context was found"
    raise ConfigurationError(
        pulumi.get_stack(),
        [
            Mistake(
                "wso2ei:kubernetes.contexts",
                json.dumps(allowed),
                f"{found}, which this stack may not touch",
                "kubectl config use-context NAME, or add the name to kubernetes.contexts in the stack file",
            )
        ],
    )


def kubeconfig_path() -> Path | None:
    """The first kubeconfig file that exists: ``KUBECONFIG``, else ``~/.kube/config``."""
    text = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    return next((Path(part) for part in text.split(os.pathsep) if part and Path(part).is_file()), None)


def _current_context(kubeconfig: Path | None) -> str | None:
    if kubeconfig is None:
        return None
    content = yaml.safe_load(kubeconfig.read_text())
    current = content.get("current-context") if isinstance(content, dict) else None
    return current if isinstance(current, str) and current else None


def _decode(key: str, text: str) -> Any:
    """Objects, booleans and numbers reach the program as JSON text; plain strings as they are."""
    setting = TOP.child(key)
    if setting and setting.base is str:
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _strange_namespace(project: str, namespace: str, key: str, known: set[str]) -> list[Mistake]:
    """A key of ours in a namespace that is nearly ours; the CLI passes others' on without a word."""
    if key not in known or not difflib.get_close_matches(namespace, [project], 1):
        return []
    expected = f"belongs to another project; did you mean '{project}:{key}'?"
    mend = f"rename it in the stack file, or pulumi config rm '{namespace}:{key}'"
    return [Mistake(f"{namespace}:{key}", "", expected, mend)]

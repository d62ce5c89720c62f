"""Loads ``Settings`` from Pulumi's config and reports all mistakes together.

Nothing is registered before the whole configuration is valid, so a mistake never leaves half a stack.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pydantic.alias_generators import to_camel

from settings import secret_values, tls_certificate
from settings.errors import SECRET_KEYS, ConfigurationError, Mistake
from settings.model import Settings
from settings.schema import TOP
from settings.secret_values import Secrets
from settings.validation import check


def load(project: str, stack: str, values: Mapping[str, str], secret_keys: frozenset[str]) -> Settings:
    """Check the raw config ``values`` (``project:key`` to text or JSON text, as Pulumi hands them over).

    :raises ConfigurationError: with every mistake.
    """
    found: list[Mistake] = []
    known = {to_camel(name) for name in Settings.model_fields} | set(SECRET_KEYS)
    raw: dict[str, Any] = {}
    for full_key, text in values.items():
        namespace, _, key = full_key.partition(":")
        if namespace != project:
            found += _strange_namespace(project, namespace, key, known)
        # The CLI fills declared keys: an empty text means that nothing is set.
        elif text != "" and key not in SECRET_KEYS:
            raw[key] = _decode(key, text)
        elif text != "" and full_key not in secret_keys:
            expected = "must be stored encrypted; change the password itself too, since it was readable"
            found.append(Mistake(full_key, "(plain text)", expected, f"pulumi config set --secret {key}"))
    concealed = frozenset(key.partition(":")[2] for key in secret_keys)
    settings, others = check(raw, concealed)
    found += others
    if settings:
        given = {key: values.get(f"{project}:{key}", "") for key in SECRET_KEYS}
        reported = {mistake.key for mistake in found}
        found += [one for one in secret_values.conflicts(settings, given) if one.key not in reported]
    if found or settings is None:
        raise ConfigurationError(stack, found)
    return settings


def from_pulumi() -> tuple[Settings, Secrets]:
    """Load the running program's settings and secrets.

    A preview goes on without the secrets that an update needs, with a warning.

    :raises ConfigurationError: with every mistake.
    """
    config = pulumi.Config()
    values = pulumi.runtime.get_config_env()
    secret_keys = frozenset(key for key in values if pulumi.runtime.is_config_secret(key))
    settings = load(pulumi.get_project(), pulumi.get_stack(), values, secret_keys)
    secrets = secret_values.read(config)
    missing = secret_values.missing(settings, secrets)
    if missing and not pulumi.runtime.is_dry_run():
        raise ConfigurationError(pulumi.get_stack(), missing)
    for text in tls_certificate.warnings(settings):
        pulumi.log.warn(text)
    for mistake in missing:
        pulumi.log.warn(f"an update will need one more value: {mistake}")
    return settings, secrets


def _decode(key: str, text: str) -> Any:
    """Decode one value: objects, booleans and numbers reach the program as JSON text, plain strings as they are."""
    setting = TOP.child(key)
    if setting and setting.base is str:
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _strange_namespace(project: str, namespace: str, key: str, known: set[str]) -> list[Mistake]:
    """Report a key of this project in a misspelt namespace, which the CLI does not reject."""
    if key not in known or not difflib.get_close_matches(namespace, [project], 1):
        return []
    expected = f"belongs to another project; did you mean '{project}:{key}'?"
    fix = f"rename it in the stack file, or pulumi config rm '{namespace}:{key}'"
    return [Mistake(f"{namespace}:{key}", "", expected, fix)]

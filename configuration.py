"""From Pulumi's config to ``Settings``: reads every key, and reports all mistakes at once.

Each mistake is told as key, value, what is allowed, and the command that mends it. Nothing is registered before
all of it is right, so a mistake never leaves half a stack.
"""

from __future__ import annotations

import difflib
import fnmatch
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from components.wso2ei.versions import version_of
from settings import Section, Settings

SECRET_KEYS = ("registryPassword", "adminPassword")


@dataclass(frozen=True)
class Secrets:
    """The stack's secret config values; ``None`` where the stack has none."""

    registry_password: pulumi.Output[str] | None
    admin_password: pulumi.Output[str] | None


@dataclass(frozen=True)
class Mistake:
    """One wrong value and its remedy."""

    key: str
    value: str
    expected: str
    mend: str

    def __str__(self) -> str:
        shown = f" = {self.value}" if self.value else ""
        return f"{self.key}{shown}: {self.expected}\n      mend it: {self.mend}"


class ConfigurationError(pulumi.RunError):
    """All mistakes of a stack's configuration; the CLI prints the text without a traceback."""

    def __init__(self, stack: str, mistakes: list[Mistake]) -> None:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        lines = "\n".join(f"  - {mistake}" for mistake in mistakes)
        super().__init__(f"The configuration of stack '{stack}' has {count}; nothing was changed.\n{lines}")


def load(project: str, stack: str, values: Mapping[str, str], secret_keys: frozenset[str]) -> Settings:
    """Check the raw config ``values`` (``project:key`` to text or JSON text, as Pulumi hands them over).

    :raises ConfigurationError: with every mistake that can be found in one go.
    """
    mistakes: list[Mistake] = []
    known = {to_camel(name) for name in Settings.model_fields} | set(SECRET_KEYS)
    raw: dict[str, Any] = {}
    for full_key, text in values.items():
        namespace, _, key = full_key.partition(":")
        # The CLI fills declared keys: an empty text says that nothing is set.
        if namespace != project or text == "":
            continue
        if key not in known:
            mistakes.append(_unknown(full_key, key, sorted(known)))
        elif key in SECRET_KEYS:
            if full_key not in secret_keys:
                mistakes.append(
                    Mistake(
                        full_key,
                        "(plain text)",
                        "must be stored encrypted; change it, since it was readable",
                        f"pulumi config set --secret {key}",
                    )
                )
        else:
            raw[key] = _decode(key, text)
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(raw)
        version_of(settings.ei.version)
    except ValidationError as error:
        mistakes += [_from_pydantic(project, detail) for detail in error.errors()]
    except ValueError as error:
        mistakes.append(Mistake(f"{project}:ei.version", repr(raw["ei"]["version"]), str(error), _set("ei.version")))
    if settings:
        mistakes += _credentials(project, settings, values)
    if mistakes or settings is None:
        raise ConfigurationError(stack, mistakes)
    return settings


def from_pulumi() -> tuple[Settings, Secrets]:
    """The running program's settings and secrets. Raises ``ConfigurationError``."""
    config = pulumi.Config()
    values = pulumi.runtime.get_config_env()
    secret_keys = frozenset(key for key in values if pulumi.runtime.is_config_secret(key))
    settings = load(pulumi.get_project(), pulumi.get_stack(), values, secret_keys)
    secrets = Secrets(*(config.get_secret(key) if config.get(key) else None for key in SECRET_KEYS))
    if settings.registry_username and secrets.registry_password is None:
        mistake = Mistake(
            "wso2ei:registryPassword",
            "",
            f"is needed to pull {settings.ei_image}",
            "pulumi config set --secret registryPassword",
        )
        if not pulumi.runtime.is_dry_run():
            raise ConfigurationError(pulumi.get_stack(), [mistake])
        pulumi.log.warn(f"an update will need one more value: {mistake}")
    return settings, secrets


def registry_credentials(settings: Settings, secrets: Secrets) -> dict[str, pulumi.Input[str]] | None:
    """What the pull secret is made of; ``None`` for a public image."""
    if settings.registry_username is None:
        return None
    # Only a preview gets here without a password: the value is then as unknown as it is.
    password = secrets.registry_password or pulumi.Output.secret("not set")
    return {"username": settings.registry_username, "password": password}


def choose_context(settings: Settings, kubeconfig: Path | None, dry_run: bool) -> str:
    """The kubeconfig context to use: the current one if the stack allows it, else the stack's only one.

    An ambient context is never trusted. A preview without an allowed context names the first allowed one, which
    the provider then finds unreachable and works from inputs alone.

    :raises ConfigurationError: in an update, when the current context is not one of the stack's.
    """
    allowed = settings.kubernetes.contexts
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
    annotation = Settings.model_fields[_field(key)].annotation
    if annotation in (str, str | None):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _field(key: str) -> str:
    return next(name for name in Settings.model_fields if to_camel(name) == key)


def _set(path: str, example: str = "VALUE") -> str:
    return f"pulumi config set --path 'wso2ei:{path}' {example}"


def _unknown(full_key: str, key: str, known: list[str]) -> Mistake:
    close = difflib.get_close_matches(key, known, 1)
    hint = f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(known)}"
    return Mistake(full_key, "", f"is not a setting; {hint}", f"pulumi config rm --path '{full_key}'")


def _from_pydantic(project: str, detail: Mapping[str, Any]) -> Mistake:
    # The discriminator of the storage union stands in the location behind "storage"; users do not write it.
    location = [str(part) for part in detail["loc"]]
    if len(location) > 1 and location[0] == "storage":
        location.pop(1)
    path = ".".join(location)
    full = f"{project}:{path}" if path else project
    message = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "missing":
        return Mistake(full, "", "is required", _set(path))
    if detail["type"] == "extra_forbidden":
        return _unknown(full, location[-1], _siblings(location))
    value = detail["input"]
    shown = "" if isinstance(value, Section | dict) else json.dumps(value, default=str)
    return Mistake(full, shown, message[:1].lower() + message[1:], _set(path) if path else "edit the stack file")


def _siblings(location: list[str]) -> list[str]:
    model: Any = Settings
    names: set[str] = set()
    for part in location[:-1]:
        annotation = model.model_fields[_field_of(model, part)].annotation
        options = getattr(annotation, "__args__", (annotation,))
        models = [option for option in options if isinstance(option, type) and issubclass(option, Section)]
        if not models:
            return []
        names = {to_camel(name) for option in models for name in option.model_fields}
        model = models[0]
    return sorted(names)


def _field_of(model: type[Section], part: str) -> str:
    return next(name for name in model.model_fields if to_camel(name) == part)


def _credentials(project: str, settings: Settings, values: Mapping[str, str]) -> list[Mistake]:
    user = settings.registry_username
    password = bool(values.get(f"{project}:registryPassword"))
    mistakes = []
    if password and not user:
        mistakes.append(
            Mistake(
                f"{project}:registryUsername",
                "",
                "is needed beside registryPassword",
                "pulumi config set registryUsername USER",
            )
        )
    if (user or password) and settings.ei.image is None:
        mistakes.append(
            Mistake(
                f"{project}:ei.image",
                "",
                "must name the subscription image in full when credentials are given: the public image on Docker "
                "Hub has none of WSO2's updates, and the path of the private one is in WSO2's support portal",
                _set("ei.image", "registry.wso2.com/PROJECT/IMAGE:TAG"),
            )
        )
    return mistakes

"""The whole program, recorded once for each stack file."""

from __future__ import annotations

import copy
import functools
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from settings.errors import SECRET_KEYS
from tests.unit.support.recording import Recorder, Registered, record

ROOT = Path(__file__).parents[3]
STACKS = ("local", "prod")
PASSWORD = "registry-password-of-the-test"
ADMIN = "admin-password-of-the-test"


def config_of(stack: str) -> dict[str, Any]:
    content = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key.removeprefix("wso2ei:"): value for key, value in content.items()}


def run(stack: str, change: Mapping[str, Any] | None = None, **options: Any) -> Recorder:
    """The program with every secret given, as an update would run it.

    :param change: replaces keys of the stack file; ``None`` removes one.
    """
    config = config_of(stack) | {"adminPassword": ADMIN} | dict(change or {})
    if config.get("registryUsername"):
        # Unit tests ask nobody; tests/unit/preflight/test_registry.py and the engine tests do.
        config = {"registryPassword": PASSWORD, "registryCheck": "never"} | config
    config = {key: value for key, value in config.items() if value is not None}
    return record(
        lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
        config=config,
        secret_keys=SECRET_KEYS,
        stack=stack,
        **options,
    )


@functools.cache
def recorded(stack: str) -> Recorder:
    """The program with a committed stack file."""
    return run(stack)


def outputs_of(recorder: Recorder) -> dict[str, Any]:
    """What the stack exports, secrets still wrapped."""
    return next(found for urn, found in recorder.component_outputs.items() if "pulumi:pulumi:Stack::" in urn)


def objects(stack: str, kind: str | None = None) -> list[Registered]:
    """Kubernetes objects of a stack, of one kind if given."""
    found = [item for item in recorded(stack).registered if item.type.startswith("kubernetes:")]
    return [item for item in found if kind is None or item.type.endswith(f":{kind}")]


def pod_specs(stack: str) -> list[tuple[str, dict[str, Any]]]:
    """(name, pod spec) of everything that makes pods."""
    return templates(recorded(stack))


def templates(recorder: Recorder) -> list[tuple[str, dict[str, Any]]]:
    """(name, pod template) of everything that makes pods."""
    found = []
    for kind in ("Deployment", "StatefulSet", "Job", "CronJob"):
        for item in recorder.registered:
            if item.type.startswith("kubernetes:") and item.type.endswith(f":{kind}"):
                spec = item.body()["spec"]
                found.append((item.name, spec.get("jobTemplate", {"spec": spec})["spec"]["template"]))
    return found


def manifests(stack: str) -> list[dict[str, Any]]:
    """The stack's Kubernetes objects; auto-named ones get the name that the mocks give."""
    return manifests_of(recorded(stack))


def manifests_of(recorder: Recorder) -> list[dict[str, Any]]:
    """The Kubernetes objects of a recorded program."""
    found = []
    for item in recorder.registered:
        if not item.type.startswith("kubernetes:"):
            continue
        body = copy.deepcopy(item.body())
        body.setdefault("metadata", {}).setdefault("name", f"{item.name}-0a1b2c3d")
        found.append(body)
    return found

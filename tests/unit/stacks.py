"""The whole program, recorded once for each stack file."""

from __future__ import annotations

import functools
import runpy
from pathlib import Path
from typing import Any

import yaml

from tests.unit.recording import Recorder, Registered, record

ROOT = Path(__file__).parents[2]
STACKS = ("local", "prod")
PASSWORD = "registry-password-of-the-test"
ADMIN = "admin-password-of-the-test"


def config_of(stack: str) -> dict[str, Any]:
    content = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key.removeprefix("wso2ei:"): value for key, value in content.items()}


@functools.cache
def recorded(stack: str, password: str = PASSWORD) -> Recorder:
    """The program with every secret given, as an update would run it."""
    config = config_of(stack) | {"adminPassword": ADMIN}
    if "registryUsername" in config:
        # Unit tests ask nobody; tests/unit/test_registry_check.py and the engine tests do.
        config |= {"registryPassword": password, "registryCheck": "never"}
    return record(
        lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
        config=config,
        secret_keys=("registryPassword", "adminPassword"),
        stack=stack,
    )


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
    for kind in ("Deployment", "StatefulSet", "Job"):
        for item in recorder.registered:
            if item.type.startswith("kubernetes:") and item.type.endswith(f":{kind}"):
                found.append((item.name, item.body()["spec"]["template"]))
    return found

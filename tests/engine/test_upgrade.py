"""A stack made by an earlier release previews with this code without losing anything.

The states of earlier releases lie in ``states/RELEASE`` without their secrets (tools/record_state.py); here they are
filled with new ones and imported into a backend of the test's own. Without a cluster a preview compares inputs, which
is what decides between an update and a replacement.
"""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.nginx.tls import self_signed
from embedded import toolchain
from embedded.progress import Reporter
from embedded.pulumi_env import PulumiEnv, copy_stack_file, embedded_variables, ensure_stack
from settings.loading import load
from tests.engine.conftest import ROOT
from tools.state_template import filled, placeholders

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

STATES = sorted((ROOT / "tests" / "engine" / "states").glob("*/*.json"))
MAY_BE_REPLACED = {
    # Immutable by choice: a new one is made under a new name before the old one goes, and pods roll to it.
    "kubernetes:core/v1:ConfigMap",
    "kubernetes:core/v1:Secret",
    # A Job's template is immutable: what must run again is a new Job.
    "kubernetes:batch/v1:Job",
    # podManagementPolicy is immutable. The old pod is gone before the new one starts, and the data is on a claim.
    "kubernetes:apps/v1:StatefulSet",
}
_FILES = "held files that pods now make of the passwords themselves; no pod of this code mounts it"
GONE: dict[str, str] = {
    "kubernetes:core/v1:Secret::wso2ei-secret-patches": _FILES,
    "kubernetes:core/v1:Secret::wso2ei-mysql": _FILES,
    "kubernetes:core/v1:Secret::wso2ei-mysql-init": _FILES,
    "kubernetes:core/v1:Service::wso2ei-console-service": "both Ingresses point to wso2ei-gateway, which has its port",
}
"""URN endings of resources that this code makes no more, each with the reason; everything else must stay."""


def values_for(template: dict[str, Any], hosts: list[str]) -> Callable[[str], str]:
    """New values for a template's placeholders; the certificate is made of the new seed, as the program does it."""
    found: dict[str, str] = {name: secrets.token_hex(16) for name in placeholders(template)}
    found["wso2ei-nginx-tls-seed"] = secrets.token_hex(32)
    pair = self_signed(found["wso2ei-nginx-tls-seed"].encode(), hosts)
    found |= {"wso2ei-nginx-tls:tls.crt": pair.certificate, "wso2ei-nginx-tls:tls.key": pair.key}
    return found.__getitem__


@pytest.fixture
def steps(pulumi_home: Path, tmp_path: Path) -> Callable[[Path], list[dict[str, Any]]]:
    """Import a recorded state and preview this code on it."""

    def run(state: Path) -> list[dict[str, Any]]:
        stack = state.stem
        source = state.with_name(f"Pulumi.{stack}.yaml")
        variables = embedded_variables(
            [toolchain.ensure("pulumi", Reporter())], tmp_path / "no-kubeconfig", tmp_path / "base"
        )
        variables["PULUMI_HOME"] = str(pulumi_home)
        env = PulumiEnv(ROOT, stack, variables, copy_stack_file(source, tmp_path / "copy"))
        ensure_stack(env)
        template = json.loads(state.read_text())
        whole = filled(template, values_for(template, hosts_of(source)))
        # The import encrypts with what the state names; a state without it makes this CLI panic.
        assert env.config_file
        salt = yaml.safe_load(env.config_file.read_text())["encryptionsalt"]
        whole["deployment"]["secrets_providers"] = {"type": "passphrase", "state": {"salt": salt}}
        file = tmp_path / "state.json"
        file.write_text(json.dumps(whole))
        imported = env.read(["stack", "import", "--file", str(file)])
        assert imported.returncode == 0, imported.stderr
        answer = subprocess.run(
            env.arguments(["preview", "--json"]), env=env.environment(), check=False, capture_output=True, text=True
        )
        assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr
        return list(json.loads(answer.stdout)["steps"])

    return run


def hosts_of(source: Path) -> list[str]:
    config = yaml.safe_load(source.read_text())["config"]
    settings = load("wso2ei", "local", {key: json.dumps(value) for key, value in config.items()}, frozenset())
    return [settings.hosts.console, settings.hosts.gateway]


def kind(step: dict[str, Any]) -> str:
    return str(step["urn"]).split("::")[2].rpartition("$")[2]


def name(step: dict[str, Any]) -> str:
    return str(step["urn"]).rpartition("::")[2]


@pytest.mark.parametrize("state", STATES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_nothing_of_an_earlier_release_is_replaced_or_deleted(
    steps: Callable[[Path], list[dict[str, Any]]], state: Path
) -> None:
    planned = steps(state)
    recorded = {item["urn"] for item in json.loads(state.read_text())["deployment"]["resources"]}
    assert recorded & {step["urn"] for step in planned}, "the preview does not know the imported stack"
    replaced = {(step["op"], kind(step), name(step)) for step in planned if "replace" in step["op"]}
    assert [item for item in replaced if item[1] not in MAY_BE_REPLACED] == []
    # A renamed resource without an alias is one deletion and one creation.
    deleted = {step["urn"] for step in planned if step["op"] == "delete"}
    assert [urn for urn in deleted if not any(urn.endswith(ending) for ending in GONE)] == []


def test_there_is_a_state_of_a_release() -> None:
    assert STATES


@pytest.mark.parametrize("state", STATES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_recorded_state_holds_no_secret(state: Path) -> None:
    """Whatever is secret is a placeholder, or text around placeholders."""
    text = state.read_text()
    assert "ciphertext" not in text
    assert "secrets_providers" not in text
    assert "PRIVATE KEY" not in text
    hidden = list(secret_texts(json.loads(text)))
    assert hidden
    for value in hidden:
        assert "@@" in value, f"{value[:20]}..."


def secret_texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and "plaintext" in value:
        plain = json.loads(value["plaintext"])
        yield from plain.values() if isinstance(plain, dict) else [plain]
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from secret_texts(item)

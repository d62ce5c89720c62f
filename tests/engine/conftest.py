"""A real Pulumi engine with a backend, a passphrase and a stack file of the test's own, and no cluster."""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from embedded import plugins, toolchain
from embedded.progress import Reporter
from embedded.pulumi_env import PulumiEnv, copy_stack_file, embedded_variables, ensure_stack

ROOT = Path(__file__).parents[2]


@dataclass
class Preview:
    """What a preview said."""

    code: int
    text: str

    def steps(self) -> list[dict[str, Any]]:
        """The steps of ``preview --json``."""
        return list(json.loads(self.text)["steps"])


@pytest.fixture(scope="session")
def pulumi_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("pulumi-home")
    bins = [toolchain.ensure("pulumi", Reporter())]
    plugins.install(home, embedded_variables(bins, None, home / "base"), Reporter())
    return home


@pytest.fixture(scope="session")
def new_stack(pulumi_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], dict[str, str]]:
    """Put a backend with an empty stack of this name into a folder, if there is none; the variables to use it with.

    Made once for each name and copied: the CLI takes two seconds to make one.
    """
    made = tmp_path_factory.mktemp("new-stacks")
    bins = [toolchain.ensure("pulumi", Reporter())]

    def put(stack: str, folder: Path) -> dict[str, str]:
        file = f"Pulumi.{stack}.yaml"
        if not (made / stack).exists():
            (made / stack / "copy").mkdir(parents=True)
            (made / stack / "copy" / file).write_text("{}\n")
            variables = embedded_variables(bins, None, made / stack / "base") | {"PULUMI_HOME": str(pulumi_home)}
            ensure_stack(PulumiEnv(ROOT, stack, variables, made / stack / "copy" / file))
        if not (folder / "base").exists():
            # The stack file has nothing but the salt; what a test writes into it comes beside that.
            shutil.copytree(made / stack, folder, dirs_exist_ok=True)
        return embedded_variables(bins, folder / "no-kubeconfig", folder / "base") | {"PULUMI_HOME": str(pulumi_home)}

    return put


@pytest.fixture
def preview(new_stack: Callable[[str, Path], dict[str, str]], tmp_path: Path) -> Callable[..., Preview]:
    """``run_preview`` in a folder of the test's own."""
    return functools.partial(run_preview, new_stack, tmp_path)


@pytest.fixture(scope="session")
def plan(
    new_stack: Callable[[str, Path], dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Preview]:
    """The plan of a stack file of the checkout, made once for all tests that look at it."""
    return functools.cache(
        lambda stack: run_preview(new_stack, tmp_path_factory.mktemp(f"plan-{stack}"), stack, as_json=True)
    )


def run_preview(
    new_stack: Callable[[str, Path], dict[str, str]],
    folder: Path,
    stack: str,
    change: dict[str, Any] | None = None,
    *,
    as_json: bool = False,
    command: str = "preview",
    secrets: dict[str, str] | None = None,
    options: list[str] | None = None,
    outputs: dict[str, Any] | None = None,
) -> Preview:
    """Preview a stack, with changes to its stack file; ``as_json`` gives the plan.

    ``outputs`` are those of an update before, after which the stack holds nothing else.
    """
    content = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())
    for key, value in (change or {}).items():
        if value is None:
            content["config"].pop(f"wso2ei:{key}", None)
        else:
            content["config"][f"wso2ei:{key}"] = value
    source = folder / f"Pulumi.{stack}.yaml"
    source.write_text(yaml.safe_dump(content))
    place = folder / stack
    variables = new_stack(stack, place)
    env = PulumiEnv(ROOT, stack, variables, copy_stack_file(source, place / "copy"))
    for key, value in (secrets or {}).items():
        set_secret = [*env.arguments(["config", "set", "--secret", key]), "--config-file", str(env.config_file)]
        subprocess.run(set_secret, env=env.environment(), input=value, check=True, capture_output=True, text=True)
    if outputs is not None:
        import_outputs(env, stack, outputs)
    words = [
        command,
        "--color",
        "never",
        *(["--json"] if as_json else ["--diff"] if command == "preview" else ["--yes"]),
        *(options or []),
    ]
    answer = subprocess.run(
        env.arguments(words), env=env.environment(), check=False, capture_output=True, text=True, timeout=120
    )
    return Preview(answer.returncode, answer.stdout + ("" if as_json else answer.stderr))


def import_outputs(env: PulumiEnv, stack: str, outputs: dict[str, Any]) -> None:
    """Give the stack the state of one that was updated and exported ``outputs``."""

    def cli(words: list[str], text: str | None = None) -> str:
        answer = subprocess.run(
            env.arguments(words), env=env.environment(), input=text, check=True, capture_output=True, text=True
        )
        return answer.stdout

    state = json.loads(cli(["stack", "export"]))
    kind = "pulumi:pulumi:Stack"
    urn = f"urn:pulumi:{stack}::wso2ei::{kind}::wso2ei-{stack}"
    state["deployment"]["resources"] = [{"urn": urn, "custom": False, "type": kind, "outputs": outputs}]
    cli(["stack", "import"], json.dumps(state))


def plain(text: str) -> str:
    """Without the engine's colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)

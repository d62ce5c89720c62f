"""One stack of the real CLI whose file is written anew for every look: a look costs one ``pulumi preview``, no more."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from embedded import toolchain
from embedded.progress import Reporter
from embedded.pulumi_env import PulumiEnv, embedded_variables, ensure_stack
from tests.engine.conftest import ROOT, Preview


class OneStack:
    """A stack in a backend of its own, without a cluster; previews of it may run side by side."""

    def __init__(self, home: Path, folder: Path, name: str = "tried") -> None:
        bins = [toolchain.ensure("pulumi", Reporter())]
        variables = embedded_variables(bins, folder / "no-kubeconfig", folder / "base")
        variables["PULUMI_HOME"] = str(home)
        self.file = folder / f"Pulumi.{name}.yaml"
        self.file.write_text("config: {}\n")
        self.name = name
        self._env = PulumiEnv(ROOT, name, variables, self.file)
        ensure_stack(self._env)
        self._salt = {key: value for key, value in yaml.safe_load(self.file.read_text()).items() if key != "config"}

    def write(self, config: dict[str, Any], file: Path | None = None) -> Path:
        """Make ``config`` (keys without the project) the stack's; the file."""
        content = {"config": {f"wso2ei:{key}": value for key, value in config.items()}}
        (file or self.file).write_text(yaml.safe_dump(self._salt | content, sort_keys=False))
        return file or self.file

    def config(self) -> dict[str, Any]:
        """What the stack's file says now, as the CLI hands it over."""
        content = yaml.safe_load(self.file.read_text())["config"]
        return {key.removeprefix("wso2ei:"): value for key, value in content.items()}

    def preview(self, config: dict[str, Any], *, as_json: bool = False) -> Preview:
        """Preview with ``config``."""
        with tempfile.TemporaryDirectory() as folder:
            file = self.write(config, Path(folder) / self.file.name)
            words = ["preview", "--color", "never", *(["--json"] if as_json else [])]
            environment = PulumiEnv(ROOT, self.name, self._env.variables, file)
            answer = _run(environment.arguments(words), environment.environment())
        return Preview(answer.returncode, answer.stdout + ("" if as_json else answer.stderr))

    def previews(self, configs: list[dict[str, Any]], *, as_json: bool = False) -> list[Preview]:
        """Preview with each of ``configs``, two at a time."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            return list(pool.map(lambda config: self.preview(config, as_json=as_json), configs))

    def shell(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a printed line of commands as a user would, beside the stack's file."""
        # A project of its own: the commands must write this stack file, and none of the checkout's.
        shutil.copy(ROOT / "Pulumi.yaml", self.file.parent)
        return _run(["bash", "-ec", line], self._env.environment() | {"PULUMI_STACK": self.name}, self.file.parent)


def _run(words: list[str], environment: dict[str, str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, env=environment, cwd=folder, check=False, capture_output=True, text=True, timeout=240)


def steps(answer: Preview) -> list[dict[str, Any]]:
    """The steps of ``preview --json``; the answer's text where there are none."""
    assert answer.code == 0, answer.text
    return list(json.loads(answer.text)["steps"])

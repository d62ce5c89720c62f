"""A small Pulumi program, run by the real CLI against the cluster in ``$KUBECONFIG``.

Nothing here knows whether the plugin is the official one or a stand-in: ``PLUGIN_TESTS_HOME`` names a Pulumi home that
holds the plugins to test; without it the kit installs what can be had into a home of the tests' own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HEADER = """
import pulumi
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

NS = {namespace!r}
"""


def until(condition: Callable[[], Any], seconds: float = 40.0) -> Any:
    """Poll for something that another process does; what it gave."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.2)
    return found


@dataclass
class Result:
    """What one CLI call gave."""

    code: int
    output: str

    def ok(self) -> Result:
        assert self.code == 0, self.output
        return self

    def failed(self) -> Result:
        assert self.code != 0, self.output
        return self


@dataclass
class Program:
    """One project with one stack, and a Kubernetes namespace of its own name."""

    folder: Path
    home: Path
    namespace: str = field(default_factory=lambda: f"pt-{uuid.uuid4().hex[:8]}")
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, body: str) -> Program:
        """Replace the program; ``NS`` is the namespace's name, ``k8s`` and ``pulumi`` are imported."""
        (self.folder / "Pulumi.yaml").write_text("name: plugin-test\nruntime: python\n")
        text = HEADER.format(namespace=self.namespace) + textwrap.dedent(body)
        (self.folder / "__main__.py").write_text(text)
        return self

    def environ(self) -> dict[str, str]:
        """The environment of the CLI."""
        return {
            **os.environ,
            "PULUMI_HOME": str(self.home),
            "PULUMI_BACKEND_URL": f"file://{self.folder}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            **self.environment,
        }

    def command(self, *words: str) -> list[str]:
        return ["pulumi", "--non-interactive", "--color", "never", "-C", str(self.folder), *words]

    def run(self, *words: str) -> Result:
        answer = subprocess.run(
            self.command(*words),
            env=self.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Result(answer.returncode, answer.stdout)

    def up(self, body: str = "", *words: str) -> Result:
        if body:
            self.write(body)
        return self.run("up", "--yes", "--skip-preview", "--stack", "test", *words)

    def refresh(self, *words: str) -> Result:
        return self.run("refresh", "--yes", "--skip-preview", "--stack", "test", *words)

    def steps(self, body: str = "") -> dict[str, str]:
        """What a preview would do: resource name to operation, ``same`` left out."""
        plan = self.plan(body)
        return {one["urn"].rsplit("::", 1)[1]: one["op"] for one in plan["steps"] if one["op"] != "same"}

    def plan(self, body: str = "") -> dict[str, Any]:
        """The preview as the CLI's JSON."""
        if body:
            self.write(body)
        answer = self.run("preview", "--json", "--stack", "test").ok().output
        plan: dict[str, Any] = json.loads(answer[answer.index("{") :])
        return plan

    def resources(self) -> dict[str, dict[str, Any]]:
        """The stack's state, secrets in the open: resource name to its entry."""
        answer = self.run("stack", "export", "--show-secrets", "--stack", "test").ok().output
        state = json.loads(answer[answer.index("{") :])
        entries = state["deployment"].get("resources", [])
        return {one["urn"].rsplit("::", 1)[1]: one for one in entries}

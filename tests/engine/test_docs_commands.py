"""Every flag of a Pulumi command in the pages is one that the CLI knows."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from embedded import toolchain
from embedded.progress import Reporter
from embedded.pulumi_env import embedded_variables
from tests.unit.test_docs import PAGES, code

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]
COMMANDS = ("stack init", "stack output", "stack export", "stack import", "stack rm", "stack select", "stack unselect",
            "stack change-secrets-provider", "state unprotect", "config set", "config rm", "config", "up", "preview",
            "refresh", "destroy", "cancel", "login", "install")  # fmt: skip


def test_every_flag_of_pulumi_in_the_pages_exists(tmp_path: Path) -> None:
    used: dict[str, set[str]] = defaultdict(set)
    for page in PAGES:
        for line in re.findall(r"\bpulumi [^#|;&`\n]*", code(page.read_text())):
            rest = line.removeprefix("pulumi ").strip()
            command = next((known for known in COMMANDS if re.match(rf"{known}(\s|$)", rest)), None)
            if command:
                used[command] |= set(re.findall(r"(?:^|\s)(--[a-z][a-z-]*)", rest))
    assert used["up"]
    binary = toolchain.ensure("pulumi", Reporter()) / "pulumi"
    environment = embedded_variables([binary.parent], None, tmp_path)
    for command, flags in used.items():
        answer = subprocess.run(
            [str(binary), *command.split(), "--help"], env=environment, check=True, capture_output=True, text=True
        )
        known = set(re.findall(r"--[a-z][a-z-]*", answer.stdout))
        assert flags <= known, f"pulumi {command}: {sorted(flags - known)}"

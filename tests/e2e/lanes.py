"""``make e2e [E2E="stack kills"]``: the tests in two lanes where the machine has room for two clusters.

Tests wait more than they compute. Each lane is one run of pytest with a cluster and a state folder; the second one
runs in a network namespace, where the same ports and addresses are free. It begins when the first lane has measured
its loads.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from embedded.cluster import preconditions
from embedded.environment import CHECKOUT

LOADED = ("e2e/test_stack", "e2e/test_lifecycle")
"""``MEASURED`` is given back at the end of the last one."""
FIRST = (
    "kit/plugins", "kit/test_cluster_live", "e2e/test_deployment", "e2e/test_operations", "e2e/test_bench",
    "e2e/test_secrets", "e2e/test_vault", "e2e/test_backup", "e2e/test_traefik", "kit/test_cluster_mending",
    "e2e/test_images",
)  # fmt: skip
SECOND = (
    "e2e/test_artifacts", "e2e/test_database", "e2e/test_storage", "e2e/test_versions", "e2e/test_volumes",
    "e2e/test_metrics", "e2e/test_prod",
)  # fmt: skip
"""Without what needs the machine's way out."""
LAST = ("e2e/test_clean",)
_MEMORY_BYTES = 16 * 2**30
"""Free memory for two clusters, and for what they leave in the file cache."""
BY_NAME = ("e2e/test_certmanager", "e2e/test_kills")
"""Run only when ``E2E`` names them: they take long, or what they need takes long to compile."""
MEASURED = "E2E_MEASURED"
"""Variable: the descriptor that the first lane closes when the machine need not be quiet any more."""


def main() -> int:
    """Run the lanes; 1 when a test of any lane failed."""
    if names := os.environ.get("E2E", "").split():
        return subprocess.run(_command(*(f"e2e/test_{name}" for name in names)), cwd=CHECKOUT, check=False).returncode
    host = preconditions.observe()
    if host.memory_free < _MEMORY_BYTES or host.uid != 0:
        return subprocess.run(_command(*LOADED, *FIRST, *SECOND, *LAST), cwd=CHECKOUT, check=False).returncode
    quiet, measured = os.pipe()
    codes: list[int] = []

    def second() -> None:
        os.read(quiet, 1)  # ends when nobody can write any more
        codes.append(_second())

    thread = threading.Thread(target=second)
    thread.start()
    command = _command(*LOADED, *FIRST, *LAST)
    first = subprocess.Popen(command, cwd=CHECKOUT, env=os.environ | {MEASURED: str(measured)}, pass_fds=[measured])
    os.close(measured)
    codes.append(first.wait())
    thread.join()
    return int(any(codes))


def measured() -> None:
    """Let the second lane begin."""
    if descriptor := os.environ.pop(MEASURED, ""):
        os.close(int(descriptor))


def _second() -> int:
    """Run the second lane; its lines are marked."""
    state = Path(os.environ["WSO2EI_EMBEDDED_STATE"]).with_name("wso2ei-embedded-lane-2")
    variables = os.environ | {"WSO2EI_EMBEDDED_STATE": str(state), "KUBECONFIG": str(state / "cluster" / "kubeconfig")}
    network = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"']
    command = [*network, *_command(*SECOND, *LAST)]
    with subprocess.Popen(
        command, cwd=CHECKOUT, env=variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as lane:
        assert lane.stdout
        for line in lane.stdout:
            print(f"2| {line}", end="", flush=True)
    return lane.returncode


def _command(*files: str) -> list[str]:
    paths = [f"tests/{file}" if file.endswith("plugins") else f"tests/{file}.py" for file in files]
    words = ["-v", "-p", "no:randomly", "--durations=25", "-m", "cluster or e2e"]
    return [sys.executable, "-m", "pytest", *words, *paths]


if __name__ == "__main__":
    sys.exit(main())

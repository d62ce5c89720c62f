"""The kit's commands as a background job of a shell, which has it ignore interrupts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from embedded.environment import CHECKOUT


def test_what_the_kit_starts_in_the_background_can_be_interrupted(tmp_path: Path) -> None:
    """Else each command of Pulumi waits for 5 seconds, until it kills its language host."""
    kit = f"{sys.executable} -m embedded run --stack local -- {sys.executable} -c"
    code = "import signal; print(signal.getsignal(signal.SIGINT) != signal.SIG_IGN)"
    done = subprocess.run(
        ["sh", "-c", f"trap '' INT; exec {kit} '{code}'"], cwd=CHECKOUT, check=False, capture_output=True, text=True,
        env=os.environ | {"WSO2EI_EMBEDDED_STATE": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "True"

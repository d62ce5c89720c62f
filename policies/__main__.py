"""The rules as a Pulumi policy pack: ``pulumi preview --policy-pack policies``.

Rules about single objects stop an update before the object is made; rules about the whole stack run when all objects
are known, in the preview that precedes an update. Every rule is mandatory; a ``--policy-pack-config`` file can disable
one by name.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The engine runs this folder as a program, which puts the folder itself, not its parent, on the import path.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from pulumi_policy import EnforcementLevel, PolicyPack  # noqa: E402

from policies.pack import policies  # noqa: E402

if __name__ == "__main__":
    # Serves the engine until it is ended.
    PolicyPack("wso2ei", policies(), EnforcementLevel.MANDATORY)

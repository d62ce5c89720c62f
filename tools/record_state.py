"""Record the state of a live stack, without its secrets, as that of a release.

    python -m tools.record_state RELEASE [--stack local] [--stack-file FILE]

Writes ``tests/engine/states/RELEASE/STACK.json`` and the stack file next to it. Run it right after an update with the
release's code, in a shell where plain ``pulumi`` works on that stack; tests/engine/test_upgrade.py then holds every
later version of the program against it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import yaml

from tools.state_template import template_of, written
from tools.without_secrets import without_secrets

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Export, replace, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("release")
    parser.add_argument("--stack", default="local")
    parser.add_argument("--stack-file", type=Path, help="default: Pulumi.STACK.yaml of the checkout")
    args = parser.parse_args()
    command = ["pulumi", "stack", "export", "--show-secrets", "-s", args.stack, "-C", str(ROOT)]
    exported = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    try:
        template = template_of(json.loads(exported))
    except ValueError as error:
        sys.exit(f"nothing was written: {error}")
    provider = next(
        item for item in template["deployment"]["resources"] if item["type"] == "pulumi:providers:kubernetes"
    )
    source = args.stack_file or ROOT / f"Pulumi.{args.stack}.yaml"
    # Only the cluster that the update ran on.
    context = provider["inputs"]["clusterIdentifier"]
    stack_file, _ = without_secrets(yaml.safe_load(source.read_text()))
    stack_file["config"]["wso2ei:kubernetes"] = {"contexts": [context], "clusterIdentifier": context}
    folder = ROOT / "tests" / "engine" / "states" / args.release
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{args.stack}.json").write_text(written(template))
    (folder / f"Pulumi.{args.stack}.yaml").write_text(yaml.safe_dump(stack_file, sort_keys=False))
    print(f"recorded {len(template['deployment']['resources'])} resources in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

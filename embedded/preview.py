"""``make preview``: what an update would do. Needs no cluster, no credentials and no secrets.

It is a preview against nothing: all objects of the stack, in a backend that is deleted with its passphrase.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

from embedded import plugins, toolchain
from embedded.environment import CHECKOUT
from embedded.errors import KitError
from embedded.machine import user_program
from embedded.progress import Reporter
from embedded.pulumi_env import PulumiEnv, copy_stack_file, embedded_variables, ensure_stack


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command-line arguments of ``preview``."""
    parser.add_argument("--stack-file", type=Path, metavar="FILE", help="instead of the checkout's Pulumi.STACK.yaml")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the plan as JSON into FILE, too")


def run(args: argparse.Namespace, reporter: Reporter) -> int:
    """Preview once in a temporary folder."""
    source = args.stack_file or CHECKOUT / f"Pulumi.{args.stack}.yaml"
    if not source.is_file():
        raise KitError(f"there is no stack file {source.name}", "copy one of the existing ones and edit it")
    bins = [] if user_program("pulumi") else [toolchain.ensure("pulumi", reporter)]
    folder = Path(tempfile.mkdtemp(prefix="wso2ei-preview-"))
    try:
        # No kubeconfig at all: a preview in a pull request must not depend on what the machine happens to reach.
        variables = embedded_variables(bins, folder / "no-kubeconfig", folder)
        variables["PULUMI_HOME"] = str(plugins.shared_home())
        env = PulumiEnv(CHECKOUT, args.stack, variables, copy_stack_file(source, folder))
        plugins.install(plugins.shared_home(), env.environment(), reporter)
        ensure_stack(env)
        return _preview(env, args.json, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _preview(env: PulumiEnv, plan: Path | None, folder: Path) -> int:
    """Print the diff and write the plan, in parallel: the CLI gives only one of them at a time."""
    if plan is None:
        return env.run(["preview", "--diff"])
    error_file = folder / "errors"
    with plan.open("w") as out, error_file.open("w") as errors:
        planning = subprocess.Popen(
            env.arguments(["preview", "--json"]), env=env.environment(), stdout=out, stderr=errors
        )
        try:
            code = env.run(["preview", "--diff"])
            other = planning.wait()
        finally:
            planning.kill()
            planning.wait()
    if other != 0 and code == 0:
        raise KitError(f"pulumi preview --json failed: {error_file.read_text().strip()}", "run it again")
    return code

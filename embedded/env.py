"""``make env``: export lines for a shell, so that plain ``pulumi`` and ``kubectl`` work on what the kit made."""

from __future__ import annotations

import argparse
import shlex

from embedded.environment import existing
from embedded.progress import Reporter


def run(args: argparse.Namespace, reporter: Reporter) -> int:
    """Print the lines. Makes nothing: raises ``KitError`` when there is nothing to use yet."""
    pulumi = existing(args.stack)
    variables = dict(pulumi.variables)
    if pulumi.config_file:
        # Every flag of the CLI can be a variable since Pulumi 3.208; this keeps the stack file of the checkout clean.
        variables["PULUMI_OPTION_CONFIG_FILE"] = str(pulumi.config_file)
        # `stack rm` has no --config-file and would delete the stack file of the checkout.
        variables["PULUMI_OPTION_PRESERVE_CONFIG"] = "true"
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0

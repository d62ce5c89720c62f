"""``python -m embedded <part> ...``: the command line of the bare-machine kit."""

from __future__ import annotations

import argparse
import errno
import importlib
import signal
import sys
from collections.abc import Sequence

from embedded.errors import KitError
from embedded.progress import Reporter

# Each part is a module with `run(args, reporter) -> int`, and `add_arguments(parser)` where it has more than a stack;
# it is imported only when it is run, so that `env` does not pay for the cluster's dependencies.
PARTS = {
    "toolchain": ("embedded.toolchain.cli", "build the Pulumi CLI and Kubernetes from Go modules"),
    "images": ("embedded.images.cli", "build the stand-in images"),
    "plugins": ("embedded.plugins.cli", "install the provider plugins"),
    "cluster": ("embedded.cluster.cli", "start, stop and show the embedded cluster"),
    "up": ("embedded.up", "make what this machine lacks and update the stack"),
    "preview": ("embedded.preview", "show what an update would do"),
    "destroy": ("embedded.destroy", "remove every object of a stack"),
    "run": ("embedded.run", "run a command where plain pulumi works on a stack"),
    "env": ("embedded.env", "print export lines for a shell"),
    "status": ("embedded.status.cli", "show what runs, and whether console and gateway answer"),
    "clean": ("embedded.clean", "remove everything but the cache"),
}
STACK_PARTS = {"up", "preview", "destroy", "run", "env", "status"}


# Failures that are the machine's and not a mistake of the kit.
_MACHINE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one part; an expected failure is printed with its fix and gives exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m embedded", description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
    arguments = list(sys.argv[1:] if argv is None else argv)
    chosen = arguments[0] if arguments else ""
    for name, (module, text) in PARTS.items():
        part = parts.add_parser(name, help=text, description=text)
        if name in STACK_PARTS:
            part.add_argument("--stack", default="local")
        if name == chosen and hasattr(loaded := importlib.import_module(module), "add_arguments"):
            loaded.add_arguments(part)
    args = parser.parse_args(arguments)
    reporter = Reporter()
    try:
        return int(importlib.import_module(PARTS[args.part][0]).run(args, reporter))
    except KitError as error:
        reporter.note(f"error: {error}")
        return 1
    except OSError as error:
        if error.errno not in _MACHINE_ERRORS:
            raise
        reporter.note(
            f"error: {error}\n  -> free some space, check who owns it, or set XDG_CACHE_HOME and XDG_STATE_HOME to "
            "folders on a larger disk; run the same command again to resume"
        )
        return 1
    except KeyboardInterrupt:
        reporter.note("interrupted; run the same command again to resume")
        return 130


if __name__ == "__main__":
    # A shell has its background jobs ignore it. So would Pulumi's language host and plugins, which the CLI ends by this
    # signal and kills after 5 seconds (sdk/go/common/resource/plugin/plugin.go): so much in each command.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())

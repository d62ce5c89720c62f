"""``python -m tools.without_secrets FROM TO``: write a stack file without its secrets, for previews.

A committed stack file may hold a team's encrypted values, which a pull request's checks cannot decrypt and must not be
able to. They are left out, together with the salt or key that they were encrypted with; the preview then lists what an
update needs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

ENCRYPTION = ("encryptionsalt", "encryptedkey", "secretsprovider")
"""Keys of a stack file about the encryption of its secrets."""


def without_secrets(content: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The stack file's content without secrets, and the keys that were left out."""
    config = content.get("config") or {}
    plain = {key: value for key, value in config.items() if not any(_secure(value))}
    kept = {key: value for key, value in content.items() if key not in ENCRYPTION}
    return kept | {"config": plain}, sorted(str(key) for key in config if key not in plain)


def _secure(value: Any) -> Iterator[bool]:
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            yield True
        for item in value.values():
            yield from _secure(item)
    elif isinstance(value, list):
        for item in value:
            yield from _secure(item)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.without_secrets", description=__doc__)
    parser.add_argument("source", type=Path, metavar="FROM")
    parser.add_argument("target", type=Path, metavar="TO", help="may be the same file")
    options = parser.parse_args(arguments)
    source: Path = options.source
    if not source.is_file():
        known = ", ".join(sorted(path.name for path in source.parent.glob("Pulumi.*.yaml")))
        print(f"there is no stack file {source}; there are: {known}", file=sys.stderr)
        return 2
    content, left_out = without_secrets(yaml.safe_load(source.read_text(encoding="utf-8")) or {})
    options.target.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    for key in left_out:
        print(f"left out, because it is encrypted: {key}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""checkov over the objects of a preview, without any network: no policy download, no telemetry, no platform.

checkov is installed with the running Python (``requirements-scan.txt``). Expected failures are listed, with their
reasons, in ``scan_skips.yaml``; they are removed here and not by checkov, which would skip a check for every object.
"""

from __future__ import annotations

import fnmatch
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from policies.objects import SECRET, Manifest, mapping

SKIPS = Path(__file__).with_name("scan_skips.yaml")
_SECONDS = 300


@dataclass(frozen=True)
class Skip:
    """A failure that is expected."""

    check: str
    objects: tuple[str, ...]
    """``Kind/name``; ``*`` matches any text."""
    reason: str

    def covers(self, check: str, target: str) -> bool:
        """True for a failure that this skip explains; ``target`` is ``Kind name``."""
        name = target.replace(" ", "/", 1)
        return check == self.check and any(fnmatch.fnmatchcase(name, pattern) for pattern in self.objects)


@dataclass(frozen=True)
class Failure:
    """A check that an object failed."""

    check: str
    title: str
    target: str
    """``Kind name``."""


@dataclass(frozen=True)
class ScanResult:
    """The result of checkov."""

    version: str
    passed: int
    failures: tuple[Failure, ...]
    """Without those that a skip explains."""
    skipped: tuple[tuple[Failure, Skip], ...]


class ScanError(Exception):
    """checkov could not be run, or printed no result."""


def skips(file: Path = SKIPS) -> tuple[Skip, ...]:
    """The expected failures. Raises ``ScanError`` for an entry without a reason."""
    found = []
    for entry in yaml.safe_load(file.read_text(encoding="utf-8")) or []:
        skip = Skip(str(entry["check"]), tuple(map(str, entry["objects"])), str(entry.get("reason") or "").strip())
        if not skip.reason:
            raise ScanError(f"{file.name}: the skip of {skip.check} gives no reason")
        found.append(skip)
    return tuple(found)


def scan(objects: Sequence[Manifest], known: Sequence[Skip]) -> ScanResult:
    """Run checkov once over all objects. Raises ``ScanError``."""
    program = Path(sys.executable).with_name("checkov")
    if not program.exists():
        raise ScanError(f"there is no checkov for {sys.executable}; pip install -r requirements-scan.txt")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "objects.yaml").write_text(yaml.safe_dump_all([_body(item) for item in objects]))
        words = [str(program), "-f", "objects.yaml", "--framework", "kubernetes", "--output", "json"]
        words += ["--compact", "--quiet", "--skip-download", "--soft-fail"]
        try:
            # A temporary folder: no configuration file of the checkout or the user is read, none is written.
            answer = subprocess.run(
                words,
                cwd=folder,
                env=_environment(folder),
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ScanError(f"checkov did not end within {_SECONDS}s") from error
    try:
        return _result(json.loads(answer.stdout), objects, known)
    except (ValueError, KeyError, TypeError) as error:
        last = (answer.stderr or answer.stdout).strip().splitlines()[-1:] or ["no output"]
        raise ScanError(f"checkov gave no result (exit code {answer.returncode}): {last[0]}") from error


def _environment(home: Path) -> dict[str, str]:
    """The caller's environment without what makes checkov call its vendor's platform."""
    kept = {
        key: value for key, value in os.environ.items() if key in {"PATH", "LANG", "LC_ALL", "SYSTEMROOT", "TMPDIR"}
    }
    return kept | {
        "HOME": str(home),
        "BC_SKIP_MAPPING": "TRUE",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
    }


def _body(manifest: Manifest) -> Any:
    """The object as plain data; a hidden mapping of secrets stays a mapping."""
    body = json.loads(json.dumps(manifest))
    for field in ("data", "stringData"):
        if body.get(field) == SECRET:
            body[field] = {"hidden": SECRET}
    return body


def _result(answer: Any, objects: Sequence[Manifest], known: Sequence[Skip]) -> ScanResult:
    summary = answer.get("summary", answer)
    if summary.get("parsing_errors") or int(summary["resource_count"]) < len(objects):
        raise ScanError(f"checkov checked {summary['resource_count']} of {len(objects)} objects")
    names = {_id(item): f"{item.get('kind')} {mapping(item.get('metadata')).get('name')}" for item in objects}
    failures = sorted(
        {
            Failure(check["check_id"], check["check_name"], _target(str(check["resource"]), names))
            for check in answer.get("results", {}).get("failed_checks", [])
        },
        key=lambda failure: (failure.check, failure.target),
    )
    explained = {failure: skip for failure in failures for skip in known if skip.covers(failure.check, failure.target)}
    return ScanResult(
        str(summary["checkov_version"]),
        int(summary["passed"]),
        tuple(failure for failure in failures if failure not in explained),
        tuple(explained.items()),
    )


def _id(manifest: Manifest) -> str:
    """An object as checkov names it, in ``default`` without a namespace."""
    metadata = mapping(manifest.get("metadata"))
    return f"{manifest.get('kind')}.{metadata.get('namespace', 'default')}.{metadata.get('name')}"


def _target(resource: str, names: Mapping[str, str]) -> str:
    """``Kind name`` of the object; checks about pods name ``Pod.<namespace>.<owner>.<labels>``."""
    if resource in names:
        return names[resource]
    place = resource.partition(".")[2]
    owners = [key for key in names if place.startswith(key.partition(".")[2] + ".")]
    return names[max(owners, key=len)] if owners else resource

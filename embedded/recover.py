"""Mends a stack after a killed update: a stale lock, and objects that were being made.

A killed ``pulumi up`` leaves its lock, and its creations as pending operations: each may or may not have reached the
cluster. Those that did are imported, so that the next update does not meet ``AlreadyExists``; the others are cleared.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from embedded.errors import KitError
from embedded.progress import Reporter
from embedded.pulumi_env import PulumiEnv


def recover(env: PulumiEnv, reporter: Reporter) -> bool:
    """Mend what a killed update left. True when there was something to mend."""
    stale = _stale_lock(env)
    if stale:
        reporter.note(f"the last update was killed (process {stale} is gone): removing its lock")
        env.read(["cancel", "--yes"])
    pending = pending_creates(_export(env))
    if not pending:
        return stale is not None
    imports: list[str] = []
    for urn, inputs in pending:
        identity = _existing(env, inputs)
        if identity:
            # The flag takes one word at a time: a URN, then its ID.
            imports += [f"--import-pending-creates={word}" for word in (urn, identity)]
    reporter.note(
        f"the last update was killed while it made {len(pending)} objects; "
        f"{len(imports) // 2} of them exist and are kept"
    )
    if imports:
        _refresh(env, imports)
    _refresh(env, ["--clear-pending-creates"])
    return True


def _refresh(env: PulumiEnv, words: list[str]) -> None:
    """Raises ``KitError``: an update that goes on without it would meet ``AlreadyExists`` without a hint why."""
    answer = env.read(["refresh", "--yes", "--skip-preview", *words])
    if answer.returncode != 0:
        raise KitError(
            "what the killed update left could not be read back:\n" + (answer.stdout + answer.stderr).strip()[-3000:],
            "mend what it says and run `make up` again",
        )


def pending_creates(deployment: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(URN, inputs) of every creation that was under way, from ``pulumi stack export``."""
    operations = (deployment.get("deployment") or {}).get("pending_operations") or []
    return [
        (operation["resource"]["urn"], operation["resource"].get("inputs") or {})
        for operation in operations
        if operation.get("type") == "creating"
    ]


def _export(env: PulumiEnv) -> dict[str, Any]:
    answer = env.read(["stack", "export"])
    return dict(json.loads(answer.stdout)) if answer.returncode == 0 and answer.stdout.strip() else {}


def _existing(env: PulumiEnv, inputs: dict[str, Any]) -> str | None:
    """``namespace/name`` of the object when the cluster has it."""
    metadata = inputs.get("metadata") or {}
    kind, name = inputs.get("kind"), metadata.get("name")
    if not kind or not name:
        return None
    namespace = metadata.get("namespace")
    group = str(inputs.get("apiVersion", "v1")).rpartition("/")[0]
    resource = f"{kind}.{group}" if group else kind
    command = ["kubectl", "get", resource, name, "--output=name", *(["--namespace", namespace] if namespace else [])]
    answer = subprocess.run(command, env=env.environment(), check=False, capture_output=True, text=True)
    if answer.returncode != 0:
        return None
    return f"{namespace}/{name}" if namespace else str(name)


def _stale_lock(env: PulumiEnv) -> int | None:
    """The process of a lock in a file backend, when that process runs no more on this machine."""
    backend = env.variables.get("PULUMI_BACKEND_URL", "")
    if not backend.startswith("file://"):
        return None
    locks = Path(backend.removeprefix("file://")) / ".pulumi" / "locks"
    for lock in locks.rglob("*.json"):
        if env.stack not in lock.parts:
            continue
        holder = int(json.loads(lock.read_text()).get("pid", 0))
        if holder and not _runs(holder):
            return holder
    return None


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

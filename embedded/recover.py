"""Repairs a stack after a killed update: a stale lock, and objects that were being made.

A killed ``pulumi up`` leaves its lock, and its creations as pending operations: each may or may not have reached the
cluster. Those that did are adopted, so that the next update does not meet ``AlreadyExists``; the others are cleared.
"""

from __future__ import annotations

import copy
import json
import socket
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from embedded.errors import KitError
from embedded.process import capture
from embedded.progress import Reporter
from embedded.pulumi_env import PulumiEnv


@dataclass(frozen=True)
class Live:
    """An object that the cluster has."""

    identity: str
    """``namespace/name``."""
    field_manager: str = ""
    """The provider's, under which it applies the object."""


def recover(env: PulumiEnv, reporter: Reporter) -> bool:
    """Repair what a killed update left. True when there was something to repair.

    :raises KitError: when the repaired state cannot be stored or read back.
    """
    backend = env.backend_folder()
    stale = stale_locks(backend, env.stack) if backend else []
    if stale:
        gone = ", ".join(map(str, stale))
        reporter.note(f"the last update was killed (process {gone} is gone): removing its lock")
        env.read(["cancel", "--yes"])
    exported = _export(env)
    pending = pending_creates(exported)
    if not pending:
        return bool(stale)
    found = {urn: live for urn, inputs in pending if (live := _existing(env, inputs))}
    reporter.note(
        f"the last update was killed while it made {len(pending)} objects; {len(found)} of them exist and are kept"
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "state.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(adopted(exported, found)))
        _must(env, ["stack", "import", "--file", str(file)])
    if found:
        # The adopted objects have no outputs yet, and the dependants of an Ingress need its status.
        _must(env, ["refresh", "--yes", "--skip-preview"])
    return True


def pending_creates(exported: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return (URN, inputs) of every creation that was under way, from ``pulumi stack export``."""
    operations = (exported.get("deployment") or {}).get("pending_operations") or []
    return [
        (operation["resource"]["urn"], operation["resource"].get("inputs") or {})
        for operation in operations
        if operation.get("type") == "creating"
    ]


def adopted(exported: dict[str, Any], found: dict[str, Live]) -> dict[str, Any]:
    """Return the export without pending operations, and with the creations that reached the cluster as resources.

    ``pulumi refresh --import-pending-creates`` promises this, but the engine of 3.259 drops what it is given
    (``OperationTypeImporting`` is written by the command and never read). A creation that was to replace an object
    has the object's URN: the old one is then marked for the deletion that was to come.
    """
    deployment = copy.deepcopy(exported["deployment"])
    resources = deployment.get("resources") or []
    for operation in deployment.pop("pending_operations", None) or []:
        made = operation["resource"]
        live = found.get(made["urn"])
        if operation.get("type") != "creating" or live is None:
            continue
        for resource in resources:
            if resource["urn"] == made["urn"]:
                resource["delete"] = True
        # Whatever it depends on was made before it, so it can be the last.
        # Without its field manager the provider takes a new one, and each later change of a field is a conflict with
        # the manager that made it (fieldManagerName in its provider.go).
        manager = {"__fieldManager": live.field_manager} if live.field_manager else {}
        resources.append(made | {"id": live.identity, "outputs": (made.get("inputs") or {}) | manager})
    return exported | {"deployment": deployment | {"resources": resources}}


def _must(env: PulumiEnv, command: list[str]) -> None:
    answer = env.read(command)
    if answer.returncode != 0:
        raise KitError(
            "what the killed update left could not be read back:\n" + (answer.stdout + answer.stderr).strip()[-3000:],
            "fix the cause and run `make up` again",
        )


def _export(env: PulumiEnv) -> dict[str, Any]:
    answer = env.read(["stack", "export"])
    return dict(json.loads(answer.stdout)) if answer.returncode == 0 and answer.stdout.strip() else {}


def _existing(env: PulumiEnv, inputs: dict[str, Any]) -> Live | None:
    """Return the object when the cluster has it."""
    metadata = inputs.get("metadata") or {}
    kind, name = inputs.get("kind"), metadata.get("name")
    if not kind or not name:
        return None
    namespace = metadata.get("namespace")
    group = str(inputs.get("apiVersion", "v1")).rpartition("/")[0]
    resource = f"{kind}.{group}" if group else kind
    where = ["--namespace", namespace] if namespace else []
    command = ["kubectl", "get", resource, name, "--output=json", "--show-managed-fields", *where]
    answer = capture(command, env=env.environment())
    if answer.returncode != 0:
        return None
    managers = [
        entry["manager"]
        for entry in json.loads(answer.stdout)["metadata"].get("managedFields", [])
        if entry.get("operation") == "Apply" and entry["manager"].startswith("pulumi-kubernetes-")
    ]
    return Live(f"{namespace}/{name}" if namespace else str(name), managers[0] if managers else "")


def stale_locks(backend: Path, stack: str) -> list[int]:
    """Return the processes of a stack's locks in a file backend when all of them are gone, else none.

    All, since ``pulumi cancel`` removes every lock. A lock of another machine stays: what runs there is not known here.
    """
    found = [file for file in (backend / "locks").rglob("*.json") if stack in file.parts]
    locks = [json.loads(file.read_text()) for file in found]
    return sorted(lock["pid"] for lock in locks) if all(map(_gone, locks)) else []


def _gone(lock: dict[str, Any]) -> bool:
    """Return whether a lock's process has ended on this machine.

    It may still be in the process table where PID 1 waits for no children, as in many containers; and after a restart
    its number is soon that of a younger process.
    """
    if lock["hostname"] != socket.gethostname():
        return False
    if not psutil.pid_exists(lock["pid"]):
        return True
    try:
        process = psutil.Process(lock["pid"])
        # The boot time, from which psutil reckons, is in whole seconds.
        younger = process.create_time() > datetime.fromisoformat(lock["timestamp"]).timestamp() + 2
        return younger or process.status() == psutil.STATUS_ZOMBIE
    except psutil.ZombieProcess:
        return True
    except psutil.Error:
        return False  # another user's, of which the system may show nothing

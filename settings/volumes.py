"""From ``Settings.storage`` to the arguments of the two data volumes, and to words that say where the data lies."""

from __future__ import annotations

from typing import Literal, get_args

import pulumi

from components.ei.args import OperationsArgs
from components.shared.storage import AccessMode, DataVolumeArgs
from settings.model import Settings
from settings.storage import ClaimStorage, ClassStorage, HostPathStorage, NfsStorage

Purpose = Literal["mysql", "carbonapps"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
"""MySQL's data, with one writer; and EI's integration artifacts, which every node reads."""


def purposes(settings: Settings) -> tuple[Purpose, ...]:
    """The volumes of the stack: a database of somebody else's needs none."""
    return ("carbonapps",) if settings.mysql.external else PURPOSES


def storage_place(settings: Settings) -> str:
    """Where all data of the stack lies, in one line."""
    external = settings.mysql.external
    return _place(settings) + (f", databases on {external.host}" if external else "")


def _place(settings: Settings) -> str:
    volumes = purposes(settings)
    storage = settings.storage
    match storage:
        case HostPathStorage():
            return f"hostPath {storage.path}" + (f" on {storage.node}" if storage.node else "")
        case NfsStorage():
            return f"nfs {storage.server}:{storage.path}"
        case ClaimStorage():
            return f"claim {' and '.join(getattr(storage, f'{purpose}_claim') for purpose in volumes)}"
        case ClassStorage():
            return f"class {' and '.join(getattr(storage, f'{purpose}_class') for purpose in volumes)}"


def volume_place(settings: Settings, purpose: Purpose) -> str:
    """Where the data of one volume lies; changes when, and only when, it would have to be moved.

    A hostPath's node is not in it: see ``storage_changes``.
    """
    args = volume(settings, purpose, "", "")
    match args["kind"]:
        case "hostPath":
            return f"hostPath {args['path']}"
        case "nfs":
            return f"nfs {args['server']}:{args['path']}"
        case "claim":
            return f"claim {args['claim_name']}"
        case "class":
            # Another access mode needs another claim, which gets another volume.
            return f"class {args['storage_class']} ({args.get('access_mode')})"


def kept(settings: Settings, purpose: Purpose, claim: str) -> str:
    """What becomes of the data of one volume after ``pulumi destroy``, in words."""
    args = volume(settings, purpose, "", claim)
    name = args["claim_name"]
    match args["kind"]:
        case "hostPath":
            node = args.get("node")
            return f"{args['path']} on {f'node {node}' if node else 'the node'}"
        case "nfs":
            return f"{args['server']}:{args['path']}"
        case "claim":
            return f"claim {settings.namespace.name}/{name}"
        case "class" if args.get("retain"):
            return (
                f"claim {settings.namespace.name}/{name} (to use it again: storage kind claim, {purpose}Claim {name})"
            )
        case _:
            return (
                f"nothing of {purpose}: its volume goes with its claim, unless the class {args['storage_class']} has "
                "reclaimPolicy Retain"
            )


def access_mode(settings: Settings, purpose: Purpose) -> AccessMode:
    """How pods mount the volume."""
    storage = settings.storage
    if purpose == "mysql":
        return storage.mysql_access_mode if isinstance(storage, ClassStorage) else "ReadWriteOnce"
    return "ReadWriteMany" if isinstance(storage, HostPathStorage) else storage.carbonapps_access_mode


def volume(settings: Settings, purpose: Purpose, namespace: pulumi.Input[str], claim: str) -> DataVolumeArgs:
    """Arguments of one volume.

    :param claim: name of the claim, where the stack makes it.
    """
    storage, mysql = settings.storage, purpose == "mysql"
    args: DataVolumeArgs = {
        "kind": storage.kind,
        "namespace": namespace,
        "claim_name": claim,
        "access_mode": access_mode(settings, purpose),
        "keep": settings.protect,
    }
    if not isinstance(storage, ClaimStorage):
        args["size"] = storage.mysql_size if mysql else storage.carbonapps_size
    match storage:
        case HostPathStorage():
            args["path"] = f"{storage.path}/{purpose}"
            args["node"] = storage.node
        case NfsStorage():
            args["server"], args["path"] = storage.server, f"{storage.path.rstrip('/')}/{purpose}"
            args["mount_options"] = [f"nfsvers={storage.version}", *storage.mount_options]
        case ClaimStorage():
            args["claim_name"] = storage.mysql_claim if mysql else storage.carbonapps_claim
        case ClassStorage():
            args["storage_class"] = storage.mysql_class if mysql else storage.carbonapps_class
            args["retain"] = not settings.namespace.create if storage.retain is None else storage.retain
    return args


def diagnostics(settings: Settings, namespace: pulumi.Input[str]) -> OperationsArgs:
    """The volume of EI's log files and heap dumps, if there is one."""
    found = settings.ei.diagnostics
    return {"diagnostics": found.as_args("wso2ei", namespace), "diagnostics_keep": found.keep} if found else {}

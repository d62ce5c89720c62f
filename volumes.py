"""From ``Settings.storage`` to the arguments of the two data volumes."""

from __future__ import annotations

import pulumi

from components.storage import DataVolumeArgs
from settings import ClaimStorage, ClassStorage, HostPathStorage, NfsStorage, Settings


def mysql_volume(settings: Settings, namespace: pulumi.Input[str]) -> DataVolumeArgs:
    """MySQL's data: one writer."""
    args = _volume(settings, namespace, "mysql")
    args["access_mode"] = "ReadWriteOnce"
    return args


def carbonapps_volume(settings: Settings, namespace: pulumi.Input[str]) -> DataVolumeArgs:
    """EI's integration artifacts: read by every node."""
    args = _volume(settings, namespace, "carbonapps")
    args["access_mode"] = "ReadWriteMany"
    return args


def kept_data(settings: Settings) -> list[str]:
    """Where data stays after ``pulumi destroy``, in words."""
    storage = settings.storage
    match storage:
        case HostPathStorage():
            node = f"node {storage.node}" if storage.node else "the node"
            return [f"{storage.path}/{folder} on {node}" for folder in ("mysql", "carbonapps")]
        case NfsStorage():
            return [f"{storage.server}:{storage.path}/{folder}" for folder in ("mysql", "carbonapps")]
        case ClaimStorage():
            return [f"claim {storage.mysql_claim}", f"claim {storage.carbonapps_claim}"]
        case ClassStorage():
            return [f"what the storage class {name} keeps" for name in (storage.mysql_class, storage.carbonapps_class)]


def _volume(settings: Settings, namespace: pulumi.Input[str], purpose: str) -> DataVolumeArgs:
    storage = settings.storage
    args: DataVolumeArgs = {
        "kind": storage.kind,
        "namespace": namespace,
        "claim_name": f"wso2ei-{purpose}",
        "keep": settings.protect,
    }
    mysql = purpose == "mysql"
    if not isinstance(storage, ClaimStorage):
        args["size"] = storage.mysql_size if mysql else storage.carbonapps_size
    match storage:
        case HostPathStorage():
            args["path"] = f"{storage.path}/{purpose}"
            args["node"] = storage.node
        case NfsStorage():
            args["server"], args["path"] = storage.server, f"{storage.path}/{purpose}"
            args["mount_options"] = [f"nfsvers={storage.version}", *storage.mount_options]
        case ClaimStorage():
            args["claim_name"] = storage.mysql_claim if mysql else storage.carbonapps_claim
        case ClassStorage():
            args["storage_class"] = storage.mysql_class if mysql else storage.carbonapps_class
    return args

"""Compares the storage of the running stack with the stack file's, before anything is made, changed or deleted.

The stack's current storage is the output ``storage`` of its last complete update. It is read from the backend
(file, object store, Pulumi Cloud) by the engine's own function, the one below ``StackReference``. A
``StackReference`` itself would be one more object in every preview, which a refresh always finds changed, and would
keep a second copy of the stack's secret outputs.

The engine keeps the outputs when an update fails, so a failed change does not count; ``pulumi destroy`` removes them,
after which any storage may be chosen.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pulumi
from pydantic import ValidationError

from preflight import storage_guide
from preflight.storage_guide import Change, StorageRecord
from settings.model import Settings

OUTPUT = "storage"
_DELAYS = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds."""


class StorageChangeError(pulumi.RunError):
    """The change would leave data in the old place, or is impossible; the CLI prints the text without a traceback."""


def check(settings: Settings, context: str) -> StorageRecord:
    """Return the storage of the stack file, if the running stack can change to it.

    A preview against another cluster continues with a warning: without a kubeconfig it cannot compare the clusters.

    :raises StorageChangeError: if it cannot, with the steps that get there.
    """
    old = running()
    new = storage_guide.record(settings, context, old)
    if old is None:
        return new
    change = Change(old, new, settings, pulumi.get_stack())
    elsewhere = storage_guide.other_cluster(change)
    if elsewhere and pulumi.runtime.is_dry_run():
        pulumi.log.warn(f"an update would be rejected. {elsewhere}")
        elsewhere = None
    reason = elsewhere or storage_guide.refusal(change)
    if reason:
        raise StorageChangeError(reason)
    for note in storage_guide.notes(change):
        pulumi.log.info(note)
    return new


def confirmed(storage: StorageRecord, claims: Sequence[pulumi.Output[str]]) -> pulumi.Output[dict[str, Any]]:
    """Return ``storage`` for the output once the ``claims`` match it: a claim that cannot grow keeps its old size."""
    return pulumi.Output.all(*claims).apply(lambda _: storage.model_dump(exclude_none=True))


def running() -> StorageRecord | None:
    """Return what the stack has; ``None`` where it was never complete, was destroyed, or exported something else."""
    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    answer = _outputs(name)
    try:
        return StorageRecord.model_validate((answer or {}).get("outputs", {}).get(OUTPUT))
    except ValidationError:
        return None


def _outputs(name: str) -> Any:
    """Read the stack's outputs, and retry where that fails.

    The engine saves the stack's state while the program starts, and the file backend truncates the file of its
    attributes before it writes it (gocloud.dev, blob/fileblob/attrs.go): a read at that moment fails.
    """
    for delay in _DELAYS:
        try:
            return _read(name)
        except Exception:  # noqa: BLE001 - the SDK raises nothing narrower
            time.sleep(delay)
    try:
        return _read(name)
    except Exception as error:
        raise StorageChangeError(
            f"The outputs of stack '{name}' cannot be read, so the place of its data is not known: {error}"
        ) from error


def _read(name: str) -> Any:
    return pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": name}).value

"""Compares the storage of the running stack with the stack file's, before anything is made, changed or deleted.

What the stack has is what it exported at the end of its last complete update, as output ``storage``. It is read from
the backend (file, object store, Pulumi Cloud) by the engine's own function, the one below ``StackReference``. A
``StackReference`` itself would be one more object in every preview, which a refresh always finds changed, and would
keep a second copy of the stack's secret outputs.

The engine leaves the outputs alone when an update fails, so a failed change is not taken for a fact; and forgets them
in ``pulumi destroy``, after which any storage may be chosen.
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
    """The change would leave data behind, or is impossible; the CLI prints the text without a traceback."""


def check(settings: Settings, context: str) -> StorageRecord:
    """What the stack file asks for, if the running stack can become so.

    A preview against another cluster goes on with a warning: on a machine without a kubeconfig it cannot know better.

    :raises StorageChangeError: if it cannot, with the steps that lead there.
    """
    old = running()
    new = storage_guide.record(settings, context, old)
    if old is None:
        return new
    change = Change(old, new, settings, pulumi.get_stack())
    elsewhere = storage_guide.other_cluster(change)
    if elsewhere and pulumi.runtime.is_dry_run():
        pulumi.log.warn(f"an update would be refused. {elsewhere}")
        elsewhere = None
    refused = elsewhere or storage_guide.refusal(change)
    if refused:
        raise StorageChangeError(refused)
    for note in storage_guide.notes(change):
        pulumi.log.info(note)
    return new


def confirmed(storage: StorageRecord, claims: Sequence[pulumi.Output[str]]) -> pulumi.Output[dict[str, Any]]:
    """``storage`` for the output, once the ``claims`` are what it says: a claim that could not grow has not grown."""
    return pulumi.Output.all(*claims).apply(lambda _: storage.model_dump(exclude_none=True))


def running() -> StorageRecord | None:
    """What the stack has; ``None`` where it never was complete, was destroyed, or exported something else."""
    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    answer = _outputs(name)
    try:
        return StorageRecord.model_validate((answer or {}).get("outputs", {}).get(OUTPUT))
    except ValidationError:
        return None


def _outputs(name: str) -> Any:
    """The stack's outputs, asked for again where that fails.

    The engine saves the stack's state while the program starts, and the file backend empties the file beside it that
    holds its attributes before it writes it (gocloud.dev, blob/fileblob/attrs.go): who reads just then gets an error.
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
            f"The outputs of stack '{name}' cannot be read, so it is not known where its data lies: {error}"
        ) from error


def _read(name: str) -> Any:
    return pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": name}).value

"""How an operation can fail, as the engine understands it."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]


class Failed(Exception):  # noqa: N818 - an outcome
    """Nothing was changed, or nobody can say; the message is shown as it is."""


class PartlyFailed(Exception):  # noqa: N818
    """The object exists but did not get ready; the engine keeps its state and tries again at the next update.

    :param resource_id: the id to keep.
    :param reasons: the message first, then what was seen on the cluster, one line each.
    :param state: the state to keep (see `state.checkpoint`).
    :param inputs: the inputs to keep, only after a read.
    """

    def __init__(self, resource_id: str, reasons: list[str], state: Obj, inputs: Obj | None = None) -> None:
        super().__init__(reasons[0])
        self.resource_id, self.reasons, self.state, self.inputs = resource_id, reasons, state, inputs


class NotReady(Exception):  # noqa: N818
    """Raised inside an operation: waiting ended without success.

    :param message: what happened in one line.
    :param errors: what was seen on the cluster.
    :param obj: the object as it was last seen, if it was.
    """

    def __init__(self, message: str, errors: list[str], obj: Obj | None) -> None:
        super().__init__(message)
        self.message, self.errors, self.obj = message, errors, obj

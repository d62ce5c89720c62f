"""The state that the engine keeps for a resource: the live object, and beside it the inputs that made it."""

from __future__ import annotations

import copy
from typing import Any

from embedded.plugins.kubernetes import metadata
from embedded.plugins.kubernetes.values import annotate_secrets

Obj = dict[str, Any]

INITIAL_API_VERSION = "__initialApiVersion"
FIELD_MANAGER = "__fieldManager"
CSA_MANAGER = "pulumi-kubernetes"


def checkpoint(inputs: Obj, live: Obj, given: Obj, manager: str) -> Obj:
    """The state to store: the live object with the inputs beside it, secret where the given inputs are."""
    state, kept = copy.deepcopy(live), copy.deepcopy(inputs)
    annotate_secrets(state, given)
    annotate_secrets(kept, given)
    return {
        **state,
        "__inputs": kept,
        INITIAL_API_VERSION: str(given.get(INITIAL_API_VERSION) or inputs.get("apiVersion") or ""),
        FIELD_MANAGER: manager,
    }


def field_manager(state: Obj, inputs: Obj, new: str) -> str:
    """The manager's name: the annotation's, else the one in the state, else ``new``."""
    return metadata.annotation(inputs, metadata.PATCH_FIELD_MANAGER) or str(state.get(FIELD_MANAGER) or new)

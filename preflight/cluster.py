"""A client of the cluster that an update is about to change, for what the Kubernetes provider cannot ask it.

The provider reads single objects by name. Used in updates only; a preview needs no cluster.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import pulumi

T = TypeVar("T")
TIMEOUT = (5, 15)
"""Seconds to connect, and to answer."""


def connected(context: str) -> Any:
    """An ``ApiClient`` of one kubeconfig context, to be used in ``with``.

    :raises Exception: what the kubernetes package, kubeconfig plugins and sockets raise; see ``asked``.
    """
    # Imported here: it takes half a second, which previews and most stacks need not pay.
    from kubernetes import config  # noqa: PLC0415

    load: Any = config.new_client_from_config
    return load(config_file=os.environ.get("KUBECONFIG") or None, context=context)


def asked(question: Callable[[], T], otherwise: str) -> T | None:
    """The cluster's answer; ``None``, and the warning ``otherwise`` with the reason, where it cannot be asked."""
    try:
        return question()
    except Exception as error:  # noqa: BLE001 - the client raises what kubeconfig plugins and sockets raise
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        pulumi.log.warn(f"{otherwise}: {reason}")
        return None

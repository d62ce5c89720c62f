"""A Kubernetes cluster on a bare Linux machine; see README.md in this folder.

``start`` and ``stop`` are in `embedded.cluster.lifecycle`, ``status`` in `embedded.cluster.status`; they are imported
only when asked for, as the load balancer's process needs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embedded.cluster.status import ClusterStatus
    from embedded.progress import Reporter


def start(
    store_public_root: Path, store_private_root: Path, nodes: int | None = None, reporter: Reporter | None = None
) -> None:
    """Start or mend the cluster; see `embedded.cluster.lifecycle.start`."""
    from embedded.cluster import lifecycle  # noqa: PLC0415

    lifecycle.start(store_public_root, store_private_root, nodes, reporter)


def stop(reporter: Reporter | None = None) -> None:
    """Remove the cluster; see `embedded.cluster.lifecycle.stop`."""
    from embedded.cluster import lifecycle  # noqa: PLC0415

    lifecycle.stop(reporter)


def status() -> ClusterStatus:
    """Look at the cluster; see `embedded.cluster.status.status`."""
    from embedded.cluster import status as module  # noqa: PLC0415

    return module.status()

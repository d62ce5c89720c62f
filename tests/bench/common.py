"""What the rows of one run have in common: a temporary folder, and a running local stack once one needs it."""

from __future__ import annotations

import shutil
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from embedded.cluster import names, units
from tests.bench.model import SkippedRowError
from tests.e2e.load import deploy_service
from tests.e2e.machine import Machine


class Bench:
    """A context; at its end the folder and the cluster that it has made are removed."""

    def __init__(self, running: Machine | None = None) -> None:
        """Prepare a run.

        :param running: a machine whose stack runs; default is one whose stack is made when a row needs it.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="wso2ei-bench-"))
        self._machine, self._running = running or Machine(), running is not None
        self.up_log = ""
        """What ``make up`` printed for this run."""
        self.up_objects: dict[str, list[dict[str, Any]]] = {}
        """Events and namespaces after it, by kind; another row may make the stack again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        if self.up_log:
            self._machine.make("clean")

    def new_folder(self) -> Path:
        """Return an empty folder."""
        return Path(tempfile.mkdtemp(dir=self._folder))

    @cached_property
    def stack(self) -> Machine:
        """The running local stack, with the service under load on both nodes.

        :raises SkippedRowError: after ``make up`` has failed for another row.
        """
        if self._running:
            return self._machine
        if self.up_log:
            raise SkippedRowError("`make up` has failed")
        done = self._machine.make("up")
        self.up_log = done.text
        done.ok()
        self.up_objects = {kind: self._machine.objects(kind) for kind in ("events", "namespaces")}
        deploy_service(self._machine)
        return self._machine

    def in_node(self) -> list[str]:
        """Return the words that run a command in the node's network, where the pods are reached by their addresses."""
        assert self.stack
        return ["nsenter", "--target", str(units.alive(names.current(), names.node_name(1))), "--net"]

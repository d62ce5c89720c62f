"""Queue changed objects, and decide how many of them one reload covers (internal/k8s/task_queue.go, controller.go)."""

from __future__ import annotations

import threading
from typing import NamedTuple


class Task(NamedTuple):
    """One changed object."""

    kind: str
    """Resource, such as ``endpointslices``."""
    name: str
    """``namespace/name``."""


class Tasks:
    """A queue without duplicates. One worker takes tasks one by one, and reloads NGINX after each.

    While more than one waits, it takes all of them and reloads once: ``sync`` of the real controller disables reloads
    then, until the queue is empty.
    """

    def __init__(self) -> None:
        self._waiting: dict[Task, None] = {}
        self._changed = threading.Condition(threading.RLock())

    def add(self, task: Task) -> None:
        """Add a task, unless it waits already."""
        with self._changed:
            self._waiting.setdefault(task)
            self._changed.notify()

    def take(self, seconds: float) -> list[Task]:
        """Return the tasks of the next reload; none after ``seconds`` without a task."""
        with self._changed:
            if not self._waiting:
                self._changed.wait(seconds)
            if not self._waiting:
                return []
            first = next(iter(self._waiting))
            del self._waiting[first]
            return [first] if len(self._waiting) <= 1 else [first, *self.take_all()]

    def take_all(self) -> list[Task]:
        """Return all tasks that wait."""
        with self._changed:
            waiting = list(self._waiting)
            self._waiting.clear()
            return waiting

"""Ends a plugin process whose engine is gone, e.g. after a kill -9: nobody else would."""

from __future__ import annotations

import os
import threading
import time

_SECONDS = 2.0


def end_with_parent() -> None:
    """Watch, from a thread of its own, the process that started this one; end at once when it is no more."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_SECONDS)
        os._exit(0)

    threading.Thread(target=watch, daemon=True, name="lifeline").start()

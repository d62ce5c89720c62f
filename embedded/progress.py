"""Progress of long work: what runs now, for how long, and how long it usually takes.

On a terminal one live line is redrawn every second; in a log (CI) a line is printed at the start,
at every change of detail (at most one every ten seconds) and at the end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console

_LOG_EVERY_SECONDS = 10.0


def elapsed_text(seconds: float) -> str:
    """Format a duration: ``7s`` or ``2m05s``."""
    whole = int(seconds)
    return f"{whole}s" if whole < 60 else f"{whole // 60}m{whole % 60:02d}s"


@dataclass
class Step:
    """One running step; ``detail`` is what it does right now."""

    title: str
    expected: str
    started: float = field(default_factory=time.monotonic)
    text: str = ""

    def detail(self, text: str) -> None:
        """Replace the text shown after the title (one line, plain text)."""
        self.text = " ".join(text.split())

    def line(self) -> str:
        usual = f", usually {self.expected}" if self.expected else ""
        tail = f": {self.text}" if self.text else ""
        return f"{self.title} ({elapsed_text(time.monotonic() - self.started)}{usual}){tail}"


class Reporter:
    """Prints steps. Owns the terminal line while a step runs; steps may nest or run in threads.

    ``timings`` keeps (title, seconds) of every finished step, in the order in which they ended.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self.timings: list[tuple[str, float]] = []
        self._active: list[Step] = []
        self._lock = threading.Lock()

    def note(self, text: str) -> None:
        """Print one permanent line."""
        with self._lock:
            self._erase()
            self.console.print(text, markup=False)

    @contextmanager
    def step(self, title: str, expected: str = "") -> Iterator[Step]:
        """Show ``title`` while the block runs; ``expected`` is the usual duration, e.g. ``"3 min"``."""
        step = Step(title, expected)
        with self._lock:
            self._active.append(step)
        if not self.console.is_terminal:
            self.note(f"... {title}" + (f" (usually {expected})" if expected else ""))
        stop = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(step, stop), daemon=True)
        ticker.start()
        mark = "ok "
        try:
            yield step
        except BaseException:
            mark = "ERR"
            raise
        finally:
            stop.set()
            ticker.join()
            seconds = time.monotonic() - step.started
            with self._lock:
                self._active.remove(step)
                self.timings.append((title, seconds))
            self.note(f"{mark} {title} ({elapsed_text(seconds)})" + (f": {step.text}" if step.text else ""))

    def _tick(self, step: Step, stop: threading.Event) -> None:
        shown, shown_at = "", time.monotonic()
        while not stop.wait(1.0):
            if self.console.is_terminal:
                with self._lock:
                    if self._active and self._active[-1] is step:
                        self._erase()
                        line = f"    {step.line()}"[: max(20, self.console.width - 1)]
                        self.console.print(line, end="", markup=False)
            elif step.text != shown and time.monotonic() - shown_at >= _LOG_EVERY_SECONDS:
                shown, shown_at = step.text, time.monotonic()
                self.note(f"    {step.line()}")

    def _erase(self) -> None:
        if self.console.is_terminal:
            self.console.file.write("\r\x1b[2K")
            self.console.file.flush()

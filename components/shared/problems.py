"""What components reject about their arguments, in a form that names the argument."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """An argument that is refused."""

    place: tuple[str | int, ...]
    """The argument, the item's index or name in it, and the field of the item, as far as they go."""
    expected: str
    """What is allowed; completes a sentence that begins with the field."""

    @property
    def field(self) -> str:
        """The place in words: ``patches[0].path``, ``environment["A"]``."""
        first, *rest = self.place
        names = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest]
        if first in {"environment", "secret_environment"}:
            names = [f'["{part}"]' for part in rest]
        return "".join([str(first), *names])

    def within(self, *place: str | int) -> Problem:
        """The same of an item of something larger."""
        return Problem((*place, *self.place), self.expected)

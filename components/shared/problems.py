"""Invalid arguments of components, each with the place of the argument."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One invalid argument."""

    place: tuple[str | int, ...]
    """Name of the argument, then index or key and field of an item in it, as far as they apply."""
    expected: str
    """The allowed value; continues a sentence that begins with the field."""

    @property
    def field(self) -> str:
        """The place as text: ``patches[0].path``, ``environment["A"]``."""
        first, *rest = self.place
        names = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest]
        if first in {"environment", "secret_environment"}:
            names = [f'["{part}"]' for part in rest]
        return "".join([str(first), *names])

    def within(self, *place: str | int) -> Problem:
        """Return the problem with ``place`` as a prefix of its place."""
        return Problem((*place, *self.place), self.expected)

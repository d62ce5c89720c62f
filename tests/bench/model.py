"""Rows of the benchmark, their samples, and what is made of them: medians, and the range from lowest to highest."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, Literal, TypeVar

C = TypeVar("C")


class SkippedRowError(Exception):
    """A row that cannot be measured here, with the reason; its last result stays."""


@dataclass(frozen=True)
class Sample:
    """One measured value, and the one that was measured for comparison in the same turn."""

    case: str
    value: float
    base: float | None = None
    unit: str = "s"
    against: str = ""
    """What ``base`` is; empty without one."""

    @property
    def ratio(self) -> float | None:
        return self.value / self.base if self.base else None


@dataclass(frozen=True)
class Row(Generic[C]):
    """A question, and how its answer is measured. ``C`` is what a run has in common, such as a running stack."""

    name: str
    question: str
    command: str
    """What is measured, as one would type it."""
    runs: int
    """Turns, unless ``RUNS`` gives another number."""
    measure: Callable[[C, int], Iterable[Sample]]
    notes: str = ""
    picture: Literal["", "bars", "curve"] = ""
    """``curve``: values over the number with which each case begins."""
    by_name: bool = False
    """Measured only when ``ROWS`` names it: it takes long, or needs what the machine may lack."""


@dataclass(frozen=True)
class Spread:
    """Median and range of some values."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Summary:
    """All samples of one case."""

    case: str
    unit: str
    against: str
    count: int
    value: Spread
    base: Spread | None
    ratio: Spread | None
    """Of the ratios turn by turn, which is not the ratio of the medians."""


@dataclass(frozen=True)
class Result:
    """Samples of one row from one run on one machine."""

    runs: int
    measured: dict[str, str]
    """Date, machine and versions."""
    samples: list[Sample]

    def summaries(self) -> list[Summary]:
        """Return one summary for each case and each thing that it is compared with, in the order of measuring."""
        groups: dict[tuple[str, str], list[Sample]] = {}
        for sample in self.samples:
            groups.setdefault((sample.case, sample.against), []).append(sample)
        return [_summary(samples) for samples in groups.values()]

    def plain(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_plain(cls, content: dict[str, Any]) -> Result:
        return cls(content["runs"], content["measured"], [Sample(**sample) for sample in content["samples"]])


def _summary(samples: list[Sample]) -> Summary:
    first = samples[0]
    bases = [sample.base for sample in samples if sample.base is not None]
    ratios = [sample.ratio for sample in samples if sample.ratio is not None]
    return Summary(
        first.case,
        first.unit,
        first.against,
        len(samples),
        Spread.of([sample.value for sample in samples]),
        Spread.of(bases) if bases else None,
        Spread.of(ratios) if ratios else None,
    )


def select(rows: Sequence[Row[C]], names: str) -> Iterator[Row[C]]:
    """Choose rows by a list such as ``P1,P4``; an empty one chooses all but those that are measured by name.

    :raises ValueError: with the rows that exist, for a name that is none of them.
    """
    wanted = [name for name in names.replace(",", " ").split() if name]
    unknown = set(wanted) - {row.name for row in rows}
    if unknown:
        raise ValueError(
            f"ROWS={names}: no row {', '.join(sorted(unknown))}; rows are {' '.join(r.name for r in rows)}"
        )
    return (row for row in rows if row.name in wanted or not (wanted or row.by_name))

"""Figures: how samples become one, how a report is written, and how two are compared."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mmbot.errors import MmbotError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TARGETS: dict[str, tuple[float, float | None]] = {
    "book.level.c": (9, None),
    "book.level.python": (20, None),
    "decode.depth.ns_per_byte": (0.9, None),
    "stamp": (30, None),
    "feed_to_order.depth.compiled": (2, 10),
    "feed_to_order.depth.python": (6, 20),
    "feed_to_order.book_ticker.compiled": (1.2, 2),
    "feed_to_order.book_ticker.python": (4.5, 7),
    "loopback.over_floor.compiled": (8, None),
    "loopback.over_floor.python": (16, None),
    "swap.gap": (1000, None),
}
"""What mmbot promises of a figure, (p50, p99), in the figure's unit, on a quiet machine of the kind in the docs."""
NOISE = 0.1
"""Two runs of the same code differ by so much on a quiet machine: a smaller difference says nothing."""


@dataclass(frozen=True, slots=True)
class Result:
    """One figure.

    Attributes:
        name: dotted; ``floor.X`` is what bounds ``X``.
        unit: ``ns``, ``ns/byte`` or ``us``.
        p50, p99, min: over the samples, smaller is better.
        n: how many samples.
    """

    name: str
    unit: str
    p50: float
    p99: float
    min: float
    n: int

    @classmethod
    def of(cls, name: str, unit: str, samples: Iterable[float]) -> Result:
        """Sum samples up.

        Raises:
            MmbotError: there are none.
        """
        ordered = sorted(samples)
        if not ordered:
            raise MmbotError(f"bench {name}: no sample was taken; is the recording too short?")
        p50, p99 = (ordered[min(int(len(ordered) * p), len(ordered) - 1)] for p in (0.5, 0.99))
        return cls(name, unit, round(p50, 4), round(p99, 4), round(ordered[0], 4), len(ordered))


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of one run, and what they were measured on."""

    commit: str
    cpu: str
    python: str
    results: list[Result]

    def as_dict(self) -> dict[str, Any]:
        """The data of ``--json``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Any) -> Report:
        """Read what `as_dict` wrote.

        Raises:
            MmbotError: it is something else.
        """
        try:
            results = [Result(**result) for result in data["results"]]
            return cls(data["commit"], data["cpu"], data["python"], results)
        except (KeyError, TypeError) as error:
            raise MmbotError(f"not a report of `mmbot bench --json`: {error}") from None

    def find(self, name: str) -> Result | None:
        """The figure called so."""
        return next((result for result in self.results if result.name == name), None)

    def floor(self, result: Result) -> float | None:
        """`result` over its floor, both p50; None: it has none."""
        floor = self.find(f"floor.{result.name}") or self.find(f"floor.{result.name.rpartition('.')[0]}")
        return result.p50 / floor.p50 if floor is not None and floor.p50 > 0 else None


def within(result: Result) -> bool | None:
    """Whether a figure keeps its target; None: it has none."""
    if result.name not in TARGETS:
        return None
    p50, p99 = TARGETS[result.name]
    return result.p50 <= p50 and (p99 is None or result.p99 <= p99)


def ratios(old: Report, new: Report) -> dict[str, float]:
    """Old over new p50 by name, for what both have; above 1 is faster now."""
    before = {result.name: result for result in old.results}
    return {
        result.name: before[result.name].p50 / result.p50
        for result in new.results
        # A difference to a floor is below zero when the machine was too busy for either.
        if result.name in before and result.p50 > 0 and before[result.name].p50 > 0
    }


def slower(old: Report, new: Report, limit: float) -> Sequence[str]:
    """Names whose p50 grew by more than the fraction `limit`; floors and what is within the noise do not count."""
    allowed = 1 + max(limit, NOISE)
    return [name for name, r in ratios(old, new).items() if not name.startswith("floor.") and r < 1 / allowed]

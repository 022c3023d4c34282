"""Scatter plots and heat maps as SVG text: no script, no network, readable in light and dark."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 84, 14, 12, 42
MAX_LABEL = 11
MAX_LABELLED = 12
"""Columns, and rows, up to which each has its name."""
CHARACTER = 6.2
"""Width of a digit in a square, with what is left free."""


@dataclass(frozen=True, slots=True)
class Point:
    """A dot: where, what it says when pointed at, and whether it stands out."""

    x: float
    y: float
    label: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A square of a heat map, by column and row."""

    column: int
    row: int
    value: float
    label: str


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to pixels.

    Attributes:
        low, high: values at the ends.
        start, stop: pixels at the ends.
        log: by magnitude; both ends above 0.
    """

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    @classmethod
    def over(cls, values: Sequence[float], start: float, stop: float, *, log: bool = False) -> Scale:
        """One on which all `values` have a place, with some air around them."""
        low, high = min(values), max(values)
        if log and low > 0:
            air = (high / low) ** 0.05 if high > low else 2.0
            return cls(low / air, high * air, start, stop, log=True)
        air = (high - low) * 0.05 or abs(high) * 0.1 or 1.0
        return cls(low - air, high + air, start, stop)

    def __call__(self, value: float) -> float:
        """The pixel of `value`."""
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.stop - self.start)

    def ticks(self) -> list[float]:
        """Round values to mark."""
        if self.log:
            decades = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            if len(decades) >= 2:
                return [10.0**decade for decade in decades]
        rough = (self.high - self.low) / 5
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
        first = math.ceil(self.low / step)
        return [i * step for i in range(first, math.floor(self.high / step) + 1)]


def scatter(
    points: Sequence[Point],
    x_name: str,
    y_name: str,
    *,
    front: Sequence[Point] = (),
    diagonal: bool = False,
    log_x: bool = False,
) -> str:
    """Dots, with a stepped line through `front` or the line of equal values behind them."""  # fmt: skip
    x = Scale.over([p.x for p in points], LEFT, WIDTH - RIGHT, log=log_x)
    y = Scale.over([p.y for p in points], HEIGHT - BOTTOM, TOP)
    parts = [_axes(x, y, x_name, y_name)]
    if diagonal:
        low, high = max(x.low, y.low), min(x.high, y.high)
        if low < high:
            parts.append(f'<path class="guide" d="M{x(low):.1f} {y(low):.1f}L{x(high):.1f} {y(high):.1f}"/>')
    if len(front) > 1:
        path = "L".join(f"{x(p.x):.1f} {y(p.y):.1f}" for p in front)
        parts.append(f'<path class="front" d="M{path}"/>')
    for point in sorted(points, key=lambda p: p.strong):
        kind, radius = ("strong", 4) if point.strong else ("dot", 3)
        parts.append(
            f'<circle class="{kind}" cx="{x(point.x):.1f}" cy="{y(point.y):.1f}" r="{radius}">'
            f"<title>{escape(point.label)}</title></circle>"
        )
    return _svg(parts, f"{y_name} against {x_name}", HEIGHT)


def heat_map(cells: Sequence[Cell], columns: Sequence[str], rows: Sequence[str], x_name: str, y_name: str) -> str:
    """Squares, the first row lowest; blue is low and orange high, of figures with both signs below and above 0."""
    height = max(HEIGHT, TOP + BOTTOM + 20 * len(rows))
    wide, high = (WIDTH - LEFT - RIGHT) / len(columns), (height - TOP - BOTTOM) / len(rows)
    values = [cell.value for cell in cells]
    low, top = min(values), max(values)
    digits = _digits(values, wide) if len(rows) <= 2 * MAX_LABELLED else 0
    parts = []
    for cell in cells:
        left, upper = LEFT + cell.column * wide, height - BOTTOM - (cell.row + 1) * high
        parts.append(
            f'<rect x="{left + 0.5:.1f}" y="{upper + 0.5:.1f}" width="{max(wide - 1, 1):.1f}" '
            f'height="{max(high - 1, 1):.1f}" rx="2" {_fill(cell.value, low, top)}>'
            f"<title>{escape(cell.label)}</title></rect>"
        )
        if digits:
            middle = f'x="{left + wide / 2:.1f}" y="{upper + high / 2 + 4:.1f}"'
            parts.append(f'<text class="cell" {middle}>{number(cell.value, digits)}</text>')
    every = math.ceil(len(columns) / MAX_LABELLED)
    parts += [
        f'<text class="tick" text-anchor="middle" x="{LEFT + (i + 0.5) * wide:.1f}" y="{height - BOTTOM + 14}">'
        f"{escape(_cut(name))}</text>"
        for i, name in enumerate(columns)
        if i % every == 0
    ]
    every = math.ceil(len(rows) / MAX_LABELLED)
    parts += [
        f'<text class="tick" text-anchor="end" x="{LEFT - 6}" y="{height - BOTTOM - (i + 0.5) * high + 4:.1f}">'
        f"{escape(_cut(name))}</text>"
        for i, name in enumerate(rows)
        if i % every == 0
    ]
    parts.append(_names(x_name, y_name, height))
    return _svg(parts, f"by {x_name} and {y_name}", height)


def _digits(values: Sequence[float], width: float) -> int:
    """How many digits of each figure fit a square of that width, three at most; 0: it stays empty."""
    return next((n for n in (3, 2, 1) if CHARACTER * max(len(number(value, n)) for value in values) < width), 0)


def number(value: float, digits: int = 4) -> str:
    """A figure for people: so many digits that count, no exponent where it can be avoided."""
    if value == 0:
        return "0"
    if 1e-4 <= abs(value) < 1e6:
        places = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
        text = f"{value:,.{places}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.3g}"


def _cut(name: str) -> str:
    return name if len(name) <= MAX_LABEL else f"{name[: MAX_LABEL - 1]}…"


def _fill(value: float, low: float, high: float) -> str:
    if low < 0 < high:
        share = value / max(-low, high)
        kind, strength = ("warm", share) if share >= 0 else ("cool", -share)
    else:
        kind, strength = ("warm" if high > 0 else "cool"), (value - low) / (high - low) if high > low else 0.5
        strength = strength if kind == "warm" else 1 - strength
    return f'class="{kind}" fill-opacity="{0.08 + 0.82 * strength:.2f}"'


def _axes(x: Scale, y: Scale, x_name: str, y_name: str) -> str:
    bottom = HEIGHT - BOTTOM
    lines = [
        f'<path class="grid" d="M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}"/>'
        f'<text class="tick" text-anchor="end" x="{LEFT - 6}" y="{y(tick) + 4:.1f}">{number(tick)}</text>'
        for tick in y.ticks()
    ]
    lines += [
        f'<path class="grid" d="M{x(tick):.1f} {TOP}V{bottom}"/>'
        f'<text class="tick" text-anchor="middle" x="{x(tick):.1f}" y="{bottom + 14}">{number(tick)}</text>'
        for tick in x.ticks()
    ]
    return "".join(lines) + _names(x_name, y_name, HEIGHT)


def _names(x_name: str, y_name: str, height: int) -> str:
    centre, middle = (LEFT + WIDTH - RIGHT) / 2, (TOP + height - BOTTOM) / 2
    return (
        f'<text class="name" text-anchor="middle" x="{centre}" y="{height - 8}">{escape(x_name)}</text>'
        f'<text class="name" text-anchor="middle" transform="rotate(-90 12 {middle})" x="12" y="{middle}">'
        f"{escape(y_name)}</text>"
    )


def _svg(parts: Sequence[str], title: str, height: int) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title, quote=True)}">'
    return f"{head}{''.join(parts)}</svg>"

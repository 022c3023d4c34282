"""Line charts as SVG text: all that the page needs, and the same text every time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 66, 16, 58, 46
COLOURS = ("#1f6fb4", "#d1495b", "#2e8b57", "#7a4fa3", "#b7791f")
STYLES = {"line": "", "dashed": ' stroke-dasharray="6 4"', "dotted": ' stroke-dasharray="1.5 3.5"'}


@dataclass(frozen=True, slots=True)
class Series:
    """One line.

    Attributes:
        label: for the legend; empty: not in it.
        points: (x, y).
        colour: an index into `COLOURS`.
        style: one of `STYLES`.
        width: of the stroke.
    """

    label: str
    points: Sequence[tuple[float, float]]
    colour: int = 0
    style: str = "line"
    width: float = 1.6


@dataclass(frozen=True, slots=True)
class Axis:
    """Where values lie on the page: `low` at pixel `start`, `high` at pixel `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def marks(self) -> list[float]:
        """Round values to write at the axis, five to ten of them."""
        rough = (self.high - self.low) / 6
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
        first = math.ceil(self.low / step - 1e-9)
        return [n * step for n in range(first, math.floor(self.high / step + 1e-9) + 1)]


def _axis(values: list[float], start: float, end: float, margin: float) -> Axis:
    low, high = min(values), max(values)
    room = margin * (high - low)
    return Axis(low - room, high + room, start, end)


def _text(x: float, y: float, text: str, extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}"{extra}>{escape(text)}</text>'


def _grid(x_axis: Axis, y_axis: Axis) -> list[str]:
    parts = []
    for value in x_axis.marks():
        x = x_axis.at(value)
        parts.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#e3e3e3"/>')
        parts.append(_text(x, HEIGHT - BOTTOM + 16, f"{value:.10g}", ' text-anchor="middle"'))
    for value in y_axis.marks():
        y = y_axis.at(value)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#e3e3e3"/>')
        parts.append(_text(LEFT - 7, y + 4, f"{value:.10g}", ' text-anchor="end"'))
    return parts


def _line(one: Series, x_axis: Axis, y_axis: Axis) -> str:
    points = " ".join(f"{x_axis.at(x):.1f},{y_axis.at(y):.1f}" for x, y in one.points)
    stroke = f'stroke="{COLOURS[one.colour]}" stroke-width="{one.width}"{STYLES[one.style]}'
    return f'<polyline points="{points}" fill="none" stroke-linejoin="round" {stroke}/>'


def _legend(series: Sequence[Series]) -> list[str]:
    parts, x = [], float(LEFT)
    for one in series:
        if one.label:
            stroke = f'stroke="{COLOURS[one.colour]}" stroke-width="2"{STYLES[one.style]}'
            parts.append(f'<path d="M{x:.1f} 42h24" fill="none" {stroke}/>')
            parts.append(_text(x + 30, 46, one.label))
            x += 48 + 6.6 * len(one.label)
    return parts


def chart(title: str, x_label: str, y_label: str, series: Sequence[Series]) -> str:
    """A whole SVG document."""
    points = [point for one in series for point in one.points]
    x_axis = _axis([x for x, _ in points], LEFT, WIDTH - RIGHT, 0.0)
    y_axis = _axis([y for _, y in points], HEIGHT - BOTTOM, TOP, 0.04)
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">',
        '<g font-family="sans-serif" font-size="12" fill="#333">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(LEFT, 22, title, ' font-size="14" font-weight="bold"'),
        *_legend(series),
        *_grid(x_axis, y_axis),
        *(_line(one, x_axis, y_axis) for one in series),
        f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none" stroke="#333"/>',
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_label, ' text-anchor="middle"'),
        _text(16, middle, y_label, f' text-anchor="middle" transform="rotate(-90 16 {middle:.1f})"'),
        "</g></svg>",
    ]
    return "\n".join(parts) + "\n"

"""Small pieces of HTML. Everything that is not a `Markup` already is escaped, so data can never become a tag."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DASH = "\u2013"
MINUS = "\u2212"


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, *children: str, **attributes: str | None) -> Markup:
    """An element; ``class_`` is ``class``, other underscores become hyphens, an attribute of None is left out."""
    text = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value, quote=True)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{text}>{join(children)}</{name}>")


def join(children: Iterable[str]) -> Markup:
    """Children one after another, escaped where they are plain text."""
    return Markup("".join(c if isinstance(c, Markup) else escape(str(c), quote=False) for c in children))


def data(name: str, value: Any) -> Markup:
    """A value as JSON in a script element that no text in it can end."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(f'<script type="application/json" id="{escape(name, quote=True)}">{text}</script>')


def table(head: Sequence[str], rows: Iterable[Sequence[str] | Markup]) -> Markup:
    """A table whose first column is its row heads; a row that is `Markup` stands as it is."""
    top = tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in head)))
    body = [
        row
        if isinstance(row, Markup)
        else tag("tr", tag("th", row[0], scope="row"), *(c if is_cell(c) else tag("td", c) for c in row[1:]))
        for row in rows
    ]
    return tag("div", tag("table", top, tag("tbody", *body)), class_="scroll")


def is_cell(text: str) -> bool:
    """Whether it is a table cell of its own."""
    return isinstance(text, Markup) and text.startswith("<td")


def number(value: float | None, digits: int = 2, *, plus: bool = False, unit: str = "") -> str:
    """A number with a fixed number of digits and thousands separated."""
    if value is None:
        return DASH
    text = f"{abs(value):,.{digits}f}"
    if text.strip("0.,"):
        text = MINUS + text if value < 0 else "+" + text if plus else text
    return f"{text} {unit}".rstrip()


def share(value: float | None) -> str:
    """A fraction of 1 in percent."""
    return DASH if value is None else f"{value * 100:,.1f} %"


def short(value: float) -> str:
    """A large amount in at most five characters and its unit: ``12,345``, ``120.2 M``."""
    for limit, scale, unit in ((1e6, 1.0, ""), (1e9, 1e6, "M"), (1e12, 1e9, "bn")):
        if abs(value) < limit:
            return number(value / scale, 0 if scale == 1.0 else 1, unit=unit)
    return number(value / 1e12, 1, unit="tn")


def tone(value: float | None) -> str | None:
    """The class that colours a gain or a loss."""
    return None if not value else "gain" if value > 0 else "loss"


def money(e8: int | None, digits: int | None = None, *, plus: bool = True) -> str:
    """1e-8 of an asset; as many digits as an amount of this size needs, at least two, unless told."""
    if e8 is None:
        return DASH
    return number(e8 / 1e8, money_digits(e8) if digits is None else digits, plus=plus)


def money_digits(e8: int) -> int:
    """How many digits money of this size needs behind the point."""
    size = abs(e8)
    return next((digits for digits in range(2, 8) if size >= 10 ** (10 - digits) or size == 0), 8)


def seconds(value: float | None) -> str:
    """A duration, in the unit that suits it."""
    if value is None:
        return DASH
    for limit, scale, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (120.0, 1.0, "s"), (7200.0, 1 / 60, "min")):
        if abs(value) < limit:
            return number(value * scale, 1, unit=unit)
    return number(value / 3600, 1, unit="h") if abs(value) < 172_800 else number(value / 86_400, 1, unit="days")

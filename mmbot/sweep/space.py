"""What a sweep varies: keys of the config, and the values each may take.

A grid names its values, a search draws them::

    --grid strategy.params.half_spread_bps=1,2,4        a list
    --grid strategy.params.half_spread_bps=1:5:0.5      from 1 to 5, both included, in steps of 0.5
    --grid strategy.params.levels=1,2,4:8:2             both
    --vary strategy.params.half_spread_bps=uniform(1,5)
    --vary strategy.params.gamma=loguniform(1e-5,1e-2)
    --vary strategy.params.levels=int(1,5)              both ends included
    --vary strategy.params.fair=choice(mid,microprice)

Values are YAML, as after ``--set``. A drawn number is rounded to six significant digits, so that it can be read and
typed again.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mmbot.config.document import read, scalar
from mmbot.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_VALUES = 10_000
"""Of one axis."""
MAX_TRIALS = 1_000_000
"""Of one sweep."""
SIGNIFICANT_DIGITS = 6
FORMS = "uniform(a,b), loguniform(a,b), int(a,b) or choice(a,b,…)"

_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_RANGE = re.compile(f"{_NUMBER}:{_NUMBER}:{_NUMBER}")
_CALL = re.compile(r"\s*([a-z]+)\s*\((.*)\)\s*", re.DOTALL)
_KEY = re.compile(r"[^\s.=]+(\.[^\s.=]+)*")

Params = dict[str, Any]
"""A trial's values by config key: plain data, as JSON has it."""


@dataclass(frozen=True, slots=True)
class Values:
    """One of the values that were named."""

    key: str
    values: tuple[Any, ...]

    def draw(self, share: float) -> Any:
        """The value at `share` (0 to 1, 1 excluded) of the list."""
        return self.values[int(share * len(self.values))]

    def probes(self) -> tuple[Any, ...]:
        """Values that must be allowed for the axis to make sense: all of them."""
        return self.values

    def __str__(self) -> str:
        return f"choice({','.join(text_of(value) for value in self.values)})"


@dataclass(frozen=True, slots=True)
class Interval:
    """A real number; `log`: evenly spread by magnitude."""

    key: str
    low: float
    high: float
    log: bool = False

    def draw(self, share: float) -> float:
        """The value at `share` (0 to 1) of the way."""
        if self.log:
            value = self.low * math.exp(share * math.log(self.high / self.low))
        else:
            value = self.low + share * (self.high - self.low)
        return self.rounded(value)

    def rounded(self, value: float) -> float:
        """`value` in six significant digits, and still inside."""
        return min(max(float(f"{value:.{SIGNIFICANT_DIGITS}g}"), self.low), self.high)

    def probes(self) -> tuple[float, ...]:
        """Both ends."""
        return self.low, self.high

    def __str__(self) -> str:
        return f"{'log' * self.log}uniform({text_of(self.low)},{text_of(self.high)})"


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number, both ends included."""

    key: str
    low: int
    high: int

    def draw(self, share: float) -> int:
        """The value at `share` (0 to 1, 1 excluded) of the way."""
        return self.low + int(share * (self.high - self.low + 1))

    def probes(self) -> tuple[int, ...]:
        """Both ends."""
        return self.low, self.high

    def __str__(self) -> str:
        return f"int({self.low},{self.high})"


Axis = Values | Interval | Whole


def grid_axis(text: str) -> Values:
    """Read one ``--grid`` argument.

    Raises:
        ConfigError: it is not ``key=value,value,…``, or holds no value, or one twice.
    """
    key, values_text = _split(text, "--grid", "key=1,2,4 or key=1:5:0.5")
    values: list[Any] = []
    for item in _items(values_text, f"--grid {key}"):
        values += _range(item, key) if isinstance(item, str) and _RANGE.fullmatch(item) else [item]
        if len(values) > MAX_VALUES:
            raise ConfigError(f"--grid {key}: has more than {MAX_VALUES:,} values")
    return _distinct("--grid", key, values)


def drawn_axis(text: str) -> Axis:
    """Read one ``--vary`` argument.

    Raises:
        ConfigError: it is not ``key=`` and one of the known forms, or its bounds make no sense.
    """
    key, form = _split(text, "--vary", f"key={FORMS}")
    call = _CALL.fullmatch(form)
    if not call:
        raise ConfigError(f"--vary {key}: found {form!r}; expected {FORMS}")
    name, arguments = call[1], _items(call[2], f"--vary {key}")
    match name:
        case "choice":
            return _distinct("--vary", key, arguments)
        case "uniform" | "loguniform" | "int":
            return _bounded(key, name, arguments)
    raise ConfigError(f"--vary {key}: found {name}(…); expected {FORMS}")


def check_keys(axes: Sequence[Axis]) -> None:
    """See that no axis overrides another.

    Raises:
        ConfigError: two have the same key, or one lies below the other.
    """
    for i, axis in enumerate(axes):
        for other in axes[:i]:
            inner, outer = sorted((axis.key, other.key), key=len, reverse=True)
            if inner == outer:
                raise ConfigError(f"{axis.key}: is varied twice")
            if inner.startswith(f"{outer}."):
                raise ConfigError(f"{inner}: lies below {outer}, which is varied too")


def overrides(params: Params) -> list[str]:
    """`params` as ``--set`` arguments."""
    return [f"{key}={text_of(value)}" for key, value in params.items()]


def text_of(value: Any) -> str:
    """A value as YAML that is read back to the same value."""
    return json.dumps(value, ensure_ascii=False)


def _split(text: str, flag: str, form: str) -> tuple[str, str]:
    key, equals, rest = text.partition("=")
    key = key.strip()
    if not equals or not _KEY.fullmatch(key):
        raise ConfigError(f"{flag} {text}: expected {form}")
    return key, rest


def _items(text: str, where: str) -> list[Any]:
    document = read(f"[{text}]", where)
    if document.problems or not isinstance(document.data, list):
        reason = document.problems[0].text if document.problems else "is not a list of values"
        raise ConfigError(f"{where}: {text!r} {reason}")
    return [_plain(item) for item in document.data]


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return float(value)
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
    return value


def _distinct(flag: str, key: str, values: Iterable[Any]) -> Values:
    axis = Values(key, tuple(values))
    if not axis.values:
        raise ConfigError(f"{flag} {key}: has no values")
    seen: set[str] = set()
    for value in axis.values:
        if text_of(value) in seen:
            raise ConfigError(f"{flag} {key}: has {text_of(value)} twice")
        seen.add(text_of(value))
    return axis


def _range(text: str, key: str) -> list[Any]:
    where = f"--grid {key}: range {text}"
    low, high, step = (scalar(part) for part in text.split(":"))
    if step <= 0 or high < low:
        raise ConfigError(f"{where}: expected from <= to and a step above 0")
    count = int((Decimal(high) - Decimal(low)) // Decimal(step)) + 1
    if count > MAX_VALUES:
        raise ConfigError(f"{where}: has {count:,} values; allowed are {MAX_VALUES:,}")
    return [_plain(low + i * step) for i in range(count)]


def _bounded(key: str, name: str, arguments: list[Any]) -> Axis:
    where = f"--vary {key}={name}({', '.join(map(text_of, arguments))})"
    numbers = [a for a in arguments if isinstance(a, int | float) and not isinstance(a, bool)]
    if len(arguments) != 2 or len(numbers) != 2:
        raise ConfigError(f"{where}: expected two numbers")
    low, high = numbers
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigError(f"{where}: expected the lower end first, both finite")
    if name == "int":
        if not (isinstance(low, int) and isinstance(high, int)):
            raise ConfigError(f"{where}: expected whole numbers")
        return Whole(key, low, high)
    if name == "loguniform" and low <= 0:
        raise ConfigError(f"{where}: expected ends above 0")
    return Interval(key, float(low), float(high), log=name == "loguniform")

"""In-sample and out-of-sample: parts of the data by time.

Parameters that were chosen for how they did on some data will do well on that data. What they are worth shows on data
that had no part in the choice, and lies after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mmbot.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the data; None: from its beginning, or to its end."""

    start: datetime | None
    end: datetime | None

    def overrides(self) -> tuple[str, ...]:
        """What cuts it out, as ``--set`` arguments."""
        ends = (("backtest.start", self.start), ("backtest.end", self.end))
        return tuple(f"{key}={text(moment)}" for key, moment in ends if moment is not None)

    def __str__(self) -> str:
        return f"{text(self.start) if self.start else ''}..{text(self.end) if self.end else ''}"


@dataclass(frozen=True, slots=True)
class Split:
    """Where trials are chosen, and where the choice is judged."""

    inside: Window
    outside: Window

    def describe(self) -> dict[str, str]:
        """Both windows, as plain data."""
        return {"in": str(self.inside), "out": str(self.outside)}


def by_share(share: float, gap_s: float, start: datetime, end: datetime) -> Split:
    """The first `share` of the time in-sample, what comes `gap_s` seconds after it out-of-sample.

    Raises:
        ConfigError: one of the parts would be empty.
    """
    if not 0 < share < 1:
        raise ConfigError(f"--split {share:g}: expected a share of the time between 0 and 1, as 0.7")
    cut = start + (end - start) * share
    after = cut + timedelta(seconds=gap_s)
    if after >= end:
        left_s = (end - cut).total_seconds()
        raise ConfigError(f"--gap {gap_s:g}s: leaves nothing out of sample; the data ends {left_s:g}s after the split")
    return Split(Window(start, cut), Window(after, end))


def by_windows(inside: str, outside: str) -> Split:
    """Both parts as ``FROM..TO``, times in ISO 8601 (UTC unless they say otherwise); either end may be left out.

    Raises:
        ConfigError: one is not of that form, or they overlap.
    """
    split = Split(_window(inside, "--in"), _window(outside, "--out"))
    first, second = split.inside, split.outside
    apart = (first.end is not None and second.start is not None and first.end <= second.start) or (
        second.end is not None and first.start is not None and second.end <= first.start
    )
    if not apart:
        raise ConfigError(f"--in {inside} and --out {outside} overlap: out of sample must be data that had no say")
    return split


def text(moment: datetime) -> str:
    """A time as a config has it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _window(given: str, flag: str) -> Window:
    start, dots, end = given.partition("..")
    window = Window(_moment(start, flag, given), _moment(end, flag, given))
    if not dots or window == Window(None, None):
        raise ConfigError(f"{flag} {given}: expected FROM..TO, as 2024-08-08T00:00..2024-08-08T12:00")
    if window.start and window.end and window.start >= window.end:
        raise ConfigError(f"{flag} {given}: ends before it begins")
    return window


def _moment(given: str, flag: str, whole: str) -> datetime | None:
    if not given:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise ConfigError(f"{flag} {whole}: {given!r} is not a time, as 2024-08-08T12:00") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment

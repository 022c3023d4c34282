"""What a conversion found in the data, for the footer of the tape and for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Quality:
    """The report on raw recordings.

    Attributes:
        lines: read.
        messages: decoded, by kind.
        undecodable: lines in no known format or whose message could not be decoded.
        first_undecodable: where the first of them is, and why.
        no_messages: lines that hold no market data of this market: other symbols, other streams, control answers.
        full_parser: messages that only the slow parser could read.
        dust: quantities finer than the lot, cut to whole lots.
        trades_dropped: trades that were none of the market (`X` other than MARKET, no price or no quantity).
        left_out: messages of kinds that these rules leave out.
        agg_trades_left_out: aggregated trades beside single ones.
        snapshots: taken.
        snapshots_refused: older than the diffs allow.
        snapshots_redundant: older than the book, which was in sync.
        missing_snapshot: diffs came, and never a snapshot: what the book holds is never known.
        gaps: places where the venue's sequence is broken.
        gap_places: the first of them: line, local_ns, expected id, found id.
        older: diffs older than the book; dropped under mmbot's rules.
        split: batches made because a message named a price twice.
        crossed: messages after which the book was crossed.
        crossings: times it became so.
        exch_back: messages whose exchange time is before the one before; at most `exch_back_max_ns`.
        local_back: the same of the local time.
        untimed: messages without an exchange time, which got the latest one before them.
        negative_latency: the least local - exchange time is negative.
        least_latency_ns: before the shift.
        shift_ns: added to every local time, so that none is negative.
        latency_ms: percentiles after the shift.
        cut: files whose compression breaks off; what stands before is used.
    """

    lines: int = 0
    messages: dict[str, int] = field(default_factory=dict)
    undecodable: int = 0
    first_undecodable: str = ""
    no_messages: int = 0
    full_parser: int = 0
    dust: int = 0
    trades_dropped: int = 0
    left_out: int = 0
    agg_trades_left_out: int = 0
    snapshots: int = 0
    snapshots_refused: int = 0
    snapshots_redundant: int = 0
    missing_snapshot: bool = False
    gaps: int = 0
    gap_places: list[dict[str, int]] = field(default_factory=list)
    older: int = 0
    split: int = 0
    crossed: int = 0
    crossings: int = 0
    exch_back: int = 0
    exch_back_max_ns: int = 0
    local_back: int = 0
    local_back_max_ns: int = 0
    untimed: int = 0
    negative_latency: bool = False
    least_latency_ns: int | None = None
    shift_ns: int = 0
    latency_ms: dict[str, float | None] = field(default_factory=dict)
    cut: list[str] = field(default_factory=list)

    def fields(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


_CONCERNS = {
    "undecodable": "lines could not be decoded and were left out",
    "gaps": "gaps in the venue's sequence",
    "snapshots_refused": "snapshots older than the diffs allow",
    "crossings": "times the book became crossed",
    "exch_back": "messages with an exchange time before the one before",
    "local_back": "messages with a local time before the one before",
    "dust": "quantities finer than the lot, cut to whole lots",
    "trades_dropped": "trades that were none of the market, dropped",
    "older": "diffs older than the book",
    "split": "batches split because a message named a price twice",
    "untimed": "messages without an exchange time",
    "best_price_rows": "rows of a best price alone, left out",
    "unsupported_rows": "rows of kinds that a tape does not have, left out",
    "rounded": "values between two ticks or lots, rounded",
}


_OF_FILES = {
    "rows": "rows",
    "snapshots": "snapshots",
    "before_first_snapshot": "rows before the first snapshot, left out",
    "trades_without_side": "trades without a side, left out",
    "of_other_symbols": "rows of other symbols, left out",
}
"""What is said of each of Tardis' files."""


def describe_quality(report: dict[str, Any]) -> Iterator[str]:
    """A report, of whatever kind of source, in lines for people; what is nothing to say is not said."""
    yield from _what_was_read(report)
    for name, what in _CONCERNS.items():
        if report.get(name):
            yield f"{report[name]} {what}"
    if report.get("first_undecodable"):
        yield f"the first: {report['first_undecodable']}"
    for place in report.get("gap_places", [])[:3]:
        yield f"gap at line {place['line']}: expected update {place['expected']}, found {place['found']}"
    if report.get("missing_snapshot"):
        yield "no snapshot: what the book holds is never known"
    for cut in report.get("cut", []):
        yield f"{cut}; what stands before is used"
    if report.get("negative_latency"):
        least, shift = report["least_latency_ns"] / 1e6, report["shift_ns"] / 1e6
        yield f"local times before the exchange's (least latency {least:.3f} ms): all shifted by {shift:.3f} ms"
    latency = report.get("latency_ms") or {}
    if latency.get("p50") is not None:
        shown = ", ".join(f"{name} {value:.3f}" for name, value in latency.items() if value is not None)
        yield f"latency of the feed in ms: {shown}"


def _what_was_read(report: dict[str, Any]) -> Iterator[str]:
    if "messages" in report:
        kinds = ", ".join(f"{kind.lower()} {count}" for kind, count in report["messages"].items())
        yield f"lines {report['lines']}; messages: {kinds or 'none'}"
    for path, seen in report.get("files", {}).items():
        counts = [f"{seen[name]} {what}" for name, what in _OF_FILES.items() if seen[name]]
        yield f"{path}: {seen['kind']}, {', '.join(counts) or 'no rows'}"

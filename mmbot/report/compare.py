"""Several runs side by side; two runs of one session fill by fill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmbot._core.types import Purpose, Side
from mmbot.report.attribution import PARTS
from mmbot.report.html import DASH, money, number, seconds, share
from mmbot.report.matching import FOLLOWS_NS, REASONS, SAME_NS, Lives, Reason, explain, pair_quotes, pair_up
from mmbot.report.trading import percentiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mmbot.report.run import MarketFacts, RunData

SCHEMA = 1
MAX_LISTED = 5_000
_LABELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def compare(runs: list[RunData], figures: list[dict[str, Any]], *, window_ns: int = 1_000_000_000) -> dict[str, Any]:
    """The figures of several runs in one table, JSON-able; ``fills`` compares two runs that share a stretch of time.

    Args:
        runs: two or more.
        figures: `analyse` of each.
        window_ns: how far apart in time the same fill may lie in two runs.
    """
    remarks: list[str] = []
    fills = None
    if len(runs) == 2:
        if max(r.start_ns for r in runs) < min(r.end_ns for r in runs):
            fills = compare_fills(runs[0], runs[1], window_ns)
        else:
            remarks.append("The runs do not overlap in time, so their fills are not compared one by one.")
    return {
        "schema": SCHEMA,
        "runs": [{"label": _label(i), **found["run"]} for i, found in enumerate(figures)],
        "metrics": metrics(figures),
        "fills": fills,
        "remarks": remarks,
    }


def _label(index: int) -> str:
    return _LABELS[index] if index < len(_LABELS) else str(index + 1)


# --- figures side by side --------------------------------------------------------------------------------------------


def metrics(figures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of ``name``, ``kind`` (of `TEXTS`), ``values`` (None: a run has none) and ``texts``."""
    rows = [
        _row("Duration", "seconds", [f["run"]["duration_s"] for f in figures]),
        _row("Fills", "count", [f["run"]["fills"] for f in figures]),
        _row("Orders", "count", [f["run"]["orders"] for f in figures]),
    ]
    for asset in dict.fromkeys(a for f in figures for a in f["assets"]):
        found = [f["assets"].get(asset) for f in figures]
        rows += [
            _row(f"PnL, {asset}", "money", [_get(f, "pnl", "total_e8") for f in found]),
            *(
                _row(f"{part.replace('_', ' ').capitalize()}, {asset}", "money", values)
                for part in PARTS
                if any(values := [_get(f, "pnl", f"{part}_e8") for f in found])
            ),
            _row(f"PnL per turnover, bp ({asset})", "number", [_get(f, "pnl_per_turnover_bps") for f in found]),
            _row(f"Largest drawdown, {asset}", "fall", [_get(f, "drawdown", "max_e8") for f in found]),
            _row(f"Sharpe ({asset})", "number", [_get(f, "sharpe") for f in found]),
            _row(f"Sortino ({asset})", "number", [_get(f, "sortino") for f in found]),
        ]
    for market in dict.fromkeys(m for f in figures for m in f["markets"]):
        found = [f["markets"].get(market) for f in figures]
        rows += [
            _row(f"{market}: turnover", "number", [_get(f, "fills", "turnover") for f in found]),
            _row(f"{market}: fill ratio", "share", [_get(f, "orders", "fill_ratio") for f in found]),
            _row(f"{market}: quoting both sides", "share", [_get(f, "quoting", "both") for f in found]),
            _row(f"{market}: bid at the touch", "share", [_get(f, "quoting", "bid_at_touch") for f in found]),
            _row(f"{market}: ask at the touch", "share", [_get(f, "quoting", "ask_at_touch") for f in found]),
            _row(
                f"{market}: median time to fill", "seconds", [_get(f, "orders", "time_to_fill_s", "p50") for f in found]
            ),
        ]
    return [row for row in rows if any(value is not None for value in row["values"])]


def _get(found: Any, *keys: str) -> Any:
    for key in keys:
        if found is None:
            return None
        found = found[key]
    return found


def _row(name: str, kind: str, values: list[Any]) -> dict[str, Any]:
    return {"name": name, "kind": kind, "values": values, "texts": [TEXTS[kind](value) for value in values]}


def _count(value: int | None) -> str:
    return number(value, 0)


def _fall(e8: int | None) -> str:
    return money(None if e8 is None else -e8, plus=False)


TEXTS: dict[str, Callable[[Any], str]] = {
    "count": _count, "fall": _fall, "money": money, "number": number, "seconds": seconds, "share": share,
}  # fmt: skip


def change(metric: dict[str, Any]) -> str:
    """The second run's value less the first one's, as text."""
    a, b = metric["values"]
    if a is None or b is None:
        return DASH
    return _CHANGES[metric["kind"]](b - a)


_CHANGES: dict[str, Callable[[Any], str]] = {
    "count": lambda more: number(more, 0, plus=True),
    "fall": lambda more: money(-more),
    "money": money,
    "number": lambda more: number(more, plus=True),
    "seconds": lambda more: ("+" if more > 0 else "") + seconds(more),
    "share": lambda more: number(more * 100, 1, plus=True, unit="points"),
}


# --- fill by fill ----------------------------------------------------------------------------------------------------


def compare_fills(a: RunData, b: RunData, window_ns: int) -> dict[str, Any]:
    """Pair the fills of two runs in the time they share, and explain every difference."""
    span = max(a.start_ns, b.start_ns), min(a.end_ns, b.end_ns)
    result: dict[str, Any] = {
        "window_ms": window_ns / 1e6, "a": 0, "b": 0, "matched": 0, "same": 0, "only_a": 0, "only_b": 0,
        "markets": {},
    }  # fmt: skip
    differences: list[dict[str, Any]] = []
    apart_ns: list[NDArray[np.int64]] = []
    lonely: dict[str, NDArray[np.int64]] = {"A": np.zeros(0, np.int64), "B": np.zeros(0, np.int64)}
    for markets in sorted(_shared(a, b), key=lambda pair: not pair[0].maker):
        found = _MarketComparison(a, b, markets, span, window_ns)
        found.look(lonely)
        for key, count in found.counts.items():
            result[key] += count
        result["markets"][markets[0].id] = {**found.counts, "quotes": found.quotes()}
        differences += found.differences
        apart_ns.append(found.apart_ns)
    differences.sort(key=lambda d: (d["ts_ns"], d["market"]))
    counted: dict[str, int] = {}
    for difference in differences:
        counted[difference["code"]] = counted.get(difference["code"], 0) + 1
    apart_ms = np.concatenate(apart_ns) / 1e6 if apart_ns else np.zeros(0)
    return {
        **result,
        "time_apart_ms": percentiles(np.abs(apart_ms)),
        "reasons": [
            {"code": code, "text": REASONS[code], "count": count}
            for code, count in sorted(counted.items(), key=lambda item: -item[1])
        ],
        "first_difference": differences[0] if differences else None,
        "differences": differences[:MAX_LISTED],
        "not_listed": max(len(differences) - MAX_LISTED, 0),
    }


def _shared(a: RunData, b: RunData) -> list[tuple[MarketFacts, MarketFacts]]:
    """Markets that both runs have: the same id, else the same symbol of the same venue."""
    by_id = {m.id: m for m in b.markets}
    by_symbol = {(m.instrument.symbol, m.instrument.perpetual): m for m in b.markets}
    pairs = [(m, by_id.get(m.id) or by_symbol.get((m.instrument.symbol, m.instrument.perpetual))) for m in a.markets]
    return [(mine, theirs) for mine, theirs in pairs if theirs is not None]


class _MarketComparison:
    """The fills of one market in two runs."""

    def __init__(
        self, a: RunData, b: RunData, markets: tuple[MarketFacts, MarketFacts], span: tuple[int, int], window_ns: int
    ) -> None:
        market, other = markets
        self.market, self.span, self.window_ns = market, span, window_ns
        self.fills = {"A": _between(a.of("fills", market), span), "B": _between(b.of("fills", other), span)}
        self.lives = {"A": Lives(a, market), "B": Lives(b, other)}
        self.differences: list[dict[str, Any]] = []
        self.apart_ns = np.zeros(0, np.int64)
        self.counts: dict[str, int] = {}

    def look(self, lonely: dict[str, NDArray[np.int64]]) -> None:
        """Do it; `lonely` has the times of each run's quote fills without a partner, and gets this market's."""
        a, b = self.fills["A"], self.fills["B"]
        pairs = pair_up(a, b, self.window_ns)
        self.apart_ns = np.array([int(b["exch_ts_ns"][j]) - int(a["exch_ts_ns"][i]) for i, j in pairs], np.int64)
        same = sum(self._matched(a[i], b[j]) for i, j in pairs)
        left = {
            "A": np.setdiff1d(np.arange(len(a)), [i for i, _ in pairs]),
            "B": np.setdiff1d(np.arange(len(b)), [j for _, j in pairs]),
        }
        for run, places in left.items():
            alone = self.fills[run][places]
            quotes = alone[alone["purpose"] == Purpose.QUOTE]
            lonely[run] = np.sort(np.concatenate([lonely[run], quotes["exch_ts_ns"]]))
            self._alone(run, alone, lonely[run])
        self.counts = {
            "a": len(a), "b": len(b), "matched": len(pairs), "same": same,
            "only_a": len(left["A"]), "only_b": len(left["B"]),
        }  # fmt: skip

    def _matched(self, a: np.void, b: np.void) -> bool:
        """Whether the two are the same in everything; else a difference is listed."""
        late_ns = int(b["exch_ts_ns"]) - int(a["exch_ts_ns"])
        texts, code = [], ""
        if a["price_ticks"] != b["price_ticks"]:
            code = "at_price"
            texts.append(f"price {self._price(a)} in A, {self._price(b)} in B")
        if a["qty_lots"] != b["qty_lots"]:
            code = code or "quantity"
            texts.append(f"quantity {self._qty(a)} in A, {self._qty(b)} in B")
        if abs(late_ns) > SAME_NS:
            code = code or "time"
            texts.append(f"{abs(late_ns) / 1e6:.1f} ms {'later' if late_ns > 0 else 'earlier'} in B")
            arrived = {run: self.lives[run].arrived_ns(int(fill["order_id"])) for run, fill in (("A", a), ("B", b))}
            if all(arrived.values()):
                by_ms = (arrived["B"] - arrived["A"]) / 1e6
                texts.append(f"B's order arrived {abs(by_ms):.1f} ms {'later' if by_ms > 0 else 'earlier'}")
        if code:
            self._list(a, "both", Reason(code, "; ".join(texts)))
        return not code

    def _alone(self, run: str, fills: NDArray[Any], lonely: NDArray[np.int64]) -> None:
        other = "B" if run == "A" else "A"
        for n, fill in enumerate(fills):
            reason = Reason("not_looked_at", "")
            if n < MAX_LISTED:
                reason = _followed(fill, lonely) or explain(
                    fill, self.lives[other], other, self.market.instrument.tick_value, self.window_ns
                )
            self._list(fill, run, reason)

    def quotes(self) -> dict[str, Any]:
        """How many quotes the two asked for alike, and when the first was not."""
        a, b = (self._inside(self.lives[run].asked()) for run in ("A", "B"))
        pairs = pair_quotes(a, b, self.window_ns)
        lone_a = np.setdiff1d(np.arange(len(a)), [i for i, _ in pairs])
        lone_b = np.setdiff1d(np.arange(len(b)), [j for _, j in pairs])
        first = [int(rows["ts_ns"][lone[0]]) for rows, lone in ((a, lone_a), (b, lone_b)) if len(lone)]
        later_ns = np.array([int(b["ts_ns"][j]) - int(a["ts_ns"][i]) for i, j in pairs], np.int64)
        return {
            "a": len(a), "b": len(b), "matched": len(pairs), "later_ms": percentiles(later_ns / 1e6),
            "first_difference_ns": min(first) if first else None,
        }  # fmt: skip

    def _inside(self, rows: NDArray[Any]) -> NDArray[Any]:
        inside: NDArray[Any] = rows[(rows["ts_ns"] >= self.span[0]) & (rows["ts_ns"] <= self.span[1])]
        return inside

    def _held(self, fill: np.void) -> str:
        """Where the two runs stood before this fill, when it was not at the same: quotes lean on it."""
        lots = [self.lives[run].position(int(fill["exch_ts_ns"])) for run in ("A", "B")]
        if lots[0] == lots[1]:
            return ""
        a, b = (f"{n * self.market.instrument.lot_value:.10g}" for n in lots)
        return f"; held {a} in A, {b} in B"

    def _list(self, fill: np.void, where: str, reason: Reason) -> None:
        if reason.code in {"price", "no_order", "at_price"}:
            reason = Reason(reason.code, reason.text + self._held(fill))
        self.differences.append({
            "ts_ns": int(fill["exch_ts_ns"]), "market": self.market.id,
            "side": "sell" if fill["side"] == Side.SELL else "buy", "price": self._price(fill), "qty": self._qty(fill),
            "in": where, "code": reason.code, "text": reason.text,
        })  # fmt: skip

    def _price(self, fill: np.void) -> str:
        return f"{int(fill['price_ticks']) * self.market.instrument.tick_value:.10g}"

    def _qty(self, fill: np.void) -> str:
        return f"{int(fill['qty_lots']) * self.market.instrument.lot_value:.10g}"


def _followed(fill: np.void, lonely: NDArray[np.int64]) -> Reason | None:
    """Whether a hedge comes right behind a quote's fill that has no partner either."""
    if fill["purpose"] == Purpose.QUOTE:
        return None
    at = int(fill["exch_ts_ns"])
    place = int(np.searchsorted(lonely, at + SAME_NS, side="right")) - 1
    if place < 0 or lonely[place] < at - FOLLOWS_NS:
        return None
    return Reason("follows", f"{(at - int(lonely[place])) / 1e6:.1f} ms behind a fill that only this run has")


def _between(fills: NDArray[Any], span: tuple[int, int]) -> NDArray[Any]:
    inside = fills[(fills["ts_ns"] >= span[0]) & (fills["ts_ns"] <= span[1])]
    ordered: NDArray[Any] = inside[np.argsort(inside["exch_ts_ns"], kind="stable")]
    return ordered

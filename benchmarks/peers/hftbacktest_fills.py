"""Fill lists made by hftbacktest itself, to hold mmbot's backtests against: same events, same strategy, same models.

    python benchmarks/peers/hftbacktest_fills.py LISTS.json --data NPZ_DIR --out DIR [NAME ...]
    python benchmarks/peers/hftbacktest_fills.py LISTS.json --data NPZ_DIR --check DIR [NAME ...]

Needs hftbacktest 2.4 and numba (the extra `peers`), not mmbot. LISTS.json holds one object a list; `DEFAULTS` and
`ASSET_DEFAULTS` say what may stand in it. NPZ_DIR holds `<asset>.npz` with hftbacktest's rows under the key `data`, as
`mmbot convert RECORDING --to npz` writes them. A list is a CSV, one row a fill, ordered by exchange time and order id:
`exch_ts_ns,order_id,side,price,qty`, and `asset` after the first column when there are several. With several, prices
have two decimals and quantities five. `--check` compares row for row and leaves 1 when a list differs.

The strategy, at every decision: quote both sides around the mid, shifted by `skew` ticks for each order size held, at
least `half` ticks from it and never inside the touch, with at most `max_sizes` order sizes held either way. A hedge
list sends a market order on its second asset whenever the two positions together are three order sizes from flat.

With `partial` fills, several fills of one order at one exchange time arrive as one answer and make one row. There
hftbacktest 2.4.4 counts only the fill that completes an order into the position its strategy sees (so give `skew` 0
and a large `max_sizes`), and keeps an order whose last fill is exactly what was left of it in its book: the next trade
there ends the run with error 14 (`ended` in the manifest; 1 is the end of the data).
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import hftbacktest as hft
import numpy as np
from numba import njit

DEFAULTS: dict[str, Any] = {
    "queue": "risk",  # risk, power, power2, power3, log, log2
    "n": 2.0,  # exponent of the power models
    "mode": "timer",  # timer: every interval_ms; feed: at every time with market data
    "interval_ms": 100,
    "half": 0,  # ticks
    "skew": 1,  # ticks for each order size held
    "max_sizes": 10,  # order sizes held at which a side is not quoted
    "entry_ns": 1_000_000,
    "response_ns": 1_000_000,
    "latency": None,  # .npz with rows (req_ts, exch_ts, resp_ts, 0) under "data": recorded latencies instead
    "maker_fee": -0.00005,
    "taker_fee": 0.0007,
    "partial": False,
    "hedge": False,
    "depth": "HashMap",  # or ROIVector
}
ASSET_DEFAULTS: dict[str, Any] = {"tick": 0.1, "lot": 0.001, "qty": 0.001, "inverse": False, "contract": 1.0}
WARM_UP_NS = 10_000_000_000
HEDGE_AT = 3
MAX_ORDERS = 2_000_000
MAX_FILLS = 500_000
FEED_TIMEOUT_NS = 3_600_000_000_000
FILL = np.dtype([(name, "i8") for name in ("exch_ns", "asset", "order_id", "side", "tick", "lots")])
EXPIRED, FILLED, PARTLY_FILLED = 2, 3, 5
END, FEED, ANSWER = 1, 2, 3
GOING_ON = (0, FEED, ANSWER)
NO_WAIT = False
NEVER_ONE = np.int64(-1)  # no target


class Rules(NamedTuple):
    """What a run goes by; arrays have a place for each asset."""

    ticks: Any
    lots: Any
    qty: Any
    interval_ns: Any  # 0: decide at every time with market data
    half: Any
    skew: Any
    max_sizes: Any
    hedged: Any
    each_answer: Any  # look at every answer on the way, as partial fills need it
    notes_fills: Any  # else only the clock counts


class Notes(NamedTuple):
    """What a run writes down."""

    fills: Any
    leaves: Any  # of each order id, what is not filled yet
    live: Any  # [asset, side] the order that quotes there; 0: none
    counts: Any  # fills; orders expired or refused; orders sent; the hedge in flight


@njit  # type: ignore[untyped-decorator]
def half_away(x: Any) -> Any:
    """The nearest integer, halves away from zero."""
    return np.int64(np.floor(x + 0.5)) if x >= 0 else np.int64(np.ceil(x - 0.5))


@njit  # type: ignore[untyped-decorator]
def collect(hbt: Any, rules: Any, notes: Any) -> None:
    """Notes what was filled of each order in the local tables since the last look; drops those that are done."""
    for asset in range(len(rules.lots)):
        values = hbt.orders(asset).values()
        while rules.notes_fills and values.has_next():
            order = values.get()
            if order.status == EXPIRED:
                notes.counts[1] += 1
            elif order.status in (FILLED, PARTLY_FILLED):
                lots = half_away((notes.leaves[order.order_id] - order.leaves_qty) / rules.lots[asset])
                notes.leaves[order.order_id] = order.leaves_qty
                if lots > 0:
                    fill = notes.fills[notes.counts[0]]
                    fill.exch_ns, fill.asset, fill.order_id = order.exch_timestamp, asset, order.order_id
                    fill.side, fill.tick, fill.lots = order.side, order.exec_price_tick, lots
                    notes.counts[0] += 1
        hbt.clear_inactive_orders(asset)


@njit  # type: ignore[untyped-decorator]
def quote(hbt: Any, asset: Any, rules: Any, notes: Any) -> None:
    """One decision on one asset."""
    depth, orders, qty = hbt.depth(asset), hbt.orders(asset), rules.qty[asset]
    best_bid, best_ask = depth.best_bid_tick, depth.best_ask_tick
    held = half_away(hbt.position(asset) / qty)
    centre = best_bid + best_ask - 2 * rules.skew * held
    bid = np.int64(min(np.floor((centre - 2 * rules.half) / 2), best_ask - 1))
    ask = np.int64(max(np.ceil((centre + 2 * rules.half) / 2), best_bid + 1))
    targets = (bid if held < rules.max_sizes else NEVER_ONE, ask if held > -rules.max_sizes else NEVER_ONE)
    for side in range(2):
        target, order_id = targets[side], notes.live[asset, side]
        if order_id and order_id not in orders:
            order_id = 0
        if order_id:
            order = orders.get(order_id)
            if order.cancellable and order.price_tick != target:
                hbt.cancel(asset, order_id, NO_WAIT)
                order_id = 0
        if not order_id and target != NEVER_ONE:
            notes.counts[2] += 1
            order_id = notes.counts[2]
            notes.leaves[order_id] = qty
            if side == 0:
                hbt.submit_buy_order(asset, order_id, target * rules.ticks[asset], qty, hft.GTX, hft.LIMIT, NO_WAIT)
            else:
                hbt.submit_sell_order(asset, order_id, target * rules.ticks[asset], qty, hft.GTX, hft.LIMIT, NO_WAIT)
        notes.live[asset, side] = order_id


@njit  # type: ignore[untyped-decorator]
def hedge(hbt: Any, rules: Any, notes: Any) -> None:
    """A market order on asset 1 when the two positions are far from flat together and no hedge is in flight."""
    if notes.counts[3] and notes.counts[3] in hbt.orders(1):
        return
    notes.counts[3] = 0
    sizes = half_away((hbt.position(0) + hbt.position(1)) / rules.qty[0])
    if abs(sizes) < HEDGE_AT:
        return
    notes.counts[2] += 1
    order_id, qty, depth = notes.counts[2], abs(sizes) * rules.qty[0], hbt.depth(1)
    notes.leaves[order_id] = qty
    notes.counts[3] = order_id
    if sizes > 0:
        hbt.submit_sell_order(1, order_id, depth.best_bid, qty, hft.GTC, hft.MARKET, NO_WAIT)
    else:
        hbt.submit_buy_order(1, order_id, depth.best_ask, qty, hft.GTC, hft.MARKET, NO_WAIT)


@njit  # type: ignore[untyped-decorator]
def fed_now(hbt: Any, n_assets: Any) -> Any:
    """Whether a market event has come at the present time: an answer at the same time hides it."""
    for asset in range(n_assets):
        seen = hbt.feed_latency(asset)
        if seen is not None:
            _, seen_ns = seen
            if seen_ns == hbt.current_timestamp:
                return True
    return False


@njit  # type: ignore[untyped-decorator]
def advance(hbt: Any, rules: Any, notes: Any) -> Any:
    """To the next decision; not in GOING_ON: the data is over (1), or an error of hftbacktest's."""
    started = hbt.current_timestamp != np.iinfo(np.int64).max
    if not (rules.each_answer and started):
        return hbt.elapse(rules.interval_ns) if rules.interval_ns else hbt.wait_next_feed(NO_WAIT, FEED_TIMEOUT_NS)
    until = hbt.current_timestamp + (rules.interval_ns or FEED_TIMEOUT_NS)
    while True:
        result = hbt.wait_next_feed(not NO_WAIT, until - hbt.current_timestamp)
        if result not in GOING_ON:
            return result
        if result == ANSWER:
            collect(hbt, rules, notes)
        if hbt.current_timestamp >= until or (not rules.interval_ns and fed_now(hbt, len(rules.lots))):
            return result


@njit  # type: ignore[untyped-decorator]
def play(hbt: Any, begin_ns: Any, rules: Any, notes: Any) -> Any:
    """The whole run, decisions from `begin_ns` on; how it ended."""
    while True:
        result = advance(hbt, rules, notes)
        collect(hbt, rules, notes)
        if result not in GOING_ON:
            return result
        whole = hbt.current_timestamp >= begin_ns
        for asset in range(len(rules.lots)):
            depth = hbt.depth(asset)
            whole &= depth.best_bid == depth.best_bid and depth.best_ask == depth.best_ask
        if whole:
            for asset in range(1 if rules.hedged else len(rules.lots)):
                quote(hbt, asset, rules, notes)
            if rules.hedged:
                hedge(hbt, rules, notes)


def queue_of(asset: Any, name: str, n: float) -> Any:
    """`asset` with its queue model."""
    if name == "risk":
        return asset.risk_adverse_queue_model()
    if name.startswith("log"):
        return getattr(asset, f"log_prob_queue_model{name[3:]}")()
    return getattr(asset, f"power_prob_queue_model{name[5:]}")(n)


def build(setting: dict[str, Any], spec: dict[str, Any], rows: Any) -> Any:
    """One asset of a list, as hftbacktest wants it described."""
    asset = hft.BacktestAsset().data(rows).last_trades_capacity(0)
    asset = (asset.inverse_asset if spec["inverse"] else asset.linear_asset)(spec["contract"])
    if setting["latency"]:
        asset = asset.intp_order_latency(setting["latency"])
    else:
        asset = asset.constant_order_latency(setting["entry_ns"], setting["response_ns"])
    asset = queue_of(asset, setting["queue"], float(setting["n"]))
    asset = asset.partial_fill_exchange() if setting["partial"] else asset.no_partial_fill_exchange()
    asset = asset.trading_value_fee_model(setting["maker_fee"], setting["taker_fee"])
    asset = asset.tick_size(spec["tick"]).lot_size(spec["lot"])
    if setting["depth"] == "ROIVector":
        prices = rows["px"][(rows["ev"] & 0xFF) == 2]
        asset = asset.roi_lb(float(prices.min()) * 0.5).roi_ub(float(prices.max()) * 1.5)
    return asset


class Prepared(NamedTuple):
    """A list ready to run."""

    hbt: Any
    begin_ns: int
    rules: Rules
    notes: Notes
    rows: list[Any]  # hftbacktest reads them where they lie, and keeps no hold on them


def prepare(setting: dict[str, Any], data: Path, *, notes_fills: bool = True) -> Prepared:
    """Everything that `play` needs."""
    specs = [{**ASSET_DEFAULTS, **spec} for spec in setting["assets"]]
    rows = [np.load(data / f"{spec['name']}.npz")["data"] for spec in specs]
    hbt = getattr(hft, f"{setting['depth']}MarketDepthBacktest")(
        [build(setting, spec, each) for spec, each in zip(specs, rows, strict=True)]
    )
    start_ns = min(int(each[key][0]) for each in rows for key in ("exch_ts", "local_ts"))
    interval_ns = int(setting["interval_ms"] * 1_000_000) if setting["mode"] == "timer" else 0
    rules = Rules(
        *(np.array([spec[key] for spec in specs], np.float64) for key in ("tick", "lot", "qty")), interval_ns,
        *(setting[key] for key in ("half", "skew", "max_sizes", "hedge", "partial")), notes_fills,
    )  # fmt: skip
    notes = Notes(
        np.zeros(MAX_FILLS, FILL).view(np.recarray), np.zeros(MAX_ORDERS), np.zeros((len(specs), 2), np.int64),
        np.zeros(4, np.int64),
    )  # fmt: skip
    return Prepared(hbt, start_ns + WARM_UP_NS, rules, notes, rows)


def run(setting: dict[str, Any], data: Path) -> tuple[Any, dict[str, Any]]:
    """The fills of a list, in its order, and figures about the run."""
    hbt, begin_ns, rules, notes, rows = prepare(setting, data)
    begin = time.perf_counter()
    result = play(hbt, begin_ns, rules, notes)
    seconds = time.perf_counter() - begin
    n_fills, expired, last_id, _ = notes.counts.tolist()
    figures: dict[str, Any] = {
        "fills": n_fills, "orders": last_id, "expired": expired, "ended": int(result),
        "rows": sum(map(len, rows)), "seconds": round(seconds, 3), "assets": [],
    }  # fmt: skip
    for index, spec in enumerate({**ASSET_DEFAULTS, **spec} for spec in setting["assets"]):
        state, depth = hbt.state_values(index), hbt.depth(index)
        mid = (depth.best_bid + depth.best_ask) / 2
        value = spec["contract"] * state.position
        equity = -state.balance - value / mid if spec["inverse"] else state.balance + value * mid
        figures["assets"].append({
            "name": spec["name"], "position": state.position, "fee": state.fee, "pnl": equity - state.fee, "mid": mid,
        })  # fmt: skip
    hbt.close()
    fills = notes.fills[:n_fills]
    return fills[np.lexsort((fills.order_id, fills.exch_ns))], figures


def table(setting: dict[str, Any], fills: Any) -> list[list[str]]:
    """The rows of the CSV, its header first."""
    specs = [{**ASSET_DEFAULTS, **spec} for spec in setting["assets"]]
    many = len(specs) > 1
    price_places = 2 if many else places(specs[0]["tick"])
    qty_places = 5 if many else places(specs[0]["lot"])
    head = ["exch_ts_ns", *(["asset"] if many else []), "order_id", "side", "price", "qty"]
    return [head] + [
        [str(fill.exch_ns), *([specs[fill.asset]["name"]] if many else []), str(fill.order_id),
         "BUY" if fill.side > 0 else "SELL", f"{fill.tick * specs[fill.asset]['tick']:.{price_places}f}",
         f"{fill.lots * specs[fill.asset]['lot']:.{qty_places}f}"]
        for fill in fills
    ]  # fmt: skip


def places(unit: float) -> int:
    """Decimals that a multiple of the unit needs."""
    return max(0, len(f"{unit:.8f}".rstrip("0").partition(".")[2]))


def differs(rows: list[list[str]], path: Path) -> str:
    """Where two lists part; empty: they are the same."""
    with path.open(newline="") as file:
        expected = list(csv.reader(file))
    for number, (ours, theirs) in enumerate(zip(rows, expected, strict=False), 1):
        if ours != theirs:
            return f"line {number}: expected {','.join(theirs)}, found {','.join(ours)}"
    return "" if len(rows) == len(expected) else f"expected {len(expected)} lines, found {len(rows)}"


def main() -> int:
    """Make or check lists."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lists", type=Path, help="JSON: {name: settings}")
    parser.add_argument("names", nargs="*", help="only these lists")
    parser.add_argument("--data", type=Path, required=True, help="folder of <asset>.npz")
    parser.add_argument("--out", type=Path, help="folder for <name>.csv and manifest.json")
    parser.add_argument("--check", type=Path, help="folder of <name>.csv to compare with")
    options = parser.parse_args()
    settings = {
        name: {**DEFAULTS, **setting}
        for name, setting in json.loads(options.lists.read_text()).items()
        if not options.names or name in options.names
    }
    manifest, failed = {}, False
    for name, setting in settings.items():
        if unknown := setting.keys() - DEFAULTS.keys() - {"assets"}:
            raise SystemExit(f"{options.lists}: {name}: unknown {', '.join(sorted(unknown))}")
        fills, figures = run(setting, options.data)
        rows, found = table(setting, fills), ""
        manifest[name] = {**setting, "result": figures}
        if options.check:
            found = differs(rows, options.check / f"{name}.csv") or "the same"
            failed |= found != "the same"
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            with (options.out / f"{name}.csv").open("w", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(rows)
        print(f"{name}: {figures['fills']} fills, {figures['expired']} expired, {figures['seconds']} s. {found}")
    if options.out:
        (options.out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

"""mmbot's backtests held against fill lists of hftbacktest: the same settings, fill by fill.

    python benchmarks/peers/mmbot_fills.py LISTS.json --check DIR [NAME ...]

LISTS.json and the lists in DIR are those of `hftbacktest_fills.py`; the recordings are found through MMBOT_DATA. Of a
list that hftbacktest broke off with an error (`ended` in the manifest beside it) only what came before is compared.
With partial fills, fills of one order at one time count as one. Leaves 1 when a list differs.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from mmbot.backtest import run
from mmbot.backtest.build import DEFAULT_CACHE
from mmbot.config import load
from mmbot.recordings import locate
from mmbot.tape import open_tape, prepare

DEFAULTS: dict[str, Any] = {
    "queue": "risk", "n": 2.0, "mode": "timer", "interval_ms": 100, "half": 0, "skew": 1, "max_sizes": 10,
    "entry_ns": 1_000_000, "response_ns": 1_000_000, "latency": None, "maker_fee": -0.00005, "taker_fee": 0.0007,
    "partial": False, "hedge": False,
}  # fmt: skip
ASSET_DEFAULTS = {"qty": 0.001}
VENUES = {"usdm": "binance_usdm", "spot": "binance_spot", "cm": "tape"}
SYMBOLS = {"usdm": "{}/USDT:USDT", "spot": "{}/USDT", "cm": "{0}/USD:{0}"}
WIDE = {
    "max_order_qty": 1_000_000, "max_order_notional": 10**9, "max_position": 10**8, "max_open_orders": 1000,
    "price_band_bps": 10_000, "orders_per_s": 10_000, "order_burst": 10_000, "cancels_per_s": 10_000,
    "self_trade": "venue", "max_daily_loss": 10**9, "max_drawdown": 10**9, "stale_book_ms": 600_000,
    "max_reject_streak": 10_000,
}  # fmt: skip


class Fill(NamedTuple):
    """A row of a list; `market` is empty in lists of one market."""

    exch_ts_ns: int
    order_id: int
    side: str
    price: Decimal
    qty: Decimal
    market: str


def config_of(setting: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The bot that does what the setting says."""
    specs = [{**ASSET_DEFAULTS, **spec} for spec in setting["assets"]]
    names = [spec["name"] for spec in specs]
    quoted = names[:1] if setting["hedge"] else names
    venues = {name.partition("_")[0] for name in names}
    feed = setting["mode"] == "feed"
    timing = {"on": "feed"} if feed else {"on": "timer", "interval_ms": setting["interval_ms"]}
    config: dict[str, Any] = {
        "bot": {"name": "differential", "timer_ms": 1000},
        "venues": {venue: {"kind": VENUES[venue]} for venue in sorted(venues)},
        "markets": {name: market_of(name, quoted) for name in names},
        "strategy": {
            "id": "reference_mm", "markets": quoted, "moves": "overlap", "acts": "on_declare",
            **({"wake": "message"} if feed else {}),
            **({"qty_tolerance_pct": 100} if setting["partial"] else {}),  # what is left of an order stays
            "params": {
                **timing, "half": setting["half"], "skew": setting["skew"], "max_orders": setting["max_sizes"],
                "lots": {spec["name"]: lots_of(spec["name"], spec["qty"]) for spec in specs if spec["name"] in quoted},
            },
        },
        "risk": WIDE,
        "backtest": {
            "data": {name: recording(name) for name in names}, "rules": "hftbacktest", "partial": setting["partial"],
            "latency": latency_of(setting, folder),
            "queue": {"model": setting["queue"].replace("risk", "risk_averse"), "n": setting["n"]},
            "fees": {"maker": setting["maker_fee"], "taker": setting["taker_fee"]},
        },
    }  # fmt: skip
    if setting["hedge"]:
        config["hedge"] = {base_of(names[0]): {
            "markets": names[1:], "band": float(Decimal(str(specs[0]["qty"])) * 2), "one_at_a_time": True,
            "max_slippage_bps": 500, "max_backlog": 100_000,
        }}  # fmt: skip
    return config


def base_of(name: str) -> str:
    """The base asset of `usdm_btcusdt` and its like."""
    return name.partition("_")[2][:3].upper()


def market_of(name: str, quoted: list[str]) -> dict[str, str]:
    """Section `markets` of one asset."""
    venue = name.partition("_")[0]
    role = "maker" if name in quoted else "hedge"
    return {"venue": venue, "symbol": SYMBOLS[venue].format(base_of(name)), "role": role}


def recording(name: str) -> str:
    """Where the asset's recording lies in the folder of recorded data."""
    venue, _, symbol = name.partition("_")
    return f"recordings/binance/{venue}/{symbol}_20240808.gz"


def lots_of(name: str, qty: float) -> int:
    """The order size in lots of the tape, which may be finer than the list's: as fine as the data."""
    venue = VENUES[name.partition("_")[0]]
    tape = prepare(
        locate(Path(recording(name)), []), cache=DEFAULT_CACHE.expanduser(), rules="hftbacktest",
        venue=None if venue == "tape" else venue, symbol=market_of(name, [])["symbol"],
    )  # fmt: skip
    return round(Decimal(str(qty)) / Decimal(open_tape(tape).instrument.lot_size))


def latency_of(setting: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Section `backtest.latency`; recorded latencies are written with the names that mmbot gives their columns."""
    if not setting["latency"]:
        entry_us, response_us = setting["entry_ns"] / 1000, setting["response_ns"] / 1000
        return {"model": "constant", "entry_us": entry_us, "response_us": response_us}
    rows = np.load(setting["latency"])["data"]
    np.savez(folder / "latency.npz", req_ns=rows["req_ts"], exch_ns=rows["exch_ts"], resp_ns=rows["resp_ts"])
    return {"model": "recorded", "file": str(folder / "latency.npz")}


def fills_of(path: Path, *, merged: bool, many: bool) -> list[Fill]:
    """The rows of a list, ours or the peer's, ordered by time and order id; equal ones in one if `merged`."""
    found: dict[Any, Fill] = {}
    with path.open(newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            market = row.get("asset", row.get("market", "")) if many else ""
            fill = Fill(int(row["exch_ts_ns"]), int(row["order_id"]), row["side"], Decimal(row["price"]),
                        Decimal(row["qty"]), market)  # fmt: skip
            key = (fill.exch_ts_ns, fill.order_id, 0 if merged else number)
            before = found[key].qty if key in found else Decimal(0)
            found[key] = fill._replace(qty=fill.qty + before)
    return sorted(found.values(), key=lambda fill: (fill.exch_ts_ns, fill.order_id))


def first_difference(ours: list[Fill], theirs: list[Fill]) -> str:
    """Where two lists part; empty: they do not."""
    for number, (found, expected) in enumerate(zip_longest(ours, theirs), 1):
        if found != expected:
            return f"fill {number}:\n   expected {expected}\n   found    {found}"
    return ""


def compare(name: str, setting: dict[str, Any], check: Path) -> str:
    """Run one list; how it compares."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "bot.yaml").write_text(yaml.safe_dump(config_of(setting, folder), sort_keys=False))
        summary = run(load(folder / "bot.yaml"), out=folder / "out").summary
        many = len(setting["assets"]) > 1
        ours = fills_of(folder / "out" / "fills.csv", merged=setting["partial"], many=many)
    theirs = fills_of(check / f"{name}.csv", merged=setting["partial"], many=many)
    manifest = check / "manifest.json"
    peer = json.loads(manifest.read_text()).get(name, {}).get("result", {}) if manifest.exists() else {}
    if peer.get("ended", 1) != 1:
        last_ns = theirs[-1].exch_ts_ns
        ours, theirs = ([fill for fill in fills if fill.exch_ts_ns < last_ns] for fills in (ours, theirs))
    expired = f", expired {summary['expired']} ({peer['expired']})" if peer else ""
    return f"{len(ours)} fills ({len(theirs)}){expired}. " + (first_difference(ours, theirs) or "the same")


def main() -> int:
    """Compare lists."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lists", type=Path, help="JSON: {name: settings}")
    parser.add_argument("names", nargs="*", help="only these lists")
    parser.add_argument("--check", type=Path, required=True, help="folder of <name>.csv")
    options = parser.parse_args()
    failed = False
    for name, setting in json.loads(options.lists.read_text()).items():
        if not options.names or name in options.names:
            found = compare(name, {**DEFAULTS, **setting}, options.check)
            failed |= not found.endswith("the same")
            print(f"{name}: {found}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

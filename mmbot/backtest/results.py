"""What a backtest leaves behind: ``summary.json``, the fills and orders as text, and three arrays for a report."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from mmbot._core.types import OrderState, Purpose, Side, TimeInForce
from mmbot.engine.summary import summarise as engine_summary

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mmbot._core.backtest import Backtest
    from mmbot._core.types import Instrument
    from mmbot.backtest.build import Prepared
    from mmbot.config import Config

    Arrays = dict[str, NDArray[np.void]]

FILL_COLUMNS = ("exch_ts_ns", "order_id", "side", "price", "qty", "market")
ORDER_COLUMNS = (
    "order_id", "market", "side", "purpose", "time_in_force", "state", "price", "qty", "filled", "placed_ns",
    "arrived_ns", "ended_ns", "queue_ahead",
)  # fmt: skip


def summarise(config: Config, prepared: Prepared, arrays: Arrays, took_s: float) -> dict[str, Any]:
    """Everything ``summary.json`` holds: the shape of a live run's, and what only a backtest has."""
    backtest, assembly = prepared.backtest, prepared.assembly
    rows = sum(tape.levels for tapes in prepared.tapes.values() for tape in tapes)
    first_ns = int(arrays["orders"]["placed_ns"][0]) if len(arrays["orders"]) else None
    summary = engine_summary(
        assembly.engine,
        bot=config.bot.name,
        started=_iso(backtest.start_ns),
        ended=_iso(backtest.now_ns),
        exit_reason=_why_it_ended(backtest),
        first_quote_ms=None if first_ns is None else (first_ns - backtest.start_ns) / 1e6,
        reconciled=True,
        journal="",
    )
    expired = sum(lane.paper.expired for lane in backtest.lanes)
    return {
        **summary,
        "mode": "backtest",
        "rules": config.backtest.rules if config.backtest is not None else "",
        "plugin": {"id": assembly.plugin.id, "code_hash": assembly.plugin.code_hash, "params": config.strategy.params},
        "markets": {m: assembly.spec.instruments[m] for m in assembly.market_ids},
        "assets": assembly.assets,
        "expired": expired,
        "decisions": backtest.steps,
        "rows": rows,
        "run_s": round(took_s, 6),
        "rows_per_s": round(rows / took_s) if took_s > 0 else 0,
        "tapes": {market: [tape.path for tape in tapes] for market, tapes in prepared.tapes.items()},
    }


def _why_it_ended(backtest: Backtest) -> str:
    if backtest.liquidated:
        return "liquidated"
    return "end of data" if backtest.now_ns < backtest.end_ns else "end of backtest"


def write(folder: Path, config: Config, prepared: Prepared, arrays: Arrays, summary: dict[str, Any]) -> None:
    """Write all of it into `folder`; ``summary.json`` last, so that a folder with one is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    instruments = [m.instrument for m in prepared.assembly.engine.markets]
    names = prepared.assembly.market_ids
    # A liquidation is no order of ours: its fill has the number 0.
    numbers = {int(num): i + 1 for i, num in enumerate(arrays["orders"]["order_id"])}
    with (folder / "fills.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FILL_COLUMNS)
        writer.writerows(sorted(_fill_rows(arrays["fills"], instruments, names, numbers)))
    with (folder / "orders.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(ORDER_COLUMNS)
        writer.writerows(_order_rows(arrays["orders"], instruments, names))
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    (folder / "config.json").write_text(json.dumps(config.effective(), indent=2), encoding="utf-8")
    if prepared.backtest.notes:
        with (folder / "notes.txt").open("w", encoding="utf-8") as file:
            file.writelines(f"{_iso(ts_ns)} {text}\n" for ts_ns, text in prepared.backtest.notes)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2), encoding="utf-8")


def _fill_rows(
    fills: NDArray[np.void], instruments: list[Instrument], names: list[str], numbers: dict[int, int]
) -> list[tuple[int, int, str, str, str, str]]:
    columns = (fills[name].tolist() for name in ("exch_ts_ns", "order_id", "side", "price_ticks", "qty_lots", "market"))
    units = [_Units(instrument) for instrument in instruments]
    return [
        (ts, numbers.get(order, 0), "SELL" if side else "BUY", units[m].price(ticks), units[m].qty(lots), names[m])
        for ts, order, side, ticks, lots, m in zip(*columns, strict=True)
    ]


def _order_rows(orders: NDArray[np.void], instruments: list[Instrument], names: list[str]) -> list[tuple[Any, ...]]:
    units = [_Units(instrument) for instrument in instruments]
    return [
        (
            i + 1, names[o["market"]], Side(o["side"]).name, Purpose(o["purpose"]).name.lower(),
            TimeInForce(o["time_in_force"]).name, OrderState(o["state"]).name.lower(),
            units[o["market"]].price(int(o["price_ticks"])), units[o["market"]].qty(int(o["qty_lots"])),
            units[o["market"]].qty(int(o["filled_lots"])), o["placed_ns"], o["arrived_ns"], o["ended_ns"],
            "" if np.isnan(o["front_lots"]) else f"{o['front_lots']:g}",
        )
        for i, o in enumerate(orders)
    ]  # fmt: skip


class _Units:
    """Ticks and lots of one market as exact decimal text."""

    def __init__(self, instrument: Instrument) -> None:
        self._tick = Decimal(instrument.tick_size)
        self._lot = Decimal(instrument.lot_size)

    def price(self, ticks: int) -> str:
        return format(self._tick * ticks, "f")

    def qty(self, lots: int) -> str:
        return format(self._lot * lots, "f")


def _iso(ts_ns: int) -> str:
    return datetime.fromtimestamp(ts_ns / 1e9, UTC).isoformat(timespec="microseconds")

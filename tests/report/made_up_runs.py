"""Runs to report on: from the engine's desk, or made up row by row."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parent.parent / "core"))

from blotter_desk import BlotterDesk
from engine_desk import START_NS
from engine_storm import Storm

from mmbot._core.blotter import FILLS, HORIZONS_NS, ORDERS, STATE, TERMS
from mmbot._core.types import Instrument, OrderState
from mmbot.report import MarketFacts, RunData

S = 1_000_000_000

LINEAR: dict[str, Any] = {
    "venue": "binance_usdm", "symbol": "BTC/USDT:USDT", "venue_symbol": "BTCUSDT", "base_asset": "BTC",
    "quote_asset": "USDT", "settle_asset": "USDT", "tick_size": "0.1", "lot_size": "0.001",
}  # fmt: skip
INVERSE: dict[str, Any] = LINEAR | {
    "symbol": "BTC/USD:BTC", "venue_symbol": "BTCUSD_PERP", "quote_asset": "USD", "settle_asset": "BTC",
    "lot_size": "1", "contract_size": "100", "inverse": True,
}  # fmt: skip


def stormy(seed: int, steps: int = 400) -> tuple[RunData, BlotterDesk]:
    """What is left of an engine after random trouble: perpetuals in USDT and USDC, and a spot hedge."""
    desk = BlotterDesk(second="maker", makers="perp_btc, perp2_btc").open()
    Storm(desk).blow(random.Random(seed), steps)
    return of_desk(desk), desk


def of_desk(desk: BlotterDesk) -> RunData:
    markets = [MarketFacts(m.index, m.id, m.instrument, m.maker) for m in desk.engine.markets]
    return RunData(
        path=Path("runs/desk"), bot="desk", mode="paper", markets=markets, assets=desk.assembly.assets,
        config=desk.spec.config, **desk.blotter.arrays(),
    )  # fmt: skip


def rows(dtype: np.dtype[np.void], *given: dict[str, Any]) -> np.ndarray[Any, Any]:
    """An array of a dtype; what a row does not say is 0."""
    array = np.zeros(len(given), dtype)
    for row, fields in zip(array, given, strict=True):
        for name, value in fields.items():
            row[name] = value
    return array


def made_up(
    fills: list[dict[str, Any]] | None = None, orders: list[dict[str, Any]] | None = None,
    terms: list[dict[str, Any]] | None = None, state: list[dict[str, Any]] | None = None,
    *, instruments: list[dict[str, Any]] | None = None, bot: str = "made-up", **fields: Any,
) -> RunData:  # fmt: skip
    """A run of these rows; times are seconds since the desk's start."""
    markets = [MarketFacts(i, f"market{i}", Instrument(**f)) for i, f in enumerate(instruments or [LINEAR])]
    timed = {
        "fills": (FILLS, fills), "orders": (ORDERS, orders), "terms": (TERMS, terms), "state": (STATE, state),
    }  # fmt: skip
    arrays = {}
    for name, (dtype, given) in timed.items():
        arrays[name] = rows(dtype, *(given or []))
        for column in ("ts_ns", "exch_ts_ns", "placed_ns", "arrived_ns", "ended_ns", "amended_ns"):
            if column in (dtype.names or ()):
                values = arrays[name][column]
                values[values != 0] += START_NS
    return RunData(
        path=Path("runs/made-up"), bot=bot, mode="backtest", markets=markets, assets=["USDT", "BTC"], **arrays, **fields
    )


def order(
    number: int, at_s: float, price: int, *, side: int = 0, until_s: float = 0.0, **fields: Any
) -> dict[str, Any]:
    """A row of ORDERS: placed at a time, accepted 10 ms later."""
    return {
        "order_id": number, "price_ticks": price, "qty_lots": 10, "placed_ns": int(at_s * S), "side": side,
        "arrived_ns": int(at_s * S) + 10_000_000, "ended_ns": int(until_s * S), "front_lots": np.nan,
        "time_in_force": 3,
        "state": OrderState.CANCELED if until_s else OrderState.LIVE, **fields,
    }  # fmt: skip


def first_terms(orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of TERMS of orders that were never amended."""
    return [
        {"order_id": o["order_id"], "ts_ns": o["placed_ns"], "price_ticks": o["price_ticks"], "qty_lots": o["qty_lots"],
         "market": o.get("market", 0)}
        for o in orders
    ]  # fmt: skip


def fill(at_s: float, price: int, *, side: int = 0, qty: int = 10, number: int = 1, **fields: Any) -> dict[str, Any]:
    """A row of FILLS of a quote, booked 1 ms after the trade."""
    return {
        "ts_ns": int(at_s * S) + 1_000_000, "exch_ts_ns": int(at_s * S), "order_id": number, "price_ticks": price,
        "qty_lots": qty, "side": side, "maker": 1, "mid_x2": 2 * price + (10 if side == 0 else -10), **fields,
    }  # fmt: skip


def large(count: int) -> RunData:
    """A day with so many fills, in which the price wanders."""
    chance = np.random.default_rng(7)
    fills = np.zeros(count, FILLS)
    day_ns = 86_400 * S
    fills["ts_ns"] = START_NS + np.sort(chance.integers(0, day_ns, count))
    fills["exch_ts_ns"] = fills["ts_ns"] - chance.integers(100_000, 9_000_000, count)
    fills["side"] = chance.integers(0, 2, count)
    fills["qty_lots"] = chance.integers(1, 40, count)
    mid = 1_200_000 + np.cumsum(chance.integers(-6, 7, count))
    fills["mid_x2"] = mid
    fills["price_ticks"] = mid // 2 + np.where(fills["side"] == 0, -3, 3)
    fills["after_x2"] = mid[:, None] + np.cumsum(chance.integers(-20, 21, (count, len(HORIZONS_NS))), axis=1)
    fills["order_id"] = np.arange(1, count + 1)
    fills["placed_ns"] = fills["ts_ns"] - chance.integers(1_000_000, 5 * S, count)
    fills["fee_settle_e8"] = -chance.integers(1_000, 90_000, count)
    fills["fee_e8"], fills["maker"] = fills["fee_settle_e8"], 1
    seconds = 86_400
    state = np.zeros(seconds + 1, STATE)
    state["ts_ns"] = START_NS + np.arange(seconds + 1) * S
    place = np.minimum(np.searchsorted(fills["ts_ns"], state["ts_ns"]), count - 1)
    state["mid_x2"] = mid[place] // 2 * 2
    state["bid_ticks"], state["ask_ticks"] = state["mid_x2"] // 2 - 1, state["mid_x2"] // 2 + 1
    state["own_bid_ticks"], state["own_ask_ticks"] = state["bid_ticks"] - 2, state["ask_ticks"] + 2
    lots = np.cumsum(np.where(fills["side"] == 0, fills["qty_lots"], -fills["qty_lots"]))
    state["position_lots"], state["position_lots"][0] = lots[place], 0
    state["total_e8"] = np.cumsum(chance.integers(-40_000_000, 42_000_000, seconds + 1))
    state["inventory_e8"] = state["total_e8"]
    market = MarketFacts(0, "perp_btc", Instrument(**LINEAR))
    return RunData(
        path=Path("runs/large"), bot="large", mode="backtest", markets=[market], assets=["USDT", "BTC"], fills=fills,
        orders=np.zeros(0, ORDERS), terms=np.zeros(0, TERMS), state=state,
    )  # fmt: skip

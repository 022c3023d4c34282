"""How the quotes of one market did: fills, mark-outs, orders, queue times, presence at the touch, positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmbot._core.blotter import HORIZONS_NS
from mmbot._core.types import OrderState, Purpose, Side, TimeInForce
from mmbot.report.money import notional

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmbot._core.types import Instrument

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
PERCENTS = (50, 90, 99)

CONVENTIONS = {
    "mark_outs": (
        "What a fill of a quote was worth a while later: the mid then against the fill's price, in basis points of the "
        "price, positive in our favour, before fees; quantity-weighted mean over the fills whose horizon was reached. "
        "Error: its standard error; the bars are 1.96 of them, and take the fills as independent. Horizon 0 is the "
        "spread captured."
    ),
    "fill_ratio": (
        "Quantity filled over quantity placed (as last amended), of quotes; and the share of quotes with any fill."
    ),
    "time_to_fill": "From our command, or the last amend, to the fill as we learnt of it; both delays are in it.",
    "queue_time": "From the venue's acceptance to the trade, by the venue's clock; orders that were never amended.",
    "quoting": (
        "Shares of the time in which the book has two sides, by the sampled states. A quote counts while it rests at "
        "the venue. At the touch: our best price is the best of the book, or better."
    ),
    "turnover": "Sum of price times quantity in the quote asset; inverse contracts at their face value.",
}


def fills_of(fills: NDArray[Any], instrument: Instrument) -> dict[str, Any]:
    """Counts, turnover and shares."""
    value = notional(instrument, fills["price_ticks"], fills["qty_lots"])
    quotes = fills["purpose"] == Purpose.QUOTE
    turnover = float(value.sum())
    return {
        "count": len(fills),
        "quote_fills": int(quotes.sum()),
        "hedge_fills": int((~quotes).sum()),
        "buys": int((fills["side"] == Side.BUY).sum()),
        "sells": int((fills["side"] == Side.SELL).sum()),
        "maker_share": _share(float(value[fills["maker"] == 1].sum()), turnover),
        "turnover": turnover,
        "turnover_asset": instrument.quote_asset,
        "mean_trade": _share(turnover, len(fills)),
    }


def mark_outs(fills: NDArray[Any]) -> dict[str, list[dict[str, Any]]]:
    """The mark-out curve of quotes, for ``all`` fills, ``buy`` and ``sell``: mean, error and number by horizon."""
    quotes = fills[(fills["purpose"] == Purpose.QUOTE) & (fills["mid_x2"] > 0)]
    groups = {"all": quotes} | {name: quotes[quotes["side"] == side] for name, side in _SIDES.items()}
    return {name: _curve(rows) for name, rows in groups.items()}


def _curve(rows: NDArray[Any]) -> list[dict[str, Any]]:
    points = [_point(0.0, rows, rows["mid_x2"])]
    for h, horizon_ns in enumerate(HORIZONS_NS):
        reached = rows[rows["after_x2"][:, h] > 0]
        points.append(_point(horizon_ns / 1e9, reached, reached["after_x2"][:, h]))
    return points


def _point(horizon_s: float, rows: NDArray[Any], mid_x2: NDArray[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"horizon_s": horizon_s, "fills": len(rows), "mean_bps": None, "error_bps": None}
    if not len(rows):
        return found
    price = rows["price_ticks"].astype(np.float64)
    sign = np.where(rows["side"] == Side.BUY, 1.0, -1.0)
    edge = sign * (0.5 * mid_x2 - price) / price * 1e4
    weight = rows["qty_lots"] / rows["qty_lots"].sum()
    mean = float((weight * edge).sum())
    found["mean_bps"] = mean
    if len(rows) > 1:
        squares = float((weight**2 * (edge - mean) ** 2).sum())
        found["error_bps"] = float(np.sqrt(squares * len(rows) / (len(rows) - 1)))
    return found


def orders_of(orders: NDArray[Any], fills: NDArray[Any]) -> dict[str, Any]:
    """How orders ended, fill ratio, times and queue."""
    quotes = orders[orders["purpose"] == Purpose.QUOTE]
    placed = int(quotes["qty_lots"].sum())
    accepted = quotes[quotes["arrived_ns"] > 0]
    own = fills[(fills["purpose"] == Purpose.QUOTE) & (fills["placed_ns"] > 0)]
    ended = quotes[(quotes["state"] == OrderState.CANCELED) & (quotes["ended_ns"] > 0)]
    front = quotes["front_lots"][~np.isnan(quotes["front_lots"])]
    return {
        "placed": len(orders),
        "quotes": len(quotes),
        "hedges": int((orders["purpose"] == Purpose.HEDGE).sum()),
        "ended": {
            s.name.lower(): int((quotes["state"] == s).sum()) for s in OrderState if (quotes["state"] == s).any()
        },
        "time_in_force": {
            t.name: int((orders["time_in_force"] == t).sum())
            for t in TimeInForce
            if (orders["time_in_force"] == t).any()
        },
        "amends": int(orders["amends"].sum()),
        "fill_ratio": _share(int(quotes["filled_lots"].sum()), placed),
        "filled_orders_share": _share(int((quotes["filled_lots"] > 0).sum()), len(quotes)),
        "quotes_per_fill": _share(len(quotes), len(own)),
        "time_to_fill_s": percentiles((own["ts_ns"] - own["placed_ns"]) / 1e9),
        "queue_time_s": percentiles(_queue_times(accepted[accepted["amends"] == 0], own)),
        "life_of_canceled_s": percentiles((ended["ended_ns"] - ended["placed_ns"]) / 1e9),
        "front_lots": percentiles(front),
        "entry_latency_ms": percentiles((accepted["arrived_ns"] - accepted["placed_ns"]) / 1e6),
        "report_latency_ms": percentiles((own["ts_ns"] - own["exch_ts_ns"]) / 1e6),
    }


def _queue_times(accepted: NDArray[Any], fills: NDArray[Any]) -> NDArray[np.float64]:
    """Seconds from acceptance to each fill."""
    order = np.argsort(accepted["order_id"])
    ids = accepted["order_id"][order]
    if not len(ids) or not len(fills):
        return np.zeros(0)
    place = np.minimum(np.searchsorted(ids, fills["order_id"]), len(ids) - 1)
    known = ids[place] == fills["order_id"]
    waited: NDArray[np.float64] = (fills["exch_ts_ns"][known] - accepted["arrived_ns"][order][place[known]]) / 1e9
    return waited


def percentiles(values: NDArray[Any]) -> dict[str, Any]:
    """Number, mean and `PERCENTS` of values; None without any."""
    if not len(values):
        return {"count": 0, "mean": None, **{f"p{p}": None for p in PERCENTS}}
    found = np.percentile(values, PERCENTS)
    return {
        "count": len(values),
        "mean": float(np.mean(values)),
        **{f"p{p}": float(v) for p, v in zip(PERCENTS, found, strict=True)},
    }


def quoting(state: NDArray[Any]) -> dict[str, Any]:
    """Shares of time with a bid, an ask, both, and at the touch; mean distance of our quotes from the mid."""
    seconds = np.diff(state["ts_ns"], append=state["ts_ns"][-1:]) / 1e9
    book = (state["bid_ticks"] > 0) & (state["ask_ticks"] > 0)
    bid, ask = book & (state["own_bid_ticks"] > 0), book & (state["own_ask_ticks"] > 0)
    bid_touch = bid & (state["own_bid_ticks"] >= state["bid_ticks"])
    ask_touch = ask & (state["own_ask_ticks"] <= state["ask_ticks"])
    time = float(seconds[book].sum())

    def share(chosen: NDArray[np.bool_]) -> float | None:
        return _share(float(seconds[chosen].sum()), time)

    mid_x2 = (state["bid_ticks"] + state["ask_ticks"]).astype(np.float64)
    both = bid & ask
    spread = (state["own_ask_ticks"] - state["own_bid_ticks"]) / np.where(mid_x2 > 0, 0.5 * mid_x2, 1.0) * 1e4
    market = (state["ask_ticks"] - state["bid_ticks"]) / np.where(mid_x2 > 0, 0.5 * mid_x2, 1.0) * 1e4
    return {
        "book_s": time,
        "bid": share(bid), "ask": share(ask), "both": share(both), "any": share(bid | ask),
        "bid_at_touch": share(bid_touch), "ask_at_touch": share(ask_touch),
        "both_at_touch": share(bid_touch & ask_touch),
        "own_spread_bps": _mean(spread[both], seconds[both]),
        "market_spread_bps": _mean(market[book], seconds[book]),
    }  # fmt: skip


def position(state: NDArray[Any], instrument: Instrument) -> dict[str, Any]:
    """Extremes and time-weighted mean of the position, in lots; the last one also at the mid, in the quote asset."""
    if not len(state):
        return {}
    lots = state["position_lots"]
    seconds = np.diff(state["ts_ns"], append=state["ts_ns"][-1:]) / 1e9
    return {
        "start_lots": int(lots[0]), "end_lots": int(lots[-1]), "max_lots": int(lots.max()), "min_lots": int(lots.min()),
        "mean_abs_lots": _mean(np.abs(lots), seconds),
        "flat_share": _share(float(seconds[lots == 0].sum()), float(seconds.sum())),
        "end_notional": float(notional(instrument, state["mid_x2"][-1:] / 2, lots[-1:])[0]),
        "lot": instrument.lot_value,
        "unit": "contracts" if instrument.inverse else instrument.base_asset,
    }  # fmt: skip


def _mean(values: NDArray[Any], weights: NDArray[Any]) -> float | None:
    total = float(weights.sum())
    return float((values * weights).sum()) / total if total > 0 else None


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None

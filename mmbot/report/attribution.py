"""Where the money of one market came from, in parts that add up to the total to the last 1e-8.

The engine itself splits the PnL into spread, hedge, inventory, fees and funding (``mmbot/_core/pnl.pxd``); the last
state row of a market holds them. Two of these are split further here:

* inventory, what moves of the mid did to the position, into *adverse selection* (the move in the first seconds after
  each of our quotes was filled, on what was filled) and the rest;
* fees into what was paid and what was received as rebates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmbot._core.blotter import HORIZONS_NS
from mmbot._core.types import Purpose, Side
from mmbot.report.money import ValueUnit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmbot.report.run import MarketFacts, RunData

PRIMARY = 2
"""Which of the horizons the headline uses: 5 s."""
PARTS = ("spread", "adverse_selection", "inventory", "hedge", "fees_paid", "rebates", "funding")


def attribute(run: RunData, market: MarketFacts) -> dict[str, Any]:
    """The PnL of one market in 1e-8 of its settle asset.

    Returns:
        ``total_e8``; the signed `PARTS` as ``<part>_e8`` (costs are negative), which add up to it;
        ``by_horizon``: adverse selection and the rest of the inventory part for each horizon; ``fees_apart``: fees in
        assets without a rate, by asset, which are in no part.
    """
    fills, state = run.of("fills", market), run.of("state", market)
    last = {name: int(state[name][-1]) if len(state) else 0 for name in _STATE}
    rebates = -int(np.minimum(fills["fee_settle_e8"], 0).sum())
    splits = [
        {"horizon_s": horizon_ns / 1e9, "adverse_selection_e8": adverse, "inventory_e8": last["inventory_e8"] - adverse}
        for horizon_ns, adverse in zip(HORIZONS_NS, adverse_e8(fills, market, last["mid_x2"]), strict=True)
    ]
    return {
        "total_e8": last["total_e8"],
        "spread_e8": last["spread_e8"],
        "adverse_selection_e8": splits[PRIMARY]["adverse_selection_e8"],
        "inventory_e8": splits[PRIMARY]["inventory_e8"],
        "hedge_e8": last["hedge_e8"],
        "fees_paid_e8": -(last["fees_e8"] + rebates),
        "rebates_e8": rebates,
        "funding_e8": last["funding_e8"],
        "by_horizon": splits,
        "fees_apart": _fees_apart(run, market, fills),
    }


_STATE = ("total_e8", "spread_e8", "inventory_e8", "hedge_e8", "fees_e8", "funding_e8", "mid_x2")


def adverse_e8(fills: NDArray[Any], market: MarketFacts, last_x2: int) -> list[int]:
    """What the mid's move after each fill of a quote did to what was filled, by horizon.

    Where the run ended before the horizon, its last mid stands.
    """
    unit = ValueUnit.of(market.instrument)
    quotes = fills[(fills["purpose"] == Purpose.QUOTE) & (fills["mid_x2"] > 0)]
    lots = signed_lots(quotes)
    return [unit.move_e8(lots, quotes["mid_x2"], _after(quotes, h, last_x2)) for h in range(len(HORIZONS_NS))]


def signed_lots(fills: NDArray[Any]) -> NDArray[np.int64]:
    """Quantities, negative for sales."""
    return np.where(fills["side"] == Side.BUY, fills["qty_lots"], -fills["qty_lots"])


def _after(quotes: NDArray[Any], horizon: int, last_x2: int) -> NDArray[np.int64]:
    after: NDArray[np.int64] = quotes["after_x2"][:, horizon]
    return np.where(after > 0, after, last_x2 if last_x2 > 0 else quotes["mid_x2"])


def _fees_apart(run: RunData, market: MarketFacts, fills: NDArray[Any]) -> dict[str, int]:
    settle = run.settle_asset(market)
    apart: dict[str, int] = {}
    for fill in fills[(fills["fee_e8"] != 0) & (fills["fee_settle_e8"] == 0)]:
        name = asset_name(run, int(fill["fee_asset"]))
        if name != settle:
            apart[name] = apart.get(name, 0) + int(fill["fee_e8"])
    return apart


def asset_name(run: RunData, index: int) -> str:
    """Name of a fee asset."""
    return run.assets[index] if 0 <= index < len(run.assets) else f"asset {index}"


def total_by_asset(run: RunData, markets: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The attributions of all markets added up, for each settle asset by itself."""
    totals: dict[str, dict[str, Any]] = {}
    for market in run.markets:
        pnl = markets[market.id]
        total = totals.get(run.settle_asset(market))
        if total is None:
            totals[run.settle_asset(market)] = {
                **{key: value for key, value in pnl.items() if key.endswith("_e8")},
                "by_horizon": [dict(split) for split in pnl["by_horizon"]],
                "fees_apart": dict(pnl["fees_apart"]),
            }
            continue
        for key in ("total_e8", *(f"{part}_e8" for part in PARTS)):
            total[key] += pnl[key]
        for mine, more in zip(total["by_horizon"], pnl["by_horizon"], strict=True):
            mine["adverse_selection_e8"] += more["adverse_selection_e8"]
            mine["inventory_e8"] += more["inventory_e8"]
        for name, fee in pnl["fees_apart"].items():
            total["fees_apart"][name] = total["fees_apart"].get(name, 0) + fee
    return totals


def adds_up(pnl: dict[str, Any]) -> bool:
    """Whether the parts are the total, at every horizon."""
    fixed = sum(pnl[f"{part}_e8"] for part in PARTS if part not in {"adverse_selection", "inventory"})
    return all(
        fixed + split["adverse_selection_e8"] + split["inventory_e8"] == pnl["total_e8"] for split in pnl["by_horizon"]
    )


def recount_e8(run: RunData, market: MarketFacts) -> int | None:
    """The total again, from fills and the last mid alone; None when the run began with a position.

    Rounded as the core rounds, so that it equals the engine's total, funding taken from the state.
    """
    fills, state = run.of("fills", market), run.of("state", market)
    if not len(state):
        return 0 if not len(fills) else None
    lots = signed_lots(fills)
    last = state[-1]
    if int(lots.sum()) != int(last["position_lots"]) or int(state["position_lots"][0]) != 0:
        return None
    unit = ValueUnit.of(market.instrument)
    cash = -sum(unit.half_value(2 * p, n) for p, n in zip(fills["price_ticks"].tolist(), lots.tolist(), strict=True))
    held = unit.half_value(int(last["mid_x2"]), int(last["position_lots"])) if last["mid_x2"] > 0 else 0
    fees: int = sum(fills["fee_settle_e8"].tolist())
    return unit.e8(cash + held) - fees + int(last["funding_e8"])

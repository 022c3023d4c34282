"""From a run to its figures: the JSON of ``mmbot report``."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from mmbot.assembly import instrument_fields
from mmbot.report import performance, trading
from mmbot.report.attribution import PARTS, PRIMARY, adds_up, attribute, recount_e8, total_by_asset

if TYPE_CHECKING:
    from mmbot.report.run import MarketFacts, RunData

SCHEMA = 1

CONVENTIONS = {
    "pnl": (
        "Exact, in 1e-8 of the settle asset; costs are negative, and the parts add up to the total. Markets that "
        "settle in different assets are never added."
    ),
    "spread": "Fills of quotes against the mid at the moment of booking.",
    "adverse_selection": (
        "What the mid did to each filled quantity until the horizon after its fill (5 s in the headline); where the "
        "run ended before, until its end."
    ),
    "inventory": "What the mid did to the position otherwise. With adverse selection it is the same at every horizon.",
    "hedge": "Fills of hedge and flattening orders against the mid: slippage when negative.",
    "fees": (
        "In the settle asset; a fee in the base asset at the price of its fill. Fees in assets without a rate are in "
        "`fees_apart`, and in no part."
    ),
    **performance.CONVENTIONS,
    **trading.CONVENTIONS,
}


def analyse(run: RunData) -> dict[str, Any]:
    """Every figure of a run, JSON-able; ``conventions`` says how each is meant.

    Money is in integers of 1e-8 (``*_e8``) of the asset it is listed under, shares are fractions of 1, what could not
    be computed is None.
    """
    markets = {market.id: _market(run, market) for market in run.markets}
    pnl = {name: found["pnl"] for name, found in markets.items()}
    assets = total_by_asset(run, pnl)
    return {
        "schema": SCHEMA,
        "run": _about(run),
        "assets": {asset: _asset(run, asset, total, markets) for asset, total in assets.items()},
        "markets": markets,
        "latency_us": run.summary.get("latency_us", {}),
        "checks": _checks(run, pnl, assets),
        "remarks": list(run.remarks),
        "parts": list(PARTS),
        "conventions": CONVENTIONS,
    }


def _about(run: RunData) -> dict[str, Any]:
    strategy = run.config.get("strategy") or run.summary.get("plugin") or {}
    return {
        "bot": run.bot,
        "mode": run.mode,
        "path": str(run.path),
        "start": _utc(run.start_ns),
        "end": _utc(run.end_ns),
        "start_ns": run.start_ns,
        "end_ns": run.end_ns,
        "duration_s": run.duration_s,
        "exit_reason": run.summary.get("exit_reason", ""),
        "strategy": strategy.get("id", ""),
        "params": strategy.get("params", {}),
        "fills": len(run.fills),
        "orders": len(run.orders),
        "events": run.summary.get("events") or run.summary.get("rows"),
    }


def _utc(ts_ns: int) -> str | None:
    return datetime.fromtimestamp(ts_ns / 1e9, UTC).isoformat(timespec="milliseconds") if ts_ns else None


def _market(run: RunData, market: MarketFacts) -> dict[str, Any]:
    fills, orders, state = (run.of(name, market) for name in ("fills", "orders", "state"))
    return {
        "symbol": market.instrument.symbol,
        "venue": market.instrument.venue,
        "role": "maker" if market.maker else "hedge",
        "settle_asset": run.settle_asset(market),
        "instrument": instrument_fields(market.instrument),
        "pnl": attribute(run, market),
        "fills": trading.fills_of(fills, market.instrument),
        "orders": trading.orders_of(orders, fills),
        "quoting": trading.quoting(state) if market.maker else None,
        "position": trading.position(state, market.instrument),
        "mark_outs": trading.mark_outs(fills),
    }


def _asset(run: RunData, asset: str, total: dict[str, Any], markets: dict[str, dict[str, Any]]) -> dict[str, Any]:
    times, equity = performance.equity(run, asset)
    mine = [m for m in markets.values() if m["settle_asset"] == asset]
    turnover: dict[str, float] = {}
    for market in mine:
        name = market["fills"]["turnover_asset"]
        turnover[name] = turnover.get(name, 0.0) + market["fills"]["turnover"]
    in_asset = turnover.get(asset) if len(turnover) == 1 else None
    return {
        "pnl": total,
        "drawdown": performance.drawdown(times, equity),
        **performance.ratios(times, equity, performance.state_every_s(run)),
        "turnover": turnover,
        "pnl_per_turnover_bps": total["total_e8"] / 1e8 / in_asset * 1e4 if in_asset else None,
        "markets": [market.id for market in run.markets if run.settle_asset(market) == asset],
    }


def _checks(run: RunData, pnl: dict[str, dict[str, Any]], assets: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What a reader may rely on: do the parts add up, do the fills give the engine's total, does the summary?"""
    recounted = {market.id: recount_e8(run, market) for market in run.markets}
    return {
        "parts_add_up": all(adds_up(found) for found in (*pnl.values(), *assets.values())),
        "fills_give_the_total": {
            name: None if found is None else found == pnl[name]["total_e8"] for name, found in recounted.items()
        },
        "summary_has_the_total": _summary_agrees(run, assets),
        "horizon_s": next(iter(pnl.values()))["by_horizon"][PRIMARY]["horizon_s"] if pnl else None,
    }


def _summary_agrees(run: RunData, assets: dict[str, dict[str, Any]]) -> bool | None:
    """None: there is no summary, or it adds different assets up."""
    stated = run.summary.get("pnl", {})
    if len(assets) != 1 or "total" not in stated:
        return None
    try:
        difference = Decimal(stated["total"]).scaleb(8) - next(iter(assets.values()))["total_e8"]
    except InvalidOperation:
        return False
    return bool(abs(difference) <= len(run.markets))

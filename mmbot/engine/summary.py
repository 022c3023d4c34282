"""The last word of a run: ``summary.json``."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmbot._core.engine import Engine
    from mmbot._core.types import Instrument

PNL_PARTS = ("total", "spread", "inventory", "hedge", "fees", "funding")


def pnl_parts(engine: Engine) -> dict[str, Decimal]:
    """PnL of all markets by part, in the quote asset; fees count against, so that the parts add up to the total."""
    total = dict.fromkeys(PNL_PARTS, Decimal(0))
    for market in engine.markets:
        for part, amount in market.pnl.parts().items():
            total[part] += amount
    return total


def position_text(lots: int, instrument: Instrument) -> str:
    """A signed position in base units (inverse: contracts) as an exact decimal."""
    if instrument.inverse:
        return str(lots)
    return format(Decimal(lots) * Decimal(instrument.lot_size) * Decimal(instrument.contract_size), "f")


def summarise(
    engine: Engine,
    *,
    bot: str,
    started: str,
    ended: str,
    exit_reason: str,
    first_quote_ms: float | None,
    reconciled: bool,
    journal: str,
) -> dict[str, Any]:
    """Everything ``summary.json`` holds; money and positions are exact decimals as text."""
    net_delta: dict[str, float] = {}
    for market in engine.markets:
        asset = market.instrument.base_asset
        net_delta[asset] = round(net_delta.get(asset, 0.0) + market.net_delta, 12)
    return {
        "bot": bot,
        "started": started,
        "ended": ended,
        "exit_reason": exit_reason,
        "events": engine.seq,
        "orders": {
            "sent": engine.execution.placed,
            "acked": engine.order_flow.acked,
            "rejected": engine.order_flow.rejected,
            "canceled": engine.order_flow.canceled,
            "unknown": engine.order_flow.unknown,
        },
        "fills": engine.order_flow.fills,
        "hedge_fills": engine.order_flow.hedge_fills,
        "swaps": max(engine.host.swaps - 1, 0),  # the first one is the start
        "pnl": {part: format(amount, "f") for part, amount in pnl_parts(engine).items()},
        "net_delta": net_delta,
        "positions": {m.id: position_text(m.position.lots, m.instrument) for m in engine.markets},
        "latency_us": {
            hop.lower(): {p: values[p] for p in ("p50", "p99", "p999", "max")}
            for hop, values in engine.latency.snapshot().items()
        },
        "first_quote_ms": first_quote_ms,
        "reconciled": reconciled,
        "journal": journal,
    }

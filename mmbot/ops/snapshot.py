"""Takes the picture of a running session that terminal view, metrics and `mmbot status` show."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from mmbot._core.limits import RiskLevel
from mmbot._core.sync import Trust
from mmbot._core.types import OrderState, Purpose
from mmbot.engine.summary import pnl_parts, position_text
from mmbot.ops.status import (
    BotState,
    FeedView,
    HedgeView,
    LatencyView,
    MarketView,
    PnlView,
    PriceLevel,
    QuoteView,
    StatusSnapshot,
)  # fmt: skip
from mmbot.ops.status import RiskLevel as LevelName

if TYPE_CHECKING:
    from mmbot._core.market import Market
    from mmbot.engine.session import Session

BOOK_LEVELS = 5


def take_snapshot(session: Session) -> StatusSnapshot:
    """The session as it is now; before it has begun there is little to tell."""
    config = session.config
    if not session.begun:
        return StatusSnapshot(
            bot=config.bot.name, state=cast("BotState", session.state), reason=session.exit_reason,
            strategy=config.strategy.id, paper=not config.live, uptime_s=session.uptime_s,
            ts=datetime.now(UTC).isoformat(), run_dir=str(session.run_dir),
        )  # fmt: skip
    engine = session.engine
    level = RiskLevel(engine.limits.level)
    breached = engine.limits.breached()
    makers = [m for m in engine.markets if m.maker]
    return StatusSnapshot(
        bot=config.bot.name,
        state=cast("BotState", "paused" if session.paused and session.state == "running" else session.state),
        level=cast("LevelName", level.name.lower()),
        reason=", ".join(cause.lower() for cause in breached) or session.exit_reason,
        strategy=session.swapper.plugin.id,
        strategy_hash=session.swapper.plugin.code_hash[:12],
        params=session.swapper.params,
        paper=not config.live,
        ready=session.state == "running" and not session.paused and level == RiskLevel.NORMAL
        and all(m.trusted and m.trading for m in makers),
        uptime_s=session.uptime_s,
        ts=datetime.now(UTC).isoformat(),
        markets=tuple(_market(session, m) for m in engine.markets),
        feeds=tuple(_feed(session, i, name) for i, name in enumerate(session.feed_names)),
        hedges=tuple(_hedge(session, group_asset) for group_asset in session.assembly.hedged),
        pnl=PnlView(**{part: float(amount) for part, amount in pnl_parts(engine).items()}),
        latency_us=_latency(session),
        counters={
            "events": engine.seq, "frames": engine.market_data.frames, "bad_frames": engine.market_data.bad_frames,
            "orders_placed": engine.execution.placed, "orders_amended": engine.execution.amended,
            "orders_canceled": engine.order_flow.canceled, "orders_rejected": engine.order_flow.rejected,
            "orders_unknown": engine.order_flow.unknown, "order_queries": engine.execution.queried,
            "fills": engine.order_flow.fills, "hedge_fills": engine.order_flow.hedge_fills,
            "swaps": max(engine.host.swaps - 1, 0), "rollbacks": engine.host.rollbacks,
            "journal_stalls": session.journal.ring.stalls, "reconciliations": engine.reconciler.rounds,
        },
        rates={venue.name: dict(venue.rate_usage()) for venue in session.venues},
        gauges=dict(engine.host.active.metrics) if engine.host.active is not None else {},
        run_dir=str(session.run_dir),
    )  # fmt: skip


def _market(session: Session, market: Market) -> MarketView:
    instrument = market.instrument
    tick, lot = Decimal(instrument.tick_size).normalize(), Decimal(instrument.lot_size).normalize()

    def levels(side: int) -> tuple[PriceLevel, ...]:
        return tuple(
            PriceLevel(format(tick * ticks, "f"), format(lot * lots, "f"))
            for ticks, lots in market.levels(side, BOOK_LEVELS)
        )

    table = session.engine.execution.table
    orders = [table.order(slot) for slot in table.open_slots(market.index)]
    entry = market.position.entry_price
    config = session.config.markets[market.id]
    age_ns = time.time_ns() - market.sync.recv_ts_ns if market.sync.recv_ts_ns else None
    return MarketView(
        id=market.id,
        venue=config.venue,
        symbol=instrument.symbol,
        role=config.role,
        trusted=market.trusted,
        trust=Trust(market.sync.status).name.lower(),
        bids=levels(0),
        asks=levels(1),
        quotes=tuple(
            QuoteView(
                side="sell" if order["side"] else "buy",
                price=format(tick * order["price_ticks"], "f"),
                qty=format(lot * (order["qty_lots"] - order["filled_lots"]), "f"),
                state=OrderState(order["state"]).name.lower(),
                purpose=Purpose(order["purpose"]).name.lower(),
            )
            for order in orders
        ),
        position=position_text(market.position.lots, instrument),
        entry_price=None if entry is None else f"{entry:.10g}",
        mark_price=None if math.isnan(market.mark_price) else f"{market.mark_price:.8g}",
        pnl=PnlView(**{part: float(amount) for part, amount in market.pnl.parts().items()}),
        book_age_s=None if age_ns is None else age_ns / 1e9,
    )


def _feed(session: Session, index: int, name: str) -> FeedView:
    inbox = session.inbox
    return FeedView(
        name,
        inbox.feeds_up[index],
        messages=sum(session.engine.market_data.decoders[index].kinds.values()),
        reconnects=max(inbox.feed_ups[index] - 1, 0),
    )


def _hedge(session: Session, asset: str) -> HedgeView:
    group = session.assembly.hedged[asset]
    since = group.backlog_since_ns
    age_ms = (session.engine.now_ns - since) / 1e6 if since else 0.0
    delta = sum(m.net_delta for m in (*group.makers, *group.hedges))
    return HedgeView(asset, delta, group.backlog, age_ms)


def _latency(session: Session) -> dict[str, LatencyView]:
    return {
        hop.lower(): LatencyView(v["p50"] or 0.0, v["p99"] or 0.0, v["p999"] or 0.0, v["max"] or 0.0, v["count"])
        for hop, v in session.engine.latency.snapshot().items()
        if v["count"]
    }

"""A bot's picture to show, for the tests of everything that shows it."""

from __future__ import annotations

import pytest

from mmbot.ops.status import (
    FeedView,
    HedgeView,
    LatencyView,
    MarketView,
    PnlView,
    PriceLevel,
    QuoteView,
    StatusSnapshot,
)


@pytest.fixture
def snapshot() -> StatusSnapshot:
    perp = MarketView(
        id="perp_btc",
        venue="perp",
        symbol="BTC/USDT:USDT",
        role="maker",
        trusted=True,
        trust="synced",
        bids=(PriceLevel("59999.9", "1.500"), PriceLevel("59999.8", "0.700")),
        asks=(PriceLevel("60000.1", "2.250"),),
        quotes=(
            QuoteView("buy", "59999.8", "0.010", "live"),
            QuoteView("buy", "59990.0", "0.020", "live"),
            QuoteView("sell", "60005.5", "0.010", "pending_cancel"),
        ),
        position="-0.015",
        entry_price="60001.2",
        mark_price="60000.0",
        pnl=PnlView(total=1.5, spread=2.0, fees=-0.5),
        book_age_s=0.012,
    )
    spot = MarketView(id="spot_btc", venue="spot", symbol="BTC/USDT", role="hedge", trust="buffering")
    return StatusSnapshot(
        bot="demo",
        state="running",
        strategy="pmm",
        strategy_hash="0123456789abcdef",
        ready=True,
        uptime_s=3725.0,
        markets=(perp, spot),
        feeds=(FeedView("perp.public", up=True, messages=1234, reconnects=1), FeedView("spot.public", up=False)),
        hedges=(HedgeView("BTC", net_delta=-0.001, backlog=0.0005),),
        pnl=PnlView(total=1.25, spread=2.0, hedge=-0.25, fees=-0.5),
        latency_us={"book": LatencyView(0.8, 1.9, 4.2, 33.0, 5000)},
        counters={"orders_placed": 42, "fills": 7},
        rates={"perp": {"weight_1m": 120.0, "weight_1m_limit": 2400.0}},
        gauges={"half_spread_bps": 3.5},
    )

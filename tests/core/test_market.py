"""A market: best prices from the newer of book and ticker, trust, and exact conversions."""

from __future__ import annotations

import json
import math

import pytest
from engine_desk import PERP, SPOT, Desk
from hypothesis import given
from hypothesis import strategies as st

from mmbot._core.market import Market
from mmbot._core.types import Instrument, Side


def linear(lot: str = "0.001") -> Market:
    return Market(
        0, "m",
        Instrument(
            venue="v", symbol="BTC/USDT:USDT", venue_symbol="BTCUSDT", base_asset="BTC", quote_asset="USDT",
            settle_asset="USDT", tick_size="0.1", lot_size=lot,
        ),
    )  # fmt: skip


def ticker(desk: Desk, update_id: int, bid: int, ask: int, lots: int = 7) -> None:
    qty = f"{lots / 1000:.3f}"
    message = {
        "e": "bookTicker", "u": update_id, "E": 1, "T": 1, "s": "BTCUSDT",
        "b": desk.price(bid), "B": qty, "a": desk.price(ask), "A": qty,
    }  # fmt: skip
    desk.do("on_frame", 0, json.dumps(message, separators=(",", ":")).encode(), desk.now_ns)


@given(lots=st.integers(0, 10**9), lot=st.sampled_from(["0.001", "0.1", "0.00001", "0.3", "1", "7"]))
def test_lots_and_quantities_convert_back_and_forth(lots: int, lot: str) -> None:
    market = linear(lot)
    assert market.lots(market.qty(lots)) == lots


def test_conversions_cut_towards_zero_and_survive_nonsense() -> None:
    market = linear()
    assert market.lots(0.0019) == 1
    assert market.lots(-0.0019) == -1
    assert [market.lots(value) for value in (math.nan, math.inf, -math.inf, 1e30)] == [0, 0, 0, 0]
    assert market.price(600_000) == 60_000.0
    assert market.ticks(60_000.05) == pytest.approx(600_000.5)


def test_a_new_market_has_no_price_and_no_trust() -> None:
    market = linear()
    assert math.isnan(market.mid)
    assert not market.trusted
    assert not market.trading
    assert (market.position_lots, market.net_delta) == (0, 0.0)
    assert market.levels(Side.BUY, 5) == []


def test_the_newer_of_ticker_and_book_gives_the_best_prices() -> None:
    desk = Desk().open()
    market = desk.engine.markets[PERP]
    ticker(desk, desk.update_id[PERP] + 1, 600_003, 600_008)
    assert (market.bid_ticks, market.ask_ticks, market.bid_lots) == (600_003, 600_008, 7)
    assert market.mid == pytest.approx(60_000.55)
    ticker(desk, desk.update_id[PERP], 500_000, 500_001)  # older than what is known
    assert market.bid_ticks == 600_003
    desk.book(PERP, 600_002, 600_009)
    assert market.bid_ticks == 600_002  # the same number: the ticker is not newer
    desk.book(PERP, 600_001, 600_009)
    assert (market.bid_ticks, market.spread_ticks) == (600_001, 8)


def test_a_ticker_alone_makes_no_trust() -> None:
    desk = Desk()
    ticker(desk, 5, 600_000, 600_001)
    assert not desk.engine.markets[PERP].trusted


def test_a_crossed_ticker_is_not_trusted_and_the_next_book_is() -> None:
    desk = Desk().open()
    ticker(desk, desk.update_id[PERP] + 1, 600_009, 600_008)
    assert not desk.engine.markets[PERP].trusted
    desk.settle()
    assert desk.quotes() == []
    desk.book(PERP, 600_000, 600_010)
    desk.book(PERP, 600_000, 600_011)
    assert desk.engine.markets[PERP].trusted


def test_mark_price_and_funding_are_seen() -> None:
    desk = Desk().open()
    message = (
        b'{"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSDT","p":"60001.50000000","i":"60000.25000000",'
        b'"P":"60002.00000000","r":"0.00038167","T":1562306400000}'
    )
    desk.do("on_frame", 0, message, desk.now_ns)
    market = desk.engine.markets[PERP]
    assert (market.mark_price, market.index_price) == (60_001.5, 60_000.25)
    assert market.funding_rate == pytest.approx(0.00038167)
    assert market.next_funding_ns == 1_562_306_400_000 * 10**6


def test_trades_are_remembered() -> None:
    desk = Desk().open()
    frame = b'{"e":"aggTrade","E":1,"s":"BTCUSDT","a":1,"p":"60000.1","q":"0.004","f":1,"l":1,"T":1,"m":true}'
    desk.do("on_frame", 0, frame, desk.now_ns)
    market = desk.engine.markets[PERP]
    assert (market.last_trade_ticks, market.last_trade_lots) == (600_001, 4)


def test_it_says_what_it_is() -> None:
    desk = Desk()
    assert repr(desk.engine.markets[SPOT]) == "Market(spot_btc: binance_spot BTC/USDT)"
    assert desk.engine.markets[SPOT].symbol == "BTC/USDT"

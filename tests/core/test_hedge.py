"""Hedging: at once, on the right market, within its caps, until the delta is where it should be."""

from __future__ import annotations

import math

import pytest
from engine_desk import INSTRUMENTS, MS, PERP, PERP2, SPOT, Desk

from mmbot._core.execution import Execution
from mmbot._core.gate import RiskGate
from mmbot._core.hedge import HedgeGroup
from mmbot._core.limits import Cause, RiskLevel
from mmbot._core.market import Market
from mmbot._core.orders import OrderTable
from mmbot._core.rate import RateBudget
from mmbot._core.types import CommandKind, Instrument, OrderEvent, OrderEventKind, Purpose, Side, TimeInForce

PASSIVE = {"urgency": "passive_first", "passive_deadline_ms": "1000"}


def hedges(desk: Desk) -> list[dict[str, int]]:
    """Hedge orders of the last event."""
    return [
        c.as_dict() for c in desk.sent if c.purpose == Purpose.HEDGE and c.kind == CommandKind.PLACE
    ]  # fmt: skip


def calm(desk: Desk, ms: int, step: int = 100) -> None:
    """Let time pass on standing books."""
    for _ in range(ms // step):
        desk.tick(step)
        for market in (PERP, PERP2, SPOT):
            venue = desk.venues[market]
            desk.book(market, venue.touch[0], venue.touch[1], venue.lots[0], venue.lots[1])
        desk.settle()


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_the_hedge_leaves_in_the_step_of_the_fill(side: Side) -> None:
    desk = Desk().open()
    desk.trade(PERP, side, 7, settle=False)
    (order,) = hedges(desk)
    assert (order["market"], order["side"], order["qty_lots"]) == (SPOT, 1 - side, 7)
    assert order["time_in_force"] == TimeInForce.IOC
    desk.settle()
    assert desk.delta() == 0
    assert desk.engine.order_flow.hedge_fills == 1


def test_the_price_of_a_hedge_stays_within_the_slippage_cap() -> None:
    desk = Desk(hedge={"max_slippage_bps": "10"}).open()
    desk.trade(PERP, Side.BUY, 7, settle=False)
    assert hedges(desk)[0]["price_ticks"] == math.ceil(600_000 * (1 - 0.001))


def test_a_hedge_never_asks_for_more_than_stands_within_the_cap() -> None:
    desk = Desk().open()
    desk.book(SPOT, 600_000, 600_010, bid_lots=3)
    desk.trade(PERP, Side.BUY, 7, settle=False)
    assert hedges(desk)[0]["qty_lots"] == 3
    desk.settle()
    assert desk.delta() == pytest.approx(0.0)  # the model's touch refills: the rest went in further orders


def test_within_the_band_nothing_is_hedged_beyond_it_all_is() -> None:
    desk = Desk(hedge={"band": "0.008"}).open()
    desk.trade(PERP, Side.BUY, 8)
    assert desk.engine.groups[0].sent == 0
    desk.trade(PERP, Side.BUY, 1)
    assert desk.delta() == pytest.approx(0.0)


def test_ratio_and_target_shift_the_hedge() -> None:
    desk = Desk(hedge={"ratio": "0.5"}).open()
    desk.trade(PERP, Side.BUY, 8)
    assert desk.venues[SPOT].position() == -4
    desk = Desk(hedge={"target_delta": "0.01"}).open()
    assert desk.venues[SPOT].position() == 10


def test_a_remainder_too_small_for_an_order_is_carried() -> None:
    """Hedges that rounded to nothing lost their delta; here it waits until it is worth an order."""
    instruments = {k: dict(v) for k, v in INSTRUMENTS.items()}
    instruments["spot_btc"]["min_qty_lots"] = 5
    desk = Desk(instruments=instruments).open()
    desk.trade(PERP, Side.BUY, 3)
    assert desk.engine.groups[0].sent == 0
    assert desk.engine.groups[0].backlog_since_ns == 0
    assert desk.engine.groups[0].too_small > 0
    desk.trade(PERP, Side.BUY, 2)
    assert desk.delta() == pytest.approx(0.0)


def test_a_rejected_hedge_is_tried_again_after_the_pause() -> None:
    desk = Desk(hedge={"retry_ms": "200"}).open()
    desk.venues[SPOT].refuse_next = 1
    desk.trade(PERP, Side.BUY, 7)
    assert desk.delta() == pytest.approx(0.007)
    calm(desk, 100)
    assert desk.delta() == pytest.approx(0.007)
    calm(desk, 200)
    assert desk.delta() == pytest.approx(0.0)


def test_after_repeated_failures_the_next_market_is_tried_and_the_first_again_later() -> None:
    """The second choice once stayed the first for ever."""
    desk = Desk(hedge={"markets": "[spot_btc, perp2_btc]", "max_attempts": "2"}, second="hedge").open()
    desk.venues[SPOT].refuse_next = 2
    desk.trade(PERP, Side.BUY, 7)
    calm(desk, 600)
    assert (desk.venues[SPOT].position(), desk.venues[PERP2].position()) == (0, -7)
    calm(desk, 200)
    desk.trade(PERP, Side.BUY, 4)
    assert (desk.venues[SPOT].position(), desk.venues[PERP2].position()) == (-4, -7)


def test_a_market_that_cannot_trade_is_passed_over_at_once() -> None:
    desk = Desk(hedge={"markets": "[spot_btc, perp2_btc]"}, second="hedge").open()
    desk.command("trading", venue=1, up=False)
    desk.trade(PERP, Side.BUY, 7)
    assert desk.venues[PERP2].position() == -7


def test_an_unanswered_hedge_counts_as_filled_until_it_is_known() -> None:
    desk = Desk().open()
    desk.venues[SPOT].silent = True
    desk.trade(PERP, Side.BUY, 7)
    calm(desk, 2_000)
    assert desk.engine.groups[0].sent == 1  # not sent a second time on suspicion
    assert desk.engine.limits.breached().get(Cause.HEDGE_BACKLOG.name)  # but the quotes go
    assert desk.quotes() == []
    desk.venues[SPOT].silent = False
    calm(desk, 15_000)
    assert desk.delta() == pytest.approx(0.0)
    assert desk.venues[SPOT].position() == -7


def test_a_hedge_that_filled_before_its_answer_was_lost_is_not_repeated() -> None:
    desk = Desk().open()
    desk.trade(PERP, Side.BUY, 7, settle=False)
    desk.carry()
    spot = desk.venues[SPOT]
    lost = spot.answers.pop(0).request
    streamed, spot.stream = list(spot.stream), []
    desk.hear(spot.lost(lost))
    calm(desk, 500)
    for event in streamed:
        desk.hear(event)
    calm(desk, 3_000)
    assert spot.position() == -7
    assert desk.delta() == pytest.approx(0.0)
    assert desk.engine.groups[0].sent == 1


def test_a_hedge_whose_last_message_was_lost_is_asked_for() -> None:
    """It counted as in flight until the next picture."""
    desk = Desk().open()
    desk.book(SPOT, 600_000, 600_010, bid_lots=3)
    desk.venues[SPOT].silent = True
    desk.trade(PERP, Side.BUY, 3)
    desk.venues[SPOT].silent = False
    desk.venues[SPOT].take(desk.commands[-2] if desk.commands[-1].market == PERP else desk.commands[-1])
    ack = desk.venues[SPOT].answers.pop(0).event
    desk.venues[SPOT].stream.clear()  # the fill and the end
    desk.hear(ack)
    calm(desk, 5_000)
    for event in desk.venues[SPOT].fill_history():
        desk.hear(event)
    calm(desk, 300)
    assert desk.engine.execution.table.exposure_of(SPOT)["open_orders"] == 0
    assert desk.venues[SPOT].position() == -3
    assert desk.delta() == pytest.approx(0.0)


def test_a_backlog_pulls_the_quotes_and_they_come_back_when_it_is_hedged() -> None:
    desk = Desk(risk={"resume_after_s": "1"}).open()
    desk.command("trading", venue=1, up=False)
    desk.trade(PERP, Side.BUY, 7)
    assert len(desk.quotes()) == 4
    calm(desk, 1_100)
    assert desk.engine.limits.level == RiskLevel.PULL_QUOTES
    assert desk.quotes() == []
    desk.command("trading", venue=1, up=True)
    desk.reconcile(1)
    desk.settle()
    assert desk.delta() == pytest.approx(0.0)
    calm(desk, 1_300)
    assert desk.engine.limits.level == RiskLevel.NORMAL
    assert len(desk.quotes()) == 4


def test_a_backlog_beyond_its_size_pulls_at_once() -> None:
    desk = Desk(hedge={"max_backlog": "0.005", "max_backlog_ms": "60000"}).open()
    desk.command("trading", venue=1, up=False)
    desk.trade(PERP, Side.BUY, 7)
    calm(desk, 100)
    assert desk.quotes() == []


def test_passive_first_rests_at_the_touch_and_takes_at_the_deadline() -> None:
    desk = Desk(hedge=PASSIVE).open()
    desk.trade(PERP, Side.BUY, 7)
    assert desk.quotes(SPOT) == [(Side.SELL, 600_010)]
    calm(desk, 900)
    assert desk.quotes(SPOT) == [(Side.SELL, 600_010)]
    calm(desk, 200)
    assert desk.quotes(SPOT) == []
    assert desk.delta() == pytest.approx(0.0)


def test_a_passive_hedge_that_fills_costs_no_taker_fee_and_ends_the_gap() -> None:
    desk = Desk(hedge=PASSIVE).open()
    desk.trade(PERP, Side.BUY, 7)
    desk.trade(SPOT, Side.SELL, 3)
    assert desk.delta() == pytest.approx(0.004)
    desk.trade(SPOT, Side.SELL, 4)
    assert desk.delta() == pytest.approx(0.0)
    assert desk.engine.groups[0].sent == 1
    desk.trade(PERP, Side.SELL, 2)  # the next gap begins passively again
    assert desk.quotes(SPOT) == [(Side.BUY, 600_000)]


def test_a_passive_hedge_that_would_cross_is_taken_instead() -> None:
    desk = Desk(hedge=PASSIVE).open()
    desk.venues[SPOT].touch = {0: 600_020, 1: 600_030}  # the venue's book has moved on, ours not yet
    desk.trade(PERP, Side.BUY, 7)
    assert desk.venues[SPOT].position() == -7
    assert desk.delta() == pytest.approx(0.0)


def test_our_own_quote_in_the_way_is_canceled_and_the_hedge_follows() -> None:
    """A hedge on a market that we also make was refused as a self-cross until the backlog pulled the quotes."""
    desk = Desk(hedge={"markets": "[perp2_btc]"}, second="maker", makers="perp_btc, perp2_btc").open()
    desk.book(PERP2, 600_000, 600_010)
    desk.settle()
    # Our bid on the second perpetual stands above what a sell hedge may reach down to.
    assert (0, 599_985) in desk.quotes(PERP2)
    sent = desk.trade(PERP, Side.BUY, 7, settle=False)
    assert [c.kind for c in sent if c.market == PERP2] == [CommandKind.CANCEL_ORDER] * 2
    desk.settle()
    assert desk.delta() == pytest.approx(0.0)
    assert desk.venues[PERP2].position() == -7
    assert len(desk.quotes(PERP2)) == 4
    assert desk.now_ns == desk.engine.now_ns  # all without waiting for a timer


def test_a_hedge_is_cut_to_what_the_gate_lets_pass() -> None:
    """One above the notional limit was refused for ever."""
    desk = Desk(risk={"max_order_notional": "300"}, params={"lots": 4}).open()
    desk.command("trading", venue=1, up=False)
    desk.trade(PERP, Side.BUY, 4)
    desk.trade(PERP, Side.BUY, 4)
    desk.command("trading", venue=1, up=True)
    desk.reconcile(1)
    assert [order["qty_lots"] for order in hedges(desk)] == [5]
    desk.settle()
    assert desk.delta() == pytest.approx(0.0)


def test_a_slippage_cap_wider_than_the_price_band_ends_at_the_band() -> None:
    desk = Desk(risk={"price_band_bps": "10"}, hedge={"max_slippage_bps": "200"}).open()
    desk.trade(PERP, Side.BUY, 7, settle=False)
    assert hedges(desk)[0]["price_ticks"] == math.ceil(600_005 * (1 - 0.001))


def test_hedging_goes_on_while_paused_and_while_stopping() -> None:
    desk = Desk().open()
    best = desk.venues[PERP].live(0)[0]
    desk.command("pause")
    desk.venues[PERP].trade(best, 3)  # filled before our cancel arrived
    desk.settle()
    assert desk.quotes() == []
    assert desk.delta() == pytest.approx(0.0)
    desk.command("resume")
    desk.settle()
    best = desk.venues[PERP].live(0)[0]
    desk.command("stop")
    desk.venues[PERP].trade(best, 3)
    desk.settle()
    assert desk.quotes() == []
    assert desk.delta() == pytest.approx(0.0)


def test_a_maker_order_that_fills_during_its_cancel_is_hedged() -> None:
    desk = Desk().open()
    order = max(desk.venues[PERP].live(0), key=lambda o: o.price)
    desk.command("pause")
    desk.venues[PERP].trade(order, order.remaining)
    desk.settle()
    assert desk.engine.markets[PERP].position_lots == 10
    assert desk.delta() == pytest.approx(0.0)


def test_fees_taken_in_the_base_asset_are_part_of_the_delta() -> None:
    desk = Desk().open()
    event = OrderEvent(
        kind=OrderEventKind.FILL, market=SPOT, owner=2, side=Side.BUY, last_price_ticks=600_000, last_qty_lots=100,
        trade_id=9, fee_e8=10_000, fee_asset=desk.assembly.asset_index("BTC"), maker=0,
    )  # fmt: skip
    desk.hear(event)
    assert desk.engine.markets[SPOT].net_delta == pytest.approx(0.1 - 0.0001)
    assert hedges(desk)[0]["qty_lots"] == 99


def test_the_plugin_moves_the_target() -> None:
    source = """
from mmbot.strategy import Market, Params, Strategy
class MoverParams(Params):
    pass
class Mover(Strategy):
    def on_timer(self, name: str) -> None:
        self.hedge_target("BTC", 0.01)
    def on_start(self) -> None:
        self.set_timer("go", after_s=0.1)
"""
    desk = Desk(source).open()
    assert desk.delta() == 0
    desk.tick()
    desk.settle()
    assert desk.delta() == pytest.approx(0.01)


def test_costs_of_hedging_are_offered_to_the_makers() -> None:
    desk = Desk().open()
    perp = desk.engine.markets[PERP]
    half_spread_bps = 5 / 600_005 * 1e4
    assert perp.hedge_buy_bps == pytest.approx(5.0 + half_spread_bps)
    assert perp.hedge_sell_bps == pytest.approx(5.0 + half_spread_bps)
    desk.book(SPOT, 600_000, 600_030)  # news of the hedge market alone
    assert perp.hedge_buy_bps == pytest.approx(5.0 + 15 / 600_015 * 1e4)
    desk.do("on_feed", 1, False, desk.now_ns)
    assert math.isnan(perp.hedge_buy_bps)
    desk.book(PERP, 600_010, 600_020)
    assert math.isnan(perp.hedge_buy_bps)


def test_a_silent_hedge_market_has_no_costs() -> None:
    desk = Desk().open()
    perp = desk.engine.markets[PERP]
    desk.now_ns += 10_000 * MS
    desk.book(PERP, 600_010, 600_020)
    desk.do("on_time", desk.now_ns)
    assert perp.trusted
    assert math.isnan(perp.hedge_buy_bps)


# --- inverse makers, which no venue of the config has yet -------------------------------------------------------------


def inverse_group() -> tuple[HedgeGroup, Market, Market]:
    perp = Instrument(
        venue="x", symbol="BTC/USD:BTC", venue_symbol="BTCUSD", base_asset="BTC", quote_asset="USD",
        settle_asset="BTC", tick_size="0.1", lot_size="1", contract_size="100", inverse=True,
    )  # fmt: skip
    spot = Instrument(
        venue="y", symbol="BTC/USDT", venue_symbol="BTCUSDT", base_asset="BTC", quote_asset="USDT",
        settle_asset="USDT", tick_size="0.1", lot_size="0.001", perpetual=False,
    )  # fmt: skip
    markets = (Market(0, "inverse", perp), Market(1, "spot", spot, maker=False))
    execution = Execution(OrderTable(2), RiskGate(), (RateBudget([(100, 10**9, 0, True)]),), [0, 0])
    return HedgeGroup("BTC", (markets[0],), (markets[1],), execution), *markets


def test_an_inverse_position_without_a_price_is_not_guessed_at() -> None:
    group, inverse, spot = inverse_group()
    assert inverse.net_delta == 0.0
    inverse.position.fill(Side.BUY, 500_000, 10)
    assert math.isnan(inverse.net_delta)
    assert inverse.lots(0.01) == 0
    assert math.isnan(group.cost(spot, Side.BUY, 0.01))


def test_a_group_needs_a_market_to_hedge_on() -> None:
    execution = Execution(OrderTable(2), RiskGate(), (RateBudget([(100, 10**9, 0, True)]),), [0, 0])
    with pytest.raises(ValueError, match="1 to 16 hedge markets"):
        HedgeGroup("BTC", (), (), execution)


def test_one_at_a_time_waits_for_the_answer() -> None:
    desk = Desk(hedge={"one_at_a_time": "true"}).open()
    desk.trade(PERP, Side.BUY, 3, settle=False)
    assert [order["qty_lots"] for order in hedges(desk)] == [3]
    desk.trade(PERP, Side.BUY, 2, settle=False)
    assert hedges(desk) == []
    desk.settle()
    assert desk.delta() == pytest.approx(0.0)


def test_a_long_hedge_pays_the_funding_that_a_short_one_receives() -> None:
    desk = Desk(hedge={"markets": "[perp2_btc, spot_btc]"}, second="hedge").open()
    group, perp = desk.engine.groups[0], desk.engine.markets[PERP2]
    before = [group.cost(perp, side, 0.01) for side in (Side.BUY, Side.SELL)]
    maker = desk.engine.markets[PERP]
    assert before == pytest.approx([maker.hedge_buy_bps, maker.hedge_sell_bps])
    message = (
        b'{"e":"markPriceUpdate","E":1562305380000,"s":"%s","p":"60001.50000000","i":"60000.25000000",'
        b'"P":"60002.00000000","r":"0.00030000","T":1562306400000}'
    ) % perp.instrument.venue_symbol.encode()
    desk.do("on_frame", 0, message, desk.now_ns)
    after = [group.cost(perp, side, 0.01) for side in (Side.BUY, Side.SELL)]
    assert [b - a for a, b in zip(before, after, strict=True)] == pytest.approx([3.0, -3.0])
    assert after == pytest.approx([maker.hedge_buy_bps, maker.hedge_sell_bps])

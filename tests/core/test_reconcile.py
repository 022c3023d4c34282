"""Reconciliation: what the venue says against what we believe, under the races between question and answer."""

from __future__ import annotations

import pytest
from engine_desk import BTC_E8, PERP, PERP2, SPOT, Desk

from mmbot._core.limits import Cause, RiskLevel
from mmbot._core.types import CommandKind, OrderEvent, OrderEventKind, OrderState, Owner, Side
from mmbot.assembly import Restored

LOT_E8 = BTC_E8 // 1000


def holdings(desk: Desk, **changed: int) -> dict[str, list[list[object]]]:
    """What the futures venue holds, in lots, with one market's amount changed."""
    lots = {"perp": desk.venues[PERP].position(), "perp2": desk.venues[PERP2].position()} | changed
    return {"holdings": [[PERP, lots["perp"] * LOT_E8, "60000"], [PERP2, lots["perp2"] * LOT_E8, "60000"]]}


def orphan(venue_order_id: int, **fields: int) -> dict[str, int]:
    event = OrderEvent(
        kind=OrderEventKind.STATUS, market=PERP, owner=Owner.OURS_BEFORE, venue_order_id=venue_order_id, side=Side.BUY,
        state=OrderState.LIVE, price_ticks=599_000, qty_lots=10, cum_filled_lots=0,
    )  # fmt: skip
    return event.as_dict() | fields


def test_an_order_of_an_earlier_session_is_canceled_at_sight() -> None:
    desk = Desk().open()
    sent = desk.reconcile(0, orders=[orphan(555)])
    cancels = [c for c in sent if c.kind == CommandKind.CANCEL_ORDER]
    assert [(c.venue_order_id, c.order_num) for c in cancels] == [(555, 0)]
    assert desk.engine.reconciler.orphans == 1
    exposure = desk.engine.execution.table.exposure_of(PERP)
    assert exposure["buy_lots"] == 2 * 10 + 10  # until it is gone it may fill
    gone = OrderEvent(
        kind=OrderEventKind.CANCEL, market=PERP, owner=Owner.OURS_BEFORE, venue_order_id=555, cum_filled_lots=0
    )
    desk.hear(gone)
    assert desk.engine.execution.table.exposure_of(PERP)["buy_lots"] == 2 * 10


def test_an_orphan_that_fills_before_its_cancel_is_booked_and_hedged() -> None:
    desk = Desk().open()
    desk.reconcile(0, orders=[orphan(555)])
    desk.hear(
        OrderEvent(
            kind=OrderEventKind.FILL,
            market=PERP,
            owner=Owner.OURS_BEFORE,
            venue_order_id=555,
            side=Side.BUY,
            last_price_ticks=599_000,
            last_qty_lots=4,
            trade_id=901,
            cum_filled_lots=4,
            qty_lots=10,
        )
    )
    assert desk.engine.markets[PERP].position_lots == 4
    assert [c.qty_lots for c in desk.sent if c.market == SPOT] == [4]


def test_an_order_that_the_venue_does_not_list_is_asked_for_by_name() -> None:
    desk = Desk().open()
    desk.tick()
    desk.tick()
    order = desk.venues[PERP].live(0)[0]
    order.state = OrderState.CANCELED  # and nobody said so
    desk.reconcile(0)
    assert [(c.kind, c.order_num) for c in desk.sent] == [(CommandKind.QUERY_ORDER, order.num)]
    assert desk.engine.reconciler.suspected == 1
    desk.settle()
    desk.tick()
    desk.settle()
    assert len(desk.quotes()) == 4
    assert order.num not in {o.num for o in desk.venues[PERP].live()}


def test_an_order_placed_after_the_question_is_not_missed() -> None:
    desk = Desk().open()
    asked = (desk.engine.seq, desk.engine.now_ns)
    orders: list[dict[str, int]] = []
    desk.command("pause")
    desk.settle()
    desk.tick()
    desk.command("resume")
    desk.settle()
    desk.reconcile(0, asked=asked, orders=orders)
    assert desk.engine.reconciler.suspected == 0


def test_an_order_open_at_the_venue_that_we_hold_for_ended_is_canceled() -> None:
    """It was ignored: nobody would ever have canceled it."""
    desk = Desk().open()
    order = desk.venues[PERP].live(0)[0]
    event = desk.venues[PERP].event(OrderEventKind.CANCEL, order)
    desk.hear(event)  # a lie
    desk.settle()
    desk.tick()
    desk.tick()
    desk.reconcile(0)
    assert [(c.kind, c.order_num) for c in desk.sent] == [(CommandKind.CANCEL_ORDER, order.num)]
    assert desk.engine.reconciler.strays == 1
    assert not desk.engine.venue_states.was_conclusive(0)
    desk.settle()
    desk.tick()
    desk.reconcile(0)
    assert desk.engine.venue_states.was_conclusive(0)
    assert len(desk.quotes()) == 4


def test_a_holding_that_does_not_add_up_twice_pulls_the_quotes_and_says_so() -> None:
    desk = Desk(risk={"resume_after_s": "1"}).open()
    desk.reconcile(0, **holdings(desk, perp=3))
    assert desk.engine.limits.level == RiskLevel.NORMAL
    assert not desk.engine.venue_states.was_conclusive(0)
    desk.tick()
    desk.reconcile(0, **holdings(desk, perp=3))
    desk.settle()
    assert Cause.POSITION_MISMATCH.name in desk.engine.limits.breached()
    assert desk.engine.reconciler.mismatch == 3 * LOT_E8
    assert desk.quotes() == []
    assert any("the venue holds 300000, expected 0" in note for note in desk.notes)
    desk.tick()
    desk.reconcile(0)
    for _ in range(12):
        desk.tick()
        desk.book(PERP, 600_000, 600_010)
        desk.settle()
    assert len(desk.quotes()) == 4


def test_a_difference_that_changes_between_looks_is_no_mismatch_yet() -> None:
    desk = Desk().open()
    desk.reconcile(0, **holdings(desk, perp=3))
    desk.reconcile(0, **holdings(desk, perp=4))
    assert desk.engine.reconciler.mismatch == 0
    desk.reconcile(0, **holdings(desk, perp=4))
    assert desk.engine.reconciler.mismatch == 4 * LOT_E8


def test_a_fill_between_the_looks_starts_the_count_anew() -> None:
    desk = Desk().open()
    desk.reconcile(0, **holdings(desk, perp=3))
    desk.trade(PERP, Side.BUY, 2)
    desk.reconcile(0, **holdings(desk, perp=desk.venues[PERP].position() + 3))
    assert desk.engine.reconciler.mismatch == 0


def test_a_picture_taken_while_a_fill_came_is_inconclusive() -> None:
    desk = Desk().open()
    asked = (desk.engine.seq, desk.engine.now_ns)
    desk.trade(PERP, Side.BUY, 2)
    desk.reconcile(0, asked=asked, **holdings(desk, perp=0))
    assert desk.engine.reconciler.inconclusive == 1
    assert not desk.engine.venue_states.was_conclusive(0)
    assert desk.engine.venue_states.take_pictures_wanted() == [0]
    desk.reconcile(0)
    assert desk.engine.venue_states.was_conclusive(0)
    assert desk.engine.limits.level == RiskLevel.NORMAL


def test_fills_known_to_be_missing_make_a_picture_inconclusive() -> None:
    desk = Desk().open()
    order = desk.venues[PERP].live(0)[0]
    desk.venues[PERP].trade(order, 4)
    lost = desk.venues[PERP].stream.pop()
    desk.tick()
    desk.tick()
    desk.reconcile(0)
    assert not desk.engine.venue_states.was_conclusive(0)
    desk.tick(1_100)
    assert 0 in desk.engine.venue_states.take_pictures_wanted()
    for event in desk.venues[PERP].fill_history():
        desk.hear(event)
    desk.hear(lost)
    desk.settle()
    assert desk.engine.markets[PERP].position_lots == 4
    assert desk.delta() == pytest.approx(0.0)
    desk.tick()
    desk.reconcile(0)
    assert desk.engine.venue_states.was_conclusive(0)


def test_spot_holdings_from_before_are_left_alone() -> None:
    desk = Desk().open()
    assert desk.engine.reconciler.baselines()[SPOT] == 0
    desk = Desk()
    desk.do("on_feed", 1, True, desk.now_ns)
    desk.command("trading", venue=1, up=True)
    desk.reconcile(1, holdings=[[SPOT, 7 * BTC_E8 + 11, "0"]])
    assert desk.engine.venue_states.was_conclusive(1)
    assert desk.engine.reconciler.baselines()[SPOT] == 7 * BTC_E8 + 11
    assert desk.engine.markets[SPOT].position_lots == 0
    assert desk.engine.markets[SPOT].net_delta == 0
    desk.reconcile(1, holdings=[[SPOT, 7 * BTC_E8 + 11 + LOT_E8, "0"]])
    assert not desk.engine.venue_states.was_conclusive(1)


def test_a_perpetuals_position_from_before_is_taken_over_and_hedged() -> None:
    desk = Desk()
    for feed in (0, 1):
        desk.do("on_feed", feed, True, desk.now_ns)
    for market in (PERP, PERP2, SPOT):
        desk.snapshot(market)
    for venue in (0, 1):
        desk.command("trading", venue=venue, up=True)
    desk.reconcile(0, **holdings(desk, perp=-5))
    assert not desk.engine.venue_states.was_conclusive(0)  # without a price its value is not known yet
    for market in (PERP, PERP2, SPOT):
        desk.book(market, 600_000, 600_010)
    desk.reconcile(0, **holdings(desk, perp=-5))
    assert desk.engine.markets[PERP].position_lots == -5
    assert desk.engine.markets[PERP].position.entry_price == 60_000
    assert any("took over a position of -5 lots" in note for note in desk.notes)
    desk.reconcile(1)
    desk.settle()
    assert desk.venues[SPOT].position() == 5
    assert desk.delta() == pytest.approx(0.0)


def test_a_known_baseline_makes_a_missed_trade_show() -> None:
    restored = {"perp_btc": Restored(lots=4, entry_price="59000", baseline_e8=0)}
    desk = Desk(restored=restored)
    desk.do("on_feed", 0, True, desk.now_ns)
    desk.command("trading", venue=0, up=True)
    desk.reconcile(0, **holdings(desk, perp=6))
    desk.tick()
    desk.reconcile(0, **holdings(desk, perp=6))
    assert desk.engine.reconciler.holding_of(PERP) == (2 * LOT_E8, 2, 0)
    assert desk.engine.limits.level == RiskLevel.PULL_QUOTES
    assert not desk.engine.markets[PERP].trading


def test_fees_in_the_base_asset_are_expected_to_be_missing() -> None:
    desk = Desk().open()
    btc = desk.assembly.asset_index("BTC")
    fill = OrderEvent(
        kind=OrderEventKind.FILL, market=SPOT, owner=Owner.OURS_BEFORE, side=Side.BUY, last_price_ticks=600_000,
        last_qty_lots=10, trade_id=4, fee_e8=1_000, fee_asset=btc, maker=1,
    )  # fmt: skip
    desk.hear(fill)
    desk.reconcile(1, holdings=[[SPOT, 10 * LOT_E8 - 1_000, "0"]])
    assert desk.engine.reconciler.holding_of(SPOT)[0] == 0


def test_pictures_of_one_venue_say_nothing_of_another() -> None:
    desk = Desk().open()
    desk.reconcile(0, **holdings(desk, perp=3))
    desk.reconcile(1)
    assert (desk.engine.venue_states.was_conclusive(0), desk.engine.venue_states.was_conclusive(1)) == (False, True)

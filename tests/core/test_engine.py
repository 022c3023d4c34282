"""The engine as a whole: trust, levels and how they are left, stop, margin, journal."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from engine_desk import BTC_E8, MS, PERP, PERP2, SPOT, START_NS, Desk

from mmbot._core.eventlog import EventRing
from mmbot._core.limits import Cause, RiskLevel
from mmbot._core.types import CommandKind, OrderEvent, OrderEventKind, OrderState, Purpose, Side
from mmbot.assembly import Restored

if TYPE_CHECKING:
    from pathlib import Path


def calm(desk: Desk, ms: int, *, books: tuple[int, ...] = (PERP, PERP2, SPOT), step: int = 100) -> None:
    """Let time pass on standing books."""
    for _ in range(ms // step):
        desk.tick(step)
        for market in books:
            venue = desk.venues[market]
            desk.book(market, venue.touch[0], venue.touch[1], venue.lots[0], venue.lots[1])
        desk.settle()


def placed(desk: Desk, purpose: int | None = None) -> list[Any]:
    """PLACE commands of the last event."""
    return [c for c in desk.sent if c.kind == CommandKind.PLACE and purpose in (None, c.purpose)]


# --- trust ------------------------------------------------------------------------------------------------------------


def test_nothing_is_placed_before_book_venue_and_picture_are_right() -> None:
    desk = Desk()
    desk.do("on_feed", 0, True, desk.now_ns)
    desk.snapshot(PERP)
    desk.book(PERP, 600_000, 600_010)
    assert desk.engine.markets[PERP].trusted
    assert not placed(desk)
    desk.command("trading", venue=0, up=True)
    assert not placed(desk)
    desk.reconcile(0)
    assert len(placed(desk)) == 4


def test_a_picture_asked_for_before_a_reconnection_does_not_count() -> None:
    """It once let quotes out whose orders and fills nobody had looked for."""
    desk = Desk().open()
    asked = (desk.engine.seq, desk.engine.now_ns)
    desk.command("trading", venue=0, up=False)
    desk.command("trading", venue=0, up=True)
    desk.settle()
    desk.reconcile(0, asked=asked)
    assert not desk.engine.markets[PERP].trading
    assert desk.quotes() == []
    desk.reconcile(0)
    desk.settle()
    assert len(desk.quotes()) == 4


@pytest.mark.parametrize("how", ["gap", "feed down", "crossed", "silence"])
def test_a_book_in_doubt_is_not_quoted_on_and_heals_by_itself(how: str) -> None:
    desk = Desk().open()
    if how == "gap":
        desk.update_id[PERP] += 5
        desk.book(PERP, 600_000, 600_010)
        assert CommandKind.RESYNC in [c.kind for c in desk.sent]
    elif how == "feed down":
        desk.do("on_feed", 0, False, desk.now_ns)
    elif how == "crossed":
        desk.book(PERP, 600_020, 600_010)
    else:
        calm(desk, 3_100, books=(PERP2, SPOT))
    assert not desk.engine.markets[PERP].trusted
    desk.tick()
    assert not placed(desk)
    desk.settle()
    if how == "feed down":
        assert desk.quotes() == []
        desk.do("on_feed", 0, True, desk.now_ns)
    desk.settle()
    desk.book(PERP, 600_000, 600_010)
    desk.settle()
    calm(desk, 11_000)
    assert desk.engine.markets[PERP].trusted
    assert len(desk.quotes()) == 4


def test_frames_that_make_no_sense_are_counted_and_harm_nothing() -> None:
    desk = Desk().open()
    before = desk.quotes()
    for payload in (
        b"",
        b"{",
        b"\xff\xfe",
        b'{"e":"depthUpdate","s":"BTCUSDT","U":1',
        b"[1,2]",
        b'{"e":"depthUpdate"}',
    ):
        desk.do("on_frame", 0, payload, desk.now_ns)
    assert desk.engine.market_data.bad_frames >= 4
    desk.settle()
    assert desk.quotes() == before
    with pytest.raises(IndexError, match="feed 7"):
        desk.engine.on_frame(7, b"{}", desk.now_ns)


def test_a_snapshot_that_makes_no_sense_is_asked_for_again() -> None:
    desk = Desk()
    desk.do("on_feed", 0, True, desk.now_ns)
    desk.book(PERP, 600_000, 600_010)
    desk.do("on_snapshot", PERP, b'{"code":-1003}', desk.now_ns)
    assert [c.kind for c in desk.sent] == [CommandKind.RESYNC]
    assert any("snapshot not understood" in note for note in desk.notes)


def test_frames_may_be_views_of_memory() -> None:
    desk = Desk().open()
    desk.engine.on_frame(0, memoryview(b'{"e":"nothing"}'), desk.now_ns)
    with pytest.raises(TypeError):
        desk.engine.on_frame(0, "text", desk.now_ns)


def test_time_never_goes_back() -> None:
    desk = Desk().open()
    desk.tick(1000)
    desk.do("on_time", desk.now_ns - 500 * MS)
    assert desk.engine.now_ns == desk.now_ns


# --- pause, stop ------------------------------------------------------------------------------------------------------


def test_pause_pulls_the_quotes_of_a_market_and_resume_brings_them_back() -> None:
    desk = Desk(second="maker", makers="perp_btc, perp2_btc").open()
    desk.command("pause", market=PERP)
    desk.settle()
    assert (desk.quotes(PERP), len(desk.quotes(PERP2))) == ([], 4)
    calm(desk, 1_000)
    assert desk.quotes(PERP) == []
    desk.command("resume", market=PERP)
    desk.settle()
    assert len(desk.quotes(PERP)) == 4


def test_after_stop_nothing_is_quoted_again() -> None:
    desk = Desk().open()
    desk.command("stop")
    desk.settle()
    assert desk.quotes() == []
    for _ in range(20):
        desk.tick(500)
        desk.book(PERP, 601_000, 601_010)
        assert not placed(desk)
    desk.command("resume")
    assert not placed(desk)
    desk.command("stop")
    assert desk.engine.stopping


def test_an_unknown_command_changes_nothing() -> None:
    desk = Desk().open()
    seq = desk.engine.seq
    with pytest.raises(ValueError, match="unknown command 'dance'"):
        desk.engine.on_command(b'{"op": "dance"}', desk.now_ns)
    assert desk.engine.seq == seq


# --- orders -----------------------------------------------------------------------------------------------------------


def test_orders_of_others_are_never_touched() -> None:
    desk = Desk().open()
    before = desk.engine.execution.table.exposure_of(PERP)
    desk.hear(OrderEvent(kind=OrderEventKind.ACK, market=PERP, owner=0, venue_order_id=77, price_ticks=1, qty_lots=1))
    desk.hear(
        OrderEvent(kind=OrderEventKind.FILL, market=PERP, owner=0, venue_order_id=77, last_qty_lots=5, trade_id=3)
    )
    assert desk.engine.order_flow.foreign == 2
    assert desk.engine.markets[PERP].position_lots == 0
    assert desk.engine.execution.table.exposure_of(PERP) == before
    assert not desk.sent


def test_an_order_without_an_answer_is_asked_for_and_counts_until_then() -> None:
    desk = Desk(params={"levels": 1})
    desk.venues[PERP].silent = True
    desk.open()
    assert desk.engine.execution.table.exposure_of(PERP)["open_orders"] == 2
    calm(desk, 3_100)
    assert [c.kind for c in desk.commands if c.market == PERP].count(CommandKind.QUERY_ORDER) == 2
    exposure = desk.engine.execution.table.exposure_of(PERP)
    assert (exposure["unknown_orders"], exposure["buy_lots"], exposure["sell_lots"]) == (2, 10, 10)
    assert desk.engine.order_flow.unknown == 2
    calm(desk, 3_000)
    assert not [c for c in desk.sent if c.kind == CommandKind.PLACE]  # none is stacked on top of them
    desk.venues[PERP].silent = False
    calm(desk, 30_000)
    assert len(desk.quotes()) == 2


def test_a_fill_is_booked_once_whatever_comes_twice() -> None:
    desk = Desk().open()
    order = desk.venues[PERP].live(0)[0]
    desk.venues[PERP].trade(order, 4)
    event = desk.venues[PERP].stream.pop()
    for _ in range(3):
        desk.hear(event)
    desk.settle()
    assert (desk.engine.order_flow.fills, desk.engine.markets[PERP].position_lots) == (2, 4)
    assert [fill.trade_id for fill in desk.fills if fill.market == PERP] == [event.as_dict()["trade_id"]]


def test_a_fill_during_an_amend_does_not_overfill() -> None:
    desk = Desk(params={"levels": 1}).open()
    order = desk.venues[PERP].live(0)[0]
    desk.book(PERP, 600_100, 600_110)
    desk.venues[PERP].trade(order, 6)  # before the amend arrives
    desk.settle()
    assert sum(o.remaining for o in desk.venues[PERP].live(0)) == 10
    assert desk.engine.markets[PERP].position_lots == 6


# --- levels -----------------------------------------------------------------------------------------------------------


def test_a_reject_streak_pulls_the_quotes_in_its_own_event_and_heals() -> None:
    """The gate learnt of it at the next timer only."""
    desk = Desk(risk={"max_reject_streak": "4", "resume_after_s": "1"})
    desk.venues[PERP].refuse_next = 4
    desk.open()
    assert desk.engine.order_flow.rejected == 4
    assert desk.engine.limits.level == RiskLevel.PULL_QUOTES == desk.engine.execution.gate.level
    assert desk.quotes() == []
    desk.command("resume")
    desk.settle()
    assert len(desk.quotes()) == 4


def test_the_same_reject_heard_twice_counts_once() -> None:
    desk = Desk()
    desk.venues[PERP].refuse_next = 1
    desk.open()
    assert desk.engine.order_flow.rejected == 1
    assert desk.engine.order_flow.acked == 4
    num = next(c.order_num for c in desk.commands if c.kind == CommandKind.PLACE)
    desk.hear(OrderEvent(kind=OrderEventKind.REJECT, market=PERP, order_num=num, request=1))
    assert desk.engine.order_flow.rejected == 1


def test_daily_loss_flattens_and_waits_for_a_person() -> None:
    desk = Desk(hedge={"band": "1"}, risk={"max_daily_loss": "50", "max_drawdown": "10000"}).open()
    desk.trade(PERP, Side.BUY, 10)
    for step in range(1, 12):
        desk.tick()
        desk.book(PERP, 600_000 - step * 6_000, 600_010 - step * 6_000)
        desk.settle()
    assert Cause.DAILY_LOSS.name in desk.engine.limits.breached()
    calm(desk, 1_000)
    assert desk.engine.limits.level == RiskLevel.FLATTEN
    assert desk.engine.markets[PERP].position_lots == 0
    assert desk.quotes() == []
    flattening = [c for c in desk.commands if c.purpose == Purpose.FLATTEN]
    assert flattening
    assert all(c.reduce_only for c in flattening)
    calm(desk, 20_000)
    assert desk.quotes() == []
    desk.command("resume")
    desk.settle()
    assert desk.engine.limits.level == RiskLevel.NORMAL
    assert len(desk.quotes()) == 4


def test_flatten_closes_hedges_too_and_both_legs_end_flat() -> None:
    desk = Desk().open()
    desk.trade(PERP, Side.BUY, 10)
    assert desk.engine.markets[SPOT].position_lots == -10
    desk.command("level", level=int(RiskLevel.FLATTEN))
    desk.settle()
    calm(desk, 500)
    assert [m.position_lots for m in desk.engine.markets] == [0, 0, 0]
    assert [venue.position() for venue in desk.venues] == [0, 0, 0]


def test_flatten_works_within_the_price_band() -> None:
    """A flattening order beyond the band was refused for ever."""
    desk = Desk(risk={"price_band_bps": "30"}, hedge={"band": "1"}).open()
    desk.trade(PERP, Side.BUY, 10)
    desk.command("level", level=int(RiskLevel.FLATTEN))
    desk.settle()
    calm(desk, 300)
    assert desk.engine.markets[PERP].position_lots == 0


def test_reduce_only_quotes_the_side_that_reduces_and_no_more_than_is_held() -> None:
    desk = Desk(hedge={"band": "1"}).open()
    desk.trade(PERP, Side.BUY, 7)
    desk.command("level", level=int(RiskLevel.REDUCE_ONLY))
    desk.settle()
    live = desk.venues[PERP].live()
    assert {order.side for order in live} == {Side.SELL}
    assert sum(order.remaining for order in live) == 7
    desk.trade(PERP, Side.SELL, 7)
    calm(desk, 300)
    assert desk.quotes() == []
    assert desk.engine.markets[PERP].position_lots == 0


def test_pull_quotes_goes_on_hedging() -> None:
    desk = Desk().open()
    order = desk.venues[PERP].live(0)[0]
    desk.command("level", level=int(RiskLevel.PULL_QUOTES))
    desk.venues[PERP].trade(order, 5)
    desk.settle()
    assert desk.quotes() == []
    assert desk.delta() == pytest.approx(0.0)


def test_halt_sends_cancels_and_nothing_else() -> None:
    desk = Desk().open()
    order = desk.venues[PERP].live(0)[0]
    sent = len(desk.commands)
    desk.command("level", level=int(RiskLevel.HALT))
    desk.venues[PERP].trade(order, 5)
    desk.settle()
    calm(desk, 2_000)
    assert desk.quotes() == []
    assert {c.kind for c in desk.commands[sent:]} == {CommandKind.CANCEL_ORDER}
    assert desk.delta() == pytest.approx(0.005)
    desk.command("resume")
    desk.settle()
    calm(desk, 300)
    assert desk.delta() == pytest.approx(0.0)


def test_stale_data_is_a_breach_that_heals_with_time() -> None:
    desk = Desk(risk={"resume_after_s": "2"}).open()
    calm(desk, 3_200, books=(PERP2, SPOT))
    assert Cause.STALE_DATA.name in desk.engine.limits.breached()
    assert desk.quotes() == []
    calm(desk, 1_000)
    assert desk.quotes() == []
    calm(desk, 2_000)
    assert len(desk.quotes()) == 4


def test_a_clock_too_far_off_pulls_the_quotes() -> None:
    desk = Desk(risk={"max_clock_skew_ms": "500", "resume_after_s": "1"}).open()
    desk.command("clock", venue=0, offset_ns=-700 * MS)
    desk.settle()
    assert desk.quotes() == []
    desk.command("clock", venue=0, offset_ns=20 * MS)
    calm(desk, 1_500)
    assert len(desk.quotes()) == 4


# --- margin -----------------------------------------------------------------------------------------------------------


def wallet(desk: Desk, usdt: float) -> None:
    event = {"op": "balance", "venue": 0, "asset": 0, "wallet_e8": round(usdt * 1e8)}
    desk.do("on_account", json.dumps(event).encode(), desk.now_ns)


def test_orders_that_bring_liquidation_too_near_are_refused() -> None:
    """Nobody told the gate the equity, so this check never ran."""
    desk = Desk(margin={"perp_btc": [("0", "0.004")]}, params={"levels": 1})
    wallet(desk, 50.0)  # against 600 USDT a side: 8 %, and 7.1 % of a move and 0.4 % of maintenance fit in
    desk.open()
    assert len(desk.quotes()) == 2
    wallet(desk, 40.0)
    desk.trade(PERP, Side.BUY, 10)
    calm(desk, 200)
    assert desk.engine.execution.gate.refusals_by_reason()["LIQUIDATION"] > 0
    assert [side for side, _ in desk.quotes()] == [Side.SELL]
    wallet(desk, 400.0)
    calm(desk, 600)
    assert len(desk.quotes()) == 2


def test_equity_is_wallet_and_what_all_positions_of_it_gained() -> None:
    desk = Desk(hedge={"band": "1"}).open()
    wallet(desk, 1_000.0)
    desk.trade(PERP, Side.BUY, 10)
    desk.book(PERP, 601_000, 601_010)
    desk.tick()
    gained = (601_005 - 599_985) * 0.1 * 0.010
    state = desk.engine.execution.gate.market_state(PERP)
    assert state["equity"] == pytest.approx(1_000.0 + gained, abs=0.01)
    assert state["other_maintenance"] == 0
    assert state["limits"]["shock"] == pytest.approx(1.02 * 1.05 - 1)


def test_wallets_come_with_pictures_too() -> None:
    desk = Desk().open()
    desk.reconcile(0, wallets=[[0, 123 * 10**8]])
    assert desk.engine.execution.gate.market_state(PERP)["equity"] == pytest.approx(123.0)


def test_without_tiers_of_the_venue_cautious_ones_stand_in() -> None:
    desk = Desk()
    margin = desk.engine.execution.gate.market_state(PERP)["margin"]
    assert margin["mmr"][:2] == [0.05, 0.10]
    assert not desk.engine.execution.gate.market_state(SPOT)["has_margin"]


# --- account, restart, journal ----------------------------------------------------------------------------------------


def test_funding_reaches_position_and_pnl() -> None:
    desk = Desk().open()
    desk.do("on_account", b'{"op": "funding", "market": 0, "amount_e8": -250000000, "asset": 0}', desk.now_ns)
    desk.tick()
    assert desk.engine.markets[PERP].position.funding_e8 == -250_000_000
    assert desk.engine.limits.pnl_e8 == -250_000_000


def test_a_restart_begins_with_the_ledgers_position_and_knows_its_trades() -> None:
    restored = {
        "perp_btc": Restored(lots=10, entry_price="59900.5", trade_ids=[(0, 71), (0, 72)], baseline_e8=0),
        "spot_btc": Restored(lots=-10, entry_price="59900.5", base_fees_e8=0, baseline_e8=5 * BTC_E8),
    }
    desk = Desk(restored=restored)
    assert [m.position_lots for m in desk.engine.markets] == [10, 0, -10]
    assert desk.delta() == 0
    missed = OrderEvent(
        kind=OrderEventKind.FILL, market=PERP, owner=2, venue_order_id=5, side=0, last_price_ticks=599_005,
        last_qty_lots=10, trade_id=72,
    )  # fmt: skip
    desk.hear(missed)
    assert desk.engine.markets[PERP].position_lots == 10
    desk.hear(OrderEvent(**{**missed.as_dict(), "trade_id": 73, "last_qty_lots": 3}))
    assert desk.engine.markets[PERP].position_lots == 13
    with pytest.raises(RuntimeError, match="before the first event"):
        desk.engine.restore(0, 1, "1", 0)


def test_a_journal_that_cannot_be_written_halts() -> None:
    ring = EventRing(1 << 20)
    desk = Desk(ring=ring).open()
    assert len(desk.quotes()) == 4
    ring.fail(28)
    desk.tick()
    desk.settle()
    assert desk.engine.limits.level == RiskLevel.HALT
    assert desk.quotes() == []
    assert any("journal cannot be written" in note for note in desk.notes)
    desk.book(PERP, 600_100, 600_110)
    assert not placed(desk)


def test_events_and_commands_are_journalled(tmp_path: Path) -> None:
    ring = EventRing(1 << 20)
    fd = os.open(tmp_path / "journal", os.O_CREAT | os.O_RDWR)
    ring.attach(fd)
    desk = Desk(ring=ring).open()
    while ring.pending_bytes:
        ring.flush()
    os.close(fd)
    # START and the first SWAP come before the desk's own events
    assert ring.records == 2 + len(desk.events) + len(desk.commands)


def test_summary_of_the_day_starts_at_the_events_time() -> None:
    desk = Desk().open()
    desk.tick()
    assert desk.engine.limits.day == START_NS // (86_400 * 10**9)


def test_the_outcome_of_an_order_is_told_to_the_plugin() -> None:
    source = """
from mmbot.strategy import Market, OrderView, Params, Strategy
class ListenerParams(Params):
    pass
class Listener(Strategy):
    def on_start(self) -> None:
        self.heard = []
    def on_book(self, market: Market) -> None:
        self.quote(market, [(599_900, 5)])
    def on_order(self, market: Market, order: OrderView) -> None:
        self.heard.append((market.id, order.side, order.price_ticks, order.filled_lots, order.state))
"""
    desk = Desk(source).open()
    desk.trade(PERP, Side.BUY, 5)
    assert desk.engine.host.active.heard[:2] == [
        ("perp_btc", 0, 599_900, 0, OrderState.LIVE),
        ("perp_btc", 0, 599_900, 5, OrderState.FILLED),
    ]

"""Both connectors when things go wrong: every order request still ends in an event, and every socket comes back."""

from __future__ import annotations

import asyncio

import pytest
from desk import Desk, at_desk, exchange, until

from mmbot._core.types import CommandKind, OrderEventKind, OrderState
from mmbot.errors import RateLimited
from mmbot.sim.faults import Fault, FaultKind
from mmbot.sim.server_config import ConnectionRules

ACK, CANCEL, LOST = OrderEventKind.ACK, OrderEventKind.CANCEL, OrderEventKind.LOST


def query(desk: Desk, order_num: int) -> None:
    desk.venue.submit(desk.command(CommandKind.QUERY_ORDER, order_num))


@pytest.mark.parametrize("mode", ["error_503", "timeout", "close", "silence"])
async def test_an_order_whose_answer_is_lost_is_lost_and_then_found(desk: Desk, mode: str) -> None:
    """An order "lost" in a network error was later filled; nothing may be inferred from silence."""
    bid, _ = await desk.touch()
    desk.server.inject(Fault(kind=FaultKind.LOST_ACK, venue=desk.kind, mode=mode))
    await asyncio.sleep(0.05)
    desk.place(1, bid * 98 // 100)
    await until(lambda: LOST in desk.sink.kinds(1))
    assert OrderEventKind.REJECT not in desk.sink.kinds(1)
    await until(lambda: desk.sink.trading[-1])
    query(desk, 1)
    await until(lambda: desk.sink.of(OrderEventKind.STATUS, 1))
    assert desk.sink.of(OrderEventKind.STATUS, 1)[0]["state"] == OrderState.LIVE


@pytest.mark.parametrize("fault", [FaultKind.ABORT, FaultKind.DISCONNECT])
async def test_requests_in_flight_when_the_socket_breaks_are_all_lost(desk: Desk, fault: FaultKind) -> None:
    """Orders stuck in "canceling" after a 1006, and were not recovered after a 1000."""
    price = await desk.rest_order(1)
    desk.server.inject(Fault(kind=FaultKind.SLOW_ACK, venue=desk.kind, count=3, delay_ms=3000))
    await asyncio.sleep(0.05)
    desk.place(2, price - 1)
    desk.cancel(1)
    desk.place(3, price - 2)
    await asyncio.sleep(0.05)
    desk.server.inject(Fault(kind=fault, venue=desk.kind, target="orders", everywhere=True))
    await until(lambda: all(LOST in desk.sink.kinds(number) for number in (1, 2, 3)))
    await until(lambda: desk.sink.trading == [True, False, True])
    for number in (1, 2, 3):
        query(desk, number)
    await until(lambda: len(desk.sink.of(OrderEventKind.STATUS)) >= 3)
    states = {event["order_num"]: event["state"] for event in desk.sink.of(OrderEventKind.STATUS)}
    assert states == {1: OrderState.CANCELED, 2: OrderState.LIVE, 3: OrderState.LIVE}


async def test_a_late_answer_still_counts(desk: Desk) -> None:
    bid, _ = await desk.touch()
    desk.server.inject(Fault(kind=FaultKind.SLOW_ACK, venue=desk.kind, delay_ms=1500))
    await asyncio.sleep(0.05)
    desk.place(1, bid * 98 // 100)
    await until(lambda: LOST in desk.sink.kinds(1))
    before = len(desk.sink.of(ACK, 1))  # the user stream may have told of it already
    await until(lambda: len(desk.sink.of(ACK, 1)) == before + 1)


async def test_orders_go_over_rest_while_the_socket_is_gone(desk: Desk) -> None:
    price = await desk.rest_order(1)
    desk.venue._order_socket.reconnect("test")
    desk.place(2, price - 1)
    desk.cancel(1)
    await until(lambda: desk.sink.kinds(2) and len(desk.sink.kinds(1)) > 1)
    assert LOST not in desk.sink.kinds(1) + desk.sink.kinds(2)
    await until(lambda: desk.sink.trading[-1])
    assert [order.order_num for order in await desk.venue.open_orders()] == [2]


@pytest.mark.parametrize("fault", [FaultKind.ABORT, FaultKind.DISCONNECT])
async def test_feeds_come_back(desk: Desk, fault: FaultKind) -> None:
    desk.server.inject(Fault(kind=fault, venue=desk.kind, target="market", everywhere=True))
    feeds = range(len(desk.venue.feed_names))
    await until(lambda: all((feed, False) in desk.sink.feeds for feed in feeds))
    await until(lambda: all(desk.sink.feeds.count((feed, True)) == 2 for feed in feeds))
    count = len(desk.sink.frames)
    await until(lambda: len(desk.sink.frames) > count)
    assert desk.sink.trading == [True]


async def test_a_feed_that_is_silent_while_connected_is_replaced(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Feeds went stale while "connected", and bots went on quoting on yesterday's book."""
    import mmbot.venues.binance_spot.market_data as spot
    import mmbot.venues.binance_usdm.market_data as usdm

    for module in (spot, usdm):
        monkeypatch.setattr(module, "_DEPTH_SILENCE_S", 1.0)
    async with exchange() as server, at_desk(server, kind) as desk:
        await until(lambda: desk.sink.frames)
        server.inject(Fault(kind=FaultKind.STALE, venue=kind, target="market", everywhere=True, duration_ms=30_000))
        await until(lambda: (0, False) in desk.sink.feeds, 6.0)
        await until(lambda: desk.sink.feeds.count((0, True)) == 2)


@pytest.mark.parametrize("fault", [FaultKind.ABORT, FaultKind.DISCONNECT])
async def test_user_stream_comes_back_and_asks_for_reconciliation(desk: Desk, fault: FaultKind) -> None:
    target = "user" if desk.kind == "binance_usdm" else "orders"
    desk.server.inject(Fault(kind=fault, venue=desk.kind, target=target, everywhere=True))
    await until(lambda: desk.sink.trading == [True, False, True])
    await desk.rest_order(1)
    await until(lambda: len(desk.sink.of(ACK, 1)) == 2)  # answer and stream


async def test_an_account_event_that_makes_no_sense_leaves_the_order_socket_alone() -> None:
    """Spot has orders and events on one socket: orders in flight must not be lost for an odd event."""
    async with exchange() as server, at_desk(server, "binance_spot") as desk:
        desk.venue._pushed(b'{"e":"executionReport","s":"BTCUSDT"}')
        assert desk.sink.trading == [True, False, True], "the account is looked at anew"
        await desk.rest_order(1)
        assert desk.venue._order_socket.connections == 1


async def test_an_expired_listen_key_is_replaced() -> None:
    rules = ConnectionRules(listen_key_s=1.0)
    async with exchange(rules=rules) as server, at_desk(server, "binance_usdm") as desk:
        await until(lambda: desk.sink.trading[:3] == [True, False, True], 6.0)


async def test_connections_that_the_venue_ends_by_age_come_back(kind: str) -> None:
    async with exchange(rules=ConnectionRules(max_age_s=1.0)) as server, at_desk(server, kind) as desk:
        await until(lambda: desk.sink.feeds.count((0, True)) >= 2, 6.0)
        await until(lambda: desk.sink.trading.count(True) >= 2, 6.0)


async def test_a_429_pauses_places_and_delays_cancels(desk: Desk) -> None:
    price = await desk.rest_order(1)
    desk.server.inject(Fault(kind=FaultKind.RATE_LIMIT, venue=desk.kind, duration_ms=1200))
    await asyncio.sleep(0.05)
    desk.place(2, price)  # is answered 429
    await until(lambda: desk.sink.of(OrderEventKind.REJECT, 2))
    assert desk.venue.rate_usage()["paused_s"] > 0
    desk.place(3, price)  # refused here: nothing leaves
    desk.cancel(1)  # waits
    await until(lambda: desk.sink.of(OrderEventKind.REJECT, 3))
    assert desk.sink.of(OrderEventKind.REJECT, 3)[0]["reason"] == -1003
    assert CANCEL not in desk.sink.kinds(1)
    await until(lambda: desk.sink.trading == [True, False])
    await until(lambda: desk.sink.trading == [True, False, True], 15.0)
    assert desk.venue.rate_usage()["paused_s"] == 0
    assert ACK not in desk.sink.kinds(3)
    if not desk.sink.of(CANCEL, 1):  # the pause was longer than a request may wait
        assert desk.sink.of(OrderEventKind.CANCEL_REJECT, 1)
        desk.cancel(1)
    await until(lambda: CANCEL in desk.sink.kinds(1))


async def test_a_skewed_clock_is_measured_again(desk: Desk) -> None:
    price = await desk.rest_order(1)
    desk.server.inject(Fault(kind=FaultKind.CLOCK_SKEW, venue=desk.kind, skew_ms=7000, duration_ms=60_000))
    await asyncio.sleep(0.05)
    desk.place(2, price)
    await until(lambda: desk.sink.of(OrderEventKind.REJECT, 2))
    assert desk.sink.of(OrderEventKind.REJECT, 2)[0]["reason"] == -1021
    await until(lambda: desk.venue.clock_offset_ns > 6.5e9)
    desk.place(3, price)
    await until(lambda: ACK in desk.sink.kinds(3))
    assert len(await desk.venue.open_orders()) == 2


async def test_a_signed_rest_request_survives_a_skewed_clock(desk: Desk) -> None:
    desk.server.inject(Fault(kind=FaultKind.CLOCK_SKEW, venue=desk.kind, skew_ms=-7000, duration_ms=60_000))
    await asyncio.sleep(0.05)
    assert await desk.venue.open_orders() == []
    assert desk.venue.clock_offset_ns < -6.5e9


async def test_a_throttled_order_is_refused_not_lost(desk: Desk) -> None:
    bid, _ = await desk.touch()
    desk.server.inject(Fault(kind=FaultKind.REJECT, venue=desk.kind, code=-1008))
    await asyncio.sleep(0.05)
    desk.place(1, bid * 98 // 100)
    await until(lambda: desk.sink.of(OrderEventKind.REJECT, 1))
    assert desk.sink.of(OrderEventKind.REJECT, 1)[0]["reason"] == -1008


async def test_a_duplicate_fill_keeps_its_trade_id(desk: Desk) -> None:
    from mmbot._core.types import TimeInForce

    _, ask = await desk.touch()
    desk.server.inject(Fault(kind=FaultKind.DUPLICATE_FILL, venue=desk.kind))
    await asyncio.sleep(0.05)
    desk.place(1, ask * 101 // 100, time_in_force=TimeInForce.IOC)

    def told() -> list[tuple[int, int]]:
        return [(fill["trade_id"], fill["last_qty_lots"]) for fill in desk.sink.of(OrderEventKind.FILL, 1)]

    await until(lambda: len(told()) > len(set(told())))
    await until(lambda: sum(lots for _, lots in set(told())) == desk.lots)


async def test_a_ban_is_trading_down_and_nothing_leaves(desk: Desk) -> None:
    """Bots that went on asking turned a ban of minutes into one of days."""
    price = await desk.rest_order(1)
    desk.server.inject(Fault(kind=FaultKind.BAN, venue=desk.kind, duration_ms=60_000))
    await asyncio.sleep(0.05)
    desk.place(2, price)
    await until(lambda: desk.sink.of(OrderEventKind.REJECT, 2))
    assert desk.venue.rate_usage()["paused_s"] > 5
    assert desk.sink.trading == [True, False]
    with pytest.raises(RateLimited, match="banned"):
        await desk.venue._rest.open_orders("BTCUSDT")
    desk.place(3, price)
    await until(lambda: desk.sink.of(OrderEventKind.REJECT, 3))
    desk.server.reset_limits()
    desk.server.inject(Fault(kind=FaultKind.BAN, venue=desk.kind, duration_ms=0))
    desk.venue._rest.budget._resume_at = 0.0  # so that the test may clean up


async def test_more_requests_than_the_fallback_takes_are_refused_not_queued(desk: Desk) -> None:
    price = await desk.rest_order(1)
    desk.venue._order_socket.reconnect("test")
    for number in range(2, 90):
        desk.place(number, price - number)
    await until(lambda: all(desk.sink.kinds(number) for number in range(2, 90)))
    refused = [event for event in desk.sink.of(OrderEventKind.REJECT) if event["reason"] == -1003]
    assert len(refused) == 88 - 64

"""Both connectors at work on the simulated exchange: a day without trouble."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback

import pytest
from desk import LOTS, SYMBOLS, Desk, at_desk, exchange, settings_for, until

from mmbot._core.types import CommandKind, OrderEventKind, Owner, Side, TimeInForce
from mmbot.errors import AuthError, ConfigError
from mmbot.sim.faults import Fault, FaultKind
from mmbot.venues.base import Credentials
from mmbot.venues.registry import create_venue

ACK, FILL, CANCEL = OrderEventKind.ACK, OrderEventKind.FILL, OrderEventKind.CANCEL


@pytest.mark.parametrize("tls", [False, True])
async def test_an_order_lives_and_dies_over_plain_and_tls(kind: str, tls: bool) -> None:
    async with exchange(tls=tls) as server, at_desk(server, kind) as desk:
        price = await desk.rest_order(1)
        (order,) = await desk.venue.open_orders()
        assert (order.owner, order.order_num, order.price_ticks, order.qty_lots) == (Owner.OURS, 1, price, desk.lots)
        desk.cancel(1)
        await until(lambda: CANCEL in desk.sink.kinds(1))
        assert await desk.venue.open_orders() == []
        assert desk.sink.trading == [True]


async def test_every_stream_delivers(desk: Desk) -> None:
    wanted = {"depthUpdate", "bookTicker"} | ({"markPriceUpdate"} if desk.kind == "binance_usdm" else set())

    def seen() -> set[str]:
        events = set()
        for feed, payload in desk.sink.frames:
            message = json.loads(payload)
            data = message.get("data", {})
            if data:
                name = data.get("e", "bookTicker")
                assert feed == (1 if name in {"markPriceUpdate", "aggTrade"} else 0)
                events.add(name)
        return events

    await until(lambda: wanted <= seen())
    assert sorted(desk.sink.feeds) == [(number, True) for number in range(len(desk.venue.feed_names))]


async def test_instruments_carry_the_venues_filters_and_the_accounts_fees(desk: Desk) -> None:
    instrument = desk.instrument
    assert instrument.symbol == SYMBOLS[desk.kind]
    assert instrument.venue == desk.kind
    assert instrument.venue_symbol == "BTCUSDT"
    assert instrument.min_notional_e8 > 0
    assert instrument.max_qty_lots > instrument.min_qty_lots > 0
    assert 0 < instrument.maker_fee <= instrument.taker_fee < 0.01
    assert instrument.perpetual == (desk.kind == "binance_usdm")
    assert instrument.amend_any == instrument.perpetual
    assert instrument.amend_keeps_priority != instrument.perpetual
    (by_own_name,) = await desk.venue.instruments(["BTCUSDT"])
    assert by_own_name.symbol == instrument.symbol
    with pytest.raises(ConfigError, match="found 'BTX/USDT'"):
        await desk.venue.instruments(["BTX/USDT"])


async def test_amend_moves_the_order(desk: Desk) -> None:
    price = await desk.rest_order(1)
    lots = desk.lots - desk.lots // 10
    if desk.kind == "binance_usdm":
        price -= 50
    desk.venue.submit(desk.command(CommandKind.AMEND_ORDER, 1, side=Side.BUY, price_ticks=price, qty_lots=lots))
    await until(lambda: desk.sink.of(OrderEventKind.AMEND, 1))
    for event in desk.sink.of(OrderEventKind.AMEND, 1):
        assert (event["price_ticks"], event["qty_lots"]) == (price, lots)
    (order,) = await desk.venue.open_orders()
    assert (order.order_num, order.price_ticks, order.qty_lots) == (1, price, lots)


async def test_a_fill_is_told_once_per_trade_with_its_exact_fee(desk: Desk) -> None:
    _, ask = await desk.touch()
    desk.place(1, ask * 101 // 100, time_in_force=TimeInForce.IOC)
    await until(lambda: sum(event["last_qty_lots"] for event in desk.sink.of(FILL, 1)) == desk.lots)
    told = {event["trade_id"]: event for event in desk.sink.of(FILL, 1)}
    assert len(told) == len(desk.sink.of(FILL, 1))
    book = desk.server.ledger()[desk.kind]
    for fill in book["fills"]:
        event = told.pop(int(fill["tradeId"]))
        assert event["fee_e8"] == round(float(fill["commission"]) * 1e8)
        assert desk.sink.assets[event["fee_asset"]] == fill["commissionAsset"]
        assert (event["owner"], event["maker"], event["side"]) == (Owner.OURS, 0, Side.BUY)
    assert not told
    history = await desk.venue.fills_since(0)
    assert {fill.trade_id for fill in history} == {int(fill["tradeId"]) for fill in book["fills"]}
    assert all((fill.owner, fill.order_num) == (Owner.OURS, 1) for fill in history)
    assert await desk.venue.fills_since(0, trade_id=history[-1].trade_id) == []
    (position,) = await desk.venue.positions()
    assert position.qty_lots >= desk.lots * 99 // 100
    balances = {balance.asset: balance.wallet_e8 for balance in await desk.venue.balances()}
    await until(lambda: desk.sink.balances.get("USDT") == balances["USDT"])


async def test_post_only_that_would_cross_is_rejected(desk: Desk) -> None:
    _, ask = await desk.touch()
    desk.place(1, ask * 101 // 100)
    await until(lambda: desk.sink.kinds(1))
    (event,) = desk.sink.of(OrderEventKind.REJECT, 1)
    assert event["reason"] == (-5022 if desk.kind == "binance_usdm" else -2010)


async def test_cancel_and_query_of_an_order_that_is_gone(desk: Desk) -> None:
    desk.cancel(9)
    await until(lambda: desk.sink.kinds(9))
    desk.venue.submit(desk.command(CommandKind.QUERY_ORDER, 9))
    await until(lambda: len(desk.sink.kinds(9)) == 2)
    assert [event["reason"] for event in desk.sink.of(OrderEventKind.NOT_FOUND, 9)] == [-2011, -2013]


async def test_a_query_tells_the_whole_state(desk: Desk) -> None:
    price = await desk.rest_order(1)
    desk.venue.submit(desk.command(CommandKind.QUERY_ORDER, 1))
    await until(lambda: desk.sink.of(OrderEventKind.STATUS, 1))
    (event,) = desk.sink.of(OrderEventKind.STATUS, 1)
    assert (event["price_ticks"], event["qty_lots"], event["cum_filled_lots"]) == (price, desk.lots, 0)


async def test_cancel_all_spares_orders_of_others_and_takes_those_of_earlier_sessions(kind: str) -> None:
    """A cancel-all of other bots once removed orders that people had placed by hand."""
    async with (
        exchange() as server,
        at_desk(server, kind, bot="somebody else") as other,
        at_desk(server, kind) as ours,
    ):
        theirs = await other.rest_order(1)
        earlier_venue = create_venue(kind, settings_for(server, kind, session=5, countdown_ms=0))
        await earlier_venue.open()
        earlier_venue.bind(ours.sink, {0: ours.instrument})
        for number in range(1, 13):
            ours.place(number, theirs - number)
        await until(lambda: len(ours.sink.of(ACK)) >= 12)
        assert len(await ours.venue.open_orders()) == 13
        ours.venue.submit(ours.command(CommandKind.CANCEL_ALL))
        await until(lambda: len({event["order_num"] for event in ours.sink.of(CANCEL)}) == 12)
        left = await ours.venue.open_orders()
        assert [(order.owner, order.order_num) for order in left] == [(Owner.OTHER, 0)]
        assert len(await other.venue.open_orders()) == 1
        await earlier_venue.stop(cancel=False)


async def test_orders_of_an_earlier_session_are_known_and_cancelled_by_venue_id(kind: str) -> None:
    async with (
        exchange() as server,
        at_desk(server, kind, session=1) as before,
        at_desk(server, kind, session=2) as now,
    ):
        await before.rest_order(7)
        (order,) = await now.venue.open_orders()
        assert (order.owner, order.order_num) == (Owner.OURS_BEFORE, 0)
        await until(lambda: now.sink.of(ACK))
        assert now.sink.of(ACK)[0]["owner"] == Owner.OURS_BEFORE
        now.cancel(0, venue_order_id=order.venue_order_id)
        await until(lambda: now.sink.of(CANCEL))
        event = now.sink.of(CANCEL)[0]
        assert (event["owner"], event["venue_order_id"]) == (Owner.OURS_BEFORE, order.venue_order_id)
        await until(lambda: CANCEL in before.sink.kinds(7))


async def test_stop_leaves_no_order_of_ours(kind: str) -> None:
    async with exchange() as server:
        async with at_desk(server, kind) as desk:
            price = await desk.rest_order(1)
            desk.place(2, price - 10)  # still in flight when stop begins
            assert await desk.venue.stop()
        assert [each["order_num"] for each in desk.sink.of(CANCEL)].count(1) >= 1
        async with at_desk(server, kind, bot="auditor") as auditor:
            assert await auditor.venue.open_orders() == []


async def test_resync_fetches_one_snapshot_however_often_it_is_asked(desk: Desk) -> None:
    for _ in range(5):
        desk.venue.submit(desk.command(CommandKind.RESYNC))
    await until(lambda: desk.sink.snapshots)
    await asyncio.sleep(0.1)
    assert len(desk.sink.snapshots) == 1
    assert b"lastUpdateId" in desk.sink.snapshots[0][1]


async def test_orders_can_go_over_rest_alone(kind: str) -> None:
    async with exchange() as server, at_desk(server, kind, order_entry="rest") as desk:
        price = await desk.rest_order(1)
        lots = desk.lots // 2
        desk.venue.submit(desk.command(CommandKind.AMEND_ORDER, 1, price_ticks=price, qty_lots=lots, side=Side.BUY))
        await until(lambda: desk.sink.of(OrderEventKind.AMEND, 1))
        desk.venue.submit(desk.command(CommandKind.QUERY_ORDER, 1))
        await until(lambda: desk.sink.of(OrderEventKind.STATUS, 1))
        desk.cancel(1)
        await until(lambda: CANCEL in desk.sink.kinds(1))
        desk.cancel(1)
        await until(lambda: desk.sink.of(OrderEventKind.NOT_FOUND, 1))


async def test_market_data_needs_no_credentials(kind: str) -> None:
    async with exchange() as server, at_desk(server, kind, credentials=None) as desk:
        await until(lambda: desk.sink.frames)
        assert desk.sink.trading == []
        with pytest.raises(AuthError, match="no credentials"):
            desk.place(1, 100)


async def test_a_wrong_key_ends_the_start_and_shows_no_secret(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with exchange() as server:
        key, _ = server.credentials()
        credentials = Credentials(api_key=key, api_secret=f"a-most-{kind}-secret")
        with pytest.raises(ExceptionGroup) as caught:
            async with at_desk(server, kind, credentials=credentials):
                pass
        (error,) = caught.value.exceptions
        assert isinstance(error, AuthError)
        assert error.code == -1022
        told = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        assert "credentials" in told
        assert credentials.api_secret not in told + caplog.text + repr(settings_for(server, kind))


async def test_commands_that_are_not_the_venues_are_refused(desk: Desk) -> None:
    with pytest.raises(ValueError, match="market 3"):
        desk.venue.submit(desk.command(CommandKind.CANCEL_ORDER, 1).__class__(kind=CommandKind.CANCEL_ORDER, market=3))
    with pytest.raises(ValueError, match="order request"):
        desk.venue.submit(desk.command(0))


async def test_usage_of_rates_is_known(desk: Desk) -> None:
    await desk.rest_order(1)
    await desk.venue.open_orders()  # an order weighs nothing, and a minute may have begun since the start
    usage = desk.venue.rate_usage()
    assert 0 < usage["weight_1m"] <= usage["weight_1m_limit"]
    assert usage["orders_10s"] >= 1
    assert usage["paused_s"] == 0


async def test_the_dead_man_switch_cancels_when_we_fall_silent() -> None:
    async with exchange() as server, at_desk(server, "binance_usdm", countdown_ms=900) as desk:
        await desk.rest_order(1)
        await asyncio.sleep(1.5)  # renewed meanwhile
        assert len(await desk.venue.open_orders()) == 1
        for task in desk.venue._owned:
            if task.get_name().endswith("dead-man switch"):
                task.cancel()
        await until(lambda: CANCEL in desk.sink.kinds(1), 3.0)


async def test_hedge_mode_is_refused_at_start() -> None:
    async with exchange() as server, at_desk(server, "binance_usdm") as desk:

        async def dual() -> bool:
            return True

        desk.venue._rest.hedge_mode = dual
        with pytest.raises(ConfigError, match="hedge mode"):
            await desk.venue._prepare_account()


async def test_leverage_and_margin_mode_are_set_where_asked() -> None:
    async with exchange() as server, at_desk(server, "binance_usdm", leverage=7, margin_mode="cross") as desk:
        body = await desk.venue._rest.signed("GET", "/fapi/v1/symbolConfig", {"symbol": "BTCUSDT"}, weight=5)
        (config,) = [each for each in json.loads(body) if each["symbol"] == "BTCUSDT"]
        assert config["leverage"] == 7
        assert LOTS[desk.kind] == desk.lots


async def test_new_orders_of_one_moment_go_over_rest_together() -> None:
    """Seven quotes at once: one request of five and one of two, each order with an answer of its own."""
    async with exchange() as server, at_desk(server, "binance_usdm", order_entry="rest") as desk:
        bid, ask = await desk.touch()
        before = server.status()["venues"]["binance_usdm"]["requests"]
        for order_num in range(1, 7):
            desk.place(order_num, bid * 98 // 100 - order_num)
        desk.place(7, ask + 1)  # post-only, and it would take
        await until(lambda: all(desk.sink.kinds(order_num) for order_num in range(1, 8)))
        assert all(OrderEventKind.ACK in desk.sink.kinds(order_num) for order_num in range(1, 7))
        assert desk.sink.kinds(7)[0] in {OrderEventKind.REJECT, OrderEventKind.EXPIRE}
        assert server.status()["venues"]["binance_usdm"]["requests"] - before == 2


async def test_a_batch_that_is_lost_is_lost_for_each_of_its_orders() -> None:
    async with exchange() as server, at_desk(server, "binance_usdm", order_entry="rest") as desk:
        bid, _ = await desk.touch()
        server.inject(Fault(kind=FaultKind.LOST_ACK, venue="binance_usdm", mode="error_503"))
        for order_num in (1, 2):
            desk.place(order_num, bid * 98 // 100)
        await until(lambda: all(desk.sink.of(OrderEventKind.LOST, order_num) for order_num in (1, 2)))

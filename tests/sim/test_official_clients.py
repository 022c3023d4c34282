"""Clients made for the real venue place, amend, cancel and see fills here when only their base URL is changed."""

from __future__ import annotations

import asyncio
import json
import queue
from decimal import Decimal

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest
from binance.error import ClientError
from binance.um_futures import UMFutures
from binance.websocket.um_futures.websocket_client import UMFuturesWebsocketClient

from mmbot.sim.exchange import ExchangeConfig
from mmbot.sim.server import SimServer
from mmbot.sim.server_config import ServerConfig

PERP, SPOT = "BTC/USDT:USDT", "BTC/USDT"


@pytest.fixture(params=["plain", "tls"])
async def server(request):
    config = ServerConfig(exchange=ExchangeConfig(seed=7, activity=0.2), tls=request.param == "tls")
    async with SimServer(config) as running:
        yield running


def futures_client(server: SimServer) -> UMFutures:
    key, secret = server.credentials()
    client = UMFutures(key, secret, base_url=server.futures.rest, show_limit_usage=True)
    client.session.trust_env = False  # a CA bundle in the environment would win over `verify`
    client.session.verify = str(server.ca_file) if server.ca_file else True
    return client


def point_at(client, server: SimServer) -> None:
    """Set the URLs of a ccxt client."""
    for name in list(client.urls["api"]):
        if name.startswith("fapi"):
            version = "v3" if "V3" in name else "v2" if "V2" in name else "v1"
            client.urls["api"][name] = f"{server.futures.rest}/fapi/{version}"
    client.urls["api"] |= {"public": f"{server.spot.rest}/api/v3", "private": f"{server.spot.rest}/api/v3"}
    client.urls["api"]["sapi"] = f"{server.spot.rest}/sapi/v1"


def ccxt_options(server: SimServer, kind: str) -> dict:
    key, secret = server.credentials()
    options = {"apiKey": key, "secret": secret, "options": {"fetchMarkets": {"types": [kind]}}}
    if server.ca_file:
        options |= {"cafile": str(server.ca_file), "validateServerSsl": str(server.ca_file)}  # async, sync
    return options


def fills_of(server: SimServer, venue: str) -> list[dict]:
    return server.ledger()[venue]["fills"]


async def test_binance_futures_connector(server: SimServer):
    def trade() -> dict:
        client = futures_client(server)
        with client.session:
            bid = float(client.depth("BTCUSDT", limit=5)["data"]["bids"][0][0])
            order = {"symbol": "BTCUSDT", "side": "BUY"}
            placed = client.new_order(
                **order,
                type="LIMIT",
                quantity=0.01,
                price=round(bid * 0.99, 1),
                timeInForce="GTX",
                newClientOrderId="one",
            )
            assert placed["limit_usage"]["x-mbx-order-count-10s"] == "1"
            amended = client.modify_order(
                **order, orderId=placed["data"]["orderId"], quantity=0.02, price=round(bid * 0.98, 1)
            )
            seen = client.query_order(symbol="BTCUSDT", origClientOrderId="one")["data"]
            assert (seen["origQty"], seen["status"]) == ("0.020", "NEW")
            assert float(seen["price"]) == float(amended["data"]["price"]) == round(bid * 0.98, 1)
            assert client.cancel_order(symbol="BTCUSDT", origClientOrderId="one")["data"]["status"] == "CANCELED"
            with pytest.raises(ClientError) as gone:
                client.cancel_order(symbol="BTCUSDT", origClientOrderId="one")
            assert gone.value.error_code == -2011
            batch = client.new_batch_order(
                [
                    {**order, "type": "LIMIT", "quantity": "0.01", "price": f"{bid * share:.1f}", "timeInForce": "GTC"}
                    for share in (0.97, 1.5)
                ]
            )["data"]
            assert batch[0]["status"] == "NEW"
            assert batch[1]["code"] == -4016
            assert len(client.get_orders(symbol="BTCUSDT")["data"]) == 1
            assert client.cancel_open_orders(symbol="BTCUSDT")["data"]["code"] == 200
            filled = client.new_order(**order, type="MARKET", quantity=0.01, newOrderRespType="RESULT")["data"]
            assert filled["status"] == "FILLED"
            trades = client.get_account_trades(symbol="BTCUSDT")["data"]
            position = client.get_position_risk(symbol="BTCUSDT")["data"][0]
            assert position["positionAmt"] == "0.010"
            assert client.account()["data"]["assets"][0]["asset"] == "USDT"
            assert client.get_income_history()["data"][0]["incomeType"] == "COMMISSION"
            return trades[0]

    trade_seen = await asyncio.to_thread(trade)
    fill = fills_of(server, "binance_usdm")[0]  # a thin touch gives two: the market does not wait for a busy machine
    assert (trade_seen["id"], trade_seen["price"], trade_seen["commission"]) == (
        fill["tradeId"],
        fill["price"],
        fill["commission"],
    )


async def test_binance_futures_connector_websocket():
    """Its websocket client subscribes to depth and to the user stream and sees an order live and die."""
    async with SimServer(ServerConfig(exchange=ExchangeConfig(seed=7))) as server:

        def watch() -> tuple[set[str], list[tuple[str, str]]]:
            client = futures_client(server)
            seen: queue.Queue[str] = queue.Queue()
            key = client.new_listen_key()["data"]["listenKey"]
            socket = UMFuturesWebsocketClient(stream_url=server.futures.ws, on_message=lambda _, text: seen.put(text))
            socket.diff_book_depth(symbol="btcusdt", speed=100)
            socket.book_ticker(symbol="btcusdt")
            socket.user_data(listen_key=key)
            kinds, orders = set(), []
            bid = float(client.depth("BTCUSDT", limit=5)["data"]["bids"][0][0])
            placed = client.new_order(
                symbol="BTCUSDT", side="BUY", type="LIMIT", quantity=0.01, price=round(bid * 0.99, 1), timeInForce="GTC"
            )
            client.cancel_order(symbol="BTCUSDT", orderId=placed["data"]["orderId"])
            while len(orders) < 2 or not {"depthUpdate", "bookTicker"} <= kinds:
                message = json.loads(seen.get(timeout=10))
                kinds.add(message.get("e", "reply"))
                if message.get("e") == "ORDER_TRADE_UPDATE":
                    orders.append((message["o"]["x"], message["o"]["X"]))
            socket.stop()
            socket.socket_manager.ws.shutdown()
            client.session.close()
            return kinds, orders

        kinds, orders = await asyncio.to_thread(watch)
        assert orders == [("NEW", "NEW"), ("CANCELED", "CANCELED")]
        assert {"depthUpdate", "bookTicker", "reply"} <= kinds


async def test_ccxt_sync(server: SimServer):
    def trade() -> None:
        client = ccxt.binanceusdm(ccxt_options(server, "linear"))
        point_at(client, server)
        client.load_markets()
        bid = client.fetch_order_book(PERP, 5)["bids"][0][0]
        order = client.create_order(PERP, "limit", "buy", 0.01, bid * 0.99, {"postOnly": True})
        assert order["status"] == "open"
        order = client.edit_order(order["id"], PERP, "limit", "buy", 0.02, bid * 0.98)
        assert client.fetch_open_orders(PERP)[0]["amount"] == 0.02
        assert client.cancel_order(order["id"], PERP)["status"] == "canceled"
        with pytest.raises(ccxt.OrderNotFound):
            client.cancel_order(order["id"], PERP)
        with pytest.raises(ccxt.InvalidOrder, match="-5022"):
            client.create_order(PERP, "limit", "buy", 0.01, bid * 1.01, {"postOnly": True})
        with pytest.raises(ccxt.ExchangeError, match="-2019"):
            client.create_order(PERP, "limit", "buy", 900, bid * 0.99)
        batch = client.create_orders(
            [
                {"symbol": PERP, "type": "limit", "side": "buy", "amount": 0.01, "price": bid * share}
                for share in (0.97, 0.96)
            ]
        )
        assert [o["status"] for o in client.cancel_orders([o["id"] for o in batch], PERP)] == ["canceled"] * 2
        filled = client.create_order(PERP, "market", "sell", 0.01)
        assert (filled["status"], filled["filled"]) == ("closed", 0.01)
        assert client.fetch_my_trades(PERP)[0]["order"] == filled["id"]
        [position] = client.fetch_positions([PERP])
        assert (position["side"], position["contracts"]) == ("short", 0.01)
        assert client.set_leverage(7, PERP)["leverage"] == 7
        assert client.fetch_leverages()[PERP]["longLeverage"] == 7
        assert client.fetch_funding_rate(PERP)["fundingRate"] is not None
        assert client.fetch_balance()["USDT"]["total"] < 100000
        with pytest.raises(ccxt.MarginModeAlreadySet):
            client.set_margin_mode("cross", PERP)
        client.session.close()

    await asyncio.to_thread(trade)
    # one trade, or several where the market took it level by level
    assert sum(Decimal(fill["qty"]) for fill in fills_of(server, "binance_usdm")) == Decimal("0.010")


async def test_ccxt_async_futures(server: SimServer):
    async with ccxt.async_support.binanceusdm(ccxt_options(server, "linear")) as client:
        point_at(client, server)
        await client.load_markets()
        ask = (await client.fetch_order_book(PERP, 5))["asks"][0][0]
        order = await client.create_order(PERP, "limit", "sell", 0.01, ask * 1.01)
        order = await client.edit_order(order["id"], PERP, "limit", "sell", 0.01, ask * 1.02)
        await client.cancel_order(order["id"], PERP)
        assert (await client.fetch_order(order["id"], PERP))["status"] == "canceled"
        filled = await client.create_order(PERP, "limit", "buy", 0.01, ask * 1.01, {"timeInForce": "IOC"})
        assert filled["filled"] == 0.01
        assert (await client.fetch_my_trades(PERP))[0]["takerOrMaker"] == "taker"


async def test_ccxt_async_spot(server: SimServer):
    async with ccxt.async_support.binance(ccxt_options(server, "spot")) as client:
        point_at(client, server)
        await client.load_markets()
        bid = (await client.fetch_order_book(SPOT, 5))["bids"][0][0]
        order = await client.create_order(SPOT, "limit", "buy", 0.01, bid * 0.99, {"postOnly": True})
        replaced = await client.edit_order(order["id"], SPOT, "limit", "buy", 0.02, bid * 0.98)
        assert replaced["id"] != order["id"]
        assert (await client.fetch_order(order["id"], SPOT))["status"] == "canceled"
        assert [o["id"] for o in await client.fetch_open_orders(SPOT)] == [replaced["id"]]
        assert (await client.cancel_order(replaced["id"], SPOT))["status"] == "canceled"
        with pytest.raises(ccxt.OrderImmediatelyFillable):
            await client.create_order(SPOT, "limit", "buy", 0.01, bid * 1.01, {"postOnly": True})
        with pytest.raises(ccxt.InsufficientFunds):
            await client.create_order(SPOT, "limit", "sell", 100, bid * 1.01)
        filled = await client.create_order(SPOT, "market", "buy", 0.01)
        assert filled["status"] == "closed"
        assert filled["fees"][0]["currency"] == "BTC"
        trades = await client.fetch_my_trades(SPOT)
        assert sum(trade["amount"] for trade in trades) == pytest.approx(0.01)
        assert (await client.fetch_balance())["BTC"]["total"] == pytest.approx(1.00999)
        assert (await client.fetch_trading_fees())[SPOT]["maker"] == 0.001
    assert [fill["symbol"] for fill in fills_of(server, "binance_spot")] == ["BTCUSDT"] * len(trades)


async def test_ccxt_pro_watches_and_trades_over_websockets(server: SimServer):
    client = ccxt.pro.binanceusdm(ccxt_options(server, "linear"))
    point_at(client, server)
    client.urls["api"]["ws"]["linear"] = f"{server.futures.ws}/ws"
    client.urls["api"]["ws"]["ws-api"]["linear"] = server.futures.ws_api
    try:
        async with asyncio.timeout(60):
            await client.load_markets()
            bid = (await client.watch_order_book(PERP))["bids"][0][0]
            watching = asyncio.create_task(client.watch_orders())
            while server.status()["venues"]["binance_usdm"]["connections"] < 2:  # noqa: ASYNC110 - its user stream says
                await asyncio.sleep(0.05)  # to nobody that it is open
            await asyncio.sleep(0.5)
            order = await client.create_order_ws(PERP, "limit", "buy", 0.01, bid * 0.99)
            assert [(seen["id"], seen["status"]) for seen in await watching] == [(order["id"], "open")]
            order = await client.edit_order_ws(order["id"], PERP, "limit", "buy", 0.02, bid * 0.98)
            assert order["amount"] == 0.02
            assert (await client.cancel_order_ws(order["id"], PERP))["status"] == "canceled"
            assert (await client.fetch_balance_ws())["USDT"]["total"] == 100000
    finally:
        await client.close()

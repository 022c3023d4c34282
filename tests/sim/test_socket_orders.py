"""User streams and the order API over real sockets."""

from __future__ import annotations

import time

import pytest
from socket_client import Client, next_message, running

from mmbot.sim.server_config import ConnectionRules


@pytest.mark.parametrize("path", ["/private/ws?listenKey={}", "/ws/{}", "/private/stream?listenKey={}"])
async def test_futures_order_over_websocket_and_its_private_events(client: Client, path: str):
    key = await client.listen_key()
    async with (
        client.http.ws_connect(client.server.futures.ws + path.format(key)) as private,
        client.http.ws_connect(client.server.futures.ws_api) as orders,
    ):
        order = await client.order()
        placed = await client.ask(orders, "order.place", client.signed({**order, "newClientOrderId": "x1"}), "a")
        assert (placed["id"], placed["status"], placed["result"]["status"]) == ("a", 200, "NEW")
        limits = {(limit["rateLimitType"], limit["interval"]): limit["count"] for limit in placed["rateLimits"]}
        assert limits[("ORDERS", "SECOND")] == limits[("ORDERS", "MINUTE")] == 1
        who = {"symbol": "BTCUSDT", "origClientOrderId": "x1"}
        amended = await client.ask(
            orders, "order.modify", client.signed({**who, "side": "BUY", "quantity": "0.020", "price": order["price"]})
        )
        assert amended["result"]["origQty"] == "0.020"
        assert (await client.ask(orders, "order.status", client.signed(who)))["result"]["status"] == "NEW"
        assert (await client.ask(orders, "order.cancel", client.signed(who)))["result"]["status"] == "CANCELED"
        gone = await client.ask(orders, "order.cancel", client.signed(who))
        assert (gone["status"], gone["error"]["code"]) == (400, -2011)
        market = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.010"}
        assert (await client.ask(orders, "order.place", client.signed(market)))["status"] == 200
        kinds = []
        while ("ORDER_TRADE_UPDATE", "FILLED") not in kinds or kinds[-1][0] != "ACCOUNT_UPDATE":
            event = await next_message(private)
            if "stream" in event:
                assert event["stream"] == key
                event = event["data"]
            kinds.append((event["e"], event.get("o", {}).get("X")))
        states = [state for kind, state in kinds if kind == "ORDER_TRADE_UPDATE"]
        assert states == ["NEW", "NEW", "CANCELED", "NEW", "FILLED"]
        assert ("TRADE_LITE", None) in kinds
        position = await client.ask(orders, "v2/account.position", client.signed({}))
        assert position["result"][0]["positionAmt"] == "-0.010"
        assert (await client.ask(orders, "v2/account.balance", client.signed({})))["result"][0]["asset"] == "USDT"
        assert (await client.ask(orders, "account.status", client.signed({})))["result"]["canTrade"] is True


async def test_spot_order_over_websocket_and_events_on_the_same_socket(client: Client):
    async with client.http.ws_connect(client.server.spot.ws_api) as socket:
        assert (await client.ask(socket, "userDataStream.subscribe"))["error"]["code"] == -1002
        subscribed = await client.ask(socket, "userDataStream.subscribe.signature", client.signed({}))
        assert subscribed["result"] == {"subscriptionId": 0}
        assert (await client.ask(socket, "userDataStream.subscribe.signature", client.signed({})))["error"][
            "code"
        ] == -2035
        ticker = (await client.ask(socket, "ticker.book", {"symbol": "BTCUSDT"}))["result"]
        price = f"{float(ticker['bidPrice']) * 0.99:.2f}"
        order = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT_MAKER",
            "quantity": "0.02",
            "price": price,
            "newClientOrderId": "s1",
        }
        await socket.send_json({"id": 5, "method": "order.place", "params": client.signed(order)})
        seen = [await next_message(socket) for _ in range(3)]
        assert {message.get("id") for message in seen} == {5, None}
        events = [message["event"] for message in seen if "event" in message]
        assert [event["e"] for event in events] == ["executionReport", "outboundAccountPosition"]
        who = {"symbol": "BTCUSDT", "origClientOrderId": "s1"}
        smaller = await client.ask(socket, "order.amend.keepPriority", client.signed({**who, "newQty": "0.01"}))
        assert smaller["status"] == 200, smaller
        replaced = await client.ask(
            socket,
            "order.cancelReplace",
            client.signed(
                {
                    **order,
                    "newClientOrderId": "s2",
                    "cancelReplaceMode": "STOP_ON_FAILURE",
                    "cancelOrigClientOrderId": "s1",
                }
            ),
        )
        assert replaced["status"] == 200, replaced
        assert len((await client.ask(socket, "openOrders.status", client.signed({"symbol": "BTCUSDT"})))["result"]) == 1
        assert (
            len((await client.ask(socket, "openOrders.cancelAll", client.signed({"symbol": "BTCUSDT"})))["result"]) == 1
        )
        assert (await client.ask(socket, "session.subscriptions"))["result"] == [{"subscriptionId": 0}]
        assert (await client.ask(socket, "userDataStream.unsubscribe"))["result"] == {}


async def test_logging_on_with_ed25519_spares_signatures(client: Client):
    async with client.http.ws_connect(client.server.spot.ws_api) as socket:
        now = int(time.time() * 1000)
        refused = await client.ask(socket, "session.logon", client.signed({}))
        assert refused["error"]["code"] == -4056
        assert (await client.ask(socket, "account.status", {"timestamp": now}))["error"]["code"] == -1102
        session = (await client.ask(socket, "session.logon", client.signed_ed25519({})))["result"]
        assert (session["apiKey"], session["userDataStream"]) == ("ed", False)
        assert (await client.ask(socket, "account.status", {"timestamp": now}))["result"]["canTrade"] is True
        assert (await client.ask(socket, "account.status", {"timestamp": now - 6000}))["error"]["code"] == -1021
        assert (await client.ask(socket, "userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
        assert (await client.ask(socket, "session.status"))["result"]["userDataStream"] is True
        assert (await client.ask(socket, "session.logout"))["result"]["apiKey"] is None
        assert (await client.ask(socket, "account.status", {"timestamp": now}))["error"]["code"] == -1102


async def test_nonsense_to_the_order_api_is_answered(client: Client):
    async with client.http.ws_connect(client.server.futures.ws_api) as socket:
        for text, code in (
            ("{", -1135),
            ("[]", -1135),
            ('{"id":1}', -1102),
            ('{"id":1,"method":"no.such"}', -1020),
            ('{"id":[],"method":"time"}', -1130),
            ('{"id":1,"method":"order.place","params":{"type":["LIMIT"]}}', -1130),
        ):
            await socket.send_str(text)
            assert (await next_message(socket))["error"]["code"] == code
        quiet = await client.ask(socket, "time", {"returnRateLimits": False})
        assert quiet.keys() == {"id", "status", "result"}
        bad = client.signed({"symbol": "BTCUSDT"}) | {"signature": "0" * 64}
        assert (await client.ask(socket, "order.status", bad))["error"]["code"] == -1022


async def test_a_listen_key_expires_and_says_so():
    async with running(rules=ConnectionRules(listen_key_s=0.3)) as client:
        key = await client.listen_key()
        async with client.http.ws_connect(f"{client.server.futures.ws}/private/ws?listenKey={key}") as socket:
            event = await next_message(socket)
            assert (event["e"], event["listenKey"]) == ("listenKeyExpired", key)

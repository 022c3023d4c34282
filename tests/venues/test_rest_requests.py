"""REST: our requests are what another client sends for the same intent, and its answers are read alike."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from desk import RecordingSink

from mmbot._core.types import Instrument, OrderState, Owner, Side
from mmbot.errors import ConfigError, DecodeError, RateLimited, Rejected, UnknownOrderState
from mmbot.net.http import HttpAnswer
from mmbot.venues.base import Credentials, Endpoint, VenueSettings
from mmbot.venues.binance import order_events
from mmbot.venues.binance.market_table import MarketTable
from mmbot.venues.binance.messages import OrderAnswer, decode
from mmbot.venues.binance_spot import messages as spot_messages
from mmbot.venues.binance_spot import rest as spot_rest
from mmbot.venues.binance_usdm import messages as usdm_messages
from mmbot.venues.binance_usdm import rest as usdm_rest
from mmbot.venues.client_id import ClientIds
from mmbot.venues.registry import create_venue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

KEY, SECRET, NOW_MS = "test-api-key-0001", "test-secret-do-not-use-0002", 1750000000123
VENUES = {
    "binanceusdm": (usdm_rest.UsdmRest, "https://fapi.binance.com"),
    "binance": (spot_rest.SpotRest, "https://api.binance.com"),
}
IGNORED = {"signature", "limit", "orderId", "leverage", "lever", "omitZeroBalances"}


class Wire:
    """Catches requests before they are sent, and answers what it is told."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, dict[str, str], Mapping[str, str]]] = []
        self.answer = HttpAnswer(200, b"[]", {})

    async def request(
        self, method: str, path: str, query: str = "", *, headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        text, _, signature = query.partition("&signature=")
        if signature:
            assert hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest() == signature
        self.sent.append((method, path, dict(parse_qsl(query)), headers or {}))
        return self.answer


def caught(venue: str) -> tuple[Any, Wire]:
    rest_class, base = VENUES[venue]
    endpoint = Endpoint(rest=base, ws="wss://x", ws_api="wss://y")
    rest = rest_class(
        VenueSettings(name=venue, endpoint=endpoint, credentials=Credentials(api_key=KEY, api_secret=SECRET))
    )
    wire = Wire()
    rest._http = wire
    rest.now_ms = lambda: NOW_MS
    return rest, wire


def vectors(data_dir: Path, venue: str, method: str) -> list[dict[str, Any]]:
    document = json.loads((data_dir / "requests" / "generated_by_ccxt" / f"{venue}.json").read_bytes())
    rows = next(value for value in document.values() if isinstance(value, list))
    return [row["request"] for row in rows if row["method"] == method]


INTENTS: dict[tuple[str, str], tuple[Callable[[Any], Any], bytes]] = {
    ("binanceusdm", "fetchBalance"): (lambda rest: None, b""),
    ("binanceusdm", "fetchPositions"): (lambda rest: rest.position_risk(), b"[]"),
    ("binanceusdm", "fetchOpenOrders"): (lambda rest: rest.open_orders("BTCUSDT"), b"[]"),
    ("binanceusdm", "fetchMyTrades"): (lambda rest: rest.trades_since("BTCUSDT", 0, 1749990000000 * 10**6), b"[]"),
    ("binanceusdm", "setLeverage"): (lambda rest: rest.set_leverage("BTCUSDT", 7), b"{}"),
    ("binanceusdm", "setMarginMode"): (lambda rest: rest.set_margin_mode("BTCUSDT", "cross"), b"{}"),
    ("binanceusdm", "fetchFundingHistory"): (
        lambda rest: rest.funding_since(1749990000000 * 10**6, "BTCUSDT"),
        b"[]",
    ),
    ("binanceusdm", "fetchOrderBook"): (lambda rest: rest.depth("BTCUSDT"), b"{}"),
    ("binance", "fetchOpenOrders"): (lambda rest: rest.open_orders("BTCUSDT"), b"[]"),
    ("binance", "fetchMyTrades"): (lambda rest: rest.trades_since("BTCUSDT", 0, 1749990000000 * 10**6), b"[]"),
    ("binance", "fetchBalance"): (lambda rest: rest.account(), b'{"balances":[]}'),
    ("binance", "fetchOrderBook"): (lambda rest: rest.depth("BTCUSDT"), b"{}"),
}
del INTENTS["binanceusdm", "fetchBalance"]  # ccxt asks /account, we ask /balance


@pytest.mark.parametrize(("venue", "intent"), sorted(INTENTS))
async def test_requests_are_what_ccxt_sends(data_dir: Path, venue: str, intent: str) -> None:
    rest, wire = caught(venue)
    call, answer = INTENTS[venue, intent]
    wire.answer = HttpAnswer(200, answer, {})
    await call(rest)
    theirs = vectors(data_dir, venue, intent)[0]
    ((method, path, params, headers),) = wire.sent
    url = urlsplit(theirs["url"])
    assert (method, path) == (theirs["method"], url.path)
    their_params = dict(parse_qsl(theirs["body"] or url.query))
    setting = {"leverage"} if intent == "setLeverage" else set()
    assert {k: v for k, v in params.items() if k not in IGNORED - setting} == {
        k: v for k, v in their_params.items() if k not in IGNORED - setting
    }
    assert headers.get("X-MBX-APIKEY") == theirs["headers"].get("X-MBX-APIKEY")


async def test_a_batch_of_cancels_names_the_list_as_documented(data_dir: Path) -> None:
    rest, wire = caught("binanceusdm")
    ids = [4611875134427365377, 4611875134427365378]
    gone = {"code": -2011, "msg": "Unknown order sent."}
    done = [{"orderId": ids[0], "symbol": "BTCUSDT", "status": "CANCELED"}, gone]
    wire.answer = HttpAnswer(200, json.dumps(done).encode(), {})
    answers = await rest.cancel_orders("BTCUSDT", ids)
    assert [answer.order_id for answer in answers] == ids[:1]
    ((method, path, params, _),) = wire.sent
    assert (method, path) == ("DELETE", "/fapi/v1/batchOrders")
    (theirs,) = vectors(data_dir, "binanceusdm", "cancelOrders")
    assert params["orderIdList"] == dict(parse_qsl(urlsplit(theirs["url"]).query))["orderidlist"]


async def test_long_lists_of_cancels_are_cut_into_tens() -> None:
    rest, wire = caught("binanceusdm")
    await rest.cancel_orders("BTCUSDT", list(range(1, 24)))
    assert [len(json.loads(params["orderIdList"])) for _, _, params, _ in wire.sent] == [10, 10, 3]


async def test_histories_are_read_page_by_page() -> None:
    rest, wire = caught("binanceusdm")
    first = [
        {
            "symbol": "BTCUSDT",
            "id": number,
            "orderId": 1,
            "price": "1",
            "qty": "1",
            "commission": "0",
            "commissionAsset": "USDT",
            "time": 1,
            "side": "BUY",
        }
        for number in range(1, 1001)
    ]
    pages = [first, [{**first[0], "id": 1001}]]

    async def request(*args: Any, **kwargs: Any) -> HttpAnswer:
        await Wire.request(wire, *args, **kwargs)
        return HttpAnswer(200, json.dumps(pages[len(wire.sent) - 1]).encode(), {})

    wire.request = request
    trades = await rest.trades_since("BTCUSDT", 0, 0)
    assert [trade.id for trade in trades] == list(range(1, 1002))
    assert wire.sent[1][2]["fromId"] == "1001"


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "paused"),
    [
        (429, b'{"code":-1003,"msg":"slow"}', {"Retry-After": "7"}, RateLimited, 7),
        (418, b'{"code":-1003,"msg":"banned"}', {}, RateLimited, 120),
        (503, b'{"msg":"Unknown error, please check your request or try again later."}', {}, UnknownOrderState, 0),
        (503, b"<html>Service</html>", {}, UnknownOrderState, 0),
        (400, b'{"code":-1121,"msg":"Invalid symbol."}', {}, Rejected, 0),
    ],
)
async def test_error_answers(status: int, body: bytes, headers: dict[str, str], error: type, paused: int) -> None:
    rest, wire = caught("binanceusdm")
    wire.answer = HttpAnswer(status, body, headers)
    with pytest.raises(error):
        await rest.open_orders("BTCUSDT")
    assert rest.budget.paused_s == pytest.approx(paused, abs=0.5)


async def test_used_weight_and_order_counts_are_read_from_any_spelling() -> None:
    rest, wire = caught("binance")
    wire.answer = HttpAnswer(200, b"{}", {"x-mbx-used-weight-1m": "321", "X-Mbx-Order-Count-10s": "4"})
    await rest.depth("BTCUSDT")
    assert rest.budget.used == 321
    assert rest.order_counts == {"10S": 4}


# -- answers -----------------------------------------------------------------------------------------------------------


def parsed(data_dir: Path, venue: str, source: str) -> dict[str, Any]:
    rows = json.loads((data_dir / "responses" / "parsed_by_ccxt" / f"{venue}.json").read_bytes())
    rows = rows if isinstance(rows, list) else next(value for value in rows.values() if isinstance(value, list))
    return next(row["parsed"][0] for row in rows if row["source_file"].endswith(source))


@pytest.mark.parametrize(
    ("venue", "source", "tick", "lot"),
    [
        ("binanceusdm", "binance/futures/http_json/order_response.json", "0.1", "0.001"),
        ("binance", "binance/spot/http_json/order_response.json", "0.1", "0.1"),
    ],
)
def test_orders_are_read_as_ccxt_reads_them(data_dir: Path, venue: str, source: str, tick: str, lot: str) -> None:
    raw = (data_dir / "messages" / source).read_bytes()
    answer = decode(OrderAnswer, raw, "order")
    instrument = Instrument(
        venue=venue,
        symbol=answer.symbol,
        venue_symbol=answer.symbol,
        base_asset="B",
        quote_asset="Q",
        settle_asset="Q",
        tick_size=tick,
        lot_size=lot,
    )
    market = MarketTable({0: instrument}).at(0)
    order = order_events.open_order(answer, market, ClientIds("b", 1))
    theirs = parsed(data_dir, venue, source)
    assert str(order.venue_order_id) == theirs["id"]
    assert order.client_order_id == theirs["clientOrderId"]
    assert Side(order.side).name.lower() == theirs["side"]
    assert order.qty_lots * Decimal(lot) == Decimal(str(theirs["amount"]))
    assert order.cum_filled_lots * Decimal(lot) == Decimal(str(theirs["filled"]))
    assert order.state == OrderState.LIVE
    assert theirs["status"] == "open"
    assert order.ts_ns // 10**6 == theirs["timestamp"]


def test_positions_are_read_as_ccxt_reads_them(data_dir: Path) -> None:
    source = "binance/futures/http_json/position_risk.json"
    (ours,) = decode(list[usdm_messages.PositionRisk], (data_dir / "messages" / source).read_bytes(), "positionRisk")
    theirs = parsed(data_dir, "binanceusdm", source)
    assert float(ours.position_amt) == theirs["contracts"]
    assert float(ours.entry_price) == theirs["entryPrice"]
    assert float(ours.liquidation_price) == theirs["liquidationPrice"]
    assert float(ours.unRealizedProfit) == theirs["unrealizedPnl"]


def test_every_listed_perpetual_of_a_recorded_day_becomes_an_instrument(data_dir: Path) -> None:
    path = data_dir / "recordings" / "binance_futures_2021" / "http_exchangeinfo.gz"
    text = gzip.decompress(path.read_bytes()).decode()
    body, _ = json.JSONDecoder().raw_decode(text[text.index('{"timezone"') :])
    info = decode(usdm_messages.ExchangeInfo, json.dumps(body).encode(), "exchangeInfo")
    rate = usdm_messages.CommissionRate("0.0002", "0.0004")
    made = {each.symbol: usdm_rest.instrument(each, rate) for each in info.symbols if usdm_rest._trades(each)}
    assert len(made) > 80
    bitcoin = made["BTCUSDT"]
    assert (bitcoin.symbol, bitcoin.tick_size, bitcoin.lot_size) == ("BTC/USDT:USDT", "0.01", "0.001")
    assert bitcoin.min_notional_e8 == 5 * 10**8
    assert bitcoin.max_open_orders == 200
    assert all(each.max_qty_lots >= each.min_qty_lots >= 1 for each in made.values())


def test_a_spot_instrument_of_a_recorded_day(data_dir: Path) -> None:
    raw = (data_dir / "messages" / "binance" / "py_http" / "http_spot_market_exchange_info.json").read_bytes()
    info = decode(spot_messages.ExchangeInfo, raw, "exchangeInfo")
    instrument = spot_rest.instrument(info.symbols[0], spot_messages.CommissionRates("0.001", "0.001"))
    assert (instrument.symbol, instrument.min_notional_e8) == ("BTC/USDT", 10 * 10**8)
    assert (instrument.min_qty_lots, instrument.max_qty_lots) == (1, 900_000_000)
    assert not instrument.perpetual


def test_a_missing_filter_is_told() -> None:
    info = usdm_messages.Contract("X", "TRADING", "A", "B", [], "B")
    with pytest.raises(ConfigError, match="PRICE_FILTER"):
        usdm_rest.instrument(info, usdm_messages.CommissionRate("0", "0"))


@pytest.mark.parametrize("raw", [b"{}", b"[1]", b'{"symbol":"A"}', b""])
def test_answers_of_another_shape_are_decode_errors(raw: bytes) -> None:
    with pytest.raises(DecodeError, match="orders: expected"):
        decode(OrderAnswer, raw, "orders")


async def test_the_weight_allowed_is_what_the_venue_says(data_dir: Path) -> None:
    rest, wire = caught("binance")
    raw = (data_dir / "messages" / "binance" / "py_http" / "http_spot_market_exchange_info.json").read_bytes()
    rest.signer = None
    wire.answer = HttpAnswer(200, raw, {})
    (instrument,) = await rest.instruments(["BTC/USDT"])
    assert instrument.venue_symbol == "BTCUSDT"
    assert rest.budget.limit == 1200


async def test_trades_of_orders_too_old_to_be_kept_are_somebody_elses() -> None:
    endpoint = Endpoint(rest="https://x", ws="wss://x", ws_api="wss://y")
    settings = VenueSettings(name="v", endpoint=endpoint, credentials=Credentials(api_key=KEY, api_secret=SECRET))
    venue = create_venue("binance_usdm", settings)
    sink, wire = RecordingSink(), Wire()
    venue._rest._http = wire
    instrument = Instrument(
        venue="v",
        symbol="S",
        venue_symbol="BTCUSDT",
        base_asset="B",
        quote_asset="Q",
        settle_asset="Q",
        tick_size="0.1",
        lot_size="0.001",
    )
    venue.bind(sink, {4: instrument})
    trade = {
        "symbol": "BTCUSDT",
        "id": 7,
        "orderId": 1,
        "price": "10.5",
        "qty": "0.002",
        "commission": "-0.00000001",
        "commissionAsset": "BNB",
        "time": 1,
        "side": "SELL",
        "maker": True,
    }
    answers = [HttpAnswer(200, json.dumps([trade]).encode(), {}), HttpAnswer(400, b'{"code":-2013,"msg":"gone"}', {})]

    async def request(*args: Any, **kwargs: Any) -> HttpAnswer:
        await Wire.request(wire, *args, **kwargs)
        return answers[len(wire.sent) - 1]

    wire.request = request
    (fill,) = await venue.fills_since(4, trade_id=6)
    assert (fill.owner, fill.order_num, fill.price_ticks, fill.qty_lots) == (Owner.OTHER, 0, 105, 2)
    assert (fill.fee_e8, sink.assets[fill.fee_asset], fill.maker, fill.side) == (-1, "BNB", True, Side.SELL)
    assert wire.sent[0][2]["fromId"] == "7"
